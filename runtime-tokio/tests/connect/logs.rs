//! What an operator reads at night: one line for each thing that asks for something, and not the same one again and
//! again.

use facilitator_tokio::core::facilitator::FacilitatorConfig;
use facilitator_tokio::server::Server;
use serde_json::Value;

use crate::peers::{Refusing, SUCCESS, scripted};
use crate::program::{Ended, Program, uuid};
use crate::socket::Worker;

/// The lines of a JSON log with this message.
fn lines(ended: &Ended, message: &str) -> Vec<Value> {
    let lines = ended.stderr.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["message"] == message).collect()
}

const JSON: [&str; 2] = ["--log-format", "json"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_one_line_with_all_that_matters() {
    let config = FacilitatorConfig::default();
    let server = Server::bind("127.0.0.1:0", config).await.unwrap();
    let (uri, address) = (server.uri(), server.local_addr());
    // The second attempt comes late enough to tell it from the first.
    let mut program = Program::start(&uri, &JSON);
    program.expect_phase("ready");
    let record = server.shutdown().await;
    program.expect_phase("waiting");
    program.send_status(&uuid(1), "accepted");
    // An attempt that fails, while one message is owed.
    program.expect_phase("connecting");
    program.expect_phase("waiting");
    let server = Server::bind_with(address, record).await.unwrap();
    program.expect_phase("ready");
    let ended = program.close();
    drop(server);

    let lost = lines(&ended, "connection lost");
    assert!(lost.len() >= 2, "{}", ended.stderr);
    let (first, second) = (&lost[0], &lost[1]);
    for line in [first, second] {
        assert_eq!(line["level"], "WARN", "{line}");
        let retry = line["retry_in_s"].as_f64().unwrap();
        assert!((0.0..=0.2).contains(&retry), "{line}");
        assert!(!line["reason"].as_str().unwrap().is_empty(), "{line}");
    }
    assert_ne!(first["cause"], "refused", "{first}");
    assert!(first["lasted_s"].as_f64().unwrap() >= 0.0, "{first}");
    assert_eq!(first["owed"], 0, "{first}");
    // There was no connection that could have lasted.
    assert_eq!(second["cause"], "refused", "{second}");
    assert_eq!(second.get("lasted_s"), None, "{second}");
    assert_eq!(second["owed"], 1, "{second}");
    // The end of it says how bad it was.
    let ready = lines(&ended, "ready");
    assert_eq!(ready.len(), 2, "{}", ended.stderr);
    assert_eq!(ready[0].get("failures"), None, "{}", ready[0]);
    assert!(ready[1]["failures"].as_u64().unwrap() >= 2, "{}", ready[1]);
    assert!(ready[1]["after_s"].as_f64().unwrap() >= 0.0, "{}", ready[1]);
    // Nothing is said twice.
    let waiting = lines(&ended, "waiting");
    assert_eq!(waiting, Vec::<Value>::new());
}

#[test]
fn the_same_failure_is_not_told_again_and_again() {
    let peer = Refusing::new();
    let pauses = ["--backoff-initial", "1ms", "--backoff-max", "1ms"];
    let mut program = Program::start(&peer.uri(), &[JSON.as_slice(), &pauses].concat());
    for _ in 0..50 {
        program.expect_phase("waiting");
    }
    let ended = program.close();
    let losses = ended.of("phase");
    let losses = losses.iter().filter(|event| event["phase"] == "waiting");
    let lost = lines(&ended, "connection lost");
    // More of them when the machine was so slow that a later span has begun.
    assert!((3..10).contains(&lost.len()), "{}", ended.stderr);
    // None goes uncounted. The last attempt may have failed after it was asked to stop.
    let repeated = lost.iter().filter_map(|line| line["repeated"].as_u64());
    let left_out = lines(&ended, "left out of the log");
    let left_out = left_out.iter().filter_map(|line| line["count"].as_u64());
    let counted = lost.len() as u64 + repeated.sum::<u64>() + left_out.sum::<u64>();
    let losses = losses.count() as u64;
    assert!(
        (losses..=losses + 1).contains(&counted),
        "{counted} of {losses}"
    );
}

#[test]
fn a_peer_that_talks_nonsense_does_not_fill_the_disk() {
    const NONSENSE: usize = 2000;
    let uri = scripted(|script| {
        script.authenticate();
        for _ in 0..NONSENSE {
            script.say("nonsense");
        }
        script.say(SUCCESS);
        script.fall_silent();
    });
    let mut program = Program::start(&uri, &JSON);
    program.expect_event("unexpected_response");
    let ended = program.close();
    assert_eq!(ended.of("malformed").len(), NONSENSE);
    let told = lines(&ended, "malformed message").len();
    assert!((10..40).contains(&told), "{told}");
    let left_out = lines(&ended, "left out of the log");
    assert!(
        left_out
            .iter()
            .any(|line| line["what"] == "malformed messages" && line["count"].as_u64() > Some(1900)),
        "{left_out:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_talks_nonsense_does_not_fill_the_disk() {
    const NONSENSE: usize = 2000;
    let (_server, mut program, path) = crate::socket::start("nonsense", &JSON).await;
    let (mut worker, _) = Worker::join(&path, "w", 0);
    let (mut other, _) = Worker::join(&path, "other", 0);
    for _ in 0..NONSENSE {
        worker.write("nonsense");
        worker.expect("command_error");
    }
    // Another one's mistake is not lost among them.
    other.write("nonsense");
    other.expect("command_error");
    // One that comes and goes.
    drop(worker);
    program.expect_event("worker_left");
    for _ in 0..50 {
        drop(Worker::join(&path, "w", 0));
        program.expect_event("worker_left");
    }
    let ended = crate::socket::terminate(program);
    let told = lines(&ended, "command of a worker refused");
    let of = |worker: &str| told.iter().filter(|line| line["worker"] == worker).count();
    assert!((10..40).contains(&of("\"w\"")), "{}", ended.stderr);
    assert_eq!(of("\"other\""), 1);
    for message in ["worker joined", "worker left"] {
        let told = lines(&ended, message).len();
        assert!((10..40).contains(&told), "{told} times {message}");
    }
    // None goes uncounted.
    let left_out = lines(&ended, "left out of the log");
    let left_out = left_out.iter().filter_map(|line| {
        let what = line["what"].as_str().unwrap();
        what.contains("commands")
            .then(|| line["count"].as_u64().unwrap())
    });
    let repeated = told.iter().filter_map(|line| line["repeated"].as_u64());
    let counted = told.len() as u64 + repeated.sum::<u64>() + left_out.sum::<u64>();
    assert_eq!(counted, NONSENSE as u64 + 1);
}
