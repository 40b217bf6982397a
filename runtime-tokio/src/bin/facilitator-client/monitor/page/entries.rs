//! What happened lately.

use super::super::telling::Weight;
use super::Material;
use super::html::Html;

pub(super) fn write(html: &mut Html, material: &Material<'_>) {
    let mut entries = material.chronicle.entries().peekable();
    if entries.peek().is_none() {
        html.raw("<p class=\"none\">Nothing worth telling has happened yet.</p>");
        return;
    }
    html.raw("<ol class=\"entries\">");
    for entry in entries {
        let class = match entry.weight {
            Weight::Good => "good",
            Weight::Plain => "off",
            Weight::Odd => "busy",
            Weight::Bad => "bad",
        };
        html.raw("<li class=\"").text(class).raw("\">");
        html.clock(entry.at.unix).raw("<span>").text(&entry.text);
        if entry.times > 1 {
            html.raw(" <b>× ").text(entry.times).raw("</b>");
        }
        html.raw("</span></li>");
    }
    html.raw("</ol>");
}
