//! What a client does with its connections, watched from the network: who goes first, how often it tries, when it
//! beats, when it stops.

use std::time::Duration;

use facilitator_core::client::{Config, ConnectFailureKind, LostReason, Refusal};
use facilitator_core::{ConnectionId, Frame};

use super::queue::{Nanos, nanos};
use super::verdict::{Promise, Verdicts};

const HEARTBEAT: &str = r#"{"message_type":"V0Heartbeat"}"#;
const AUTHENTICATION: &str = r#"{"message_type":"V0AuthenticationRequest""#;
const SUCCESS: &str = r#"{"status":"success","errors":[]}"#;

/// A moment in a client's life. Its clock can have shown it times of the past, which a session takes for the latest one
/// that it has seen: what must not come early is measured by that, what must not come late by the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) seen: Nanos,
    pub(super) shown: Nanos,
}

/// What is known of the connection that a client has.
#[derive(Clone, Debug)]
struct Watched {
    conn: ConnectionId,
    /// When it stood.
    opened: bool,
    /// Whether the client has given it up; it may still stand, until it is closed.
    given_up: bool,
    texts_sent: u64,
    authenticated: Option<Nanos>,
    last_heartbeat: Option<Moment>,
}

/// When the next attempt may come, and has to.
#[derive(Clone, Copy, Debug)]
struct Due {
    not_before: Nanos,
    not_after: Nanos,
    /// Of an ordinary wait: when it began, and how long it can be.
    window: Option<(Nanos, Nanos)>,
}

/// Windows shorter than this tell little: what else takes time is as long.
const SHORTEST_WINDOW: Nanos = 8_000_000_000;

/// Waits after which their mean tells something. It is half of the window for full jitter; less than a seventh of it
/// comes by chance in one world out of billions.
const WAITS: u64 = 30;

/// How much of their windows a client has waited.
#[derive(Clone, Debug, Default)]
struct Waits {
    count: u64,
    /// In thousandths of a window.
    sum: u64,
}

/// What is known of a client's connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    current: Option<Watched>,
    /// Since when the newest connection was ready, until its loss is told.
    ready: Option<Nanos>,
    newest: u64,
    /// Attempts and connections that were lost since the schedule began.
    losses: u32,
    due: Option<Due>,
    /// While a stop is under way: its deadline.
    stop: Option<Nanos>,
    waits: Waits,
    /// Set when the clock or the process was tampered with: what was due then may come late.
    disturbed: bool,
}

impl Watch {
    /// The operator starts the client: the schedule begins anew.
    pub(super) fn started(&mut self) {
        self.losses = 0;
        self.ready = None;
        self.due = None;
        self.stop = None;
    }

    /// Another process takes over; it numbers its connections anew.
    pub(super) fn replaced(&mut self) {
        self.newest = 0;
        self.current = None;
    }

    /// The clock or the process was tampered with.
    pub(super) fn disturb(&mut self) {
        self.disturbed = true;
        if let Some(due) = &mut self.due {
            due.not_after = Nanos::MAX;
            due.window = None;
        }
        self.stop = self.stop.map(|_| Nanos::MAX);
    }

    /// The client wants a connection.
    pub(super) fn connect(&mut self, now: Moment, conn: ConnectionId, verdicts: &mut Verdicts) {
        let alone = self.current.is_none();
        verdicts.check(Promise::Handshake, alone, || {
            format!("{conn} was asked for while {:?} stands", self.current)
        });
        let newer = conn.0 > self.newest;
        verdicts.check(Promise::Handshake, newer, || {
            format!("{conn} was asked for after #{}", self.newest)
        });
        self.newest = conn.0;
        if let Some(due) = self.due.take() {
            self.check_window(now, &due, verdicts);
            verdicts.check(Promise::Polite, now.seen >= due.not_before, || {
                format!(
                    "{conn} was tried at {now:?}, not before {} ns",
                    due.not_before
                )
            });
            verdicts.check(Promise::Polite, now.shown <= due.not_after, || {
                format!(
                    "{conn} was tried at {now:?}, due until {} ns",
                    due.not_after
                )
            });
        }
        self.current = Some(Watched {
            conn,
            opened: false,
            given_up: false,
            texts_sent: 0,
            authenticated: None,
            last_heartbeat: None,
        });
        self.disturbed = false;
    }

    /// One wait can be short by chance; many cannot.
    fn check_window(&mut self, now: Moment, due: &Due, verdicts: &mut Verdicts) {
        let Some((from, window)) = due.window.filter(|(_, window)| *window >= SHORTEST_WINDOW)
        else {
            return;
        };
        self.waits.count += 1;
        self.waits.sum += now.seen.saturating_sub(from).min(window) / (window / 1000);
        if self.waits.count >= WAITS {
            let mean = self.waits.sum / self.waits.count;
            verdicts.check(Promise::Polite, mean > 1000 / 7, || {
                format!("attempts wait for {mean} thousandths of their windows on average")
            });
        }
    }

    /// The connection stands.
    pub(super) fn opened(&mut self) {
        if let Some(current) = &mut self.current {
            current.opened = true;
        }
    }

    /// The client's side of a connection is over.
    pub(super) fn gone(&mut self, conn: ConnectionId) {
        if self
            .current
            .as_ref()
            .is_some_and(|current| current.conn == conn)
        {
            self.current = None;
        }
    }

    /// A text reaches the client.
    pub(super) fn arrives(&mut self, now: Moment, text: &str) {
        if let Some(current) = &mut self.current
            && current.authenticated.is_none()
            && !current.given_up
            && text == SUCCESS
        {
            current.authenticated = Some(now.seen);
            self.ready = Some(now.seen);
        }
    }

    /// The client sends a frame. Whether it is for the connection that stands.
    pub(super) fn transmit(
        &mut self,
        now: Moment,
        conn: ConnectionId,
        frame: &Frame,
        config: &Config,
        verdicts: &mut Verdicts,
    ) -> bool {
        let Some(current) = self
            .current
            .as_mut()
            .filter(|current| current.conn == conn && current.opened)
        else {
            verdicts.check(Promise::Handshake, false, || {
                format!("{frame:?} was sent on {conn}, which does not stand")
            });
            return false;
        };
        let Frame::Text(text) = frame else {
            return true;
        };
        verdicts.check(Promise::Handshake, !current.given_up, || {
            format!("{frame:?} was sent on {conn}, which was given up")
        });
        current.texts_sent += 1;
        if current.texts_sent == 1 {
            verdicts.check(Promise::Handshake, text.starts_with(AUTHENTICATION), || {
                format!("{frame:?} was sent first on {conn}")
            });
            return true;
        }
        verdicts.check(Promise::Handshake, current.authenticated.is_some(), || {
            format!("{frame:?} was sent on {conn} before the authentication was answered")
        });
        let beats = &**text == HEARTBEAT;
        if current.texts_sent == 2 {
            verdicts.check(Promise::Heartbeats, beats, || {
                format!("{frame:?} was sent on {conn} before the first heartbeat")
            });
        }
        if beats {
            let interval = nanos(config.heartbeat_interval);
            if let Some(last) = current.last_heartbeat {
                let since = now.seen.saturating_sub(last.seen);
                verdicts.check(Promise::Heartbeats, since >= interval, || {
                    format!("two heartbeats within {:?}", Duration::from_nanos(since))
                });
                let since = now.shown.saturating_sub(last.shown);
                let late = since > interval && !self.disturbed;
                verdicts.check(Promise::Heartbeats, !late, || {
                    format!("no heartbeat for {:?}", Duration::from_nanos(since))
                });
            }
            current.last_heartbeat = Some(now);
            self.disturbed = false;
        }
        true
    }

    /// The client says that it lost a connection, or the attempt at one.
    pub(super) fn lost(&mut self, now: Moment, reason: &LostReason, config: &Config) {
        if let Some(current) = &mut self.current {
            current.given_up = true;
        }
        if self
            .ready
            .take()
            .is_some_and(|since| now.seen - since >= nanos(config.backoff_reset_after))
        {
            self.losses = 0;
        }
        let ceiling = nanos(config.backoff_initial)
            .saturating_mul(2_u64.saturating_pow(self.losses))
            .min(nanos(config.backoff_max));
        self.losses += 1;
        let mut window = None;
        let (least, most) = match reason {
            LostReason::ConnectFailed(failure) => match (failure.retry_after, failure.kind) {
                // Whoever is not welcome waits for minutes, even if the server names less.
                (asked, ConnectFailureKind::Http { status: 401 | 403 })
                    if asked.is_none_or(|asked| asked < config.refused_delay) =>
                {
                    refused(config)
                }
                (Some(asked), _) => {
                    let asked = nanos(asked.min(config.retry_after_max));
                    (asked, asked + ceiling)
                }
                (None, _) => {
                    window = Some((now.seen, ceiling));
                    (0, ceiling)
                }
            },
            LostReason::AuthenticationRefused(
                Refusal::ValidatorNotFound | Refusal::SignatureInvalid,
            ) => refused(config),
            _ => {
                window = Some((now.seen, ceiling));
                (0, ceiling)
            }
        };
        self.due = Some(Due {
            not_before: now.seen + least,
            not_after: now.shown + most + nanos(config.close_timeout),
            window,
        });
    }

    /// The operator stops the client.
    pub(super) fn stopping(&mut self, now: Moment, config: &Config) {
        self.stop = Some(now.shown + nanos(config.drain_timeout));
    }

    /// The client has stopped.
    pub(super) fn stopped(&mut self, now: Moment, verdicts: &mut Verdicts) {
        if let Some(deadline) = self.stop.take() {
            verdicts.check(Promise::Stops, now.shown <= deadline, || {
                format!("the stop took until {now:?}, its deadline was {deadline} ns")
            });
        }
        self.due = None;
    }

    /// The deadline of the stop that is under way, unless nobody can say.
    pub(super) fn stop_deadline(&self) -> Option<Nanos> {
        self.stop.filter(|deadline| *deadline != Nanos::MAX)
    }
}

/// The shortest and the longest wait after a refused authentication.
fn refused(config: &Config) -> (Nanos, Nanos) {
    let delay = nanos(config.refused_delay);
    (delay, delay + delay / 5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use facilitator_core::client::ConnectFailure;

    type Deed = fn(&mut Watch, &Config, &mut Verdicts);

    const CONN: ConnectionId = ConnectionId(1);
    const S: Nanos = 1_000_000_000;

    fn at(seconds: Nanos) -> Moment {
        Moment {
            seen: seconds * S,
            shown: seconds * S,
        }
    }

    /// What breaks when a connection stands and `what` happens then.
    fn broken(what: impl FnOnce(&mut Watch, &Config, &mut Verdicts)) -> Vec<Promise> {
        let (mut watch, mut verdicts) = (Watch::default(), Verdicts::default());
        let config = crate::solo::config();
        watch.connect(at(0), CONN, &mut verdicts);
        watch.opened();
        what(&mut watch, &config, &mut verdicts);
        let violations = verdicts.violations().iter();
        violations.map(|violation| violation.promise).collect()
    }

    fn authenticate(watch: &mut Watch, config: &Config, verdicts: &mut Verdicts) {
        let frame = Frame::text(format!("{AUTHENTICATION},.."));
        watch.transmit(at(0), CONN, &frame, config, verdicts);
        watch.arrives(at(0), SUCCESS);
    }

    fn beat(watch: &mut Watch, now: Moment, config: &Config, verdicts: &mut Verdicts) {
        watch.transmit(now, CONN, &Frame::text(HEARTBEAT), config, verdicts);
    }

    #[test]
    fn a_life_as_it_should_be_breaks_nothing() {
        let found = broken(|watch, config, verdicts| {
            authenticate(watch, config, verdicts);
            for minute in 0..10 {
                beat(watch, at(60 * minute), config, verdicts);
            }
            watch.lost(at(600), &LostReason::EndOfStream, config);
            watch.gone(CONN);
            watch.connect(at(601), ConnectionId(2), verdicts);
            watch.stopping(at(602), config);
            watch.stopped(at(612), verdicts);
        });
        assert_eq!(found, []);
    }

    #[test]
    fn each_fault_breaks_its_promise() {
        let cases: [(Promise, Deed); 9] = [
            (Promise::Handshake, |watch, config, verdicts| {
                beat(watch, at(0), config, verdicts);
            }),
            (Promise::Handshake, |watch, config, verdicts| {
                let frame = Frame::text(AUTHENTICATION);
                watch.transmit(at(0), CONN, &frame, config, verdicts);
                beat(watch, at(0), config, verdicts);
            }),
            (Promise::Handshake, |watch, _, verdicts| {
                watch.connect(at(1), ConnectionId(2), verdicts);
            }),
            (Promise::Heartbeats, |watch, config, verdicts| {
                authenticate(watch, config, verdicts);
                watch.transmit(at(0), CONN, &Frame::text("{}"), config, verdicts);
            }),
            (Promise::Heartbeats, |watch, config, verdicts| {
                authenticate(watch, config, verdicts);
                beat(watch, at(0), config, verdicts);
                beat(watch, at(59), config, verdicts);
            }),
            (Promise::Heartbeats, |watch, config, verdicts| {
                authenticate(watch, config, verdicts);
                beat(watch, at(0), config, verdicts);
                beat(watch, at(61), config, verdicts);
            }),
            (Promise::Polite, |watch, config, verdicts| {
                let mut failure = ConnectFailure::new(ConnectFailureKind::Refused, "");
                failure.retry_after = Some(Duration::from_secs(30));
                watch.lost(at(1), &LostReason::ConnectFailed(failure), config);
                watch.gone(CONN);
                watch.connect(at(29), ConnectionId(2), verdicts);
            }),
            (Promise::Polite, |watch, config, verdicts| {
                for number in 2..100 {
                    let (lost, again) = (at(number * 100), at(number * 100 + 2));
                    watch.lost(lost, &LostReason::EndOfStream, config);
                    watch.gone(ConnectionId(number - 1));
                    watch.connect(again, ConnectionId(number), verdicts);
                }
            }),
            (Promise::Stops, |watch, config, verdicts| {
                watch.stopping(at(1), config);
                watch.stopped(at(12), verdicts);
            }),
        ];
        for (number, (promise, what)) in cases.into_iter().enumerate() {
            let found = broken(what);
            assert!(found.contains(&promise), "case {number}: {found:?}");
        }
    }
}
