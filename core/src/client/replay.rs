//! What recording and replaying need of the inside of a session: verdicts taken out and told, a session without a key,
//! snapshots with other messages. What becomes of them is for `trace`.

use alloc::sync::Arc;

use super::authentication::Authenticator;
use super::snapshot::Snapshot;
use super::trust::TrustError;
use super::{Config, ConfigError, FacilitatorClient};
use crate::signature::AccountId;

/// Recording and replaying.
impl FacilitatorClient {
    /// A session that has no key, and verifies nothing: it takes the verdicts that it is told.
    pub(crate) fn for_replay(
        config: Config,
        account: AccountId,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        let authenticator = Authenticator::nobody(config.authentication);
        let mut session = Self::assemble(config, authenticator, account, account.to_ss58(), seed)?;
        session.trust.take_orders();
        Ok(session)
    }

    /// The verdict on the next message that is to be trusted.
    pub(crate) fn tell_verdict(&mut self, verdict: Option<Result<(), TrustError>>) {
        self.trust.tell(verdict);
    }

    /// The verdict on the latest message, if one was reached since this was asked last.
    pub(crate) fn take_verdict(&mut self) -> Option<Result<(), TrustError>> {
        self.trust.take_verdict()
    }
}

impl Snapshot {
    /// The same with other messages.
    pub(crate) fn map_messages(&self, mut map: impl FnMut(&str) -> Arc<str>) -> Self {
        let mut mapped = self.clone();
        for owed in &mut mapped.owed {
            owed.message = map(&owed.message);
        }
        mapped
    }
}
