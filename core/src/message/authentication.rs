//! `V0AuthenticationRequest` and `V0Heartbeat`: what a validator says about itself.

use alloc::string::String;
use core::fmt;

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
