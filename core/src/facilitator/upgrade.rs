//! Authentication in the headers of the upgrade request, as a drafted successor of the protocol has it. Judged before
//! a connection is accepted; what comes after authentication is the same for both ways.

use core::time::Duration;

use super::Facilitator;
use crate::Timestamp;
use crate::signature::{AccountId, HeaderError, verify_authentication_headers};

/// Why an upgrade request is answered with an HTTP error instead of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeRefusal {
    /// The headers are missing or do not verify: 401.
    #[error(transparent)]
    Unauthenticated(#[from] HeaderError),
    /// The key is nobody's who is known here: 403.
    #[error("the validator {validator} is not known here")]
    UnknownValidator {
        /// The validator.
        validator: AccountId,
    },
}

impl UpgradeRefusal {
    /// The HTTP status to answer with.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Unauthenticated(_) => 401,
            Self::UnknownValidator { .. } => 403,
        }
    }
}

impl Facilitator {
    /// Tells the wall clock: `unix` is the time since the Unix epoch at `now`. Needed for authentication in headers
    /// only, and carried on with `now` until it is told again.
    pub fn set_wall_clock(&mut self, now: Timestamp, unix: Duration) {
        self.advance(now);
        self.unix_origin = unix.saturating_sub(self.now.as_duration());
    }

    /// Judges an upgrade request before it is accepted: the validator that it authenticates, or `None` where
    /// [`header_authentication`](super::FacilitatorConfig::header_authentication) is off and the first frame decides.
    ///
    /// # Errors
    ///
    /// [`UpgradeRefusal`], whose status the request is to be answered with.
    pub fn judge_upgrade(
        &self,
        now: Timestamp,
        headers: &[(&str, &str)],
    ) -> Result<Option<AccountId>, UpgradeRefusal> {
        if !self.config.header_authentication {
            return Ok(None);
        }
        let header = |name: &str| {
            let found = headers
                .iter()
                .find(|(other, _)| other.eq_ignore_ascii_case(name));
            found.map(|(_, value)| *value)
        };
        let unix = self
            .unix_origin
            .saturating_add(self.now.max(now).as_duration());
        let validator = verify_authentication_headers(header, unix.as_secs())?.account();
        if self.has_room_for(validator) {
            Ok(Some(validator))
        } else {
            Err(UpgradeRefusal::UnknownValidator { validator })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FacilitatorConfig, Known, Output};
    use super::*;
    use crate::signature::{Keypair, Scheme, authentication_headers};
    use crate::{ConnectionId, Frame};

    const NOW: u64 = 1_795_432_324;

    fn key(n: u8) -> Keypair {
        Keypair::from_seed(Scheme::Ed25519, [n; 32]).unwrap()
    }

    fn facilitator() -> Facilitator {
        let mut facilitator = Facilitator::new(FacilitatorConfig {
            header_authentication: true,
            validators: Known::only([key(1).account()]),
            ..FacilitatorConfig::default()
        });
        facilitator.set_wall_clock(Timestamp::ZERO, Duration::from_secs(NOW));
        facilitator
    }

    fn judge(signer: &Keypair, at: u64) -> Result<Option<AccountId>, UpgradeRefusal> {
        let headers = authentication_headers(signer, at);
        let headers: alloc::vec::Vec<_> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        facilitator().judge_upgrade(Timestamp::ZERO, &headers)
    }

    #[test]
    fn known_validators_are_let_in_and_others_get_a_status() {
        assert_eq!(judge(&key(1), NOW), Ok(Some(key(1).account())));
        assert_eq!(judge(&key(2), NOW).unwrap_err().status(), 403);
        assert_eq!(judge(&key(1), NOW - 61).unwrap_err().status(), 401);
        let refusal = facilitator()
            .judge_upgrade(Timestamp::ZERO, &[])
            .unwrap_err();
        assert_eq!(
            refusal,
            HeaderError::Missing {
                name: "X-Timestamp"
            }
            .into()
        );
    }

    #[test]
    fn whoever_came_in_by_headers_is_authenticated_without_a_response() {
        let mut facilitator = facilitator();
        let headers = authentication_headers(&key(1), NOW);
        let headers: alloc::vec::Vec<_> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let conn = ConnectionId(1);
        facilitator.handle_connected(Timestamp::ZERO, conn, &headers);
        facilitator.handle_frame(
            Timestamp::ZERO,
            conn,
            Frame::text(r#"{"message_type":"V0Heartbeat"}"#),
        );
        while let Some(output) = facilitator.poll_output() {
            assert!(matches!(output, Output::Event(_)), "{output:?}");
        }
        assert_eq!(
            facilitator.connections().next(),
            Some((conn, Some(key(1).account())))
        );
        assert_eq!(facilitator.stats().heartbeats, 1);
    }
}
