//! How often, and how long.

use super::super::key::{At, Key, Section};
use super::super::kinds::Time;

const TIME: Time = Time { zero: false };

pub(super) const SECTION: Section = Section {
    name: "timing",
    heading: "Timing",
    keys: &[
        Key::new(
            "timing.heartbeat_interval",
            "heartbeat-interval",
            &At {
                kind: TIME,
                place: |s| &mut s.config.heartbeat_interval,
            },
            "Time between two heartbeats",
        ),
        Key::new(
            "timing.ping_interval",
            "ping-interval",
            &At {
                kind: TIME,
                place: |s| &mut s.config.ping_interval,
            },
            "Time between two WebSocket pings; proxies cut what is silent for 60s",
        ),
        Key::new(
            "timing.pong_timeout",
            "pong-timeout",
            &At {
                kind: TIME,
                place: |s| &mut s.config.pong_timeout,
            },
            "Time for an answer to a ping",
        ),
        Key::new(
            "timing.connect_timeout",
            "connect-timeout",
            &At {
                kind: TIME,
                place: |s| &mut s.config.connect_timeout,
            },
            "Time for DNS, TCP, TLS and the WebSocket handshake together",
        ),
        Key::new(
            "timing.authentication_timeout",
            "authentication-timeout",
            &At {
                kind: TIME,
                place: |s| &mut s.config.authentication_timeout,
            },
            "Time for the answer to the authentication",
        ),
        Key::new(
            "timing.acknowledgement_timeout",
            "acknowledgement-timeout",
            &At {
                kind: TIME,
                place: |s| &mut s.config.acknowledgement_timeout,
            },
            "Time for the answer to a status update",
        ),
        Key::new(
            "timing.close_timeout",
            "close-timeout",
            &At {
                kind: TIME,
                place: |s| &mut s.config.close_timeout,
            },
            "Time for the closing handshake",
        ),
        Key::new(
            "timing.drain_timeout",
            "drain-timeout",
            &At {
                kind: TIME,
                place: |s| &mut s.config.drain_timeout,
            },
            "Time from a stop to the end, at most",
        ),
        Key::new(
            "timing.job_margin",
            "job-margin",
            &At {
                kind: Time { zero: true },
                place: |s| &mut s.config.job_margin,
            },
            "Time that a job has beyond the limits of its request, before it is ended as horde_failed",
        ),
        Key::new(
            "timing.adopted_job_limit",
            "adopted-job-limit",
            &At {
                kind: TIME,
                place: |s| &mut s.config.adopted_job_limit,
            },
            "Time of a job that was taken up by its status alone, before it is ended as horde_failed",
        ),
    ],
};
