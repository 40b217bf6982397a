//! `wire_accept.jsonl` and `wire_edge.jsonl`: what the reference reads, how it writes it again, what it refuses and
//! in which words.

use facilitator_core::message::{
    DecodeError, DecodeMode, Decoded, FacilitatorMessage, Issue, IssueKind, PathSegment, Response,
    V0AuthenticationRequest, V0Heartbeat, V0JobCheated, V0JobStatusUpdate, V0MachineSpecsUpdate,
    V2JobRequest, ValidatorMessage,
};
use facilitator_tests::python::Node;
use facilitator_tests::vectors::{self, Tally};

/// What a model made of a text.
#[derive(Debug, PartialEq)]
struct Reading {
    /// The message, written again.
    encoded: String,
    /// How many fields the protocol does not name.
    unknown: usize,
}

struct Vector {
    name: String,
    model: String,
    line: Node,
}

impl Vector {
    fn all(file: &str) -> impl Iterator<Item = Self> {
        vectors::nodes(file).into_iter().map(|line| Self {
            name: line.get("name").as_text().unwrap().into(),
            model: line.get("model").as_text().unwrap().into(),
            line,
        })
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.line.get(field).as_text()
    }

    /// The message, unless it is no UTF-8: then no WebSocket library hands it on.
    fn json(&self) -> Option<String> {
        let Some(hex) = self.text("json_hex") else {
            return self.text("json").map(String::from);
        };
        let pairs = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).unwrap());
        let bytes: Vec<u8> = pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect();
        String::from_utf8(bytes).ok()
    }

    fn is_accepted(&self) -> bool {
        self.text("verdict") == Some("accept")
    }

    fn read(&self, text: &str, mode: DecodeMode) -> Result<Reading, DecodeError> {
        macro_rules! reading {
            ($message:ident) => {{
                let Decoded {
                    message,
                    unknown_field_count,
                    ..
                } = $message::decode(text, mode)?;
                Ok(Reading {
                    encoded: message.encode(),
                    unknown: unknown_field_count,
                })
            }};
        }
        match self.model.as_str() {
            "Response" => reading!(Response),
            "ServerUnion" => reading!(ValidatorMessage),
            "V0AuthenticationRequest" => reading!(V0AuthenticationRequest),
            "V0Heartbeat" => reading!(V0Heartbeat),
            "V0JobCheated" => reading!(V0JobCheated),
            "V0JobStatusUpdate" => reading!(V0JobStatusUpdate),
            "V0MachineSpecsUpdate" => reading!(V0MachineSpecsUpdate),
            "V2JobRequest" => reading!(V2JobRequest),
            model => panic!("{}: no model is called {model}", self.name),
        }
    }

    /// What the reference says is wrong.
    fn errors(&self) -> Vec<Complaint> {
        let Node::List(errors) = self.line.get("errors") else {
            panic!("{}: no errors", self.name)
        };
        errors.iter().map(Complaint::theirs).collect()
    }
}

/// One thing that is wrong with a message.
#[derive(Debug, PartialEq)]
struct Complaint {
    kind: String,
    loc: Vec<PathSegment>,
    words: String,
}

impl Complaint {
    fn ours(issue: &Issue) -> Self {
        let (kind, words) = (issue.kind.name().into(), issue.kind.to_string());
        Self {
            kind,
            loc: issue.loc.clone(),
            words,
        }
    }

    fn theirs(error: &Node) -> Self {
        let field = |name| error.get(name).as_text().unwrap().to_owned();
        Self {
            kind: field("type"),
            loc: loc(error.get("loc")),
            words: field("msg"),
        }
    }
}

fn loc(node: &Node) -> Vec<PathSegment> {
    let Node::List(steps) = node else {
        panic!("{node:?} is no path")
    };
    let segment = |step: &Node| match step {
        Node::Text(key) => PathSegment::Key(key.clone()),
        Node::Number(index) => PathSegment::Index(index.parse().unwrap()),
        step => panic!("{step:?} is no step of a path"),
    };
    steps.iter().map(segment).collect()
}

/// Which of the facilitator's messages a text is, as the reference's validator tells them apart.
fn dispatch(text: &str, mode: DecodeMode) -> &'static str {
    match FacilitatorMessage::decode(text, mode).map(|decoded| decoded.message) {
        Ok(FacilitatorMessage::Response(_)) => "Response",
        Ok(FacilitatorMessage::JobRequest(_)) => "V2JobRequest",
        Ok(FacilitatorMessage::JobCheated(_)) => "V0JobCheated",
        Err(_) => "unsupported",
    }
}

#[test]
fn what_is_accepted() {
    let mut tally = Tally::default();
    for vector in Vector::all("wire_accept.jsonl") {
        let (name, json) = (&vector.name, vector.json().unwrap());
        let canonical = vector.text("canonical").unwrap();
        for mode in [DecodeMode::Strict, DecodeMode::Lenient] {
            let expected = Reading {
                encoded: canonical.into(),
                unknown: 0,
            };
            assert_eq!(vector.read(&json, mode), Ok(expected), "{name}, {mode:?}");
            if let Some(model) = vector.text("python_client_dispatch") {
                assert_eq!(dispatch(&json, mode), model, "{name}, {mode:?}");
            }
        }
        // What the reference wrote reads as the same again.
        let again = vector
            .read(canonical, DecodeMode::Strict)
            .map(|reading| reading.encoded);
        assert_eq!(again.as_deref(), Ok(canonical), "{name}");
        tally.count(&*vector.model);
    }
    println!("wire_accept.jsonl, equal byte by byte when written again:\n{tally}");
    assert!(!vectors::are_our_own() || tally.total() == 412, "{tally}");
}

#[test]
fn what_is_on_the_edge() {
    let mut tally = Tally::default();
    for vector in Vector::all("wire_edge.jsonl") {
        let name = &vector.name;
        let Some(json) = vector.json() else {
            assert!(!vector.is_accepted(), "{name}");
            tally.count("refused: no UTF-8, so no text frame");
            continue;
        };
        let strict = vector.read(&json, DecodeMode::Strict);
        let lenient = vector.read(&json, DecodeMode::Lenient);
        if vector.is_accepted() {
            let reading = strict.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(Some(&*reading.encoded), vector.text("canonical"), "{name}");
            assert_eq!(lenient.as_ref(), Ok(&reading), "{name}");
            tally.count(match reading.unknown {
                0 => "accepted",
                _ => "accepted, with fields that the reference passes over",
            });
        } else {
            let error = strict.expect_err(name);
            let found: Vec<_> = error.issues().iter().map(Complaint::ours).collect();
            let expected = vector.errors();
            let places = |complaints: &[Complaint]| -> Vec<_> {
                complaints
                    .iter()
                    .map(|c| (c.kind.clone(), c.loc.clone()))
                    .collect()
            };
            assert_eq!(places(&found), places(&expected), "{name}");
            // The words are those of one version of the reference's validation library.
            if found != expected {
                tally.count("refused in other words");
                assert!(
                    !vectors::are_our_own(),
                    "{name}: {found:?} is not {expected:?}"
                );
            }
            check_leniency(name, &error, lenient);
            tally.count(format!("refused: {}", error.issues()[0].kind.name()));
        }
        if let Some(model) = vector.text("python_client_dispatch") {
            assert_eq!(dispatch(&json, DecodeMode::Strict), model, "{name}");
        }
    }
    println!("wire_edge.jsonl, with the reference's own words where it refuses:\n{tally}");
    assert!(!vectors::are_our_own() || tally.total() == 198, "{tally}");
}

/// Lenient mode takes nothing but unknown fields, and counts them all.
fn check_leniency(name: &str, strict: &DecodeError, lenient: Result<Reading, DecodeError>) {
    let is_extra = |kind: &IssueKind| *kind == IssueKind::ExtraForbidden;
    let extras = strict
        .issues()
        .iter()
        .filter(|issue| is_extra(&issue.kind))
        .count();
    if extras == strict.issues().len() {
        assert_eq!(lenient.map(|reading| reading.unknown), Ok(extras), "{name}");
    } else {
        let others: Vec<_> = strict
            .issues()
            .iter()
            .filter(|issue| !is_extra(&issue.kind))
            .collect();
        let lenient = lenient.expect_err(name);
        assert_eq!(
            lenient.issues().iter().collect::<Vec<_>>(),
            others,
            "{name}"
        );
    }
}
