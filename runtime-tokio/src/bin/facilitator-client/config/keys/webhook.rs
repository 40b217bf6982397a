//! Who is told of each authentication.

use super::super::key::{At, Key, Section};
use super::super::kinds::{Time, WebUrl};

pub(super) const SECTION: Section = Section {
    name: "webhook",
    heading: "Webhook",
    keys: &[
        Key::new(
            "webhook.uri",
            "webhook",
            &At {
                kind: WebUrl,
                place: |s| &mut s.webhook.url,
            },
            "Ask for this URL (GET) after each authentication\n\
             Whatever comes of it changes nothing but the log. It is reached as the facilitator is: through the same proxy, save for \
             the hosts of `proxy.except` or NO_PROXY, and https trusts whom the session trusts. A proxy of https:// it cannot use.",
        ),
        Key::new(
            "webhook.timeout",
            "webhook-timeout",
            &At {
                kind: Time { zero: false },
                place: |s| &mut s.webhook.timeout,
            },
            "How long that may take in all",
        ),
    ],
};
