//! schnorrkel, bent to this crate's needs: Substrate's signing context, no operating system randomness.
//! The only file that names schnorrkel's types.

use schnorrkel::context::attach_rng;
use schnorrkel::derive::{ChainCode, Derivation as _};
use schnorrkel::signing_context;
use schnorrkel::{ExpansionMode, MiniSecretKey, SecretKey};
use zeroize::Zeroizing;

use super::derivation::Junction;
use super::raw::{Signature, SignatureMismatch};

pub(super) use schnorrkel::{Keypair, PublicKey};

/// The context in which Substrate, and so every Bittensor tool, signs.
const CONTEXT: &[u8] = b"substrate";

/// The random numbers that signing asks for: none.
///
/// schnorrkel draws a signature's secret nonce from a generator that has absorbed the context, the message and the
/// public key, and is then keyed with the secret half of the key that exists for this purpose; outside randomness
/// only comes on top. Without it, nonces stay secret and differ for different messages, exactly as in ed25519, and
/// signing becomes a pure function: what a sans-IO core needs in order to be replayed. (What does need randomness,
/// such as multi-party signing, is not done here.)
struct NoRandomness;

impl rand_core::CryptoRng for NoRandomness {}

impl rand_core::RngCore for NoRandomness {
    fn next_u32(&mut self) -> u32 {
        0
    }

    fn next_u64(&mut self) -> u64 {
        0
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        dest.fill(0);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        dest.fill(0);
        Ok(())
    }
}

/// The key pair of a mini secret, expanded as Substrate does.
pub(super) fn from_seed(seed: &[u8; 32]) -> Option<Keypair> {
    let mini = MiniSecretKey::from_bytes(seed).ok()?;
    Some(mini.expand_to_keypair(ExpansionMode::Ed25519))
}

/// The key pair of a whole secret key: scalar and nonce seed, as wallet files hold it in `privateKey`.
pub(super) fn from_secret_key(bytes: &[u8; 64]) -> Option<Keypair> {
    SecretKey::from_bytes(bytes).ok().map(SecretKey::to_keypair)
}

/// The whole secret key, for writing it to a file.
pub(super) fn secret_key(pair: &Keypair) -> Zeroizing<[u8; 64]> {
    Zeroizing::new(pair.secret.to_bytes())
}

/// One step of a derivation path. A hard step yields a new mini secret, a soft one has none.
pub(super) fn derive(
    pair: &Keypair,
    junction: &Junction,
) -> Option<(Keypair, Option<Zeroizing<[u8; 32]>>)> {
    match *junction {
        Junction::Hard(code) => {
            let (mini, _) = pair.hard_derive_mini_secret_key(Some(ChainCode(code)), b"");
            let seed = Zeroizing::new(mini.to_bytes());
            Some((from_seed(&seed)?, Some(seed)))
        }
        Junction::Soft(code) => {
            let (pair, _) = pair.derived_key_simple_rng(ChainCode(code), b"", NoRandomness);
            Some((pair, None))
        }
    }
}

pub(super) fn sign(pair: &Keypair, message: &[u8]) -> Signature {
    let transcript = signing_context(CONTEXT).bytes(message);
    Signature::from_bytes(pair.sign(attach_rng(transcript, NoRandomness)).to_bytes())
}

pub(super) fn public_key(bytes: &[u8; 32]) -> Option<PublicKey> {
    PublicKey::from_bytes(bytes).ok()
}

pub(super) fn verify(
    key: &PublicKey,
    message: &[u8],
    signature: &Signature,
) -> Result<(), SignatureMismatch> {
    let signature =
        schnorrkel::Signature::from_bytes(signature.as_bytes()).map_err(|_| SignatureMismatch)?;
    let context = signing_context(CONTEXT);
    if key.verify(context.bytes(message), &signature).is_ok() {
        return Ok(());
    }
    // Browser wallets wrap what they sign, lest a page pass a transaction off as a message. The reference's wallet
    // library therefore tries the wrapped form second.
    let wrapped = [b"<Bytes>", message, b"</Bytes>"].concat();
    key.verify(context.bytes(&wrapped), &signature)
        .map_err(|_| SignatureMismatch)
}
