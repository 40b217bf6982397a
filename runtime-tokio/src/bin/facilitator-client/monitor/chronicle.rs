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

#[cfg(test)]
mod tests {
    use facilitator_tokio::core::ConnectionId;
    use facilitator_tokio::core::client::{Health, LostReason, PhaseChange};

    use super::*;

    fn at(elapsed: u64) -> Moment {
        Moment { elapsed, unix: 0 }
    }

    fn phase(phase: Phase) -> Event {
        Event::Phase(PhaseChange {
            phase,
            reason: None,
            next_attempt: None,
            retry_in: None,
        })
    }

    fn lost(reason: LostReason) -> Event {
        Event::ConnectionLost {
            connection: ConnectionId(1),
            reason,
            owed: 0,
        }
    }

    #[test]
    fn a_connection_is_remembered_from_its_beginning_to_its_end() {
        let mut chronicle = Chronicle::default();
        chronicle.observe(at(5), &phase(Phase::Connecting));
        chronicle.observe(at(7), &phase(Phase::Authenticating));
        chronicle.observe(at(9), &phase(Phase::Ready));
        assert_eq!(chronicle.phase_since(Phase::Ready), Some(9));
        assert_eq!(chronicle.phase_since(Phase::Waiting), None);
        chronicle.observe(at(20), &lost(LostReason::EndOfStream));
        chronicle.observe(at(20), &phase(Phase::Waiting));
        // Nothing is under way any more: what ends now is not the connection.
        chronicle.observe(at(30), &phase(Phase::Idle));
        let connection = chronicle.connections().next().unwrap();
        assert_eq!((connection.number, connection.began), (1, at(5)));
        assert_eq!(
            (connection.connected, connection.ready, connection.ended),
            (Some(7), Some(9), Some(20))
        );
        let reason = connection.reason.as_deref().unwrap();
        assert!(reason.contains("without a close frame"), "{reason}");
    }

    #[test]
    fn what_happens_again_and_again_is_one_entry() {
        let mut chronicle = Chronicle::default();
        for now in 0..3 {
            chronicle.observe(at(now), &lost(LostReason::PongTimeout));
        }
        chronicle.observe(at(9), &Event::Health(Health::Connected));
        chronicle.observe(at(10), &lost(LostReason::PongTimeout));
        let told: Vec<_> = chronicle
            .entries()
            .map(|entry| (entry.at.elapsed, entry.times, entry.weight))
            .collect();
        assert_eq!(
            told,
            [
                (10, 1, Weight::Odd),
                (9, 1, Weight::Good),
                (2, 3, Weight::Odd)
            ]
        );
    }

    #[test]
    fn no_list_grows_without_bound() {
        let mut chronicle = Chronicle::default();
        for now in 0..10_000 {
            chronicle.observe(at(now), &phase(Phase::Connecting));
            let said = format!("{now}{}", "x".repeat(10_000));
            chronicle.observe(at(now), &lost(LostReason::Io(said)));
            chronicle.observe(at(now), &phase(Phase::Waiting));
        }
        assert_eq!(chronicle.spans.len(), SPANS);
        assert_eq!(chronicle.connections.len(), CONNECTIONS);
        assert_eq!(chronicle.entries.len(), ENTRIES);
        assert_eq!(chronicle.connections().next().unwrap().number, 10_000);
        let longest = chronicle.entries().map(|entry| entry.text.len()).max();
        assert!(longest < Some(300), "{longest:?}");
        let reasons = chronicle
            .connections()
            .flat_map(|connection| &connection.reason);
        assert!(reasons.map(String::len).max() < Some(300));
    }
}
