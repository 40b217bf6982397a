//! Writing HTML: markup is a constant, everything else is escaped.

use std::fmt::{self, Display, Write};

use super::super::clock::{Length, Utc};

/// Who writes how long ago something was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ages {
    /// The server, for those who have no script.
    Written,
    /// The script, every second. The text stays the same meanwhile, and need not be sent again.
    Left,
}

pub(super) struct Html {
    text: String,
    now: u64,
    ages: Ages,
}

impl Html {
    pub(super) fn new(now: u64, ages: Ages) -> Self {
        Self {
            text: String::new(),
            now,
            ages,
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    /// Markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// What another one of these has written.
    pub(super) fn section(&mut self, html: &str) {
        self.text.push_str(html);
    }

    /// Any text, in an element or in a quoted attribute.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        // A string takes everything.
        let _ = write!(Escape(&mut self.text), "{text}");
        self
    }

    /// How long ago a moment was.
    pub(super) fn since(&mut self, at: u64) -> &mut Self {
        let length = self.now.saturating_sub(at);
        self.raw("<time data-since=\"").text(at).raw("\">");
        self.age(length)
    }

    /// How long it is until a moment.
    pub(super) fn until(&mut self, at: u64) -> &mut Self {
        let length = at.saturating_sub(self.now);
        self.raw("<time data-until=\"").text(at).raw("\">");
        self.age(length)
    }

    fn age(&mut self, length: u64) -> &mut Self {
        if self.ages == Ages::Written {
            self.text(Length(length));
        }
        self.raw("</time>")
    }

    /// The time of day, in UTC until the script writes the reader's own.
    pub(super) fn clock(&mut self, unix: u64) -> &mut Self {
        let utc = Utc(unix);
        self.raw("<time datetime=\"").text(&utc).raw("\">");
        self.text(utc.time_of_day()).raw(" UTC</time>")
    }
}

/// Escapes what has a meaning in HTML, and what would change how the text around it is read.
struct Escape<'a>(&'a mut String);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // Right to left, and back.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                c if c.is_control() => self.0.push(' '),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_becomes_markup() {
        let mut html = Html::new(0, Ages::Written);
        html.raw("<p title=\"").text("\"'><script>&amp;\u{202e}\0");
        assert_eq!(
            html.finish(),
            "<p title=\"&quot;&#39;&gt;&lt;script&gt;&amp;amp;\u{fffd} "
        );
    }

    #[test]
    fn ages_are_left_to_the_script() {
        let write = |ages| {
            let mut html = Html::new(5000, ages);
            html.since(2000).until(90_000).since(9000);
            html.finish()
        };
        assert_eq!(
            write(Ages::Written),
            "<time data-since=\"2000\">3 s</time><time data-until=\"90000\">1 min 25 s</time>\
             <time data-since=\"9000\">0 s</time>"
        );
        assert!(write(Ages::Left).contains("<time data-since=\"2000\"></time>"));
    }
}
