//! Which keys there are: a list of sections, each with a file of its own. A new section is one line here.

mod limits;
mod log;
mod metrics;
mod network;
mod retry;
mod session;
mod timing;
mod trust;
mod webhook;
#[cfg(unix)]
mod workers;

use super::key::{Key, Section};

/// All sections, in the order in which they are shown.
pub(crate) const SECTIONS: &[Section] = &[
    session::SECTION,
    trust::SECTION,
    timing::SECTION,
    retry::SECTION,
    limits::SECTION,
    network::TLS,
    network::PROXY,
    metrics::SECTION,
    #[cfg(unix)]
    workers::SECTION,
    webhook::SECTION,
    log::SECTION,
];

/// All keys.
pub(crate) fn all() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// The key of this path.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    all().find(|key| key.path == path)
}
