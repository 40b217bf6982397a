//! Verifying a job request, against the bare check of its signature.

use std::hint::black_box;

use facilitator_core::message::V2JobRequest;
use facilitator_core::signature::{self, Claim, KeyError, Keypair, Scheme, SignedMessage};
use facilitator_tests::compare::{Measured, Plan, Unmeasured, timed};

use super::bare::Bare;
use super::{ROUNDS, samples};

/// When it was signed. Any time will do.
const TIMESTAMP: u64 = 1_795_432_324_334_542_202;

pub(super) fn job_request(plan: &Plan) -> Result<Measured, Unmeasured> {
    let sr25519 = Signed::new(Scheme::Sr25519)?;
    let ed25519 = Signed::new(Scheme::Ed25519)?;
    Ok(sr25519
        .with_a_kept_key(plan)
        .with(
            sr25519
                .with_a_new_key(plan)
                .into_detail("with a key that is new to both"),
        )
        .with(ed25519.with_a_kept_key(plan).into_detail("ed25519"))
        .with(
            ed25519
                .with_a_new_key(plan)
                .into_detail("ed25519, with a key that is new to both"),
        ))
}

/// A signed request, and what the bare check needs.
struct Signed {
    request: V2JobRequest,
    keypair: Keypair,
    signature: [u8; 64],
    digest: [u8; 64],
}

impl Signed {
    fn new(scheme: Scheme) -> Result<Self, Unmeasured> {
        let failed = |error: KeyError| Unmeasured::failed(error.to_string());
        let keypair = Keypair::from_uri(scheme, "//Alice").map_err(failed)?;
        let mut request = samples::job_request();
        signature::sign_job_request(&mut request, &keypair, TIMESTAMP);
        let info = request.signature.as_ref();
        let signature = info.and_then(|info| info.signature.first_chunk());
        Ok(Self {
            signature: *signature.ok_or_else(|| Unmeasured::failed("there is no signature"))?,
            digest: SignedMessage::from(&request).digest(TIMESTAMP),
            request,
            keypair,
        })
    }

    fn with_a_kept_key(&self, plan: &Plan) -> Measured {
        let key = self.keypair.public();
        let bare = Bare::new(key.scheme(), &key.to_bytes(), &self.signature);
        let ours = || Claim::of(black_box(&self.request)).and_then(|claim| claim.verify_with(key));
        let theirs = || bare.check(black_box(&self.digest));
        timed(plan, ROUNDS, ("verify", ours), ("bare check", theirs))
    }

    /// Both sides have to make a point of the key's 32 bytes.
    fn with_a_new_key(&self, plan: &Plan) -> Measured {
        let (scheme, account) = (
            self.keypair.public().scheme(),
            self.keypair.public().to_bytes(),
        );
        let ours = || signature::verify_job_request(black_box(&self.request));
        let theirs = || Bare::new(scheme, black_box(&account), &self.signature).check(&self.digest);
        timed(plan, ROUNDS, ("verify", ours), ("bare check", theirs))
    }
}
