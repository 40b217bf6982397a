//! Who may give us work: whose signature counts, how old it may be, and how much verifying may cost. What a signature
//! is, is `signature`'s; what becomes of a refused message is decided in `inbound`.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use thiserror::Error;

use crate::Timestamp;
use crate::signature::{AccountId, Claim, PublicKey, Scheme, SignatureError, SignedMessage};

/// Which job requests and cheat reports are taken.
///
/// The default is the reference's rule with an empty whitelist: signed by the validator's own hotkey, by either
/// scheme, of any age.
///
/// ```
/// use facilitator_core::client::{Signatories, TrustPolicy};
/// use facilitator_core::signature::AccountId;
///
/// let customer = AccountId::from_ss58("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")?;
/// let policy = TrustPolicy { signatories: Signatories::OwnAnd([customer].into()), ..TrustPolicy::default() };
/// # Ok::<(), facilitator_core::signature::ss58::Ss58Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    /// Whose signatures count.
    pub signatories: Signatories,
    /// Whether sr25519 signatures count; the reference's only scheme. Default true.
    pub sr25519: bool,
    /// Whether ed25519 signatures count. Default true.
    pub ed25519: bool,
    /// How old a signature may be. The reference does not check; default `None`. Needs the wall clock, see
    /// [`set_wall_clock`](super::FacilitatorClient::set_wall_clock); until that is known, nothing is too old.
    pub max_age: Option<Duration>,
    /// How far in the future a signature may lie, when its age is checked: clocks differ. Default 1 minute.
    pub max_skew: Duration,
    /// Signatures that are verified in a second at the most. Beyond it, a job request is rejected as busy, and a cheat
    /// report refused with [`TrustError::Busy`]. As many again may come at once. Default 500, a small part of a core.
    pub verifications_per_second: u32,
}

impl Default for TrustPolicy {
    fn default() -> Self {
        Self {
            signatories: Signatories::OwnAnd(BTreeSet::new()),
            sr25519: true,
            ed25519: true,
            max_age: None,
            max_skew: Duration::from_mins(1),
            verifications_per_second: 500,
        }
    }
}

impl TrustPolicy {
    /// Takes everything, unsigned and forged messages included. For tests, and where something else verifies.
    pub fn unverified() -> Self {
        Self {
            signatories: Signatories::Unverified,
            ..Self::default()
        }
    }
}

/// Whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signatories {
    /// The validator's own hotkey, and these accounts: the reference's rule and its whitelist.
    OwnAnd(BTreeSet<AccountId>),
    /// Anybody's, as long as it is valid.
    Anyone,
    /// No signature is looked at.
    Unverified,
}

/// Why a message is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrustError {
    /// There is no signature, or it is bad.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signature may be good, but it is nobody's who counts.
    #[error("its signatory {signatory} is neither this validator's hotkey nor on the whitelist")]
    Signatory {
        /// Who is said to have signed.
        signatory: AccountId,
    },
    /// The signature is of a scheme that does not count.
    #[error("{scheme} signatures are not accepted here")]
    Scheme {
        /// The scheme.
        scheme: Scheme,
    },
    /// The signature is older than `max_age`.
    #[error("it was signed {age:?} ago, accepted are {max:?}")]
    TooOld {
        /// Its age.
        age: Duration,
        /// The configured bound.
        max: Duration,
    },
    /// The signature lies further in the future than `max_skew`.
    #[error("it was signed {ahead:?} in the future, accepted are {max:?}; check the clocks")]
    TooNew {
        /// How far.
        ahead: Duration,
        /// The configured bound.
        max: Duration,
    },
    /// More signatures came than may be verified in this time. Told of cheat reports only: a job request is then declined as
    /// [`Busy`](super::DeclineReason::Busy).
    #[error("too many signatures came at once to verify this one")]
    Busy,
}

/// The policy at work: kept keys, and what may still be spent.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    policy: TrustPolicy,
    own: AccountId,
    /// Keys of those who are trusted by name, decompressed once.
    kept: BTreeMap<AccountId, PublicKey>,
    /// Verifications that may be made now, in billionths: a bucket that fills with time.
    budget: u128,
    filled: Timestamp,
    #[cfg(feature = "trace")]
    memory: Memory,
}

/// What a trace needs to know of verdicts.
#[cfg(feature = "trace")]
#[derive(Clone, Copy, Debug)]
enum Memory {
    /// The latest verdict, until somebody takes it.
    Reached(Option<Result<(), TrustError>>),
    /// The next verdict, in a replay, where nothing can be verified.
    Told(Option<Result<(), TrustError>>),
}

const ONE: u128 = 1_000_000_000;

impl Trust {
    pub(super) fn new(policy: TrustPolicy, own: AccountId) -> Self {
        let budget = u128::from(policy.verifications_per_second) * ONE;
        Self {
            policy,
            own,
            kept: BTreeMap::new(),
            budget,
            filled: Timestamp::ZERO,
            #[cfg(feature = "trace")]
            memory: Memory::Reached(None),
        }
    }

    pub(super) fn policy(&self) -> &TrustPolicy {
        &self.policy
    }

    /// Judges a message. `unix_now` is the wall clock, as far as it is known.
    pub(super) fn judge<'a>(
        &mut self,
        message: impl Into<SignedMessage<'a>>,
        now: Timestamp,
        unix_now: Option<Duration>,
    ) -> Result<(), TrustError> {
        #[cfg(feature = "trace")]
        if let Memory::Told(verdict) = &mut self.memory {
            // Where none is told, none was reached: the replay differs, and says so.
            return verdict.take().unwrap_or(Err(TrustError::Busy));
        }
        let verdict = self.verify(message, now, unix_now);
        #[cfg(feature = "trace")]
        {
            self.memory = Memory::Reached(Some(verdict));
        }
        verdict
    }

    fn verify<'a>(
        &mut self,
        message: impl Into<SignedMessage<'a>>,
        now: Timestamp,
        unix_now: Option<Duration>,
    ) -> Result<(), TrustError> {
        if self.policy.signatories == Signatories::Unverified {
            return Ok(());
        }
        let claim = Claim::of(message)?;
        let (signatory, scheme) = (claim.signatory(), claim.scheme());
        let by_name = match &self.policy.signatories {
            Signatories::OwnAnd(others) => {
                if signatory != self.own && !others.contains(&signatory) {
                    return Err(TrustError::Signatory { signatory });
                }
                true
            }
            Signatories::Anyone | Signatories::Unverified => false,
        };
        let counts = match scheme {
            Scheme::Sr25519 => self.policy.sr25519,
            Scheme::Ed25519 => self.policy.ed25519,
        };
        if !counts {
            return Err(TrustError::Scheme { scheme });
        }
        self.check_age(Duration::from_nanos(claim.timestamp_ns()), unix_now)?;
        self.spend_one(now)?;
        // An account has one key in practice; one that signs with both schemes only costs a decompression each time.
        if let Some(key) = self
            .kept
            .get(&signatory)
            .filter(|key| key.scheme() == scheme)
        {
            claim.verify_with(key)?;
        } else {
            let key = claim.verify()?;
            if by_name {
                self.kept.insert(signatory, key);
            }
        }
        Ok(())
    }

    fn check_age(&self, signed: Duration, unix_now: Option<Duration>) -> Result<(), TrustError> {
        let (Some(max), Some(unix_now)) = (self.policy.max_age, unix_now) else {
            return Ok(());
        };
        let age = unix_now.saturating_sub(signed);
        if age > max {
            return Err(TrustError::TooOld { age, max });
        }
        let ahead = signed.saturating_sub(unix_now);
        if ahead > self.policy.max_skew {
            return Err(TrustError::TooNew {
                ahead,
                max: self.policy.max_skew,
            });
        }
        Ok(())
    }

    fn spend_one(&mut self, now: Timestamp) -> Result<(), TrustError> {
        let per_second = u128::from(self.policy.verifications_per_second);
        let passed = now.saturating_duration_since(self.filled).as_nanos();
        self.filled = now.max(self.filled);
        self.budget = self
            .budget
            .saturating_add(passed.saturating_mul(per_second))
            .min(per_second * ONE);
        self.budget = self.budget.checked_sub(ONE).ok_or(TrustError::Busy)?;
        Ok(())
    }
}

/// For `replay`.
#[cfg(feature = "trace")]
impl Trust {
    pub(super) fn take_orders(&mut self) {
        self.memory = Memory::Told(None);
    }

    pub(super) fn tell(&mut self, verdict: Option<Result<(), TrustError>>) {
        self.memory = Memory::Told(verdict);
    }

    pub(super) fn take_verdict(&mut self) -> Option<Result<(), TrustError>> {
        match &mut self.memory {
            Memory::Reached(verdict) => verdict.take(),
            Memory::Told(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ExecutorClass, V2JobRequest};
    use crate::signature::{BadSignature, Keypair, sign_job_request};

    const SIGNED: u64 = 1_795_432_324;

    fn key(n: u8) -> Keypair {
        Keypair::from_seed(Scheme::Ed25519, [n; 32]).unwrap()
    }

    fn request(signer: &Keypair) -> V2JobRequest {
        let mut request = V2JobRequest::new("u", ExecutorClass::AlwaysOnTest, "alpine");
        sign_job_request(&mut request, signer, SIGNED * 1_000_000_000);
        request
    }

    fn judge(
        policy: TrustPolicy,
        request: &V2JobRequest,
        unix: Option<u64>,
    ) -> Result<(), TrustError> {
        Trust::new(policy, key(1).account()).judge(
            request,
            Timestamp::ZERO,
            unix.map(Duration::from_secs),
        )
    }

    #[test]
    fn the_own_hotkey_and_the_whitelist_count() {
        let own = TrustPolicy::default();
        assert_eq!(judge(own.clone(), &request(&key(1)), None), Ok(()));
        let signatory = key(2).account();
        assert_eq!(
            judge(own, &request(&key(2)), None),
            Err(TrustError::Signatory { signatory })
        );
        let listed = TrustPolicy {
            signatories: Signatories::OwnAnd([signatory].into()),
            ..TrustPolicy::default()
        };
        assert_eq!(judge(listed.clone(), &request(&key(2)), None), Ok(()));
        assert_eq!(judge(listed, &request(&key(1)), None), Ok(()));
    }

    #[test]
    fn anyone_means_anyone_who_signed() {
        let anyone = TrustPolicy {
            signatories: Signatories::Anyone,
            ..TrustPolicy::default()
        };
        assert_eq!(judge(anyone.clone(), &request(&key(3)), None), Ok(()));
        let mut forged = request(&key(3));
        forged.docker_image = "other".into();
        assert_eq!(
            judge(anyone.clone(), &forged, None),
            Err(SignatureError::Bad(BadSignature::Mismatch).into())
        );
        forged.signature = None;
        assert_eq!(
            judge(anyone, &forged, None),
            Err(SignatureError::Missing.into())
        );
        assert_eq!(judge(TrustPolicy::unverified(), &forged, None), Ok(()));
    }

    #[test]
    fn a_scheme_can_be_refused() {
        let policy = TrustPolicy {
            ed25519: false,
            ..TrustPolicy::default()
        };
        assert_eq!(
            judge(policy, &request(&key(1)), None),
            Err(TrustError::Scheme {
                scheme: Scheme::Ed25519
            })
        );
    }

    #[test]
    fn age_is_checked_when_asked_for_and_the_time_is_known() {
        let max = Duration::from_mins(1);
        let policy = TrustPolicy {
            max_age: Some(max),
            ..TrustPolicy::default()
        };
        let judge = |unix| judge(policy.clone(), &request(&key(1)), unix);
        assert_eq!(judge(None), Ok(()));
        assert_eq!(judge(Some(SIGNED)), Ok(()));
        assert_eq!(judge(Some(SIGNED + 60)), Ok(()));
        assert_eq!(
            judge(Some(SIGNED + 61)),
            Err(TrustError::TooOld {
                age: Duration::from_secs(61),
                max
            })
        );
        assert_eq!(judge(Some(SIGNED - 60)), Ok(()));
        assert!(matches!(
            judge(Some(SIGNED - 61)),
            Err(TrustError::TooNew { .. })
        ));
    }

    #[test]
    fn verifying_has_a_budget_that_time_refills() {
        let policy = TrustPolicy {
            verifications_per_second: 3,
            ..TrustPolicy::default()
        };
        let mut trust = Trust::new(policy, key(1).account());
        let (request, mut now) = (request(&key(1)), Timestamp::ZERO);
        let granted = |trust: &mut Trust, now| {
            (0..100)
                .take_while(|_| trust.judge(&request, now, None) != Err(TrustError::Busy))
                .count()
        };
        assert_eq!(granted(&mut trust, now), 3);
        now = now + Duration::from_millis(334);
        assert_eq!(granted(&mut trust, now), 1);
        now = now + Duration::from_hours(1);
        assert_eq!(
            granted(&mut trust, now),
            3,
            "what is not used is not saved up"
        );
        // What is refused before the signature is looked at costs nothing.
        let stranger = self::request(&key(2));
        assert!(matches!(
            trust.judge(&stranger, now, None),
            Err(TrustError::Signatory { .. })
        ));
    }

    #[test]
    fn a_key_is_kept_for_its_own_account() {
        let mut trust = Trust::new(TrustPolicy::default(), key(1).account());
        let mut request = request(&key(1));
        assert_eq!(trust.judge(&request, Timestamp::ZERO, None), Ok(()));
        assert_eq!(trust.kept.len(), 1);
        assert_eq!(trust.judge(&request, Timestamp::ZERO, None), Ok(()));
        request.docker_image = "other".into();
        assert!(trust.judge(&request, Timestamp::ZERO, None).is_err());
    }
}
