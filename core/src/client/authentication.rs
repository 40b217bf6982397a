//! How a session proves who it is. A part that can be swapped: today it is the first frame of a connection.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::event::Refusal;
use crate::message::{Response, ResponseStatus, ValidatorMessage};
use crate::signature::{Keypair, authentication_headers, authentication_request};
use crate::{CloseFrame, Frame};

/// Where the authentication stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthenticationMethod {
    /// In the first frame: `V0AuthenticationRequest`, which today's facilitator takes.
    #[default]
    FirstFrame,
    /// In headers of the upgrade request, as a drafted successor of the protocol has it: `X-Timestamp` (Unix seconds),
    /// `X-Public-Key` (hex), `X-Signature` (`0x` and hex, over the timestamp's text). They are made anew for every
    /// attempt, since they are taken for a minute only; the session needs the wall clock for that.
    Headers,
}

/// The authentication of one key.
#[derive(Clone)]
pub(super) enum Authenticator {
    /// `V0AuthenticationRequest`. It signs nothing but the key itself, so it never changes, and whoever reads it can
    /// replay it for ever: it must not reach a log.
    FirstFrame(Arc<str>),
    /// The key signs every attempt.
    Headers(Box<Keypair>),
    /// There is no key: a replay, which authenticates nowhere.
    #[cfg(feature = "trace")]
    Nobody(AuthenticationMethod),
}

impl Authenticator {
    pub(super) fn new(method: AuthenticationMethod, keypair: &Keypair) -> Self {
        match method {
            AuthenticationMethod::FirstFrame => {
                let request = authentication_request(keypair);
                Self::FirstFrame(ValidatorMessage::Authentication(request).encode().into())
            }
            AuthenticationMethod::Headers => Self::Headers(Box::new(keypair.clone())),
        }
    }

    /// For a replay.
    #[cfg(feature = "trace")]
    pub(super) const fn nobody(method: AuthenticationMethod) -> Self {
        Self::Nobody(method)
    }

    /// What has to be the first frame of a connection, if it is a frame.
    pub(super) fn first_frame(&self) -> Option<Frame> {
        match self {
            Self::FirstFrame(text) => Some(Frame::Text(Arc::clone(text))),
            Self::Headers(_) => None,
            #[cfg(feature = "trace")]
            Self::Nobody(AuthenticationMethod::Headers) => None,
            #[cfg(feature = "trace")]
            Self::Nobody(AuthenticationMethod::FirstFrame) => {
                Some(Frame::text(r#"{"message_type":"V0AuthenticationRequest"}"#))
            }
        }
    }

    /// What has to stand in the upgrade request of an attempt at this Unix time.
    pub(super) fn headers(&self, unix: Duration) -> Vec<(String, String)> {
        match self {
            Self::FirstFrame(_) => Vec::new(),
            Self::Headers(keypair) => authentication_headers(keypair, unix.as_secs()),
            #[cfg(feature = "trace")]
            Self::Nobody(_) => Vec::new(),
        }
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
