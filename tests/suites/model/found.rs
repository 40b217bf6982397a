//! Scripts that once found something, each with what it was. They are kept as they were printed.

use facilitator_core::message::JobStatus::{Accepted, Completed, Failed};
use facilitator_tests::model::run;
use facilitator_tests::model::script::Step::{
    Abort, Flow, Give, GiveLarge, LargeSpecs, Push, Restart, Specs, Start, Stop, Suspend,
};
use facilitator_tests::model::script::{Script, Setup, Step};

fn replay(setup: Setup, steps: &[Step]) {
    let steps = steps.to_vec();
    if let Err(failure) = run(&Script { setup, steps }) {
        panic!("{failure}");
    }
}

/// A tick that came after both the end of a stop and a job's deadline queued a status in a session that had ended.
#[test]
fn a_stop_and_a_job_end_in_one_tick() {
    replay(Setup::default(), &[Push(0), Flow, Stop, Suspend(3600)]);
}

/// A terminal status, which is taken beyond the bytes, kept the specs before it out of the next session.
#[test]
fn restored_beyond_the_bytes() {
    replay(
        Setup {
            outbox_entries: 6,
            message_bytes: 1024,
            outbox_bytes: 2048,
            ..Setup::default()
        },
        &[
            Specs(0),
            GiveLarge(6, Accepted, 100),
            LargeSpecs(0, 500),
            Give(7, Accepted),
            Give(0, Failed),
            Give(6, Completed),
            Restart(false),
        ],
    );
}

/// A terminal status that was handed back left more jobs open than the next session took.
#[test]
fn restored_beyond_the_open_jobs() {
    replay(
        Setup {
            outbox_entries: 6,
            open_jobs: 1,
            ..Setup::default()
        },
        &[
            Give(0, Failed),
            Give(1, Accepted),
            Abort,
            Start,
            Restart(false),
        ],
    );
}
