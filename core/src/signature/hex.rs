//! Hexadecimal text of keys and signatures. Fixed lengths only, so nothing here grows with its input.

use alloc::string::String;

/// Why a text is not the hexadecimal form of so many bytes. Never shows the text: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HexError {
    /// A character outside `0-9`, `a-f`, `A-F`.
    #[error("character {position} is no hexadecimal digit")]
    Digit {
        /// Where, counted in bytes from 0.
        position: usize,
    },
    /// Only digits, but the wrong number of them.
    #[error("{found} hexadecimal digits where {expected} are needed")]
    Length {
        /// How many digits were there.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
}

/// Lower-case hexadecimal text of `bytes`, without prefix.
pub(crate) fn encode(bytes: &[u8]) -> String {
    // Exactly as long as needed: a secret's text must not grow and leave a copy behind.
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0xf] {
            text.push(char::from(if nibble < 10 {
                b'0' + nibble
            } else {
                b'a' + nibble - 10
            }));
        }
    }
    text
}

/// Exactly `N` bytes from `2 N` digits of either case, without prefix.
pub(crate) fn decode<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    if let Some(position) = text.bytes().position(|byte| !byte.is_ascii_hexdigit()) {
        return Err(HexError::Digit { position });
    }
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return Err(HexError::Length {
            found: text.len(),
            expected: 2 * N,
        });
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = value(*high) << 4 | value(*low);
    }
    Ok(bytes)
}

/// The value of an ASCII hexadecimal digit.
fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_cases_are_read_and_lower_case_is_written() {
        assert_eq!(decode::<4>("00fFA9e1"), Ok([0x00, 0xff, 0xa9, 0xe1]));
        assert_eq!(encode(&[0x00, 0xff, 0xa9, 0xe1]), "00ffa9e1");
    }

    #[test]
    fn the_first_wrong_thing_is_named() {
        assert_eq!(decode::<2>("0x12"), Err(HexError::Digit { position: 1 }));
        assert_eq!(decode::<2>("12é"), Err(HexError::Digit { position: 2 }));
        assert_eq!(
            decode::<2>("123"),
            Err(HexError::Length {
                found: 3,
                expected: 4
            })
        );
        assert_eq!(
            decode::<2>(""),
            Err(HexError::Length {
                found: 0,
                expected: 4
            })
        );
        assert_eq!(
            decode::<2>("123456"),
            Err(HexError::Length {
                found: 6,
                expected: 4
            })
        );
    }
}
