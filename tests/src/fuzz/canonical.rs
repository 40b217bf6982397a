//! Bytes as what is signed, against an independent slow implementation.

use facilitator_core::message::{DecodeMode, FacilitatorMessage, Json, V0JobCheated};
use facilitator_core::signature::SignedMessage;

use crate::signed;

/// The payloads that were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payloads {
    /// Of reports with the whole input as their details.
    pub details: usize,
    /// Of job requests.
    pub requests: usize,
    /// Of cheat reports.
    pub reports: usize,
}

/// Compares the signed payloads of whatever `data` is with the yardstick's.
///
/// # Panics
/// When they differ, or when one side reads JSON that the other cannot read.
pub fn canonical(data: &[u8]) -> Payloads {
    let mut payloads = Payloads::default();
    let Ok(text) = core::str::from_utf8(data) else {
        return payloads;
    };
    match Json::parse(text) {
        Ok(details) => {
            let report = V0JobCheated {
                signature: None,
                job_uuid: "j".into(),
                trusted_job_uuid: "t".into(),
                details,
            };
            payloads.details = 1;
            same(&report, text);
        }
        Err(error) => {
            // The strictest reader of all: what it takes, Python takes.
            let plain = serde_json::from_str::<serde_json::Value>(text);
            assert!(plain.is_err(), "good JSON is refused: {error}");
        }
    }
    match FacilitatorMessage::decode(text, DecodeMode::Lenient).map(|decoded| decoded.message) {
        Ok(FacilitatorMessage::JobRequest(request)) => {
            payloads.requests = 1;
            let payload = SignedMessage::from(&*request).payload();
            assert_eq!(payload, signed::job_request(&request));
        }
        Ok(FacilitatorMessage::JobCheated(report)) => {
            payloads.reports = 1;
            same(&report, report.details.as_str());
        }
        _ => {}
    }
    payloads
}

fn same(report: &V0JobCheated, details: &str) {
    let payload = SignedMessage::from(report).payload();
    assert_eq!(payload, signed::job_cheated(report, details));
}
