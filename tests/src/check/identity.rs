//! When two states are the same: a canonical text of each, and its hash. What is left out, and why, is told in the module's
//! own description.

use std::fmt::Write;
use std::hash::Hasher;
use std::time::Duration;

use facilitator_core::Timestamp;

use super::link;
use super::state::State;

/// Fields of the session, by name, that cannot influence what it does from here on.
const LEFT_OUT: [&str; 23] = [
    // Never change in these bounds.
    "config",
    "authenticator",
    "door",
    "account",
    "hotkey",
    "heartbeat",
    "unix_origin",
    "trust",
    "key",
    // Found again in other fields: the places of the uuids, and the time that all others are relative to.
    "by_uuid",
    "now",
    // Only told: statistics, and the times that nothing but they use.
    "stats",
    "started_at",
    "step_began",
    "sent_at",
    "accepted_at",
    "taken_up",
    "transmissions",
    "reason",
    // For a snapshot of a session that has stopped.
    "left",
    // One for each status of each job here, and the entry names those.
    "id",
    "next_id",
    // Drained, always.
    "outputs",
];

/// Fields that count the frames of a connection: relative to those sent.
const FRAME_COUNTS: [&str; 7] = [
    "frames_sent",
    "frames_handled",
    "heartbeat_sent",
    "specs_sent",
    "specs_read",
    "mark",
    // The number of the ping that is unanswered, too: it is the number of pings sent, which stands beside it.
    "unanswered",
];

/// The identity of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u128);

impl Key {
    /// The hash of a canonical text.
    pub(super) fn of(text: &str) -> Self {
        let half = |salt: u8| {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write_u8(salt);
            hasher.write(text.as_bytes());
            u128::from(hasher.finish())
        };
        Self(half(1) << 64 | half(2))
    }
}

impl State {
    /// The identity of this state.
    pub fn key(&self) -> Key {
        let mut text = String::with_capacity(1024);
        let client = self.client_key.unwrap_or_else(|| self.find_client_key());
        let _ = write!(text, "{client:?}");
        self.render_rest(&mut text);
        Key::of(&text)
    }

    /// The identity of the session alone.
    pub(super) fn find_client_key(&self) -> Key {
        Key::of(&self.render_client())
    }

    /// All of it as text: what the hash is made of.
    pub fn canonical(&self) -> String {
        let mut text = self.render_client();
        self.render_rest(&mut text);
        text
    }

    fn render_client(&self) -> String {
        let mut text = String::with_capacity(4096);
        canonical_debug(&format!("{:?}", self.client), self.now, &mut text);
        text
    }

    /// All besides the session that can influence what happens from here on, and what later checks look at.
    fn render_rest(&self, out: &mut String) {
        self.render_facilitator(out);
        let _ = write!(out, "attempt{:?}", self.attempt);
        if let Some(link) = &self.link {
            link.render(out);
        }
        for (conn, frame) in &self.late {
            let _ = write!(out, "late{conn}");
            link::render(frame, out);
        }
        if let Some((conn, frames)) = &self.lingering {
            let _ = write!(out, "lingering{conn}");
            for frame in frames {
                link::render(frame, out);
            }
        }
        self.ledger.render(self.now, out);
        let _ = write!(out, "{:?}", self.left);
    }

    /// What the facilitator knows. It handles frames at once and does nothing by time, so there is no more to it.
    fn render_facilitator(&self, out: &mut String) {
        for job in self.facilitator.jobs() {
            let _ = write!(out, "job{}", job.validator().is_some());
            for stored in job.statuses() {
                let _ = write!(out, " {}", stored.status.as_str());
            }
        }
        for (conn, validator) in self.facilitator.connections() {
            let _ = write!(out, "conn{conn}{}", validator.is_some());
        }
    }
}

/// Writes a `Debug` text without what is left out, and with times and frame counts made relative.
fn canonical_debug(text: &str, now: Timestamp, out: &mut String) {
    let frames = text
        .split_once("frames_sent: ")
        .map_or("", |(_, rest)| rest.split(',').next().unwrap_or_default());
    let frames: i64 = frames.parse().unwrap_or_default();
    let mut field = "";
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let length = if first.is_ascii_alphabetic() || first == b'_' {
            rest.bytes()
                .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
                .count()
        } else if first.is_ascii_digit() {
            number_length(rest)
        } else if first == b'"' {
            string_length(rest)
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        let (token, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        if first.is_ascii_digit() {
            write_number(token, field, now, frames, out);
        } else if behind.starts_with(": ") && !token.starts_with('"') {
            field = token;
            if LEFT_OUT.contains(&token) {
                rest = behind_value(behind);
            } else {
                out.push_str(token);
            }
        } else {
            out.push_str(token);
        }
    }
}

fn write_number(token: &str, field: &str, now: Timestamp, frames: i64, out: &mut String) {
    if let Some(time) = parse_duration(token) {
        let nanos = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
        let _ = write!(out, "{}", nanos(time) - nanos(now.as_duration()));
    } else if let (true, Ok(count)) = (FRAME_COUNTS.contains(&field), token.parse::<i64>()) {
        let _ = write!(out, "{}", count - frames);
    } else {
        out.push_str(token);
    }
}

/// A number, and the unit that makes it a time.
fn number_length(text: &str) -> usize {
    text.bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'.' || *b >= 0x80)
        .count()
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().enumerate().skip(1).find(|(_, b)| {
        let ends = *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// What is behind the value of a field: it ends with the comma or the bracket of what it stands in.
fn behind_value(text: &str) -> &str {
    let (mut depth, mut at) = (0u32, 0);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => at += string_length(text.get(at..).unwrap_or_default()) - 1,
            b'{' | b'[' | b'(' => depth += 1,
            b',' if depth == 0 => break,
            b'}' | b']' | b')' => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => break,
            },
            _ => {}
        }
        at += 1;
    }
    text.get(at..).unwrap_or_default()
}

/// A time, as the standard library writes one; exact, since it writes all digits that are not zero.
fn parse_duration(token: &str) -> Option<Duration> {
    let unit_at = token.find(|c: char| c.is_alphabetic())?;
    let (number, unit) = token.split_at(unit_at);
    let digits = match unit {
        "s" => 9,
        "ms" => 6,
        "µs" => 3,
        "ns" => 0,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = format!("{fraction:0<digits$}");
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if digits == 0 {
        0
    } else {
        fraction.parse().ok()?
    };
    let unit = 10u64.pow(u32::try_from(digits).ok()?);
    Some(
        Duration::new(whole / (1_000_000_000 / unit), 0)
            + Duration::from_nanos(whole % (1_000_000_000 / unit) * unit + part),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str, now: Duration) -> String {
        let mut out = String::new();
        canonical_debug(text, Timestamp::from_duration(now), &mut out);
        out
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for nanos in [
            0,
            1,
            999,
            1000,
            1001,
            1_000_000,
            1_234_567,
            999_999_999,
            1_000_000_000,
            61_000_000_001,
        ] {
            let time = Duration::from_nanos(nanos);
            assert_eq!(parse_duration(&format!("{time:?}")), Some(time));
        }
        assert_eq!(parse_duration("17"), None);
        assert_eq!(parse_duration("17x"), None);
    }

    #[test]
    fn times_and_frame_counts_are_relative() {
        let text =
            "S { frames_sent: 5, flights: [F { mark: 3, at: 2.5s }], sent: 7, at: Some(1.25ms) }";
        assert_eq!(
            canonical(text, Duration::from_secs(2)),
            "S { frames_sent: 0, flights: [F { mark: -2, at: 500000000 }], sent: 7, at: Some(-1998750000) }"
        );
    }

    #[test]
    fn a_field_is_left_out_whole_and_nothing_else() {
        let text = r#"S { config: C { a: [1, 2], t: "}\"{," }, x: 1, stats: (1, 2), id: U(3), y: T { id: 4 } }"#;
        assert_eq!(
            canonical(text, Duration::ZERO),
            "S { , x: 1, , , y: T { } }"
        );
    }
}
