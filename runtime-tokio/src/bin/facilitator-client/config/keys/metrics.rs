//! Who can watch the session.

use super::super::key::{At, Key, Section};
use super::super::kinds::{Listen, Switch};

pub(super) const SECTION: Section = Section {
    name: "metrics",
    heading: "Metrics and status page",
    keys: &[
        Key::new(
            "metrics.listen",
            "metrics",
            &At {
                kind: Listen,
                place: |s| &mut s.metrics.listen,
            },
            "Serve metrics for Prometheus (/metrics), health checks (/healthz, /readyz) and a status page (/) there\n\
             A port alone is one of 127.0.0.1; port 0 is any that is free, and the log says which.",
        ),
        Key::new(
            "metrics.allow_remote",
            "metrics-allow-remote",
            &At {
                kind: Switch,
                place: |s| &mut s.metrics.allow_remote,
            },
            "Allow other machines to reach them: there is no password, and no encryption",
        ),
    ],
};
