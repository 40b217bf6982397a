//! ed25519-dalek, with strict verification. The only file that names its types.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use ed25519_dalek::Signer as _;
use zeroize::Zeroizing;

use super::derivation::{Junction, SoftJunction};
use super::raw::{Signature, SignatureMismatch};

pub(super) use ed25519_dalek::{SigningKey as Keypair, VerifyingKey as PublicKey};

/// Substrate's label for a hard step, in SCALE: a compact length and the text.
const HARD_LABEL: &[u8] = b"\x2cEd25519HDKD";

pub(super) fn from_seed(seed: &[u8; 32]) -> Keypair {
    Keypair::from_bytes(seed)
}

/// One step of a derivation path, as Substrate defines it: a hash over the seed. There are no soft steps.
pub(super) fn derive(
    seed: &[u8; 32],
    junction: &Junction,
) -> Result<Zeroizing<[u8; 32]>, SoftJunction> {
    let Junction::Hard(code) = junction else {
        return Err(SoftJunction);
    };
    let hash = Blake2b::<U32>::new()
        .chain_update(HARD_LABEL)
        .chain_update(seed)
        .chain_update(code)
        .finalize();
    Ok(Zeroizing::new(hash.into()))
}

pub(super) fn sign(pair: &Keypair, message: &[u8]) -> Signature {
    Signature::from_bytes(pair.sign(message).to_bytes())
}

pub(super) fn public_key(bytes: &[u8; 32]) -> Option<PublicKey> {
    PublicKey::from_bytes(bytes).ok()
}

/// Strict: the scalar must be reduced, neither the key nor the nonce point may be of small order. So a signature
/// cannot be altered into another valid one, and no key makes one signature valid for many messages.
pub(super) fn verify(
    key: &PublicKey,
    message: &[u8],
    signature: &Signature,
) -> Result<(), SignatureMismatch> {
    let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    key.verify_strict(message, &signature)
        .map_err(|_| SignatureMismatch)
}
