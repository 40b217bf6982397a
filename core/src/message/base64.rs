//! Base64 as Python's `b64decode` reads it: what is no base64 is passed over.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The bytes, in standard base64 with padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes that Python reads.
///
/// # Errors
/// Python's own words, when the text ends inside a group of four.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, String> {
    // Whatever is proper base64 means the same to both.
    STANDARD.decode(text).or_else(|_| decode_leniently(text))
}

fn decode_leniently(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut group, mut filled, mut padding, mut digits) = (0_u32, 0_u8, 0_u8, 0_usize);
    for c in text.bytes() {
        if c == b'=' {
            if filled >= 2 {
                padding = padding.saturating_add(1);
                if filled.saturating_add(padding) >= 4 {
                    // A complete padding ends the text, whatever follows.
                    return Ok(bytes);
                }
            }
            continue;
        }
        let Some(digit) = digit(c) else { continue };
        (padding, digits) = (0, digits + 1);
        group = (group << 6) | u32::from(digit);
        filled = (filled + 1) % 4;
        // Each digit but a group's first completes a byte; what is left of it stays for the next one.
        match filled {
            2 => bytes.push(low_byte(group >> 4)),
            3 => bytes.push(low_byte(group >> 2)),
            0 => bytes.push(low_byte(group)),
            _ => {}
        }
    }
    match filled {
        0 => Ok(bytes),
        1 => Err(format!(
            "Invalid base64-encoded string: number of data characters ({digits}) cannot be 1 more than a multiple of 4"
        )),
        _ => Err("Incorrect padding".into()),
    }
}

const fn digit(c: u8) -> Option<u8> {
    match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

fn low_byte(group: u32) -> u8 {
    let [byte, ..] = group.to_le_bytes();
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_python_reads() {
        // Each outcome is what CPython 3.11 gave for `base64.b64decode(text)`.
        for (text, expected) in [
            ("", Ok(&b""[..])),
            ("AA==", Ok(b"\0")),
            ("AAEC/w==", Ok(b"\0\x01\x02\xff")),
            ("!!A*A==", Ok(b"\0")),
            ("\u{17c}AA==", Ok(b"\0")),
            (" A A = = \n", Ok(b"\0")),
            ("AA==AAAA", Ok(b"\0")),
            ("AB==", Ok(b"\0")),
            ("AAA=A", Ok(b"\0\0")),
            ("A=A=A==", Ok(b"\0\0")),
            ("====", Ok(b"")),
            ("=AA==", Ok(b"\0")),
            ("AAA", Err("Incorrect padding")),
            ("AA=A", Err("Incorrect padding")),
            ("AA=", Err("Incorrect padding")),
            ("0xabcd", Err("Incorrect padding")),
            (
                "_-8=",
                Err(
                    "Invalid base64-encoded string: number of data characters (1) cannot be 1 more than a multiple of 4",
                ),
            ),
        ] {
            assert_eq!(
                decode(text),
                expected.map(Vec::from).map_err(String::from),
                "{text:?}"
            );
        }
    }
}
