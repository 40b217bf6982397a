//! A job whose worker has given its last status, which does not arrive: the facilitator refuses it, or connections broke
//! over it until it was set aside. The session has opened the job again then; here it gets its end.

use facilitator_tokio::FacilitatorClient;
use facilitator_tokio::core::client::{Outcome, Receipt, SendError, Subject};
use facilitator_tokio::core::message::{
    HordeFailureDetails, HordeFailureReason, JobParticipant, JobStatus,
};
use tracing::{debug, warn};
use uuid::Uuid;

use super::news::News;
use super::telling::Telling;

/// What the facilitator is told then.
const REASON: &str = "the worker's last status could not be delivered";

/// The line that tells of it.
pub(super) fn told(uuid: &str) -> Telling<'_> {
    Telling::ended(uuid, REASON)
}

/// Ends the job of a receipt as `horde_failed`, if it is that of a last status that did not arrive; its uuid then. It is
/// tried once: what does not arrive either is ended by the session itself when the job's time is over.
pub(super) async fn settle(
    client: &FacilitatorClient,
    news: &News,
    receipt: &Receipt,
) -> Option<Uuid> {
    let Subject::JobStatus { uuid, status } = &receipt.subject else {
        return None;
    };
    let is_lost = matches!(receipt.outcome, Outcome::Refused(_) | Outcome::SetAside(_));
    if !is_lost || !status.is_terminal() {
        return None;
    }
    end(client, news, *uuid, *status, receipt.outcome.as_str()).await
}

async fn end(
    client: &FacilitatorClient,
    news: &News,
    uuid: Uuid,
    status: JobStatus,
    outcome: &'static str,
) -> Option<Uuid> {
    let text = uuid.to_string();
    let (participant, reason) = (JobParticipant::Validator, HordeFailureReason::GenericError);
    let details = HordeFailureDetails::new(participant, reason, REASON);
    match client.fail_horde(&text, details).await {
        Ok(_) => {
            warn!(%uuid, %status, outcome, "the last status was not delivered; the job ends as horde_failed");
            news.tell(&told(&text));
            Some(uuid)
        }
        // The facilitator does not know the job, or somebody was faster.
        Err(SendError::JobEnded { .. }) => {
            debug!(%uuid, %status, outcome, "the last status was not delivered");
            None
        }
        Err(error) => {
            warn!(%uuid, %status, outcome, %error, "the last status was not delivered, and the job has no other one");
            None
        }
    }
}
