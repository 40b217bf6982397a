//! The promise of a receipt. Who keeps it is in `shared`.

use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
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
