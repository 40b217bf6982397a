//! The latest connections: when, for how long, and why they ended.

use super::super::chronicle::Connection;
use super::Material;
use super::html::Html;

pub(super) fn write(html: &mut Html, material: &Material<'_>) {
    let mut connections = material.chronicle.connections().peekable();
    if connections.peek().is_none() {
        html.raw("<p class=\"none\">There was none yet.</p>");
        return;
    }
    html.raw("<div class=\"wide\"><table><thead><tr><th>#</th><th>Attempt</th><th>Connected in</th><th>Authenticated in</th><th>Ready for</th><th>End</th></tr></thead><tbody>");
    for connection in connections {
        row(html, connection);
    }
    html.raw("</tbody></table></div>");
}

fn row(html: &mut Html, connection: &Connection) {
    let began = connection.began;
    html.raw("<tr><td>")
        .text(connection.number)
        .raw("</td><td>");
    html.clock(began.unix).raw("</td><td>");
    step(html, Some(began.elapsed), connection.connected);
    html.raw("</td><td>");
    step(html, connection.connected, connection.ready);
    html.raw("</td><td>");
    match (connection.ready, connection.ended) {
        (Some(ready), Some(ended)) => {
            html.text(super::super::clock::Length(ended.saturating_sub(ready)));
        }
        (Some(ready), None) => {
            html.since(ready);
        }
        _ => {
            html.raw("–");
        }
    }
    html.raw("</td><td class=\"reason\">");
    match (&connection.reason, connection.ready) {
        (Some(reason), _) => html.text(reason),
        (None, Some(_)) => html.raw("<span class=\"now\">open</span>"),
        (None, None) => html.raw("<span class=\"now\">under way</span>"),
    };
    html.raw("</td></tr>");
}

fn step(html: &mut Html, from: Option<u64>, until: Option<u64>) {
    match (from, until) {
        (Some(from), Some(until)) => html.text(until.saturating_sub(from)).raw(" ms"),
        _ => html.raw("–"),
    };
}
