//! Scripts that once found something, as they were printed.

use facilitator_core::message::JobStatus::*;
use facilitator_tests::model::run;
use facilitator_tests::model::script::{Script, Setup, Step, Step::*};

fn replay(setup: Setup, steps: &[Step]) {
    let script = Script {
        setup,
        steps: steps.to_vec(),
    };
    if let Err(failure) = run(&script) {
        panic!("{failure}");
    }
}

#[test]
fn found_1() {
    replay(
        Setup {
            seed: 0,
            ..Setup::default()
        },
        &[Push(0), Flow, Stop, Suspend(3600)],
    );
}
#[test]
fn found_2() {
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
