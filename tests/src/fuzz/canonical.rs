//! Bytes as what is signed, against an independent slow implementation. An input that begins with a zero is no JSON, but
//! says how to make some: full of what goes wrong easily, odd keys beside each other, odd numbers, odd spellings.

use arbitrary::{Result, Unstructured};
use facilitator_core::message::{DecodeMode, FacilitatorMessage, Json, V0JobCheated};
use facilitator_core::signature::SignedMessage;

use crate::python::{self, Node};
use crate::signed;

/// The payloads that were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payloads {
    /// Of reports with the whole input as their details.
    pub details: usize,
    /// Of job requests.
    pub requests: usize,
    /// Of cheat reports.
    pub reports: usize,
}

/// Compares the signed payloads of whatever `data` is with the yardstick's.
///
/// # Panics
/// When they differ, or when one side reads JSON that the other cannot read.
pub fn canonical(data: &[u8]) -> Payloads {
    let made;
    let text = match data {
        [0, rest @ ..] => {
            made = make(&mut Unstructured::new(rest), 0).unwrap_or_default();
            Ok(made.as_str())
        }
        _ => core::str::from_utf8(data),
    };
    let mut payloads = Payloads::default();
    let Ok(text) = text else {
        return payloads;
    };
    match Json::parse(text) {
        Ok(details) => {
            let report = V0JobCheated {
                signature: None,
                job_uuid: "j".into(),
                trusted_job_uuid: "t".into(),
                details,
            };
            payloads.details = 1;
            same(&report, text);
        }
        Err(error) => {
            // The strictest reader of all: what it takes, Python takes.
            let plain = serde_json::from_str::<serde_json::Value>(text);
            assert!(plain.is_err(), "good JSON is refused: {error}");
        }
    }
    match FacilitatorMessage::decode(text, DecodeMode::Lenient).map(|decoded| decoded.message) {
        Ok(FacilitatorMessage::JobRequest(request)) => {
            payloads.requests = 1;
            let payload = SignedMessage::from(&*request).payload();
            assert_eq!(payload, signed::job_request(&request));
        }
        Ok(FacilitatorMessage::JobCheated(report)) => {
            payloads.reports = 1;
            same(&report, report.details.as_str());
        }
        _ => {}
    }
    payloads
}

fn same(report: &V0JobCheated, details: &str) {
    let payload = SignedMessage::from(report).payload();
    assert_eq!(payload, signed::job_cheated(report, details));
}

/// The deepest nesting of what is made. What is deeper has to come as it is.
const DEPTH: u32 = 8;

/// Characters at the borders of escapes and orders. UTF-16 orders some of them otherwise than code points do.
const ODD: [char; 19] = [
    '"',
    '\\',
    '/',
    '\0',
    '\u{8}',
    '\t',
    '\n',
    '\u{b}',
    '\u{c}',
    '\r',
    '\u{1f}',
    '\u{7f}',
    '\u{80}',
    '\u{2028}',
    '\u{d7ff}',
    '\u{e000}',
    '\u{ffff}',
    '\u{10000}',
    '\u{10ffff}',
];

/// Some JSON.
fn make(u: &mut Unstructured<'_>, depth: u32) -> Result<String> {
    let space = *u.choose(&["", "", "", " ", "\r\n\t"])?;
    let most = if depth < DEPTH { 7 } else { 4 };
    Ok(match u.int_in_range(0..=most)? {
        0 => (*u.choose(&["null", "true", "false", "NaN", "Infinity", "-Infinity"])?).into(),
        1 | 2 => number(u)?,
        3 | 4 => string(u)?,
        5 => {
            let items = (0..u.int_in_range(0..=4)?).map(|_| make(u, depth + 1));
            let items = items.collect::<Result<Vec<_>>>()?;
            format!("[{space}{}]", items.join(&format!("{space},")))
        }
        _ => {
            let entries = (0..u.int_in_range(0..=5)?).map(|_| {
                let (key, value) = (string(u)?, make(u, depth + 1)?);
                Ok(format!("{key}{space}:{value}"))
            });
            let entries = entries.collect::<Result<Vec<_>>>()?;
            format!("{{{}{space}}}", entries.join(&format!(",{space}")))
        }
    })
}

/// A number: of any digits, or any float.
fn number(u: &mut Unstructured<'_>) -> Result<String> {
    let sign = *u.choose(&["", "-"])?;
    let digits = |u: &mut Unstructured<'_>| -> Result<String> {
        let count = u.int_in_range(1..=20)?;
        (0..count)
            .map(|_| Ok(char::from(u.int_in_range(b'0'..=b'9')?)))
            .collect()
    };
    Ok(match u.int_in_range(0..=3_u8)? {
        0 => {
            let float = f64::from_bits(u.arbitrary()?);
            let float = if float.is_finite() { float } else { 0.0 };
            format!("{float:e}")
        }
        kind => {
            let whole = digits(u)?;
            let whole = whole.trim_start_matches('0');
            let whole = if whole.is_empty() { "0" } else { whole };
            match kind {
                1 => format!("{sign}{whole}"),
                2 => format!("{sign}{whole}.{}", digits(u)?),
                _ => format!(
                    "{sign}{whole}.{}e{}",
                    digits(u)?,
                    u.int_in_range(-330..=330)?
                ),
            }
        }
    })
}

/// A string of a few characters, in one of the spellings that JSON allows.
fn string(u: &mut Unstructured<'_>) -> Result<String> {
    let length = u.int_in_range(0..=3)?;
    let text = (0..length)
        .map(|_| match u.int_in_range(0..=2_u8)? {
            0 => Ok(char::from(u.int_in_range(b'a'..=b'c')?)),
            1 => Ok(*u.choose(&ODD)?),
            _ => u.arbitrary(),
        })
        .collect::<Result<String>>()?;
    Ok(match u.int_in_range(0..=2_u8)? {
        0 => python::quote(&text),
        1 => Node::Text(text).dumps_compact(),
        _ => {
            let unit = |unit: u16| format!("\\u{unit:04X}");
            let units: String = text.encode_utf16().map(unit).collect();
            format!("\"{units}\"")
        }
    })
}
