//! Whether files that were read at the start hold something else by now: a key, a certificate. What they hold is not
//! kept, only a number made of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::settings::Settings;

/// What is read of a file; those that are taken are no longer.
const MOST_BYTES: usize = 1 << 20;

/// What the files held when this was made, by the keys that name them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Marks(BTreeMap<&'static str, u64>);

impl Marks {
    /// Reads the files. One that cannot be read has no mark: whoever needs it says so.
    pub(super) fn of(settings: &Settings) -> Self {
        let network = &settings.network;
        let files = [
            ("hotkey", &settings.hotkey),
            ("tls.ca_file", &network.ca_file),
            ("tls.client_certificate", &network.client_certificate),
            ("tls.client_key", &network.client_key),
        ];
        let mark = |(key, path): (&'static str, &Option<_>)| Some((key, mark(path.as_deref()?)?));
        Self(files.into_iter().filter_map(mark).collect())
    }

    /// Whether the file of this key holds something else in `newer`.
    pub(super) fn differ(&self, newer: &Self, key: &str) -> bool {
        self.0.get(key) != newer.0.get(key)
    }
}

fn mark(path: &Path) -> Option<u64> {
    // What is no regular file can be read once only, by whoever needs it.
    if !path.is_file() {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES));
    let limit = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    let file = File::open(path).ok()?;
    file.take(limit).read_to_end(&mut bytes).ok()?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    Some(hasher.finish())
}
