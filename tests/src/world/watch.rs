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
    texts_sent: u64,
    authenticated: Option<Nanos>,
    last_heartbeat: Option<Moment>,
}

/// When the next attempt may come, and has to.
#[derive(Clone, Copy, Debug)]
struct Due {
    not_before: Nanos,
    not_after: Nanos,
}

/// What is known of a client's connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    current: Option<Watched>,
    newest: u64,
    /// Attempts and connections that were lost since the schedule began.
    losses: u32,
    due: Option<Due>,
    /// While a stop is under way: its deadline.
    stop: Option<Nanos>,
    /// Set when the clock or the process was tampered with: what was due then may come late.
    disturbed: bool,
}

impl Watch {
    /// The operator starts the client: the schedule begins anew.
    pub(super) fn started(&mut self) {
        self.losses = 0;
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
            texts_sent: 0,
            authenticated: None,
            last_heartbeat: None,
        });
        self.disturbed = false;
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
            && text == SUCCESS
        {
            current.authenticated = Some(now.seen);
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
        let ready = self
            .current
            .as_ref()
            .and_then(|current| current.authenticated);
        if ready.is_some_and(|since| now.seen - since >= nanos(config.backoff_reset_after)) {
            self.losses = 0;
        }
        let ceiling = nanos(config.backoff_initial)
            .saturating_mul(2_u64.saturating_pow(self.losses))
            .min(nanos(config.backoff_max));
        self.losses += 1;
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
                (None, _) => (0, ceiling),
            },
            LostReason::AuthenticationRefused(
                Refusal::ValidatorNotFound | Refusal::SignatureInvalid,
            ) => refused(config),
            _ => (0, ceiling),
        };
        self.due = Some(Due {
            not_before: now.seen + least,
            not_after: now.shown + most + nanos(config.close_timeout),
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
