//! The two signature schemes and their names. No keys here.

use core::fmt;
use core::str::FromStr;

/// A signature scheme of the account model that Bittensor shares with Substrate.
///
/// Both are always nameable. Using sr25519 needs the cargo feature `sr25519`; without it every
/// operation that would need the scheme answers with a typed error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Schnorr signatures over Ristretto (schnorrkel), signing context `substrate`: the scheme of
    /// Bittensor's hotkeys, and the only one that today's facilitator verifies.
    Sr25519,
    /// Ed25519 as RFC 8032 defines it, verified strictly.
    Ed25519,
}

impl Scheme {
    /// Whether this build can sign and verify with the scheme.
    pub const fn is_available(self) -> bool {
        match self {
            Self::Sr25519 => cfg!(feature = "sr25519"),
            Self::Ed25519 => true,
        }
    }

    /// The scheme's name, `sr25519` or `ed25519`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sr25519 => "sr25519",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The wallet library's number for a scheme: its `crypto_type` 1 is sr25519, 0 is ed25519.
    pub const fn from_crypto_type(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Ed25519),
            1 => Some(Self::Sr25519),
            _ => None,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        match name {
            "sr25519" => Ok(Self::Sr25519),
            "ed25519" => Ok(Self::Ed25519),
            _ => Err(UnknownScheme),
        }
    }
}

/// A text that names no scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is the name of no signature scheme: use `sr25519` or `ed25519`")]
pub struct UnknownScheme;

/// The scheme exists, but this build cannot use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{scheme} is not part of this build: enable the cargo feature `{scheme}` of facilitator-core"
)]
pub struct SchemeUnavailable {
    /// The scheme that was asked for.
    pub scheme: Scheme,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_are_read_back() {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            assert_eq!(scheme.to_string().parse(), Ok(scheme));
        }
        assert_eq!("SR25519".parse::<Scheme>(), Err(UnknownScheme));
        assert_eq!("".parse::<Scheme>(), Err(UnknownScheme));
    }

    #[test]
    fn availability_follows_the_feature() {
        assert!(Scheme::Ed25519.is_available());
        assert_eq!(Scheme::Sr25519.is_available(), cfg!(feature = "sr25519"));
    }
}
