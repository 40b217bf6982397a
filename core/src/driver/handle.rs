//! The handle that applications hold. Every method is a short visit to the shared state; waiting is done outside.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::hash::{BuildHasher, RandomState};

use futures_core::Stream;
use tracing::warn;

use super::shared::{Shared, State, Waiters};
use super::{EventError, PendingReceipt, Runtime, StartError, task};
use crate::Timestamp;
use crate::client::{
    Config, ConfigError, Event, Health, LifecycleError, Overview, Owed, Phase, RestoreError,
    Restored, SendError, Snapshot, Stats, TrustPolicy, UpdateId,
};
use crate::message::{
    HordeFailureDetails, JobFailureDetails, JobRejectionReason, JobStatus, JsonMap,
    V0JobStatusUpdate,
};
use crate::signature::Keypair;
use crate::trace::{self, Recorder, RecordingError};

const STATUSES: usize = 0;
const SPECS: usize = 1;

/// A validator's session with its facilitator, on a runtime.
///
/// Clones share one session. When the last one is dropped while the session runs, it is aborted, with a warning in
/// the log when something was still owed: call [`stop`](Self::stop) to deliver it.
pub struct FacilitatorClient<R: Runtime> {
    shared: Arc<Shared<R>>,
    guard: Arc<Guard<R>>,
}

impl<R: Runtime> Clone for FacilitatorClient<R> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            guard: Arc::clone(&self.guard),
        }
    }
}

impl<R: Runtime> fmt::Debug for FacilitatorClient<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("FacilitatorClient")
            .field("hotkey", &state.session.hotkey())
            .field("phase", &state.session.phase())
            .field("owed", &state.session.owed())
            .finish_non_exhaustive()
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopReport {
    /// What was accepted and not delivered, oldest first. Empty when nothing was left.
    pub owed: Vec<Owed>,
}

impl<R: Runtime + Default> FacilitatorClient<R> {
    /// A session that has not been started, on the default runtime.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], when the configuration makes no sense.
    pub fn new(config: Config, keypair: &Keypair) -> Result<Self, ConfigError> {
        Self::with_runtime(config, keypair, R::default())
    }
}

impl<R: Runtime> FacilitatorClient<R> {
    /// A session that has not been started, on this runtime.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], when the configuration makes no sense.
    pub fn with_runtime(
        config: Config,
        keypair: &Keypair,
        runtime: R,
    ) -> Result<Self, ConfigError> {
        // The keys of a new hash state are the standard library's only randomness; jitter needs no more.
        let seed = RandomState::new().hash_one(0u8);
        let session = Recorder::new(config, keypair, seed)?;
        let shared = Arc::new(Shared::new(runtime, session));
        Ok(Self {
            guard: Arc::new(Guard(Arc::clone(&shared))),
            shared,
        })
    }

    /// Records the session from now on, for a replay; see [`trace`]. The sink is called in the middle of
    /// everything, so it must not wait.
    ///
    /// # Errors
    ///
    /// [`RecordingError`], when the session was used before, or the sink refuses the first line. Later, a recording
    /// that cannot go on ends, and the session goes on without it.
    pub fn record(&self, sink: impl trace::Sink + 'static) -> Result<(), RecordingError> {
        self.shared.lock().session.record(sink)
    }

    /// Why the recording has ended before the session, if it has.
    pub fn recording_error(&self) -> Option<RecordingError> {
        self.shared.lock().session.recording_error()
    }

    /// Starts the session. It connects, authenticates and reconnects by itself from now on.
    ///
    /// # Errors
    ///
    /// [`StartError`], when it runs already or is stopping: nothing changes. When there is no runtime here, the session
    /// has ended again before this returns.
    pub fn start(&self) -> Result<(), StartError> {
        {
            let (mut state, now) = self.shared.lock_now();
            state.session.start(now)?;
            state.started_before = true;
            state.settle();
            if core::mem::replace(&mut state.task_runs, true) {
                return Ok(());
            }
        }
        // Not under the lock: where there is no runtime, the task is dropped at once, and ends the session.
        let task = task::run(Arc::clone(&self.shared));
        self.shared.runtime.spawn(Box::pin(task))?;
        Ok(())
    }

    /// Stops gracefully: delivers what is owed until `drain_timeout` has passed, closes the connection properly, and
    /// returns what is left. It always ends. Dropping this future does not undo the stop.
    ///
    /// # Errors
    ///
    /// [`LifecycleError`], when the session does not run, or is stopping already.
    pub async fn stop(&self) -> Result<StopReport, LifecycleError> {
        let ended_before = {
            let now = self.shared.now();
            let mut state = self.shared.lock();
            let ended = state.ended;
            state.session.stop(now)?;
            state.settle();
            ended
        };
        Ok(self.wait_for_end(ended_before).await)
    }

    /// Ends the session at once and returns what was owed.
    ///
    /// # Errors
    ///
    /// [`LifecycleError`], when the session does not run.
    pub fn abort(&self) -> Result<StopReport, LifecycleError> {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        state.session.abort(now)?;
        state.settle();
        Ok(StopReport {
            owed: state.left.clone(),
        })
    }

    /// Starts the session, runs the closure, and stops the session whatever the closure's outcome was.
    ///
    /// When this future is dropped, or the closure panics, the session is aborted.
    ///
    /// # Errors
    ///
    /// [`StartError`], when the session could not be started; the closure did not run then.
    pub async fn run<T>(
        &self,
        body: impl AsyncFnOnce(&Self) -> T,
    ) -> Result<(T, StopReport), StartError> {
        self.start()?;
        let scope = Scope(&self.shared);
        let result = body(self).await;
        let report = match self.stop().await {
            Ok(report) => report,
            // The closure stopped it, or is about to have.
            Err(LifecycleError::AlreadyStopping) => {
                let ended = self.shared.lock().ended;
                self.wait_for_end(ended).await
            }
            Err(_) => StopReport {
                owed: self.shared.lock().left.clone(),
            },
        };
        core::mem::forget(scope);
        Ok((result, report))
    }

    /// What is owed, and every job that is known, as a value that serde can keep; see
    /// [`Session::snapshot`](crate::client::FacilitatorClient::snapshot). For a planned restart, take it after [`stop`](Self::stop): it holds what was handed back then.
    pub fn snapshot(&self) -> Snapshot {
        let (state, now) = self.shared.lock_now();
        state.session.snapshot(now)
    }

    /// Puts in what another session owed, before `start`; see
    /// [`Session::restore`](crate::client::FacilitatorClient::restore). Returns its messages, in their order, each with the promise of a receipt.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; nothing was put in then.
    pub fn restore(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Vec<(Restored, PendingReceipt)>, RestoreError> {
        let (mut state, now) = self.shared.lock_now();
        let messages = state.session.restore(now, snapshot)?;
        let promises = messages
            .into_iter()
            .map(|message| {
                let receipt = state.promise(message.id);
                (message, receipt)
            })
            .collect();
        state.settle();
        Ok(promises)
    }

    /// Changes who may give us work, from now on.
    pub fn set_trust(&self, policy: TrustPolicy) {
        self.shared.lock().session.set_trust(policy);
    }

    /// Whether the session runs: it was started and has not ended since.
    pub fn is_running(&self) -> bool {
        self.shared.lock().session.is_running()
    }

    /// What the session is doing.
    pub fn phase(&self) -> Phase {
        self.shared.lock().session.phase()
    }

    /// How the session is, in one word.
    pub fn health(&self) -> Health {
        self.shared.lock().session.health()
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        self.shared.lock().session.stats()
    }

    /// The session at this moment, for those who look at it; see
    /// [`Session::overview`](crate::client::FacilitatorClient::overview).
    pub fn overview(&self) -> Overview {
        let state = self.shared.lock();
        let now = self.shared.now();
        state.session.overview(now)
    }

    /// The validator's own address: SS58 with prefix 42.
    pub fn hotkey(&self) -> alloc::string::String {
        self.shared.lock().session.hotkey().into()
    }

    /// The next event.
    ///
    /// An application that takes them slowly loses no request of a job that is still open. Of the others the oldest are
    /// dropped once thousands of them wait, and [`Event::Missed`] says so; what an application may have to act upon
    /// (cheat reports, overdue jobs, the end of the session) is never dropped for the sake of what it may not. With
    /// several callers, each event goes to one.
    ///
    /// # Errors
    ///
    /// [`EventError`], when none will come: before `start`, or after the last one of a session that has ended.
    pub async fn next_event(&self) -> Result<Event, EventError> {
        let mut waiting = Registration::new(&self.shared, |state| &mut state.event_takers);
        poll_fn(|cx| self.poll_event(cx, &mut waiting)).await
    }

    /// The events of this session as a stream, which ends with the session.
    pub fn events(&self) -> Events<'_, R> {
        Events {
            client: self,
            waiting: Registration::new(&self.shared, |state| &mut state.event_takers),
        }
    }

    fn poll_event(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Registration<'_, R>,
    ) -> Poll<Result<Event, EventError>> {
        let mut state = self.shared.lock();
        if let Some(event) = state.take_event() {
            return Poll::Ready(Ok(event));
        }
        if state.session.is_running() {
            waiting.wait(&mut state, cx);
            return Poll::Pending;
        }
        let error = if state.started_before {
            EventError::Stopped
        } else {
            EventError::NotStarted
        };
        Poll::Ready(Err(error))
    }

    async fn wait_for_end(&self, ended_before: u64) -> StopReport {
        let mut waiting = Registration::new(&self.shared, |state| &mut state.end_waiters);
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            if state.ended > ended_before || !state.session.is_running() {
                return Poll::Ready(StopReport {
                    owed: state.left.clone(),
                });
            }
            waiting.wait(&mut state, cx);
            Poll::Pending
        })
        .await
    }
}

/// Sending. Every method waits while the outbox has no room, first come first served, and returns the promise of a
/// receipt once the message is accepted. Dropping such a future before it has returned takes the message back.
impl<R: Runtime> FacilitatorClient<R> {
    /// Sends a status of a job; see
    /// [`Session::send_job_status`](crate::client::FacilitatorClient::send_job_status).
    ///
    /// # Errors
    ///
    /// [`SendError`], when the message cannot be accepted; a full outbox is waited for instead.
    pub async fn send_job_status(
        &self,
        update: V0JobStatusUpdate,
    ) -> Result<PendingReceipt, SendError> {
        // The slot of a terminal status is reserved: it need not stand in the queue.
        let reserved = update.status.is_terminal();
        self.send(STATUSES, reserved, move |session, now| {
            session.send_job_status(now, update.clone())
        })
        .await
    }

    /// As [`send_job_status`](Self::send_job_status), without waiting for room.
    ///
    /// # Errors
    ///
    /// [`SendError`]; [`SendError::is_full`] when there is no room, or others wait for it.
    pub fn try_send_job_status(
        &self,
        update: V0JobStatusUpdate,
    ) -> Result<PendingReceipt, SendError> {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let others_wait = state
            .room
            .get(STATUSES)
            .is_some_and(|queue| !queue.is_empty());
        if others_wait && !update.status.is_terminal() && state.session.is_running() {
            let capacity = state.session.config().outbox_entries;
            return Err(SendError::Full {
                owed: state.session.owed(),
                capacity,
            });
        }
        let id = state.session.send_job_status(now, update)?;
        Ok(accepted(&mut state, id))
    }

    /// Sends a status without metadata.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub async fn send_status(
        &self,
        uuid: &str,
        status: JobStatus,
    ) -> Result<PendingReceipt, SendError> {
        self.send_job_status(V0JobStatusUpdate::new(uuid, status))
            .await
    }

    /// Ends a job as `rejected`, by the validator.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub async fn reject_job(
        &self,
        uuid: &str,
        reason: JobRejectionReason,
        message: &str,
    ) -> Result<PendingReceipt, SendError> {
        self.send(STATUSES, true, |session, now| {
            session.reject_job(now, uuid, reason, message)
        })
        .await
    }

    /// Ends a job as `failed`: the job itself did not succeed.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub async fn fail_job(
        &self,
        uuid: &str,
        details: JobFailureDetails,
    ) -> Result<PendingReceipt, SendError> {
        self.send(STATUSES, true, |session, now| {
            session.fail_job(now, uuid, details.clone())
        })
        .await
    }

    /// Ends a job as `horde_failed`: what should have run the job did not.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub async fn fail_horde(
        &self,
        uuid: &str,
        details: HordeFailureDetails,
    ) -> Result<PendingReceipt, SendError> {
        self.send(STATUSES, true, |session, now| {
            session.fail_horde(now, uuid, details.clone())
        })
        .await
    }

    /// Takes up a job that another process received; see
    /// [`Session::adopt_job`](crate::client::FacilitatorClient::adopt_job). It does not wait for room.
    ///
    /// # Errors
    ///
    /// [`SendError`]: the session does not run, the uuid is none, the job has ended, or there is no room for another one.
    pub fn adopt_job(&self, uuid: &str, time_left: Duration) -> Result<(), SendError> {
        let (mut state, now) = self.shared.lock_now();
        state.session.adopt_job(now, uuid, time_left)?;
        state.settle();
        Ok(())
    }

    /// Sends the specs of a miner's machine; see
    /// [`Session::send_machine_specs`](crate::client::FacilitatorClient::send_machine_specs).
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub async fn send_machine_specs(
        &self,
        miner_hotkey: &str,
        batch_id: &str,
        specs: JsonMap,
    ) -> Result<PendingReceipt, SendError> {
        self.send(SPECS, false, |session, now| {
            session.send_machine_specs(now, miner_hotkey, batch_id, specs.clone())
        })
        .await
    }

    async fn send(
        &self,
        lane: usize,
        reserved: bool,
        mut submit: impl FnMut(&mut Recorder, Timestamp) -> Result<UpdateId, SendError>,
    ) -> Result<PendingReceipt, SendError> {
        let mut place = None;
        poll_fn(|cx| self.poll_send(cx, lane, reserved, &mut submit, &mut place)).await
    }

    fn poll_send<'a>(
        &'a self,
        cx: &mut Context<'_>,
        lane: usize,
        reserved: bool,
        submit: &mut impl FnMut(&mut Recorder, Timestamp) -> Result<UpdateId, SendError>,
        place: &mut Option<Place<'a, R>>,
    ) -> Poll<Result<PendingReceipt, SendError>> {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        let ticket = place.as_ref().map(|place| place.ticket);
        let Some(queue) = state.room.get(lane) else {
            return Poll::Pending;
        };
        let first = ticket.map_or_else(|| queue.is_empty(), |ticket| queue.is_first(ticket));
        if first || reserved || !state.session.is_running() {
            match submit(&mut state.session, now) {
                Err(error) if error.is_full() => {}
                Err(error) => {
                    drop(state);
                    *place = None;
                    return Poll::Ready(Err(error));
                }
                Ok(id) => {
                    let receipt = accepted(&mut state, id);
                    drop(state);
                    // Leaving the queue wakes the next, who may find room too.
                    *place = None;
                    return Poll::Ready(Ok(receipt));
                }
            }
        }
        let Some(queue) = state.room.get_mut(lane) else {
            return Poll::Pending;
        };
        let ticket = ticket.unwrap_or_else(|| queue.join());
        queue.wait(ticket, cx.waker());
        drop(state);
        // Not `get_or_insert`: a place made in vain would leave the queue when it is dropped.
        place.get_or_insert_with(|| Place {
            shared: &self.shared,
            lane,
            ticket,
        });
        Poll::Pending
    }
}

fn accepted(state: &mut State, id: UpdateId) -> PendingReceipt {
    let receipt = state.promise(id);
    state.settle();
    receipt
}

/// A future's place among those that wait for the same thing; it is left with the future.
struct Registration<'a, R: Runtime> {
    shared: &'a Shared<R>,
    list: fn(&mut State) -> &mut Waiters,
    key: Option<u64>,
}

impl<'a, R: Runtime> Registration<'a, R> {
    fn new(shared: &'a Shared<R>, list: fn(&mut State) -> &mut Waiters) -> Self {
        Self {
            shared,
            list,
            key: None,
        }
    }

    fn wait(&mut self, state: &mut State, cx: &Context<'_>) {
        self.key = Some((self.list)(state).wait(self.key, cx.waker()));
    }
}

impl<R: Runtime> Drop for Registration<'_, R> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            (self.list)(&mut self.shared.lock()).leave(key);
        }
    }
}

/// A place in the queue for room; leaving it, also by cancellation, lets the next one try.
struct Place<'a, R: Runtime> {
    shared: &'a Shared<R>,
    lane: usize,
    ticket: u64,
}

impl<R: Runtime> Drop for Place<'_, R> {
    fn drop(&mut self) {
        if let Some(queue) = self.shared.lock().room.get_mut(self.lane) {
            queue.leave(self.ticket);
        }
    }
}

/// Events as a stream; see [`FacilitatorClient::events`].
pub struct Events<'a, R: Runtime> {
    client: &'a FacilitatorClient<R>,
    waiting: Registration<'a, R>,
}

impl<R: Runtime> fmt::Debug for Events<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Events").field(self.client).finish()
    }
}

impl<R: Runtime> Stream for Events<'_, R> {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let this = &mut *self;
        this.client
            .poll_event(cx, &mut this.waiting)
            .map(Result::ok)
    }
}

/// Aborts the session when a scope is left early.
struct Scope<'a, R: Runtime>(&'a Arc<Shared<R>>);

impl<R: Runtime> Drop for Scope<'_, R> {
    fn drop(&mut self) {
        abandon(self.0, "its scope was left before it could be stopped");
    }
}

/// Aborts the session with the last handle.
struct Guard<R: Runtime>(Arc<Shared<R>>);

impl<R: Runtime> Drop for Guard<R> {
    fn drop(&mut self) {
        abandon(&self.0, "its last handle was dropped");
    }
}

fn abandon<R: Runtime>(shared: &Shared<R>, why: &'static str) {
    let now = shared.now();
    let mut state = shared.lock();
    if state.session.abort(now).is_ok() {
        state.settle();
        if !state.left.is_empty() {
            warn!(
                owed = state.left.len(),
                "the session was aborted because {why}; updates were not delivered"
            );
        }
    }
}
