//! The client's process: it connects as one of the rivals, and reports on jobs as often as its parent asks, with the clocks
//! that are read around it. How a rival works is its own file's.

mod batched;
mod blocking;
mod ours;
mod raw;
mod split;

use std::future::Future;
use std::net::TcpStream as StdTcpStream;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Instant;

use facilitator_core::message::ValidatorMessage;
use facilitator_core::signature::{Keypair, Scheme, authentication_request};
use facilitator_tokio::Tokio;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::UnboundedReceiver;

#[cfg(test)]
pub(crate) use self::ours::update_of_ours;
use super::Result;
use super::role::{commands, cpu_seconds, say};
use super::workload::Work;

/// Who can be the client. Python has a process of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rival {
    /// Frames made beforehand, written to TCP, and answers counted by their bytes.
    Raw,
    /// tungstenite, blocking.
    Blocking,
    /// tokio-tungstenite, one task: feed until the window is full, flush, read what is there.
    Batched,
    /// tokio-tungstenite, split: a task that writes, one that reads, a channel, a semaphore.
    Split,
    /// Ours on tokio, one thread.
    Tokio,
    /// Ours on tokio's runtime of many threads.
    TokioThreads,
    /// Ours on smol.
    Smol,
    /// Ours on async-std.
    AsyncStd,
}

impl Rival {
    const NAMES: [(Self, &'static str); 8] = [
        (Self::Raw, "raw"),
        (Self::Blocking, "blocking"),
        (Self::Batched, "batched"),
        (Self::Split, "split"),
        (Self::Tokio, "tokio"),
        (Self::TokioThreads, "tokio-threads"),
        (Self::Smol, "smol"),
        (Self::AsyncStd, "async-std"),
    ];

    /// As it is called on a command line.
    pub(crate) fn name(self) -> &'static str {
        let name = Self::NAMES.iter().find(|(rival, _)| *rival == self);
        name.map_or("", |(_, name)| name)
    }
}

impl FromStr for Rival {
    type Err = String;

    fn from_str(name: &str) -> core::result::Result<Self, String> {
        let rival = Self::NAMES.iter().find(|(_, other)| *other == name);
        rival
            .map(|(rival, _)| *rival)
            .ok_or_else(|| format!("{name:?} is no rival"))
    }
}

/// Whom to talk to, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) port: u16,
    /// Updates that may be unanswered at any time.
    pub(crate) window: NonZeroUsize,
}

impl Terms {
    fn uri(self) -> String {
        format!("ws://127.0.0.1:{}/ws/v0/", self.port)
    }
}

/// What a parent asks for: the statuses of so many jobs, from this one on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Turn {
    pub(crate) first_job: u64,
    pub(crate) jobs: u64,
    /// How often, one after the other. More than once means something to the raw client only, which would need too much
    /// memory for frames that are all different.
    pub(crate) times: u64,
}

/// How it went.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) seconds: f64,
    /// Of the whole process.
    pub(crate) cpu_seconds: f64,
}

/// The first line: it has connected, and was authenticated.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Connected {
    pub(crate) connected: bool,
}

/// A client that stands.
trait Client {
    /// What can be made before the clock runs.
    fn prepare(&mut self, _: &Work) -> Result<()> {
        Ok(())
    }

    /// Sends all updates, and takes all answers.
    fn run(&mut self, work: &Work, times: u64) -> impl Future<Output = Result<()>> + Send;
}

/// Serves the parent until it has gone.
pub(crate) fn serve(rival: Rival, terms: Terms) -> Result<()> {
    let turns = commands();
    match rival {
        Rival::Raw => one_thread()?.block_on(measure(raw::connect(terms)?, turns)),
        Rival::Blocking => one_thread()?.block_on(measure(blocking::connect(terms)?, turns)),
        Rival::Batched => {
            one_thread()?.block_on(async { measure(batched::connect(terms).await?, turns).await })
        }
        // Where there are several tasks, the program is one of them, as in any program that has a task for a job: tokio polls
        // what it blocks on apart, and looks at the sockets before it does.
        Rival::Split => in_a_task(&one_thread()?, async move {
            measure(split::connect(terms).await?, turns).await
        }),
        Rival::Tokio => in_a_task(&one_thread()?, async move {
            measure(ours::connect::<Tokio>(terms).await?, turns).await
        }),
        Rival::TokioThreads => in_a_task(
            &Builder::new_multi_thread().enable_all().build()?,
            async move { measure(ours::connect::<Tokio>(terms).await?, turns).await },
        ),
        Rival::Smol => smol::block_on(smol::spawn(async move {
            let client = ours::connect::<facilitator_async_std::smol::Smol>(terms).await?;
            measure(client, turns).await
        })),
        Rival::AsyncStd => async_std::task::block_on(async_std::task::spawn(async move {
            let client = ours::connect::<facilitator_async_std::async_std::AsyncStd>(terms).await?;
            measure(client, turns).await
        })),
    }
}

fn one_thread() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn in_a_task(
    runtime: &Runtime,
    program: impl Future<Output = Result<()>> + Send + 'static,
) -> Result<()> {
    runtime.block_on(runtime.spawn(program))?
}

async fn measure(mut client: impl Client, mut turns: UnboundedReceiver<Turn>) -> Result<()> {
    say(&Connected { connected: true })?;
    while let Some(turn) = turns.recv().await {
        let work = Work::new(turn.first_job, turn.jobs);
        client.prepare(&work)?;
        let (began, cpu_before) = (Instant::now(), cpu_seconds());
        client.run(&work, turn.times).await?;
        let (seconds, cpu_after) = (began.elapsed().as_secs_f64(), cpu_seconds());
        say(&Done {
            seconds,
            cpu_seconds: cpu_after - cpu_before,
        })?;
    }
    Ok(())
}

/// Of a key that is worth nothing.
fn keypair() -> Result<Keypair> {
    Ok(Keypair::from_seed(Scheme::Sr25519, [7; 32])?)
}

/// The frame that authenticates, the same for everybody.
pub(crate) fn authentication() -> Result<String> {
    let request = authentication_request(&keypair()?);
    Ok(ValidatorMessage::Authentication(request).encode())
}

/// TCP, as every library of WebSockets that cares sets it up.
fn tcp(terms: Terms) -> std::io::Result<StdTcpStream> {
    let stream = StdTcpStream::connect(("127.0.0.1", terms.port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
