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
        if key.account() != self.signatory {
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
#[non_exhaustive]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ExecutorClass, Json};

    const NOW: u64 = 1_795_432_324_334_542_202;

    fn pair(uri: &str) -> Keypair {
        Keypair::from_uri(Scheme::Ed25519, uri).unwrap()
    }

    fn request() -> V2JobRequest {
        V2JobRequest::new("uuid", ExecutorClass::AlwaysOnTest, "alpine")
    }

    /// A request that Alice signed, with one thing about its signature changed.
    fn changed(change: impl FnOnce(&mut SignatureInfo)) -> Result<PublicKey, SignatureError> {
        let mut request = request();
        sign_job_request(&mut request, &pair("//Alice"), NOW);
        change(request.signature.as_mut().unwrap());
        verify_job_request(&request)
    }

    #[test]
    fn what_is_signed_verifies() {
        assert_eq!(changed(|_| {}).as_ref(), Ok(pair("//Alice").public()));
        let mut report = V0JobCheated {
            signature: None,
            job_uuid: "a".into(),
            trusted_job_uuid: "b".into(),
            details: Json::null(),
        };
        assert_eq!(verify_job_cheated(&report), Err(SignatureError::Missing));
        sign_job_cheated(&mut report, &pair("//Alice"), NOW);
        assert_eq!(
            verify_job_cheated(&report).as_ref(),
            Ok(pair("//Alice").public())
        );
        let info = report.signature.clone().unwrap();
        assert_eq!(info.signature_type, "bittensor");
        assert_eq!(info.signature_scope, SignatureScope::SignedFields);
        assert_eq!(info.timestamp_ns.as_u64(), Some(NOW));

        report.trusted_job_uuid.push('x');
        assert_eq!(
            verify_job_cheated(&report),
            Err(BadSignature::Mismatch.into())
        );
    }

    #[test]
    fn each_fault_has_its_name() {
        assert_eq!(verify_job_request(&request()), Err(SignatureError::Missing));
        let bad = |change: &dyn Fn(&mut SignatureInfo)| match changed(change).unwrap_err() {
            SignatureError::Bad(bad) => bad,
            SignatureError::Missing => panic!("it is there"),
        };
        assert_eq!(
            bad(&|info| info.signature.truncate(63)),
            BadSignature::Length(SignatureLength { found: 63 })
        );
        assert_eq!(
            bad(&|info| info.signatory.clear()),
            BadSignature::Signatory(Ss58Error::Length { found: 0 })
        );
        for timestamp in ["-1", "18446744073709551616"] {
            assert_eq!(
                bad(&|info| info.timestamp_ns = timestamp.parse().unwrap()),
                BadSignature::Timestamp
            );
        }
        assert_eq!(
            bad(&|info| info.timestamp_ns = Integer::from(NOW + 1)),
            BadSignature::Mismatch
        );
        assert_eq!(
            bad(&|info| info.signatory = pair("//Bob").public().to_ss58()),
            BadSignature::Mismatch
        );
        assert_eq!(bad(&|info| info.signature[0] ^= 1), BadSignature::Mismatch);
        // 2 is no y-coordinate of any point.
        let no_point = AccountId::from_bytes(core::array::from_fn(|n| if n == 0 { 2 } else { 0 }));
        assert_eq!(
            bad(&|info| info.signatory = no_point.to_ss58()),
            BadSignature::NotAKey {
                scheme: Scheme::Ed25519
            }
        );
    }

    #[test]
    fn a_named_scheme_must_be_the_right_one() {
        for fine in ["bittensor", "", "ed25519", "anything"] {
            assert!(
                changed(|info| info.signature_type = fine.into()).is_ok(),
                "{fine}"
            );
        }
        assert_eq!(
            changed(|info| info.signature_type = "sr25519".into()),
            Err(BadSignature::Scheme {
                named: Scheme::Sr25519,
                found: Scheme::Ed25519
            }
            .into())
        );
    }

    /// A kept key is used for its own account only: else Bob could sign in Alice's name wherever Bob is trusted.
    #[test]
    fn a_kept_key_is_the_signatorys_or_none() {
        let mut request = request();
        sign_job_request(&mut request, &pair("//Bob"), NOW);
        request.signature.as_mut().unwrap().signatory = pair("//Alice").public().to_ss58();
        let claim = Claim::of(&request).unwrap();
        assert_eq!(claim.signatory(), pair("//Alice").account());
        assert_eq!(claim.timestamp_ns(), NOW);
        for kept in ["//Alice", "//Bob"] {
            assert_eq!(
                claim.verify_with(pair(kept).public()),
                Err(BadSignature::Mismatch.into()),
                "{kept}"
            );
        }
        sign_job_request(&mut request, &pair("//Bob"), NOW);
        let claim = Claim::of(&request).unwrap();
        assert_eq!(claim.verify_with(pair("//Bob").public()), Ok(()));
    }

    #[test]
    fn a_signature_of_a_missing_scheme_is_not_called_wrong() {
        let marked = changed(|info| info.signature[63] |= 0x80);
        let scheme = Scheme::Sr25519;
        if scheme.is_available() {
            assert!(matches!(marked, Err(SignatureError::Bad(_))), "{marked:?}");
        } else {
            assert_eq!(marked, Err(SchemeUnavailable { scheme }.into()));
        }
    }
}
