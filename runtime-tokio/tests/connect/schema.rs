//! The documented JSON Schema, held against every line that these tests read, against good commands and against bad ones.
//!
//! The checker knows the few keywords that the schema uses, and refuses every other one: none can be overlooked. It is
//! stricter than the schema about what the program writes: a key that is not documented is an error.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::program::{Program, bare_command, keypair, uuid};
use crate::session::facilitator;

const SCHEMA: &str = include_str!("../../schema/lines.schema.json");

/// Keywords that say nothing about what is valid.
const NOTES: [&str; 4] = ["$schema", "title", "description", "$defs"];

fn schema() -> &'static Value {
    static SCHEMA_VALUE: OnceLock<Value> = OnceLock::new();
    SCHEMA_VALUE.get_or_init(|| serde_json::from_str(SCHEMA).unwrap())
}

/// That a line of the output is as documented.
pub(crate) fn check_event(line: &Value) -> Result<(), String> {
    let checker = Checker { closed: true };
    checker.definition("event", line)
}

/// That a line of the input is as documented.
pub(crate) fn check_command(line: &Value) -> Result<(), String> {
    Checker { closed: false }.definition("command", line)
}

/// That a line of a process is as documented.
fn check_job_line(line: &Value) -> Result<(), String> {
    Checker { closed: false }.definition("job_line", line)
}

struct Checker {
    /// Whether objects have no other keys than those that are named, where nothing is said about others.
    closed: bool,
}

impl Checker {
    fn definition(&self, name: &str, value: &Value) -> Result<(), String> {
        self.check(&schema()["$defs"][name], value)
    }

    fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let keywords = schema
            .as_object()
            .unwrap_or_else(|| panic!("{schema} is no schema"));
        for (keyword, rule) in keywords {
            if NOTES.contains(&keyword.as_str()) {
                continue;
            }
            let fine = match keyword.as_str() {
                "$ref" => {
                    let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    self.definition(name, value)?;
                    true
                }
                "const" => value == rule,
                "enum" => rule.as_array().unwrap().contains(value),
                "type" => has_type(rule.as_str().unwrap(), value),
                "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
                "exclusiveMinimum" => value.as_f64().is_none_or(|n| n > rule.as_f64().unwrap()),
                "minLength" => length(value).is_none_or(|n| n >= rule.as_u64().unwrap()),
                "maxLength" => length(value).is_none_or(|n| n <= rule.as_u64().unwrap()),
                "required" => value.as_object().is_none_or(|value| {
                    let mut names = rule.as_array().unwrap().iter();
                    names.all(|name| value.contains_key(name.as_str().unwrap()))
                }),
                "properties" | "additionalProperties" => {
                    self.properties(keywords, value)?;
                    true
                }
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.check(rule, item)?;
                    }
                    true
                }
                "oneOf" => self.matching(rule, value) == 1,
                "anyOf" => self.matching(rule, value) >= 1,
                other => panic!("the checker does not know `{other}`"),
            };
            if !fine {
                return Err(format!("{value} breaks `{keyword}`: {rule}"));
            }
        }
        Ok(())
    }

    fn matching(&self, rule: &Value, value: &Value) -> usize {
        let schemas = rule.as_array().unwrap().iter();
        schemas
            .filter(|schema| self.check(schema, value).is_ok())
            .count()
    }

    fn properties(
        &self,
        keywords: &serde_json::Map<String, Value>,
        value: &Value,
    ) -> Result<(), String> {
        let known = keywords.get("properties").and_then(Value::as_object);
        for (name, value) in value.as_object().into_iter().flatten() {
            match known.and_then(|known| known.get(name)) {
                Some(schema) => self.check(schema, value)?,
                None => match keywords.get("additionalProperties") {
                    Some(Value::Bool(true)) => {}
                    Some(Value::Bool(false)) => return Err(format!("`{name}` is not documented")),
                    Some(schema) => self.check(schema, value)?,
                    None if self.closed => return Err(format!("`{name}` is not documented")),
                    None => {}
                },
            }
        }
        Ok(())
    }
}

fn length(value: &Value) -> Option<u64> {
    Some(value.as_str()?.chars().count() as u64)
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("the checker does not know the type {other}"),
    }
}

#[test]
fn the_program_prints_it() {
    let output = bare_command(&["schema"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), SCHEMA);
}

/// Every definition is reached, and its keywords are known: a value is tried at each.
#[test]
fn every_keyword_is_known_to_the_checker() {
    for (name, definition) in schema()["$defs"].as_object().unwrap() {
        visit(name, definition);
    }
    visit("the schema", schema());
}

fn visit(name: &str, schema: &Value) {
    let known = [
        "$ref",
        "const",
        "enum",
        "type",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "minLength",
        "maxLength",
        "required",
        "properties",
        "additionalProperties",
        "items",
        "oneOf",
        "anyOf",
    ];
    for (keyword, rule) in schema.as_object().unwrap() {
        let fine = known.contains(&keyword.as_str()) || NOTES.contains(&keyword.as_str());
        assert!(fine, "{name}: {keyword}");
        match keyword.as_str() {
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    visit(name, schema);
                }
            }
            "items" => visit(name, rule),
            "additionalProperties" if rule.is_object() => visit(name, rule),
            "oneOf" | "anyOf" => {
                for schema in rule.as_array().unwrap() {
                    visit(name, schema);
                }
            }
            _ => {}
        }
    }
}

/// The statuses that the schema accepts are those that the program accepts.
#[test]
fn names_are_those_of_the_protocol() {
    use facilitator_tokio::core::message::{
        HordeFailureReason, JobFailureReason, JobFailureStage, JobParticipant, JobRejectionReason,
        JobStatus,
    };
    let defs = &schema()["$defs"];
    let status = &defs["job_status"]["properties"]["status"]["enum"];
    let sendable = JobStatus::ALL.iter().filter(|status| status.is_sendable());
    let sendable: Vec<&str> = sendable.map(|status| status.as_str()).collect();
    assert_eq!(status, &json!(sendable));
    let details = |details: &str, field: &str| {
        let details = &defs["metadata"]["properties"][details]["anyOf"][0];
        details["properties"][field]["enum"].clone()
    };
    let names = |names: Vec<&str>| json!(names);
    assert_eq!(
        details("job_rejection_details", "reason"),
        names(JobRejectionReason::ALL.iter().map(|n| n.as_str()).collect())
    );
    assert_eq!(
        details("job_rejection_details", "rejected_by"),
        names(JobParticipant::ALL.iter().map(|n| n.as_str()).collect())
    );
    assert_eq!(
        details("job_failure_details", "reason"),
        names(JobFailureReason::ALL.iter().map(|n| n.as_str()).collect())
    );
    assert_eq!(
        details("job_failure_details", "stage"),
        names(JobFailureStage::ALL.iter().map(|n| n.as_str()).collect())
    );
    assert_eq!(
        details("horde_failure_details", "reason"),
        names(HordeFailureReason::ALL.iter().map(|n| n.as_str()).collect())
    );
}

#[test]
fn lines_of_processes_are_commands_with_less_said() {
    for good in [
        json!({"status": "accepted"}),
        json!({"command": "job_status", "status": "accepted", "uuid": uuid(1), "metadata": null}),
        json!({"command": "reject_job", "reason": "busy", "message": "x"}),
    ] {
        check_job_line(&good).unwrap();
    }
    for bad in [
        json!({}),
        json!({"status": "done"}),
        json!({"command": "reject_job", "status": "accepted"}),
        json!({"command": "stop"}),
        json!({"status": "accepted", "now": true}),
    ] {
        check_job_line(&bad).unwrap_err();
    }
}

/// Commands that are wrong, and the field in which they are.
fn wrong() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"command": "hello", "protocol": 2}), "protocol"),
        (
            json!({"command": "hello", "protocol": 1, "worker": "w"}),
            "worker",
        ),
        (json!({"command": "hello"}), "protocol"),
        (json!({"command": "hello", "protocol": "1"}), "protocol"),
        (json!({"command": "stopp"}), "command"),
        (json!({"uuid": uuid(1)}), "command"),
        (json!({"command": "stop", "now": 1}), "now"),
        (json!({"command": "job_status", "uuid": uuid(1)}), "status"),
        (
            json!({"command": "job_status", "uuid": 7, "status": "accepted"}),
            "uuid",
        ),
        (
            json!({"command": "job_status", "uuid": "x", "status": "accepted"}),
            "uuid",
        ),
        (
            json!({"command": "job_status", "uuid": uuid(1), "status": "done"}),
            "status",
        ),
        (
            json!({"command": "job_status", "uuid": uuid(1), "status": "completed"}),
            "metadata",
        ),
        (
            json!({"command": "job_status", "uuid": uuid(1), "status": "failed", "metadata": {
                "job_failure_details": {"reason": "late", "stage": "execution", "message": "m"},
            }}),
            "metadata.job_failure_details.reason",
        ),
        (
            json!({"command": "job_status", "uuid": uuid(1), "status": "completed", "metadata": {
                "miner_response": {"docker_process_stderr": "", "docker_process_stdout": 1},
            }}),
            "metadata.miner_response.docker_process_stdout",
        ),
        (
            json!({"command": "reject_job", "uuid": uuid(1), "reason": "b", "message": ""}),
            "reason",
        ),
        (
            json!({"command": "adopt_job", "uuid": uuid(1), "time_left_s": 0}),
            "time_left_s",
        ),
        (
            json!({
                "command": "machine_specs", "miner_hotkey": "m", "batch_id": uuid(3), "specs": {},
            }),
            "specs",
        ),
    ]
}

/// Each command is as documented, is taken, and has its own answer under its id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_is_answered_under_its_id() {
    let server = facilitator().await;
    let mut program = Program::start(&server.uri(), &[]);
    program.expect_phase("ready");
    let specs = json!({"cpu": {"count": 1}, "ram": {}, "hard_disk": {}});
    let commands = [
        (json!({"command": "hello", "protocol": 1}), "hello"),
        (
            json!({"command": "job_status", "uuid": uuid(1), "status": "accepted", "metadata": {}}),
            "receipt",
        ),
        (
            json!({"command": "reject_job", "uuid": uuid(2), "reason": "busy", "message": "m"}),
            "receipt",
        ),
        (
            json!({
                "command": "machine_specs", "miner_hotkey": "m", "batch_id": uuid(3), "specs": specs,
            }),
            "receipt",
        ),
        (
            json!({"command": "adopt_job", "uuid": uuid(4), "time_left_s": 60}),
            "job_adopted",
        ),
    ];
    for (number, (mut command, answer)) in commands.into_iter().enumerate() {
        command["id"] = json!({"n": number});
        check_command(&command).unwrap();
        program.send(command.to_string());
        let event = program.expect(answer, |event| event["id"] == command["id"]);
        assert_eq!(event["event"], answer);
    }
    for (command, field) in wrong() {
        let mut command = command;
        command["id"] = json!(field);
        program.send(command.to_string());
        let error = program.expect_event("command_error");
        assert_eq!(
            (&error["id"], &error["field"]),
            (&json!(field), &json!(field)),
            "{error}"
        );
        assert!(error["line"].as_u64().unwrap() > 5, "{error}");
    }
    program.send(r#"{"command":"stop","id":[1]}"#);
    let ended = program.wait();
    assert_eq!(ended.stopped()["id"], json!([1]));
    // The greeting comes before everything.
    let hello = json!({
        "event": "hello", "protocol": 1, "version": env!("CARGO_PKG_VERSION"),
        "hotkey": keypair().account().to_ss58(),
    });
    assert_eq!(ended.events[0], hello);
}
