//! The authentication frame: made by a validator, judged as the facilitator judges it. No connection state.

use super::account::AccountId;
use super::hex::{self, HexError};
use super::keypair::Keypair;
use super::public_key::{PublicKey, PublicKeyError};
use super::raw::Signature;
use super::scheme::{Scheme, SchemeUnavailable};
use crate::message::V0AuthenticationRequest;

/// The frame that authenticates `keypair`'s owner.
///
/// It signs nothing but the public key itself, so whoever reads it can replay it for ever: treat it as a credential.
/// Today's facilitator verifies sr25519 only, and answers an ed25519 key with `auth.signature_invalid`.
///
/// ```
/// # #[cfg(feature = "sr25519")] {
/// use facilitator_core::signature::{self, Keypair, Scheme};
///
/// let alice = Keypair::from_uri(Scheme::Sr25519, "//Alice")?;
/// let frame = signature::authentication_request(&alice);
/// assert!(frame.signature.starts_with("0x"));
/// assert_eq!(signature::verify_authentication(&frame).as_ref(), Ok(alice.public()));
/// # }
/// # Ok::<(), facilitator_core::signature::KeyError>(())
/// ```
pub fn authentication_request(keypair: &Keypair) -> V0AuthenticationRequest {
    let signature = keypair.sign(&keypair.public().to_bytes());
    let mut text = hex::encode(signature.as_bytes());
    text.insert_str(0, "0x");
    V0AuthenticationRequest {
        public_key: keypair.public().to_hex(),
        signature: text,
    }
}

/// The account that a frame claims to be, which the facilitator looks up before it checks the signature.
///
/// Prefixes `0x` are taken here, as the reference's wallet library does; [`verify_authentication`] then refuses them.
///
/// # Errors
/// [`AuthenticationError::Key`], when the key is not 32 bytes in hexadecimal. The facilitator crashes on that.
pub fn claimed_account(frame: &V0AuthenticationRequest) -> Result<AccountId, AuthenticationError> {
    hex::decode(frame.public_key.trim_start_matches("0x"))
        .map(AccountId::from_bytes)
        .map_err(AuthenticationError::Key)
}

/// Judges a frame as today's facilitator does: sr25519, the key's own 32 bytes signed, plainly or wrapped in
/// `<Bytes>`.
///
/// # Errors
/// [`AuthenticationError`]; its [`is_poison`](AuthenticationError::is_poison) tells what the facilitator crashes on
/// from what it answers with `auth.signature_invalid`.
pub fn verify_authentication(
    frame: &V0AuthenticationRequest,
) -> Result<PublicKey, AuthenticationError> {
    let key = claimed_account(frame)?.to_bytes();
    if frame.public_key.starts_with("0x") {
        return Err(AuthenticationError::KeyPrefixed);
    }
    let digits = frame
        .signature
        .strip_prefix("0x")
        .ok_or(AuthenticationError::SignatureNotPrefixed)?;
    let signature = hex::decode(digits).map_err(AuthenticationError::Signature)?;

    // 32 bytes that are no point are no crash: the reference's library finds no signature valid for them.
    let key = PublicKey::from_bytes(Scheme::Sr25519, &key).map_err(|error| match error {
        PublicKeyError::SchemeUnavailable(unavailable) => unavailable.into(),
        PublicKeyError::NotAKey { .. } => AuthenticationError::InvalidSignature,
    })?;
    key.verify(&key.to_bytes(), &Signature::from_bytes(signature))
        .map_err(|_| AuthenticationError::InvalidSignature)?;
    Ok(key)
}

/// Why an authentication frame does not authenticate anybody. Never shows the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// The public key is not 64 hexadecimal digits. Poison.
    #[error("the public key: {0}")]
    Key(HexError),
    /// The public key has a `0x` in front. Poison.
    #[error("the public key must be written without `0x`")]
    KeyPrefixed,
    /// The signature has no `0x` in front. Poison.
    #[error("the signature must be written with `0x` in front")]
    SignatureNotPrefixed,
    /// The signature is not 128 hexadecimal digits after `0x`. Poison.
    #[error("the signature, after `0x`: {0}")]
    Signature(HexError),
    /// The frame is well formed, but the signature is not the key's.
    #[error("the signature is not the sr25519 key's over its own 32 bytes")]
    InvalidSignature,
    /// The build lacks sr25519, and nothing else is accepted.
    #[error(transparent)]
    SchemeUnavailable(#[from] SchemeUnavailable),
}

impl AuthenticationError {
    /// Whether the facilitator crashes on such a frame: it answers nothing and drops the connection.
    pub fn is_poison(&self) -> bool {
        match self {
            Self::Key(_) | Self::KeyPrefixed | Self::SignatureNotPrefixed | Self::Signature(_) => {
                true
            }
            Self::InvalidSignature | Self::SchemeUnavailable(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString as _};

    fn frame() -> V0AuthenticationRequest {
        authentication_request(&Keypair::from_uri(Scheme::Ed25519, "//Alice").unwrap())
    }

    /// Whatever the scheme: these are refused before any cryptography.
    #[test]
    fn poison_is_named() {
        let with_key = |public_key: String| V0AuthenticationRequest {
            public_key,
            ..frame()
        };
        let with_signature = |signature: String| V0AuthenticationRequest {
            signature,
            ..frame()
        };
        let digits = frame().signature[2..].to_string();
        let expected = 128;
        for (frame, error) in [
            (
                with_key("88dc".into()),
                AuthenticationError::Key(HexError::Length {
                    found: 4,
                    expected: 64,
                }),
            ),
            (
                with_key("z".repeat(64)),
                AuthenticationError::Key(HexError::Digit { position: 0 }),
            ),
            (
                with_key(format!("0x{}", frame().public_key)),
                AuthenticationError::KeyPrefixed,
            ),
            (
                with_signature(digits.clone()),
                AuthenticationError::SignatureNotPrefixed,
            ),
            (
                with_signature(format!("0X{digits}")),
                AuthenticationError::SignatureNotPrefixed,
            ),
            (
                with_signature(String::new()),
                AuthenticationError::SignatureNotPrefixed,
            ),
            (
                with_signature("0x".into()),
                AuthenticationError::Signature(HexError::Length { found: 0, expected }),
            ),
            (
                with_signature(format!("0x01{digits}")),
                AuthenticationError::Signature(HexError::Length {
                    found: 130,
                    expected,
                }),
            ),
        ] {
            assert_eq!(verify_authentication(&frame), Err(error));
            assert!(error.is_poison(), "{error}");
        }
    }

    #[test]
    fn an_ed25519_frame_is_well_formed_but_not_accepted() {
        let error = verify_authentication(&frame()).unwrap_err();
        assert!(!error.is_poison(), "{error}");
        let prefixed = V0AuthenticationRequest {
            public_key: format!("0x{}", frame().public_key),
            ..frame()
        };
        assert_eq!(claimed_account(&prefixed), claimed_account(&frame()));
    }
}
