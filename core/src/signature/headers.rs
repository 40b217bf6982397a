//! Authentication in headers of the upgrade request, as a drafted successor of the protocol has it. Made by a
//! validator, judged by a server; no connection state, and the time is the caller's.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::hex::{self, HexError};
use super::keypair::Keypair;
use super::public_key::{PublicKey, PublicKeyError};
use super::raw::Signature;

/// How long a timestamp is taken for, in seconds: the draft's bound.
const MAX_AGE: u64 = 60;
/// How far in the future a timestamp may lie, in seconds: the draft's bound.
const MAX_AHEAD: u64 = 5;

/// The headers that authenticate `keypair`'s owner at this time, in seconds since the Unix epoch.
///
/// The signature is over the timestamp's text, so it can be replayed for a minute, not for ever.
///
/// ```
/// use facilitator_core::signature::{Keypair, Scheme, authentication_headers, verify_authentication_headers};
///
/// let alice = Keypair::from_uri(Scheme::Ed25519, "//Alice")?;
/// let headers = authentication_headers(&alice, 1_795_432_324);
/// let key = verify_authentication_headers(|name| {
///     headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
/// }, 1_795_432_330);
/// assert_eq!(key.as_ref(), Ok(alice.public()));
/// # Ok::<(), facilitator_core::signature::KeyError>(())
/// ```
pub fn authentication_headers(keypair: &Keypair, unix_seconds: u64) -> Vec<(String, String)> {
    let timestamp = unix_seconds.to_string();
    let mut signature = hex::encode(keypair.sign(timestamp.as_bytes()).as_bytes());
    signature.insert_str(0, "0x");
    [
        ("X-Timestamp", timestamp),
        ("X-Public-Key", keypair.public().to_hex()),
        ("X-Signature", signature),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value))
    .collect()
}

/// Judges the headers of an upgrade request, as the drafted successor of the protocol would: a timestamp is taken from 60
/// seconds old to 5 seconds ahead. Keys of either scheme are taken.
///
/// `header` looks one up by its name, whose case must not matter; `unix_now` is in seconds since the Unix epoch.
///
/// # Errors
/// [`HeaderError`] says which header is missing or wrong.
pub fn verify_authentication_headers<'a>(
    header: impl Fn(&str) -> Option<&'a str>,
    unix_now: u64,
) -> Result<PublicKey, HeaderError> {
    let get = |name: &'static str| header(name).ok_or(HeaderError::Missing { name });
    let timestamp = get("X-Timestamp")?;
    let seconds = Some(timestamp)
        .filter(|text| text.bytes().all(|c| c.is_ascii_digit()))
        .and_then(|text| text.parse::<u64>().ok())
        .ok_or(HeaderError::Timestamp)?;
    let key: [u8; 32] = hex::decode(get("X-Public-Key")?).map_err(HeaderError::Key)?;
    let digits = get("X-Signature")?
        .strip_prefix("0x")
        .ok_or(HeaderError::SignatureNotPrefixed)?;
    let signature = Signature::from_bytes(hex::decode(digits).map_err(HeaderError::Signature)?);
    if unix_now.saturating_sub(seconds) > MAX_AGE {
        return Err(HeaderError::TooOld);
    }
    if seconds.saturating_sub(unix_now) > MAX_AHEAD {
        return Err(HeaderError::TooNew);
    }
    let key = PublicKey::from_bytes(signature.scheme(), &key).map_err(HeaderError::NotAKey)?;
    key.verify(timestamp.as_bytes(), &signature)
        .map_err(|_| HeaderError::InvalidSignature)?;
    Ok(key)
}

/// Why the headers of an upgrade request authenticate nobody. Never shows a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// A header is not there.
    #[error("the header {name} is missing")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// The timestamp is no number of seconds.
    #[error("X-Timestamp is no number of seconds since the Unix epoch")]
    Timestamp,
    /// The timestamp is more than a minute old.
    #[error("X-Timestamp is more than {MAX_AGE} seconds old; check the clocks")]
    TooOld,
    /// The timestamp is of the future.
    #[error("X-Timestamp is more than {MAX_AHEAD} seconds ahead; check the clocks")]
    TooNew,
    /// The public key is not 64 hexadecimal digits.
    #[error("X-Public-Key: {0}")]
    Key(HexError),
    /// The public key is no key of the signature's scheme.
    #[error("X-Public-Key: {0}")]
    NotAKey(PublicKeyError),
    /// The signature does not start with `0x`.
    #[error("X-Signature does not start with 0x")]
    SignatureNotPrefixed,
    /// The signature is not 128 hexadecimal digits behind its `0x`.
    #[error("X-Signature: {0}")]
    Signature(HexError),
    /// The key did not sign this timestamp.
    #[error("X-Signature is not the key's over the timestamp")]
    InvalidSignature,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Scheme;

    const NOW: u64 = 1_795_432_324;

    fn judge(
        change: impl Fn(&mut Vec<(String, String)>),
        unix_now: u64,
    ) -> Result<(), HeaderError> {
        let keypair = Keypair::from_seed(Scheme::Ed25519, [3; 32]).unwrap();
        let mut headers = authentication_headers(&keypair, NOW);
        change(&mut headers);
        let get = |name: &str| {
            headers
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        verify_authentication_headers(get, unix_now).map(|key| assert_eq!(&key, keypair.public()))
    }

    #[test]
    fn they_are_taken_from_a_minute_old_to_five_seconds_ahead() {
        for fine in [NOW - 5, NOW, NOW + 60] {
            assert_eq!(judge(|_| {}, fine), Ok(()), "{fine}");
        }
        assert_eq!(judge(|_| {}, NOW + 61), Err(HeaderError::TooOld));
        assert_eq!(judge(|_| {}, NOW - 6), Err(HeaderError::TooNew));
    }

    #[test]
    fn each_fault_has_its_name() {
        for name in ["X-Timestamp", "X-Public-Key", "X-Signature"] {
            assert_eq!(
                judge(|headers| headers.retain(|(n, _)| n != name), NOW),
                Err(HeaderError::Missing { name })
            );
        }
        let with =
            |place: usize, value: &str| judge(|headers| headers[place].1 = value.into(), NOW);
        for timestamp in ["", "x", "-1", "+1", "1.5", "99999999999999999999"] {
            assert_eq!(
                with(0, timestamp),
                Err(HeaderError::Timestamp),
                "{timestamp:?}"
            );
        }
        assert!(matches!(with(1, "88dc"), Err(HeaderError::Key(_))));
        assert_eq!(
            with(2, &"ab".repeat(64)),
            Err(HeaderError::SignatureNotPrefixed)
        );
        assert!(matches!(with(2, "0xab"), Err(HeaderError::Signature(_))));
        assert_eq!(
            with(0, &(NOW + 1).to_string()),
            Err(HeaderError::InvalidSignature)
        );
    }
}
