//! The table of transitions in the documentation of `Phase`, cell by cell against the session.

use std::time::Duration;

use facilitator_core::client::{
    AuthenticationMethod, Config, ConnectFailure, ConnectFailureKind, Disconnected, LifecycleError,
    OnSignatureInvalid, Phase, Timer,
};
use facilitator_core::message::JobStatus;
use facilitator_core::{CloseFrame, Frame};
use facilitator_tests::solo::{Outputs, SUCCESS, Solo, config, error, error_at, job, job_request};

const SOURCE: &str = include_str!("../../../core/src/client/phase.rs");

/// Far behind everything else.
const LONG: Duration = Duration::from_hours(1000);
/// Before everything else.
const SHORT: Duration = Duration::from_millis(10);

/// What goes on beneath a stop.
const BENEATH: [Phase; 4] = [
    Phase::Connecting,
    Phase::Authenticating,
    Phase::Ready,
    Phase::Waiting,
];

/// What a row's input is.
#[derive(Clone, Copy)]
enum Input {
    /// The application calls.
    Call(fn(&mut Solo) -> Result<(), LifecycleError>),
    /// The network reports.
    Report(fn(&mut Solo)),
    /// The time of this timer comes, before that of all others.
    Timer(Timer),
}

/// A row of the table.
struct Row {
    name: &'static str,
    input: Input,
    /// Updates that are owed.
    owed: u128,
    /// What it is about, of that which goes on beneath a stop.
    beneath: &'static [Phase],
    /// Whether a stop is under way in the closing phase.
    stopping: bool,
    configure: fn(&mut Config),
}

impl Row {
    fn new(name: &'static str, beneath: &'static [Phase], input: Input) -> Self {
        Self {
            name,
            input,
            owed: 1,
            beneath,
            stopping: name.contains(", stopping") || name == "timer `drain`",
            configure: |_| {},
        }
    }

    fn owing(self, owed: u128) -> Self {
        Self { owed, ..self }
    }

    fn with(self, configure: fn(&mut Config)) -> Self {
        Self { configure, ..self }
    }
}

const CONNECTING: &[Phase] = &[Phase::Connecting];
const AUTHENTICATING: &[Phase] = &[Phase::Authenticating];
const READY: &[Phase] = &[Phase::Ready];
const WAITING: &[Phase] = &[Phase::Waiting];
const CONNECTED: &[Phase] = &[Phase::Authenticating, Phase::Ready];

fn rows() -> Vec<Row> {
    let mut rows = lifecycle_rows();
    rows.extend(connection_rows());
    rows.extend(frame_rows());
    rows.extend(timer_rows());
    rows
}

fn lifecycle_rows() -> Vec<Row> {
    let call = |name, call| Row::new(name, &BENEATH, Input::Call(call));
    let late = "`stop`, something owed, next attempt behind the deadline";
    vec![
        call("`start`", |solo| solo.client.start(solo.now)),
        call("`stop`, nothing owed", |solo| solo.client.stop(solo.now)).owing(0),
        call("`stop`, something owed", |solo| solo.client.stop(solo.now)),
        call(late, |solo| solo.client.stop(solo.now))
            .with(|config| (config.backoff_initial, config.backoff_max) = (LONG, LONG)),
        call("`abort`", |solo| solo.client.abort(solo.now)),
    ]
}

fn connection_rows() -> Vec<Row> {
    let report = |name, beneath, report| Row::new(name, beneath, Input::Report(report));
    vec![
        report("connected", CONNECTING, Solo::connect),
        report(
            "connected, authenticated in headers",
            CONNECTING,
            Solo::connect,
        )
        .with(|config| config.authentication = AuthenticationMethod::Headers),
        report("connect failed", CONNECTING, Solo::refuse),
        report(
            "connect failed, next attempt behind the deadline",
            CONNECTING,
            |solo| {
                let failure = ConnectFailure {
                    retry_after: Some(Duration::from_mins(1)),
                    ..ConnectFailure::new(ConnectFailureKind::Http { status: 503 }, "")
                };
                solo.client
                    .handle_connect_failed(solo.now, solo.conn, failure);
            },
        ),
        report("disconnected", CONNECTED, Solo::cut),
        report("disconnected, stopping, nothing owed", &[], Solo::cut).owing(0),
        report(
            "disconnected, stopping, something owed",
            CONNECTED,
            Solo::cut,
        ),
        report(
            "disconnected with 3000, [for good](super::OnSignatureInvalid::Stop)",
            AUTHENTICATING,
            |solo| {
                let how = Disconnected::Closed(Some(CloseFrame::new(3000)));
                solo.client.handle_disconnected(solo.now, solo.conn, how);
            },
        )
        .with(|config| config.on_signature_invalid = OnSignatureInvalid::Stop),
    ]
}

fn frame_rows() -> Vec<Row> {
    let frame = |name, beneath, frame| Row::new(name, beneath, Input::Report(frame));
    vec![
        frame("authentication accepted", AUTHENTICATING, |solo| {
            solo.receive(SUCCESS);
        }),
        frame("authentication refused", AUTHENTICATING, |solo| {
            solo.receive(&error("auth.validator_not_found"));
        }),
        frame("the answer to one of several updates", READY, |solo| {
            solo.receive(SUCCESS);
        })
        .owing(2),
        frame("the answer to the last thing owed", READY, |solo| {
            solo.receive(SUCCESS);
        }),
        frame("an answer that nothing waits for", READY, |solo| {
            solo.receive(&error("auth.already_authenticated"));
        }),
        frame("an answer that could mean two messages", READY, |solo| {
            solo.receive(&error_at("json_invalid", "[]"));
        }),
        frame("`auth.not_authenticated`", CONNECTED, |solo| {
            solo.receive(&error("auth.not_authenticated"));
        }),
        frame("a job request", CONNECTED, |solo| {
            solo.receive(&job_request(&job(7)));
        }),
        frame("a malformed frame", CONNECTED, |solo| solo.receive("{")),
        frame("a close frame", CONNECTED, |solo| {
            solo.receive_frame(Frame::Close(Some(CloseFrame::new(1001))));
        }),
    ]
}

fn timer_rows() -> Vec<Row> {
    let timer = |name, beneath, timer| Row::new(name, beneath, Input::Timer(timer));
    let close = |name| timer(name, &[], Timer::Close).with(|config| config.close_timeout = SHORT);
    vec![
        timer("timer `connect`", CONNECTING, Timer::Connect)
            .with(|config| config.connect_timeout = SHORT),
        timer(
            "timer `authentication`",
            AUTHENTICATING,
            Timer::Authentication,
        )
        .with(|config| config.authentication_timeout = SHORT),
        timer("timer `acknowledgement`", READY, Timer::Acknowledgement)
            .with(|config| config.acknowledgement_timeout = SHORT),
        timer("timer `pong`", READY, Timer::Pong)
            .with(|config| (config.ping_interval, config.pong_timeout) = (SHORT, SHORT)),
        timer("timer `reconnect`", WAITING, Timer::Reconnect)
            .with(|config| (config.backoff_initial, config.backoff_max) = (SHORT, SHORT)),
        timer("timer `heartbeat`", READY, Timer::Heartbeat)
            .with(|config| config.heartbeat_interval = SHORT),
        timer("timer `ping`", READY, Timer::Ping).with(|config| config.ping_interval = SHORT),
        timer("timer `watchdog`", &BENEATH, Timer::Watchdog)
            .with(|config| config.adopted_job_limit = SHORT),
        close("timer `close`"),
        close("timer `close`, stopping, nothing owed").owing(0),
        close("timer `close`, stopping, something owed"),
        timer("timer `drain`", &BENEATH, Timer::Drain).with(|config| {
            config.drain_timeout = SHORT;
            (config.backoff_initial, config.backoff_max) = (SHORT / 2, SHORT / 2);
        }),
    ]
}

/// Lets the session wait for this timer; returns whether it is armed, and comes before all but what only repeats itself.
fn fire(solo: &mut Solo, timer: Timer) -> bool {
    let end = solo.now + 3 * SHORT;
    let drain = solo.now + solo.client.config().drain_timeout;
    while let Some((at, next)) = solo.next_timer().filter(|(at, _)| *at <= end) {
        solo.now = at;
        solo.client.handle_timeout(at);
        // A closing handshake has the same end as the stop.
        if next == timer || timer == Timer::Drain && at == drain && next == Timer::Close {
            return true;
        }
        if !matches!(next, Timer::Ping | Timer::Heartbeat | Timer::Reconnect) {
            return false;
        }
        solo.drain();
    }
    false
}

/// A session in this phase, with so much owed; beneath a stop it is where `beneath` says.
fn enter(phase: Phase, beneath: Phase, config: &Config, owed: u128) -> Solo {
    let mut solo = Solo::new(config.clone());
    if phase == Phase::Idle {
        return solo;
    }
    let reaches = |reached: Phase| match phase {
        Phase::Draining => beneath >= reached,
        Phase::Closing => reached <= Phase::Ready,
        phase => phase >= reached,
    };
    solo.start();
    for n in 0..owed {
        solo.send(&job(n), JobStatus::Accepted);
    }
    if reaches(Phase::Authenticating) {
        solo.connect();
    }
    if reaches(Phase::Ready) && solo.client.phase() == Phase::Authenticating {
        solo.receive(SUCCESS);
    }
    if reaches(Phase::Waiting) {
        solo.cut();
    }
    match phase {
        Phase::Draining => solo.client.stop(solo.now).unwrap(),
        Phase::Closing => solo.receive_frame(Frame::Close(None)),
        _ => {}
    }
    assert_eq!(solo.client.phase(), phase, "over {beneath}");
    solo.take();
    solo
}

/// Holds one cell against the session.
fn check(row: &Row, phase: Phase, beneath: Phase, expected: &str) {
    let mut config = config();
    (row.configure)(&mut config);
    let owed = match phase {
        Phase::Draining => row.owed.max(1),
        _ => row.owed,
    };
    let mut solo = enter(phase, beneath, &config, owed);
    if phase == Phase::Closing && row.stopping {
        solo.client.stop(solo.now).unwrap();
        solo.take();
    }
    let stale = solo.client.stats().stale_inputs;
    let result = match row.input {
        Input::Call(call) => Some(call(&mut solo)),
        Input::Report(report) => {
            report(&mut solo);
            Some(Ok(()))
        }
        Input::Timer(timer) => fire(&mut solo, timer).then_some(Ok(())),
    };
    let stale = solo.client.stats().stale_inputs - stale;
    let after = solo.client.phase();
    let out = solo.take();
    let place = format!("{} while {phase} (over {beneath}), {result:?}", row.name);
    match expected {
        "" => assert_eq!(result, None, "{place}"),
        "error" => {
            assert!(matches!(result, Some(Err(_))), "{place}");
            assert_eq!((after, out), (phase, Outputs::default()), "{place}");
        }
        "-" => {
            assert_eq!(result, Some(Ok(())), "{place}");
            assert_eq!((after, out), (phase, Outputs::default()), "{place}");
            assert_eq!(stale, 1, "{place}");
        }
        _ => {
            assert_eq!(result, Some(Ok(())), "{place}");
            assert_eq!(after.as_str(), expected, "{place}");
            assert_eq!(stale, 0, "{place}");
        }
    }
}

/// The cells of each row of the table, the input first.
fn table() -> Vec<Vec<&'static str>> {
    let row = |line: &'static str| {
        let cells = line.strip_prefix("/// |")?.strip_suffix("|")?;
        Some(cells.split('|').map(str::trim).collect())
    };
    SOURCE.lines().filter_map(row).collect()
}

#[test]
fn the_table_of_transitions_is_what_the_session_does() {
    let table = table();
    let (header, cells) = (&table[0], &table[2..]);
    let phases: Vec<&str> = Phase::ALL.iter().map(|phase| phase.as_str()).collect();
    assert_eq!(header[1..], phases);
    let mut rows = rows();
    let mut checked = 0;
    for line in cells {
        let found = rows.iter().position(|row| row.name == line[0]);
        let row = rows.remove(found.unwrap_or_else(|| panic!("nobody tests {:?}", line[0])));
        assert_eq!(line.len(), 1 + Phase::ALL.len(), "{}", row.name);
        for (phase, cell) in Phase::ALL.iter().copied().zip(&line[1..]) {
            // A frame that comes where it cannot is another input; a timer can be looked for.
            if cell.is_empty() && !matches!(row.input, Input::Timer(_)) {
                continue;
            }
            checked += 1;
            match phase {
                Phase::Draining => {
                    for beneath in BENEATH {
                        if cell.is_empty() || row.beneath.contains(&beneath) {
                            check(&row, phase, beneath, cell);
                        }
                    }
                }
                _ => check(&row, phase, phase, cell),
            }
        }
    }
    let untold: Vec<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(untold, [""; 0], "these rows are missing in the table");
    println!("{checked} cells");
}

#[test]
fn beneath_a_stop_what_is_about_no_connection_changes_nothing() {
    for row in connection_rows().iter().chain(&frame_rows()) {
        for beneath in [Phase::Connecting, Phase::Waiting] {
            if !row.beneath.contains(&beneath) {
                check(row, Phase::Draining, beneath, "-");
            }
        }
    }
}
