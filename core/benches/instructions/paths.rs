//! The hot paths. Each is taken several times, so that what happens now and then counts as that.

use std::hint::black_box;
use std::time::Duration;

use facilitator_core::client::{Disconnected, Output, Phase};
use facilitator_core::message::{DecodeMode, FacilitatorMessage};
use facilitator_core::{Frame, Timestamp};

use super::callgrind::measured;
use super::every;
use super::reports::Load;
use super::session::Session;

/// A path: its name, how often it is taken, and how one gets to where it begins.
pub(crate) struct Path {
    pub(crate) name: String,
    pub(crate) turns: u64,
    prepare: Box<dyn FnOnce() -> Turn>,
}

/// Takes the path once.
type Turn = Box<dyn FnMut()>;

impl Path {
    fn new<T: FnMut() + 'static>(
        name: impl Into<String>,
        turns: u64,
        prepare: impl FnOnce() -> T + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            turns,
            prepare: Box::new(|| Box::new(prepare())),
        }
    }

    /// Takes the path once to warm up, and then under callgrind's eyes.
    pub(crate) fn take(self) {
        let mut turn = (self.prepare)();
        turn();
        measured(&mut || (0..self.turns).for_each(|_| turn()));
    }
}

/// Every path, always in this order.
pub(crate) fn all() -> Vec<Path> {
    let mut paths = sessions();
    for (name, text) in every::inbound() {
        let name = format!("decode: {name}");
        paths.push(Path::new(name, 100, || {
            move || {
                let decoded = FacilitatorMessage::decode(black_box(&text), DecodeMode::Lenient);
                let _ = black_box(decoded);
            }
        }));
    }
    for (name, message) in every::outbound() {
        let name = format!("encode: {name}");
        paths.push(Path::new(name, 100, || {
            move || {
                black_box(black_box(&message).encode());
            }
        }));
    }
    paths
}

fn sessions() -> Vec<Path> {
    /// As much as a path of so many turns may take on, or get rid of.
    const MANY: Load = Load {
        window: 2000,
        ..Load::FEW
    };
    let full = Load {
        queued: 1999,
        ..MANY
    };
    let output = Load {
        with_output: true,
        ..Load::FEW
    };
    let thousand = Load {
        queued: 1000,
        ..MANY
    };
    vec![
        // A job has six statuses.
        Path::new("cycle: submit, transmit, acknowledge", 1200, || {
            let mut session = Session::new(Load::FEW);
            move || session.cycle()
        }),
        Path::new("cycle, jobs end with output", 1200, move || {
            let mut session = Session::new(output);
            move || session.cycle()
        }),
        Path::new("submit and transmit", 1200, || {
            let mut session = Session::new(MANY);
            move || session.submit()
        }),
        Path::new("acknowledge", 1200, move || {
            let mut session = Session::new(full);
            move || session.acknowledge()
        }),
        Path::new("reconnect and send 1,000 again", 1, move || {
            let mut session = Session::new(thousand);
            move || reconnect(&mut session)
        }),
        Path::new("a minute of silence, kept alive", 100, || {
            let mut session = Session::new(Load::FEW);
            let mut now = Timestamp::ZERO;
            move || now = pass(&mut session, now + Duration::from_mins(1))
        }),
    ]
}

/// Loses the connection, opens another and sends everything again: the oldest alone, as after every loss, and the others
/// when it is acknowledged. One more takes its place.
fn reconnect(session: &mut Session) {
    let owed = session.client.owed();
    let client = &mut session.client;
    let (mut now, mut sent) = (Timestamp::ZERO, 0);
    client.handle_disconnected(now, session.connection, Disconnected::EndOfStream);
    loop {
        match client.poll_output() {
            Some(Output::Connect(connection, _)) => {
                session.connection = connection;
                client.handle_connected(now, connection);
            }
            Some(Output::Transmit(connection, Frame::Text(text))) => {
                sent += usize::from(!text.contains("V0Heartbeat"));
                // The authentication, and the oldest.
                if sent <= 2 && !text.contains("V0Heartbeat") {
                    client.handle_frame(now, connection, session.success.clone());
                }
            }
            Some(_) => {}
            None if client.phase() == Phase::Ready => break,
            None => {
                now = client.poll_timeout().expect("it waits").0;
                client.handle_timeout(now);
            }
        }
    }
    session.submit();
    let sent_again = sent - 1;
    assert_eq!((sent_again, session.client.owed()), (owed, owed));
}

/// Lets time pass with nothing to do but heartbeats, pings and their pongs.
fn pass(session: &mut Session, until: Timestamp) -> Timestamp {
    let client = &mut session.client;
    while let Some((now, _)) = client.poll_timeout().filter(|(now, _)| *now <= until) {
        client.handle_timeout(now);
        while let Some(output) = client.poll_output() {
            if let Output::Transmit(connection, Frame::Ping(payload)) = output {
                client.handle_frame(now, connection, Frame::Pong(payload));
            }
        }
    }
    assert_eq!(client.phase(), Phase::Ready, "nothing has happened");
    until
}
