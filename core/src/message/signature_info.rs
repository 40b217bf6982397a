//! `Signature`: who signed a job request or a cheat report, when, and over what. No cryptography.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::error::IssueKind;
use super::json::{Encode, Sink, Value, Writer};
use super::names::wire_names;
use super::reader::{Read, Reader};
use super::{Integer, base64};

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
    /// What it claims to cover; `SignedFields` when the wire does not say. No signature covers this field, and it is not
    /// looked at: under either scope, [`SignedMessage`](crate::signature::SignedMessage) is what is signed and verified.
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

impl SignatureInfo {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        const SCOPE: IssueKind = IssueKind::Enum {
            expected: "'SignedFields' or 'FullRequest'",
        };
        let (
            [
                signature_type,
                signatory,
                timestamp_ns,
                signature,
                signature_scope,
            ],
            rest,
        ) = r.model(
            value,
            &[
                "signature_type",
                "signatory",
                "timestamp_ns",
                "signature",
                "signature_scope",
            ],
        )?;
        let signature_type = r.or(signature_type, String::new(), Reader::string);
        let signatory = r.or(signatory, String::new(), Reader::string);
        let timestamp_ns = r.or(timestamp_ns, Integer::ZERO, Reader::integer);
        let signature = r.required(signature, Reader::bytes);
        let signature_scope = r.or(signature_scope, SignatureScope::SignedFields, |r, value| {
            r.strict_name(value, SignatureScope::from_name, SCOPE)
        });
        r.forbid(&rest);
        Ok(Self {
            signature_type: signature_type?,
            signatory: signatory?,
            timestamp_ns: timestamp_ns?,
            signature: signature?,
            signature_scope: signature_scope?,
        })
    }
}

impl Encode for SignatureInfo {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("signature_type", &self.signature_type);
            w.field("signatory", &self.signatory);
            w.field("timestamp_ns", &self.timestamp_ns);
            w.field("signature", &base64::encode(&self.signature));
            w.field("signature_scope", self.signature_scope.as_str());
        });
    }
}
