//! What the session is doing, why, and what comes next.

use facilitator_tokio::core::client::{Health, Phase};

use super::super::clock::millis;
use super::html::Html;
use super::{Material, tone};

pub(super) fn write(html: &mut Html, material: &Material<'_>) {
    let (overview, about) = (material.overview, material.about);
    let tone = match overview.health {
        Health::Refused => "bad",
        _ if material.is_stopping => "ending",
        _ => tone(overview.phase),
    };
    html.raw("<div class=\"headline ").text(tone).raw("\"><h2>");
    html.text(material.state).raw("</h2><p>");
    if material.state != overview.phase.as_str() {
        html.raw(
            "A stop was asked for: no new job is taken, and running ones have some time to end. ",
        );
    }
    html.text(meaning(overview.phase, overview.health));
    if let Some(at) = overview.next_attempt {
        html.raw(" Next attempt in <strong>");
        html.until(millis(at.as_duration())).raw("</strong>.");
    }
    if let Some(at) = overview.drain_deadline {
        html.raw(" It ends within <strong>");
        html.until(millis(at.as_duration())).raw("</strong>.");
    }
    html.raw("</p>");
    if let Some(reason) = &overview.reason {
        html.raw("<p class=\"reason\">").text(reason).raw("</p>");
    }
    html.raw("</div><dl><div><dt>Facilitator</dt><dd class=\"id\">");
    html.text(&about.host).raw(":").text(about.port);
    html.raw("</dd></div><div><dt>Validator</dt><dd class=\"id\">");
    html.text(&about.hotkey)
        .raw("</dd></div><div><dt>Health</dt><dd>");
    html.text(overview.health).raw("</dd></div>");
    if let Some(since) = material.chronicle.phase_since(overview.phase) {
        html.raw("<div><dt>In this phase for</dt><dd>");
        html.since(since).raw("</dd></div>");
    }
    if overview.phase != Phase::Idle {
        // Subtracted before it is rounded: the same each time, so that the page need not be sent again.
        let started = overview
            .now
            .as_duration()
            .saturating_sub(overview.stats.uptime);
        html.raw("<div><dt>Running for</dt><dd>");
        html.since(millis(started)).raw("</dd></div>");
    }
    html.raw("</dl>");
}

fn meaning(phase: Phase, health: Health) -> &'static str {
    match (phase, health) {
        (Phase::Waiting, Health::Refused) => {
            "The facilitator does not accept who we are: look at the key and the endpoint. What is owed is kept."
        }
        (Phase::Idle, _) => "The session does not run.",
        (Phase::Connecting, _) => "A connection attempt is under way.",
        (Phase::Authenticating, _) => "Connected; the answer to the authentication is awaited.",
        (Phase::Ready, _) => "Authenticated: messages flow.",
        (Phase::Waiting, _) => "There is no connection. What is owed is kept.",
        (Phase::Draining, _) => "The session is stopping, and delivers what is owed.",
        (Phase::Closing, _) => "The connection is being closed.",
        _ => "",
    }
}
