//! The rival of the session: a queue that does the least that could be called the same.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::hint::black_box;

use facilitator_core::Frame;
use facilitator_core::message::{Response, V0JobStatusUpdate};

use super::reports::{Load, Reports};

/// It formats, queues, copies what is to be written, and forgets the oldest when an answer comes.
pub(crate) struct Toy {
    queue: VecDeque<String>,
    reports: Reports,
    sent: usize,
    window: usize,
    success: Frame,
}

impl Toy {
    pub(crate) fn new(load: Load) -> Self {
        Self::with_uuids(load, load.uuids())
    }

    /// As of a session.
    pub(crate) fn with_uuids(load: Load, uuids: usize) -> Self {
        let mut toy = Self {
            queue: VecDeque::new(),
            reports: Reports::new(load, uuids),
            sent: 0,
            window: load.window,
            success: Frame::text(Response::success().encode()),
        };
        for _ in 0..load.queued {
            toy.submit();
        }
        for _ in 0..1000 {
            toy.cycle();
        }
        toy
    }

    pub(crate) fn cycle(&mut self) {
        self.submit();
        self.transmit();
        let answer = self.success.clone();
        if answer == self.success {
            black_box(self.queue.pop_front());
            self.sent -= 1;
        }
        self.transmit();
    }

    fn submit(&mut self) {
        let V0JobStatusUpdate {
            uuid,
            status,
            metadata,
        } = self.reports.next();
        let metadata = metadata.map_or(Cow::Borrowed("null"), |metadata| metadata.encode().into());
        self.queue.push_back(format!(
            r#"{{"message_type":"V0JobStatusUpdate","uuid":"{uuid}","status":"{status}","metadata":{metadata}}}"#
        ));
    }

    fn transmit(&mut self) {
        if self.sent < self.window
            && let Some(text) = self.queue.get(self.sent)
        {
            black_box(text.clone());
            self.sent += 1;
        }
    }
}
