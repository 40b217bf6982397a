//! The events of the session, one after the other: to the log, and to stdout.

use facilitator_tokio::FacilitatorClient;
use facilitator_tokio::core::client::{Event, LostReason, Outcome, Owed, Phase, Unexpected};
use facilitator_tokio::core::message::ResponseError;
use tracing::{debug, error, info, warn};

use super::events::{Line, lost_cause, seconds};
use crate::output::Output;

/// Tells every event until the session has ended. Returns what was not delivered.
///
/// While the reader of stdout takes nothing, no event is taken either; the driver bounds what waits.
pub(super) async fn keep(client: FacilitatorClient, output: Output) -> Vec<Owed> {
    while let Ok(event) = client.next_event().await {
        log(&event);
        if let Event::Stopped { owed } = event {
            return owed;
        }
        if let Some(line) = Line::of(&event) {
            output.print(&line).await;
        }
    }
    Vec::new()
}

/// One line in the log for what a reader wants to know. Texts from outside are written escaped, and contents of
/// messages not at all.
fn log(event: &Event) {
    match event {
        Event::Phase(change) => match (&change.reason, change.retry_in) {
            (Some(reason), Some(retry_in)) => info!(
                cause = lost_cause(reason),
                retry_in_s = seconds(retry_in),
                "{}",
                change.phase
            ),
            _ if matches!(change.phase, Phase::Connecting | Phase::Authenticating) => {
                debug!("{}", change.phase);
            }
            _ => info!("{}", change.phase),
        },
        Event::ConnectionLost { reason, owed, .. } => {
            let (text, cause) = (reason.to_string(), lost_cause(reason));
            if matches!(reason, LostReason::AuthenticationRefused(_)) {
                error!(cause, owed, reason = ?text, "connection lost");
            } else {
                warn!(cause, owed, reason = ?text, "connection lost");
            }
        }
        Event::JobRequested(request) => info!(uuid = ?request.uuid, "job requested"),
        Event::JobDeclined { uuid, reason } => warn!(?uuid, %reason, "job declined"),
        Event::JobCheated(report) => warn!(uuid = ?report.job_uuid, "job cheated"),
        Event::Receipt(receipt) => {
            let (subject, outcome) = (&receipt.subject, receipt.outcome.as_str());
            match &receipt.outcome {
                Outcome::Refused(errors) => {
                    warn!(?subject, outcome, errors = ?kinds(errors), "receipt");
                }
                Outcome::SetAside(_) => warn!(?subject, outcome, "receipt"),
                _ => debug!(?subject, outcome, "receipt"),
            }
        }
        Event::Malformed(error) => warn!(error = ?error.to_string(), "malformed message"),
        Event::Unexpected(unexpected) => match unexpected {
            Unexpected::Response { errors } => {
                warn!(errors = ?kinds(errors), "unexpected response");
            }
            Unexpected::HeartbeatRefused { errors } => {
                warn!(errors = ?kinds(errors), "heartbeat refused");
            }
            Unexpected::Binary(bytes) => warn!(bytes, "unexpected binary frame"),
            _ => warn!("unexpected message"),
        },
        Event::Missed { events } => warn!(events, "stdout is read too slowly, events were missed"),
        Event::Stopped { owed } => info!(owed = owed.len(), "stopped"),
        _ => {}
    }
}

/// The names of errors, cut to what a log can bear.
fn kinds(errors: &[ResponseError]) -> Vec<String> {
    let cut = |error: &ResponseError| error.kind.chars().take(64).collect();
    errors.iter().take(4).map(cut).collect()
}
