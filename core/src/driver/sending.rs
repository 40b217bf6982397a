//! Sending: the handle's methods that put messages into the outbox, and their future, which waits for room. Who comes before
//! whom is decided in `room`, what is accepted in the session.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::handle::FacilitatorClient;
use super::room::{Lane, Ticket, Wants};
use super::shared::{Shared, State};
use super::{PendingReceipt, Runtime};
use crate::client::{Prepared, SendError, UpdateId, failure, horde_failure, rejection};
use crate::message::{
    HordeFailureDetails, JobFailureDetails, JobRejectionReason, JobStatus, JsonMap,
    V0JobStatusUpdate,
};

/// Sending. Every method checks and encodes its message at once; specs are refused at once, too, while the session does not
/// run. What it returns is a future: the promise of a receipt,
/// once the message is accepted; it waits while the outbox has no room. Dropping it before it has returned takes the
/// message back: it was not accepted, and will not be.
///
/// Callers are served in the order of their first poll, statuses and machine specs each in a queue of their own: a small
/// message does not overtake a large one, and whoever waits for bytes, which both share, is waited for by all who came
/// later. A message for which room does not matter (the terminal status of an open job, what was delivered before,
/// what is refused) waits for nobody.
///
/// A place in the queue belongs to the future. A loop that makes a new one at every turn of a `select!` stands at the end
/// again each time: keep the future, pinned, outside of the loop, and poll it by reference. And a future that is kept but
/// not polled any more holds up all behind it: drop it.
impl<R: Runtime> FacilitatorClient<R> {
    /// Sends a status of a job; see
    /// [`Session::send_job_status`](crate::client::FacilitatorClient::send_job_status).
    ///
    /// # Errors
    ///
    /// [`SendError`], when the message cannot be accepted; a full outbox is waited for instead.
    #[inline]
    pub fn send_job_status(&self, update: V0JobStatusUpdate) -> Acceptance<'_, R> {
        self.accept(Lane::Statuses, self.prepare_status(update))
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
        let message = self.prepare_status(update)?;
        let now = self.shared.now();
        self.shared.visit(|state| {
            let others_wait = !state.room.is_turn(Lane::Statuses, None);
            if others_wait && state.session.needs_room(&message) {
                return Err(state.session.full());
            }
            let id = state.session.send(now, &message)?;
            Ok(accepted(state, id))
        })
    }

    /// Sends a status without metadata.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn send_status(&self, uuid: &str, status: JobStatus) -> Acceptance<'_, R> {
        self.send_job_status(V0JobStatusUpdate::new(uuid, status))
    }

    /// Ends a job as `rejected`, by the validator.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn reject_job(
        &self,
        uuid: &str,
        reason: JobRejectionReason,
        message: &str,
    ) -> Acceptance<'_, R> {
        self.send_job_status(rejection(uuid, reason, message))
    }

    /// Ends a job as `failed`: the job itself did not succeed.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn fail_job(&self, uuid: &str, details: JobFailureDetails) -> Acceptance<'_, R> {
        self.send_job_status(failure(uuid, details))
    }

    /// Ends a job as `horde_failed`: what should have run the job did not.
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn fail_horde(&self, uuid: &str, details: HordeFailureDetails) -> Acceptance<'_, R> {
        self.send_job_status(horde_failure(uuid, details))
    }

    /// Takes up a job that another process received; see
    /// [`Session::adopt_job`](crate::client::FacilitatorClient::adopt_job). It does not wait for room.
    ///
    /// # Errors
    ///
    /// [`SendError`]: the session does not run, the uuid is none, the job has ended, or there is no room for another one.
    pub fn adopt_job(&self, uuid: &str, time_left: Duration) -> Result<(), SendError> {
        self.shared.visit_now(|state, now| {
            state.session.adopt_job(now, uuid, time_left)?;
            state.settle();
            Ok(())
        })
    }

    /// Sends the specs of a miner's machine; see
    /// [`Session::send_machine_specs`](crate::client::FacilitatorClient::send_machine_specs).
    ///
    /// # Errors
    ///
    /// As [`send_job_status`](Self::send_job_status).
    pub fn send_machine_specs(
        &self,
        miner_hotkey: &str,
        batch_id: &str,
        specs: JsonMap,
    ) -> Acceptance<'_, R> {
        let message = self.check_accepting().and_then(|()| {
            let (hotkey, limit) = (&self.shared.hotkey, self.shared.message_bytes);
            Prepared::machine_specs(hotkey, miner_hotkey, batch_id, specs, limit)
        });
        self.accept(Lane::Specs, message)
    }

    /// Encoded once, however long it waits; and without the lock, since that takes long for a large one. What is wrong with
    /// the session is said before what is wrong with the message.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the text stands for the update from here on, which can be large, too"
    )]
    fn prepare_status(&self, update: V0JobStatusUpdate) -> Result<Prepared, SendError> {
        Prepared::job_status(&update, self.shared.message_bytes)
            .map_err(|error| self.check_accepting().err().unwrap_or(error))
    }

    fn check_accepting(&self) -> Result<(), SendError> {
        self.shared.visit(|state| state.session.check_accepting())
    }

    #[inline]
    fn accept(&self, lane: Lane, message: Result<Prepared, SendError>) -> Acceptance<'_, R> {
        Acceptance {
            client: self,
            lane,
            message: Some(message),
            place: None,
        }
    }

    fn poll_send<'a>(
        &'a self,
        cx: &mut Context<'_>,
        lane: Lane,
        message: &Prepared,
        place: &mut Option<Place<'a, R>>,
    ) -> Poll<Result<PendingReceipt, SendError>> {
        let now = self.shared.now();
        let before = place.as_ref().map(|place| place.ticket);
        let polled = self.shared.visit(|state| {
            let mut wants = Wants::Entry;
            if state.room.is_turn(lane, before) || !state.session.needs_room(message) {
                match state.session.send(now, message) {
                    Ok(id) => return Ok(Ok(accepted(state, id))),
                    Err(SendError::FullBytes { .. }) => wants = Wants::Bytes,
                    Err(error) if error.is_full() => {}
                    Err(error) => return Ok(Err(error)),
                }
            }
            let (ticket, replaced) =
                state
                    .room
                    .wait(lane, before, wants, cx.waker(), &mut state.woken);
            state.discarded.extend(replaced);
            Err(ticket)
        });
        match polled {
            Ok(result) => {
                // Leaving the queue wakes the next, who may find room too.
                *place = None;
                Poll::Ready(result)
            }
            Err(ticket) => {
                // Not `get_or_insert`: a place made in vain would leave the queue when it is dropped.
                place.get_or_insert_with(|| Place {
                    shared: &self.shared,
                    lane,
                    ticket,
                });
                Poll::Pending
            }
        }
    }
}

/// A message on its way into the outbox: the promise of its receipt, once it is accepted. It has resolved then, and is
/// pending for ever if somebody polls it again.
///
/// It waits for room in the outbox, in a queue; dropping it leaves the queue.
#[must_use = "the message is accepted only when this is awaited"]
pub struct Acceptance<'a, R: Runtime> {
    client: &'a FacilitatorClient<R>,
    lane: Lane,
    /// None once it has resolved.
    message: Option<Result<Prepared, SendError>>,
    place: Option<Place<'a, R>>,
}

impl<R: Runtime> Future for Acceptance<'_, R> {
    type Output = Result<PendingReceipt, SendError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = match &this.message {
            Some(Ok(message)) => this
                .client
                .poll_send(cx, this.lane, message, &mut this.place),
            Some(Err(error)) => Poll::Ready(Err(error.clone())),
            None => Poll::Pending,
        };
        if polled.is_ready() {
            this.message = None;
        }
        polled
    }
}

impl<R: Runtime> fmt::Debug for Acceptance<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptance")
            .field("message", &self.message)
            .field("waits", &self.place.is_some())
            .finish_non_exhaustive()
    }
}

fn accepted(state: &mut State, id: UpdateId) -> PendingReceipt {
    let receipt = state.promise(id);
    state.settle();
    receipt
}

/// A place in the queue for room; leaving it, also by cancellation, lets the next one try.
struct Place<'a, R: Runtime> {
    shared: &'a Shared<R>,
    lane: Lane,
    ticket: Ticket,
}

impl<R: Runtime> Drop for Place<'_, R> {
    fn drop(&mut self) {
        self.shared.visit(|state| {
            let waker = state.room.leave(self.lane, self.ticket, &mut state.woken);
            state.discarded.extend(waker);
        });
    }
}
