//! The rivals over sockets: clients and servers in processes of their own, on loopback, each on a core of its own, and the
//! rows that compare them. What a lane is, who the rivals are and what they send is each in its own file.

mod client;
mod contest;
pub(crate) mod cores;
mod lane;
pub(crate) mod process;
mod python;
pub(crate) mod role;
mod server;
mod workload;

use std::error::Error;
use std::num::NonZeroUsize;

use facilitator_tests::compare::{Bar, Measured, Plan, Row, Unmeasured};

use self::client::{Rival, Terms};
use self::contest::Contest;
use self::lane::{Cost, Runner};
use self::python::{Manner, Python};
use super::role::Role;

/// Whatever goes wrong ends a measurement, with words for whoever reads them.
pub(crate) type Result<T> = core::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Updates that may be unanswered: one for round trips, the session's default, and many.
const ONE: NonZeroUsize = NonZeroUsize::MIN;
const USUAL: NonZeroUsize = NonZeroUsize::new(64).unwrap();
const MANY: NonZeroUsize = NonZeroUsize::new(512).unwrap();

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "wire-batched",
        title: "acknowledged updates a second, ours on tokio / hand-batched tokio-tungstenite, window 512",
        explanation: "Statuses of jobs, eight at a time, made one by one and sent until each has its answer. Ours: one \
                      thread, a loop that awaits `send_job_status`, another that takes the events and with them the \
                      receipts. \
                      Theirs: the same runtime, one task that writes JSON with serde, feeds until the window is full, \
                      flushes once, reads what is there with serde; nothing survives its connection.",
        bar: Bar::at_least(0.85, 1.10),
        measure: |plan| {
            let rivals = [Rival::Tokio, Rival::Batched, Rival::Raw];
            let contest = Contest::hold(plan, MANY, &rivals.map(Runner::Rust), Cost::rate)?;
            let floor = contest.figures(
                2,
                "raw TCP with frames made beforehand: the floor, and what the server can do",
                "updates/s",
            );
            Ok(contest.measured(RATE).with(floor))
        },
    },
    Row {
        id: "wire-split",
        title: "the same, ours / the usual split design, window 64",
        explanation: "Theirs: tokio-tungstenite with a task that writes what a channel brings, one `send` a message, and \
                      one that reads and gives back a semaphore's permits.",
        bar: Bar::at_least(2.0, 2.4),
        measure: |plan| {
            let rivals = [Rival::Tokio, Rival::Split];
            let contest = Contest::hold(plan, USUAL, &rivals.map(Runner::Rust), Cost::rate)?;
            Ok(contest.measured(RATE))
        },
    },
    Row {
        id: "wire-python-64",
        title: "the same, ours / the incumbent's way in Python, window 64",
        explanation: PYTHON,
        bar: Bar::at_least(25.0, 30.0),
        measure: |plan| against_python(plan, USUAL),
    },
    Row {
        id: "wire-python-512",
        title: "the same, ours / the incumbent's way in Python, window 512",
        explanation: PYTHON,
        bar: Bar::at_least(50.0, 60.0),
        measure: |plan| against_python(plan, MANY),
    },
    Row {
        id: "wire-cpu",
        title: "client CPU for an acknowledged update, ours on tokio / bare tokio-tungstenite, window 512",
        explanation: "User and system time of the whole process, in the same work as in `wire-batched`, against the same \
                      rival.",
        bar: Bar::at_most(2.2, 1.6),
        measure: |plan| {
            let rivals = [Rival::Tokio, Rival::Batched, Rival::Raw];
            let contest = Contest::hold(plan, MANY, &rivals.map(Runner::Rust), Cost::cpu)?;
            let floor = contest.figures(2, "raw TCP: what the system alone takes", NANOSECONDS);
            Ok(contest.measured(NANOSECONDS).with(floor))
        },
    },
    Row {
        id: "wire-runtimes",
        title: "acknowledged updates a second, the slowest of our runtimes / the fastest, window 512",
        explanation: "tokio with one thread and with its threads, smol, async-std, all with the same program on one core. \
                      Where threads take part, the program is a task of the runtime's.",
        bar: Bar::at_least(0.85, 0.95),
        measure: |plan| {
            let rivals = [
                Rival::Tokio,
                Rival::TokioThreads,
                Rival::Smol,
                Rival::AsyncStd,
            ];
            let contest = Contest::hold(plan, MANY, &rivals.map(Runner::Rust), Cost::rate)?;
            Ok(contest.extremes(RATE))
        },
    },
    Row {
        id: "round-trip",
        title: "round trip of an update with one in flight, ours on tokio / blocking tungstenite",
        explanation: "Each update is made, sent, and its answer awaited before the next. Theirs has nothing between the \
                      program and the system but the WebSocket layer and serde.",
        bar: Bar::at_most(1.10, 1.03),
        measure: |plan| {
            let rivals = [Rival::Tokio, Rival::Blocking, Rival::Raw];
            let contest = Contest::hold(plan, ONE, &rivals.map(Runner::Rust), Cost::each)?;
            let floor = contest.figures(
                2,
                "raw TCP with frames made beforehand: the floor",
                NANOSECONDS,
            );
            Ok(contest.measured(NANOSECONDS).with(floor))
        },
    },
];

const RATE: &str = "updates/s";
const NANOSECONDS: &str = "ns";

const PYTHON: &str = "Theirs: `websockets` with its compiled parts on asyncio, a pydantic model for every message, one \
                      `await send` each, wrapped in tenacity's retries and followed by a turn of the event loop as the \
                      incumbent has it, answers that pydantic reads, a semaphore for the window. The environment is made \
                      by this program.";

fn against_python(plan: &Plan, window: NonZeroUsize) -> core::result::Result<Measured, Unmeasured> {
    plan.tell("looking for Python, and what it needs");
    let python = Python::find().map_err(|missing| Unmeasured::skipped(missing.0))?;
    let runners = [
        Runner::Rust(Rival::Tokio),
        Runner::Python(&python, Manner::Incumbent),
        Runner::Python(&python, Manner::Plain),
    ];
    let contest = Contest::hold(plan, window, &runners, Cost::rate)?;
    let bare = contest.figures(
        2,
        "Python without the retries and the turn of the loop",
        RATE,
    );
    Ok(contest.measured(RATE).with(bare))
}

pub(crate) const ROLES: &[Role] = &[
    Role {
        name: lane::SERVER,
        play: |words| match words {
            [core] => play(core, server::serve),
            _ => Err("the role has a core".into()),
        },
    },
    Role {
        name: lane::CLIENT,
        play: |words| match words {
            [core, rival, port, window] => play(core, || {
                let (port, window) = (port.parse()?, window.parse()?);
                client::serve(rival.parse()?, Terms { port, window })
            }),
            _ => Err("the role has a core, a rival, a port and a window".into()),
        },
    },
];

fn play(core: &str, part: impl FnOnce() -> Result<()>) -> core::result::Result<(), String> {
    let core = core.parse().map_err(|_| format!("{core:?} is no core"))?;
    cores::pin(core);
    part().map_err(|error| error.to_string())
}
