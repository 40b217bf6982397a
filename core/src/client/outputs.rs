//! What the driver has to do, in causal order. A container: it decides nothing.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use uuid::Uuid;

use super::event::{Event, Outcome, Output, Receipt, Subject, UpdateId};
use crate::message::{JobStatus, V0JobStatusUpdate};
use crate::{ConnectionId, Frame};

/// The longest text that is copied, in bytes. Longer ones are shared.
const COPIED: usize = 512;

/// What has been taken of the texts before those behind it are moved up, in bytes.
const TAKEN: usize = 64 * 1024;

/// A queue of outputs.
///
/// An [`Output`] is as large as the rarest event, and moving it costs more than what most of them say; a text of its own
/// costs an allocation. So the two that every status update leads to, its frame and its receipt, are queued in a few
/// words, with all short texts in one string, and become outputs only for those who ask for outputs.
#[derive(Clone, Default)]
pub(crate) struct Outputs {
    order: VecDeque<Next>,
    /// Short texts that are to be transmitted, one behind the other.
    texts: String,
    /// How much of them has been taken.
    taken: usize,
    /// All other outputs, in order.
    others: VecDeque<Output>,
}

/// What comes next. Plain bits: what would have to be dropped is not written in place.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The first of the texts, with its length, on this connection.
    Text(ConnectionId, usize),
    Delivered(Delivered),
    /// The first of the others.
    Other,
}

/// An output where it lies.
#[cfg(feature = "driver")]
pub(crate) enum Polled<'a> {
    /// A text to be transmitted on this connection.
    Text(ConnectionId, &'a str),
    Delivered(Delivered),
    /// Any output: the two above may come as such, too.
    Other(Output),
}

/// The receipt of a status update that the facilitator has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    pub(crate) id: UpdateId,
    pub(crate) uuid: Uuid,
    pub(crate) status: JobStatus,
    pub(crate) automatic: bool,
    /// It had the update before this answer, too.
    pub(crate) before: bool,
}

impl Delivered {
    /// As everybody else knows it.
    #[inline]
    pub(crate) const fn receipt(self) -> Receipt {
        let Self { uuid, status, .. } = self;
        Receipt {
            id: self.id,
            subject: Subject::JobStatus { uuid, status },
            automatic: self.automatic,
            outcome: if self.before {
                Outcome::AlreadyKnown
            } else {
                Outcome::Acknowledged
            },
        }
    }
}

impl Outputs {
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Any output.
    pub(crate) fn push(&mut self, output: Output) {
        self.order.push_back(Next::Other);
        self.others.push_back(output);
    }

    /// A text that is to be transmitted.
    #[inline]
    pub(crate) fn push_text(&mut self, connection: ConnectionId, text: &str) {
        self.write_text(connection, |texts| texts.push_str(text));
    }

    /// A text that is shared with somebody who keeps it.
    #[inline]
    pub(super) fn push_shared(&mut self, connection: ConnectionId, text: &Arc<str>) {
        if text.len() <= COPIED {
            self.push_text(connection, text);
        } else {
            let frame = Frame::Text(Arc::clone(text));
            self.push(Output::Transmit(connection, frame));
        }
    }

    /// The text of a status update without metadata.
    #[inline]
    pub(super) fn push_bare(&mut self, connection: ConnectionId, uuid: Uuid, status: JobStatus) {
        self.write_text(connection, |texts| {
            V0JobStatusUpdate::write_bare(uuid, status, texts);
        });
    }

    #[inline]
    fn write_text(&mut self, connection: ConnectionId, write: impl FnOnce(&mut String)) {
        if self.taken == self.texts.len() {
            self.texts.clear();
            self.taken = 0;
        } else if self.taken > TAKEN && self.taken > self.texts.len() / 2 {
            // Whoever never takes all of them does not let them pile up either.
            self.texts.drain(..self.taken);
            self.taken = 0;
        }
        let begin = self.texts.len();
        write(&mut self.texts);
        let bytes = self.texts.len() - begin;
        self.order.push_back(Next::Text(connection, bytes));
    }

    /// The receipt of a status update that the facilitator has.
    #[inline]
    pub(super) fn push_delivered(&mut self, delivered: Delivered) {
        self.order.push_back(Next::Delivered(delivered));
    }

    /// Whether the oldest is a job request.
    #[inline]
    pub(super) fn brings_job(&self) -> bool {
        matches!(self.order.front(), Some(Next::Other))
            && matches!(
                self.others.front(),
                Some(Output::Event(Event::JobRequested(_)))
            )
    }

    /// Takes the oldest.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Output> {
        match self.order.pop_front()? {
            Next::Text(connection, bytes) => {
                let text = Frame::text(self.take_text(bytes));
                Some(Output::Transmit(connection, text))
            }
            Next::Delivered(delivered) => Some(Output::Event(Event::Receipt(delivered.receipt()))),
            Next::Other => self.others.pop_front(),
        }
    }

    /// Takes the oldest, and leaves it where it lies.
    #[cfg(feature = "driver")]
    #[inline]
    pub(crate) fn poll(&mut self) -> Option<Polled<'_>> {
        Some(match self.order.pop_front()? {
            Next::Text(connection, bytes) => Polled::Text(connection, self.take_text(bytes)),
            Next::Delivered(delivered) => Polled::Delivered(delivered),
            Next::Other => Polled::Other(self.others.pop_front()?),
        })
    }

    /// The first of the texts, which is so long.
    #[inline]
    fn take_text(&mut self, bytes: usize) -> &str {
        let begin = self.taken;
        self.taken += bytes;
        self.texts.get(begin..self.taken).unwrap_or_default()
    }
}

impl fmt::Debug for Outputs {
    /// Without the texts, which hold customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs")
            .field("order", &self.order)
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn outputs_of_all_kinds_keep_their_order() {
        let connection = ConnectionId(7);
        let receipt = |n, outcome| {
            Output::Event(Event::Receipt(Receipt {
                id: UpdateId(n),
                subject: Subject::JobStatus {
                    uuid: Uuid::from_u128(n.into()),
                    status: JobStatus::Accepted,
                },
                automatic: n == 2,
                outcome,
            }))
        };
        let mut outputs = Outputs::default();
        let delivered = |outputs: &mut Outputs, n: u64, before| {
            outputs.push_delivered(Delivered {
                id: UpdateId(n),
                uuid: Uuid::from_u128(n.into()),
                status: JobStatus::Accepted,
                automatic: n == 2,
                before,
            });
        };
        outputs.push_text(connection, "first");
        delivered(&mut outputs, 1, false);
        outputs.push(Output::Disconnect(connection, None));
        outputs.push_text(connection, "second");
        outputs.push(receipt(3, Outcome::Refused(Vec::new())));
        delivered(&mut outputs, 2, true);

        let expected = [
            Output::Transmit(connection, Frame::text("first")),
            receipt(1, Outcome::Acknowledged),
            Output::Disconnect(connection, None),
            Output::Transmit(connection, Frame::text("second")),
            receipt(3, Outcome::Refused(Vec::new())),
            receipt(2, Outcome::AlreadyKnown),
        ];
        for output in expected {
            assert!(!outputs.is_empty());
            assert_eq!(
                format!("{:?}", outputs.pop()),
                format!("{:?}", Some(output))
            );
        }
        assert!(outputs.is_empty() && outputs.pop().is_none());
    }

    #[cfg(feature = "driver")]
    #[test]
    fn what_is_polled_where_it_lies_is_the_same() {
        let (connection, long) = (ConnectionId(7), "x".repeat(COPIED + 1));
        let shared: Arc<str> = long.as_str().into();
        let mut outputs = Outputs::default();
        // Never empty, and longer than what may have been taken.
        outputs.push_text(connection, "text 0");
        for n in 0..20_000 {
            outputs.push_text(connection, &format!("text {}", n + 1));
            outputs.push_shared(connection, &shared);
            let expected = format!("text {n}");
            match outputs.poll() {
                Some(Polled::Text(_, text)) => assert_eq!(text, expected),
                _ => panic!("{n}: no text"),
            }
            assert!(outputs.texts.len() < 4 * TAKEN, "{n}");
            if n > 0 {
                match outputs.poll() {
                    Some(Polled::Other(Output::Transmit(_, Frame::Text(text)))) => {
                        assert!(Arc::ptr_eq(&text, &shared));
                    }
                    _ => panic!("{n}: not what is shared"),
                }
            }
        }
    }

    #[test]
    fn texts_do_not_show() {
        let mut outputs = Outputs::default();
        outputs.push_text(ConnectionId(1), "secret");
        assert!(!format!("{outputs:?}").contains("secret"));
    }
}
