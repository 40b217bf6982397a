//! Ten thousand jobs through the driver: what it takes for one, it gives back.

use allocation_counter::measure;
use facilitator_core::client::{Config, Event};
use facilitator_core::message::JobStatus::{
    Accepted, ExecutionDone, ExecutorReady, Failed, VolumesReady,
};
use facilitator_tests::solo::{SUCCESS, job, job_request};
use tokio::runtime::Builder;

use crate::memory::{Client, Peer, World, config, within};

/// One job from its request to its last receipt.
async fn run_job(client: &Client, peer: &mut Peer, n: u128) {
    peer.send(&job_request(&job(n))).await;
    loop {
        if let Event::JobRequested(_) = client.next_event().await.unwrap() {
            break;
        }
    }
    let mut receipts = Vec::new();
    for status in [Accepted, ExecutorReady, VolumesReady, ExecutionDone, Failed] {
        receipts.push(client.send_status(&job(n), status).await.unwrap());
    }
    // `received` is the session's own.
    for _ in 0..6 {
        while !peer.text().await.contains("V0JobStatusUpdate") {}
        peer.send(SUCCESS).await;
    }
    for receipt in receipts {
        assert!(within(10, receipt).await.outcome.is_delivered());
    }
}

#[test]
fn ten_thousand_jobs_leave_no_task_and_no_memory_behind() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut world = World::new(Config {
        ended_jobs: 100,
        ..config()
    });
    let mut peer = runtime.block_on(world.ready());
    let client = world.client.clone();
    let mut run = |jobs: std::ops::Range<u128>| {
        runtime.block_on(async {
            for n in jobs {
                run_job(&client, &mut peer, n).await;
            }
        });
        runtime.metrics().num_alive_tasks()
    };
    let tasks = run(0..1000);
    assert_eq!(tasks, 1, "the session's own");
    let memory = measure(|| assert_eq!(run(1000..11_000), tasks));
    println!(
        "{} allocations of {} bytes, {} bytes of them left",
        memory.count_total, memory.bytes_total, memory.bytes_current
    );
    assert!(
        memory.bytes_current.abs() < 10_000,
        "{} bytes more than before",
        memory.bytes_current
    );
}
