//! How much.

use facilitator_tokio::core::client::WhenJobsWait;

use super::super::key::{At, Key, Section};
use super::super::kinds::{Choice, Count, Size};

const MOST: u32 = 1_000_000;
const SIZE: Size = Size {
    least: 1 << 10,
    most: 1 << 30,
};

pub(super) const SECTION: Section = Section {
    name: "limits",
    heading: "Limits",
    keys: &[
        Key::new(
            "limits.window",
            "window",
            &At {
                kind: Count::between(1, MOST),
                place: |s| &mut s.config.window,
            },
            "Status updates that may be unanswered at once",
        ),
        Key::new(
            "limits.outbox_entries",
            "outbox-entries",
            // Room for a status and the last status of one job, and for a job that is refused.
            &At {
                kind: Count::between(3, MOST),
                place: |s| &mut s.config.outbox_entries,
            },
            "Status updates that may be owed at once",
        ),
        Key::new(
            "limits.outbox_bytes",
            "outbox-bytes",
            &At {
                kind: SIZE,
                place: |s| &mut s.config.outbox_bytes,
            },
            "Messages that may be owed at once, in bytes",
        ),
        Key::new(
            "limits.specs_entries",
            "specs-entries",
            &At {
                kind: Count::between(1, MOST),
                place: |s| &mut s.config.specs_entries,
            },
            "Machine specs that may be owed at once",
        ),
        Key::new(
            "limits.message_bytes",
            "message-bytes",
            &At {
                kind: SIZE,
                place: |s| &mut s.config.message_bytes,
            },
            "Largest message that is sent; some facilitators refuse 20MiB",
        ),
        Key::new(
            "limits.inbound_message_bytes",
            "inbound-message-bytes",
            &At {
                kind: SIZE,
                place: |s| &mut s.config.inbound_message_bytes,
            },
            "Largest message that is taken from the facilitator; job requests can carry whole volumes",
        ),
        Key::new(
            "limits.open_jobs",
            "open-jobs",
            &At {
                kind: Count::between(1, MOST),
                place: |s| &mut s.config.open_jobs,
            },
            "Jobs that may be open at once; further ones are rejected as busy",
        ),
        Key::new(
            "limits.waiting_job_bytes",
            "waiting-job-bytes",
            &At {
                kind: SIZE,
                place: |s| &mut s.config.waiting_job_bytes,
            },
            "Bytes of job requests that may wait for the workers to take them",
        ),
        Key::new(
            "limits.when_jobs_wait",
            "when-jobs-wait",
            &At {
                kind: Choice {
                    names: &[
                        ("reject", WhenJobsWait::Reject),
                        ("ignore", WhenJobsWait::Ignore),
                    ],
                },
                place: |s| &mut s.config.when_jobs_wait,
            },
            "What becomes of a job request beyond waiting_job_bytes: \"reject\" it as busy, or \"ignore\" it, for validators that share a hotkey",
        ),
        Key::new(
            "limits.waiting_events",
            "waiting-events",
            &At {
                kind: Count::between(1, MOST),
                place: |s| &mut s.config.waiting_events,
            },
            "Other events that may wait to be taken; beyond it the oldest are dropped and counted",
        ),
        Key::new(
            "limits.waiting_event_bytes",
            "waiting-event-bytes",
            &At {
                kind: SIZE,
                place: |s| &mut s.config.waiting_event_bytes,
            },
            "What these may hold in messages",
        ),
        Key::new(
            "limits.ended_jobs",
            "ended-jobs",
            &At {
                kind: Count::between(0, MOST),
                place: |s| &mut s.config.ended_jobs,
            },
            "Ended jobs that are remembered, so that a repeated request does not run them again",
        ),
    ],
};
