//! `facilitator-client key`, run as a user runs it: a child process with pipes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of a test fail it by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use facilitator_tokio::Keypair;
use facilitator_tokio::core::message::{
    DecodeMode, ExecutorClass, FacilitatorMessage, Json, V0JobCheated, V2JobRequest,
};
use facilitator_tokio::core::signature::{
    Scheme, hotkey, sign_job_request, verify_job_cheated, verify_job_request,
};
use serde_json::{Value, json};

const JOB: &str = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
const SCHEMES: [Scheme; 2] = [Scheme::Sr25519, Scheme::Ed25519];
const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

/// What a finished program left.
#[derive(Debug)]
struct Finished {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Finished {
    /// What it printed, when all went well.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(
            (self.status, self.stderr.as_str()),
            (Some(0), ""),
            "{self:?}"
        );
        self.stdout
    }

    /// What it complained of in its only line on stderr, with this exit status.
    #[track_caller]
    fn complaint(&self, status: i32) -> &str {
        assert_eq!(self.status, Some(status), "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{self:?}");
        line.strip_prefix("facilitator-client: ").unwrap()
    }

    fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap();
        self.stdout.lines().map(parse).collect()
    }
}

fn key(arguments: &[&str], stdin: impl Into<Vec<u8>>) -> Finished {
    let mut child = Command::new(env!("CARGO_BIN_EXE_facilitator-client"))
        .arg("key")
        .args(arguments)
        .env_remove("FACILITATOR_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut pipe, stdin) = (child.stdin.take().unwrap(), stdin.into());
    // It may well end without having read all, or anything.
    let writer = thread::spawn(move || drop(pipe.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Finished {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A path in the tests' own folder where nothing is.
fn fresh(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("key-{name}"));
    let _ = fs::remove_file(&path);
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn pair(scheme: Scheme) -> Keypair {
    Keypair::from_uri(scheme, "//Alice").unwrap()
}

/// A hotkey file of Alice.
fn hotkey_file(name: &str, scheme: Scheme) -> PathBuf {
    let path = fresh(&format!("{name}-{scheme}.json"));
    fs::write(&path, hotkey::to_json(&pair(scheme)).as_bytes()).unwrap();
    path
}

fn new_key(path: &Path, scheme: Scheme) -> String {
    key(
        &["new", "--out", text(path), "--scheme", scheme.as_str()],
        "",
    )
    .ok()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[test]
fn a_new_key_is_written_once_and_for_its_owner_only() {
    for scheme in SCHEMES {
        let path = fresh(&format!("new-{scheme}.json"));
        let said = new_key(&path, scheme);
        let written = fs::read(&path).unwrap();
        let keypair = hotkey::parse(&written).unwrap();
        assert_eq!(keypair.scheme(), scheme);
        assert_eq!(said, format!("{scheme} {}\n", keypair.public().to_ss58()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }

        let again = key(&["new", "--out", text(&path)], "");
        assert!(
            again.complaint(2).contains("never overwritten"),
            "{again:?}"
        );
        assert_eq!(again.stdout, "");
        assert_eq!(fs::read(&path).unwrap(), written);

        let other = fresh(&format!("other-{scheme}.json"));
        assert_ne!(new_key(&other, scheme), said, "two keys are two");
    }
    let default = fresh("default.json");
    let said = key(&["new", "--out", text(&default)], "").ok();
    assert!(said.starts_with("sr25519 5"), "{said}");
}

#[test]
fn a_key_is_shown_by_its_public_half() {
    for scheme in SCHEMES {
        let path = hotkey_file("shown", scheme);
        let public = *pair(scheme).public();
        let (address, hex) = (public.to_ss58(), format!("0x{}", public.to_hex()));
        assert_eq!(
            key(&["show", text(&path)], "").ok(),
            format!("scheme      {scheme}\naddress     {address}\npublic key  {hex}\n")
        );
        let shown: Value =
            serde_json::from_str(&key(&["show", "--json", text(&path)], "").ok()).unwrap();
        assert_eq!(
            shown,
            json!({"scheme": scheme.as_str(), "ss58_address": address, "public_key": hex})
        );
    }
}

#[test]
fn bytes_are_signed_and_verified_in_both_schemes() {
    for scheme in SCHEMES {
        let path = hotkey_file("bytes", scheme);
        let signatory = pair(scheme).public().to_ss58();
        let long = vec![7; 1 << 20];
        for message in [&b""[..], b"data\n", &[0xff, 0, 0x80], &long] {
            let signature = key(&["sign", text(&path)], message).ok();
            let signature = signature.trim_end();
            assert_eq!(signature.len(), 130);
            let verify = |message: &[u8], more: &[&str]| {
                let base = [
                    "verify",
                    "--signatory",
                    &signatory,
                    "--signature",
                    signature,
                ];
                key(&[&base, more].concat(), message)
            };
            let valid = format!("valid: {scheme} {signatory}\n");
            assert_eq!(verify(message, &[]).ok(), valid);
            assert_eq!(verify(message, &["--scheme", scheme.as_str()]).ok(), valid);

            let other = [message, b"\n"].concat();
            let verdict = verify(&other, &[]);
            assert!(verdict.complaint(1).starts_with("invalid: "), "{verdict:?}");
            assert_eq!(verdict.stdout, "");
            let wrong = SCHEMES.iter().find(|other| **other != scheme).unwrap();
            verify(message, &["--scheme", wrong.as_str()]).complaint(1);
        }
    }
    // As the wallet tools sign: within <Bytes>. A flag, not a spelling, decides nothing here.
    let signature = pair(Scheme::Sr25519).sign(b"<Bytes>data</Bytes>");
    let digits = hex(signature.as_bytes()).to_uppercase();
    let signature = format!("0x{digits}");
    let arguments = ["verify", "--signatory", ALICE, "--signature", &signature];
    assert_eq!(
        key(&arguments, "data").ok(),
        format!("valid: sr25519 {ALICE}\n")
    );
}

fn job() -> V2JobRequest {
    let mut request = V2JobRequest::new(JOB, ExecutorClass::AlwaysOnTest, "alpine");
    request.args = vec!["żółć 🚀 \u{7f}\"".into()];
    request.env.insert("ZED", "1".into());
    request.env.insert("ALPHA", "2".into());
    request
}

fn report() -> V0JobCheated {
    V0JobCheated {
        job_uuid: JOB.into(),
        trusted_job_uuid: "nope".into(),
        details: Json::null(),
        signature: None,
    }
}

#[test]
fn requests_are_signed_as_they_are_pushed_and_verify() {
    for scheme in SCHEMES {
        let alice = pair(scheme);
        let path = hotkey_file("requests", scheme);
        let bob = Keypair::from_uri(scheme, "//Bob").unwrap();
        let mut signed = job();
        sign_job_request(&mut signed, &bob, 5);
        let messages = [
            FacilitatorMessage::JobRequest(Box::new(job())),
            FacilitatorMessage::JobCheated(Box::new(report())),
            FacilitatorMessage::JobRequest(Box::new(signed)),
        ];
        let [request, cheated, by_bob] = messages.map(|message| message.encode_python());
        // Empty lines and another end of a line are no messages.
        let stdin = format!("{request}\r\n\n{cheated}\n  \n{by_bob}");
        let signed = key(
            &[
                "sign",
                text(&path),
                "--requests",
                "--timestamp-ns",
                "1795432324334542202",
            ],
            stdin,
        )
        .ok();
        let lines: Vec<&str> = signed.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[2], by_bob, "what is signed is left alone");
        let request = V2JobRequest::decode(lines[0], DecodeMode::Strict)
            .unwrap()
            .message;
        assert_eq!(verify_job_request(&request).as_ref(), Ok(alice.public()));
        let info = request.signature.clone().unwrap();
        assert_eq!(info.timestamp_ns.as_u64(), Some(1_795_432_324_334_542_202));
        assert_eq!(
            V2JobRequest {
                signature: None,
                ..request.clone()
            },
            job()
        );
        assert_eq!(
            FacilitatorMessage::JobRequest(Box::new(request)).encode_python(),
            lines[0],
            "spelled as the facilitator pushes it"
        );
        let cheated = V0JobCheated::decode(lines[1], DecodeMode::Strict)
            .unwrap()
            .message;
        assert_eq!(verify_job_cheated(&cheated).as_ref(), Ok(alice.public()));

        let verdicts = key(&["verify", "--requests"], signed);
        let valid = |line: u64, by: &Keypair| {
            let signatory = by.public().to_ss58();
            json!({"line": line, "uuid": JOB, "verdict": "valid", "signatory": signatory, "reason": null})
        };
        assert_eq!(
            verdicts.json_lines(),
            [valid(1, &alice), valid(2, &alice), valid(3, &bob)]
        );
        verdicts.ok();
    }
}

#[test]
fn requests_are_signed_now_unless_told_otherwise() {
    let nanoseconds = || {
        let since_epoch = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        u64::try_from(since_epoch.as_nanos()).unwrap()
    };
    let path = hotkey_file("now", Scheme::Ed25519);
    let before = nanoseconds();
    let message = FacilitatorMessage::JobRequest(Box::new(job())).encode_python();
    let signed = key(&["sign", text(&path), "--requests"], message).ok();
    let request = V2JobRequest::decode(signed.trim_end(), DecodeMode::Strict)
        .unwrap()
        .message;
    let at = request.signature.unwrap().timestamp_ns.as_u64().unwrap();
    assert!((before..=nanoseconds()).contains(&at));
}

/// All lines of the golden vectors in one go, judged as the reference judged them.
#[test]
fn the_golden_vectors_get_the_references_verdicts() {
    let folder = std::env::var_os("FACILITATOR_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors"),
        PathBuf::from,
    );
    let file = fs::read_to_string(folder.join("signed.jsonl")).unwrap();
    let vectors: Vec<Value> = file
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let text = |vector: &Value, field: &str| vector[field].as_str().map(str::to_owned);
    let stdin: Vec<String> = vectors
        .iter()
        .map(|vector| text(vector, "json").unwrap())
        .collect();
    let finished = key(&["verify", "--requests"], stdin.join("\n"));
    let verdicts = finished.json_lines();
    assert_eq!(verdicts.len(), vectors.len());

    let mut tally = BTreeMap::<String, usize>::new();
    for ((line, vector), verdict) in (1_u64..).zip(&vectors).zip(&verdicts) {
        let name = &vector["name"];
        let judged = text(vector, "verdict").unwrap();
        let expected = match judged.as_str() {
            "accept" => "valid",
            "reject_signature" | "reject_parse" => "invalid",
            "reject_signature_missing" => "unsigned",
            other => panic!("{name}: the verdict {other} is unknown"),
        };
        assert_eq!(verdict["verdict"], expected, "{name}: {verdict}");
        assert_eq!(verdict["line"], line, "{name}");
        assert_eq!(
            verdict["reason"].is_string(),
            expected == "invalid",
            "{name}: {verdict}"
        );
        if judged == "reject_parse" {
            assert!(
                verdict["uuid"].is_null() && verdict["signatory"].is_null(),
                "{name}"
            );
        } else {
            let message: Value = serde_json::from_str(vector["json"].as_str().unwrap()).unwrap();
            let uuid = message.get("uuid").unwrap_or(&message["job_uuid"]);
            assert_eq!(&verdict["uuid"], uuid, "{name}");
            assert_eq!(verdict["signatory"], vector["signatory"], "{name}");
        }
        *tally.entry(judged).or_default() += 1;
    }
    println!("signed.jsonl through `key verify --requests`: {tally:?}");
    let valid = tally.get("accept").copied().unwrap_or_default();
    let complaint = format!(
        "{} of {} messages are not valid",
        vectors.len() - valid,
        vectors.len()
    );
    assert_eq!(finished.complaint(1), complaint);
    if std::env::var_os("FACILITATOR_VECTORS").is_none() {
        assert_eq!((vectors.len(), valid), (77, 48));
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let hotkey = hotkey_file("wrong", Scheme::Sr25519);
    let hotkey = text(&hotkey);
    let public_only = fresh("public-only.json");
    fs::write(&public_only, format!(r#"{{"ss58Address":"{ALICE}"}}"#)).unwrap();
    let folder = env!("CARGO_TARGET_TMPDIR");
    let missing = fresh("missing/file.json");
    let signature = format!("0x{}", "0".repeat(128));
    let short = format!("0x{}", "0".repeat(126));
    let signed = format!("0x{}+f", "0".repeat(126));
    let response = r#"{"status":"success","errors":[]}"#;
    let unknown = FacilitatorMessage::JobRequest(Box::new(job()))
        .encode_python()
        .replacen('{', r#"{"more": 1, "#, 1);
    #[rustfmt::skip]
    let table: &[(&[&str], &str, i32, &str)] = &[
        (&["new"], "", 2, "--out"),
        (&["new", "--out", text(&missing)], "", 2, "cannot be created"),
        (&["new", "--out", folder], "", 2, "never overwritten"),
        (&["new", "--out", "x", "--scheme", "ecdsa"], "", 2, "use `sr25519` or `ed25519`"),
        (&["show"], "", 2, "<FILE>"),
        (&["show", text(&missing)], "", 2, "cannot be read"),
        (&["show", text(&public_only)], "", 2, "holds no secret"),
        (&["sign", text(&public_only)], "", 2, "holds no secret"),
        (&["sign", hotkey, "--timestamp-ns", "1"], "", 2, "--requests"),
        (&["sign", hotkey, "--requests", "--timestamp-ns", "-1"], "", 2, "-1"),
        (&["sign", hotkey, "--requests", "--timestamp-ns=18446744073709551616"], "", 2, "timestamp-ns"),
        (&["sign", hotkey, "--requests"], "nonsense", 1, "line 1 of stdin: "),
        (&["sign", hotkey, "--requests"], "\n\n{}", 1, "line 3 of stdin: "),
        (&["sign", hotkey, "--requests"], response, 1, "is never signed"),
        (&["sign", hotkey, "--requests"], &unknown, 1, "not permitted"),
        (&["verify"], "", 2, "--signatory"),
        (&["verify", "--signatory", ALICE], "", 2, "--signature"),
        (&["verify", "--signatory", ALICE, "--signature", &short], "", 2, "128 hexadecimal digits"),
        (&["verify", "--signatory", ALICE, "--signature", &signed], "", 2, "128 hexadecimal digits"),
        (&["verify", "--signatory", ALICE, "--signature", &signature[2..]], "", 2, "accepted are 0x"),
        (&["verify", "--signatory", ALICE, "--signature", "0xżó"], "", 2, "accepted are 0x"),
        (&["verify", "--signatory", "5Grw", "--signature", &signature], "", 2, "SS58"),
        (&["verify", "--signatory", ALICE, "--signature", &signature, "--scheme", "rsa"], "", 2, "ed25519"),
        (&["verify", "--signatory", ALICE, "--signature", &signature], "data", 1, "invalid: "),
        (&["verify", "--signatory", ALICE, "--requests"], "", 2, "cannot be used with"),
        (&["verify", "--signature", &signature, "--requests"], "", 2, "cannot be used with"),
    ];
    for (arguments, stdin, status, words) in table {
        let finished = key(arguments, *stdin);
        let complaint = finished.complaint(*status);
        assert!(complaint.contains(words), "{arguments:?}: {complaint}");
        assert_eq!(finished.stdout, "", "{arguments:?}");
    }
    assert!(!missing.exists());

    // What comes before a bad line is signed and printed.
    let good = FacilitatorMessage::JobCheated(Box::new(report())).encode_python();
    let finished = key(
        &["sign", hotkey, "--requests"],
        format!("{good}\n{{}}\n{good}"),
    );
    assert!(finished.complaint(1).contains("line 2 of stdin: "));
    assert_eq!(finished.json_lines().len(), 1);
}

#[test]
fn unreadable_lines_get_a_verdict_and_the_next_ones_too() {
    let mut stdin = b"nonsense\n\xff\xfe\n{\"status\":\"success\",\"errors\":[]}\n".to_vec();
    stdin.resize(stdin.len() + (48 << 20) + 1, b' ');
    stdin.extend_from_slice(b"x\n");
    let message = FacilitatorMessage::JobCheated(Box::new(report())).encode_python();
    stdin.extend_from_slice(message.as_bytes());
    let finished = key(&["verify", "--requests"], stdin);
    assert_eq!(finished.complaint(1), "5 of 5 messages are not valid");
    let said: Vec<(Value, Value, String)> = finished
        .json_lines()
        .into_iter()
        .map(|line| {
            let reason = line["reason"].as_str().unwrap_or_default().to_owned();
            (line["line"].clone(), line["verdict"].clone(), reason)
        })
        .collect();
    let expected = [
        ("invalid", "Invalid JSON"),
        ("invalid", "not UTF-8"),
        ("invalid", "never signed"),
        ("invalid", "longer than"),
        ("unsigned", ""),
    ];
    assert_eq!(said.len(), expected.len());
    for ((number, said), (verdict, reason)) in (1_u64..).zip(said).zip(expected) {
        assert_eq!((&said.0, &said.1), (&json!(number), &json!(verdict)));
        assert!(said.2.contains(reason), "{said:?}");
    }
}

#[test]
fn stdin_is_not_read_without_end() {
    let hotkey = hotkey_file("endless", Scheme::Ed25519);
    let finished = key(&["sign", text(&hotkey)], vec![b'x'; (64 << 20) + 1]);
    assert!(finished.complaint(1).contains("more than 67108864 bytes"));
    assert_eq!(finished.stdout, "");
}

#[test]
fn the_secret_is_never_said() {
    for scheme in SCHEMES {
        let path = fresh(&format!("canary-{scheme}.json"));
        let mut said = String::new();
        let mut note = |finished: Finished| {
            said.push_str(&finished.stdout);
            said.push_str(&finished.stderr);
        };
        let file = text(&path);
        note(key(
            &["-vv", "new", "--scheme", scheme.as_str(), "--out", file],
            "",
        ));
        note(key(&["-vv", "new", "--out", file], ""));
        note(key(&["-vv", "show", file], ""));
        note(key(&["-vv", "show", "--json", file], ""));
        note(key(&["-vv", "sign", file], "data"));
        let message = FacilitatorMessage::JobRequest(Box::new(job())).encode_python();
        note(key(
            &["-vv", "sign", "--requests", file],
            message.clone() + "\nnonsense",
        ));

        let written = fs::read_to_string(&path).unwrap();
        let keypair = hotkey::parse(&written).unwrap();
        let seed = keypair.seed().unwrap();
        let digits = hex(seed.as_slice());
        // Files that do not parse are not repeated either.
        for (index, broken) in [written.replace('}', ""), written.replace("0x", "0y")]
            .iter()
            .enumerate()
        {
            let path = fresh(&format!("canary-{scheme}-{index}.json"));
            fs::write(&path, broken).unwrap();
            let finished = key(&["-vv", "show", text(&path)], "");
            assert_eq!(finished.status, Some(2), "{finished:?}");
            note(finished);
        }

        assert!(said.contains(&keypair.public().to_ss58()), "{said}");
        let said = said.to_lowercase();
        // As a debugger prints bytes; and half of a secret is one too.
        let bytes = format!("{:?}", &seed[..8]);
        for canary in [&digits[..16], &digits[48..], bytes.trim_matches(['[', ']'])] {
            assert!(written.contains(canary) || canary.contains(','));
            assert!(!said.contains(canary), "{canary:?} was said:\n{said}");
        }
    }
}

#[test]
fn a_reader_of_stdout_that_is_gone_is_a_failure_not_a_panic() {
    let hotkey = hotkey_file("gone", Scheme::Ed25519);
    let mut child = Command::new(env!("CARGO_BIN_EXE_facilitator-client"))
        .args(["key", "sign", text(&hotkey)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        stderr,
        "facilitator-client: stdout was closed by its reader\n"
    );
}
