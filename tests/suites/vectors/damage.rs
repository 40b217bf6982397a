//! Every wire vector, cut short and with bytes changed: readers refuse or read, and never panic.

use std::collections::BTreeSet;

use facilitator_core::message::{
    DecodeMode, JobStatusMetadata, Json, Response, V0JobCheated, V0JobStatusUpdate,
};
use facilitator_tests::fuzz;
use facilitator_tests::vectors::{self, Tally};

/// Of most vectors every so many-th place is tried; the offset moves on from one vector to the next.
const STRIDE: usize = 53;

/// The environment variable that, when it is set, has every place of every vector tried.
const ALL_PLACES: &str = "FACILITATOR_EXHAUSTIVE";

struct Vector {
    /// Model and first part of the name: one vector of each kind is tried at every place.
    kind: String,
    text: String,
}

fn all() -> impl Iterator<Item = Vector> {
    let files = ["wire_accept.jsonl", "wire_edge.jsonl", "signed.jsonl"];
    files
        .into_iter()
        .flat_map(vectors::nodes)
        .filter_map(|line| {
            let text = |field: &str| line.get(field).as_text().map(String::from);
            let name = text("name").unwrap();
            let family = name.split('/').next().unwrap_or_default();
            let kind = format!(
                "{} {family}",
                line.get("model").as_text().unwrap_or("unknown")
            );
            Some(Vector {
                kind,
                text: text("json")?,
            })
        })
}

/// The places of `text` that are tried.
fn places(text: &str, index: usize, first_of_its_kind: bool) -> impl Iterator<Item = usize> {
    let every = first_of_its_kind || std::env::var_os(ALL_PLACES).is_some();
    let (offset, stride) = if every {
        (0, 1)
    } else {
        (index % STRIDE, STRIDE)
    };
    (offset..text.len()).step_by(stride)
}

fn read(bytes: &[u8]) {
    fuzz::decode(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = Response::decode(text, DecodeMode::Lenient);
    let _ = V0JobCheated::decode(text, DecodeMode::Lenient);
    let _ = V0JobStatusUpdate::decode(text, DecodeMode::Strict);
    let _ = JobStatusMetadata::decode(text, DecodeMode::Lenient);
    let _ = Json::parse(text);
}

#[test]
fn cut_short() {
    let (mut tally, mut seen) = (Tally::default(), BTreeSet::new());
    for (index, vector) in all().enumerate() {
        for place in places(&vector.text, index, seen.insert(vector.kind.clone())) {
            let cut = &vector.text.as_bytes()[..place];
            read(cut);
            // What opens an object and stops before its end is no JSON, whatever comes of the rest.
            if let (true, Ok(cut)) = (vector.text.ends_with('}'), std::str::from_utf8(cut)) {
                assert!(Json::parse(cut).is_err(), "{cut}");
            }
            tally.count(&*vector.kind);
        }
    }
    println!("places cut at:\n{tally}");
}

#[test]
fn with_a_byte_changed() {
    const BYTES: &[u8] = b"{}[]:,\"\\ 09-.eENuIntf/\0\n\x7f\xc5\xff";
    let (mut tally, mut seen) = (Tally::default(), BTreeSet::new());
    for (index, vector) in all().enumerate() {
        for place in places(&vector.text, index, seen.insert(vector.kind.clone())) {
            let mut bytes = vector.text.clone().into_bytes();
            // Another byte at each place; over all the places, each of them often.
            bytes[place] = BYTES[(place * 7 + index) % BYTES.len()];
            read(&bytes);
            tally.count(&*vector.kind);
        }
    }
    println!("bytes changed:\n{tally}");
}
