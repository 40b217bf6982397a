//! A secret key of either scheme and how one is made. Files are `hotkey`'s business, text forms `derivation`'s.

use core::fmt;

use zeroize::Zeroizing;

use super::account::AccountId;
use super::derivation::{self, Junction, PathError, SoftJunction};
use super::ed25519;
use super::hex::{self, HexError};
use super::phrase::{self, PhraseError};
use super::public_key::PublicKey;
use super::raw::Signature;
use super::scheme::{Scheme, SchemeUnavailable};
#[cfg(feature = "sr25519")]
use super::sr25519;

/// A key pair that can sign.
///
/// The secret is wiped when the pair is dropped, and `Debug` shows the public half only. Nothing here draws random
/// numbers: a new key is made from 32 random bytes that the caller brings, and signing is deterministic.
///
/// ```
/// use facilitator_core::signature::{Keypair, Scheme};
///
/// let seed = [7; 32]; // 32 bytes of the operating system's randomness
/// let keypair = Keypair::from_seed(Scheme::Ed25519, seed)?;
/// assert_eq!(keypair.sign(b"data"), keypair.sign(b"data"));
/// # Ok::<(), facilitator_core::signature::KeyError>(())
/// ```
#[derive(Clone)]
pub struct Keypair {
    secret: Secret,
    public: PublicKey,
}

#[derive(Clone)]
enum Secret {
    #[cfg(feature = "sr25519")]
    Sr25519 {
        pair: sr25519::Keypair,
        /// Softly derived keys, and those read from a whole secret key, have none.
        seed: Option<Zeroizing<[u8; 32]>>,
    },
    Ed25519(ed25519::Keypair),
}

impl Keypair {
    /// The key of a 32-byte seed (Substrate's mini secret).
    ///
    /// # Errors
    /// [`KeyError::SchemeUnavailable`], when the build lacks the scheme.
    pub fn from_seed(scheme: Scheme, seed: [u8; 32]) -> Result<Self, KeyError> {
        Self::from_wiped_seed(scheme, &Zeroizing::new(seed))
    }

    /// The same for a seed that its owner wipes: one copy less.
    pub(super) fn from_wiped_seed(
        scheme: Scheme,
        seed: &Zeroizing<[u8; 32]>,
    ) -> Result<Self, KeyError> {
        match scheme {
            #[cfg(feature = "sr25519")]
            Scheme::Sr25519 => {
                let pair = sr25519::from_seed(seed).ok_or(KeyError::NotAKey { scheme })?;
                Ok(Self::of_sr25519(pair, Some(seed.clone())))
            }
            #[cfg(not(feature = "sr25519"))]
            Scheme::Sr25519 => Err(SchemeUnavailable { scheme }.into()),
            Scheme::Ed25519 => Ok(Self::of_ed25519(ed25519::from_seed(seed))),
        }
    }

    /// The key of a BIP-39 phrase of English words and an optional password (empty: none), as Substrate's tools and
    /// Bittensor's wallet make it.
    ///
    /// # Errors
    /// [`KeyError::Phrase`] for a text that is no phrase, [`KeyError::SchemeUnavailable`] when the build lacks the
    /// scheme.
    pub fn from_phrase(scheme: Scheme, phrase: &str, password: &str) -> Result<Self, KeyError> {
        Self::from_wiped_seed(scheme, &phrase::seed(phrase, password)?)
    }

    /// The key of a secret URI: a phrase, or `0x` and a seed, then derivation steps (`//hard`, `/soft`), then
    /// `///password`. Without phrase or seed the steps start at Substrate's development phrase, so `//Alice` is the
    /// Alice that everybody knows.
    ///
    /// Differs from Substrate in one point: an empty URI is an error, not the development key.
    ///
    /// # Errors
    /// [`KeyError`] says which part is wrong; ed25519 has no soft steps.
    pub fn from_uri(scheme: Scheme, uri: &str) -> Result<Self, KeyError> {
        let uri = derivation::parse_uri(uri)?;
        let root = match uri.secret.strip_prefix("0x") {
            Some(digits) => Self::from_wiped_seed(scheme, &Zeroizing::new(hex::decode(digits)?))?,
            None => Self::from_phrase(scheme, uri.secret, uri.password)?,
        };
        uri.path
            .iter()
            .try_fold(root, |pair, junction| pair.step(junction))
    }

    /// The key at the end of a derivation path that starts here, such as `//validator/0`.
    ///
    /// # Errors
    /// [`KeyError::Path`], when the path is malformed, or has a soft step and the key is ed25519.
    pub fn derive(&self, path: &str) -> Result<Self, KeyError> {
        let path = derivation::parse_path(path)?;
        path.iter()
            .try_fold(self.clone(), |pair, junction| pair.step(junction))
    }

    /// The sr25519 key of a whole secret key: 32 bytes of scalar, 32 of nonce seed.
    #[cfg(feature = "sr25519")]
    pub(super) fn from_sr25519_secret_key(bytes: &[u8; 64]) -> Result<Self, KeyError> {
        let pair = sr25519::from_secret_key(bytes).ok_or(KeyError::NotAKey {
            scheme: Scheme::Sr25519,
        })?;
        Ok(Self::of_sr25519(pair, None))
    }

    #[cfg(not(feature = "sr25519"))]
    pub(super) fn from_sr25519_secret_key(_: &[u8; 64]) -> Result<Self, KeyError> {
        Err(SchemeUnavailable {
            scheme: Scheme::Sr25519,
        }
        .into())
    }

    #[cfg(feature = "sr25519")]
    fn of_sr25519(pair: sr25519::Keypair, seed: Option<Zeroizing<[u8; 32]>>) -> Self {
        let public = PublicKey::of_sr25519(&pair);
        Self {
            secret: Secret::Sr25519 { pair, seed },
            public,
        }
    }

    fn of_ed25519(pair: ed25519::Keypair) -> Self {
        let public = PublicKey::of_ed25519(&pair);
        Self {
            secret: Secret::Ed25519(pair),
            public,
        }
    }

    fn step(&self, junction: &Junction) -> Result<Self, KeyError> {
        match &self.secret {
            #[cfg(feature = "sr25519")]
            Secret::Sr25519 { pair, .. } => {
                let (pair, seed) = sr25519::derive(pair, junction).ok_or(KeyError::NotAKey {
                    scheme: Scheme::Sr25519,
                })?;
                Ok(Self::of_sr25519(pair, seed))
            }
            Secret::Ed25519(pair) => {
                let seed = ed25519::derive(pair.as_bytes(), junction)
                    .map_err(|SoftJunction| PathError::SoftEd25519)?;
                Ok(Self::of_ed25519(ed25519::from_seed(&seed)))
            }
        }
    }

    /// The key's scheme.
    pub fn scheme(&self) -> Scheme {
        self.public.scheme()
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The account that the key controls.
    pub fn account(&self) -> AccountId {
        self.public.account()
    }

    /// The 32-byte seed that makes this key again, where there is one: sr25519 keys at the end of a soft step have none,
    /// nor have those read from a hotkey file's `privateKey`. This is the secret itself: handle it as such.
    pub fn seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        match &self.secret {
            #[cfg(feature = "sr25519")]
            Secret::Sr25519 { seed, .. } => seed.clone(),
            Secret::Ed25519(pair) => Some(Zeroizing::new(pair.to_bytes())),
        }
    }

    /// The whole secret key of an sr25519 pair, which exists with or without a seed.
    pub(super) fn sr25519_secret_key(&self) -> Option<Zeroizing<[u8; 64]>> {
        match &self.secret {
            #[cfg(feature = "sr25519")]
            Secret::Sr25519 { pair, .. } => Some(sr25519::secret_key(pair)),
            Secret::Ed25519(_) => None,
        }
    }

    /// Signs `message`. The same key and message always give the same signature.
    pub fn sign(&self, message: &[u8]) -> Signature {
        match &self.secret {
            #[cfg(feature = "sr25519")]
            Secret::Sr25519 { pair, .. } => sr25519::sign(pair, message),
            Secret::Ed25519(pair) => ed25519::sign(pair, message),
        }
    }
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keypair")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// Why no key could be made. Never shows any of the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The build lacks the scheme.
    #[error(transparent)]
    SchemeUnavailable(#[from] SchemeUnavailable),
    /// The secret phrase is none.
    #[error(transparent)]
    Phrase(#[from] PhraseError),
    /// The derivation path, or the secret URI as a whole, cannot be followed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The seed in a secret URI is not `0x` and 64 hexadecimal digits.
    #[error("the seed after `0x`: {0}")]
    Seed(#[from] HexError),
    /// The bytes are no secret key of the scheme.
    #[error("these bytes are no {scheme} secret key")]
    NotAKey {
        /// The scheme that was asked for.
        scheme: Scheme,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::raw::SignatureMismatch;
    use alloc::format;
    use alloc::string::ToString;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap()
    }

    /// RFC 8032, section 7.1, tests 1 to 3: seed, public key, message, signature.
    #[test]
    fn ed25519_is_rfc_8032s() {
        let cases: [(&str, &str, &[u8], &str); 3] = [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                b"",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                &[0x72],
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                &[0xaf, 0x82],
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ];
        for (seed, public, message, signature) in cases {
            let pair = Keypair::from_seed(Scheme::Ed25519, bytes(seed)).unwrap();
            assert_eq!(pair.public().to_hex(), public);
            assert_eq!(pair.sign(message).to_bytes(), bytes(signature));
            assert_eq!(
                pair.public()
                    .verify(message, &Signature::from_bytes(bytes(signature))),
                Ok(())
            );
            assert_eq!(pair.seed().map(|seed| *seed), Some(bytes(seed)));
        }
    }

    /// Malleable and degenerate signatures that lax verifiers take.
    #[test]
    fn ed25519_is_strict() {
        let pair = Keypair::from_uri(Scheme::Ed25519, "//Alice").unwrap();
        let good = pair.sign(b"message").to_bytes();
        assert_eq!(
            pair.public()
                .verify(b"message", &Signature::from_bytes(good)),
            Ok(())
        );
        // s + l, little-endian, l being the group's order: the same residue, another text.
        let order: [u8; 32] =
            bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut altered = good;
        let mut carry = 0_u16;
        for (byte, add) in altered[32..].iter_mut().zip(order) {
            let [sum, over] = (carry + u16::from(*byte) + u16::from(add)).to_le_bytes();
            (*byte, carry) = (sum, over.into());
        }
        assert_eq!(
            pair.public()
                .verify(b"message", &Signature::from_bytes(altered)),
            Err(SignatureMismatch)
        );
        // The neutral element as key and as nonce, a zero scalar: without strictness valid for every message.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let key = PublicKey::from_bytes(Scheme::Ed25519, &neutral).unwrap();
        let mut forged = [0; 64];
        forged[0] = 1;
        assert_eq!(
            key.verify(b"any", &Signature::from_bytes(forged)),
            Err(SignatureMismatch)
        );
    }

    #[test]
    fn ed25519_does_not_take_wrapped_messages() {
        let pair = Keypair::from_uri(Scheme::Ed25519, "//Alice").unwrap();
        let signature = pair.sign(b"<Bytes>message</Bytes>");
        assert_eq!(
            pair.public().verify(b"message", &signature),
            Err(SignatureMismatch)
        );
    }

    #[test]
    fn well_known_accounts() {
        // As `subkey inspect` and the wallet library print them.
        let known: &[(Scheme, &str, &str)] = &[
            (
                Scheme::Ed25519,
                "//Alice",
                "5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu",
            ),
            (
                Scheme::Ed25519,
                "//Bob",
                "5GoNkf6WdbxCFnPdAnYYQyCjAKPJgLNxXwPjwTh6DGg6gN3E",
            ),
            #[cfg(feature = "sr25519")]
            (
                Scheme::Sr25519,
                "//Alice",
                "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
            ),
            #[cfg(feature = "sr25519")]
            (
                Scheme::Sr25519,
                "//Alice//stash",
                "5GNJqTPyNqANBkUVMN1LPPrxXnFouWXoe2wNSmmEoLctxiZY",
            ),
            #[cfg(feature = "sr25519")]
            (
                Scheme::Sr25519,
                "//Bob//stash",
                "5HpG9w8EBLe5XCrbczpwq5TSXvedjrBGCwqxK1iQ7qUsSWFc",
            ),
        ];
        for (scheme, uri, address) in known {
            let pair = Keypair::from_uri(*scheme, uri).unwrap();
            assert_eq!(pair.public().to_ss58(), *address, "{scheme} {uri}");
        }
    }

    #[test]
    fn uris_compose() {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            if !scheme.is_available() {
                continue;
            }
            let alice = Keypair::from_uri(scheme, "//Alice").unwrap();
            let seed = hex::encode(alice.seed().unwrap().as_slice());
            let from_seed = Keypair::from_uri(scheme, &format!("0x{seed}//1")).unwrap();
            assert_eq!(
                from_seed.public(),
                Keypair::from_uri(scheme, "//Alice//1").unwrap().public()
            );
            assert_eq!(from_seed.public(), alice.derive("//1").unwrap().public());
            assert_eq!(alice.derive("").unwrap().public(), alice.public());

            let dev = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
            let with_password = Keypair::from_uri(scheme, &format!("{dev}//x///secret")).unwrap();
            assert_eq!(
                with_password.public(),
                Keypair::from_phrase(scheme, dev, "secret")
                    .unwrap()
                    .derive("//x")
                    .unwrap()
                    .public()
            );
            assert_ne!(
                with_password.public(),
                Keypair::from_uri(scheme, &format!("{dev}//x"))
                    .unwrap()
                    .public()
            );
        }
    }

    #[test]
    fn mistakes_are_told_apart() {
        let error = |uri| Keypair::from_uri(Scheme::Ed25519, uri).unwrap_err();
        assert_eq!(error(""), KeyError::Path(PathError::Empty));
        assert_eq!(error("//"), KeyError::Path(PathError::Syntax));
        assert_eq!(
            error("//Alice/soft"),
            KeyError::Path(PathError::SoftEd25519)
        );
        assert_eq!(
            error("0x12"),
            KeyError::Seed(HexError::Length {
                found: 2,
                expected: 64
            })
        );
        assert_eq!(
            error("one two"),
            KeyError::Phrase(PhraseError::WordCount { found: 2 })
        );
    }

    #[test]
    fn debug_and_errors_hide_the_secret() {
        let pair = Keypair::from_seed(Scheme::Ed25519, [0xab; 32]).unwrap();
        let shown = format!("{pair:?}");
        assert!(shown.contains(&pair.public().to_ss58()), "{shown}");
        assert!(!shown.contains("abab") && !shown.contains("171"), "{shown}");
        let error = Keypair::from_uri(Scheme::Ed25519, "hunter2 hunter2").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"));
        let error = Keypair::from_uri(Scheme::Ed25519, "0xdeadbeefx")
            .unwrap_err()
            .to_string();
        assert!(!error.contains("dead"), "{error}");
    }

    #[cfg(not(feature = "sr25519"))]
    #[test]
    fn sr25519_is_nameable_but_unavailable() {
        let unavailable = SchemeUnavailable {
            scheme: Scheme::Sr25519,
        };
        let error = Keypair::from_uri(Scheme::Sr25519, "//Alice").unwrap_err();
        assert_eq!(error, KeyError::SchemeUnavailable(unavailable));
        assert!(
            error.to_string().contains("cargo feature `sr25519`"),
            "{error}"
        );
        assert_eq!(
            PublicKey::from_bytes(Scheme::Sr25519, &[0; 32]).unwrap_err(),
            unavailable.into()
        );
    }

    #[cfg(feature = "sr25519")]
    mod with_sr25519 {
        use super::*;

        fn alice() -> Keypair {
            Keypair::from_uri(Scheme::Sr25519, "//Alice").unwrap()
        }

        #[test]
        fn signing_is_deterministic_and_nonces_differ() {
            let [one, again, other] =
                [b"one", b"one", b"two"].map(|data| alice().sign(data).to_bytes());
            assert_eq!(one, again);
            // The first half is the nonce's point: a repeated one would give the key away.
            assert_ne!(one[..32], other[..32]);
            let bob = Keypair::from_uri(Scheme::Sr25519, "//Bob").unwrap();
            assert_ne!(one[..32], bob.sign(b"one").to_bytes()[..32]);
        }

        #[test]
        fn wrapped_messages_are_taken() {
            let signature = alice().sign(b"<Bytes>message</Bytes>");
            assert_eq!(alice().public().verify(b"message", &signature), Ok(()));
            assert_eq!(
                alice()
                    .public()
                    .verify(b"<Bytes>message</Bytes>", &signature),
                Ok(())
            );
            // Only that way round, and only whole.
            let signature = alice().sign(b"message");
            assert_eq!(
                alice()
                    .public()
                    .verify(b"<Bytes>message</Bytes>", &signature),
                Err(SignatureMismatch)
            );
            let signature = alice().sign(b"<Bytes>message");
            assert_eq!(
                alice().public().verify(b"message", &signature),
                Err(SignatureMismatch)
            );
        }

        #[test]
        fn the_marker_tells_the_schemes_apart() {
            let ed25519 = Keypair::from_uri(Scheme::Ed25519, "//Alice").unwrap();
            for n in 0..64_u8 {
                assert_eq!(alice().sign(&[n]).scheme(), Scheme::Sr25519);
                assert_eq!(ed25519.sign(&[n]).scheme(), Scheme::Ed25519);
            }
            let mut unmarked = alice().sign(b"message").to_bytes();
            unmarked[63] &= 0x7f;
            assert_eq!(
                alice()
                    .public()
                    .verify(b"message", &Signature::from_bytes(unmarked)),
                Err(SignatureMismatch)
            );
        }

        /// Substrate's own test of soft derivation: the public half can take the same step.
        #[test]
        fn soft_steps_are_substrates() {
            let pair = Keypair::from_seed(
                Scheme::Sr25519,
                bytes("fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e"),
            )
            .unwrap();
            let soft = pair.derive("/Alice").unwrap();
            assert_eq!(
                soft.public().to_hex(),
                "d6c71059dbbe9ad2b0ed3f289738b800836eb425544ce694825285b958ca755e"
            );
            assert!(soft.seed().is_none());
            let signature = soft.sign(b"message");
            assert_eq!(soft.public().verify(b"message", &signature), Ok(()));
            assert_eq!(signature, pair.derive("/Alice").unwrap().sign(b"message"));
            let hard_again = soft.derive("//x").unwrap();
            let seed = *hard_again.seed().unwrap();
            assert_eq!(
                Keypair::from_seed(Scheme::Sr25519, seed).unwrap().public(),
                hard_again.public()
            );
        }
    }
}
