//! What is remembered of a session, for those who look at it later: its connections, its phases, its events. Every list
//! is bounded. No clock, no markup.

use std::collections::VecDeque;

use facilitator_tokio::core::client::{Event, Phase};

use super::clock::Moment;
use super::telling::{Weight, tell};

/// Phases that are remembered.
const SPANS: usize = 512;
/// Connections that are remembered.
const CONNECTIONS: usize = 12;
/// Events that are remembered.
const ENTRIES: usize = 60;

#[derive(Default)]
pub(super) struct Chronicle {
    spans: VecDeque<Span>,
    connections: VecDeque<Connection>,
    entries: VecDeque<Entry>,
    /// The number of the newest connection.
    attempts: u64,
}

/// A phase, until the next one begins.
pub(super) struct Span {
    pub(super) phase: Phase,
    pub(super) since: u64,
}

/// A connection, or the attempt at one.
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) began: Moment,
    pub(super) connected: Option<u64>,
    pub(super) ready: Option<u64>,
    pub(super) ended: Option<u64>,
    pub(super) reason: Option<String>,
}

/// Something that happened, once or several times in a row.
pub(super) struct Entry {
    pub(super) at: Moment,
    pub(super) weight: Weight,
    pub(super) text: String,
    pub(super) times: u64,
}

impl Chronicle {
    pub(super) fn spans(&self) -> impl DoubleEndedIterator<Item = &Span> {
        self.spans.iter()
    }

    /// The newest first, as the others below.
    pub(super) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().rev()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// Since when the session is in this phase, if that is known.
    pub(super) fn phase_since(&self, phase: Phase) -> Option<u64> {
        let newest = self.spans.back().filter(|span| span.phase == phase);
        newest.map(|span| span.since)
    }

    pub(super) fn observe(&mut self, now: Moment, event: &Event) {
        match event {
            Event::Phase(change) => self.enter(now, change.phase),
            Event::ConnectionLost { reason, .. } => self.end_connection(now, &reason.to_string()),
            _ => {}
        }
        let Some((weight, text)) = tell(event) else {
            return;
        };
        match self.entries.back_mut() {
            Some(newest) if newest.text == text => {
                newest.times += 1;
                newest.at = now;
            }
            _ => push(
                &mut self.entries,
                ENTRIES,
                Entry {
                    at: now,
                    weight,
                    text,
                    times: 1,
                },
            ),
        }
    }

    fn enter(&mut self, now: Moment, phase: Phase) {
        let span = Span {
            phase,
            since: now.elapsed,
        };
        push(&mut self.spans, SPANS, span);
        match phase {
            Phase::Connecting => {
                self.attempts += 1;
                let connection = Connection {
                    number: self.attempts,
                    began: now,
                    connected: None,
                    ready: None,
                    ended: None,
                    reason: None,
                };
                push(&mut self.connections, CONNECTIONS, connection);
            }
            Phase::Authenticating => {
                if let Some(connection) = self.connections.back_mut() {
                    connection.connected = Some(now.elapsed);
                }
            }
            Phase::Ready => {
                if let Some(connection) = self.connections.back_mut() {
                    connection.connected.get_or_insert(now.elapsed);
                    connection.ready = Some(now.elapsed);
                }
            }
            Phase::Idle => self.end_connection(now, "stopped"),
            _ => {}
        }
    }

    fn end_connection(&mut self, now: Moment, reason: &str) {
        if let Some(connection) = self.connections.back_mut()
            && connection.ended.is_none()
        {
            connection.ended = Some(now.elapsed);
            connection.reason = Some(reason.chars().take(240).collect());
        }
    }
}

fn push<T>(list: &mut VecDeque<T>, most: usize, item: T) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(item);
}
