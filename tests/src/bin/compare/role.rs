//! Roles: parts that this program plays in processes of their own, so that the CPU and the memory of each are its own.
//! `compare role NAME ..` plays one; that is no business of the user's.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::{scale, wire};

/// The word before the name of a role.
pub(crate) const WORD: &str = "role";

/// A part to play.
#[derive(Clone, Copy)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    /// Gets what follows the name. What it has to say goes to stdout.
    pub(crate) play: fn(&[String]) -> Result<(), String>,
}

/// Plays the role that the first word names.
pub(crate) fn play(words: &[String]) -> ExitCode {
    let roles = [wire::ROLES, scale::ROLES].concat();
    let outcome = match words.split_first() {
        Some((name, words)) => match roles.iter().find(|role| role.name == name) {
            Some(role) => (role.play)(words).map_err(|error| format!("{name}: {error}")),
            None => Err(format!("there is no role {name}")),
        },
        None => Err("a role has a name".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_reads = writeln!(io::stderr(), "compare: {error}");
            ExitCode::from(2)
        }
    }
}
