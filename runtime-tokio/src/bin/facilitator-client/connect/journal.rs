//! What the session tells, one event after the other: to those who watch, and to stdout. The receipts of commands get
//! their ids here.

use std::collections::BTreeMap;

use facilitator_tokio::core::client::{Event, Outcome, Owed, Receipt, UpdateId};
use facilitator_tokio::{FacilitatorClient, PendingReceipt};
use futures_util::FutureExt;
use serde_json::value::RawValue;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::events::Line;
use super::state::Taken;
use super::watchers::Watchers;
use crate::output::Output;

/// An accepted command whose receipt was not printed yet.
pub(super) struct Promise {
    pub(super) receipt: PendingReceipt,
    pub(super) id: Option<Box<RawValue>>,
    /// Its share of what may wait, given back once the receipt is printed. What the last session has left needs none:
    /// it is no more than the outbox holds.
    pub(super) share: Option<OwnedSemaphorePermit>,
}

impl Promise {
    /// Of a message that the last session has left.
    pub(super) fn taken(taken: Taken) -> Self {
        Self {
            receipt: taken.receipt,
            id: taken.id,
            share: None,
        }
    }
}

/// What is left when a session has ended.
pub(super) struct Left {
    /// The messages that were not delivered, oldest first.
    pub(super) owed: Vec<Owed>,
    /// The ids of their commands.
    pub(super) ids: BTreeMap<UpdateId, Box<RawValue>>,
}

impl Left {
    /// What is left of a session whose commands had no ids.
    #[cfg(unix)]
    pub(super) const fn without_ids(owed: Vec<Owed>) -> Self {
        Self {
            owed,
            ids: BTreeMap::new(),
        }
    }
}

/// Tells every event, in order. While the reader of stdout takes nothing, no event is taken either; the driver bounds
/// what waits, and drops events in the end, but no receipt is lost: the promises keep them.
pub(super) struct Journal {
    client: FacilitatorClient,
    output: Output,
    watchers: Watchers,
    /// In the order of their numbers. Bounded by the shares that come along.
    promises: UnboundedReceiver<Promise>,
    waiting: BTreeMap<UpdateId, Promise>,
    /// The newest promise seen.
    newest: Option<UpdateId>,
    /// Told when the session has ended.
    ended: Option<oneshot::Sender<()>>,
    /// The ids of what was handed back.
    handed_back: BTreeMap<UpdateId, Box<RawValue>>,
}

impl Journal {
    /// With it, what tells that the session has ended, whoever has ended it.
    pub(super) fn new(
        client: FacilitatorClient,
        output: Output,
        promises: UnboundedReceiver<Promise>,
        watchers: Watchers,
    ) -> (Self, oneshot::Receiver<()>) {
        let (ended, session_ended) = oneshot::channel();
        let journal = Self {
            client,
            output,
            watchers,
            promises,
            waiting: BTreeMap::new(),
            newest: None,
            ended: Some(ended),
            handed_back: BTreeMap::new(),
        };
        (journal, session_ended)
    }

    /// Ends when the session has ended and nobody can make a promise any more; every receipt was printed then.
    pub(super) async fn keep(mut self) -> Left {
        let mut owed = Vec::new();
        while let Ok(event) = self.client.next_event().await {
            self.watchers.observe(&event);
            match event {
                Event::Receipt(receipt) if !receipt.automatic => self.keep_promise(receipt).await,
                Event::Stopped { owed: left } => {
                    owed = left;
                    break;
                }
                event => {
                    if let Event::Receipt(receipt) = &event {
                        self.forget(receipt.id);
                    }
                    if let Some(line) = Line::of(&event) {
                        self.output.print(&line).await;
                    }
                    if let Event::Missed { .. } = event {
                        self.catch_up().await;
                    }
                }
            }
        }
        if let Some(ended) = self.ended.take() {
            let _ = ended.send(());
        }
        while let Some(promise) = self.promises.recv().await {
            self.note(promise);
        }
        self.catch_up().await;
        Left {
            owed,
            ids: self.handed_back,
        }
    }

    fn note(&mut self, promise: Promise) {
        let id = promise.receipt.id();
        self.newest = Some(id);
        self.waiting.insert(id, promise);
    }

    /// Drops the promise of what the session had sent by itself: the last process could not say so in time.
    fn forget(&mut self, id: UpdateId) {
        while let Ok(promise) = self.promises.try_recv() {
            self.note(promise);
        }
        self.waiting.remove(&id);
    }

    /// Prints the receipt that an event brought.
    async fn keep_promise(&mut self, receipt: Receipt) {
        // A command can meet its fate before its promise gets here: it comes at once, nothing lies between the two.
        while self.newest < Some(receipt.id) {
            match self.promises.recv().await {
                Some(promise) => self.note(promise),
                None => break,
            }
        }
        // One that is not there was kept when events were missed.
        if let Some(Promise { id, share, .. }) = self.waiting.remove(&receipt.id) {
            self.print(receipt, id).await;
            drop(share);
        }
    }

    /// Prints all receipts that are known by now, whose events were missed or are still to come.
    async fn catch_up(&mut self) {
        while let Ok(promise) = self.promises.try_recv() {
            self.note(promise);
        }
        for (number, mut promise) in std::mem::take(&mut self.waiting) {
            match (&mut promise.receipt).now_or_never() {
                Some(receipt) => self.print(receipt, promise.id).await,
                None => {
                    self.waiting.insert(number, promise);
                }
            }
        }
    }

    async fn print(&mut self, receipt: Receipt, id: Option<Box<RawValue>>) {
        self.output
            .print(&Line::receipt(&receipt, id.as_deref()))
            .await;
        if let (Outcome::HandedBack(owed), Some(id)) = (receipt.outcome, id) {
            self.handed_back.entry(owed.id).or_insert(id);
        }
    }
}
