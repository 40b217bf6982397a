//! Secret URIs and derivation paths, parsed. What a step does to a key is the scheme's business.

use alloc::vec::Vec;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The phrase behind Substrate's development accounts: `//Alice` alone means this phrase and that path.
const DEV_PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

/// One step of a path, as its 32-byte chain code. A code may be derived from a secret text, so it is wiped.
#[derive(Zeroize, ZeroizeOnDrop)]
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(super) enum Junction {
    /// `//code`: from the secret key alone.
    Hard([u8; 32]),
    /// `/code`: the public key can take the same step.
    Soft([u8; 32]),
}

/// ed25519 keys have no soft steps.
pub(super) struct SoftJunction;

/// A secret URI taken apart: `phrase-or-seed /soft //hard ///password`, every part optional.
pub(super) struct SecretUri<'a> {
    /// A phrase, or `0x` and a seed in hexadecimal.
    pub(super) secret: &'a str,
    pub(super) path: Vec<Junction>,
    pub(super) password: &'a str,
}

/// Why a derivation path or a secret URI cannot be followed. Never shows any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Nothing at all. Substrate takes that for its public development phrase; here it is a mistake.
    #[error(
        "the secret URI is empty: write a phrase, a seed (`0x` and 64 digits), or a path such as `//Alice`"
    )]
    Empty,
    /// A path that is no sequence of `/soft` and `//hard` steps.
    #[error(
        "not a derivation path: write `//name` for a hard step, `/name` for a soft one, and no empty names"
    )]
    Syntax,
    /// A soft step for a scheme that has none.
    #[error("ed25519 keys have no soft derivation: write `//name` instead of `/name`")]
    SoftEd25519,
}

/// Takes a secret URI apart, the way Substrate does.
pub(super) fn parse_uri(uri: &str) -> Result<SecretUri<'_>, PathError> {
    // No step may be empty, so the first three slashes in a row begin the password, whatever it contains.
    let (rest, password) = uri.split_once("///").unwrap_or((uri, ""));
    let (secret, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = parse_path(path)?;
    let secret = match (secret, path.is_empty()) {
        ("", true) => return Err(PathError::Empty),
        ("", false) => DEV_PHRASE,
        _ => secret,
    };
    Ok(SecretUri {
        secret,
        path,
        password,
    })
}

/// The steps of a path; the empty path has none.
pub(super) fn parse_path(mut path: &str) -> Result<Vec<Junction>, PathError> {
    let mut steps = Vec::new();
    while !path.is_empty() {
        path = path.strip_prefix('/').ok_or(PathError::Syntax)?;
        let (hard, name) = path
            .strip_prefix('/')
            .map_or((false, path), |name| (true, name));
        let (name, rest) = name.split_at(name.find('/').unwrap_or(name.len()));
        if name.is_empty() {
            return Err(PathError::Syntax);
        }
        let code = chain_code(name);
        steps.push(if hard {
            Junction::Hard(code)
        } else {
            Junction::Soft(code)
        });
        path = rest;
    }
    Ok(steps)
}

/// A step's chain code: the SCALE encoding of its number or name, padded with zeros, or hashed where it is longer.
fn chain_code(name: &str) -> [u8; 32] {
    if let Ok(number) = name.parse::<u64>() {
        return padded(&[&number.to_le_bytes()]);
    }
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    // SCALE's compact integers keep their own width in the two lowest bits.
    let (short, middle, long) = (
        (length << 2).to_le_bytes(),
        (length << 2 | 1),
        (length << 2 | 2),
    );
    match length {
        0..=0x3f => padded(&[short.get(..1).unwrap_or_default(), name.as_bytes()]),
        0x40..=0x3fff => padded(&[
            middle.to_le_bytes().get(..2).unwrap_or_default(),
            name.as_bytes(),
        ]),
        _ => padded(&[&long.to_le_bytes(), name.as_bytes()]),
    }
}

fn padded(parts: &[&[u8]]) -> [u8; 32] {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut code = [0; 32];
    if length > code.len() {
        let mut hasher = Blake2b::<U32>::new();
        for part in parts {
            hasher.update(part);
        }
        return hasher.finalize().into();
    }
    code.iter_mut()
        .zip(parts.iter().copied().flatten())
        .for_each(|(to, from)| *to = *from);
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn code(start: &[u8]) -> [u8; 32] {
        let mut code = [0; 32];
        code[..start.len()].copy_from_slice(start);
        code
    }

    #[test]
    fn steps_are_numbers_or_names() {
        assert_eq!(
            parse_path("//Alice/1//0x2/+5").ok(),
            Some(vec![
                Junction::Hard(code(b"\x14Alice")),
                Junction::Soft(code(&[1])),
                Junction::Hard(code(b"\x0c0x2")),
                // As Rust's integers are parsed, so as Substrate's are.
                Junction::Soft(code(&[5])),
            ])
        );
        assert_eq!(parse_path("").ok(), Some(vec![]));
        let largest = "/18446744073709551615";
        assert_eq!(
            parse_path(largest).ok(),
            Some(vec![Junction::Soft(code(&[0xff; 8]))])
        );
        let one_more = "/18446744073709551616";
        assert_eq!(
            parse_path(one_more).ok(),
            Some(vec![Junction::Soft(code(b"\x5018446744073709551616"))])
        );
    }

    #[test]
    fn long_names_are_hashed_with_their_length() {
        // 31 bytes and their length just fit; one more does not.
        assert_eq!(
            chain_code(&"a".repeat(31)),
            code(&[&[31 << 2], "a".repeat(31).as_bytes()].concat())
        );
        for (length, prefix) in [
            (32_usize, vec![32 << 2]),
            (63, vec![63 << 2]),
            (64, vec![1, 1]),
            (16_384, vec![2, 0, 1, 0]),
        ] {
            let name = "a".repeat(length);
            let hash = Blake2b::<U32>::new()
                .chain_update(prefix)
                .chain_update(&name)
                .finalize();
            assert_eq!(chain_code(&name), <[u8; 32]>::from(hash), "{length}");
        }
    }

    #[test]
    fn a_uri_has_three_parts() {
        let uri = parse_uri("one two//hard/soft///pass///word/").ok().unwrap();
        assert_eq!(
            (uri.secret, uri.path.len(), uri.password),
            ("one two", 2, "pass///word/")
        );
        let uri = parse_uri("//Alice").ok().unwrap();
        assert_eq!(
            (uri.secret, uri.path.len(), uri.password),
            (DEV_PHRASE, 1, "")
        );
        let uri = parse_uri("one two///").ok().unwrap();
        assert_eq!(
            (uri.secret, uri.path.len(), uri.password),
            ("one two", 0, "")
        );
    }

    #[test]
    fn mistakes_are_told_apart() {
        for uri in ["", "///password"] {
            assert_eq!(parse_uri(uri).err(), Some(PathError::Empty), "{uri}");
        }
        for uri in ["/", "//", "//Alice/", "//Alice//", "phrase/"] {
            assert_eq!(parse_uri(uri).err(), Some(PathError::Syntax), "{uri}");
        }
        assert_eq!(parse_path("Alice").err(), Some(PathError::Syntax));
    }
}
