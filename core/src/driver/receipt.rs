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
    pub(super) fn fill(&self, receipt: Receipt) {
        let waker = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = Some(receipt);
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
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
        let mut state = self
            .slot
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(receipt) = state.0.clone() {
            return Poll::Ready(receipt);
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}
