//! What the fuzz targets check, as plain functions: `fuzz/` feeds them, the suite `replay` repeats the
//! committed corpora on any toolchain. No fuzzer and no files here.

use core::fmt::Debug;

use facilitator_core::message::{
    DecodeError, DecodeMode, Decoded, FacilitatorMessage, ValidatorMessage,
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

    let facilitator = both_modes(text, FacilitatorMessage::decode, &mut readings);
    for message in facilitator.into_iter().flatten() {
        survives(&message, &message.encode(), FacilitatorMessage::decode);
        survives(
            &message,
            &message.encode_python(),
            FacilitatorMessage::decode,
        );
    }

    let validator = both_modes(text, ValidatorMessage::decode, &mut readings);
    for message in validator.into_iter().flatten() {
        survives(&message, &message.encode(), ValidatorMessage::decode);
    }
    readings
}

type Reader<T> = fn(&str, DecodeMode) -> Result<Decoded<T>, DecodeError>;

/// What lenient and strict mode make of a text.
fn both_modes<T: Debug + PartialEq>(
    text: &str,
    read: Reader<T>,
    readings: &mut Readings,
) -> [Option<T>; 2] {
    let lenient = counted(read(text, DecodeMode::Lenient), readings);
    let strict = counted(read(text, DecodeMode::Strict), readings);
    if let Some(strict) = &strict {
        let lenient = lenient.as_ref().map(|decoded| &decoded.message);
        assert_eq!(
            lenient,
            Some(&strict.message),
            "lenient mode must take whatever strict mode takes, as the same message"
        );
        assert_eq!(
            strict.unknown_field_count, 0,
            "strict mode must refuse unknown fields"
        );
    }
    [lenient, strict].map(|decoded| decoded.map(|decoded| decoded.message))
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

/// What we write, everybody reads back as it was: even a strict reader.
fn survives<T: Debug + PartialEq>(message: &T, encoded: &str, read: Reader<T>) {
    let again = read(encoded, DecodeMode::Strict).map(|decoded| decoded.message);
    assert_eq!(
        again.as_ref(),
        Ok(message),
        "what was encoded must decode to the same"
    );
}
