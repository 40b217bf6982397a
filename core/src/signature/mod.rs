//! Keys, addresses, signatures and what they sign.
//!
//! Everything here is a pure function of its arguments: no randomness is drawn (signing is deterministic, a new key
//! is made from bytes that the caller brings) and no clock is read. Secrets are wiped when dropped and never shown.
//!
//! | where | what |
//! |---|---|
//! | [`Keypair`], [`PublicKey`], [`Signature`], [`Scheme`] | both schemes behind one set of types |
//! | [`AccountId`], [`ss58`] | addresses, which name no scheme |
//! | [`hotkey`] | the wallet tools' key files, and ours |
//! | [`authentication_request`], [`verify_authentication`] | the authentication frame, as the facilitator judges it |
//! | [`sign_job_request`], [`verify_job_request`], [`Claim`] | job requests and cheat reports |
//! | [`SignedMessage`] | what exactly is signed |
//!
//! ```
//! use facilitator_core::message::{ExecutorClass, V2JobRequest};
//! use facilitator_core::signature::{Keypair, Scheme, sign_job_request, verify_job_request};
//!
//! // In production a key comes from a wallet: `hotkey::parse`.
//! let customer = Keypair::from_seed(Scheme::Ed25519, [7; 32])?;
//! let uuid = "f4b1c4b2-5d3f-4a39-9c75-0a0c0de61d4b";
//! let mut job = V2JobRequest::new(uuid, ExecutorClass::AlwaysOnTest, "alpine");
//! sign_job_request(&mut job, &customer, 1_795_432_324_000_000_000);
//!
//! // Who has signed it is known; whether that one is trusted is the session's affair.
//! assert_eq!(verify_job_request(&job).as_ref(), Ok(customer.public()));
//! job.docker_image = "another".into();
//! assert!(verify_job_request(&job).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod authentication;
mod derivation;
mod ed25519;
mod headers;
mod hex;
pub mod hotkey;
mod keypair;
mod payload;
mod phrase;
mod public_key;
mod raw;
mod scheme;
mod signed;
#[cfg(feature = "sr25519")]
mod sr25519;
pub mod ss58;

pub use account::AccountId;
pub use authentication::{
    AuthenticationError, authentication_request, claimed_account, verify_authentication,
};
pub use derivation::PathError;
pub use headers::{HeaderError, authentication_headers, verify_authentication_headers};
pub use hex::HexError;
pub use keypair::{KeyError, Keypair};
pub use payload::SignedMessage;
pub use phrase::PhraseError;
pub use public_key::{PublicKey, PublicKeyError};
pub use raw::{Signature, SignatureLength, SignatureMismatch};
pub use scheme::{Scheme, SchemeUnavailable, UnknownScheme};
pub use signed::{
    BadSignature, Claim, SignatureError, sign_job_cheated, sign_job_request, verify_job_cheated,
    verify_job_request,
};
