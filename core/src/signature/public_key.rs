//! A public key of either scheme: decompressed once, so that it can be kept and verify many times.

use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::account::AccountId;
use super::raw::{Signature, SignatureMismatch};
use super::scheme::{Scheme, SchemeUnavailable};
#[cfg(feature = "sr25519")]
use super::sr25519;
use super::{ed25519, hex};

/// A public key of a known scheme.
///
/// Making one decompresses a curve point, which costs about as much as a fifth of a verification: whoever verifies
/// often with the same key keeps it. Keys are compared, ordered and hashed by scheme and bytes.
///
/// ```
/// use facilitator_core::signature::{Keypair, Scheme};
///
/// let alice = Keypair::from_uri(Scheme::Ed25519, "//Alice")?;
/// let signature = alice.sign(b"hello");
/// assert!(alice.public().verify(b"hello", &signature).is_ok());
/// assert!(alice.public().verify(b"goodbye", &signature).is_err());
/// # Ok::<(), facilitator_core::signature::KeyError>(())
/// ```
#[derive(Clone, Copy)]
pub struct PublicKey(Inner);

#[derive(Clone, Copy)]
enum Inner {
    #[cfg(feature = "sr25519")]
    Sr25519(sr25519::PublicKey),
    Ed25519(ed25519::PublicKey),
}

impl PublicKey {
    /// The key that these bytes are in this scheme.
    ///
    /// # Errors
    /// [`PublicKeyError`], when the bytes are no point of the scheme's curve, or the build lacks the scheme.
    pub fn from_bytes(scheme: Scheme, bytes: &[u8; 32]) -> Result<Self, PublicKeyError> {
        let inner = match scheme {
            #[cfg(feature = "sr25519")]
            Scheme::Sr25519 => sr25519::public_key(bytes).map(Inner::Sr25519),
            #[cfg(not(feature = "sr25519"))]
            Scheme::Sr25519 => return Err(SchemeUnavailable { scheme }.into()),
            Scheme::Ed25519 => ed25519::public_key(bytes).map(Inner::Ed25519),
        };
        inner.map(Self).ok_or(PublicKeyError::NotAKey { scheme })
    }

    #[cfg(feature = "sr25519")]
    pub(super) fn of_sr25519(pair: &sr25519::Keypair) -> Self {
        Self(Inner::Sr25519(pair.public))
    }

    pub(super) fn of_ed25519(pair: &ed25519::Keypair) -> Self {
        Self(Inner::Ed25519(pair.verifying_key()))
    }

    /// The key's scheme.
    pub fn scheme(&self) -> Scheme {
        match self.0 {
            #[cfg(feature = "sr25519")]
            Inner::Sr25519(_) => Scheme::Sr25519,
            Inner::Ed25519(_) => Scheme::Ed25519,
        }
    }

    /// The key's 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        match &self.0 {
            #[cfg(feature = "sr25519")]
            Inner::Sr25519(key) => key.to_bytes(),
            Inner::Ed25519(key) => key.to_bytes(),
        }
    }

    /// Lower-case hexadecimal text without prefix, as an authentication frame carries it.
    pub fn to_hex(&self) -> String {
        hex::encode(&self.to_bytes())
    }

    /// The account that the key controls.
    pub fn account(&self) -> AccountId {
        AccountId::from_bytes(self.to_bytes())
    }

    /// The account's address, with Bittensor's prefix.
    pub fn to_ss58(&self) -> String {
        self.account().to_ss58()
    }

    /// Checks a signature over `message`.
    ///
    /// An sr25519 key also takes a signature over `<Bytes>`, the message and `</Bytes>`, as the reference's wallet
    /// library does. ed25519 is verified strictly, and only over the message itself.
    ///
    /// # Errors
    /// [`SignatureMismatch`], when the signature is not this key's over these bytes.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureMismatch> {
        match &self.0 {
            #[cfg(feature = "sr25519")]
            Inner::Sr25519(key) => sr25519::verify(key, message, signature),
            Inner::Ed25519(key) => ed25519::verify(key, message, signature),
        }
    }

    fn ordering_key(&self) -> (Scheme, [u8; 32]) {
        (self.scheme(), self.to_bytes())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.ordering_key() == other.ordering_key()
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ordering_key().cmp(&other.ordering_key())
    }
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.ordering_key().hash(state);
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, {})", self.scheme(), self.to_ss58())
    }
}

/// Why 32 bytes are no usable public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// The bytes are no point of the curve (of all 32-byte values, most are not).
    #[error("these 32 bytes are no {scheme} public key: was the key made for the other scheme?")]
    NotAKey {
        /// The scheme that was asked for.
        scheme: Scheme,
    },
    /// The build lacks the scheme.
    #[error(transparent)]
    SchemeUnavailable(#[from] SchemeUnavailable),
}
