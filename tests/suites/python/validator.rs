//! The library as a validator, for the facilitator that the program serves. Keys and signatures are the program's, too.

use std::process::Command;
use std::time::Duration;

use facilitator_core::message::{ExecutorClass, V2JobRequest};
use facilitator_tests::bounded::bounded;
use facilitator_tests::built;
use facilitator_tests::child::{Child, Ended};
use facilitator_tests::solo::job;
use serde_json::{Value, json};

use crate::environment::{self, script};
use crate::{FLAVOURS, TemporaryFile, expect, said};

const LIMIT: Duration = Duration::from_mins(3);

#[test]
fn a_life_and_the_validators_goodbye() {
    check(|flavour| {
        let mut pair = Pair::start(flavour, "closes", |authentication| authentication);
        pair.live();
        let ended = pair.validator.end();
        assert!(ended.status.success(), "{ended:?}");
        let closed = &said(&ended, "closed")[0];
        assert_eq!(closed["sent"], json!([1000, "done"]));
        assert_eq!(closed["received"], closed["sent"]);
        assert_eq!(closed["peer_first"], false);
        expect(&mut pair.serve, "disconnected");
        pair.serve.signal("TERM");
        judge(&pair.serve.end());
    });
}

#[test]
fn a_life_and_the_facilitators_goodbye() {
    check(|flavour| {
        let mut pair = Pair::start(flavour, "is-closed", |authentication| authentication);
        pair.live();
        expect(&mut pair.validator, "waiting");
        pair.serve.signal("TERM");
        judge(&pair.serve.end());
        let ended = pair.validator.end();
        assert!(ended.status.success(), "{ended:?}");
        let closed = &said(&ended, "closed")[0];
        assert_eq!(closed["received"][0], 1012, "it may be back soon");
        assert_eq!(closed["sent"], closed["received"]);
        assert_eq!(closed["peer_first"], true);
    });
}

#[test]
fn a_wrong_signature_is_refused() {
    check(|flavour| {
        // One digit is another.
        let spoil = |mut authentication: Value| {
            let signature = authentication["signature"].as_str().unwrap();
            let other = if signature.ends_with('0') { "1" } else { "0" };
            let signature = format!("{}{other}", &signature[..signature.len() - 1]);
            authentication["signature"] = signature.into();
            authentication
        };
        let pair = Pair::start(flavour, "refused", spoil);
        pair.refused("auth.signature_invalid", 3000);
    });
}

#[test]
fn an_unknown_validator_is_refused() {
    check(|flavour| {
        let other = |_| authentication(&new_key());
        let pair = Pair::start(flavour, "refused", other);
        pair.refused("auth.validator_not_found", 3001);
    });
}

fn check(test: impl Fn(&str) + Send + 'static) {
    if environment::is_there() {
        bounded(LIMIT, move || FLAVOURS.into_iter().for_each(test));
    }
}

/// The program and the script, which speak with each other.
struct Pair {
    serve: Child,
    validator: Child,
}

impl Pair {
    /// The authentication can be changed on its way to the script.
    fn start(flavour: &str, ends: &str, change: impl FnOnce(Value) -> Value) -> Self {
        let mut script = script("validator.py");
        let key = new_key();
        let request = V2JobRequest::new(job(1), ExecutorClass::AlwaysOnTest, "python:3.11");
        let mut serve = program(&["serve", "--listen", "127.0.0.1:0", "--validator"]);
        serve.arg(show(&key)["ss58_address"].as_str().unwrap());
        let jobs = TemporaryFile::new(request.encode());
        serve.arg("--jobs").arg(&jobs);
        let mut serve = Child::start(serve.arg("--sign-with").arg(&key));
        let uri = expect(&mut serve, "listening")["uri"].take();
        let authentication = change(authentication(&key)).to_string();
        script.args(["--flavour", flavour, "--ends", ends, "--uri"]);
        script.args([uri.as_str().unwrap(), "--authentication", &authentication]);
        let validator = Child::start(&mut script);
        Self { serve, validator }
    }

    /// It is pushed a job that the program's own verification finds valid.
    fn live(&mut self) {
        let connected = expect(&mut self.validator, "connected");
        assert_eq!(connected["extensions"], json!([]), "nothing is negotiated");
        let pushed = expect(&mut self.validator, "job");
        let mut verify = Child::start(&mut program(&["key", "verify", "--requests"]));
        verify.write(pushed["text"].as_str().unwrap().as_bytes());
        let verified = verify.end();
        assert!(verified.status.success(), "{verified:?}");
        let verdict: Value = serde_json::from_str(&verified.lines[0]).unwrap();
        assert_eq!(verdict["verdict"], "valid");
        assert_eq!(verdict["uuid"], job(1));
    }

    fn refused(self, error: &str, code: u16) {
        let ended = self.validator.end();
        assert!(ended.status.success(), "{ended:?}");
        let answer = &said(&ended, "refused")[0]["answer"];
        assert_eq!(answer["status"], "error");
        assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
        assert_eq!(answer["errors"][0]["type"], error);
        let closed = &said(&ended, "closed")[0];
        assert_eq!(closed["received"][0], code);
        assert_eq!(closed["peer_first"], true);
    }
}

/// What the program has on record of a whole life.
fn judge(serve: &Ended) {
    assert!(serve.status.success(), "{serve:?}");
    let updates = said(serve, "status_update");
    let statuses = |outcome: &str| -> Vec<&str> {
        let updates = updates.iter().filter(|update| update["outcome"] == outcome);
        updates
            .map(|update| update["status"].as_str().unwrap())
            .collect()
    };
    let stored = [
        "received",
        "accepted",
        "executor_ready",
        "volumes_ready",
        "execution_done",
        "completed",
    ];
    assert_eq!(statuses("stored"), stored);
    assert_eq!(statuses("repeated").len(), 101);
    assert_eq!(statuses("unknown_job").len(), 1);
    assert_eq!(updates.len(), 6 + 101 + 1);
    assert_eq!(said(serve, "heartbeat").len(), 110);
    assert_eq!(said(serve, "malformed").len(), 3 + 10);
    assert_eq!(said(serve, "not_authenticated").len(), 1);
    let output = updates
        .iter()
        .find(|update| update["status"] == "completed")
        .unwrap();
    let output = &output["metadata"]["miner_response"]["docker_process_stdout"];
    assert_eq!(output, "za\u{17c}\u{f3}\u{142}\u{107} \u{4e0d}\u{884c}");
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(built::program("facilitator-client"));
    command.args(arguments);
    command
}

fn new_key() -> TemporaryFile {
    let key = TemporaryFile::absent();
    let ended = Child::start(program(&["key", "new", "--out"]).arg(&key)).end();
    assert!(ended.status.success(), "{ended:?}");
    key
}

fn show(key: &TemporaryFile) -> Value {
    let ended = Child::start(program(&["key", "show", "--json"]).arg(key)).end();
    serde_json::from_str(&ended.lines.concat()).unwrap()
}

/// The frame that authenticates.
fn authentication(key: &TemporaryFile) -> Value {
    let public_key = show(key)["public_key"]
        .as_str()
        .unwrap()
        .trim_start_matches("0x")
        .to_owned();
    let bytes: Vec<u8> = (0..32)
        .map(|n| u8::from_str_radix(&public_key[2 * n..2 * n + 2], 16).unwrap())
        .collect();
    let mut sign = Child::start(program(&["key", "sign"]).arg(key));
    sign.write(&bytes);
    let signature = &sign.end().lines[0];
    json!({
        "message_type": "V0AuthenticationRequest",
        "public_key": public_key,
        "signature": signature,
    })
}
