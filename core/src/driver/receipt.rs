//! The promise of a receipt, and the list of those that are not kept yet. Who keeps them is in `shared`.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::hash::{BuildHasherDefault, Hasher};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::client::{Receipt, UpdateId};

/// The fate of an accepted message, to be awaited.
///
/// It always comes: when the facilitator has answered, when the message was set aside, or at the latest when the
/// session ends. Dropping this changes nothing about the message.
#[derive(Debug)]
#[must_use = "the message is on its way without it, but nobody will learn its fate from here"]
pub struct PendingReceipt {
    id: UpdateId,
    slot: Arc<Slot>,
}

/// Where the receipt is put.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<(Option<Receipt>, Option<Waker>)>,
}

impl Slot {
    /// Returns who has to be woken for it, without any lock.
    #[must_use = "somebody waits"]
    pub(super) fn fill(&self, receipt: Receipt) -> Option<Waker> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = Some(receipt);
        state.1.take()
    }
}

/// Promises that are not kept yet, by the number of the message.
#[derive(Default)]
pub(super) struct Receipts(HashMap<u64, Arc<Slot>, BuildHasherDefault<Spread>>);

/// An empty list keeps room for so many at most.
const KEPT: usize = 64;

impl Receipts {
    pub(super) fn insert(&mut self, id: u64, slot: Arc<Slot>) {
        self.0.insert(id, slot);
    }

    /// Takes a promise. `None`, too, for one that nobody can await any more.
    pub(super) fn remove(&mut self, id: u64) -> Option<Arc<Slot>> {
        let slot = self.0.remove(&id);
        if self.0.is_empty() && self.0.capacity() > KEPT {
            self.0 = HashMap::default();
        }
        slot.filter(|slot| Arc::strong_count(slot) > 1)
    }
}

impl fmt::Debug for Receipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receipts").field(&self.0.len()).finish()
    }
}

/// The hash of a number that we count ourselves. Nobody else chooses it, so that it needs no key.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The upper half of a product depends on all of the number, and the lower half of the hash is what is used first.
        let product = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product.rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl PendingReceipt {
    pub(super) fn new(id: UpdateId, slot: Arc<Slot>) -> Self {
        Self { id, slot }
    }

    /// The number of the message; events carry it too.
    pub fn id(&self) -> UpdateId {
        self.id
    }
}

impl Future for PendingReceipt {
    type Output = Receipt;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Receipt> {
        let before = {
            let mut state = self
                .slot
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(receipt) = state.0.clone() {
                return Poll::Ready(receipt);
            }
            state.1.replace(cx.waker().clone())
        };
        // Without the lock: what a waker does when it is dropped is its own affair.
        drop(before);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn promises_are_found_by_their_number_and_leave_no_memory_behind() {
        let mut receipts = Receipts::default();
        let promised: Vec<_> = (1..=10_000).map(|_| Arc::new(Slot::default())).collect();
        for (id, slot) in (1..).zip(&promised) {
            receipts.insert(id, Arc::clone(slot));
        }
        for (id, slot) in (1..).zip(promised) {
            let kept = receipts.remove(id);
            assert!(kept.is_some_and(|kept| Arc::ptr_eq(&kept, &slot)));
            assert!(receipts.remove(id).is_none());
        }
        assert!(receipts.0.capacity() <= KEPT);
    }

    #[test]
    fn what_nobody_awaits_needs_no_receipt() {
        let mut receipts = Receipts::default();
        receipts.insert(7, Arc::new(Slot::default()));
        assert!(receipts.remove(7).is_none());
        assert_eq!(receipts.0.len(), 0);
    }
}
