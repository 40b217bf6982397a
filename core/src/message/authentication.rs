//! `V0AuthenticationRequest` and `V0Heartbeat`: what a validator says about itself.

use alloc::string::String;
use core::fmt;

use super::json::{Encode, Sink, Value, Writer};
use super::reader::{Read, Reader};
use super::redact::Redacted;

/// The first frame of a connection: the reference's `V0AuthenticationRequest`.
///
/// Whoever reads one can replay it for ever: it is a credential. `Debug` never shows the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct V0AuthenticationRequest {
    /// The validator's public key: hex without `0x`.
    pub public_key: String,
    /// `0x` and hex: the key's signature over its own 32 bytes.
    pub signature: String,
}

impl fmt::Debug for V0AuthenticationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V0AuthenticationRequest")
            .field("public_key", &self.public_key)
            .field("signature", &Redacted(&self.signature))
            .finish()
    }
}

/// The sign of life: the reference's `V0Heartbeat`. It has no fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V0Heartbeat;

/// The `message_type` of an authentication.
pub(super) const TAG: &str = "V0AuthenticationRequest";
/// The `message_type` of a heartbeat.
pub(super) const HEARTBEAT_TAG: &str = "V0Heartbeat";

impl V0AuthenticationRequest {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([message_type, public_key, signature], rest) =
            r.model(value, &["message_type", "public_key", "signature"])?;
        let message_type = r.constant(message_type, TAG, "'V0AuthenticationRequest'");
        let public_key = r.required(public_key, Reader::string);
        let signature = r.required(signature, Reader::string);
        r.forbid(&rest);
        message_type?;
        Ok(Self {
            public_key: public_key?,
            signature: signature?,
        })
    }
}

impl V0Heartbeat {
    pub(super) fn read<'t>(r: &mut Reader<'t>, value: Value<'t>) -> Read<Self> {
        let ([message_type], rest) = r.model(value, &["message_type"])?;
        let message_type = r.constant(message_type, HEARTBEAT_TAG, "'V0Heartbeat'");
        r.forbid(&rest);
        message_type.map(|()| Self)
    }
}

impl Encode for V0AuthenticationRequest {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| {
            w.field("message_type", TAG);
            w.field("public_key", &self.public_key);
            w.field("signature", &self.signature);
        });
    }
}

impl Encode for V0Heartbeat {
    fn write<S: Sink>(&self, w: &mut Writer<S>) {
        w.object(|w| w.field("message_type", HEARTBEAT_TAG));
    }
}
