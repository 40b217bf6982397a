//! Everything that can be set, with its default and its bounds. No behaviour, besides checking itself.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::authentication::AuthenticationMethod;
use super::endpoint::Endpoint;
use super::error::ConfigError;
use super::trust::TrustPolicy;
use crate::message::DecodeMode;

/// How a session behaves.
///
/// Start from [`Config::new`] and change what you need; [`FacilitatorClient::new`](super::FacilitatorClient::new)
/// checks the whole. All fields are public on purpose: this is a value, not a machine.
///
/// ```
/// use core::time::Duration;
/// use facilitator_core::client::{Config, Endpoint};
///
/// let endpoint = Endpoint::parse("wss://facilitator.computehorde.io/ws/v0/")?;
/// let config = Config { heartbeat_interval: Duration::from_secs(30), ..Config::new(endpoint) };
/// assert!(config.check().is_ok());
/// # Ok::<(), facilitator_core::client::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the facilitator listens.
    pub endpoint: Endpoint,
    /// The request header `X-Validator-Version`. Default `unknown`; the reference sends the environment variable
    /// `VALIDATOR_VERSION` where it is set.
    pub validator_version: String,
    /// The request header `X-Validator-Runner-Version`. Default `unknown`; the reference sends `VALIDATOR_RUNNER_VERSION`.
    pub runner_version: String,
    /// Further request headers, sent with every connection attempt. Those that the upgrade has of its own, such as `Host`,
    /// are refused; so are those that the session sets, such as `X-Validator-Version`, and those that announce a body.
    pub extra_headers: Vec<(String, String)>,
    /// How the session proves who it is. Default: the first frame, as the reference.
    pub authentication: AuthenticationMethod,
    /// Whose job requests and cheat reports are taken. Default: those that the validator's own hotkey has signed.
    pub trust: TrustPolicy,
    /// How strictly inbound messages are read. Default: leniently, as the protocol may grow.
    pub decode_mode: DecodeMode,

    /// Time between two heartbeats; the first goes out right after authentication. The facilitator routes jobs only
    /// to a connection heard from within 3 minutes. Default 60 s, as the reference.
    pub heartbeat_interval: Duration,
    /// Time between two WebSocket pings. Proxies cut what is silent for 60 s. Default 20 s, as the reference.
    pub ping_interval: Duration,
    /// How long after a ping the peer may stay silent before the connection counts as dead. One that sends other things, but
    /// no pong, is given three times as long; what is on the way to it adds a second for every 64 KiB. Default 20 s.
    pub pong_timeout: Duration,

    /// Bound on DNS, TCP, TLS and the WebSocket upgrade together. Default 15 s.
    pub connect_timeout: Duration,
    /// Bound on the wait for the answer to the authentication. Default 15 s.
    pub authentication_timeout: Duration,
    /// Bound on the wait for the next `Response` while a status update is unanswered; what is on the way adds a second for
    /// every 64 KiB. Default 30 s.
    pub acknowledgement_timeout: Duration,
    /// Bound on the closing handshake. Default 3 s.
    pub close_timeout: Duration,
    /// Bound on everything between `stop` and the end. Default 10 s.
    pub drain_timeout: Duration,

    /// Upper limit of the first random delay before a new attempt; it doubles with every failure. Default 1 s.
    pub backoff_initial: Duration,
    /// Where that doubling ends. Default 60 s.
    pub backoff_max: Duration,
    /// How long a session must have been ready before the backoff starts anew. Default 30 s.
    pub backoff_reset_after: Duration,
    /// The delay after the facilitator did not know the validator or refused its signature, in a `Response` or by a close
    /// with 3001 or 3000, and after an upgrade that was answered with HTTP 401 or 403; up to a fifth of it is added at
    /// random. Default 5 minutes, the time that the facilitator names for its list of validators to catch up.
    pub refused_delay: Duration,
    /// What follows when the facilitator refuses the signature. Default: trying again after `refused_delay`.
    pub on_signature_invalid: OnSignatureInvalid,
    /// Upper limit of a delay that a server asks for with `Retry-After`; a random delay of the backoff comes on top.
    /// Default 10 minutes.
    pub retry_after_max: Duration,

    /// Status updates that may be sent without having been answered; 1 is stop-and-wait. Default 64.
    pub window: usize,
    /// Status updates that may be owed at once, 2 at least. Every open job keeps one of these slots for its terminal status.
    /// Default 1000.
    pub outbox_entries: usize,
    /// Machine specs that may be owed at once. Default 256.
    pub specs_entries: usize,
    /// Bytes that may be owed at once, not less than `message_bytes`. The terminal status of an open job is taken even beyond it. Default 64 MiB.
    pub outbox_bytes: usize,
    /// Largest message that is sent, 1 KiB at least. Some facilitators refuse 20 MiB. Default 16 MiB.
    pub message_bytes: usize,
    /// Largest message that is taken from the facilitator; job requests can carry whole volumes. Default 64 MiB.
    pub inbound_message_bytes: usize,
    /// Jobs that may be open at once; further requests are answered `rejected` with reason `busy`. A job whose terminal
    /// status was refused or handed back is open again, even beyond it. Default 1000.
    pub open_jobs: usize,
    /// Bytes that job requests may hold which the application has not taken yet, by their
    /// [weight](crate::message::V2JobRequest::weight); one alone may hold more. Their number is bounded by `open_jobs`.
    /// Default 64 MiB.
    pub waiting_job_bytes: usize,
    /// What becomes of a job request beyond `waiting_job_bytes`. Default: it is rejected.
    pub when_jobs_wait: WhenJobsWait,
    /// Events that may wait for the application in the shared driver, besides job requests: so many that ask for an
    /// action (cheat reports, overdue jobs), and so many that do not. Beyond it the oldest are dropped and counted.
    /// The session itself queues its outputs without a bound, and wants to be drained after every input. Default 4096.
    pub waiting_events: usize,
    /// The same bound in bytes of the messages that these events hold, for either kind; one alone may hold more.
    /// Default 64 MiB.
    pub waiting_event_bytes: usize,
    /// Added to the time limits of a job's own request, for everything that they do not cover: finding a miner, starting
    /// the executor (up to 4 minutes, by the name of its class), the way of the result. A job that has no terminal status
    /// by then is ended as `horde_failed`. Default 10 minutes.
    pub job_margin: Duration,
    /// How long a job may stay open that was taken up without its request, because a status of it came in. Then it is
    /// ended as `horde_failed`. Default 24 hours.
    pub adopted_job_limit: Duration,
    /// Ended jobs that are remembered, so that a repeated request does not run them again. Default 10 000.
    pub ended_jobs: usize,
}

/// What becomes of a job request for which there is no room, because the application takes its requests too slowly.
///
/// Reading goes on in either case: responses, pongs and heartbeats come and go on the same connection, so that a
/// request cannot be held back without them. It is not kept, and a [`JobDeclined`](super::Event::JobDeclined) tells of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenJobsWait {
    /// It is answered `rejected`, with reason `busy`, at once: the facilitator can give the job to somebody else.
    #[default]
    Reject,
    /// It is left unanswered. The facilitator sends a request to every connection of a validator: where several
    /// processes share a hotkey, a rejection by one would end a job that another one runs.
    Ignore,
}

/// What follows when the facilitator refuses the signature of the authentication (`auth.signature_invalid`, or a close
/// with 3000). The same key will hardly be accepted later, but a facilitator can be repaired too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnSignatureInvalid {
    /// Try again after `refused_delay`; until it succeeds, the session's health is [`Refused`](super::Health::Refused).
    #[default]
    Retry,
    /// End the session, as [`abort`](super::FacilitatorClient::abort) does: what is owed is handed back.
    Stop,
}

/// No message of the session's own is longer.
const OWN_MESSAGE_BYTES: usize = 1024;

impl Config {
    /// The defaults, for this endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            validator_version: String::from("unknown"),
            runner_version: String::from("unknown"),
            extra_headers: Vec::new(),
            authentication: AuthenticationMethod::FirstFrame,
            trust: TrustPolicy::default(),
            decode_mode: DecodeMode::Lenient,
            heartbeat_interval: Duration::from_mins(1),
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(15),
            authentication_timeout: Duration::from_secs(15),
            acknowledgement_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(3),
            drain_timeout: Duration::from_secs(10),
            backoff_initial: Duration::from_secs(1),
            backoff_max: Duration::from_mins(1),
            backoff_reset_after: Duration::from_secs(30),
            refused_delay: Duration::from_mins(5),
            on_signature_invalid: OnSignatureInvalid::Retry,
            retry_after_max: Duration::from_mins(10),
            window: 64,
            outbox_entries: 1000,
            specs_entries: 256,
            outbox_bytes: 64 * MIB,
            message_bytes: 16 * MIB,
            inbound_message_bytes: 64 * MIB,
            open_jobs: 1000,
            waiting_job_bytes: 64 * MIB,
            when_jobs_wait: WhenJobsWait::Reject,
            waiting_events: 4096,
            waiting_event_bytes: 64 * MIB,
            job_margin: Duration::from_mins(10),
            adopted_job_limit: Duration::from_hours(24),
            ended_jobs: 10_000,
        }
    }

    /// Whether the values make sense together.
    ///
    /// # Errors
    ///
    /// The first value that does not, by its field's name.
    pub fn check(&self) -> Result<(), ConfigError> {
        let durations = [
            ("heartbeat_interval", self.heartbeat_interval),
            ("ping_interval", self.ping_interval),
            ("pong_timeout", self.pong_timeout),
            ("connect_timeout", self.connect_timeout),
            ("authentication_timeout", self.authentication_timeout),
            ("acknowledgement_timeout", self.acknowledgement_timeout),
            ("close_timeout", self.close_timeout),
            ("drain_timeout", self.drain_timeout),
            ("backoff_initial", self.backoff_initial),
            ("backoff_max", self.backoff_max),
            // Without it, refused attempts would follow on each other at once.
            ("refused_delay", self.refused_delay),
            // Without it, whatever a worker reports of a job of another process would end the job.
            ("adopted_job_limit", self.adopted_job_limit),
        ];
        for (field, value) in durations {
            if value.is_zero() {
                return Err(ConfigError::Zero { field });
            }
        }
        if self.trust.verifications_per_second == 0 {
            return Err(ConfigError::Zero {
                field: "verifications_per_second",
            });
        }
        let counts = [
            ("window", self.window),
            ("outbox_bytes", self.outbox_bytes),
            ("message_bytes", self.message_bytes),
            ("inbound_message_bytes", self.inbound_message_bytes),
            ("specs_entries", self.specs_entries),
            ("open_jobs", self.open_jobs),
            ("waiting_job_bytes", self.waiting_job_bytes),
            ("waiting_events", self.waiting_events),
            ("waiting_event_bytes", self.waiting_event_bytes),
        ];
        for (field, value) in counts {
            if value == 0 {
                return Err(ConfigError::Zero { field });
            }
        }
        if self.message_bytes < OWN_MESSAGE_BYTES {
            return Err(ConfigError::MessageBytes {
                found: self.message_bytes,
                least: OWN_MESSAGE_BYTES,
            });
        }
        // A job needs room for `received` and for its terminal status.
        if self.outbox_entries < 2 {
            return Err(ConfigError::OutboxTooSmall {
                entries: self.outbox_entries,
            });
        }
        if self.outbox_bytes < self.message_bytes {
            return Err(ConfigError::OutboxBytes {
                outbox: self.outbox_bytes,
                message: self.message_bytes,
            });
        }
        if self.backoff_max < self.backoff_initial {
            return Err(ConfigError::BackoffOrder {
                initial: self.backoff_initial,
                max: self.backoff_max,
            });
        }
        for (name, value) in self.versions() {
            check_header(name, value)?;
        }
        for (name, value) in &self.extra_headers {
            Self::check_extra_header(name, value)?;
        }
        Ok(())
    }

    /// Checks one of [`extra_headers`](Self::extra_headers), as [`check`](Self::check) does with all of them: for those
    /// who want to say where a wrong one comes from.
    ///
    /// # Errors
    /// [`ConfigError::ReservedHeader`] for a header that the upgrade or the session sets itself, or that announces a
    /// body; [`ConfigError::Header`] for one that cannot be sent.
    pub fn check_extra_header(name: &str, value: &str) -> Result<(), ConfigError> {
        if is_among(&SESSION_HEADERS, name) {
            return Err(ConfigError::ReservedHeader { name: name.into() });
        }
        check_header(name, value)
    }

    fn versions(&self) -> [(&str, &str); 2] {
        [
            ("X-Validator-Version", self.validator_version.as_str()),
            ("X-Validator-Runner-Version", self.runner_version.as_str()),
        ]
    }

    /// All request headers of a connection attempt that do not depend on the attempt.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let extra = self.extra_headers.iter();
        self.versions()
            .into_iter()
            .chain(extra.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl fmt::Debug for Config {
    /// The values of extra headers are left out: they can be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .extra_headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        f.debug_struct("Config")
            .field("endpoint", &self.endpoint)
            .field("validator_version", &self.validator_version)
            .field("runner_version", &self.runner_version)
            .field("extra_headers", &names)
            .field("authentication", &self.authentication)
            .field("trust", &self.trust)
            .field("decode_mode", &self.decode_mode)
            .field("heartbeat_interval", &self.heartbeat_interval)
            .field("ping_interval", &self.ping_interval)
            .field("pong_timeout", &self.pong_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("authentication_timeout", &self.authentication_timeout)
            .field("acknowledgement_timeout", &self.acknowledgement_timeout)
            .field("close_timeout", &self.close_timeout)
            .field("drain_timeout", &self.drain_timeout)
            .field("backoff_initial", &self.backoff_initial)
            .field("backoff_max", &self.backoff_max)
            .field("backoff_reset_after", &self.backoff_reset_after)
            .field("refused_delay", &self.refused_delay)
            .field("on_signature_invalid", &self.on_signature_invalid)
            .field("retry_after_max", &self.retry_after_max)
            .field("window", &self.window)
            .field("outbox_entries", &self.outbox_entries)
            .field("specs_entries", &self.specs_entries)
            .field("outbox_bytes", &self.outbox_bytes)
            .field("message_bytes", &self.message_bytes)
            .field("inbound_message_bytes", &self.inbound_message_bytes)
            .field("open_jobs", &self.open_jobs)
            .field("waiting_job_bytes", &self.waiting_job_bytes)
            .field("when_jobs_wait", &self.when_jobs_wait)
            .field("waiting_events", &self.waiting_events)
            .field("waiting_event_bytes", &self.waiting_event_bytes)
            .field("job_margin", &self.job_margin)
            .field("adopted_job_limit", &self.adopted_job_limit)
            .field("ended_jobs", &self.ended_jobs)
            .finish()
    }
}

const MIB: usize = 1024 * 1024;

/// The headers that are the upgrade's own (RFC 6455, section 4.1), and those that announce a body: it has none, and a
/// server that believes in one takes the first frames for it.
const RESERVED_HEADERS: [&str; 8] = [
    "Host",
    "Connection",
    "Upgrade",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Extensions",
    "Content-Length",
    "Transfer-Encoding",
];

/// The headers that the session has of its own: the versions, and the authentication where it stands in headers. A second
/// one would contradict it.
const SESSION_HEADERS: [&str; 5] = [
    "X-Validator-Version",
    "X-Validator-Runner-Version",
    "X-Timestamp",
    "X-Public-Key",
    "X-Signature",
];

fn is_among(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// RFC 9110, section 5: a name is a token, a value has visible characters, spaces and tabs only.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), ConfigError> {
    if is_among(&RESERVED_HEADERS, name) {
        return Err(ConfigError::ReservedHeader { name: name.into() });
    }
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    let good_name = !name.is_empty() && name.bytes().all(token);
    let good_value = value
        .bytes()
        .all(|c| c == b'\t' || (b' '..=b'~').contains(&c));
    if good_name && good_value {
        Ok(())
    } else {
        Err(ConfigError::Header { name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new(Endpoint::parse("ws://127.0.0.1:1/").unwrap())
    }

    #[test]
    fn the_defaults_are_consistent() {
        assert_eq!(config().check(), Ok(()));
    }

    #[test]
    fn a_value_that_makes_no_sense_is_named() {
        for (field, zero) in [
            (
                "ping_interval",
                Config {
                    ping_interval: Duration::ZERO,
                    ..config()
                },
            ),
            (
                "refused_delay",
                Config {
                    refused_delay: Duration::ZERO,
                    ..config()
                },
            ),
            (
                "adopted_job_limit",
                Config {
                    adopted_job_limit: Duration::ZERO,
                    ..config()
                },
            ),
        ] {
            assert_eq!(zero.check(), Err(ConfigError::Zero { field }));
        }
        let window = Config {
            window: 0,
            ..config()
        };
        assert_eq!(window.check(), Err(ConfigError::Zero { field: "window" }));
        let small = Config {
            outbox_entries: 1,
            ..config()
        };
        assert_eq!(
            small.check(),
            Err(ConfigError::OutboxTooSmall { entries: 1 })
        );
        let message = Config {
            message_bytes: 1023,
            ..config()
        };
        assert_eq!(
            message.check(),
            Err(ConfigError::MessageBytes {
                found: 1023,
                least: 1024
            })
        );
        let bytes = Config {
            outbox_bytes: 10,
            ..config()
        };
        assert!(matches!(
            bytes.check(),
            Err(ConfigError::OutboxBytes { outbox: 10, .. })
        ));
        let order = Config {
            backoff_max: Duration::from_millis(1),
            ..config()
        };
        assert!(matches!(
            order.check(),
            Err(ConfigError::BackoffOrder { .. })
        ));
    }

    #[test]
    fn a_header_cannot_smuggle_a_line() {
        for (name, value) in [
            ("X-A", "1\r\nX-B: 2"),
            ("X A", "1"),
            ("", "1"),
            ("X-A", "\u{17c}"),
        ] {
            let config = Config {
                extra_headers: alloc::vec![(name.into(), value.into())],
                ..config()
            };
            assert_eq!(
                config.check(),
                Err(ConfigError::Header { name: name.into() }),
                "{name:?}: {value:?}"
            );
        }
    }

    #[test]
    fn a_header_of_the_upgrades_or_the_sessions_own_is_refused() {
        for name in [
            "host",
            "Sec-WebSocket-Key",
            "transfer-encoding",
            "x-validator-version",
            "X-Signature",
        ] {
            let config = Config {
                extra_headers: alloc::vec![(name.into(), "1".into())],
                ..config()
            };
            let error = ConfigError::ReservedHeader { name: name.into() };
            assert_eq!(config.check(), Err(error));
        }
    }

    #[test]
    fn header_values_are_not_shown() {
        let secret = ("Authorization".into(), "Bearer s3cret".into());
        let config = Config {
            extra_headers: alloc::vec![secret],
            ..config()
        };
        let shown = alloc::format!("{config:?}");
        assert!(
            shown.contains("Authorization") && !shown.contains("s3cret"),
            "{shown}"
        );
    }
}
