//! A recorded session, told again what it was told, and compared with what it did.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use core::fmt::Display;

use super::MAX_LINE_BYTES;
use super::error::{Difference, ReplayError, shorten};
use super::header::{FORMAT, Header};
use super::line::{How, Inbound, Input, Line, Step};
use super::output::OutputLine;
use super::redact::fill;
use super::show::{self, Shown};
use super::verdict::Verdict;
use crate::client::{ConnectFailure, Disconnected, FacilitatorClient, TrustError};
use crate::message::{DecodeMode, ValidatorMessage};
use crate::signature::AccountId;
use crate::{CloseFrame, ConnectionId, Frame, Timestamp};

/// Replays a trace, line by line.
///
/// The player reads no file: give it every line, in order, without its line break, then call
/// [`finish`](Self::finish). An error ends the replay; what the player does with lines behind it means nothing.
#[derive(Debug, Default)]
pub struct Player {
    session: Option<FacilitatorClient>,
    until: Option<Timestamp>,
    /// The line that was fed last.
    line: u64,
    /// The time of the latest input.
    now: Timestamp,
    /// What the session did at the latest input, and was not compared yet.
    done: VecDeque<OutputLine>,
    /// Lines of outputs that the latest input promises, and that were not fed yet.
    promised: usize,
    inputs: u64,
    outputs: u64,
}

/// What a replay has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Inputs that were given to the session.
    pub inputs: u64,
    /// Outputs that were compared, and are equal.
    pub outputs: u64,
    /// The time of the last input, since the session's origin.
    pub end: Timestamp,
}

impl Player {
    /// A player that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the replay before the first input that is later than this.
    #[must_use]
    pub fn until(mut self, at: Timestamp) -> Self {
        self.until = Some(at);
        self
    }

    /// The session as it is after the latest input; none before the first line.
    pub fn session(&self) -> Option<&FacilitatorClient> {
        self.session.as_ref()
    }

    /// Takes the next line; returns what it says, in words, or nothing when it lies behind the end that was asked for.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]: the line is too long or damaged, the first one begins no session of this format, or the session
    /// refuses what it took, or does something else than it did.
    pub fn feed(&mut self, text: &str) -> Result<Option<Shown>, ReplayError> {
        self.line += 1;
        if text.len() > MAX_LINE_BYTES {
            return Err(ReplayError::LineTooLong { line: self.line });
        }
        let line = serde_json::from_str(text);
        if self.session.is_none() {
            return match line {
                Ok(Line::Session(header)) => self.begin(&header).map(Some),
                Ok(_) => Err(ReplayError::NoSession),
                Err(_) => Err(unreadable_header(text)),
            };
        }
        match line.map_err(|error| self.damaged(&error))? {
            Line::Session(_) => Err(self.damaged(&"a second session in one trace")),
            Line::Input(step) => self.input(step),
            Line::Output(output) => self.output(output.get()).map(Some),
        }
    }

    /// To be called after the last line, or after [`feed`](Self::feed) has returned nothing.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]: there was no session, an output is missing, or the session does more than it did.
    pub fn finish(mut self) -> Result<Replayed, ReplayError> {
        if self.session.is_none() {
            return Err(ReplayError::Empty);
        }
        if self.promised > 0 {
            return Err(ReplayError::Truncated {
                line: self.line,
                missing: self.promised,
            });
        }
        self.nothing_more()?;
        Ok(Replayed {
            inputs: self.inputs,
            outputs: self.outputs,
            end: self.now,
        })
    }

    fn begin(&mut self, header: &Header) -> Result<Shown, ReplayError> {
        if header.format != FORMAT {
            return Err(ReplayError::Format {
                found: header.format,
            });
        }
        let account = AccountId::from_ss58(&header.hotkey).map_err(|error| self.damaged(&error))?;
        let config = header
            .config
            .to_config()
            .map_err(|reason| self.damaged(&reason))?;
        let session = FacilitatorClient::for_replay(config, account, header.seed)?;
        self.session = Some(session);
        Ok(Shown::new(self.line, self.now, show::header(header)))
    }

    fn input(&mut self, step: Step) -> Result<Option<Shown>, ReplayError> {
        if self.promised > 0 {
            return Err(self.damaged(&"an input, where outputs of the one before are missing"));
        }
        self.nothing_more()?;
        let at = Timestamp::from(step.at);
        if self.until.is_some_and(|until| at > until) {
            return Ok(None);
        }
        let shown = Shown::new(self.line, at, show::input(&step.what));
        let (line, now) = (self.line, self.now.max(at));
        let Some(session) = &mut self.session else {
            return Err(ReplayError::NoSession);
        };
        tell(session, now, step.what).map_err(|problem| problem.at(line))?;
        while let Some(output) = session.poll_output() {
            self.done.push_back(OutputLine::of(&output));
        }
        self.now = now;
        self.inputs += 1;
        self.promised = step.outputs;
        Ok(Some(shown))
    }

    /// A recorded output, which has to be the session's next one.
    fn output(&mut self, recorded: &str) -> Result<Shown, ReplayError> {
        let Some(promised) = self.promised.checked_sub(1) else {
            return Err(self.damaged(&"an output that no input has promised"));
        };
        self.promised = promised;
        let replayed = self.done.pop_front();
        let text = replayed.as_ref().map(json);
        match replayed {
            Some(output) if text.as_deref() == Some(recorded) => {
                self.outputs += 1;
                Ok(Shown::new(self.line, self.now, show::output(&output)))
            }
            _ => Err(self.difference(Some(recorded), text.as_deref())),
        }
    }

    /// The session has done no more than was recorded.
    fn nothing_more(&mut self) -> Result<(), ReplayError> {
        match self.done.pop_front() {
            None => Ok(()),
            Some(more) => Err(self.difference(None, Some(&json(&more)))),
        }
    }

    fn difference(&self, recorded: Option<&str>, replayed: Option<&str>) -> ReplayError {
        ReplayError::Difference(Box::new(Difference {
            line: self.line,
            recorded: recorded.map(shorten),
            replayed: replayed.map(shorten),
        }))
    }

    fn damaged(&self, reason: &impl Display) -> ReplayError {
        damaged(self.line, reason)
    }
}

fn damaged(line: u64, reason: &impl Display) -> ReplayError {
    ReplayError::Damaged {
        line,
        reason: shorten(&reason.to_string()),
    }
}

/// An output as it stands in its line.
fn json(output: &OutputLine) -> String {
    serde_json::to_string(output).unwrap_or_default()
}

/// Of a first line that is no session of this format: whether it is one of another.
fn unreadable_header(text: &str) -> ReplayError {
    #[derive(serde::Deserialize)]
    struct Other {
        session: OtherSession,
    }
    #[derive(serde::Deserialize)]
    struct OtherSession {
        format: u32,
    }
    match serde_json::from_str::<Other>(text) {
        Ok(other) if other.session.format != FORMAT => ReplayError::Format {
            found: other.session.format,
        },
        Ok(_) => damaged(1, &"the session's configuration cannot be read"),
        Err(_) => ReplayError::NoSession,
    }
}

/// Why an input was not taken.
enum Problem {
    Damaged(String),
    Refused(String),
}

impl Problem {
    fn refused(error: impl Display) -> Self {
        Self::Refused(error.to_string())
    }

    fn at(self, line: u64) -> ReplayError {
        match self {
            Self::Damaged(reason) => damaged(line, &reason),
            Self::Refused(reason) => ReplayError::Refused {
                line,
                reason: shorten(&reason),
            },
        }
    }
}

/// Gives an input to the session.
fn tell(session: &mut FacilitatorClient, now: Timestamp, what: Input) -> Result<(), Problem> {
    match what {
        Input::Start => session.start(now).map_err(Problem::refused),
        Input::Stop => session.stop(now).map_err(Problem::refused),
        Input::Abort => session.abort(now).map_err(Problem::refused),
        Input::Tick => {
            session.handle_timeout(now);
            Ok(())
        }
        Input::WallClock { unix } => {
            session.set_wall_clock(now, unix.into());
            Ok(())
        }
        // Verdicts are told: who is trusted decides nothing here.
        Input::Trust(_) => Ok(()),
        Input::WaitingJobs { bytes } => {
            session.set_waiting_jobs(bytes);
            Ok(())
        }
        Input::Restore(snapshot) => {
            let mut whole = true;
            let snapshot = snapshot.map_messages(|message| {
                let message = fill(message);
                whole &= message.is_some();
                message.unwrap_or_default().into()
            });
            if !whole {
                return Err(too_large());
            }
            let restored = session.restore(now, &snapshot);
            restored.map(|_| ()).map_err(Problem::refused)
        }
        Input::Adopt { uuid, time_left } => session
            .adopt_job(now, &uuid, time_left.into())
            .map_err(Problem::refused),
        Input::Status(message) => match read(message.get())? {
            ValidatorMessage::JobStatus(update) => {
                let sent = session.send_job_status(now, update);
                sent.map(|_| ()).map_err(Problem::refused)
            }
            _ => Err(Problem::Damaged("this message is no status".into())),
        },
        Input::Specs(message) => match read(message.get())? {
            ValidatorMessage::MachineSpecs(specs) => {
                let sent = session.send_machine_specs(
                    now,
                    &specs.miner_hotkey,
                    &specs.batch_id,
                    specs.specs,
                );
                sent.map(|_| ()).map_err(Problem::refused)
            }
            _ => Err(Problem::Damaged("these messages are no specs".into())),
        },
        Input::Connected { connection } => {
            session.handle_connected(now, ConnectionId(connection));
            Ok(())
        }
        Input::ConnectFailed {
            connection,
            kind,
            retry_after,
        } => {
            let failure = ConnectFailure {
                retry_after: retry_after.map(Into::into),
                ..ConnectFailure::new(kind.into(), "")
            };
            session.handle_connect_failed(now, ConnectionId(connection), failure);
            Ok(())
        }
        Input::Frame {
            connection,
            frame,
            verdict,
        } => {
            session.tell_verdict(verdict.as_ref().map(trust).transpose()?);
            session.handle_frame(now, ConnectionId(connection), frame_of(frame)?);
            Ok(())
        }
        Input::Disconnected { connection, how } => {
            session.handle_disconnected(now, ConnectionId(connection), disconnected(how));
            Ok(())
        }
    }
}

fn too_large() -> Problem {
    Problem::Damaged("a message is larger than any".into())
}

fn trust(verdict: &Verdict) -> Result<Result<(), TrustError>, Problem> {
    let verdict = verdict.to_result();
    verdict.ok_or_else(|| Problem::Damaged("the verdict names what does not exist".into()))
}

fn read(redacted: &str) -> Result<ValidatorMessage, Problem> {
    let text = fill(redacted).ok_or_else(too_large)?;
    let decoded = ValidatorMessage::decode(&text, DecodeMode::Lenient);
    let decoded = decoded.map_err(|error| Problem::Damaged(error.to_string()))?;
    Ok(decoded.message)
}

/// A frame that means to the session what the recorded one meant.
fn frame_of(frame: Inbound) -> Result<Frame, Problem> {
    // The session tells the size of a binary frame; no frame that was read is larger than this.
    let zeros = |bytes: usize| alloc::vec![0; bytes.min(MAX_LINE_BYTES)].into();
    Ok(match frame {
        Inbound::Message(message) => Frame::text(fill(message.get()).ok_or_else(too_large)?),
        Inbound::Malformed { response: true, .. } => Frame::text(r#"{"status":0}"#),
        Inbound::Malformed {
            response: false, ..
        } => Frame::text("?"),
        Inbound::Binary { bytes } => Frame::Binary(zeros(bytes)),
        Inbound::Ping { .. } => Frame::Ping(zeros(0)),
        Inbound::Pong { number, .. } => {
            Frame::Pong(number.map_or_else(|| zeros(0), |number| number.to_be_bytes().into()))
        }
        Inbound::Close { code } => Frame::Close(code.map(CloseFrame::new)),
    })
}

fn disconnected(how: How) -> Disconnected {
    match how {
        How::Closed { code } => Disconnected::Closed(code.map(CloseFrame::new)),
        How::EndOfStream => Disconnected::EndOfStream,
        How::Io => Disconnected::Io(String::new()),
        How::Protocol => Disconnected::Protocol(String::new()),
    }
}
