//! The events that wait to be taken: which of them may be dropped for a slow application, and how many are too many.
//! It knows no session and wakes nobody.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use uuid::Uuid;

use crate::client::{Config, Delivered, Event, LostReason, Outcome, Owed, PhaseChange, Unexpected};
use crate::message::{ResponseError, parse_uuid};

/// Events, oldest first.
pub(super) struct Inbox {
    events: VecDeque<Waiting>,
    /// Requests of open jobs. The session bounds them: it is told how much of them waits, and refuses more.
    jobs: Load,
    reports: Load,
    news: Load,
    limit: Load,
    missed: u64,
}

impl Inbox {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            events: VecDeque::new(),
            jobs: Load::default(),
            reports: Load::default(),
            news: Load::default(),
            limit: Load {
                events: config.waiting_events,
                bytes: config.waiting_event_bytes,
            },
            missed: 0,
        }
    }

    /// What the job requests that wait weigh.
    pub(super) fn job_bytes(&self) -> usize {
        self.jobs.bytes
    }

    /// Takes the oldest; first of all, how many were missed.
    pub(super) fn take(&mut self) -> Option<Event> {
        if self.missed > 0 {
            return Some(Event::Missed {
                events: core::mem::take(&mut self.missed),
            });
        }
        let waiting = self.events.pop_front()?;
        if let Some(load) = self.load(waiting.kind) {
            load.remove(&waiting);
        }
        Some(match waiting.event {
            Held::Delivered(delivered) => Event::Receipt(delivered.receipt()),
            Held::Event(event) => *event,
        })
    }

    /// Puts in the newest, and drops the oldest of its kind when there are too many now.
    pub(super) fn push(&mut self, event: Event) {
        match &event {
            Event::JobOverdue { uuid } => self.drop_request(*uuid),
            Event::Stopped { .. } => self.demote_earlier_end(),
            _ => {}
        }
        self.put(Waiting::new(event));
    }

    /// The same for the receipt of a message that was delivered: nearly all events, and all that they say.
    #[inline]
    pub(super) fn push_delivered(&mut self, delivered: Delivered) {
        self.put(Waiting {
            event: Held::Delivered(delivered),
            kind: Kind::News,
            bytes: 0,
        });
    }

    fn put(&mut self, waiting: Waiting) {
        let kind = waiting.kind;
        if let Some(load) = self.load(kind) {
            load.add(&waiting);
        }
        self.events.push_back(waiting);
        match kind {
            Kind::Job => {}
            Kind::News => self.shrink(Kind::News),
            // An end before this one has become a report.
            Kind::Report | Kind::End => self.shrink(Kind::Report),
        }
    }

    /// Gives the queue's memory back, when it is empty.
    pub(super) fn shrink_queue(&mut self) {
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
    }

    fn load(&mut self, kind: Kind) -> Option<&mut Load> {
        match kind {
            Kind::End => None,
            Kind::Job => Some(&mut self.jobs),
            Kind::Report => Some(&mut self.reports),
            Kind::News => Some(&mut self.news),
        }
    }

    fn shrink(&mut self, kind: Kind) {
        let limit = self.limit;
        while self.load(kind).is_some_and(|load| load.exceeds(limit)) {
            let oldest = self.events.iter().position(|waiting| waiting.kind == kind);
            let Some(oldest) = oldest else { return };
            self.drop_at(oldest);
        }
    }

    fn drop_at(&mut self, place: usize) {
        if let Some(dropped) = self.events.remove(place) {
            self.missed += 1;
            if let Some(load) = self.load(dropped.kind) {
                load.remove(&dropped);
            }
        }
    }

    /// The job has ended before the application took its request: it must not run any more.
    fn drop_request(&mut self, job: Uuid) {
        let request = self.events.iter().position(|waiting| match &waiting.event {
            Held::Event(event) => match &**event {
                Event::JobRequested(request) => parse_uuid(&request.uuid) == Some(job),
                _ => false,
            },
            Held::Delivered(_) => false,
        });
        if let Some(place) = request {
            self.drop_at(place);
        }
    }

    /// Only the end of the latest session is never dropped: a session can be started and stopped again and again while
    /// nobody takes an event.
    fn demote_earlier_end(&mut self) {
        let earlier = self
            .events
            .iter_mut()
            .find(|waiting| waiting.kind == Kind::End);
        if let Some(earlier) = earlier {
            earlier.kind = Kind::Report;
            self.reports.add(earlier);
        }
    }
}

/// An event that waits to be taken.
struct Waiting {
    event: Held,
    kind: Kind,
    bytes: usize,
}

/// What is kept of an event. Small, since moving it would cost more than what most of them say.
enum Held {
    /// A receipt for a message that was delivered.
    Delivered(Delivered),
    /// Any event.
    Event(Box<Event>),
}

/// What becomes of an event when too many wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The session's end, which is never dropped.
    End,
    /// A request, which is not dropped while its job is open.
    Job,
    /// Something has to be done about it: dropped only when too many of its own kind wait.
    Report,
    /// Nothing has to be done about it.
    News,
}

impl Waiting {
    fn new(event: Event) -> Self {
        let (kind, bytes) = match &event {
            Event::JobRequested(request) => (Kind::Job, request.weight()),
            Event::JobCheated(report) => (Kind::Report, report.weight()),
            Event::Stopped { owed } => {
                let bytes = |owed: &Owed| size_of_val(owed) + owed.as_json().len();
                (Kind::End, owed.iter().map(bytes).sum())
            }
            Event::JobOverdue { .. } => (Kind::Report, 0),
            Event::JobRefused { request, .. } => (Kind::News, request.weight()),
            Event::CheatReportRefused { report, .. } => (Kind::News, report.weight()),
            Event::Receipt(receipt) => match &receipt.outcome {
                Outcome::SetAside(owed) | Outcome::HandedBack(owed) => {
                    (Kind::News, owed.as_json().len())
                }
                Outcome::Refused(errors) => (Kind::News, bytes_of(errors)),
                Outcome::Acknowledged | Outcome::AlreadyKnown => (Kind::News, 0),
            },
            Event::Unexpected(
                Unexpected::Response { errors } | Unexpected::HeartbeatRefused { errors },
            ) => (Kind::News, bytes_of(errors)),
            Event::Malformed(error) => (Kind::News, error.weight()),
            Event::ConnectionLost { reason, .. }
            | Event::Phase(PhaseChange {
                reason: Some(reason),
                ..
            }) => (Kind::News, detail(reason)),
            // Texts of others in the rest are cut to a bounded length.
            _ => (Kind::News, 0),
        };
        Self {
            event: Held::Event(Box::new(event)),
            kind,
            bytes,
        }
    }
}

/// What the facilitator's errors hold: its validation library echoes whole messages.
fn bytes_of(errors: &[ResponseError]) -> usize {
    let bytes = |error: &ResponseError| {
        let extra = error.extra.iter();
        let extra: usize = extra
            .map(|(key, value)| ENTRY + key.len() + value.as_str().len())
            .sum();
        size_of::<ResponseError>() + error.msg.len() + error.kind.len() + error.help.len() + extra
    };
    errors.iter().map(bytes).sum()
}

/// What the system or a library said of a lost connection.
fn detail(reason: &LostReason) -> usize {
    match reason {
        LostReason::ConnectFailed(failure) => failure.detail.len(),
        LostReason::Io(detail) | LostReason::Protocol(detail) => detail.len(),
        _ => 0,
    }
}

/// A key and a value beside their texts.
const ENTRY: usize = 128;

/// How much waits, or may wait, of one kind.
#[derive(Clone, Copy, Default)]
struct Load {
    events: usize,
    bytes: usize,
}

impl Load {
    fn add(&mut self, waiting: &Waiting) {
        self.events += 1;
        self.bytes += waiting.bytes;
    }

    fn remove(&mut self, waiting: &Waiting) {
        self.events -= 1;
        self.bytes -= waiting.bytes;
    }

    /// One alone is never too much.
    fn exceeds(self, limit: Self) -> bool {
        self.events > 1 && (self.events > limit.events || self.bytes > limit.bytes)
    }
}
