//! Whose jobs are taken.

use super::super::key::{At, Key, Section, Shorthand};
use super::super::kinds::{Count, FilePath, Switch, Time, TimeOr, Trusted};

pub(super) const SECTION: Section = Section {
    name: "trust",
    heading: "Trust",
    keys: &[
        Key {
            short: &[
                Shorthand {
                    flag: "trust-anyone",
                    value: "anyone",
                    about: "Take jobs that anybody has signed",
                },
                Shorthand {
                    flag: "unverified",
                    value: "unverified",
                    about: "Take every job, and look at no signature: for development",
                },
            ],
            ..Key::new(
                "trust.signatories",
                "trust",
                &At {
                    kind: Trusted,
                    place: |s| &mut s.config.trust.signatories,
                },
                "Accounts whose signed jobs are taken, besides those of the hotkey itself\n\
                 \"anyone\" takes every valid signature, \"unverified\" looks at none.",
            )
        },
        Key::new(
            "trust.file",
            "trust-file",
            &At {
                kind: FilePath,
                place: |s| &mut s.trust_file,
            },
            "Further such accounts: an SS58 address a line, with comments from `#` on",
        ),
        Key::new(
            "trust.sr25519",
            "trust-sr25519",
            &At {
                kind: Switch,
                place: |s| &mut s.config.trust.sr25519,
            },
            "Whether sr25519 signatures count",
        ),
        Key::new(
            "trust.ed25519",
            "trust-ed25519",
            &At {
                kind: Switch,
                place: |s| &mut s.config.trust.ed25519,
            },
            "Whether ed25519 signatures count",
        ),
        Key::new(
            "trust.max_age",
            "trust-max-age",
            &At {
                kind: TimeOr { none: "unlimited" },
                place: |s| &mut s.config.trust.max_age,
            },
            "How old a signature may be",
        ),
        Key::new(
            "trust.max_skew",
            "trust-max-skew",
            &At {
                kind: Time { zero: true },
                place: |s| &mut s.config.trust.max_skew,
            },
            "How far in the future a signature may lie, when its age is checked: clocks differ",
        ),
        Key::new(
            "trust.verifications_per_second",
            "verifications-per-second",
            &At {
                kind: Count::between(1, 1_000_000),
                place: |s| &mut s.config.trust.verifications_per_second,
            },
            "Signatures that are verified in a second at the most; what comes beyond is rejected as busy",
        ),
    ],
};
