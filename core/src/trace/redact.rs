//! A message's JSON without its content, and back to a message of the same shape. Nothing here knows a session.
//!
//! What is kept: structure, numbers, truth values, the protocol's own words, uuids and hotkeys where the protocol has
//! them. Every other text of `n` bytes, as it is encoded, becomes `"<n>"`, and every other key `"<n:i>"`, where `i`
//! tells keys of one length apart. Filled in again, both have `n` bytes, so that sizes are what they were.
//! Redacting what was filled in gives the same again: that is what lets a replay compare.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use super::words;
use crate::message::{MAX_BYTES, parse_uuid};
use crate::signature::AccountId;

/// The most that is filled in at once, in bytes. No longer message is read; a damaged trace can ask for any number.
const MOST: usize = MAX_BYTES;

/// What stands between two texts of JSON.
const BETWEEN: &[u8] = b"{}[]:,+-.0123456789aeflnrstuE \t\r\n";

/// Characters of the names that stand in for keys, all of one byte and none escaped; the first fills up.
const ALPHABET: &[u8; 93] =
    b"~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 !#$%&'()*+,-./:;<=>?@[]^_`{|}";

/// The text without its content. `json` is one compact JSON value; of anything else, less is kept.
pub(super) fn redact(json: &str) -> String {
    let mut out = String::with_capacity(json.len().min(4096));
    let mut names: BTreeMap<usize, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut key = "";
    for piece in Pieces(json) {
        match piece {
            Piece::Between(text) => {
                if text.contains(['}', '{', ']']) {
                    key = "";
                }
                out.extend(text.chars().map(|c| {
                    let kept = u8::try_from(c).is_ok_and(|c| BETWEEN.contains(&c));
                    if kept { c } else { '?' }
                }));
            }
            Piece::Key(text) => {
                key = text;
                if text.is_empty() || words::is_key(text) {
                    push(&mut out, text);
                } else {
                    let names = names.entry(text.len()).or_default();
                    let next = names.len();
                    let index = *names.entry(text).or_insert(next);
                    push(&mut out, &format!("<{}:{index}>", text.len()));
                }
            }
            Piece::Text(text) => push_text(&mut out, key, text),
        }
    }
    out
}

fn push(out: &mut String, text: &str) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

fn push_text(out: &mut String, key: &str, text: &str) {
    if text.is_empty() || words::is_value(text) || words::is_key(text) || is_public(key, text) {
        return push(out, text);
    }
    let prefix = words::KIND_PREFIXES
        .into_iter()
        .find(|prefix| key == "type" && text.starts_with(prefix));
    let prefix = prefix.unwrap_or_default();
    push(out, &format!("{prefix}<{}>", text.len() - prefix.len()));
}

/// Names of jobs, batches and keys, where the protocol has them.
fn is_public(key: &str, text: &str) -> bool {
    match key {
        "uuid" | "job_uuid" | "trusted_job_uuid" | "batch_id" => parse_uuid(text).is_some(),
        "miner_hotkey" | "validator_hotkey" | "signatory" => AccountId::from_ss58(text).is_ok(),
        _ => false,
    }
}

/// A message of the shape that `redacted` tells; `None` when it asks for more than any message holds.
pub(super) fn fill(redacted: &str) -> Option<String> {
    let mut out = String::with_capacity(redacted.len());
    for piece in Pieces(redacted) {
        match piece {
            Piece::Between(text) => out.push_str(text),
            Piece::Key(text) => match blank(text).map(|(_, blank)| blank) {
                Some(Blank { bytes, index }) => {
                    check(&out, bytes)?;
                    push(&mut out, &name(bytes, index));
                }
                None => push(&mut out, text),
            },
            Piece::Text(text) => match blank(text) {
                Some((prefix, Blank { bytes, .. })) => {
                    check(&out, bytes)?;
                    out.push('"');
                    out.push_str(prefix);
                    out.push_str(&"x".repeat(bytes));
                    out.push('"');
                }
                None => push(&mut out, text),
            },
        }
    }
    Some(out)
}

fn check(out: &str, more: usize) -> Option<()> {
    (more <= MOST.saturating_sub(out.len())).then_some(())
}

/// What stands for a text: its length, and for a key its number.
struct Blank {
    bytes: usize,
    index: usize,
}

/// Reads `<n>`, `job.<n>` or `<n:i>`.
fn blank(text: &str) -> Option<(&str, Blank)> {
    let (prefix, rest) = text.split_once('<')?;
    if !prefix.is_empty() && !words::KIND_PREFIXES.contains(&prefix) {
        return None;
    }
    let inside = rest.strip_suffix('>')?;
    let (bytes, index) = inside.split_once(':').unwrap_or((inside, "0"));
    let (bytes, index) = (bytes.parse().ok()?, index.parse().ok()?);
    Some((prefix, Blank { bytes, index }))
}

/// A key of so many bytes that no other of this length has; longer, if there are more keys than that length has names.
fn name(bytes: usize, mut index: usize) -> String {
    let filler = char::from(ALPHABET[0]);
    let mut digits = String::new();
    while index > 0 {
        let digit = ALPHABET.get(index % ALPHABET.len()).copied();
        digits.push(digit.map_or(filler, char::from));
        index /= ALPHABET.len();
    }
    digits.extend(core::iter::repeat_n(
        filler,
        bytes.saturating_sub(digits.len()),
    ));
    digits
}

/// Parts of a JSON text.
enum Piece<'t> {
    /// What stands between texts: punctuation, numbers, names.
    Between(&'t str),
    /// A key, as it is encoded, without quotes.
    Key(&'t str),
    /// Any other text, likewise.
    Text(&'t str),
}

struct Pieces<'t>(&'t str);

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        if self.0.is_empty() {
            return None;
        }
        let Some(inside) = self.0.strip_prefix('"') else {
            let end = self.0.find('"').unwrap_or(self.0.len());
            let (between, rest) = self.0.split_at(end);
            self.0 = rest;
            return Some(Piece::Between(between));
        };
        let mut escaped = false;
        let end = inside.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let (text, rest) = match end {
            Some(end) => (
                inside.get(..end).unwrap_or_default(),
                inside.get(end + 1..).unwrap_or_default(),
            ),
            None => (inside, ""),
        };
        self.0 = rest;
        Some(if rest.trim_start().starts_with(':') {
            Piece::Key(text)
        } else {
            Piece::Text(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(json: &str) -> (String, String) {
        let redacted = redact(json);
        let filled = fill(&redacted).unwrap();
        assert_eq!(filled.len(), json.len(), "{json}\n{filled}");
        assert_eq!(redact(&filled), redacted, "{filled}");
        (redacted, filled)
    }

    #[test]
    fn words_and_numbers_stay_and_the_rest_becomes_its_length() {
        let (redacted, filled) = round(
            r#"{"message_type":"V0JobStatusUpdate","uuid":"0a000000-0000-4000-8000-000000000001","status":"failed","metadata":{"n":[1.5,true,null,-2e9],"note":"caf\u00e9 \"é\""}}"#,
        );
        assert_eq!(
            redacted,
            r#"{"message_type":"V0JobStatusUpdate","uuid":"0a000000-0000-4000-8000-000000000001","status":"failed","metadata":{"<1:0>":[1.5,true,null,-2e9],"<4:0>":"<16>"}}"#
        );
        assert!(filled.ends_with(r#"{"~":[1.5,true,null,-2e9],"~~~~":"xxxxxxxxxxxxxxxx"}}"#));
    }

    #[test]
    fn a_key_stays_itself_and_differs_from_others() {
        let (redacted, filled) = round(r#"{"env":{"aa":"","bb":"1","aa":"22","ccc":""},"bb":0}"#);
        assert_eq!(
            redacted,
            r#"{"env":{"<2:0>":"","<2:1>":"<1>","<2:0>":"<2>","<3:0>":""},"<2:1>":0}"#
        );
        assert_eq!(
            filled,
            r#"{"env":{"~~":"","A~":"x","~~":"xx","~~~":""},"A~":0}"#
        );
    }

    #[test]
    fn public_names_stay_only_where_the_protocol_has_them() {
        let uuid = "0a000000-0000-4000-8000-000000000001";
        let account = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        let json = alloc::format!(
            r#"{{"token":"{uuid}","url":"{account}","uuid":"{account}","signatory":"{account}","args":[{{"uuid":"{uuid}"}},"{uuid}"]}}"#
        );
        let (redacted, _) = round(&json);
        assert_eq!(
            redacted,
            alloc::format!(
                r#"{{"token":"<36>","url":"<48>","uuid":"<48>","signatory":"{account}","args":[{{"uuid":"{uuid}"}},"<36>"]}}"#
            )
        );
    }

    #[test]
    fn the_type_of_an_error_keeps_what_decides() {
        let (redacted, _) = round(
            r#"{"errors":[{"type":"job.not_found"},{"type":"job.s3cret"},{"type":"auth."},{"type":"s3cret"},{"msg":"job.s3cret"}]}"#,
        );
        assert_eq!(
            redacted,
            r#"{"errors":[{"type":"job.not_found"},{"type":"job.<6>"},{"type":"auth.<0>"},{"type":"<6>"},{"msg":"<10>"}]}"#
        );
    }

    #[test]
    fn what_looks_like_a_blank_is_a_text_like_any_other() {
        round(r#"{"<3:0>":"<99>","<":"job.<4>","type":"job.<999999999999>"}"#);
    }

    #[test]
    fn what_is_no_json_is_not_kept_either() {
        for text in [
            "s3cret",
            r#"{"a":s3cret}"#,
            "\"s3cret",
            r#""\"#,
            "{\"s3cret",
        ] {
            assert!(!redact(text).contains("s3cret"), "{}", redact(text));
        }
    }

    #[test]
    fn a_trace_cannot_ask_for_more_than_a_message_holds() {
        for text in [
            r#"["<99999999999>"]"#,
            r#"{"<99999999999:0>":1}"#,
            r#"["<60000000>","<60000000>"]"#,
        ] {
            assert_eq!(fill(text), None, "{text}");
        }
        // No number is no blank.
        assert_eq!(
            fill(r#"["<99999999999999999999>"]"#).as_deref(),
            Some(r#"["<99999999999999999999>"]"#)
        );
    }

    #[test]
    fn names_are_many() {
        let mut names: alloc::vec::Vec<_> = (0..20_000).map(|index| name(5, index)).collect();
        assert!(names.iter().all(|name| name.len() == 5));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 20_000);
    }
}
