//! What is owed, against its bounds; and what became of what was not.

use std::fmt;
use std::time::Duration;

use super::Material;
use super::html::Html;

pub(super) fn write(html: &mut Html, material: &Material<'_>) {
    let (stats, about) = (&material.overview.stats, material.about);
    html.raw("<ul class=\"bars\">");
    let bars = [
        (
            "Status updates owed",
            stats.outbox_length,
            about.outbox_entries,
        ),
        ("Of these sent, unanswered", stats.in_flight, about.window),
        (
            "Machine specs owed",
            stats.specs_length,
            about.specs_entries,
        ),
        (
            "Jobs without a last status",
            stats.open_jobs,
            about.open_jobs,
        ),
    ];
    for (name, value, limit) in bars {
        bar(html, name, value, limit, &value, &limit);
    }
    let (owed, room) = (stats.outbox_bytes, about.outbox_bytes);
    bar(html, "Bytes owed", owed, room, &Size(owed), &Size(room));
    html.raw("</ul><dl class=\"numbers\">");
    let delivered = stats.statuses_acknowledged + stats.statuses_already_known;
    let numbers = [
        ("Statuses delivered", delivered),
        ("Statuses sent again", stats.statuses_resent),
        ("Statuses refused", stats.statuses_refused),
        ("Specs delivered", stats.specs_acknowledged),
        (
            "Set aside",
            stats.statuses_set_aside + stats.specs_set_aside,
        ),
        ("Jobs received", stats.jobs_received),
        ("Jobs declined", stats.jobs_declined),
        ("Jobs overdue", stats.jobs_overdue),
        ("Connections lost", stats.connections_lost),
        ("Heartbeats", stats.heartbeats_sent),
        ("Unreadable messages", stats.malformed_received),
    ];
    for (name, number) in numbers {
        html.raw("<div><dt>").text(name).raw("</dt><dd>");
        html.text(number).raw("</dd></div>");
    }
    html.raw("<div><dt>Mean round trip</dt><dd>");
    html.text(Mean(stats.round_trip.sum(), stats.round_trip.count()));
    html.raw("</dd></div></dl>");
}

fn bar(
    html: &mut Html,
    name: &'static str,
    value: usize,
    limit: usize,
    value_text: &dyn fmt::Display,
    limit_text: &dyn fmt::Display,
) {
    let per_mille = value.saturating_mul(1000).div_ceil(limit.max(1)).min(1000);
    let tone = match per_mille {
        ..700 => "good",
        700..950 => "busy",
        _ => "bad",
    };
    html.raw("<li><span>").text(name).raw("</span><span><b>");
    html.text(value_text).raw("</b> of ").text(limit_text);
    html.raw("</span><svg viewBox=\"0 0 1000 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"");
    html.text(tone).raw("\" width=\"").text(per_mille);
    html.raw("\" height=\"1\"/></svg></li>");
}

/// Bytes, for people.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let (unit, name) = match bytes {
            ..1024 => return write!(f, "{bytes} B"),
            1024..0x10_0000 => (1 << 10, "KiB"),
            0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
            _ => (1 << 30, "GiB"),
        };
        let tenths = bytes % unit * 10 / unit;
        match tenths {
            0 => write!(f, "{} {name}", bytes / unit),
            _ => write!(f, "{}.{tenths} {name}", bytes / unit),
        }
    }
}

/// A sum of times, and of how many.
struct Mean(Duration, u64);

impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = u128::from(self.1);
        match self.0.as_micros().checked_div(count) {
            None => f.write_str("–"),
            Some(micros @ ..10_000) => write!(f, "{}.{} ms", micros / 1000, micros % 1000 / 100),
            Some(micros @ ..10_000_000) => write!(f, "{} ms", micros / 1000),
            Some(micros) => write!(f, "{} s", micros / 1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_means_are_short() {
        let sizes =
            [0, 1023, 1024, 1536, (1 << 20) - 1, 64 << 20, 5 << 30].map(|n| Size(n).to_string());
        assert_eq!(
            sizes,
            [
                "0 B",
                "1023 B",
                "1 KiB",
                "1.5 KiB",
                "1023.9 KiB",
                "64 MiB",
                "5 GiB"
            ]
        );
        let mean = |micros, count| Mean(Duration::from_micros(micros), count).to_string();
        assert_eq!(mean(0, 0), "–");
        assert_eq!(mean(4690, 2), "2.3 ms");
        assert_eq!(mean(84_000, 2), "42 ms");
        assert_eq!(mean(24_000_000, 2), "12 s");
    }
}
