//! What the driver has to do, in causal order. A container: it decides nothing.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;

use uuid::Uuid;

use super::event::{Event, Outcome, Output, Receipt, Subject, UpdateId};
use crate::message::JobStatus;
use crate::{ConnectionId, Frame};

/// A queue of outputs.
///
/// An [`Output`] is as large as the rarest event, and moving it costs more than what most of them say. So the two that
/// every status update leads to, its frame and its receipt, are queued in a few words, and become outputs where they
/// are taken.
#[derive(Clone, Default)]
pub(super) struct Outputs {
    order: VecDeque<Next>,
    /// What is to be transmitted, in order.
    texts: VecDeque<Arc<str>>,
    /// All other outputs, in order.
    others: VecDeque<Output>,
}

/// What comes next. Plain bits: what would have to be dropped is not written in place.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The first of the texts, on this connection.
    Text(ConnectionId),
    /// The receipt of a status update that the facilitator has.
    Delivered {
        id: UpdateId,
        uuid: Uuid,
        status: JobStatus,
        automatic: bool,
        before: bool,
    },
    /// The first of the others.
    Other,
}

impl Outputs {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Any output.
    pub(super) fn push(&mut self, output: Output) {
        self.order.push_back(Next::Other);
        self.others.push_back(output);
    }

    /// A text that is to be transmitted.
    #[inline]
    pub(super) fn push_text(&mut self, connection: ConnectionId, text: Arc<str>) {
        self.order.push_back(Next::Text(connection));
        self.texts.push_back(text);
    }

    /// The receipt of a status update that the facilitator has: acknowledged, or there `before`.
    #[inline]
    pub(super) fn push_delivered(
        &mut self,
        id: UpdateId,
        (uuid, status): (Uuid, JobStatus),
        automatic: bool,
        before: bool,
    ) {
        self.order.push_back(Next::Delivered {
            id,
            uuid,
            status,
            automatic,
            before,
        });
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
            Next::Text(connection) => {
                let text = self.texts.pop_front()?;
                Some(Output::Transmit(connection, Frame::Text(text)))
            }
            Next::Delivered {
                id,
                uuid,
                status,
                automatic,
                before,
            } => Some(Output::Event(Event::Receipt(Receipt {
                id,
                subject: Subject::JobStatus { uuid, status },
                automatic,
                outcome: if before {
                    Outcome::AlreadyKnown
                } else {
                    Outcome::Acknowledged
                },
            }))),
            Next::Other => self.others.pop_front(),
        }
    }
}

impl fmt::Debug for Outputs {
    /// Without the texts, which hold customers' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs")
            .field("order", &self.order)
            .field("texts", &self.texts.len())
            .field("others", &self.others)
            .finish()
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
            let of = (Uuid::from_u128(n.into()), JobStatus::Accepted);
            outputs.push_delivered(UpdateId(n), of, n == 2, before);
        };
        outputs.push_text(connection, "first".into());
        delivered(&mut outputs, 1, false);
        outputs.push(Output::Disconnect(connection, None));
        outputs.push_text(connection, "second".into());
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

    #[test]
    fn texts_do_not_show() {
        let mut outputs = Outputs::default();
        outputs.push_text(ConnectionId(1), "secret".into());
        assert!(!format!("{outputs:?}").contains("secret"));
    }
}
