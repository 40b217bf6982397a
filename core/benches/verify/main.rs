//! Verifying a signed job request, against the bare signature check over a digest that is ready.
//!
//! What verifying adds is the address of the signatory, the payload (escaped twice) and its hash.
//!
//! ```text
//! cargo bench -p facilitator-core --bench verify            1000 rounds a line
//! cargo bench -p facilitator-core --bench verify -- 5000    more, for a busy machine
//! ```
//!
//! What three runs on a shared machine gave, as the range of the medians: 1.08 to 1.09 with a key that was kept, 1.06
//! to 1.09 with a new one. The bar is 1.15. It is not for messages that carry megabytes: those take as long as their
//! hash does.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark stops where its own data are wrong, and prints what it finds"
)]

mod bare;
#[path = "../samples/mod.rs"]
mod samples;
#[path = "../versus/mod.rs"]
mod versus;

use std::hint::black_box;

use bare::Bare;
use facilitator_core::message::V2JobRequest;
use facilitator_core::signature::{self, Claim, Keypair, PublicKey, Scheme, SignedMessage};
use versus::Effort;

const TIMESTAMP: u64 = 1_795_432_324_334_542_202;

fn main() {
    let effort = Effort::of_arguments();
    for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
        let keypair = Keypair::from_uri(scheme, "//Alice").expect("a key");
        let mut request = samples::job_request();
        signature::sign_job_request(&mut request, &keypair, TIMESTAMP);
        let size = samples::pushed(&request).len();
        versus::heading(&format!("{scheme}, {size} B"), "bare check");
        against(effort, &request, keypair.public());
    }
}

fn against(effort: Effort, request: &V2JobRequest, key: &PublicKey) {
    const BAR: Option<f64> = Some(1.15);
    let account = key.to_bytes();
    let info = request.signature.as_ref().expect("it is signed");
    let signature: [u8; 64] = *info.signature.first_chunk().expect("64 bytes");
    let digest = SignedMessage::from(request).digest(TIMESTAMP);
    let bare = Bare::new(key.scheme(), &account, &signature);

    effort.compare(
        "with a key that was kept",
        BAR,
        || Claim::of(black_box(request)).and_then(|claim| claim.verify_with(key)),
        || bare.check(black_box(&digest)),
    );
    // Here both sides have to make a point of the key's 32 bytes.
    effort.compare(
        "with a key that is new",
        BAR,
        || signature::verify_job_request(black_box(request)),
        || Bare::new(key.scheme(), black_box(&account), &signature).check(&digest),
    );
    effort.compare(
        "only what is added: address, payload, hash",
        None,
        || {
            let claim = Claim::of(black_box(request)).expect("it can be read");
            SignedMessage::from(request).digest(claim.timestamp_ns())
        },
        || bare.check(black_box(&digest)),
    );
}
