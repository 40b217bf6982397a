//! What the session holds has bounds, says so when they are reached, and is given back.

use allocation_counter::measure;
use facilitator_core::client::{Config, SendError};
use facilitator_core::message::JobStatus::{
    Accepted, ExecutionDone, ExecutorReady, Failed, VolumesReady,
};
use facilitator_tests::solo::{SUCCESS, Solo, config, job, job_request, update};

/// One job from its request to its end, with a break of the connection in the middle of some.
fn run_job(solo: &mut Solo, n: u128) {
    solo.receive(&job_request(&job(n)));
    for status in [Accepted, ExecutorReady, VolumesReady, ExecutionDone, Failed] {
        solo.send(&job(n), status);
    }
    if n.is_multiple_of(500) {
        solo.cut();
        solo.reconnect();
    }
    for _ in 0..6 {
        solo.receive(SUCCESS);
    }
    solo.take();
}

#[test]
fn ten_thousand_jobs_leave_memory_and_maps_where_they_were() {
    let mut solo = Solo::ready(Config {
        ended_jobs: 100,
        ..config()
    });
    // Until as many ended jobs are remembered as shall be, and every buffer has its size.
    for n in 0..1000 {
        run_job(&mut solo, n);
    }
    let before = solo.client.stats();
    let memory = measure(|| {
        for n in 1000..11_000 {
            run_job(&mut solo, n);
        }
    });
    let after = solo.client.stats();
    println!(
        "{} allocations of {} bytes, {} bytes of them left",
        memory.count_total, memory.bytes_total, memory.bytes_current
    );
    assert_eq!(after.jobs_received - before.jobs_received, 10_000);
    assert_eq!(
        after.statuses_acknowledged - before.statuses_acknowledged,
        60_000
    );
    assert_eq!(
        (
            after.outbox_length,
            after.outbox_bytes,
            after.in_flight,
            after.open_jobs
        ),
        (0, 0, 0, 0)
    );
    // Less than one byte for each job: what remains is a matter of how full a map's nodes are.
    assert!(
        memory.bytes_current.abs() < 10_000,
        "{} bytes more than before",
        memory.bytes_current
    );
}

#[test]
fn a_full_outbox_refuses_the_newest_and_loses_none() {
    let mut config = config();
    config.outbox_entries = 10;
    let mut solo = Solo::ready(config);
    // Each job takes a slot for its status and one for its terminal status.
    let mut ids: Vec<_> = (0..5).map(|n| solo.send(&job(n), Accepted)).collect();
    for newest in [update(&job(9), Accepted), update(&job(1), VolumesReady)] {
        let full = solo.client.send_job_status(solo.now, newest).unwrap_err();
        let (owed, capacity) = (10, 10);
        assert_eq!(full, SendError::Full { owed, capacity });
        assert!(full.is_full());
        assert!(full.to_string().contains("outbox is full"), "{full}");
    }
    // The reserved slots are there all the same.
    ids.extend((0..5).map(|n| solo.send(&job(n), Failed)));
    assert_eq!(solo.client.owed(), 10);
    for _ in 0..10 {
        solo.receive(SUCCESS);
    }
    let out = solo.take();
    assert!(ids.into_iter().all(|id| out.outcome(id).is_delivered()));
    solo.send(&job(9), Accepted);
}
