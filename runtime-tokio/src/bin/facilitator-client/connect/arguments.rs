//! The arguments of `connect`, the environment and the hotkey file: checked, and made into settings.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Failure;
use crate::hotkey_file;
use facilitator_tokio::core::client::{AuthenticationMethod, Signatories};
use facilitator_tokio::core::message::DecodeMode;
use facilitator_tokio::core::signature::AccountId;
use facilitator_tokio::{Config, Endpoint, Keypair};

/// The longest time that can be asked for. Beyond it, "never" was meant, or a unit was mixed up.
const LONGEST: Duration = Duration::from_hours(24 * 366);

const HELP: &str = r#"INPUT, one JSON object a line:
  {"command":"job_status","id":ANY,"uuid":"..","status":"..","metadata":{..}}
  {"command":"reject_job","id":ANY,"uuid":"..","reason":"..","message":".."}
  {"command":"machine_specs","id":ANY,"miner_hotkey":"..","batch_id":"..","specs":{..}}
  {"command":"stop"}
  `id` is optional, any JSON, and comes back as it was written. Unknown and repeated keys are
  errors. Commands are submitted in the order of their lines. While the outbox is full, stdin is
  not read. The end of the input means stop.

OUTPUT, one JSON object a line, with the key `event`:
  phase              with `reason`, `cause` and `retry_in_s` while it waits for the next attempt
  job_request        a job to run, the `request` complete; `received` is answered already
  job_refused        a job that nobody trusted has signed; it is answered `rejected` already
  cheat_report       a finished job was a fraud, the `report` complete
  receipt            the fate of an accepted command, exactly one for each: `outcome` is
                     acknowledged, already_known, refused (see `errors`), set_aside or handed_back
  automatic_receipt  the same for what was sent without a command (`received`, rejected as busy)
  command_error      a line that was not accepted; nothing of it was queued
  job_declined, cheat_report_refused, malformed, unexpected_response, heartbeat_refused,
  unexpected_binary, missed
                     nothing has to be done
  stopped            the last line; `owed` holds each message that was not delivered, whole

STOPPING: SIGINT, SIGTERM, the command `stop` and the end of the input deliver what is owed until
the drain timeout has passed. A second signal aborts at once.

ENVIRONMENT: VALIDATOR_VERSION and VALIDATOR_RUNNER_VERSION go into the request headers;
FACILITATOR_LOG filters the log on stderr (error, warn, info, debug, trace).

EXIT STATUS: 0 after a stop with nothing owed; 1 when messages were handed back, stdin, stdout or the
recording failed, or a second signal aborted; 2 when the arguments or the hotkey file are wrong."#;

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags are what a command line has"
)]
pub(crate) struct Arguments {
    /// The facilitator
    #[arg(
        long,
        value_name = "URI",
        long_help = "The facilitator, as wss://facilitator.computehorde.io/ws/v0/"
    )]
    uri: String,
    /// A wallet's hotkey file (JSON with `secretSeed` or `secretPhrase`), or one of ours with a `cryptoType`
    #[arg(long, value_name = "FILE")]
    hotkey: PathBuf,
    /// Allow ws:// to other hosts than this one: everybody on the way can then read the authentication and replay it
    #[arg(long)]
    allow_plaintext: bool,
    /// Refuse what the reference refuses, instead of bearing with unknown fields
    #[arg(long)]
    strict: bool,
    /// Take jobs that this account has signed, besides those of the hotkey itself (repeatable)
    #[arg(long, value_name = "SS58", value_parser = account)]
    trust: Vec<AccountId>,
    /// Take jobs that anybody has signed
    #[arg(long, conflicts_with = "trust")]
    trust_anyone: bool,
    /// Take every job, and look at no signature: for development
    #[arg(long, conflicts_with_all = ["trust", "trust_anyone"])]
    unverified: bool,
    /// Where the authentication stands: in the first frame, as today's facilitator wants it, or in the request headers
    #[arg(long, value_name = "PLACE", default_value = "frame")]
    authentication: Authentication,
    /// Time from a stop to the end, at most
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    drain_timeout: Option<Duration>,
    /// Time between two heartbeats
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    heartbeat_interval: Option<Duration>,
    /// Time between two WebSocket pings
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    ping_interval: Option<Duration>,
    /// Time for an answer to a ping
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    pong_timeout: Option<Duration>,
    /// Time for DNS, TCP, TLS and the WebSocket handshake together
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    connect_timeout: Option<Duration>,
    /// Time for the answer to the authentication
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    authentication_timeout: Option<Duration>,
    /// Time for the answer to a status update
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    acknowledgement_timeout: Option<Duration>,
    /// Upper limit of the first random delay before a new attempt
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    backoff_initial: Option<Duration>,
    /// Upper limit of every random delay before a new attempt
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    backoff_max: Option<Duration>,
    /// Delay after a refused authentication
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_hyphen_values = true)]
    refused_delay: Option<Duration>,
    /// Status updates that may be unanswered at once
    #[arg(long, value_name = "COUNT", value_parser = count, allow_hyphen_values = true)]
    window: Option<usize>,
    /// Status updates that may be owed at once
    #[arg(long, value_name = "COUNT", value_parser = entries, allow_hyphen_values = true)]
    outbox_entries: Option<usize>,
    /// Bytes of messages that may be owed at once
    #[arg(long, value_name = "BYTES", value_parser = bytes, allow_hyphen_values = true)]
    outbox_bytes: Option<usize>,
    /// Record the session for `replay`, in a new file: no secret is in it, only its owner can read it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Longest line of the input; three times the largest message, for text that is escaped all over
    #[arg(long, value_name = "BYTES", default_value_t = 48 << 20, value_parser = bytes, allow_hyphen_values = true)]
    line_bytes: usize,
}

/// Where the authentication stands.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Authentication {
    Frame,
    Headers,
}

/// What the arguments mean.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) keypair: Keypair,
    pub(super) line_bytes: usize,
    pub(super) record: Option<PathBuf>,
}

impl Arguments {
    /// Reads the environment and the hotkey file.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let config = self.config()?;
        let keypair = hotkey_file::read(&self.hotkey)?;
        Ok(Settings {
            config,
            keypair,
            line_bytes: self.line_bytes,
            record: self.record.clone(),
        })
    }

    fn config(&self) -> Result<Config, Failure> {
        let endpoint = if self.allow_plaintext {
            Endpoint::parse_allowing_plaintext(&self.uri)
        } else {
            Endpoint::parse(&self.uri)
        };
        let endpoint = endpoint.map_err(|error| Failure::usage(format!("--uri: {error}")))?;
        let mut config = Config::new(endpoint);
        if let Some(version) = version("VALIDATOR_VERSION")? {
            config.validator_version = version;
        }
        if let Some(version) = version("VALIDATOR_RUNNER_VERSION")? {
            config.runner_version = version;
        }
        if self.strict {
            config.decode_mode = DecodeMode::Strict;
        }
        config.trust.signatories = self.signatories();
        config.authentication = match self.authentication {
            Authentication::Frame => AuthenticationMethod::FirstFrame,
            Authentication::Headers => AuthenticationMethod::Headers,
        };
        let durations = [
            (&mut config.drain_timeout, self.drain_timeout),
            (&mut config.heartbeat_interval, self.heartbeat_interval),
            (&mut config.ping_interval, self.ping_interval),
            (&mut config.pong_timeout, self.pong_timeout),
            (&mut config.connect_timeout, self.connect_timeout),
            (
                &mut config.authentication_timeout,
                self.authentication_timeout,
            ),
            (
                &mut config.acknowledgement_timeout,
                self.acknowledgement_timeout,
            ),
            (&mut config.backoff_initial, self.backoff_initial),
            (&mut config.backoff_max, self.backoff_max),
            (&mut config.refused_delay, self.refused_delay),
        ];
        for (field, value) in durations {
            *field = value.unwrap_or(*field);
        }
        config.window = self.window.unwrap_or(config.window);
        config.outbox_entries = self.outbox_entries.unwrap_or(config.outbox_entries);
        config.outbox_bytes = self.outbox_bytes.unwrap_or(config.outbox_bytes);
        // The input waits for room. What never fits must be refused instead: a message that is larger than the outbox,
        // and one more job when every place is kept for the last status of those that are open.
        config.message_bytes = config.message_bytes.min(config.outbox_bytes);
        config.open_jobs = config
            .open_jobs
            .min(config.outbox_entries.saturating_sub(2).max(1));
        Ok(config)
    }
}

impl Arguments {
    fn signatories(&self) -> Signatories {
        if self.unverified {
            Signatories::Unverified
        } else if self.trust_anyone {
            Signatories::Anyone
        } else {
            Signatories::OwnAnd(self.trust.iter().copied().collect())
        }
    }
}

/// The value of an environment variable, if it can stand in a header.
fn version(name: &str) -> Result<Option<String>, Failure> {
    let Some(value) = env::var_os(name) else {
        return Ok(None);
    };
    let printable = |text: &String| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match value.into_string().ok().filter(printable) {
        Some(value) => Ok(Some(value)),
        None => Err(Failure::usage(format!(
            "the environment variable {name} cannot be sent as a header; accepted is printable ASCII"
        ))),
    }
}

/// Seconds, with a fraction if need be.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero() && *duration <= LONGEST)
        .ok_or_else(|| {
            format!(
                "accepted are seconds above 0, up to {}, as 10 or 0.5",
                LONGEST.as_secs()
            )
        })
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::from_ss58(text)
        .map_err(|error| format!("{error}; accepted is an SS58 address of 32 bytes"))
}

fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
        .ok_or_else(|| "accepted are whole numbers from 1 to 1000000".to_owned())
}

/// Room for a status and the last status of one job, and for a job that is refused.
fn entries(text: &str) -> Result<usize, String> {
    count(text)
        .ok()
        .filter(|count| *count >= 3)
        .ok_or_else(|| "accepted are whole numbers from 3 to 1000000".to_owned())
}

fn bytes(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|bytes| (1024..=1 << 30).contains(bytes))
        .ok_or_else(|| "accepted are 1024 to 1073741824 bytes".to_owned())
}
