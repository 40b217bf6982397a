//! What a worker is sent: a bounded queue. Who puts something in never waits; a worker that lets it fill is cut off.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use facilitator_tokio::core::message::JobStatus;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::connect::events::Line;
use crate::connect::workers::roster::Job;
use crate::connect::workers::telling::Telling;

/// Lines that may wait, besides the requests of jobs.
const WAITING: usize = 1024;
/// What has to be taken within the time of a stall.
const PIECE: usize = 64 * 1024;

/// One line to be sent. A request is written only when its turn has come: it can be large.
#[derive(Clone, Debug)]
pub(in crate::connect::workers) enum Mail {
    /// A job, `resumed` when it was the worker's before.
    Job { job: Job, resumed: bool },
    /// A line with its line break.
    Text(Arc<[u8]>),
}

impl Mail {
    /// Any other line.
    pub(in crate::connect::workers) fn of(line: &impl serde::Serialize) -> Self {
        // What is serialized here are structs of texts and numbers.
        let mut text = serde_json::to_vec(line).unwrap_or_default();
        text.push(b'\n');
        Self::Text(text.into())
    }

    fn text(self) -> io::Result<Arc<[u8]>> {
        let (job, resumed) = match self {
            Self::Text(text) => return Ok(text),
            Self::Job { job, resumed } => (job, resumed),
        };
        let uuid = &*job.uuid();
        let statuses = || job.given.iter().copied().map(JobStatus::as_str).collect();
        let mut text = match &job.request {
            Some(request) if resumed => serde_json::to_vec(&Telling::JobResumed {
                uuid,
                request,
                resumed,
                statuses: statuses(),
            })?,
            Some(request) => serde_json::to_vec(&Line::JobRequest { uuid, request })?,
            None => serde_json::to_vec(&Telling::AdoptedResumed {
                uuid,
                resumed,
                statuses: statuses(),
            })?,
        };
        text.push(b'\n');
        Ok(text.into())
    }
}

/// Where mail for one worker is put.
#[derive(Clone, Debug)]
pub(in crate::connect::workers) struct MailBox {
    mail: mpsc::Sender<Mail>,
    /// Why the worker is to be cut off.
    cut: watch::Sender<Option<&'static str>>,
}

/// Who carries it.
pub(super) struct Carrier {
    mail: mpsc::Receiver<Mail>,
    cut: watch::Sender<Option<&'static str>>,
    stall: Duration,
}

/// A box for this many jobs, and its carrier.
pub(super) fn mailbox(jobs: usize, stall: Duration) -> (MailBox, Carrier) {
    let (sender, receiver) = mpsc::channel(WAITING.saturating_add(jobs));
    let cut = watch::Sender::new(None);
    let carrier = Carrier {
        mail: receiver,
        cut: cut.clone(),
        stall,
    };
    (MailBox { mail: sender, cut }, carrier)
}

impl MailBox {
    /// Puts something in.
    pub(in crate::connect::workers) fn push(&self, mail: Mail) {
        if let Err(TrySendError::Full(_)) = self.mail.try_send(mail) {
            self.cut("it reads too slowly: too many lines wait for it");
        }
    }

    /// Puts something in once there is room: for answers, whose number the worker itself decides.
    pub(super) async fn answer(&self, mail: Mail) {
        // When nobody carries it any more, the connection is gone.
        let _ = self.mail.send(mail).await;
    }

    /// Cuts the worker off. The first reason counts.
    pub(super) fn cut(&self, reason: &'static str) {
        cut(&self.cut, reason);
    }

    /// Waits until the worker is to be cut off; why.
    pub(super) async fn is_cut(&self) -> &'static str {
        is_cut(&self.cut).await
    }
}

fn cut(cut: &watch::Sender<Option<&'static str>>, reason: &'static str) {
    cut.send_if_modified(|cut| {
        let first = cut.is_none();
        if first {
            *cut = Some(reason);
        }
        first
    });
}

async fn is_cut(cut: &watch::Sender<Option<&'static str>>) -> &'static str {
    let mut cut = cut.subscribe();
    let reason = cut
        .wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|cut| *cut);
    // The sender is here.
    reason.unwrap_or_default()
}

impl Carrier {
    /// Writes what is put in, until nobody can put anything in any more, or the worker was cut off.
    pub(super) async fn carry(mut self, mut stream: impl AsyncWrite + Unpin) {
        loop {
            let mail = tokio::select! {
                biased;
                reason = is_cut(&self.cut) => {
                    // It is told if it can be: in the middle of a line it cannot.
                    let error = Mail::of(&Telling::Error { error: reason });
                    let _ = self.write(&mut stream, error).await;
                    break;
                }
                mail = self.mail.recv() => mail,
            };
            let Some(mail) = mail else {
                break;
            };
            if let Err(reason) = self.write(&mut stream, mail).await {
                cut(&self.cut, reason);
                return;
            }
        }
        let _ = timeout(self.stall, stream.shutdown()).await;
    }

    async fn write(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        mail: Mail,
    ) -> Result<(), &'static str> {
        let text = mail.text().map_err(|_| "a line for it could not be made")?;
        for piece in text.chunks(PIECE) {
            match timeout(self.stall, stream.write_all(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err("its connection is broken"),
                Err(_) => return Err("it reads too slowly: it took nothing for too long"),
            }
        }
        Ok(())
    }
}
