//! When to try again.

use facilitator_tokio::core::client::OnSignatureInvalid;

use super::super::key::{At, Key, Section};
use super::super::kinds::{Choice, Time};

pub(super) const SECTION: Section = Section {
    name: "retry",
    heading: "Retry",
    keys: &[
        Key::new(
            "retry.backoff_initial",
            "backoff-initial",
            &At {
                kind: Time { zero: false },
                place: |s| &mut s.config.backoff_initial,
            },
            "Upper limit of the first random delay before a new attempt",
        ),
        Key::new(
            "retry.backoff_max",
            "backoff-max",
            &At {
                kind: Time { zero: false },
                place: |s| &mut s.config.backoff_max,
            },
            "Upper limit of every random delay before a new attempt",
        ),
        Key::new(
            "retry.backoff_reset_after",
            "backoff-reset-after",
            &At {
                kind: Time { zero: true },
                place: |s| &mut s.config.backoff_reset_after,
            },
            "How long a session must have been ready before the delays start anew",
        ),
        Key::new(
            "retry.retry_after_max",
            "retry-after-max",
            &At {
                kind: Time { zero: true },
                place: |s| &mut s.config.retry_after_max,
            },
            "Upper limit of a delay that a server asks for with Retry-After",
        ),
        Key::new(
            "retry.refused_delay",
            "refused-delay",
            &At {
                kind: Time { zero: false },
                place: |s| &mut s.config.refused_delay,
            },
            "Delay after a refused authentication; up to a fifth of it is added at random",
        ),
        Key::new(
            "retry.on_signature_invalid",
            "on-signature-invalid",
            &At {
                kind: Choice {
                    names: &[
                        ("retry", OnSignatureInvalid::Retry),
                        ("stop", OnSignatureInvalid::Stop),
                    ],
                },
                place: |s| &mut s.config.on_signature_invalid,
            },
            "What follows when the facilitator refuses the signature: \"retry\" after refused_delay, or \"stop\" the program",
        ),
    ],
};
