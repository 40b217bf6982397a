//! The terminal while it is drawn on: a screen of its own, which is left as it was found.

use std::io::{self, Write as _};

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// While it lives, the terminal shows a screen of ours.
pub(super) struct Screen {
    stdout: io::Stdout,
}

impl Screen {
    pub(super) fn enter() -> io::Result<Self> {
        let mut screen = Self {
            stdout: io::stdout(),
        };
        screen.write(ENTER)?;
        Ok(screen)
    }

    /// Draws lines over what was there, without a flicker.
    pub(super) fn draw(&mut self, lines: &[String], rows: usize, columns: usize) -> io::Result<()> {
        let mut text = "\x1b[H".to_owned();
        for line in lines.iter().take(rows.saturating_sub(1)) {
            text.extend(line.chars().take(columns));
            text.push_str("\x1b[K\r\n");
        }
        text.push_str("\x1b[J");
        self.write(&text)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.stdout.write_all(text.as_bytes())?;
        self.stdout.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs no order.
        let _ = self.write(LEAVE);
    }
}

/// Rows and columns.
#[cfg(unix)]
pub(super) fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            (usize::from(size.ws_row), usize::from(size.ws_col))
        }
        _ => (24, 80),
    }
}

#[cfg(not(unix))]
pub(super) fn size() -> (usize, usize) {
    (24, 80)
}
