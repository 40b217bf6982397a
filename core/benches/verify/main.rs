//! Verifying a signed job request, by scheme: time and allocations.
//!
//! ```text
//! cargo bench -p facilitator-core --bench verify
//! ```
//!
//! How much of it is not the bare check of the signature is told by the program `compare` of `facilitator-tests`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark stops where its own data are wrong"
)]

#[path = "../samples/mod.rs"]
mod samples;

use std::hint::black_box;

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher};
use facilitator_core::message::V2JobRequest;
use facilitator_core::signature::{self, Claim, Keypair, Scheme};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const SCHEMES: [Scheme; 2] = [Scheme::Sr25519, Scheme::Ed25519];

fn signed(scheme: Scheme) -> (V2JobRequest, Keypair) {
    let keypair = Keypair::from_uri(scheme, "//Alice").expect("a key");
    let mut request = samples::job_request();
    signature::sign_job_request(&mut request, &keypair, 1_795_432_324_334_542_202);
    (request, keypair)
}

/// As the facilitator pushes it.
fn size(request: &V2JobRequest) -> BytesCount {
    BytesCount::of_str(&samples::pushed(request))
}

/// As a session does with the accounts that it trusts.
#[divan::bench(args = SCHEMES)]
fn with_a_kept_key(bencher: Bencher<'_, '_>, scheme: Scheme) {
    let (request, keypair) = signed(scheme);
    let key = keypair.public();
    bencher
        .counter(size(&request))
        .bench(|| Claim::of(black_box(&request)).and_then(|claim| claim.verify_with(key)));
}

#[divan::bench(args = SCHEMES)]
fn with_a_new_key(bencher: Bencher<'_, '_>, scheme: Scheme) {
    let (request, _) = signed(scheme);
    bencher
        .counter(size(&request))
        .bench(|| signature::verify_job_request(black_box(&request)));
}
