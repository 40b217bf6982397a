//! A session that is written down while it runs. It has the session's own inputs and outputs, and decides nothing.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;
use core::time::Duration;

use serde::Serialize;
use thiserror::Error;

use super::MAX_LINE_BYTES;
use super::header::{Header, Trust};
use super::line::{Inbound, Input, raw};
use super::output::OutputLine;
use super::redact::redact;
use super::time::Span;
use super::verdict::Verdict;
#[cfg(feature = "driver")]
use crate::client::Polled;
use crate::client::{
    Config, ConfigError, ConnectFailure, Disconnected, FacilitatorClient, LifecycleError, Output,
    Prepared, RestoreError, Restored, SendError, Snapshot, Subject, Timer, TrustPolicy, UpdateId,
    failure, horde_failure, rejection,
};
use crate::message::{
    HordeFailureDetails, JobFailureDetails, JobRejectionReason, JsonMap, V0JobStatusUpdate,
    V0MachineSpecsUpdate,
};
use crate::signature::Keypair;
use crate::{ConnectionId, Frame, Timestamp};

/// Where the lines of a trace go. Closures are sinks, too.
pub trait Sink: Send {
    /// Takes one line; it holds no line break. It is called in the middle of an input, so it must not wait,
    /// nor call the client that it records: of a driver's handle, it would wait for itself.
    ///
    /// # Errors
    ///
    /// [`SinkClosed`], when the line was not taken. The recording ends then, since a trace with a gap cannot be
    /// replayed; the session goes on.
    fn line(&mut self, line: &str) -> Result<(), SinkClosed>;

    /// The recording has ended for this reason, and not because the sink wanted it.
    fn end(&mut self, why: RecordingError) {
        let _ = why;
    }
}

impl<F: FnMut(&str) -> Result<(), SinkClosed> + Send> Sink for F {
    fn line(&mut self, line: &str) -> Result<(), SinkClosed> {
        self(line)
    }
}

/// A sink takes no more lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the sink of the recording takes no more lines")]
pub struct SinkClosed;

/// Why a recording did not begin, or has ended before its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The session has been told something already: a trace has to begin with its first input.
    #[error("the session has been used already; begin to record before anything else")]
    Begun,
    /// The sink took no more.
    #[error("the sink took no more lines; the recording has ended, the session goes on")]
    Sink(#[from] SinkClosed),
    /// A line would be longer than a reader takes.
    #[error(
        "a line of {bytes} bytes is longer than a trace may have ({MAX_LINE_BYTES}); the recording has ended, the \
         session goes on"
    )]
    LineTooLong {
        /// Its length.
        bytes: usize,
    },
}

/// A session that can be recorded.
///
/// Its inputs and outputs are those of [`FacilitatorClient`], and what only looks at a session is called on this as
/// on that. Until [`record`](Self::record) is called, it hands everything through.
///
/// While it records, every input that the session takes becomes a line, followed by a line for each output. What is
/// refused with an error changes nothing, and is not recorded.
pub struct Recorder {
    session: FacilitatorClient,
    seed: u64,
    /// Whether the session was told anything but the time.
    begun: bool,
    state: State,
    /// Written down, and not taken yet.
    outputs: VecDeque<Output>,
    /// The latest time that the session was told.
    now: Timestamp,
    /// The wall clock at the origin of `now`, as it was told last and as it was written last.
    unix_origin: Option<Duration>,
    unix_written: Option<Duration>,
}

enum State {
    Off,
    On(Box<dyn Sink>),
    Ended(RecordingError),
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("session", &self.session)
            .field("is_recording", &self.is_recording())
            .finish_non_exhaustive()
    }
}

impl Deref for Recorder {
    type Target = FacilitatorClient;

    fn deref(&self) -> &FacilitatorClient {
        &self.session
    }
}

/// Recording.
impl Recorder {
    /// A session that has not been started, and is not recorded; see [`FacilitatorClient::new`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`], when the configuration makes no sense.
    pub fn new(config: Config, keypair: &Keypair, seed: u64) -> Result<Self, ConfigError> {
        Ok(Self {
            session: FacilitatorClient::new(config, keypair, seed)?,
            seed,
            begun: false,
            state: State::Off,
            outputs: VecDeque::new(),
            now: Timestamp::ZERO,
            unix_origin: None,
            unix_written: None,
        })
    }

    /// Records from now on: the first line says whose session it is, and how it is configured.
    ///
    /// # Errors
    ///
    /// [`RecordingError`], when the session was told something before, or the sink refuses the first line.
    pub fn record(&mut self, sink: impl Sink + 'static) -> Result<(), RecordingError> {
        if self.begun {
            return Err(RecordingError::Begun);
        }
        self.state = State::On(Box::new(sink));
        let header = Header::of(&self.session, self.seed);
        self.write(&LineRef::Session(&header));
        // The time can be told before anything else.
        self.write_wall_clock(true);
        match self.state {
            State::Ended(error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether this is recorded.
    pub fn is_recording(&self) -> bool {
        matches!(self.state, State::On(_))
    }

    /// Why the recording has ended before the session, if it has.
    pub fn recording_error(&self) -> Option<RecordingError> {
        match self.state {
            State::Ended(error) => Some(error),
            State::Off | State::On(_) => None,
        }
    }

    /// Hands an input to the session. It is written down unless the session refuses it.
    fn input<T, E>(
        &mut self,
        now: Timestamp,
        describe: impl FnOnce(&FacilitatorClient) -> Input,
        call: impl FnOnce(&mut FacilitatorClient) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begun = true;
        if !self.is_recording() {
            return call(&mut self.session);
        }
        self.now = self.now.max(now);
        let mut what = describe(&self.session);
        let result = call(&mut self.session)?;
        if let Input::Frame { verdict, .. } = &mut what {
            *verdict = self.session.take_verdict().map(Verdict::of);
        }
        self.write_input(&what);
        Ok(result)
    }

    /// The same for what is never refused.
    fn always(
        &mut self,
        now: Timestamp,
        describe: impl FnOnce(&FacilitatorClient) -> Input,
        call: impl FnOnce(&mut FacilitatorClient),
    ) {
        let done = self.input(now, describe, |session| {
            call(session);
            Ok::<_, core::convert::Infallible>(())
        });
        let Ok(()) = done;
    }

    /// Writes an input and what it has led to.
    fn write_input(&mut self, what: &Input) {
        let mut outputs = Vec::new();
        while let Some(output) = self.session.poll_output() {
            outputs.push(output);
        }
        self.write(&LineRef::Input {
            at: self.now.into(),
            outputs: outputs.len(),
            what,
        });
        for output in outputs {
            if self.is_recording() {
                self.write(&LineRef::Output(&OutputLine::of(&output)));
            }
            self.outputs.push_back(output);
        }
    }

    fn write(&mut self, line: &LineRef<'_>) {
        let State::On(sink) = &mut self.state else {
            return;
        };
        // There is nothing in a line that has no JSON.
        let text = serde_json::to_string(line).unwrap_or_default();
        let taken = if text.len() > MAX_LINE_BYTES {
            let error = RecordingError::LineTooLong { bytes: text.len() };
            sink.end(error);
            Err(error)
        } else {
            sink.line(&text).map_err(RecordingError::Sink)
        };
        if let Err(error) = taken {
            self.state = State::Ended(error);
        }
    }

    /// The wall clock is told again and again, and hardly ever decides: it is written when it has jumped, and before
    /// what needs it to the nanosecond.
    fn write_wall_clock(&mut self, exact: bool) {
        let Some(origin) = self.unix_origin else {
            return;
        };
        let unchanged = self.unix_written.is_some_and(|written| {
            let drift = written.abs_diff(origin);
            drift.is_zero() || (!exact && drift < WALL_CLOCK_DRIFT)
        });
        if !unchanged {
            self.unix_written = Some(origin);
            let unix = origin.saturating_add(self.now.as_duration());
            self.write_input(&Input::WallClock { unix: unix.into() });
        }
    }
}

/// What the two clocks may drift apart before it is worth a line.
const WALL_CLOCK_DRIFT: Duration = Duration::from_secs(1);

/// [`Line`](super::line::Line), as it is written.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LineRef<'a> {
    Session(&'a Header),
    Input {
        at: Span,
        outputs: usize,
        what: &'a Input,
    },
    Output(&'a OutputLine),
}

/// Lifecycle, as of [`FacilitatorClient`].
impl Recorder {
    /// See [`FacilitatorClient::start`].
    ///
    /// # Errors
    ///
    /// [`LifecycleError`], when it runs or is stopping; nothing changes then.
    pub fn start(&mut self, now: Timestamp) -> Result<(), LifecycleError> {
        self.input(now, |_| Input::Start, |session| session.start(now))
    }

    /// See [`FacilitatorClient::stop`].
    ///
    /// # Errors
    ///
    /// [`LifecycleError`], when it does not run or is stopping already; nothing changes then.
    pub fn stop(&mut self, now: Timestamp) -> Result<(), LifecycleError> {
        self.input(now, |_| Input::Stop, |session| session.stop(now))
    }

    /// See [`FacilitatorClient::abort`].
    ///
    /// # Errors
    ///
    /// [`LifecycleError::NotStarted`], when it neither runs nor owes anything.
    pub fn abort(&mut self, now: Timestamp) -> Result<(), LifecycleError> {
        self.input(now, |_| Input::Abort, |session| session.abort(now))
    }

    /// See [`FacilitatorClient::set_trust`].
    pub fn set_trust(&mut self, policy: TrustPolicy) {
        let line = self.is_recording().then(|| Trust::of(&policy));
        self.begun = true;
        self.session.set_trust(policy);
        if let Some(line) = line {
            self.write_input(&Input::Trust(line));
        }
    }

    /// See [`FacilitatorClient::set_waiting_jobs`].
    pub fn set_waiting_jobs(&mut self, bytes: usize) {
        self.begun = true;
        self.session.set_waiting_jobs(bytes);
        if self.is_recording() {
            self.write_input(&Input::WaitingJobs { bytes });
        }
    }

    /// See [`FacilitatorClient::set_wall_clock`].
    pub fn set_wall_clock(&mut self, now: Timestamp, unix: Duration) {
        self.session.set_wall_clock(now, unix);
        self.now = self.now.max(now);
        self.unix_origin = Some(unix.saturating_sub(self.now.as_duration()));
        if self.is_recording() {
            self.write_wall_clock(false);
        }
    }

    /// See [`FacilitatorClient::restore`].
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; nothing was put in then.
    pub fn restore(
        &mut self,
        now: Timestamp,
        snapshot: &Snapshot,
    ) -> Result<Vec<Restored>, RestoreError> {
        if self.is_recording() {
            self.write_wall_clock(true);
        }
        self.input(
            now,
            |_| Input::restore(snapshot),
            |session| session.restore(now, snapshot),
        )
    }
}

/// What the application wants, as of [`FacilitatorClient`].
impl Recorder {
    /// See [`FacilitatorClient::send_job_status`].
    ///
    /// # Errors
    ///
    /// [`SendError`] says why it was not queued.
    pub fn send_job_status(
        &mut self,
        now: Timestamp,
        update: V0JobStatusUpdate,
    ) -> Result<UpdateId, SendError> {
        let message = self.is_recording().then(|| redact(&update.encode()));
        self.input(
            now,
            |_| Input::Status(raw(message.unwrap_or_default())),
            |session| session.send_job_status(now, update),
        )
    }

    /// See [`FacilitatorClient::send`].
    ///
    /// # Errors
    ///
    /// [`SendError`] says why it was not queued.
    pub fn send(&mut self, now: Timestamp, message: &Prepared) -> Result<UpdateId, SendError> {
        self.begun = true;
        self.now = self.now.max(now);
        // Redacted once it is queued: it can be given many times before.
        let id = self.session.send(now, message)?;
        if self.is_recording() {
            let redacted = raw(redact(&message.as_json()));
            self.write_input(&match message.subject() {
                Subject::JobStatus { .. } => Input::Status(redacted),
                Subject::MachineSpecs { .. } => Input::Specs(redacted),
            });
        }
        Ok(id)
    }

    /// See [`FacilitatorClient::reject_job`].
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn reject_job(
        &mut self,
        now: Timestamp,
        uuid: &str,
        reason: JobRejectionReason,
        message: &str,
    ) -> Result<UpdateId, SendError> {
        self.send_job_status(now, rejection(uuid, reason, message))
    }

    /// See [`FacilitatorClient::fail_job`].
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn fail_job(
        &mut self,
        now: Timestamp,
        uuid: &str,
        details: JobFailureDetails,
    ) -> Result<UpdateId, SendError> {
        self.send_job_status(now, failure(uuid, details))
    }

    /// See [`FacilitatorClient::fail_horde`].
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn fail_horde(
        &mut self,
        now: Timestamp,
        uuid: &str,
        details: HordeFailureDetails,
    ) -> Result<UpdateId, SendError> {
        self.send_job_status(now, horde_failure(uuid, details))
    }

    /// See [`FacilitatorClient::adopt_job`].
    ///
    /// # Errors
    ///
    /// [`SendError`]: the session does not run, the uuid is none, the job has ended, or there is no room for another one.
    pub fn adopt_job(
        &mut self,
        now: Timestamp,
        uuid: &str,
        time_left: Duration,
    ) -> Result<(), SendError> {
        self.input(
            now,
            // Written only when it was accepted: then it is a uuid.
            |_| Input::Adopt {
                uuid: uuid.to_string(),
                time_left: time_left.into(),
            },
            |session| session.adopt_job(now, uuid, time_left),
        )
    }

    /// See [`FacilitatorClient::send_machine_specs`].
    ///
    /// # Errors
    ///
    /// [`SendError`], as [`send_job_status`](Self::send_job_status).
    pub fn send_machine_specs(
        &mut self,
        now: Timestamp,
        miner_hotkey: &str,
        batch_id: &str,
        specs: JsonMap,
    ) -> Result<UpdateId, SendError> {
        let message = self.is_recording().then(|| {
            let update = V0MachineSpecsUpdate {
                miner_hotkey: miner_hotkey.into(),
                validator_hotkey: self.session.hotkey().into(),
                specs: specs.clone(),
                batch_id: batch_id.into(),
            };
            redact(&update.encode())
        });
        self.input(
            now,
            |_| Input::Specs(raw(message.unwrap_or_default())),
            |session| session.send_machine_specs(now, miner_hotkey, batch_id, specs),
        )
    }
}

/// What the driver reports, as of [`FacilitatorClient`].
impl Recorder {
    /// See [`FacilitatorClient::handle_connected`].
    pub fn handle_connected(&mut self, now: Timestamp, connection: ConnectionId) {
        self.always(
            now,
            |_| Input::Connected {
                connection: connection.0,
            },
            |session| session.handle_connected(now, connection),
        );
    }

    /// See [`FacilitatorClient::handle_connect_failed`].
    pub fn handle_connect_failed(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        failure: ConnectFailure,
    ) {
        let line = Input::connect_failed(connection, &failure);
        self.always(
            now,
            |_| line,
            |session| session.handle_connect_failed(now, connection, failure),
        );
    }

    /// See [`FacilitatorClient::handle_frame`].
    pub fn handle_frame(&mut self, now: Timestamp, connection: ConnectionId, frame: Frame) {
        if !self.is_recording() {
            self.begun = true;
            return self.session.handle_frame(now, connection, frame);
        }
        // Frames are shared, so this copies nothing.
        let read = frame.clone();
        self.always(
            now,
            |session| Input::Frame {
                connection: connection.0,
                frame: Inbound::of(&read, session.config().decode_mode),
                verdict: None,
            },
            |session| session.handle_frame(now, connection, frame),
        );
    }

    /// The same frame, so many times.
    #[cfg(feature = "driver")]
    pub(crate) fn handle_frames(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        frame: Frame,
        times: usize,
    ) {
        match &frame {
            Frame::Text(text) if times > 1 && !self.is_recording() => {
                self.begun = true;
                for _ in 0..times {
                    self.session.handle_text_frame(now, connection, text);
                }
            }
            _ => {
                for _ in 1..times {
                    self.handle_frame(now, connection, frame.clone());
                }
                self.handle_frame(now, connection, frame);
            }
        }
    }

    /// See [`FacilitatorClient::handle_disconnected`].
    pub fn handle_disconnected(
        &mut self,
        now: Timestamp,
        connection: ConnectionId,
        how: Disconnected,
    ) {
        let line = Input::Disconnected {
            connection: connection.0,
            how: (&how).into(),
        };
        self.always(
            now,
            |_| line,
            |session| session.handle_disconnected(now, connection, how),
        );
    }

    /// See [`FacilitatorClient::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.always(now, |_| Input::Tick, |session| session.handle_timeout(now));
    }
}

/// What the driver has to do, as of [`FacilitatorClient`].
impl Recorder {
    /// See [`FacilitatorClient::poll_output`].
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs
            .pop_front()
            .or_else(|| self.session.poll_output())
    }

    /// The same for a driver that can do without outputs of their own.
    #[cfg(feature = "driver")]
    #[inline]
    pub(crate) fn poll_in_place(&mut self) -> Option<Polled<'_>> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(Polled::Other(output));
        }
        self.session.poll_in_place()
    }

    /// Gives back what queues hold that are empty.
    #[cfg(feature = "driver")]
    pub(crate) fn shrink(&mut self) {
        self.session.shrink();
        if self.outputs.is_empty() {
            self.outputs = VecDeque::new();
        }
    }

    /// See [`FacilitatorClient::poll_timeout`].
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        if self.outputs.is_empty() {
            self.session.poll_timeout()
        } else {
            Some((self.now, Timer::Output))
        }
    }
}
