//! The phases of the last minutes or hours, as a band.

use facilitator_tokio::core::client::Phase;

use super::super::clock::Length;
use super::html::Html;
use super::{Material, tone};

const MINUTE: u64 = 60_000;
/// How far back the band can reach.
const REACHES: [u64; 7] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    60 * MINUTE,
    360 * MINUTE,
    1440 * MINUTE,
    10_080 * MINUTE,
];
/// Its length, in its own units.
const LENGTH: u64 = 1000;
/// What is shorter is drawn as long as this, to be seen.
const LEAST: u64 = 3;

pub(super) fn write(html: &mut Html, material: &Material<'_>) {
    let (now, chronicle) = (material.now, material.chronicle);
    let begin = chronicle.spans().next().map_or(now, |span| span.since);
    let reach = reach(now.saturating_sub(begin));
    // It moves in steps, so that it need not be sent all the time.
    let step = (reach / 240).max(1000);
    let end = now.div_ceil(step).saturating_mul(step);
    let place = |at: u64| place(at, end, reach);

    html.raw("<svg class=\"band\" viewBox=\"0 0 1000 40\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Phases of the last ");
    html.text(Length(reach)).raw("\">");
    let ends = chronicle.spans().skip(1).map(|span| span.since);
    let ends: Vec<u64> = ends.chain([end]).collect();
    let bars = chronicle
        .spans()
        .zip(ends)
        .filter(|(_, until)| until.saturating_add(reach) >= end);
    let bars: Vec<_> = bars
        .map(|(span, until)| (span.phase, place(span.since), place(until)))
        .collect();
    // Good times last: what is drawn on them is seen.
    let is_good = |phase: Phase| tone(phase) == "good";
    let (good, other): (Vec<_>, Vec<_>) = bars.into_iter().partition(|bar| is_good(bar.0));
    for (phase, from, until) in good.into_iter().chain(other) {
        let width = until.saturating_sub(from).max(LEAST);
        html.raw("<rect class=\"").text(tone(phase)).raw("\" x=\"");
        html.text(from.min(LENGTH - LEAST))
            .raw("\" width=\"")
            .text(width);
        html.raw("\" height=\"40\"><title>")
            .text(phase)
            .raw("</title></rect>");
    }
    html.raw("</svg><div class=\"scale\"><span>");
    html.text(reach_text(reach)).raw(" ago</span>");
    for (class, text) in [
        ("good", "ready"),
        ("busy", "connecting"),
        ("bad", "waiting"),
        ("ending", "stopping"),
    ] {
        html.raw("<span class=\"key ").text(class).raw("\">");
        html.text(text).raw("</span>");
    }
    html.raw("<span>now</span></div>");
}

/// Where a moment is on the band, which ends with the moment `end`.
fn place(at: u64, end: u64, reach: u64) -> u64 {
    // It can begin before the session did.
    let from_begin = at.min(end).saturating_add(reach).saturating_sub(end);
    from_begin.saturating_mul(LENGTH) / reach
}

/// The shortest reach that shows all of this time, or the longest.
fn reach(time: u64) -> u64 {
    let enough = REACHES.into_iter().find(|reach| *reach >= time);
    enough.unwrap_or(10_080 * MINUTE)
}

fn reach_text(reach: u64) -> String {
    match reach / MINUTE {
        minutes @ ..60 => format!("{minutes} min"),
        minutes @ ..1440 => format!("{} h", minutes / 60),
        minutes => format!("{} d", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_band_is_now() {
        let places = |moments: [u64; 4], end| moments.map(|at| place(at, end, MINUTE));
        assert_eq!(
            places([0, 10_000, 40_000, 41_000], 40_000),
            [333, 500, 1000, 1000]
        );
        assert_eq!(
            places([0, 140_000, 170_000, 200_000], 200_000),
            [0, 0, 500, 1000]
        );
    }

    #[test]
    fn the_band_reaches_as_far_as_it_must() {
        assert_eq!(reach(0), MINUTE);
        assert_eq!(reach(MINUTE), MINUTE);
        assert_eq!(reach(MINUTE + 1), 5 * MINUTE);
        assert_eq!(reach(u64::MAX), 10_080 * MINUTE);
        let texts: Vec<_> = REACHES.into_iter().map(reach_text).collect();
        assert_eq!(
            texts,
            ["1 min", "5 min", "15 min", "1 h", "6 h", "1 d", "7 d"]
        );
    }
}
