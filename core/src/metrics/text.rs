//! The text format of Prometheus, version 0.0.4, as far as it is needed here: families of samples, one line each. What
//! they are called is for others.

use alloc::string::String;
use core::fmt::{self, Write as _};
use core::time::Duration;

use crate::client::Histogram;

/// Labels of a sample: names and values.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// A page of families. Each family is opened once, and its samples follow.
pub(super) struct Page {
    text: String,
    prefix: &'static str,
}

impl Page {
    pub(super) fn new(prefix: &'static str) -> Self {
        Self {
            // What a whole page takes, roughly.
            text: String::with_capacity(16 * 1024),
            prefix,
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    /// A family of what only rises. Its name ends in `_total`.
    pub(super) fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    /// A family of what rises and falls.
    pub(super) fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    /// A family of histograms of durations. Its name ends in `_seconds`.
    pub(super) fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        let prefix = self.prefix;
        self.put(format_args!(
            "# HELP {prefix}{name} {}\n",
            Escaped {
                text: help,
                quote: false
            }
        ));
        self.put(format_args!("# TYPE {prefix}{name} {kind}\n"));
        Family { page: self, name }
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = self.text.write_fmt(text);
    }
}

/// A family whose samples are being written.
pub(super) struct Family<'a> {
    page: &'a mut Page,
    name: &'static str,
}

impl Family<'_> {
    /// One sample of a counter or a gauge.
    pub(super) fn sample(self, labels: Labels<'_>, value: u64) -> Self {
        self.line("", labels, None, value)
    }

    /// One sample that is a time, in seconds.
    pub(super) fn seconds(self, labels: Labels<'_>, value: Duration) -> Self {
        self.line("", labels, None, Seconds(value))
    }

    /// One histogram: its classes added up, its sum, its count.
    pub(super) fn durations(mut self, labels: Labels<'_>, histogram: &Histogram) -> Self {
        for (bound, count) in histogram.cumulative() {
            self = self.line("_bucket", labels, Some(Bound::Seconds(bound)), count);
        }
        let count = histogram.count();
        self.line("_bucket", labels, Some(Bound::Infinite), count)
            .line("_sum", labels, None, Seconds(histogram.sum()))
            .line("_count", labels, None, count)
    }

    fn line(
        self,
        suffix: &str,
        labels: Labels<'_>,
        bound: Option<Bound>,
        value: impl fmt::Display,
    ) -> Self {
        let Page { prefix, .. } = *self.page;
        let name = self.name;
        self.page.put(format_args!("{prefix}{name}{suffix}"));
        let mut before = '{';
        for (label, value) in labels {
            let value = Escaped {
                text: value,
                quote: true,
            };
            self.page.put(format_args!("{before}{label}=\"{value}\""));
            before = ',';
        }
        if let Some(bound) = bound {
            self.page.put(format_args!("{before}le=\"{bound}\""));
            before = ',';
        }
        let end = if before == ',' { "}" } else { "" };
        self.page.put(format_args!("{end} {value}\n"));
        self
    }
}

/// A time in seconds, exactly.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut fraction) = (self.0.as_secs(), self.0.subsec_nanos());
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let mut digits = 9;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{whole}.{fraction:0digits$}")
    }
}

/// The upper bound of a class.
#[derive(Clone, Copy)]
enum Bound {
    Seconds(Duration),
    Infinite,
}

impl fmt::Display for Bound {
    /// As the reference's library writes it, so that queries that name a bound go on working: `1.0`, not `1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(bound) if bound.subsec_nanos() == 0 => write!(f, "{}.0", bound.as_secs()),
            Self::Seconds(bound) => Seconds(*bound).fmt(f),
            Self::Infinite => f.write_str("+Inf"),
        }
    }
}

/// A text inside of a line; inside of quotes, too.
struct Escaped<'a> {
    text: &'a str,
    quote: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.text.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '"' if self.quote => f.write_str("\\\"")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn what_the_format_gives_a_meaning_is_escaped() {
        let mut page = Page::new("p_");
        page.gauge("g", "back\\slash, \"quotes\", line\nbreak")
            .sample(&[("a", "\\ \" \n é"), ("b", "")], 7);
        assert_eq!(
            page.finish(),
            "# HELP p_g back\\\\slash, \"quotes\", line\\nbreak\n# TYPE p_g gauge\n\
             p_g{a=\"\\\\ \\\" \\n é\",b=\"\"} 7\n"
        );
    }

    #[test]
    fn a_sample_without_labels_has_no_braces() {
        let mut page = Page::new("");
        page.counter("c_total", "C").sample(&[], u64::MAX);
        page.gauge("s", "S")
            .seconds(&[], Duration::from_micros(1500));
        assert_eq!(
            page.finish(),
            "# HELP c_total C\n# TYPE c_total counter\nc_total 18446744073709551615\n\
             # HELP s S\n# TYPE s gauge\ns 0.0015\n"
        );
    }

    #[test]
    fn times_are_told_exactly() {
        let told = |nanos| Seconds(Duration::from_nanos(nanos)).to_string();
        assert_eq!(told(0), "0");
        assert_eq!(told(1), "0.000000001");
        assert_eq!(told(1_000_000), "0.001");
        assert_eq!(told(35_674_590_900), "35.6745909");
        assert_eq!(told(u64::MAX), "18446744073.709551615");
        assert_eq!(Bound::Seconds(Duration::from_secs(2)).to_string(), "2.0");
        assert_eq!(
            Bound::Seconds(Duration::from_millis(75)).to_string(),
            "0.075"
        );
    }
}
