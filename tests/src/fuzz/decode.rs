//! Bytes as a message of either side, strictly and leniently.

use core::fmt::Debug;

use facilitator_core::message::{
    DecodeError, DecodeMode, Decoded, FacilitatorMessage, Json, ValidatorMessage,
};

/// The longest text that an error about a message may have, in bytes: it goes to logs.
const MAX_ERROR_TEXT: usize = 16 * 1024;

/// How often an input was taken for a message: by either reader, in either mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// It decoded, and survived the round trip.
    pub accepted: usize,
    /// It was refused with an error. Bytes that are no text are refused before any reader sees them.
    pub refused: usize,
}

/// Decodes `data` as either side would, strictly and leniently.
///
/// # Panics
/// When the wire is broken: what decoded does not survive being encoded and decoded again, strict mode
/// takes what lenient mode does not, or an error's text has no bound. A panic of a decoder itself comes
/// through as it is.
pub fn decode(data: &[u8]) -> Readings {
    let mut readings = Readings::default();
    let Ok(text) = core::str::from_utf8(data) else {
        return readings;
    };
    let finite = is_finite(text);

    let (read, write) = (FacilitatorMessage::decode, FacilitatorMessage::encode);
    if let Some(message) = both_modes(text, read, &mut readings) {
        survives(&message, finite, read, write);
        // What is pushed in Python's spelling keeps the names of all numbers.
        survives(&message, true, read, FacilitatorMessage::encode_python);
    }

    let (read, write) = (ValidatorMessage::decode, ValidatorMessage::encode);
    if let Some(message) = both_modes(text, read, &mut readings) {
        survives(&message, finite, read, write);
    }
    readings
}

type Reader<T> = fn(&str, DecodeMode) -> Result<Decoded<T>, DecodeError>;

/// Whether every number in `text` is finite: the others are written as null, as the reference does.
fn is_finite(text: &str) -> bool {
    Json::parse(text).is_ok_and(|json| {
        let names = ["NaN", "Infinity"];
        !names.iter().any(|name| json.as_str().contains(name))
    })
}

/// What lenient mode makes of a text, and strict mode no differently.
fn both_modes<T: Debug + PartialEq>(
    text: &str,
    read: Reader<T>,
    readings: &mut Readings,
) -> Option<T> {
    let lenient = counted(read(text, DecodeMode::Lenient), readings);
    let strict = counted(read(text, DecodeMode::Strict), readings);
    if strict.is_some() {
        assert_eq!(
            lenient, strict,
            "strict mode reads what lenient mode does not"
        );
    }
    lenient.map(|decoded| decoded.message)
}

fn counted<T>(
    outcome: Result<Decoded<T>, DecodeError>,
    readings: &mut Readings,
) -> Option<Decoded<T>> {
    match outcome {
        Ok(decoded) => {
            readings.accepted += 1;
            Some(decoded)
        }
        Err(error) => {
            readings.refused += 1;
            let length = error.to_string().len();
            assert!(
                length <= MAX_ERROR_TEXT,
                "an error's text has {length} bytes"
            );
            None
        }
    }
}

/// What we write, everybody reads back as it was, even a strict reader; and it is written alike again.
fn survives<T: Debug + PartialEq>(
    message: &T,
    exactly: bool,
    read: Reader<T>,
    write: fn(&T) -> String,
) {
    let text = write(message);
    let again = read(&text, DecodeMode::Strict).map(|decoded| decoded.message);
    if exactly {
        assert_eq!(again.as_ref(), Ok(message), "the round trip changed it");
    }
    assert_eq!(
        again.as_ref().map(write),
        Ok(text),
        "it is written differently"
    );
}
