//! The rows of the core alone: no socket, no clock. Their workloads are those of its benchmarks, the files themselves: a
//! dependency could not share them, because the core would have to depend on what depends on it.

mod bare;
mod cycle;
mod decode;
mod deep;
mod rival;
mod strings;
mod verify;

#[path = "../../../../../core/benches/workload/reports.rs"]
#[expect(
    clippy::indexing_slicing,
    reason = "a workload stops where its own data are wrong"
)]
mod reports;
#[path = "../../../../../core/benches/samples/mod.rs"]
#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a workload stops where its own data are wrong"
)]
mod samples;
#[path = "../../../../../core/benches/workload/session.rs"]
#[expect(
    clippy::expect_used,
    reason = "a workload stops where its own data are wrong"
)]
mod session;
#[path = "../../../../../core/benches/workload/toy.rs"]
mod toy;

use facilitator_tests::compare::{Bar, Row};

/// Rounds of microseconds: many.
const ROUNDS: usize = 1000;

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "core-cycle",
        title: "core cycle / VecDeque toy",
        explanation: "Submit a status, transmit it, take its acknowledgement; 100 jobs open. The toy formats the same \
                      text, queues it, copies it for the socket, and forgets the oldest when an answer comes.",
        bar: Bar::at_most(3.0, 1.5),
        measure: |plan| Ok(cycle::statuses(plan)),
    },
    Row {
        id: "core-cycle-output",
        title: "the same, jobs end with output",
        explanation: "As above; every sixth status ends a job and carries what its process wrote.",
        bar: Bar::at_most(3.0, 1.5),
        measure: |plan| Ok(cycle::with_output(plan)),
    },
    Row {
        id: "decode-job",
        title: "decode V2JobRequest / serde_json owned",
        explanation: "A signed request of 1.7 KB as the facilitator pushes it. Ours finds out what it is, keeps what it \
                      does not know, and reads base64 and long integers; the rival derives `Deserialize`, owns its \
                      fields, and is told what it reads.",
        bar: Bar::at_most(0.7, 0.5),
        measure: |plan| Ok(decode::job_request(plan)),
    },
    Row {
        id: "decode-success",
        title: "decode the plain success / serde_json",
        explanation: "What answers nearly every status, byte by byte what the facilitator sends.",
        bar: Bar::AtMost {
            bar: 0.1,
            aim: None,
        },
        measure: |plan| Ok(decode::success(plan)),
    },
    Row {
        id: "verify",
        title: "verify a job request / bare signature check",
        explanation: "The signatory's address, the payload, its hash and the signature (sr25519), against the signature \
                      alone over a digest that is ready.",
        bar: Bar::AtMost {
            bar: 1.15,
            aim: None,
        },
        measure: verify::job_request,
    },
    Row {
        id: "deep-queue",
        title: "an update with 1,000,000 queued / with 100",
        explanation: "The cycle of the session against itself, with 100 jobs open and equally many uuids to report on. \
                      Nothing but the length of the queue differs.",
        bar: Bar::at_most(1.1, 1.02),
        measure: |plan| Ok(deep::queue(plan)),
    },
];
