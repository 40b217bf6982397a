//! `auth_signatures.jsonl`: keys, addresses and authentication frames, as the wallet library made and judged them.

use facilitator_core::message::{DecodeMode, V0AuthenticationRequest};
use facilitator_core::signature::{
    AccountId, AuthenticationError, Keypair, PublicKey, Scheme, Signature, authentication_request,
    claimed_account, ss58, verify_authentication,
};
use facilitator_tests::python::Node;
use facilitator_tests::vectors::{self, Tally};

const FILE: &str = "auth_signatures.jsonl";

struct Vector {
    name: String,
    /// What distinguishes this frame from the others of its key: the name's last part.
    class: String,
    /// The key that the name tells.
    keypair: Keypair,
    frame: V0AuthenticationRequest,
    line: Node,
}

impl Vector {
    fn all() -> Vec<Self> {
        vectors::nodes(FILE).into_iter().map(Self::read).collect()
    }

    /// Names read `scheme/key/class`, the key being a secret URI, `seed:` or `mnemonic:`.
    fn read(line: Node) -> Self {
        let name = line.get("name").as_text().unwrap().to_owned();
        let (scheme, rest) = name.split_once('/').unwrap();
        let (key, class) = rest.rsplit_once('/').unwrap();
        assert_eq!(line.get("crypto").as_text(), Some(scheme), "{name}");
        let scheme: Scheme = scheme.parse().unwrap();
        let keypair = if let Some(seed) = key.strip_prefix("seed:") {
            Keypair::from_uri(scheme, &format!("0x{seed}"))
        } else if let Some(phrase) = key.strip_prefix("mnemonic:") {
            Keypair::from_phrase(scheme, phrase, "")
        } else {
            Keypair::from_uri(scheme, key)
        };
        let frame = line.get("auth_json").as_text().unwrap();
        let frame = V0AuthenticationRequest::decode(frame, DecodeMode::Strict)
            .unwrap()
            .message;
        let class = class.to_owned();
        Self {
            name,
            class,
            keypair: keypair.unwrap(),
            frame,
            line,
        }
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.line.get(field).as_text()
    }

    /// Whether the frame's key is the named one, its spelling aside.
    fn has_its_own_key(&self) -> bool {
        let text = self.frame.public_key.to_lowercase();
        text.trim_start_matches("0x") == self.keypair.public().to_hex()
    }

    fn signature(&self) -> Option<Signature> {
        let digits = self.frame.signature.strip_prefix("0x")?;
        let pairs = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).ok());
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| u8::from_str_radix(pair?, 16).ok())
            .collect();
        Signature::from_slice(&bytes?).ok()
    }
}

#[test]
fn every_line() {
    let mut tally = Tally::default();
    for vector in Vector::all() {
        let name = &vector.name;
        assert_eq!(
            Some(vector.frame.public_key.as_str()),
            vector.text("public_key"),
            "{name}"
        );

        // The address of the claimed key, or the wallet library's complaint.
        let address = vector.text("ss58_address").unwrap();
        match claimed_account(&vector.frame) {
            Ok(account) => {
                assert_eq!(account.to_ss58(), address, "{name}");
                assert_eq!(AccountId::from_ss58(address), Ok(account), "{name}");
                assert_eq!(
                    ss58::decode(address).map(|address| address.prefix),
                    Ok(42),
                    "{name}"
                );
            }
            Err(error) => {
                assert!(address.starts_with("ValueError"), "{name}: {error}");
                assert!(error.is_poison(), "{name}: {error}");
            }
        }

        let verdict = verify_authentication(&vector.frame);
        match vector.line.get("facilitator_verify") {
            Node::Bool(true) => {
                assert_eq!(
                    verdict.map(|key| key.to_ss58()).as_deref(),
                    Ok(address),
                    "{name}"
                );
                tally.count("accepted");
            }
            Node::Bool(false) => {
                assert_eq!(
                    verdict,
                    Err(AuthenticationError::InvalidSignature),
                    "{name}"
                );
                tally.count("signature invalid");
            }
            Node::Text(complaint) => {
                let error = verdict.unwrap_err();
                assert!(error.is_poison(), "{name}: {error} ({complaint})");
                tally.count(format!("poison: {error}"));
            }
            other => panic!("{name}: {other:?}"),
        }

        // The key's own scheme.
        if let Node::Bool(own) = vector.line.get("own_verify") {
            let key = vector.keypair.public();
            assert_eq!(
                vector.text("own_ss58"),
                Some(key.to_ss58().as_str()),
                "{name}"
            );
            let read = PublicKey::from_bytes(key.scheme(), &key.to_bytes()).unwrap();
            let verdict = read.verify(&key.to_bytes(), &vector.signature().unwrap());
            assert_eq!(verdict.is_ok(), *own, "{name}");
            assert!(vector.has_its_own_key(), "{name}");
        }
    }
    println!("{FILE}:\n{tally}");
    if vectors::are_our_own() {
        assert_eq!(tally.total(), 91);
    }
}

/// What we sign is what the wallet library signs: the same bytes in ed25519, which is deterministic everywhere.
#[test]
fn our_own_frames() {
    let mut tally = Tally::default();
    for vector in Vector::all() {
        let Vector {
            name,
            class,
            keypair,
            frame,
            ..
        } = &vector;
        let ours = authentication_request(keypair);
        let wrapped = [b"<Bytes>", &keypair.public().to_bytes()[..], b"</Bytes>"].concat();
        match (class.as_str(), keypair.scheme()) {
            ("raw" | "second_signature", Scheme::Ed25519) => assert_eq!(&ours, frame, "{name}"),
            ("bytes_wrapped", Scheme::Ed25519) => {
                assert_eq!(Some(keypair.sign(&wrapped)), vector.signature(), "{name}");
            }
            ("raw" | "second_signature" | "bytes_wrapped", Scheme::Sr25519) => {
                assert_eq!(
                    verify_authentication(&ours).as_ref(),
                    Ok(keypair.public()),
                    "{name}"
                );
                assert_eq!(ours.public_key, frame.public_key, "{name}");
            }
            _ => continue,
        }
        tally.count(format!("{}, {class}", keypair.scheme()));
    }
    println!("{FILE}, signed again:\n{tally}");
    assert!(tally.total() > 0 || !vectors::are_our_own());
}

/// Every frame that is accepted stops being so with one bit of any byte of its signature changed.
#[test]
fn one_bit_is_enough() {
    let mut accepted = 0;
    for vector in Vector::all() {
        let Ok(key) = verify_authentication(&vector.frame) else {
            continue;
        };
        accepted += 1;
        let signature = vector.signature().unwrap().to_bytes();
        for bit in (0..signature.len()).map(|byte| byte * 8 + byte % 8) {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = Signature::from_bytes(changed);
            assert!(
                key.verify(&key.to_bytes(), &changed).is_err(),
                "{}, bit {bit}",
                vector.name
            );
        }
    }
    assert!(accepted > 0 || !vectors::are_our_own());
}
