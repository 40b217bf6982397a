//! The file that lists further accounts whose jobs are taken: an SS58 address a line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use facilitator_tokio::core::signature::AccountId;

use super::kinds::account;
use super::mistake::Mistake;

/// Some ten thousand addresses; what is longer is something else.
const MOST_BYTES: usize = 1 << 20;

/// Reads the accounts. `cannot` makes a mistake of a file that cannot be read.
pub(super) fn read(
    path: &Path,
    cannot: impl Fn(&str) -> Mistake,
) -> Result<BTreeSet<AccountId>, Mistake> {
    let mut text = String::new();
    let limit = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_string(&mut text))
        .map_err(|error| {
            cannot(&format!(
                "the file {} cannot be read: {error}",
                path.display()
            ))
        })?;
    if text.len() > MOST_BYTES {
        return Err(cannot(&format!(
            "the file {} is longer than {MOST_BYTES} bytes",
            path.display()
        )));
    }
    let mut accounts = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let address = line.split('#').next().unwrap_or_default().trim();
        if address.is_empty() {
            continue;
        }
        let account = account(address).map_err(|wrong| {
            let (path, line, what) = (path.display(), index + 1, wrong.what);
            Mistake::new(format!("{path}:{line}: {what}; accepted is an SS58 address a line, with comments from `#` on"))
        })?;
        accounts.insert(account);
    }
    Ok(accounts)
}
