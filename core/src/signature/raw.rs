//! A signature as 64 bytes, before anybody asks whether it is valid.

use core::fmt;

use super::scheme::Scheme;

/// A detached signature of either scheme.
///
/// `Debug` does not show the bytes: the signature in an authentication frame can be replayed, so it is a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; Self::LENGTH]);

impl Signature {
    /// Bytes in a signature, in both schemes.
    pub const LENGTH: usize = 64;

    /// Takes any 64 bytes; only verifying tells whether they are a signature of anything.
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Takes a slice, as base64 or hexadecimal text yields one.
    ///
    /// # Errors
    /// [`SignatureLength`], when there are not 64 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, SignatureLength> {
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| SignatureLength { found: bytes.len() })
    }

    /// The bytes.
    pub const fn to_bytes(&self) -> [u8; Self::LENGTH] {
        self.0
    }

    /// The bytes, borrowed.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The only scheme in which these bytes can be valid.
    ///
    /// schnorrkel marks its signatures with the highest bit. A strict ed25519 verifier wants a fully reduced scalar
    /// there, which leaves that bit clear. So no 64 bytes are valid in both schemes, and none needs two attempts.
    pub const fn scheme(&self) -> Scheme {
        if self.0[Self::LENGTH - 1] & 0x80 == 0 {
            Scheme::Ed25519
        } else {
            Scheme::Sr25519
        }
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// The bytes are too many or too few for a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signature has 64 bytes, not {found}")]
pub struct SignatureLength {
    /// How many bytes were found.
    pub found: usize,
}

/// The signature does not belong to this key and these bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match the public key and the signed bytes")]
pub struct SignatureMismatch;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn debug_hides_the_bytes() {
        assert_eq!(
            format!("{:?}", Signature::from_bytes([0xab; 64])),
            "Signature(..)"
        );
    }

    #[test]
    fn only_64_bytes_are_taken() {
        assert!(Signature::from_slice(&[0; 64]).is_ok());
        assert_eq!(
            Signature::from_slice(&[0; 63]),
            Err(SignatureLength { found: 63 })
        );
        assert_eq!(
            Signature::from_slice(&[]),
            Err(SignatureLength { found: 0 })
        );
    }
}
