//! How a session proves who it is. A part that can be swapped: today it is the first frame of a connection.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use super::event::Refusal;
use crate::message::{Response, ResponseStatus, ValidatorMessage};
use crate::signature::{Keypair, authentication_request};
use crate::{CloseFrame, Frame};

/// The prepared authentication of one key.
#[derive(Clone)]
pub(super) struct Authenticator {
    /// `V0AuthenticationRequest`. It signs nothing but the key itself, so it never changes, and whoever reads it can
    /// replay it for ever: it must not reach a log.
    first_frame: Arc<str>,
}

impl Authenticator {
    pub(super) fn new(keypair: &Keypair) -> Self {
        let request = authentication_request(keypair);
        Self {
            first_frame: ValidatorMessage::Authentication(request).encode().into(),
        }
    }

    /// What has to be the first frame of a connection.
    pub(super) fn first_frame(&self) -> Frame {
        Frame::Text(Arc::clone(&self.first_frame))
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticator(..)")
    }
}

/// What the first `Response` of a connection says of the authentication.
pub(super) fn judge(response: &Response) -> Result<(), Refusal> {
    if response.status == ResponseStatus::Success {
        return Ok(());
    }
    let kind = response
        .errors
        .first()
        .map_or("", |error| error.kind.as_str());
    Err(match kind {
        "auth.validator_not_found" => Refusal::ValidatorNotFound,
        "auth.signature_invalid" => Refusal::SignatureInvalid,
        "" => Refusal::Other(String::from("without a reason")),
        other => Refusal::Other(super::door::shorten(other)),
    })
}

/// What a close before the answer says of the authentication.
pub(super) fn judge_close(close: Option<&CloseFrame>) -> Option<Refusal> {
    match close?.code {
        CloseFrame::SIGNATURE_INVALID => Some(Refusal::SignatureInvalid),
        CloseFrame::VALIDATOR_NOT_FOUND => Some(Refusal::ValidatorNotFound),
        _ => None,
    }
}
