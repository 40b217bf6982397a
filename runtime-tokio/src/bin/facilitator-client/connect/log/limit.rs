//! How often the same may be said, for tasks that share a limit: [`Repeats`] with a lock and the clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::repeats::{BURST, Repeats, some};

/// A limit. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(in crate::connect) struct Limit(Arc<Mutex<Repeats>>);

impl Limit {
    /// `None` leaves this line out; else it is to be written, with the number of those that were left out before it, where
    /// there are any.
    #[expect(clippy::option_option, reason = "whether to speak, and what of")]
    pub(in crate::connect) fn say(&self, what: &str) -> Option<Option<u64>> {
        self.lock().say(what, BURST, Instant::now()).map(some)
    }

    /// Writes what was left out and not told since.
    pub(in crate::connect) fn tell_left_out(&self) {
        self.lock().tell_left_out();
    }

    /// A panic while this was held left at worst a wrong count.
    fn lock(&self) -> MutexGuard<'_, Repeats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
