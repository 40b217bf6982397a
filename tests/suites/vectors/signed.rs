//! `signed.jsonl`: job requests and cheat reports, signed and judged by the reference implementation.

use std::collections::BTreeSet;

use blake2::{Blake2b512, Digest as _};
use facilitator_core::message::{DecodeMode, V0JobCheated, V2JobRequest};
use facilitator_core::signature::{
    AccountId, BadSignature, Claim, Keypair, Scheme, Signature, SignatureError, SignedMessage,
    sign_job_cheated, sign_job_request, verify_job_cheated, verify_job_request,
};
use facilitator_tests::python::{self, Node};
use facilitator_tests::vectors::{self, Tally};

const FILE: &str = "signed.jsonl";

/// A decoded message of one of the two kinds that are signed.
#[derive(Clone)]
enum Message {
    JobRequest(Box<V2JobRequest>),
    JobCheated(Box<V0JobCheated>),
}

impl Message {
    fn decode(line: &Node, mode: DecodeMode) -> Option<Self> {
        let text = line.get("json").as_text().unwrap();
        match line.get("model").as_text().unwrap() {
            "V2JobRequest" => {
                let decoded = V2JobRequest::decode(text, mode).ok()?;
                Some(Self::JobRequest(Box::new(decoded.message)))
            }
            "V0JobCheated" => {
                let decoded = V0JobCheated::decode(text, mode).ok()?;
                Some(Self::JobCheated(Box::new(decoded.message)))
            }
            other => panic!("the model {other} is not signed"),
        }
    }

    fn signed(&self) -> SignedMessage<'_> {
        match self {
            Self::JobRequest(request) => (&**request).into(),
            Self::JobCheated(report) => (&**report).into(),
        }
    }

    fn verify(&self) -> Result<AccountId, SignatureError> {
        let key = match self {
            Self::JobRequest(request) => verify_job_request(request)?,
            Self::JobCheated(report) => verify_job_cheated(report)?,
        };
        Ok(key.account())
    }

    fn sign(&mut self, keypair: &Keypair, timestamp_ns: u64) {
        match self {
            Self::JobRequest(request) => sign_job_request(request, keypair, timestamp_ns),
            Self::JobCheated(report) => sign_job_cheated(report, keypair, timestamp_ns),
        }
    }
}

fn name(line: &Node) -> &str {
    line.get("name").as_text().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble| char::from_digit(u32::from(nibble), 16).unwrap();
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}

#[test]
fn every_line() {
    let mut tally = Tally::default();
    for line in vectors::nodes(FILE) {
        let name = name(&line);
        let verdict = line.get("verdict").as_text().unwrap();
        tally.count(format!(
            "{}, {verdict}",
            line.get("model").as_text().unwrap()
        ));
        if verdict == "reject_parse" {
            assert!(
                Message::decode(&line, DecodeMode::Strict).is_none(),
                "{name}"
            );
            continue;
        }
        // Both modes must agree on what was signed: unknown fields are not part of it.
        for mode in [DecodeMode::Strict, DecodeMode::Lenient] {
            let message =
                Message::decode(&line, mode).unwrap_or_else(|| panic!("{name}: {mode:?}"));
            check(&line, &message);
        }
    }
    println!("{FILE}:\n{tally}");
    if vectors::are_our_own() {
        assert_eq!(tally.total(), 77);
    }
}

fn check(line: &Node, message: &Message) {
    let name = name(line);
    let verdict = message.verify();
    match line.get("verdict").as_text().unwrap() {
        "accept" => {
            let signatory = line.get("signatory").as_text().unwrap();
            assert_eq!(
                verdict,
                Ok(AccountId::from_ss58(signatory).unwrap()),
                "{name}"
            );
        }
        "reject_signature" => assert!(
            matches!(verdict, Err(SignatureError::Bad(_))),
            "{name}: {verdict:?}"
        ),
        "reject_signature_missing" => assert_eq!(verdict, Err(SignatureError::Missing), "{name}"),
        other => panic!("{name}: the verdict {other} is unknown"),
    }

    // A job request's payload is one string, a cheat report's an object: either way Python's spelling is signed.
    let payload = message.signed().payload();
    assert_eq!(payload, line.get("signed_payload").dumps_sorted(), "{name}");

    let Some(info) = message.signed().signature() else {
        return;
    };
    assert_eq!(
        Some(hex(&info.signature).as_str()),
        line.get("signature_hex").as_text(),
        "{name}"
    );
    assert_eq!(
        Some(info.signatory.as_str()),
        line.get("signatory").as_text(),
        "{name}"
    );
    let Some(timestamp_ns) = info.timestamp_ns.as_u64() else {
        assert!(line.get("preimage_error").as_text().is_some(), "{name}");
        assert_eq!(
            verdict,
            Err(SignatureError::Bad(BadSignature::Timestamp)),
            "{name}"
        );
        return;
    };
    let preimage = [&timestamp_ns.to_be_bytes(), payload.as_bytes()].concat();
    assert_eq!(
        Some(hex(&preimage).as_str()),
        line.get("preimage_hex").as_text(),
        "{name}"
    );
    let digest = message.signed().digest(timestamp_ns);
    assert_eq!(
        Some(hex(&digest).as_str()),
        line.get("blake2b512_hex").as_text(),
        "{name}"
    );
}

/// The messages that the reference accepts, with their claims.
fn accepted() -> Vec<(String, Message)> {
    let lines = vectors::nodes(FILE);
    let accepted = lines
        .iter()
        .filter(|line| line.get("verdict").as_text() == Some("accept"));
    accepted
        .map(|line| {
            (
                name(line).to_owned(),
                Message::decode(line, DecodeMode::Strict).unwrap(),
            )
        })
        .collect()
}

#[test]
fn signing_again_verifies_and_changes_nothing_else() {
    for (name, mut message) in accepted() {
        let payload = message.signed().payload();
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            let bob = Keypair::from_uri(scheme, "//Bob").unwrap();
            message.sign(&bob, u64::MAX);
            assert_eq!(message.verify(), Ok(bob.account()), "{name}");
            assert_eq!(message.signed().payload(), payload, "{name}");
        }
    }
}

/// What the reference's signature would cover, were this payload the one that is signed.
fn digest_of(claim: &Claim<'_>, payload: &str) -> [u8; 64] {
    let hash = Blake2b512::new()
        .chain_update(claim.timestamp_ns().to_be_bytes())
        .chain_update(payload);
    hash.finalize().into()
}

/// Payloads that a mistaken implementation would sign, none of which a signature of the reference covers.
#[test]
fn mistaken_payloads_are_rejected() {
    let mut tally = Tally::default();
    for (name, message) in accepted() {
        let payload = message.signed().payload();
        let claim = Claim::of(message.signed()).unwrap();
        let key = claim.verify().unwrap();
        let signature = message.signed().signature().unwrap();
        let signature = Signature::from_slice(&signature.signature).unwrap();
        let digest = digest_of(&claim, &payload);
        assert_eq!(key.verify(&digest, &signature), Ok(()), "{name}");

        let mut tried = BTreeSet::new();
        let mistakes = match &message {
            Message::JobRequest(_) => mistaken_job_payloads(&payload),
            Message::JobCheated(_) => mistaken_report_payloads(&payload),
        };
        for (mistake, text) in mistakes.into_iter().chain(mistaken_escapes(&payload)) {
            if text == payload {
                // The message has nothing in it that this mistake could touch.
                continue;
            }
            let wrong = digest_of(&claim, &text);
            assert_ne!(wrong, digest, "{name}: {mistake}");
            // Another digest is another message; one verification of each kind shows that the signature sees it.
            if tried.insert(mistake) {
                let verdict = key.verify(&wrong, &signature);
                assert!(verdict.is_err(), "{name}: {mistake} goes unnoticed\n{text}");
            }
            tally.count(mistake);
        }
    }
    println!("{FILE}, mistaken payloads rejected:\n{tally}");
    for mistake in [
        "two fields swapped",
        "maps sorted",
        "a null left out",
        "spaces inside",
        "not double-encoded",
        "no spaces",
        "keys in order of declaration",
        "UTF-8 unescaped",
        "upper-case escapes",
        "DEL unescaped",
        "slashes escaped",
        "quotes as \\u0022",
    ] {
        assert!(
            !vectors::are_our_own() || tally.has(mistake),
            "no vector would show: {mistake}"
        );
    }
}

fn mistaken_job_payloads(payload: &str) -> Vec<(&'static str, String)> {
    let Node::Text(inner) = Node::parse(payload) else {
        panic!("the payload is a string")
    };
    let fields = Node::parse(&inner);
    assert_eq!(
        python::quote(&fields.dumps_compact()),
        payload,
        "the payload respelled"
    );
    let Node::Object(fields) = fields else {
        panic!("the string holds an object")
    };

    let double = |node: &Node| python::quote(&node.dumps_compact());
    let mut mistakes = Vec::new();
    for first in 0..fields.len() {
        for second in first + 1..fields.len() {
            let mut swapped = fields.clone();
            swapped.swap(first, second);
            mistakes.push(("two fields swapped", double(&Node::Object(swapped))));
            let mut exchanged = fields.clone();
            exchanged[first].1 = fields[second].1.clone();
            exchanged[second].1 = fields[first].1.clone();
            mistakes.push(("two values exchanged", double(&Node::Object(exchanged))));
        }
        let mut without = fields.clone();
        let (_, value) = without.remove(first);
        let mistake = if value == Node::Null {
            "a null left out"
        } else {
            "a field left out"
        };
        mistakes.push((mistake, double(&Node::Object(without))));
    }
    let whole = Node::Object(fields.clone());
    let mut sorted = fields;
    for (_, value) in &mut sorted {
        sort(value);
    }
    mistakes.push(("maps sorted", double(&Node::Object(sorted))));
    mistakes.push(("spaces inside", python::quote(&spaced(&whole))));
    mistakes.push(("not double-encoded", inner));
    mistakes.push(("sorted like a report", whole.dumps_sorted()));
    mistakes
}

fn mistaken_report_payloads(payload: &str) -> Vec<(&'static str, String)> {
    let Node::Object(fields) = Node::parse(payload) else {
        panic!("the payload is an object")
    };
    let by_name = |name: &str| {
        let value = fields
            .iter()
            .find(|(field, _)| field == name)
            .unwrap()
            .1
            .clone();
        (name.to_owned(), value)
    };
    let declared = ["job_uuid", "trusted_job_uuid", "details"]
        .map(by_name)
        .to_vec();
    vec![
        (
            "no spaces",
            payload.replace(", \"", ",\"").replace("\": ", "\":"),
        ),
        ("space before the colon", payload.replace("\": ", "\" : ")),
        (
            "keys in order of declaration",
            spaced(&Node::Object(declared)),
        ),
        ("double-encoded", python::quote(payload)),
        ("a line feed behind", format!("{payload}\n")),
    ]
}

/// The same text with one kind of character escaped in another way, for either kind of payload.
fn mistaken_escapes(payload: &str) -> Vec<(&'static str, String)> {
    let escaped_backslash = "\\\\";
    vec![
        ("UTF-8 unescaped", unescape_beyond_ascii(payload)),
        ("upper-case escapes", upper_case_escapes(payload)),
        ("DEL unescaped", payload.replace("\\u007f", "\u{7f}")),
        ("slashes escaped", payload.replace('/', "\\/")),
        ("quotes as \\u0022", payload.replace("\\\"", "\\u0022")),
        (
            "backslashes as \\u005c",
            payload.replace(escaped_backslash, "\\u005c"),
        ),
        ("line feeds as \\u000a", payload.replace("\\n", "\\u000a")),
        ("an outer quote missing", payload[1..].to_owned()),
    ]
}

/// `json.dumps` without `sort_keys`, for texts and integers.
fn spaced(node: &Node) -> String {
    match node {
        Node::List(nodes) => {
            let parts: Vec<String> = nodes.iter().map(spaced).collect();
            format!("[{}]", parts.join(", "))
        }
        Node::Object(entries) => {
            let parts: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", python::quote(key), spaced(value)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        leaf => leaf.dumps_sorted(),
    }
}

fn sort(node: &mut Node) {
    match node {
        Node::Object(entries) => {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (_, value) in entries {
                sort(value);
            }
        }
        Node::List(nodes) => nodes.iter_mut().for_each(sort),
        _ => {}
    }
}

/// Every `\uXXXX` of the payload, one backslash or two in front, replaced by what `replace` makes of its digits.
fn map_escapes(payload: &str, replace: impl Fn(&str) -> String) -> String {
    let mut parts = payload.split("\\u");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_at_checked(4) {
            Some((digits, rest)) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                out.push_str(&replace(digits));
                out.push_str(rest);
            }
            _ => {
                out.push_str("\\u");
                out.push_str(part);
            }
        }
    }
    out
}

fn upper_case_escapes(payload: &str) -> String {
    map_escapes(payload, |digits| format!("\\u{}", digits.to_uppercase()))
}

fn unescape_beyond_ascii(payload: &str) -> String {
    map_escapes(payload, |digits| {
        let c = u32::from_str_radix(digits, 16)
            .ok()
            .and_then(char::from_u32);
        match c {
            Some(c) if !c.is_ascii() => c.to_string(),
            _ => format!("\\u{digits}"),
        }
    })
}
