//! What happens when one side is slower than the other: nothing is lost, nothing piles up, and the rest goes on.

use std::io::Write;
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use facilitator_tokio::core::facilitator::Event;
use facilitator_tokio::server::{Events, ServerEvent};
use serde_json::{Value, json};

use crate::peers::{SUCCESS, scripted};
use crate::program::{Program, SOON, command, uuid};
use crate::session::facilitator;

/// Nothing moves any more when nothing has moved for so long.
const STILL: Duration = Duration::from_millis(700);

/// A thread that writes `lines` to the program and then closes its input.
struct Writer {
    thread: JoinHandle<()>,
    progress: Receiver<()>,
}

impl Writer {
    fn start(
        mut stdin: ChildStdin,
        lines: usize,
        line: impl Fn(usize) -> String + Send + 'static,
    ) -> Self {
        let (moved, progress) = channel();
        let thread = thread::spawn(move || {
            for number in 1..=lines {
                stdin.write_all(line(number).as_bytes()).unwrap();
                stdin.write_all(b"\n").unwrap();
                let _ = moved.send(());
            }
        });
        Self { thread, progress }
    }

    /// Waits until the program takes nothing any more; returns how many lines it has taken.
    fn stalls(&self) -> usize {
        let mut taken = 0;
        while self.progress.recv_timeout(STILL).is_ok() {
            taken += 1;
        }
        assert!(!self.thread.is_finished(), "all {taken} lines were taken");
        taken
    }

    fn finish(self) {
        self.thread.join().unwrap();
    }
}

/// A rejection of a job of its own, with a message of this many bytes.
fn rejection(number: usize, bytes: usize) -> String {
    let (uuid, message) = (uuid(number), "x".repeat(bytes));
    format!(
        r#"{{"command":"reject_job","id":{number},"uuid":"{uuid}","reason":"busy","message":"{message}"}}"#
    )
}

fn ids(events: &[&Value]) -> Vec<u64> {
    events
        .iter()
        .map(|event| event["id"].as_u64().unwrap())
        .collect()
}

/// Until the test says so, the facilitator answers nothing: the outbox fills, stdin is not read, events go on.
#[test]
fn a_full_outbox_stops_the_reading_of_stdin() {
    const ROOM: usize = 8;
    const LINES: usize = 300;
    let (answer, may_answer) = channel();
    let uri = scripted(move |script| {
        script.authenticate();
        let mut unanswered = 0;
        while unanswered < ROOM {
            unanswered += usize::from(script.read().unwrap().contains("V0JobStatusUpdate"));
        }
        script.say(r#"{"message_type":"V2JobRequest","uuid":"00000000-0000-4000-8000-00000000ffff","executor_class":"always_on.test","docker_image":"a","args":[],"env":{},"download_time_limit":1,"execution_time_limit":1,"upload_time_limit":1,"streaming_start_time_limit":1}"#);
        may_answer.recv().unwrap();
        for _ in 0..unanswered {
            script.say(SUCCESS);
        }
        while let Some(text) = script.read() {
            if text.contains("V0JobStatusUpdate") {
                script.say(SUCCESS);
            }
        }
    });
    let mut program = Program::start(&uri, &["--outbox-entries", &ROOM.to_string()]);
    program.expect_phase("ready");
    let writer = Writer::start(program.take_stdin(), LINES, |number| {
        rejection(number, 2000)
    });
    let declined = program.expect_event("job_declined");
    assert_eq!(declined["cause"], "outbox_full");
    let taken = writer.stalls();
    // What fits into the pipe, the buffer and the outbox, and not what the test has.
    assert!(taken < LINES / 2, "{taken} lines were taken");
    answer.send(()).unwrap();
    writer.finish();
    let ended = program.wait();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(
        ids(&ended.of("receipt")),
        (1..=LINES as u64).collect::<Vec<_>>()
    );
    assert!(
        ended
            .of("receipt")
            .iter()
            .all(|receipt| receipt["outcome"] == "acknowledged")
    );
}

/// What can never be accepted is refused: it must not block what stands behind it.
#[test]
fn nothing_waits_for_room_that_cannot_come() {
    let uri = scripted(|script| {
        script.authenticate();
        while let Some(text) = script.read() {
            if text.contains("V0JobStatusUpdate") {
                script.say(SUCCESS);
            }
        }
    });
    let bounds = ["--outbox-entries", "5", "--outbox-bytes", "2000B"];
    let mut program = Program::start(&uri, &bounds);
    for number in 1..=3 {
        program.send_status(&uuid(number), "accepted");
    }
    // The three have a place for their last status each, and no fourth one has.
    program.send_status(&uuid(4), "accepted");
    let error = program.expect_event("command_error");
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("3 jobs are open already"),
        "{error}"
    );
    program.send(rejection(5, 3000));
    let error = program.expect_event("command_error");
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("accepted are 2000"),
        "{error}"
    );
    program.send_status(&uuid(1), "failed");
    program.send_status(&uuid(4), "accepted");
    let ended = program.close();
    assert_eq!(
        (ended.status, ended.of("receipt").len()),
        (0, 5),
        "{}",
        ended.stderr
    );
}

/// Errors that nobody reads.
#[test]
fn an_unread_stdout_stops_the_reading_of_stdin() {
    const LINES: usize = 20_000;
    let uri = scripted(|script| {
        script.authenticate();
        script.fall_silent();
    });
    let mut program = Program::start_unread(command(&uri, &[]));
    let writer = Writer::start(program.take_stdin(), LINES, |number| {
        format!(r#"{{"id":{number},"command":"no"}}"#)
    });
    let taken = writer.stalls();
    assert!(taken < LINES, "{taken}");
    // Whoever reads at last reads everything, in order.
    program.read_stdout();
    writer.finish();
    let ended = program.wait();
    assert_eq!(
        (ended.status, &ended.stopped()["owed"]),
        (0, &json!([])),
        "{}",
        ended.stderr
    );
    let errors = ended.of("command_error");
    assert_eq!(ids(&errors), (1..=LINES as u64).collect::<Vec<_>>());
    assert!(errors.iter().all(|error| error["line"] == error["id"]));
}

/// Receipts that nobody reads: commands are accepted and answered, but not without bound.
#[test]
fn unread_receipts_are_bounded() {
    const LINES: usize = 400;
    let uri = scripted(|script| {
        script.authenticate();
        while let Some(text) = script.read() {
            if text.contains("V0JobStatusUpdate") {
                // As long as what was sent.
                let message = "y".repeat(text.len());
                script.say(&format!(r#"{{"status":"error","errors":[{{"type":"job.not_found","msg":"{message}"}}]}}"#));
            }
        }
    });
    let bounds = ["--line-bytes", "200kB", "--outbox-bytes", "1MB"];
    let mut program = Program::start_unread(command(&uri, &bounds));
    let writer = Writer::start(program.take_stdin(), LINES, |number| {
        rejection(number, 100_000)
    });
    let taken = writer.stalls();
    assert!(taken < LINES / 4, "{taken} lines were taken");
    program.read_stdout();
    writer.finish();
    let ended = program.wait();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(
        ids(&ended.of("receipt")),
        (1..=LINES as u64).collect::<Vec<_>>()
    );
}

/// More events than anybody keeps, while nobody reads them: what may be missed is counted, receipts are not missed.
#[test]
fn receipts_outlive_a_flood() {
    const COMMANDS: usize = 100;
    const FLOOD: usize = 8000;
    let (flooded, all_said) = channel();
    let uri = scripted(move |script| {
        script.authenticate();
        let mut answered = 0;
        while let Some(text) = script.read() {
            if !text.contains("V0JobStatusUpdate") {
                continue;
            }
            script.say(SUCCESS);
            answered += 1;
            if answered % (COMMANDS / 4) == 0 {
                for _ in 0..FLOOD {
                    script.say_binary(b"x");
                }
                // What is answered behind the flood was said behind it.
                script.ping();
                let _ = flooded.send(());
            }
        }
    });
    let mut program = Program::start_unread(command(&uri, &[]));
    for number in 1..=COMMANDS {
        program.send(rejection(number, 1));
    }
    for _ in 0..4 {
        all_said.recv_timeout(SOON).unwrap();
    }
    program.read_stdout();
    // They come by themselves, not only at the end.
    program.expect_receipts(COMMANDS);
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let mut ids = ids(&ended.of("receipt"));
    ids.sort_unstable();
    assert_eq!(ids, (1..=COMMANDS as u64).collect::<Vec<_>>());
    let missed: u64 = ended
        .of("missed")
        .iter()
        .map(|event| event["events"].as_u64().unwrap())
        .sum();
    let told = ended.of("unexpected_binary").len();
    assert!(
        missed > 0 && told > 0 && told < 4 * FLOOD,
        "{missed} missed, {told} told"
    );
}

async fn heartbeats(events: &mut Events, count: usize) {
    for _ in 0..count {
        let beat = async {
            loop {
                let event = events.next().await.unwrap();
                if matches!(event, ServerEvent::Facilitator(Event::Heartbeat { .. })) {
                    return;
                }
            }
        };
        tokio::time::timeout(SOON, beat)
            .await
            .expect("no heartbeat came");
    }
}

/// A stalled stdout stops neither the heartbeats nor the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_stdout_holds_up_nothing_else() {
    let server = facilitator().await;
    let mut events = server.events();
    let arguments = ["--heartbeat-interval", "100ms", "--drain-timeout", "1s"];
    let mut program = Program::start_unread(command(&server.uri(), &arguments));
    let stdin = program.take_stdin();
    let writer = Writer::start(stdin, 100_000, |_| "{}".to_owned());
    writer.stalls();
    heartbeats(&mut events, 10).await;
    let began = Instant::now();
    program.signal("TERM");
    let ended = program.wait();
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(ended.status, 1);
    assert!(
        ended.complaint().contains("stdout is not read"),
        "{}",
        ended.stderr
    );
    // The program is gone: writing to it fails.
    assert!(writer.thread.join().is_err());
}

/// An endless line costs no memory, and ends with the input.
#[test]
fn an_endless_line() {
    let uri = scripted(|script| {
        script.authenticate();
        script.fall_silent();
    });
    let mut program = Program::start(&uri, &["--line-bytes", "1MB"]);
    program.expect_phase("ready");
    let before = program.resident_kib();
    let mut stdin = program.take_stdin();
    let piece = vec![b' '; 1 << 20];
    for _ in 0..200 {
        stdin.write_all(&piece).unwrap();
    }
    let after = program.resident_kib();
    assert!(
        after < before + 20 * 1024,
        "{before} KiB became {after} KiB"
    );
    stdin.write_all(b"\n{\"command\":\"stop\"}\n").unwrap();
    let ended = program.wait();
    let errors = ended.of("command_error");
    assert_eq!(
        (ended.status, errors.len(), &errors[0]["line"]),
        (0, 1, &json!(1))
    );
}
