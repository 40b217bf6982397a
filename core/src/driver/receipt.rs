//! The promise of a receipt, and the list of those that are not kept yet. Who keeps them is in `shared`.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{Ordering, fence};
use core::task::{Context, Poll, Waker};
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
    /// Its slot may hold a waker.
    was_polled: bool,
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

/// Promises that are not kept yet, oldest first.
///
/// Messages are numbered upwards, and nearly all of them are answered in their order: the promise that is kept next is
/// nearly always the first.
#[derive(Default)]
pub(super) struct Receipts {
    /// By the number of the message. A promise that was kept before those in front of it has left a gap.
    promised: VecDeque<(u64, Option<Arc<Slot>>)>,
    gaps: usize,
    /// For the next promises. Nobody has awaited what was promised here, so they are as good as new.
    spare: Vec<Arc<Slot>>,
}

/// As many gaps do not matter.
const GAPS: usize = 64;
/// No more slots are kept for later.
const SPARE: usize = 1024;

impl Receipts {
    /// Where the receipt of this message will be put.
    pub(super) fn promise(&mut self, id: u64) -> Arc<Slot> {
        let slot = self.spare.pop().unwrap_or_default();
        let promise = (id, Some(Arc::clone(&slot)));
        match self.promised.back() {
            Some((last, _)) if *last >= id => {
                let place = self.promised.partition_point(|(before, _)| *before < id);
                self.promised.insert(place, promise);
            }
            _ => self.promised.push_back(promise),
        }
        slot
    }

    /// Takes a promise. `None`, too, for one that nobody can await any more.
    pub(super) fn keep(&mut self, id: u64) -> Option<Arc<Slot>> {
        let slot = match self.promised.front() {
            Some((first, _)) if *first == id => self.promised.pop_front()?.1,
            _ => {
                let place = self.promised.binary_search_by_key(&id, |(id, _)| *id);
                let slot = self.promised.get_mut(place.ok()?)?.1.take()?;
                self.gaps += 1;
                Some(slot)
            }
        };
        self.close_gaps();
        let slot = slot?;
        if Arc::strong_count(&slot) > 1 {
            return Some(slot);
        }
        // Whatever the last one did with it comes before what the next one does.
        fence(Ordering::Acquire);
        if self.spare.len() < SPARE {
            self.spare.push(slot);
        }
        None
    }

    fn close_gaps(&mut self) {
        if self.gaps == 0 {
            return;
        }
        while let Some((_, None)) = self.promised.front() {
            self.promised.pop_front();
            self.gaps -= 1;
        }
        // A promise that is not kept for long does not let the others pile up behind it.
        if self.gaps > GAPS && self.gaps > self.promised.len() / 2 {
            self.promised.retain(|(_, slot)| slot.is_some());
            self.gaps = 0;
        }
    }

    /// Gives back what is kept for later.
    pub(super) fn shrink(&mut self) {
        self.spare = Vec::new();
        if self.promised.is_empty() {
            self.promised = VecDeque::new();
        }
    }
}

impl fmt::Debug for Receipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let promised = self.promised.len() - self.gaps;
        f.debug_tuple("Receipts").field(&promised).finish()
    }
}

impl PendingReceipt {
    pub(super) fn new(id: UpdateId, slot: Arc<Slot>) -> Self {
        Self {
            id,
            slot,
            was_polled: false,
        }
    }

    /// The number of the message; events carry it too.
    pub fn id(&self) -> UpdateId {
        self.id
    }
}

impl Future for PendingReceipt {
    type Output = Receipt;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Receipt> {
        self.was_polled = true;
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

impl Drop for PendingReceipt {
    /// A waker is dropped here, and not by whoever finds that nobody waits any more: they hold a lock.
    fn drop(&mut self) {
        if self.was_polled {
            let state = &self.slot.state;
            let waker = state
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .1
                .take();
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_found_by_their_number_in_any_order() {
        let mut random = fastrand::Rng::with_seed(3);
        for disorder in [1, 2, 50, 5_000] {
            let mut receipts = Receipts::default();
            let mut open = Vec::new();
            let mut next = 1;
            for _ in 0..20_000 {
                if random.bool() || open.is_empty() {
                    open.push((next, receipts.promise(next)));
                    next += random.u64(1..3);
                } else {
                    let place = random.usize(..open.len().min(disorder));
                    let (id, slot) = open.remove(place);
                    let kept = receipts.keep(id);
                    assert!(kept.is_some_and(|kept| Arc::ptr_eq(&kept, &slot)));
                    assert!(receipts.keep(id).is_none());
                    let most = GAPS.max(open.len()) + open.len() + 1;
                    assert!(receipts.promised.len() <= most);
                }
            }
            for (id, slot) in open {
                let kept = receipts.keep(id);
                assert!(kept.is_some_and(|kept| Arc::ptr_eq(&kept, &slot)));
            }
            assert!(receipts.promised.is_empty() && receipts.gaps == 0);
        }
    }

    #[test]
    fn a_number_that_comes_late_finds_its_place() {
        let mut receipts = Receipts::default();
        let slots = [3, 9, 5, 1, 7].map(|id| (id, receipts.promise(id)));
        for (id, slot) in slots {
            let kept = receipts.keep(id);
            assert!(kept.is_some_and(|kept| Arc::ptr_eq(&kept, &slot)));
        }
    }

    #[test]
    fn what_nobody_awaits_needs_no_receipt_and_serves_the_next() {
        let mut receipts = Receipts::default();
        let first = Arc::as_ptr(&receipts.promise(7));
        assert!(receipts.keep(7).is_none());
        let second = receipts.promise(8);
        assert_eq!(Arc::as_ptr(&second), first);
        assert!(receipts.keep(8).is_some(), "somebody may await it");
        assert_ne!(Arc::as_ptr(&receipts.promise(9)), first);
        assert!(receipts.keep(9).is_none());
        receipts.shrink();
        assert_eq!((receipts.spare.len(), receipts.promised.capacity()), (0, 0));
    }

    #[test]
    fn whoever_stops_waiting_takes_the_waker_along() {
        use alloc::task::Wake;

        struct Task;
        impl Wake for Task {
            fn wake(self: Arc<Self>) {}
        }
        let mut receipts = Receipts::default();
        let slot = receipts.promise(1);
        let task = Arc::new(Task);
        let waker = Waker::from(Arc::clone(&task));
        let mut pending = PendingReceipt::new(UpdateId(1), slot);
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut pending).poll(&mut cx).is_pending());
        assert_eq!(Arc::strong_count(&task), 3);
        drop(pending);
        assert_eq!(Arc::strong_count(&task), 2);
    }
}
