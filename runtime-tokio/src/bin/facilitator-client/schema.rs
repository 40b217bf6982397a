//! The command `schema`: prints the JSON Schema of the lines that `connect` reads and writes. The schema is a file of
//! its own; the tests hold every line against it.

use std::io::{self, Write as _};

use crate::failure::Failure;

const SCHEMA: &str = include_str!("../../../schema/lines.schema.json");

pub(crate) fn run() -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(SCHEMA.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::failed(format!("stdout cannot be written: {error}")))
}
