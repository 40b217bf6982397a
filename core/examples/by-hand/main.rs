//! A validator without any async: blocking `tungstenite`, threads, and the session driven by hand. It takes one job,
//! ends it and stops: `cargo run -p facilitator-core --features tls --example by-hand -- URI HOTKEY_FILE`.
//!
//! The main thread owns the session and the socket, which is in `socket`. What nobody can interrupt has a thread of its
//! own and reports through a channel: looking up a name and connecting, and the job.
#![expect(clippy::print_stdout, reason = "it shows what happens")]

mod socket;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{env, error::Error, fs, thread};

use facilitator_core::client::{
    Config, ConnectFailure, Endpoint, Event, FacilitatorClient, Output, Subject,
};
use facilitator_core::driver::default_tls;
use facilitator_core::message::JobStatus::{
    Accepted, Completed, ExecutionDone, ExecutorReady, VolumesReady,
};
use facilitator_core::message::{
    JobRejectionReason, JobStatusMetadata, MinerResponse, V0JobStatusUpdate,
};
use facilitator_core::signature::hotkey;
use facilitator_core::{ConnectionId, Frame, Timestamp};

use self::socket::{Line, Socket};

/// The longest that the socket is waited for, and so the longest that anything else waits: a deadline, a report.
const TURN: Duration = Duration::from_millis(10);

/// What the other threads report.
enum Report {
    Connected(ConnectionId, Result<Socket, ConnectFailure>),
    Status(V0JobStatusUpdate),
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(uri), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: by-hand URI HOTKEY_FILE".into());
    };
    let keypair = hotkey::parse(&fs::read(file)?)?;
    let config = Config::new(Endpoint::parse(&uri)?);
    let connect_timeout = config.connect_timeout;
    let jitter = RandomState::new().hash_one(0u8);
    let mut session = FacilitatorClient::new(config, &keypair, jitter)?;

    let origin = Instant::now();
    let now = || Timestamp::from_duration(origin.elapsed());
    let (sender, reports) = channel();
    let mut line = Line::default();
    let mut has_job = false;

    session.set_wall_clock(now(), UNIX_EPOCH.elapsed()?);
    session.start(now())?;
    loop {
        // What the session wants.
        while let Some(output) = session.poll_output() {
            match output {
                Output::Connect(id, request) => {
                    line = Line::to(id);
                    let sender = sender.clone();
                    thread::spawn(move || {
                        let socket =
                            socket::open(&request, default_tls(), Instant::now() + connect_timeout);
                        // When nobody listens, the session is over.
                        let _ = sender.send(Report::Connected(id, socket));
                    });
                }
                Output::Transmit(id, frame) => line.write(id, &frame),
                Output::Disconnect(id, Some(close)) => line.write(id, &Frame::Close(Some(close))),
                Output::Disconnect(id, None) => line.close(id),
                Output::Event(Event::JobRequested(job)) if has_job => {
                    let reason = JobRejectionReason::Busy;
                    session.reject_job(now(), &job.uuid, reason, "one is enough")?;
                }
                Output::Event(Event::JobRequested(job)) => {
                    has_job = true;
                    let sender = sender.clone();
                    thread::spawn(move || work(&job.uuid, &sender));
                }
                Output::Event(Event::Receipt(receipt)) => {
                    println!("{:?}: {}", receipt.subject, receipt.outcome.as_str());
                    if matches!(
                        receipt.subject,
                        Subject::JobStatus {
                            status: Completed,
                            ..
                        }
                    ) {
                        session.stop(now())?;
                    }
                }
                Output::Event(Event::ConnectionLost { reason, .. }) => println!("lost: {reason}"),
                Output::Event(Event::Stopped { owed }) => {
                    println!("stopped, {} updates undelivered", owed.len());
                }
                _ => {}
            }
        }
        if !session.is_running() {
            return Ok(());
        }
        // What the world has for it, until the next deadline at the latest.
        let deadline = session.poll_timeout().map_or(Timestamp::ZERO, |(at, _)| at);
        let wait = deadline.saturating_duration_since(now()).min(TURN);
        let report = match line.turn(wait) {
            Some((id, Ok(frame))) => {
                session.handle_frame(now(), id, frame);
                None
            }
            Some((id, Err(how))) => {
                session.handle_disconnected(now(), id, how);
                None
            }
            None if line.is_open() => reports.try_recv().ok(),
            None => reports.recv_timeout(wait).ok(),
        };
        match report {
            Some(Report::Status(update)) => drop(session.send_job_status(now(), update)?),
            Some(Report::Connected(id, Ok(socket))) => {
                line.open(id, socket);
                session.handle_connected(now(), id);
            }
            Some(Report::Connected(id, Err(failure))) => {
                session.handle_connect_failed(now(), id, failure);
            }
            None => {}
        }
        // A tick that comes too early is harmless.
        session.handle_timeout(now());
    }
}

/// The job's own thread. What it reports comes to the session in this order.
fn work(uuid: &str, reports: &Sender<Report>) {
    for status in [
        Accepted,
        ExecutorReady,
        VolumesReady,
        ExecutionDone,
        Completed,
    ] {
        let mut update = V0JobStatusUpdate::new(uuid, status);
        if status == Completed {
            update = update.with_metadata(JobStatusMetadata {
                miner_response: Some(Box::new(MinerResponse::new("", "done by hand"))),
                ..JobStatusMetadata::default()
            });
        }
        let _ = reports.send(Report::Status(update));
    }
}
