//! One connection: it says hello, its commands are answered, and it leaves. Who it is and what its jobs are is known in
//! `hall`.

use std::sync::Arc;
use std::time::Duration;

use facilitator_tokio::PendingReceipt;
use facilitator_tokio::core::message::JobStatus;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::value::RawValue;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{info, warn};

use super::mail::{Mail, MailBox, mailbox};
use crate::connect::commands::{self, Command, Wrong};
use crate::connect::events;
use crate::connect::input::{check_protocol, complaint, submit};
use crate::connect::lines::{Line, Lines};
use crate::connect::workers::hall::{Hall, Presence, Refusal};
use crate::connect::workers::roster::Job;
use crate::connect::workers::telling::Telling;

/// How long the first line may take.
const HELLO: Duration = Duration::from_secs(10);
/// How long a connection that says nothing more waits for its receipts.
const LINGER: Duration = Duration::from_secs(10);
/// What a command counts for besides its own length.
const OVERHEAD: usize = 1024;
/// Commands whose receipts are not known yet, in bytes beyond the longest line.
const UNANSWERED: usize = 1024 * 1024;
/// The longest name.
const NAME: usize = 128;

/// What is said of a job that somebody else works on.
const ANOTHERS: &str = "the job is another worker's";

/// How workers are spoken with.
pub(super) struct Manner {
    pub(super) line_bytes: usize,
    /// Jobs that a worker can have.
    pub(super) most_jobs: usize,
    pub(super) stall: Duration,
}

/// An accepted command whose receipt is not known yet.
struct Promise {
    receipt: PendingReceipt,
    id: Option<Box<RawValue>>,
    /// Whose it is; nobody's who has no name.
    worker: Option<Arc<str>>,
    /// Its share of what may be unanswered, given back with the answer.
    share: OwnedSemaphorePermit,
}

/// Speaks with a worker until it leaves, is cut off, or the program ends.
pub(super) async fn speak(
    stream: UnixStream,
    hall: Hall,
    manner: &Manner,
    mut leaving: watch::Receiver<bool>,
) {
    let (read, write) = stream.into_split();
    let (mail, carrier) = mailbox(manner.most_jobs, manner.stall);
    let mut carrying = tokio::spawn(carrier.carry(write));
    let (promises, to_keep) = mpsc::unbounded_channel();
    let (lingering, lingers) = watch::channel(true);
    tokio::spawn(keep(to_keep, hall.clone(), mail.clone(), lingers));
    mail.push(Mail::of(&events::Line::hello(
        None,
        &hall.client().hotkey(),
    )));

    let unanswered = manner.line_bytes.saturating_add(OVERHEAD + UNANSWERED);
    let mut worker = Worker {
        hall,
        mail,
        promises,
        shares: Arc::new(Semaphore::new(unanswered.min(Semaphore::MAX_PERMITS))),
        most_jobs: manner.most_jobs,
        greeted: false,
        presence: None,
    };
    let mut lines = Lines::new(read, manner.line_bytes);
    let mail = worker.mail.clone();
    let reason = tokio::select! {
        biased;
        // An error means the same.
        _ = leaving.wait_for(|leaving| *leaving) => "the program ends",
        reason = mail.is_cut() => reason,
        reason = worker.listen(&mut lines) => reason,
    };
    if let Some(presence) = &worker.presence {
        if let Some(repeated) = say(&worker.hall, "workers that left", &presence.worker) {
            info!(worker = ?&*presence.worker, reason, repeated, "worker left");
        }
        worker.hall.depart(presence, reason);
    }
    // What is known by now, or soon, is still told.
    drop((worker, mail));
    if timeout(LINGER, &mut carrying).await.is_err() {
        lingering.send_replace(false);
        // What holds the carrier up now is the worker alone, and that is bounded.
        let _ = carrying.await;
    }
}

/// Whether to write a line of this kind about this worker once more; see [`Limit::say`].
///
/// [`Limit::say`]: crate::connect::log::Limit::say
#[expect(clippy::option_option, reason = "as there")]
fn say(hall: &Hall, what: &str, worker: &str) -> Option<Option<u64>> {
    hall.limit().say(&format!("{what}: {worker:?}"))
}

/// Tells one why it is not spoken with, if that can be done at once.
pub(super) fn refuse(stream: &UnixStream, error: &str) {
    let error = Telling::Error { error };
    if let Ok(mut text) = serde_json::to_vec(&error) {
        text.push(b'\n');
        let _ = stream.try_write(&text);
    }
}

/// Sends the receipts of commands, in the order in which they come, and sees that jobs end whose last status does not
/// arrive: that goes on when the connection has ended. What waits here is no more than the outbox holds.
async fn keep(
    mut promises: mpsc::UnboundedReceiver<Promise>,
    hall: Hall,
    mail: MailBox,
    mut lingers: watch::Receiver<bool>,
) {
    let mut mail = Some(mail);
    let mut waiting = FuturesUnordered::new();
    let mut open = true;
    while open || !waiting.is_empty() {
        tokio::select! {
            biased;
            () = is_over(&mut lingers), if mail.is_some() => mail = None,
            promise = promises.recv(), if open => match promise {
                Some(Promise { receipt, id, worker, share }) => {
                    waiting.push(async move { (receipt.await, id, worker, share) });
                }
                None => open = false,
            },
            Some((receipt, id, worker, share)) = waiting.next() => {
                if let Some(mail) = &mail {
                    let line = events::Line::receipt(&receipt, id.as_deref());
                    mail.answer(Mail::of(&line)).await;
                }
                drop(share);
                hall.settle(&receipt, worker.as_deref().unwrap_or_default()).await;
            }
        }
    }
}

async fn is_over(lingers: &mut watch::Receiver<bool>) {
    // An error means that nobody can say so any more: the same.
    let _ = lingers.wait_for(|lingers| !lingers).await;
}

/// Who speaks.
struct Worker {
    hall: Hall,
    mail: MailBox,
    promises: mpsc::UnboundedSender<Promise>,
    shares: Arc<Semaphore>,
    most_jobs: usize,
    greeted: bool,
    presence: Option<Presence>,
}

impl Worker {
    /// Takes commands until there are no more; why there are none.
    async fn listen(&mut self, lines: &mut Lines<OwnedReadHalf>) -> &'static str {
        let hello_by = Instant::now() + HELLO;
        loop {
            let next = tokio::select! {
                biased;
                // Before all that is said instead.
                () = sleep_until(hello_by), if !self.greeted => {
                    self.mail.cut("it did not say hello in time");
                    return "it did not say hello in time";
                }
                next = lines.next() => next,
            };
            let (number, line) = match next {
                Ok(Some(line)) => line,
                Ok(None) => return "it has closed the connection",
                Err(_) => return "its connection is broken",
            };
            let text = match line {
                Line::Text(text) if text.trim_ascii().is_empty() => continue,
                Line::Text(text) => text,
                Line::TooLong(limit) => {
                    let what = format!(
                        "the line is longer than {limit} bytes (`line_bytes`); it was skipped"
                    );
                    self.refuse(number, None, what.into()).await;
                    continue;
                }
                Line::NotUtf8(at) => {
                    let what = format!("the line is no UTF-8 (byte {})", at + 1);
                    self.refuse(number, None, what.into()).await;
                    continue;
                }
            };
            let cost = text.len() + OVERHEAD;
            let parsed = commands::parse(text);
            let id = parsed.id;
            let done = match parsed.command {
                Ok(command) => self.obey(command, id.clone(), cost).await,
                Err(wrong) => Err(wrong),
            };
            if let Err(wrong) = done {
                self.refuse(number, id, wrong).await;
            }
        }
    }

    async fn obey(
        &mut self,
        command: Command,
        id: Option<Box<RawValue>>,
        cost: usize,
    ) -> Result<(), Wrong> {
        let status = match &command {
            Command::Hello { .. } => None,
            _ if !self.greeted => {
                let what = r#"say hello first, as {"command":"hello","protocol":1,"worker":"one","jobs":1}"#;
                return Err(Wrong::in_field("command", what));
            }
            Command::JobStatus(update) => Some((update.uuid.clone(), update.status)),
            Command::RejectJob { uuid, .. } => Some((uuid.clone(), JobStatus::Rejected)),
            _ => None,
        };
        match command {
            Command::Hello {
                protocol,
                worker,
                jobs,
            } => {
                check_protocol(protocol)?;
                self.hello(id.as_deref(), worker, jobs.unwrap_or(0))
            }
            Command::Capacity { jobs } => self.capacity(id, jobs).await,
            Command::Stop => {
                let what = "`stop` is not for workers; take no more jobs with `capacity`, or close the connection";
                Err(Wrong::in_field("command", what))
            }
            Command::AdoptJob { uuid, time_left } => {
                self.adopt(&uuid, time_left)?;
                let id = id.as_deref();
                let line = events::Line::JobAdopted { id, uuid: &uuid };
                self.mail.answer(Mail::of(&line)).await;
                Ok(())
            }
            command => {
                if let Some((uuid, _)) = &status
                    && !self.hall.may_speak(self.presence.as_ref(), uuid)
                {
                    return Err(Wrong::in_field("uuid", ANOTHERS));
                }
                let cost = u32::try_from(cost).unwrap_or(u32::MAX);
                let share = Arc::clone(&self.shares).acquire_many_owned(cost).await;
                let share = share.map_err(|error| error.to_string())?;
                let sent = submit(self.hall.client(), command).await;
                let receipt = sent.map_err(|error| complaint(&error))?;
                if let Some((uuid, status)) = status {
                    self.hall.note(&uuid, status);
                }
                // Whoever keeps promises lives as long as this.
                let _ = self.promises.send(Promise {
                    receipt,
                    id,
                    worker: self.presence.as_ref().map(|own| Arc::clone(&own.worker)),
                    share,
                });
                Ok(())
            }
        }
    }

    fn hello(
        &mut self,
        id: Option<&RawValue>,
        worker: Option<String>,
        jobs: u64,
    ) -> Result<(), Wrong> {
        if self.greeted {
            let what = "hello was said already; `capacity` changes how many jobs are taken";
            return Err(Wrong::in_field("command", what));
        }
        let places = self.places(jobs)?;
        let Some(name) = worker else {
            if jobs > 0 {
                let what = "`worker` is missing; who takes jobs has a name, under which it finds them again";
                return Err(Wrong::in_field("worker", what));
            }
            self.mail.push(Mail::of(&Telling::Welcome {
                id,
                worker: "",
                jobs,
                resumed: Vec::new(),
            }));
            self.greeted = true;
            return Ok(());
        };
        let is_plain = !name.is_empty() && name.len() <= NAME && !name.contains(char::is_control);
        if !is_plain {
            let what =
                format!("`worker` must be a name of 1 to {NAME} bytes, without control characters");
            return Err(Wrong::in_field("worker", what));
        }
        let presence = self
            .hall
            .arrive(&name, places, self.mail.clone(), |resumed| {
                Mail::of(&Telling::Welcome {
                    id,
                    worker: &name,
                    jobs,
                    resumed: resumed.iter().map(Job::uuid).collect(),
                })
            });
        let presence = presence.map_err(|refusal| refused(refusal, &name))?;
        if let Some(repeated) = say(&self.hall, "workers that joined", &name) {
            info!(worker = ?name, jobs, repeated, "worker joined");
        }
        self.presence = Some(presence);
        self.greeted = true;
        Ok(())
    }

    fn adopt(&self, uuid: &str, time_left: Duration) -> Result<(), Wrong> {
        let adopted = self.hall.adopt(self.presence.as_ref(), uuid, time_left);
        if adopted.map_err(|error| complaint(&error))? {
            Ok(())
        } else {
            Err(Wrong::in_field("uuid", ANOTHERS))
        }
    }

    async fn capacity(&mut self, id: Option<Box<RawValue>>, jobs: u64) -> Result<(), Wrong> {
        let places = self.places(jobs)?;
        let Some(presence) = &self.presence else {
            let what = "`capacity` is for workers with a name; say one with hello";
            return Err(Wrong::in_field("command", what));
        };
        let resized = self.hall.resize(presence, places);
        resized.map_err(|refusal| refused(refusal, &presence.worker))?;
        let id = id.as_deref();
        self.mail
            .answer(Mail::of(&Telling::Capacity { id, jobs }))
            .await;
        Ok(())
    }

    fn places(&self, jobs: u64) -> Result<usize, Wrong> {
        let most = self.most_jobs;
        usize::try_from(jobs)
            .ok()
            .filter(|jobs| *jobs <= most)
            .ok_or_else(|| {
                let what = format!(
                    "`jobs` must be a number from 0 to {most} (`workers.max_jobs`), found {jobs}"
                );
                Wrong::in_field("jobs", what)
            })
    }

    async fn refuse(&self, line: u64, id: Option<Box<RawValue>>, wrong: Wrong) {
        let worker = self.presence.as_ref().map_or("", |own| &*own.worker);
        if let Some(repeated) = say(&self.hall, "refused commands of a worker", worker) {
            warn!(?worker, line, error = ?wrong.what, repeated, "command of a worker refused");
        }
        let line = events::Line::command_error(line, id.as_deref(), wrong);
        self.mail.answer(Mail::of(&line)).await;
    }
}

fn refused(refusal: Refusal, name: &str) -> Wrong {
    match refusal {
        Refusal::NameTaken => Wrong::in_field(
            "worker",
            format!("a worker called {name:?} is connected; each needs a name of its own"),
        ),
        Refusal::NoJobs => Wrong::in_field(
            "jobs",
            "jobs are worked on by a command here (`workers.command`); say 0",
        ),
        Refusal::Stopping => "the program is stopping; connect again later"
            .to_owned()
            .into(),
    }
}
