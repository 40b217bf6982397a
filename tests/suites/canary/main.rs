//! What must never be said, and an application that logs whatever there is to log: every crate's `tracing` and every
//! crate's `log`, at the most verbose level, on every runtime, through everything that can go wrong.
//!
//! There is one thing that this project cannot keep silent: the WebSocket library writes whole frames that it reads to
//! `log` at the level trace, and close frames at debug, and a peer can repeat what it was told. The test shows that
//! nothing but that says a secret, that nothing does where these levels are switched off, and that the handle warns.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a suite fails by panicking, in its helpers too"
)]

mod ears;
mod nosy;
mod session;

use std::collections::BTreeMap;

use facilitator_async_std::async_std::AsyncStd;
use facilitator_async_std::smol::Smol;
use facilitator_core::signature::{Keypair, Scheme, authentication_request};
use facilitator_tokio::Tokio;
use log::Level;

use self::ears::Heard;
use self::session::{CREDENTIAL, QUERY, USER};

const PHRASE: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap();
    let pairs = bytes.as_ref().iter();
    pairs
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// As a debugger prints bytes.
fn list(bytes: &[u8]) -> String {
    format!("{bytes:?}").trim_matches(['[', ']']).to_owned()
}

/// The secret in the forms in which it could be said. A part of a secret is one too.
fn forms(secret: &str) -> Vec<String> {
    let part = secret.get(..secret.len().min(24)).unwrap();
    vec![part.to_owned(), hex(part), list(part.as_bytes())]
}

/// Every secret of this key's sessions, besides what an attempt signs for itself.
fn canaries(keypair: &Keypair) -> Vec<String> {
    let signature = authentication_request(keypair).signature;
    let mut canaries = [
        &signature[2..],
        &signature[60..],
        CREDENTIAL,
        QUERY,
        USER,
        PHRASE,
    ]
    .map(forms)
    .concat();
    if let Some(seed) = keypair.seed() {
        canaries.extend(forms(&hex(seed.as_slice())));
        canaries.push(list(&seed.as_slice()[..8]));
    }
    canaries
}

/// The canaries that are in this text.
fn found<'c>(text: &str, canaries: &'c [String]) -> Vec<&'c String> {
    let text = text.to_lowercase();
    let is_in = |canary: &&String| text.contains(&canary.to_lowercase());
    canaries.iter().filter(is_in).collect()
}

/// The lines of a text that hold one.
fn leaks<'t>(text: &'t str, canaries: &[String]) -> Vec<&'t str> {
    let lines = text.lines();
    lines
        .filter(|line| !found(line, canaries).is_empty())
        .collect()
}

/// Whether the WebSocket library says this, at the levels where it shows whole frames: all at trace, closes at debug.
fn is_frame_dump(heard: &Heard) -> bool {
    heard.level > Level::Info && heard.target.starts_with("tungstenite::")
}

/// One test: what is logged belongs to the whole process.
#[test]
fn no_secret_is_said_on_any_runtime_at_any_level() {
    ears::open();
    let keypairs = [
        Keypair::from_phrase(Scheme::Sr25519, PHRASE, "").unwrap(),
        Keypair::from_seed(Scheme::Ed25519, [0xab; 32]).unwrap(),
    ];
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut canaries: Vec<String> = keypairs.iter().flat_map(canaries).collect();
    let mut said = String::new();
    for keypair in &keypairs {
        for by_header in [false, true] {
            let session = session::Plan { keypair, by_header };
            let told = [
                tokio.block_on(session.run::<Tokio>()),
                smol::block_on(session.run::<Smol>()),
                async_std::task::block_on(session.run::<AsyncStd>()),
            ];
            for told in told {
                said += &told.said;
                canaries.extend(
                    told.signatures
                        .iter()
                        .flat_map(|signature| forms(&signature[2..])),
                );
            }
        }
    }
    assert!(
        canaries.len() > 40,
        "signatures of the handshake are among them"
    );
    let heard = ears::heard();

    // What the application can see and show.
    let leaks = leaks(&said, &canaries);
    assert!(
        leaks.is_empty(),
        "shown to the application:\n{}",
        leaks.join("\n")
    );
    for sign in [
        "AuthenticationRefused",
        "Refused(",
        "Unexpected",
        "Malformed",
        "401",
        "connect_failed",
    ] {
        assert!(said.contains(sign), "no {sign} in\n{said}");
    }
    // What is logged, but for the WebSocket library's dumps.
    let mut dumps = BTreeMap::new();
    for heard in &heard {
        if is_frame_dump(heard) {
            if !found(&heard.text, &canaries).is_empty() {
                *dumps
                    .entry((heard.level, heard.target.as_str()))
                    .or_insert(0) += 1;
            }
        } else {
            let found = found(&heard.text, &canaries);
            assert!(found.is_empty(), "{found:?} in {heard:?}");
        }
    }
    println!(
        "{} records; of the WebSocket library's, with a secret: {dumps:?}",
        heard.len()
    );
    // The ears are open: without this, the rest would show nothing.
    assert!(
        !dumps.is_empty(),
        "the library says no secrets any more: say so in the documentation"
    );
    let warned =
        |heard: &&Heard| heard.target.starts_with("facilitator_core") && heard.level == Level::Warn;
    let warnings: Vec<&Heard> = heard.iter().filter(warned).collect();
    assert!(
        warnings
            .iter()
            .any(|heard| heard.text.contains("tungstenite")),
        "{warnings:?}"
    );
}
