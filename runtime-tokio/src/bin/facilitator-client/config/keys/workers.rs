//! Who works on jobs, and within which bounds.

use super::super::key::{At, Key, Section};
use super::super::kinds::{Count, FilePath, ShellCommand, Time};

const TIME: Time = Time { zero: false };
const TIME_OR_NONE: Time = Time { zero: true };

pub(super) const SECTION: Section = Section {
    name: "workers",
    heading: "Workers",
    keys: &[
        Key::new(
            "workers.command",
            "worker",
            &At {
                kind: ShellCommand,
                place: |s| &mut s.workers.command,
            },
            "Run this for each job: the request on its stdin, statuses as JSON lines from its stdout\n\
             /bin/sh runs it, in a process group of its own. stdin of this program is not read then, and stdout only tells.",
        ),
        Key::new(
            "workers.socket",
            "socket",
            &At {
                kind: FilePath,
                place: |s| &mut s.workers.socket,
            },
            "Workers connect to this Unix socket, and speak JSON lines there\n\
             Only its owner can use it. stdin of this program is not read then, and stdout only tells. With a command as \
             well, jobs are the command's, and the socket takes machine specs.",
        ),
        Key::new(
            "workers.on_cheated",
            "on-cheated",
            &At {
                kind: ShellCommand,
                place: |s| &mut s.workers.on_cheated,
            },
            "Run this for each cheat report, one after the other: the report is on its stdin",
        ),
        Key::new(
            "workers.max_jobs",
            "max-jobs",
            &At {
                kind: Count::between(1, 100_000),
                place: |s| &mut s.workers.max_jobs,
            },
            "Jobs that workers have or wait for; one more is answered rejected, as busy",
        ),
        Key::new(
            "workers.parallel",
            "parallel",
            &At {
                kind: Count::between(0, 100_000),
                place: |s| &mut s.workers.parallel,
            },
            "Processes of the command at once, jobs beyond it wait; 0: as many as max_jobs",
        ),
        Key::new(
            "workers.queue_time",
            "queue-time",
            &At {
                kind: TIME_OR_NONE,
                place: |s| &mut s.workers.queue_time,
            },
            "How long a job waits for a worker, before it is answered rejected",
        ),
        Key::new(
            "workers.margin",
            "worker-margin",
            &At {
                kind: TIME_OR_NONE,
                place: |s| &mut s.workers.margin,
            },
            "Time that a process has beyond all limits of its job's request, before it is ended",
        ),
        Key::new(
            "workers.leeway",
            "worker-leeway",
            &At {
                kind: TIME_OR_NONE,
                place: |s| &mut s.workers.leeway,
            },
            "Time that a process has beyond the limits of the stages that it has told of, before it is ended",
        ),
        Key::new(
            "workers.grace",
            "worker-grace",
            &At {
                kind: TIME_OR_NONE,
                place: |s| &mut s.workers.grace,
            },
            "Time from SIGTERM to SIGKILL, for a process that has to end",
        ),
        Key::new(
            "workers.stop_time",
            "worker-stop-time",
            &At {
                kind: TIME_OR_NONE,
                place: |s| &mut s.workers.stop_time,
            },
            "Time that running jobs have to end by themselves once a stop was asked for",
        ),
        Key::new(
            "workers.absence",
            "worker-absence",
            &At {
                kind: TIME_OR_NONE,
                place: |s| &mut s.workers.absence,
            },
            "Time that a worker which has left the socket has to return to its jobs, before they are answered horde_failed",
        ),
        Key::new(
            "workers.stall",
            "worker-stall",
            &At {
                kind: TIME,
                place: |s| &mut s.workers.stall,
            },
            "A worker that reads nothing from the socket for this long is cut off",
        ),
    ],
};
