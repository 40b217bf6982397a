//! What is logged.

use super::super::key::{At, Key, Section};
use super::super::kinds::{Choice, Filter};
use super::super::settings::LogFormat;

pub(super) const SECTION: Section = Section {
    name: "log",
    heading: "Log",
    keys: &[
        Key::new(
            "log.filter",
            "log",
            &At {
                kind: Filter,
                place: |s| &mut s.log.filter,
            },
            "What the log on stderr shows: a level, and levels of parts as \"info,facilitator_core=debug\"",
        ),
        Key::new(
            "log.format",
            "log-format",
            &At {
                kind: Choice {
                    names: &[("text", LogFormat::Text), ("json", LogFormat::Json)],
                },
                place: |s| &mut s.log.format,
            },
            "How a line of the log is written",
        ),
    ],
};
