//! Hotkey files: from a path to a key. Nothing of the file is repeated in an error, and nothing of it stays in memory.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use facilitator_tokio::Keypair;
use facilitator_tokio::core::signature::hotkey;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// A hotkey file has a few hundred bytes; what is longer is something else.
const HOTKEY_BYTES: usize = 64 * 1024;

/// Reads the key.
pub(crate) fn read(path: &Path) -> Result<Keypair, Failure> {
    let wrong = |what: &str| {
        Failure::usage(format!(
            "the hotkey file {} {what}; accepted is a hotkey file of the wallet tools, or ours",
            path.display()
        ))
    };
    match read_bounded(path) {
        Ok(Some(file)) => hotkey::parse(file.as_slice()).map_err(|error| {
            Failure::usage(format!("the hotkey file {}: {error}", path.display()))
        }),
        Ok(None) => Err(wrong(&format!("is longer than {HOTKEY_BYTES} bytes"))),
        Err(error) => Err(wrong(&format!("cannot be read: {error}"))),
    }
}

/// The whole file; `None` when it is too long.
fn read_bounded(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    // Roomy enough never to grow: growing would leave a copy of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(HOTKEY_BYTES + 2));
    let limit = u64::try_from(HOTKEY_BYTES).unwrap_or(u64::MAX);
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= HOTKEY_BYTES).then_some(bytes))
}
