//! What must never be said: the key in any form, and the authentication, which whoever reads it can replay for ever.

use facilitator_tokio::Keypair;
use facilitator_tokio::core::signature::{Scheme, authentication_request};

use crate::peers::{SUCCESS, scripted, scripted_by_header};
use crate::program::{self, Program, bare_command, file, uuid};

const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

/// In the address, where some servers want a token.
const QUERY: &str = "canary-token-of-the-query";

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// A peer that refuses, echoes, breaks and falls silent, one connection after the other; it tries to make the program
/// repeat the authentication.
fn nosy_peer() -> String {
    let turn = std::cell::Cell::new(0);
    scripted(move |script| {
        turn.set(turn.get() + 1);
        let frame = script.read().unwrap_or_default();
        let input = serde_json::to_string(&frame).unwrap();
        let error = |kind: &str| {
            format!(
                r#"{{"status":"error","errors":[{{"type":"{kind}","msg":{input},"help":{input},"loc":["V0AuthenticationRequest",{input}],"ctx":{{"a":{input}}},"input":{input}}}]}}"#
            )
        };
        match turn.get() {
            1 => script.say(&error("auth.other")),
            // No answer: the connection ends.
            2 => {}
            // The frame itself, as if it were one of the facilitator's.
            3 => script.say(&frame),
            _ => {
                script.say(SUCCESS);
                script.say(&frame);
                script.say(&format!("{frame} and more"));
                script.say_binary(frame.as_bytes());
                script.say(&error("missing"));
                script.say(&error("job.not_found"));
                while let Some(text) = script.read() {
                    if text.contains("V0JobStatusUpdate") {
                        script.say(&error("job.not_found"));
                    }
                }
            }
        }
    })
}

#[test]
fn no_secret_is_said_at_any_level() {
    let from_phrase = Keypair::from_phrase(Scheme::Sr25519, PHRASE, "").unwrap();
    let from_seed = Keypair::from_seed(Scheme::Ed25519, [0xab; 32]).unwrap();
    let seed = hex(from_seed.seed().unwrap().as_slice());
    let files = [
        (&from_phrase, format!(r#"{{"secretPhrase":"{PHRASE}"}}"#)),
        (
            &from_seed,
            format!(r#"{{"secretSeed":"0x{seed}","cryptoType":"ed25519"}}"#),
        ),
    ];
    for (index, (keypair, content)) in files.into_iter().enumerate() {
        let path = file(&format!("secret-{index}.json"), content);
        let uri = format!("{}ws?token={QUERY}", nosy_peer());
        let mut command = bare_command(&["-vv", "connect", "--uri", &uri, "--hotkey"]);
        command
            .arg(path)
            .env("FACILITATOR_LOG", "trace")
            .env("RUST_LOG", "trace");
        command.args(["--backoff-initial", "10ms", "--backoff-max", "10ms"]);
        // The answers and the silence of the second and the third connection are not waited for long.
        command.args(["--authentication-timeout", "3s"]);
        let mut program = Program::start_unread(command);
        program.read_stdout();
        program.send_status(&uuid(1), "accepted");
        program.expect_phase("ready");
        let receipt = program.expect_event("receipt");
        assert_eq!(receipt["outcome"], "refused", "{receipt}");
        let ended = program.close();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        for expected in ["malformed", "unexpected_binary", "unexpected_response"] {
            assert!(
                !ended.of(expected).is_empty(),
                "no {expected}: {:#?}",
                ended.raw
            );
        }
        let refusal = ended
            .of("phase")
            .into_iter()
            .find(|event| event["cause"] == "authentication_refused");
        assert!(refusal.is_some(), "{:#?}", ended.raw);

        let said = (ended.raw.join("\n") + &ended.stderr).to_lowercase();
        assert!(
            said.contains("debug") && said.contains(&keypair.public().to_ss58().to_lowercase())
        );
        let signature = authentication_request(keypair).signature;
        let mut canaries = vec![signature.trim_start_matches("0x").to_owned()];
        if let Some(seed) = keypair.seed() {
            canaries.push(hex(seed.as_slice()));
            // As a debugger prints bytes.
            canaries.push(
                format!("{:?}", seed.as_slice())
                    .trim_matches(['[', ']'])
                    .to_owned(),
            );
        }
        canaries.push(PHRASE.to_owned());
        canaries.push(QUERY.to_owned());
        canaries.extend(
            PHRASE
                .split(' ')
                .map(|word| format!(" {word} "))
                .filter(|word| word.len() > 7),
        );
        for canary in &canaries {
            // Half of a secret is one too.
            let part = canary.get(..canary.len().min(24)).unwrap();
            assert!(!said.contains(part), "{part:?} was said:\n{said}");
        }
    }
}

/// The credentials of the handshake are good for a minute: long enough to be stolen from a log.
#[test]
fn no_credential_of_the_handshake_is_said() {
    let (sender, signatures) = std::sync::mpsc::channel();
    let uri = scripted_by_header(move |script, signature| {
        sender.send(signature.to_owned()).unwrap();
        script.fall_silent();
    });
    let mut command = program::command(&uri, &["-vv", "--authentication", "headers"]);
    command.env("FACILITATOR_LOG", "trace");
    let mut program = Program::start_unread(command);
    program.read_stdout();
    program.expect_phase("ready");
    let ended = program.close();
    let said = ended.raw.join("\n") + &ended.stderr;
    let signature = signatures.recv().unwrap();
    assert_eq!(signature.len(), 130);
    assert!(!said.contains(&signature[2..26]), "{said}");
}
