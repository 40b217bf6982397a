//! The receipts of commands, printed as soon as they are known.
//!
//! They come from the promises that sending gave, not from the events: events may be missed, receipts must not.

use std::collections::BTreeMap;

use facilitator_tokio::PendingReceipt;
use facilitator_tokio::core::client::{Outcome, UpdateId};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedReceiver;

use super::events::Line;
use crate::output::Output;

/// The ids of commands whose messages were handed back, by the number of the message.
pub(super) type HandedBack = BTreeMap<UpdateId, Box<RawValue>>;

/// An accepted command.
pub(super) struct Promise {
    pub(super) receipt: PendingReceipt,
    pub(super) id: Option<Box<RawValue>>,
    /// Its share of what may wait, given back once the receipt is printed.
    pub(super) share: OwnedSemaphorePermit,
}

/// Waits for the fate of every accepted command.
pub(super) struct Receipts {
    promises: UnboundedReceiver<Promise>,
    output: Output,
}

impl Receipts {
    /// `promises` is bounded by the shares that come along.
    pub(super) fn new(promises: UnboundedReceiver<Promise>, output: Output) -> Self {
        Self { promises, output }
    }

    /// Ends when no promise can come any more and every one was kept.
    pub(super) async fn run(mut self) -> HandedBack {
        let mut handed_back = HandedBack::new();
        let mut pending = FuturesUnordered::new();
        loop {
            let (receipt, id, share) = tokio::select! {
                Some(promise) = self.promises.recv() => {
                    let Promise { receipt, id, share } = promise;
                    pending.push(async move { (receipt.await, id, share) });
                    continue;
                }
                Some(kept) = pending.next() => kept,
                else => return handed_back,
            };
            self.output
                .print(&Line::receipt(&receipt, id.as_deref()))
                .await;
            drop(share);
            if let (Outcome::HandedBack(owed), Some(id)) = (receipt.outcome, id) {
                handed_back.entry(owed.id).or_insert(id);
            }
        }
    }
}
