//! A trace in words, for people.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::header::Header;
use super::line::{FailureKind, How, Inbound, Input};
use super::output::{Outbound, OutputLine};
use super::verdict::Verdict;
use crate::Timestamp;

/// A line of a trace in words. `Display` shows all of it: time, who, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The number of the line, from 1.
    pub line: u64,
    /// When it happened, since the session's origin.
    pub at: Timestamp,
    /// Whose doing it is.
    pub who: Who,
    /// What happened.
    pub what: String,
}

/// Whose doing a line of a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Who {
    /// The recorder's own first line.
    Trace,
    /// The application told the session.
    Application,
    /// The network told it.
    Network,
    /// A clock told it.
    Clock,
    /// The session asks the network for something.
    Session,
    /// The session tells the application.
    Event,
}

impl Who {
    /// The name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Application => "application",
            Self::Network => "network",
            Self::Clock => "clock",
            Self::Session => "session",
            Self::Event => "event",
        }
    }

    /// Towards the session, or from it.
    const fn arrow(self) -> &'static str {
        match self {
            Self::Trace => "  ",
            Self::Application | Self::Network | Self::Clock => "=>",
            Self::Session | Self::Event => "<=",
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (who, arrow) = (self.who.as_str(), self.who.arrow());
        let at = self.at.as_duration();
        let (seconds, micros) = (at.as_secs(), at.subsec_micros());
        write!(
            f,
            "{seconds:>6}.{micros:06} {arrow} {who:<11} {}",
            self.what
        )
    }
}

impl Shown {
    pub(super) fn new(line: u64, at: Timestamp, (who, what): (Who, String)) -> Self {
        Self {
            line,
            at,
            who,
            what,
        }
    }
}

pub(super) fn header(header: &Header) -> (Who, String) {
    let what = format!("session of {}, seed {}", header.hotkey, header.seed);
    (Who::Trace, what)
}

pub(super) fn input(what: &Input) -> (Who, String) {
    let (who, text) = match what {
        Input::Start => (Who::Application, "start".to_string()),
        Input::Stop => (Who::Application, "stop".to_string()),
        Input::Abort => (Who::Application, "abort".to_string()),
        Input::Trust(_) => (Who::Application, "other people are trusted".to_string()),
        Input::WaitingJobs { bytes } => {
            let text = format!("job requests of {bytes} bytes wait");
            (Who::Application, text)
        }
        Input::Restore(snapshot) => {
            let (owed, jobs) = (snapshot.owed(), snapshot.open_jobs());
            let text = format!("restore {owed} messages and {jobs} open jobs");
            (Who::Application, text)
        }
        Input::Adopt { uuid, time_left } => {
            let left = Duration::from(*time_left);
            (Who::Application, format!("adopt {uuid} for {left:?}"))
        }
        Input::Status(message) | Input::Specs(message) => {
            (Who::Application, format!("send {}", brief(message)))
        }
        Input::Tick => (Who::Clock, "tick".to_string()),
        Input::WallClock { unix } => {
            let unix = Duration::from(*unix).as_secs();
            (Who::Clock, format!("it is {unix} s since 1970"))
        }
        Input::Connected { connection } => (Who::Network, format!("#{connection} connected")),
        Input::ConnectFailed {
            connection,
            kind,
            retry_after,
        } => {
            let asked =
                retry_after.map(|asked| format!(", retry after {:?}", Duration::from(asked)));
            let (kind, asked) = (failure(*kind), asked.unwrap_or_default());
            let text = format!("#{connection} connect failed: {kind}{asked}");
            (Who::Network, text)
        }
        Input::Frame {
            connection,
            frame,
            verdict,
        } => {
            let judged = verdict.as_ref().map_or("", |verdict| match verdict {
                Verdict::Trusted => ", trusted",
                _ => ", not trusted",
            });
            let text = format!("#{connection} {}{judged}", inbound(frame));
            (Who::Network, text)
        }
        Input::Disconnected { connection, how } => {
            let how = match how {
                How::Closed { code } => format!("closed {}", shown_code(*code)),
                How::EndOfStream => "end of stream".to_string(),
                How::Io => "IO error".to_string(),
                How::Protocol => "protocol error".to_string(),
            };
            (Who::Network, format!("#{connection} disconnected: {how}"))
        }
    };
    (who, text)
}

fn failure(kind: FailureKind) -> String {
    match kind {
        FailureKind::Dns => "dns".to_string(),
        FailureKind::Refused => "refused".to_string(),
        FailureKind::Io => "io".to_string(),
        FailureKind::Proxy { status: None } => "proxy".to_string(),
        FailureKind::Proxy {
            status: Some(status),
        } => format!("proxy, HTTP {status}"),
        FailureKind::Tls => "tls".to_string(),
        FailureKind::Http { status } => format!("http {status}"),
        FailureKind::Handshake => "handshake".to_string(),
        FailureKind::Timeout => "timeout".to_string(),
    }
}

fn inbound(frame: &Inbound) -> String {
    match frame {
        Inbound::Message(message) => brief(message),
        Inbound::Malformed { bytes, issues, .. } => {
            let first = issues.first().map_or("", String::as_str);
            format!("malformed text of {bytes} bytes: {}", first.escape_debug())
        }
        Inbound::Binary { bytes } => format!("binary of {bytes} bytes"),
        Inbound::Ping { .. } => "ping".to_string(),
        Inbound::Pong { number, .. } => format!("pong {}", shown_number(*number)),
        Inbound::Close { code } => format!("close {}", shown_code(*code)),
    }
}

fn shown_code(code: Option<u16>) -> String {
    code.map_or_else(|| "without a code".to_string(), |code| code.to_string())
}

fn shown_number(number: Option<u64>) -> String {
    number.map_or_else(|| "of somebody else's".to_string(), |n| n.to_string())
}

pub(super) fn output(output: &OutputLine) -> (Who, String) {
    match output {
        OutputLine::Connect { connection } => (Who::Session, format!("#{connection} connect")),
        OutputLine::Transmit { connection, frame } => {
            let frame = match frame {
                Outbound::Authentication => "V0AuthenticationRequest".to_string(),
                Outbound::Message(message) => brief(message),
                Outbound::Binary { bytes } => format!("binary of {bytes} bytes"),
                Outbound::Ping { number } => format!("ping {}", shown_number(*number)),
                Outbound::Pong { .. } => "pong".to_string(),
                Outbound::Close { code } => format!("close {}", shown_code(*code)),
            };
            (Who::Session, format!("#{connection} {frame}"))
        }
        OutputLine::Disconnect { connection, code } => {
            let how = match code {
                Some(code) => format!("close {code}"),
                None => "drop".to_string(),
            };
            (Who::Session, format!("#{connection} {how}"))
        }
        event => (Who::Event, self::event(event)),
    }
}

fn event(event: &OutputLine) -> String {
    match event {
        OutputLine::Phase {
            phase,
            reason,
            next_attempt,
        } => {
            let reason = reason.as_ref().map(|reason| format!(" after {reason}"));
            let until = next_attempt.map(|at| format!(" until {}", Timestamp::from(at)));
            let (reason, until) = (reason.unwrap_or_default(), until.unwrap_or_default());
            format!("phase {phase}{until}{reason}")
        }
        OutputLine::Health { health } => format!("health {health}"),
        OutputLine::ConnectionLost {
            connection,
            reason,
            owed,
        } => format!("#{connection} lost: {reason}; {owed} messages are owed"),
        OutputLine::JobRequested { request } => format!("job requested: {}", brief(request)),
        OutputLine::JobRefused { request, .. } => format!("job refused: {}", brief(request)),
        OutputLine::JobDeclined { uuid, reason } => {
            let uuid = uuid.as_deref().unwrap_or("without a uuid");
            format!("job {uuid} declined: {reason}")
        }
        OutputLine::JobOverdue { uuid } => format!("job {uuid} is overdue"),
        OutputLine::JobCheated { report } => format!("cheat report: {}", brief(report)),
        OutputLine::CheatReportRefused { report, .. } => {
            format!("cheat report refused: {}", brief(report))
        }
        OutputLine::Receipt {
            id, about, outcome, ..
        } => format!("receipt {id}: {about} {outcome}"),
        OutputLine::Malformed => "malformed".to_string(),
        OutputLine::UnexpectedResponse { .. } => "unexpected response".to_string(),
        OutputLine::HeartbeatRefused { .. } => "heartbeat refused".to_string(),
        OutputLine::UnexpectedBinary { bytes } => format!("unexpected binary of {bytes} bytes"),
        OutputLine::Missed { events } => format!("{events} events missed"),
        OutputLine::Stopped { owed } => format!("stopped; {} messages are owed", owed.len()),
        // Shown as the session's, not as an event.
        OutputLine::Connect { .. }
        | OutputLine::Transmit { .. }
        | OutputLine::Disconnect { .. } => String::new(),
    }
}

/// What a message is about.
#[derive(Deserialize)]
struct Brief<'a> {
    #[serde(borrow)]
    message_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uuid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    job_uuid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    batch_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    errors: Vec<BriefError<'a>>,
}

#[derive(Deserialize)]
struct BriefError<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
}

fn brief(message: &RawValue) -> String {
    let Ok(brief) = serde_json::from_str::<Brief<'_>>(message.get()) else {
        return "a message".to_string();
    };
    let kind = brief.errors.into_iter().next().and_then(|error| error.kind);
    let mut words = [
        brief.message_type.or(Some(Cow::Borrowed("Response"))),
        brief.uuid.or(brief.job_uuid).or(brief.batch_id),
        brief.status,
        kind,
    ]
    .into_iter()
    .flatten();
    let mut text = words.next().unwrap_or_default().into_owned();
    for word in words {
        text.push(' ');
        text.push_str(&word);
    }
    // In a damaged trace, anything can stand anywhere.
    text.chars().filter(|c| !c.is_control()).take(160).collect()
}
