//! The status page: which parts it has, and the document around them. Each part is a file of its own; what they write
//! with is `html`. The look is in `page.css`. `page.js` replaces the parts that have changed, and writes how long ago
//! things were; without it, the page is what it was when it was asked for, and asks again by itself.

mod connections;
mod entries;
mod html;
mod jobs;
mod queue;
mod state;
mod timeline;

use facilitator_tokio::core::client::{Overview, Phase};
use serde::Serialize;

use self::html::{Ages, Html};
use super::chronicle::Chronicle;
use super::clock::millis;
use super::{About, Shared};

pub(super) const STYLE: &str = include_str!("page.css");
pub(super) const SCRIPT: &str = include_str!("page.js");

/// A part of the page.
#[derive(PartialEq, Eq, Serialize)]
pub(super) struct Section {
    id: &'static str,
    html: String,
}

/// The page at one moment.
pub(super) struct View {
    pub(super) now: u64,
    pub(super) title: String,
    pub(super) sections: Vec<Section>,
}

/// All that the parts are written from.
struct Material<'a> {
    /// What is going on, in one word.
    state: &'static str,
    is_stopping: bool,
    about: &'a About,
    overview: &'a Overview,
    chronicle: &'a Chronicle,
    now: u64,
}

type Part = fn(&mut Html, &Material<'_>);

/// Every part: its id, its heading, and what writes it.
const PARTS: [(&str, &str, Part); 6] = [
    ("state", "State", state::write),
    ("timeline", "Time line", timeline::write),
    ("queue", "Queue and window", queue::write),
    ("jobs", "Open jobs", jobs::write),
    ("connections", "Connections", connections::write),
    ("entries", "Recent events", entries::write),
];

/// The parts without the ages, which the script writes.
pub(super) fn live(shared: &Shared) -> View {
    view(shared, Ages::Left)
}

fn view(shared: &Shared, ages: Ages) -> View {
    let overview = shared.overview();
    let chronicle = shared.chronicle();
    let now = millis(overview.now.as_duration());
    let state = shared.state(&overview);
    let material = Material {
        state,
        is_stopping: shared.is_stopping(),
        about: &shared.about,
        overview: &overview,
        chronicle: &chronicle,
        now,
    };
    let sections = PARTS.map(|(id, heading, part)| {
        let mut html = Html::new(now, ages);
        // The state says itself what it is.
        if id != "state" {
            html.raw("<h2>").text(heading).raw("</h2>");
        }
        part(&mut html, &material);
        Section {
            id,
            html: html.finish(),
        }
    });
    View {
        now,
        title: format!("{state} · {}", shared.about.host),
        sections: sections.into(),
    }
}

/// The whole document.
pub(super) fn document(shared: &Shared) -> String {
    let view = view(shared, Ages::Written);
    let mut html = Html::new(view.now, Ages::Written);
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>")
        .text(&view.title)
        .raw("</title>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw("<meta name=\"color-scheme\" content=\"light dark\">\n")
        .raw("<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M1 9h3l2-6 4 11 2-5h3' fill='none' stroke='%232f7d5b' stroke-width='2' stroke-linejoin='round'/%3E%3C/svg%3E\">\n")
        .raw("<link rel=\"stylesheet\" href=\"page.css\">\n<script src=\"page.js\" defer></script>\n")
        .raw("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n</head>\n<body data-now=\"")
        .text(view.now)
        .raw("\">\n<header><h1>facilitator-client</h1><p id=\"link\" role=\"status\">as of loading</p></header>\n<main>\n");
    for section in view.sections {
        html.raw("<section id=\"").text(section.id).raw("\">");
        html.section(&section.html);
        html.raw("</section>\n");
    }
    html.raw("</main>\n<footer><p>facilitator-client ")
        .text(env!("CARGO_PKG_VERSION"))
        .raw("</p><nav><a href=\"metrics\">metrics</a> <a href=\"healthz\">healthz</a> <a href=\"readyz\">readyz</a></nav></footer>\n</body>\n</html>\n");
    html.finish()
}

/// What colour a phase has.
fn tone(phase: Phase) -> &'static str {
    match phase {
        Phase::Ready => "good",
        Phase::Connecting | Phase::Authenticating => "busy",
        Phase::Waiting => "bad",
        Phase::Draining | Phase::Closing => "ending",
        _ => "off",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use facilitator_tokio::core::signature::Scheme;
    use facilitator_tokio::{Config, Endpoint, FacilitatorClient, Keypair};
    use tokio::net::TcpListener;
    use tokio::time::advance;

    use super::*;

    /// Whatever the fractions of a millisecond are: an open page is sent what has changed, and nothing else.
    #[tokio::test(start_paused = true)]
    async fn what_goes_on_is_written_in_the_same_way() {
        // It takes the connection, and says nothing.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("ws://{}/", listener.local_addr().unwrap());
        let config = Config::new(Endpoint::parse(&uri).unwrap());
        let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32]).unwrap();
        let client = FacilitatorClient::new(config.clone(), &keypair).unwrap();
        let shared = Shared::new(&client, &config, true);
        advance(Duration::from_micros(700)).await;
        client.start().unwrap();
        let state = || live(&shared).sections.swap_remove(0).html;
        let first = state();
        assert!(first.contains("Running for"), "{first}");
        for _ in 0..40 {
            advance(Duration::from_micros(100)).await;
            assert_eq!(state(), first);
        }
    }
}
