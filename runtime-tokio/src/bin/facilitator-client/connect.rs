//! The command `connect`.

use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) async fn run(_arguments: Arguments) -> Result<(), Failure> {
    Err(Failure::failed("not there yet"))
}
