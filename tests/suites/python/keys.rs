//! Whether the scripts can tell good keys and signatures from bad ones. If they could not, no other test here would say
//! anything about authentication.

use facilitator_core::signature::{Keypair, Scheme};
use facilitator_tests::built;
use facilitator_tests::child::Child;
use serde_json::{Value, json};

use crate::environment::{self, script};

/// RFC 8032, section 7.1, test 3.
const RFC_KEY: &str = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
const RFC_SIGNATURE: &str = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";

#[test]
fn the_scripts_tell_good_signatures_from_bad_ones() {
    if !environment::is_there() {
        return;
    }
    let mut cases = vec![
        (
            RFC_KEY.to_owned(),
            RFC_SIGNATURE.to_owned(),
            "af82".to_owned(),
            true,
        ),
        (
            RFC_KEY.to_owned(),
            RFC_SIGNATURE.to_owned(),
            "af83".to_owned(),
            false,
        ),
    ];
    let alice = Keypair::from_uri(Scheme::Sr25519, "//Alice").unwrap();
    for scheme in [Scheme::Ed25519, Scheme::Sr25519] {
        let keypair = Keypair::from_seed(scheme, [7; 32]).unwrap();
        let key = keypair.public().to_hex();
        let signature = hex(keypair.sign(b"message").as_bytes());
        let message = hex(b"message");
        let mut flip = |place: usize| {
            let mut other = signature.clone().into_bytes();
            other[place] ^= 1;
            let other = String::from_utf8(other).unwrap();
            cases.push((key.clone(), other, message.clone(), false));
        };
        flip(1);
        flip(70);
        cases.push((key.clone(), signature.clone(), message.clone(), true));
        cases.push((key, signature.clone(), hex(b"massage"), false));
        cases.push((alice.public().to_hex(), signature, message, false));
    }
    let mut child = Child::start(script("keys.py").arg(built::program("facilitator-client")));
    for (key, signature, message, _) in &cases {
        child.write(format!("{}\n", json!([key, signature, message])).as_bytes());
    }
    for case in &cases {
        let line: Value = serde_json::from_str(child.line().unwrap()).unwrap();
        assert_eq!(line["valid"], case.3, "{case:?}");
    }
    child.write(format!("{}\n", json!([alice.public().to_hex(), RFC_SIGNATURE, ""])).as_bytes());
    let line: Value = serde_json::from_str(child.line().unwrap()).unwrap();
    // As the wallet tools know her.
    assert_eq!(
        line["ss58"],
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
    );
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}
