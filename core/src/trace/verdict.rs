//! What a session made of a signature. Signed content is not in a trace, so a replay is told the verdict.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::time::Span;
use crate::client::TrustError;
use crate::signature::ss58::Ss58Error;
use crate::signature::{
    AccountId, BadSignature, Scheme, SchemeUnavailable, SignatureError, SignatureLength,
};

/// The verdict on a job request or a cheat report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Verdict {
    Trusted,
    Unsigned,
    SignatureLength { found: usize },
    SignatoryBase58,
    SignatoryLength { found: usize },
    SignatoryPrefix,
    SignatoryChecksum,
    Timestamp,
    OtherScheme { named: String, found: String },
    NotAKey { scheme: String },
    Mismatch,
    SchemeUnavailable { scheme: String },
    Signatory { signatory: String },
    Scheme { scheme: String },
    TooOld { age: Span, max: Span },
    TooNew { ahead: Span, max: Span },
    Busy,
}

impl Verdict {
    pub(super) fn of(verdict: Result<(), TrustError>) -> Self {
        match verdict {
            Ok(()) => Self::Trusted,
            Err(error) => Self::refusal(error),
        }
    }

    pub(super) fn refusal(error: TrustError) -> Self {
        let name = |scheme: Scheme| String::from(scheme.as_str());
        match error {
            TrustError::Signature(SignatureError::Missing) => Self::Unsigned,
            TrustError::Signature(SignatureError::Bad(bad)) => Self::bad(bad),
            TrustError::Signatory { signatory } => Self::Signatory {
                signatory: signatory.to_ss58(),
            },
            TrustError::Scheme { scheme } => Self::Scheme {
                scheme: name(scheme),
            },
            TrustError::TooOld { age, max } => Self::TooOld {
                age: age.into(),
                max: max.into(),
            },
            TrustError::TooNew { ahead, max } => Self::TooNew {
                ahead: ahead.into(),
                max: max.into(),
            },
            TrustError::Busy => Self::Busy,
        }
    }

    fn bad(bad: BadSignature) -> Self {
        let name = |scheme: Scheme| String::from(scheme.as_str());
        match bad {
            BadSignature::Length(SignatureLength { found }) => Self::SignatureLength { found },
            BadSignature::Signatory(error) => match error {
                Ss58Error::Base58 => Self::SignatoryBase58,
                Ss58Error::Length { found } => Self::SignatoryLength { found },
                Ss58Error::Prefix => Self::SignatoryPrefix,
                Ss58Error::Checksum => Self::SignatoryChecksum,
            },
            BadSignature::Timestamp => Self::Timestamp,
            BadSignature::Scheme { named, found } => Self::OtherScheme {
                named: name(named),
                found: name(found),
            },
            BadSignature::NotAKey { scheme } => Self::NotAKey {
                scheme: name(scheme),
            },
            BadSignature::Mismatch => Self::Mismatch,
            BadSignature::SchemeUnavailable(SchemeUnavailable { scheme }) => {
                Self::SchemeUnavailable {
                    scheme: name(scheme),
                }
            }
        }
    }

    /// The verdict as it was given; `None` when it names what does not exist.
    pub(super) fn to_result(&self) -> Option<Result<(), TrustError>> {
        let signatory = |error| BadSignature::Signatory(error).into();
        let scheme = |name: &String| name.parse::<Scheme>().ok();
        let error: SignatureError = match self {
            Self::Trusted => return Some(Ok(())),
            Self::Signatory { signatory } => {
                let signatory = AccountId::from_ss58(signatory).ok()?;
                return Some(Err(TrustError::Signatory { signatory }));
            }
            Self::Scheme { scheme: name } => {
                let scheme = scheme(name)?;
                return Some(Err(TrustError::Scheme { scheme }));
            }
            Self::TooOld { age, max } => {
                let (age, max) = ((*age).into(), (*max).into());
                return Some(Err(TrustError::TooOld { age, max }));
            }
            Self::TooNew { ahead, max } => {
                let (ahead, max) = ((*ahead).into(), (*max).into());
                return Some(Err(TrustError::TooNew { ahead, max }));
            }
            Self::Busy => return Some(Err(TrustError::Busy)),
            Self::Unsigned => SignatureError::Missing,
            Self::SignatureLength { found } => {
                BadSignature::Length(SignatureLength { found: *found }).into()
            }
            Self::SignatoryBase58 => signatory(Ss58Error::Base58),
            Self::SignatoryLength { found } => signatory(Ss58Error::Length { found: *found }),
            Self::SignatoryPrefix => signatory(Ss58Error::Prefix),
            Self::SignatoryChecksum => signatory(Ss58Error::Checksum),
            Self::Timestamp => BadSignature::Timestamp.into(),
            Self::OtherScheme { named, found } => {
                let (named, found) = (scheme(named)?, scheme(found)?);
                BadSignature::Scheme { named, found }.into()
            }
            Self::NotAKey { scheme: name } => BadSignature::NotAKey {
                scheme: scheme(name)?,
            }
            .into(),
            Self::Mismatch => BadSignature::Mismatch.into(),
            Self::SchemeUnavailable { scheme: name } => {
                let scheme = scheme(name)?;
                BadSignature::SchemeUnavailable(SchemeUnavailable { scheme }).into()
            }
        };
        Some(Err(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn every_verdict_comes_back_as_it_was() {
        let (sr, ed) = (Scheme::Sr25519, Scheme::Ed25519);
        let (age, max) = (Duration::new(7, 5), Duration::MAX);
        let bad = |bad: BadSignature| TrustError::from(SignatureError::from(bad));
        let errors = [
            SignatureError::Missing.into(),
            bad(BadSignature::Length(SignatureLength { found: 63 })),
            bad(BadSignature::Signatory(Ss58Error::Base58)),
            bad(BadSignature::Signatory(Ss58Error::Length { found: 3 })),
            bad(BadSignature::Signatory(Ss58Error::Prefix)),
            bad(BadSignature::Signatory(Ss58Error::Checksum)),
            bad(BadSignature::Timestamp),
            bad(BadSignature::Scheme {
                named: sr,
                found: ed,
            }),
            bad(BadSignature::NotAKey { scheme: ed }),
            bad(BadSignature::Mismatch),
            bad(BadSignature::SchemeUnavailable(SchemeUnavailable {
                scheme: sr,
            })),
            TrustError::Signatory {
                signatory: AccountId::from_bytes([9; 32]),
            },
            TrustError::Scheme { scheme: sr },
            TrustError::TooOld { age, max },
            TrustError::TooNew { ahead: age, max },
            TrustError::Busy,
        ];
        for verdict in errors.map(Err).into_iter().chain([Ok(())]) {
            let json = serde_json::to_string(&Verdict::of(verdict)).unwrap();
            let read: Verdict = serde_json::from_str(&json).unwrap();
            assert_eq!(read.to_result(), Some(verdict), "{json}");
        }
    }
}
