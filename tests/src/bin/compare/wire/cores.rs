//! Which core a process runs on: the server and the client on one each, so that neither takes the other's time. Nothing
//! is measured here.

use std::fmt;
use std::fs;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A core for the server and one for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) client: usize,
}

impl Cores {
    /// Two of those that this process may use, of different physical cores where there are such. On a machine with a
    /// single one they are the same.
    pub(crate) fn choose() -> Self {
        let Ok(allowed) = sched_getaffinity(None) else {
            return Self {
                server: 0,
                client: 0,
            };
        };
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|core| allowed.is_set(*core))
            .collect();
        Self::among(&cores, siblings)
    }

    fn among(cores: &[usize], siblings: impl Fn(usize) -> Option<String>) -> Self {
        let client = cores.first().copied().unwrap_or(0);
        let others = || cores.iter().copied().filter(|core| *core != client);
        // Threads of one physical core share its units: they are not two cores.
        let shared = siblings(client);
        let apart = others().find(|core| shared.is_none() || siblings(*core) != shared);
        let server = apart.or_else(|| others().next()).unwrap_or(client);
        Self { server, client }
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, client } = self;
        if server == client {
            write!(f, "server and client share core {client}")
        } else {
            write!(f, "server on core {server}, client on core {client}")
        }
    }
}

/// The threads of the core's physical core, as Linux lists them.
fn siblings(core: usize) -> Option<String> {
    let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    fs::read_to_string(path).ok()
}

/// Keeps this thread, and those that it starts from now on, on a core. Where that cannot be, they run where they like.
pub(crate) fn pin(core: usize) {
    let mut only = CpuSet::new();
    if core < CpuSet::MAX_CPU {
        only.set(core);
        let _ = sched_setaffinity(None, &only);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_core_are_not_two_cores() {
        let pairs = |core: usize| Some(format!("{}-{}", core / 2 * 2, core / 2 * 2 + 1));
        let chosen = |cores: &[usize]| {
            let Cores { server, client } = Cores::among(cores, pairs);
            (client, server)
        };
        assert_eq!(chosen(&[0, 1, 2, 3]), (0, 2));
        assert_eq!(chosen(&[1, 4]), (1, 4));
        assert_eq!(chosen(&[2, 3]), (2, 3), "better than the same");
        assert_eq!(chosen(&[5]), (5, 5));
        let unknown = Cores::among(&[0, 1], |_| None);
        assert_eq!((unknown.client, unknown.server), (0, 1));
    }
}
