//! Signing and verifying job requests and cheat reports. Who may be trusted is not decided here.

use alloc::string::ToString as _;

use super::account::AccountId;
use super::keypair::Keypair;
use super::payload::SignedMessage;
use super::public_key::{PublicKey, PublicKeyError};
use super::raw::{Signature, SignatureLength, SignatureMismatch};
use super::scheme::{Scheme, SchemeUnavailable};
use super::ss58::Ss58Error;
use crate::message::{Integer, SignatureInfo, SignatureScope, V0JobCheated, V2JobRequest};

/// The reference's only `signature_type`: a key of the account model that Bittensor shares with Substrate.
const SIGNATURE_TYPE: &str = "bittensor";

/// Signs a job request: sets its `signature`, replacing one that was there.
///
/// `timestamp_ns` is nanoseconds since the Unix epoch, and part of what is signed.
///
/// ```
/// use facilitator_core::message::{ExecutorClass, V2JobRequest};
/// use facilitator_core::signature::{self, Keypair, Scheme};
///
/// let alice = Keypair::from_uri(Scheme::Ed25519, "//Alice")?;
/// let uuid = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
/// let mut request = V2JobRequest::new(uuid, ExecutorClass::AlwaysOnTest, "alpine");
/// signature::sign_job_request(&mut request, &alice, 1_795_432_324_334_542_202);
/// assert_eq!(signature::verify_job_request(&request).as_ref(), Ok(alice.public()));
///
/// request.args.push("--verbose".into());
/// assert!(signature::verify_job_request(&request).is_err());
/// # Ok::<(), facilitator_core::signature::KeyError>(())
/// ```
pub fn sign_job_request(request: &mut V2JobRequest, keypair: &Keypair, timestamp_ns: u64) {
    request.signature = Some(sign((&*request).into(), keypair, timestamp_ns));
}

/// Signs a cheat report: sets its `signature`, replacing one that was there. See [`sign_job_request`].
pub fn sign_job_cheated(report: &mut V0JobCheated, keypair: &Keypair, timestamp_ns: u64) {
    report.signature = Some(sign((&*report).into(), keypair, timestamp_ns));
}

/// Verifies a job request's signature, and returns whose it is. Whether that key is trusted, and whether the
/// signature is too old, is the caller's to decide. See [`Claim`] for doing it in steps.
///
/// # Errors
/// [`SignatureError`]: there is none, or it is bad.
pub fn verify_job_request(request: &V2JobRequest) -> Result<PublicKey, SignatureError> {
    Claim::of(request)?.verify()
}

/// Verifies a cheat report's signature. See [`verify_job_request`].
///
/// # Errors
/// [`SignatureError`]: there is none, or it is bad.
pub fn verify_job_cheated(report: &V0JobCheated) -> Result<PublicKey, SignatureError> {
    Claim::of(report)?.verify()
}

/// A message's signature, read but not verified: who claims to have signed it, and when.
///
/// Reading is cheap and verifying is not, so a caller can first ask whether it would trust
/// [`signatory`](Self::signatory) at all, and can bring a key that it has decompressed before.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    message: SignedMessage<'a>,
    signatory: AccountId,
    timestamp_ns: u64,
    signature: Signature,
}

impl<'a> Claim<'a> {
    /// Reads the signature of `message`.
    ///
    /// An address does not tell a key's scheme, but the signature does ([`Signature::scheme`]). The reference
    /// ignores `signature_type`; here one that names a scheme must name the right one.
    ///
    /// # Errors
    /// [`SignatureError`], when there is no signature, or it could not be valid whatever was signed.
    pub fn of(message: impl Into<SignedMessage<'a>>) -> Result<Self, SignatureError> {
        let message = message.into();
        let info = message.signature().ok_or(SignatureError::Missing)?;
        let signature = Signature::from_slice(&info.signature).map_err(BadSignature::Length)?;
        let signatory = AccountId::from_ss58(&info.signatory).map_err(BadSignature::Signatory)?;
        let timestamp_ns = info.timestamp_ns.as_u64().ok_or(BadSignature::Timestamp)?;
        let found = signature.scheme();
        match info.signature_type.parse::<Scheme>() {
            Ok(named) if named != found => Err(BadSignature::Scheme { named, found }.into()),
            _ => Ok(Self {
                message,
                signatory,
                timestamp_ns,
                signature,
            }),
        }
    }

    /// The account that is said to have signed.
    pub fn signatory(&self) -> AccountId {
        self.signatory
    }

    /// When it is said to have signed: nanoseconds since the Unix epoch.
    pub fn timestamp_ns(&self) -> u64 {
        self.timestamp_ns
    }

    /// The scheme that the signature is of.
    pub fn scheme(&self) -> Scheme {
        self.signature.scheme()
    }

    /// Verifies the signature, and returns the key: worth keeping for the next message of the same signatory.
    ///
    /// # Errors
    /// [`BadSignature`] within [`SignatureError::Bad`].
    pub fn verify(&self) -> Result<PublicKey, SignatureError> {
        let key =
            PublicKey::from_bytes(self.scheme(), &self.signatory.to_bytes()).map_err(|error| {
                match error {
                    PublicKeyError::NotAKey { scheme } => BadSignature::NotAKey { scheme },
                    PublicKeyError::SchemeUnavailable(unavailable) => unavailable.into(),
                }
            })?;
        self.verify_with(&key)?;
        Ok(key)
    }

    /// Verifies the signature with a key that the caller has kept.
    ///
    /// # Errors
    /// [`BadSignature::Mismatch`] within [`SignatureError::Bad`], also when `key` is another than the signatory's.
    pub fn verify_with(&self, key: &PublicKey) -> Result<(), SignatureError> {
        if key.account() != self.signatory || key.scheme() != self.scheme() {
            return Err(BadSignature::Mismatch.into());
        }
        let digest = self.message.digest(self.timestamp_ns);
        key.verify(&digest, &self.signature)
            .map_err(|SignatureMismatch| BadSignature::Mismatch.into())
    }
}

fn sign(message: SignedMessage<'_>, keypair: &Keypair, timestamp_ns: u64) -> SignatureInfo {
    let digest = message.digest(timestamp_ns);
    SignatureInfo {
        signature_type: SIGNATURE_TYPE.to_string(),
        signatory: keypair.public().to_ss58(),
        timestamp_ns: Integer::from(timestamp_ns),
        signature: keypair.sign(&digest).to_bytes().to_vec(),
        signature_scope: SignatureScope::SignedFields,
    }
}

/// Why a message is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It has no signature at all.
    #[error("the message is not signed")]
    Missing,
    /// It has one, and it is bad.
    #[error("bad signature: {0}")]
    Bad(#[from] BadSignature),
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSignature {
    /// It has not 64 bytes.
    #[error(transparent)]
    Length(SignatureLength),
    /// The signatory is no address.
    #[error("the signatory is no SS58 address: {0}")]
    Signatory(Ss58Error),
    /// The timestamp cannot be part of a digest.
    #[error("the timestamp is negative or does not fit in 8 bytes")]
    Timestamp,
    /// `signature_type` names one scheme, and the bytes are of the other.
    #[error("the signature is said to be {named}, but its bytes are {found}")]
    Scheme {
        /// What `signature_type` names.
        named: Scheme,
        /// What the bytes are.
        found: Scheme,
    },
    /// The signatory's bytes are no key of the signature's scheme.
    #[error("the signatory is no {scheme} key, of which scheme the signature is")]
    NotAKey {
        /// The signature's scheme.
        scheme: Scheme,
    },
    /// The signatory did not sign this.
    #[error("the signature is not the signatory's over this message and timestamp")]
    Mismatch,
    /// The build lacks the signature's scheme, so nobody can tell.
    #[error(transparent)]
    SchemeUnavailable(#[from] SchemeUnavailable),
}

impl From<SchemeUnavailable> for SignatureError {
    fn from(unavailable: SchemeUnavailable) -> Self {
        Self::Bad(unavailable.into())
    }
}
