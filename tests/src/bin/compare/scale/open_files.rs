//! How many sockets a process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Whatever else a process has open, and then some.
const OTHERS: u64 = 100;

/// Takes as much as the system gives to this process.
pub(super) fn raise() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    // What is missing shows when a socket cannot be opened.
    let _ = setrlimit(Resource::Nofile, all);
}

/// How many sockets a process can have that takes as much as the system gives.
pub(super) fn sockets() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    maximum.map_or(usize::MAX, |maximum| {
        usize::try_from(maximum.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
    })
}
