//! Every use at the wrong time fails at once and says what to call.

use facilitator_core::client::SendError;
use facilitator_core::message::{JobStatus, V0JobStatusUpdate};
use facilitator_tests::solo::{Solo, config, job, specs};

fn send(solo: &mut Solo) -> SendError {
    let by_status = solo.client.send_job_status(
        solo.now,
        V0JobStatusUpdate::new(job(1), JobStatus::Accepted),
    );
    let by_specs = solo
        .client
        .send_machine_specs(solo.now, "5X", &job(2), specs());
    let (by_status, by_specs) = (by_status.unwrap_err(), by_specs.unwrap_err());
    assert_eq!(by_status, by_specs);
    by_status
}

#[test]
fn sending_after_stop_says_to_call_start_again() {
    let mut solo = Solo::ready(config());
    solo.client.abort(solo.now).unwrap();
    let error = send(&mut solo);
    assert_eq!(error, SendError::Stopped);
    assert!(error.to_string().contains("call `start` again"), "{error}");
}

#[test]
fn sending_while_stopping_says_to_wait() {
    let mut solo = Solo::ready(config());
    solo.send(&job(1), JobStatus::Accepted);
    solo.client.stop(solo.now).unwrap();
    let error = send(&mut solo);
    assert_eq!(error, SendError::Stopping);
    assert!(
        error.to_string().contains("wait until it has stopped"),
        "{error}"
    );
}
