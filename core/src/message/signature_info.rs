//! `Signature`: who signed a job request or a cheat report, when, and over what. No cryptography.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Integer;
use super::names::wire_names;

wire_names! {
    /// What a signature covers.
    "signature scope" SignatureScope {
        /// The fields that decide what runs: the reference's `SignedFields`.
        SignedFields = "SignedFields",
        /// The whole request.
        FullRequest = "FullRequest",
    }
}

/// The signature of a job request or a cheat report: the reference's `Signature`.
#[derive(Clone, PartialEq, Eq)]
pub struct SignatureInfo {
    /// The scheme's family; the reference writes `bittensor`.
    pub signature_type: String,
    /// The signer's SS58 address.
    pub signatory: String,
    /// When it was signed: nanoseconds since the Unix epoch. Part of what is signed.
    pub timestamp_ns: Integer,
    /// The signature's bytes (base64 on the wire). The reference's model takes any number of them.
    pub signature: Vec<u8>,
    /// What it claims to cover.
    pub signature_scope: SignatureScope,
}

impl fmt::Debug for SignatureInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureInfo")
            .field("signature_type", &self.signature_type)
            .field("signatory", &self.signatory)
            .field("timestamp_ns", &self.timestamp_ns)
            .field(
                "signature",
                &format_args!("<{} bytes>", self.signature.len()),
            )
            .field("signature_scope", &self.signature_scope)
            .finish()
    }
}
