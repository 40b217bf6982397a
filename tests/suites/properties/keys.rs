//! Keys, addresses and signatures of random seeds and messages.

use facilitator_core::signature::{
    AccountId, Keypair, PublicKey, Scheme, Signature, SignatureMismatch, hotkey, ss58,
};
use proptest::prelude::*;

fn schemes() -> impl Strategy<Value = Scheme> {
    prop_oneof![Just(Scheme::Sr25519), Just(Scheme::Ed25519)]
}

fn keypairs() -> impl Strategy<Value = Keypair> {
    (schemes(), any::<[u8; 32]>())
        .prop_map(|(scheme, seed)| Keypair::from_seed(scheme, seed).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_signed_verifies_and_nothing_else(
        pair in keypairs(),
        other in keypairs(),
        message in prop::collection::vec(any::<u8>(), 0..200),
        bit in 0_usize..512,
        place in any::<prop::sample::Index>(),
    ) {
        let signature = pair.sign(&message);
        prop_assert_eq!(signature.scheme(), pair.scheme());
        prop_assert_eq!(signature, pair.clone().sign(&message));
        let key = PublicKey::from_bytes(pair.scheme(), &pair.public().to_bytes()).unwrap();
        prop_assert_eq!(key.verify(&message, &signature), Ok(()));

        let mut changed = signature.to_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(key.verify(&message, &Signature::from_bytes(changed)), Err(SignatureMismatch));
        let mut longer = message.clone();
        longer.insert(place.index(message.len() + 1), 0);
        prop_assert_eq!(key.verify(&longer, &signature), Err(SignatureMismatch));
        prop_assert_eq!(other.public().verify(&message, &signature), Err(SignatureMismatch));
    }

    #[test]
    fn verifying_anything_never_panics(key in any::<[u8; 32]>(), signature in any::<[u8; 64]>()) {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            if let Ok(key) = PublicKey::from_bytes(scheme, &key) {
                prop_assert!(key.verify(b"message", &Signature::from_bytes(signature)).is_err());
            }
        }
    }

    #[test]
    fn hotkey_files_are_read_back(pair in keypairs(), path in "(//[a-z0-9]{1,40}){0,3}") {
        let pair = pair.derive(&path).unwrap();
        let read = hotkey::parse(hotkey::to_json(&pair).as_str()).unwrap();
        prop_assert_eq!(read.public(), pair.public());
        prop_assert_eq!(read.seed(), pair.seed());
    }

    #[test]
    fn secret_texts_never_panic(text in "\\PC{0,80}", path in "[/a-z0-9]{0,20}") {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            let _ = Keypair::from_uri(scheme, &text);
            let _ = Keypair::from_uri(scheme, &path);
        }
        let _ = hotkey::parse(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn addresses_are_read_back(bytes in any::<[u8; 32]>()) {
        let address = ss58::encode(&bytes);
        prop_assert!((46..=48).contains(&address.len()), "{address}");
        let read = ss58::decode(&address).unwrap();
        prop_assert_eq!((read.prefix, read.account), (42, bytes));
        prop_assert_eq!(address.parse::<AccountId>().map(AccountId::to_bytes), Ok(bytes));
    }

    /// The checksum has 16 bits: of all damaged addresses, one in 65,536 may pass, and none as the same account
    /// unless nothing but the prefix changed.
    #[test]
    fn damaged_addresses_are_noticed(
        bytes in any::<[u8; 32]>(),
        place in any::<prop::sample::Index>(),
        with in "[1-9A-HJ-NP-Za-km-z]",
        kind in 0..4,
    ) {
        let address = ss58::encode(&bytes);
        let place = place.index(address.len());
        let (before, from) = address.split_at(place);
        let behind = &from[1..];
        let damaged = match kind {
            0 => format!("{before}{with}{behind}"),
            1 => format!("{before}{behind}"),
            2 => format!("{before}{with}{from}"),
            _ => address.chars().rev().collect(),
        };
        if damaged != address && let Ok(read) = ss58::decode(&damaged) {
            prop_assert_ne!(read.account, bytes);
        }
    }

    #[test]
    fn addresses_never_panic(text in "\\PC{0,60}", digits in "[1-9A-HJ-NP-Za-km-z]{0,60}") {
        prop_assert!(ss58::decode(&text).is_err());
        let _ = ss58::decode(&digits);
    }
}
