//! BIP-39 secret phrases, turned into a seed in Substrate's way. English words only, as the wallet tools make them.

use bip39::{Language, Mnemonic};
use sha2::Sha512;
use zeroize::{Zeroize as _, Zeroizing};

/// The rounds of PBKDF2 that BIP-39 prescribes.
const ROUNDS: u32 = 2048;

/// Why a text is no secret phrase. Never shows a word of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhraseError {
    /// The wrong number of words.
    #[error("a secret phrase has 12, 15, 18, 21 or 24 words, not {found}")]
    WordCount {
        /// How many words were found.
        found: usize,
    },
    /// A word that is not on the list.
    #[error(
        "word {position} of the secret phrase is not in BIP-39's English list (lower case only)"
    )]
    UnknownWord {
        /// Which word, counted from 1.
        position: usize,
    },
    /// The words are fine, but do not belong together.
    #[error(
        "the secret phrase's checksum is wrong: a word was mistaken for another, or their order is changed"
    )]
    Checksum,
}

/// The 32-byte seed of a phrase and an optional password (empty: none).
///
/// Substrate stretches the phrase's *entropy*, not its text as BIP-39 itself would, and keeps the first half of the
/// result.
pub(super) fn seed(phrase: &str, password: &str) -> Result<Zeroizing<[u8; 32]>, PhraseError> {
    let mnemonic =
        Mnemonic::parse_in_normalized(Language::English, phrase).map_err(|error| match error {
            bip39::Error::BadWordCount(found) => PhraseError::WordCount { found },
            bip39::Error::UnknownWord(index) => PhraseError::UnknownWord {
                position: index + 1,
            },
            _ => PhraseError::Checksum,
        })?;
    let (mut entropy, len) = mnemonic.to_entropy_array();
    let salt = Zeroizing::new([b"mnemonic", password.as_bytes()].concat());
    let mut stretched = Zeroizing::new([0; 64]);
    pbkdf2::pbkdf2_hmac::<Sha512>(
        entropy.get(..len).unwrap_or_default(),
        &salt,
        ROUNDS,
        stretched.as_mut_slice(),
    );
    entropy.zeroize();
    let mut seed = Zeroizing::new([0; 32]);
    seed.iter_mut()
        .zip(stretched.iter())
        .for_each(|(to, from)| *to = *from);
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::hex;

    #[track_caller]
    fn check(phrase: &str, password: &str, start_of_seed: &str) {
        let seed = seed(phrase, password).unwrap();
        assert_eq!(hex::encode(seed.as_slice()), start_of_seed);
    }

    /// Substrate's own test values (all with the password `Substrate`), first half of each.
    #[test]
    fn substrates_vectors() {
        check(
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
            "Substrate",
            "44e9d125f037ac1d51f0a7d3649689d422c2af8b1ec8e00d71db4d7bf6d127e3",
        );
        check(
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            "Substrate",
            "4313249608fe8ac10fd5886c92c4579007272cb77c21551ee5b8d60b78041685",
        );
        check(
            "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
            "Substrate",
            "047e89ef7739cbfe30da0ad32eb1720d8f62441dd4f139b981b8e2d0bd412ed4",
        );
    }

    #[test]
    fn mistakes_are_told_apart() {
        let twelve = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
        assert!(seed(twelve, "").is_ok());
        assert!(
            seed(
                "  bottom drive\tobey lake curtain smoke basket hold race lonely fit walk\n",
                ""
            )
            .is_ok()
        );
        assert_eq!(seed("", ""), Err(PhraseError::WordCount { found: 0 }));
        assert_eq!(
            seed(
                "bottom drive obey lake curtain smoke basket hold race lonely fit",
                ""
            ),
            Err(PhraseError::WordCount { found: 11 })
        );
        assert_eq!(
            seed(&twelve.replace("obey", "obeyed"), ""),
            Err(PhraseError::UnknownWord { position: 3 })
        );
        assert_eq!(
            seed(&twelve.replace("bottom", "Bottom"), ""),
            Err(PhraseError::UnknownWord { position: 1 })
        );
        assert_eq!(
            seed(&twelve.replace("drive obey", "obey drive"), ""),
            Err(PhraseError::Checksum)
        );
    }
}
