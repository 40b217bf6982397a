//! The handle that applications hold: lifecycle, looking at the session, events. Every method is a short visit to the shared
//! state; waiting is done outside. How messages are sent is in `sending`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::hash::{BuildHasher, RandomState};

use futures_core::Stream;
use tracing::warn;

use super::shared::{Shared, State, Waiters};
use super::{EventError, PendingReceipt, Runtime, StartError, task};
use crate::client::{
    Config, ConfigError, Event, Health, LifecycleError, Overview, Owed, Phase, RestoreError,
    Restored, Snapshot, Stats, TrustPolicy,
};
use crate::signature::Keypair;
use crate::trace::{self, Recorder, RecordingError};

/// A validator's session with its facilitator, on a runtime.
///
/// Clones share one session. When the last one is dropped while the session runs, it is aborted, with a warning in
/// the log when something was still owed: call [`stop`](Self::stop) to deliver it.
///
/// The same on every runtime; the adapters have a name for theirs, as `facilitator_tokio::FacilitatorClient`:
///
/// ```
/// use facilitator_core::client::Event;
/// use facilitator_core::driver::{FacilitatorClient, Runtime};
/// use facilitator_core::message::{JobRejectionReason, JobStatus};
///
/// async fn serve<R: Runtime>(client: &FacilitatorClient<R>) -> Result<(), Box<dyn std::error::Error>> {
///     client.start()?;
///     while let Ok(event) = client.next_event().await {
///         // `received` is on its way when this event comes.
///         let Event::JobRequested(job) = event else { continue };
///         // The first wait is for room in the outbox, the second for the facilitator's answer.
///         let receipt = client.send_status(&job.uuid, JobStatus::Accepted).await?;
///         println!("{}: {}", job.uuid, receipt.await.outcome.as_str());
///         let reason = JobRejectionReason::NoMinerForJob;
///         // A receipt that nobody waits for may be dropped: the message is delivered all the same.
///         client.reject_job(&job.uuid, reason, "no miner is free").await?;
///     }
///     Ok(())
/// }
/// ```
pub struct FacilitatorClient<R: Runtime> {
    pub(super) shared: Arc<Shared<R>>,
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
        let (phase, owed) = self
            .shared
            .visit(|state| (state.session.phase(), state.session.owed()));
        f.debug_struct("FacilitatorClient")
            .field("hotkey", &self.shared.hotkey)
            .field("phase", &phase)
            .field("owed", &owed)
            .finish_non_exhaustive()
    }
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopReport {
    /// What was accepted and not delivered: statuses, then machine specs, each oldest first. Empty when nothing was left.
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
    /// everything, so it must not wait, nor call this handle: it would wait for itself for ever.
    ///
    /// # Errors
    ///
    /// [`RecordingError`], when the session was used before, or the sink refuses the first line. Later, a recording
    /// that cannot go on ends, and the session goes on without it.
    pub fn record(&self, sink: impl trace::Sink + 'static) -> Result<(), RecordingError> {
        self.shared.visit(|state| state.session.record(sink))
    }

    /// Why the recording has ended before the session, if it has.
    pub fn recording_error(&self) -> Option<RecordingError> {
        self.shared.visit(|state| state.session.recording_error())
    }

    /// Starts the session. It connects, authenticates and reconnects by itself from now on.
    ///
    /// With a logger of the crate `log` that takes the level trace of the target `tungstenite`, it warns there: see
    /// [the module's documentation](crate::driver#what-is-logged).
    ///
    /// # Errors
    ///
    /// [`StartError`], when it runs already or is stopping: nothing changes. When there is no runtime here, the session
    /// has ended again before this returns.
    pub fn start(&self) -> Result<(), StartError> {
        let has_task = self.shared.visit_now(|state, now| {
            state.session.start(now)?;
            state.started_before = true;
            state.settle();
            Ok::<_, LifecycleError>(core::mem::replace(&mut state.task_runs, true))
        })?;
        if has_task {
            return Ok(());
        }
        warn_of_frame_dumps();
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
        let now = self.shared.now();
        let ended_before = self.shared.visit(|state| {
            let ended = state.ended;
            state.session.stop(now)?;
            state.settle();
            // Nothing new is taken from now on.
            state.wake_senders();
            Ok(ended)
        })?;
        Ok(self.wait_for_end(ended_before).await)
    }

    /// Ends the session at once and returns what was owed; also what was restored into one that was not started since.
    ///
    /// # Errors
    ///
    /// [`LifecycleError::NotStarted`], when the session neither runs nor owes anything.
    pub fn abort(&self) -> Result<StopReport, LifecycleError> {
        let now = self.shared.now();
        self.shared.visit(|state| {
            state.session.abort(now)?;
            state.settle();
            Ok(state.report())
        })
    }

    /// Starts the session, runs the closure, and stops the session whatever the closure's outcome was.
    ///
    /// When this future is dropped, or the closure panics, the session is aborted.
    ///
    /// ```
    /// use facilitator_core::driver::{FacilitatorClient, Runtime, StartError};
    ///
    /// /// Serves until `signal` comes; how many messages were not delivered.
    /// async fn serve<R: Runtime>(
    ///     client: &FacilitatorClient<R>,
    ///     signal: impl Future<Output = ()>,
    /// ) -> Result<usize, StartError> {
    ///     let ((), report) = client.run(async |_client| signal.await).await?;
    ///     Ok(report.owed.len())
    /// }
    /// ```
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
                let ended = self.shared.visit(|state| state.ended);
                self.wait_for_end(ended).await
            }
            Err(_) => self.shared.visit(|state| state.report()),
        };
        core::mem::forget(scope);
        Ok((result, report))
    }

    /// What is owed, and every job that is known, as a value that serde can keep; see
    /// [`Session::snapshot`](crate::client::FacilitatorClient::snapshot). For a planned restart, take it after [`stop`](Self::stop): it holds what was handed back then.
    pub fn snapshot(&self) -> Snapshot {
        self.shared
            .visit_now(|state, now| state.session.snapshot(now))
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
        self.shared.visit_now(|state, now| {
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
        })
    }

    /// Changes who may give us work, from now on.
    pub fn set_trust(&self, policy: TrustPolicy) {
        self.shared.visit(|state| state.session.set_trust(policy));
    }

    /// Whether the session runs: it was started and has not ended since.
    pub fn is_running(&self) -> bool {
        self.shared.visit(|state| state.session.is_running())
    }

    /// What the session is doing.
    pub fn phase(&self) -> Phase {
        self.shared.visit(|state| state.session.phase())
    }

    /// How the session is, in one word.
    pub fn health(&self) -> Health {
        self.shared.visit(|state| state.session.health())
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        self.shared.visit(|state| state.session.stats())
    }

    /// The session at this moment, for those who look at it; see
    /// [`Session::overview`](crate::client::FacilitatorClient::overview).
    pub fn overview(&self) -> Overview {
        self.shared
            .visit(|state| state.session.overview(self.shared.now()))
    }

    /// The validator's own address: SS58 with prefix 42.
    pub fn hotkey(&self) -> alloc::string::String {
        self.shared.hotkey.as_ref().into()
    }

    /// The next event.
    ///
    /// An application that takes them slowly loses no request of a job that is still open, and not the end of the
    /// latest session. Job requests wait up to `waiting_job_bytes`; further ones are rejected, or left unanswered, as
    /// [`WhenJobsWait`](crate::client::WhenJobsWait) says. Of the other events the oldest are dropped beyond `waiting_events`
    /// and `waiting_event_bytes`, and [`Event::Missed`] says so; what an application may have to act upon (cheat reports,
    /// overdue jobs) is never dropped for the sake of what it may not. With several callers, each event goes to one.
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
        self.shared.visit(|state| {
            if let Some(event) = state.take_event() {
                return Poll::Ready(Ok(event));
            }
            if state.session.is_running() {
                waiting.wait(state, cx);
                return Poll::Pending;
            }
            Poll::Ready(Err(if state.started_before {
                EventError::Stopped
            } else {
                EventError::NotStarted
            }))
        })
    }

    async fn wait_for_end(&self, ended_before: u64) -> StopReport {
        let mut waiting = Registration::new(&self.shared, |state| &mut state.end_waiters);
        poll_fn(|cx| {
            self.shared.visit(|state| {
                if state.ended > ended_before || !state.session.is_running() {
                    return Poll::Ready(state.report());
                }
                waiting.wait(state, cx);
                Poll::Pending
            })
        })
        .await
    }
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
        let (key, replaced) = (self.list)(state).wait(self.key, cx.waker());
        self.key = Some(key);
        state.discarded.extend(replaced);
    }
}

impl<R: Runtime> Drop for Registration<'_, R> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.visit(|state| {
                let waker = (self.list)(state).leave(key);
                state.discarded.extend(waker);
            });
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

/// The WebSocket library writes the frames that it reads to `log`, at the level trace. Nothing but the application can
/// keep it from that, so the application is told.
fn warn_of_frame_dumps() {
    if log::log_enabled!(target: "tungstenite::protocol", log::Level::Trace) {
        log::warn!(
            "the logger takes the level trace of tungstenite, which is the frames that are read: jobs with their \
             tokens, and whatever the peer repeats of the authentication, which can be replayed for ever; limit the \
             target `tungstenite` to info"
        );
    }
}

fn abandon<R: Runtime>(shared: &Shared<R>, why: &'static str) {
    let now = shared.now();
    let owed = shared.visit(|state| {
        state.session.abort(now).ok()?;
        state.settle();
        Some(state.left.len())
    });
    // Not under the lock: a log can be anybody's code.
    if let Some(owed @ 1..) = owed {
        warn!(
            owed,
            "the session was aborted because {why}; updates were not delivered"
        );
    }
}
