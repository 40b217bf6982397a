//! How a command ends badly: one line on stderr and an exit status.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// What `--help` and the manual say of it.
pub(crate) const EXIT_STATUS: &str = "\
EXIT STATUS: 0 when all went well; 1 when it was tried and did not work, with one line on stderr that says what; 2 when
the arguments, the configuration or a file that they name is wrong: starting again is of no use before that is mended.
`help connect` says what each means there.";

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments or the files that they name are wrong: exit status 2.
    Usage(String),
    /// It was tried, and did not work: exit status 1.
    Failed(String),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// Says it, in one line.
    pub(crate) fn report(&self) -> ExitCode {
        // Not `eprintln!`, which panics when nobody reads stderr any more.
        let _ = writeln!(io::stderr(), "facilitator-client: {self}");
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(message) | Self::Failed(message)) = self;
        // Whatever came from outside stays on one line.
        for c in message.chars() {
            let c = if c.is_control() { ' ' } else { c };
            write!(f, "{c}")?;
        }
        Ok(())
    }
}
