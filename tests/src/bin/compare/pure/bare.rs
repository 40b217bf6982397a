//! The check of a signature itself, as the library of each scheme offers it.
#![expect(
    clippy::expect_used,
    reason = "a workload stops where its own data are wrong"
)]

use facilitator_core::signature::Scheme;

/// A key and a signature, ready to be checked.
pub(super) enum Bare {
    Sr25519(schnorrkel::PublicKey, schnorrkel::Signature),
    Ed25519(ed25519_dalek::VerifyingKey, ed25519_dalek::Signature),
}

impl Bare {
    pub(super) fn new(scheme: Scheme, key: &[u8; 32], signature: &[u8; 64]) -> Self {
        match scheme {
            Scheme::Sr25519 => Self::Sr25519(
                schnorrkel::PublicKey::from_bytes(key).expect("a key"),
                schnorrkel::Signature::from_bytes(signature).expect("a signature"),
            ),
            Scheme::Ed25519 => Self::Ed25519(
                ed25519_dalek::VerifyingKey::from_bytes(key).expect("a key"),
                ed25519_dalek::Signature::from_bytes(signature),
            ),
        }
    }

    pub(super) fn check(&self, digest: &[u8; 64]) {
        match self {
            Self::Sr25519(key, signature) => key
                .verify_simple(b"substrate", digest, signature)
                .expect("it is valid"),
            Self::Ed25519(key, signature) => {
                key.verify_strict(digest, signature).expect("it is valid");
            }
        }
    }
}
