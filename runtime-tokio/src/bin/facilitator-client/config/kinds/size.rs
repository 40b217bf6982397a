//! Sizes with their units, as `64MiB` or `16kB`. A number without a unit is refused.

use super::super::given::{Given, Wrong, quoted};
use super::time::scaled;
use super::{Kind, toml_string};

const UNITS: [(&str, u128); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes, between these.
pub(crate) struct Size {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

impl Kind for Size {
    type Value = usize;

    fn read(&self, given: &Given<'_>) -> Result<usize, Wrong> {
        if let Some(number) = given.number() {
            let what = format!("{number}, a number without its unit");
            let meant = number
                .parse()
                .ok()
                .map(|bytes: usize| toml_string(&show(bytes)));
            return Err(Wrong::found(what).meant(meant));
        }
        let text = given.text()?;
        let bytes = parse(text).map_err(|meant| {
            let meant = meant.map(|meant| toml_string(&meant));
            Wrong::found(format!("{}, which is no size", quoted(text))).meant(meant)
        })?;
        usize::try_from(bytes)
            .ok()
            .filter(|bytes| (self.least..=self.most).contains(bytes))
            .ok_or_else(|| Wrong::found(quoted(text)))
    }

    fn show(&self, value: &usize) -> Option<String> {
        Some(toml_string(&show(*value)))
    }

    fn accepted(&self) -> String {
        let (least, most) = (show(self.least), show(self.most));
        format!("a size with its unit (B, KiB, MiB, GiB; kB, MB, GB), from {least} to {most}")
    }

    fn placeholder(&self) -> &'static str {
        "SIZE"
    }
}

/// Reads a size; an error says what was meant, if that is known.
fn parse(text: &str) -> Result<u128, Option<String>> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    if let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) {
        return scaled(number, *bytes).ok_or(None);
    }
    // `64M`, `64mb`, `64Mib`: 64MiB is what is meant where memory is counted.
    let meant = match unit.to_lowercase().as_str() {
        "g" | "gb" | "gib" => "GiB",
        "m" | "mb" | "mib" => "MiB",
        "k" | "kb" | "kib" => "KiB",
        "" | "b" | "byte" | "bytes" => "B",
        _ => return Err(None),
    };
    let meant = format!("{number}{meant}");
    Err(parse(&meant).is_ok().then_some(meant))
}

/// In the largest unit that leaves a whole number.
fn show(bytes: usize) -> String {
    let binary = UNITS
        .iter()
        .filter(|(name, _)| !matches!(*name, "GB" | "MB" | "kB"));
    let bytes = bytes as u128;
    for (name, unit) in binary {
        if bytes >= *unit && bytes.is_multiple_of(*unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, bytes, shown) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("1.5 GiB", 3 << 29, "1536MiB"),
            ("1KiB", 1024, "1KiB"),
            ("1kB", 1000, "1000B"),
            ("0B", 0, "0B"),
            ("1MB", 1_000_000, "1000000B"),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
            let bytes = usize::try_from(bytes).unwrap();
            assert_eq!(show(bytes), shown, "{text}");
            assert_eq!(parse(shown), Ok(bytes as u128), "{shown}");
        }
    }

    #[test]
    fn what_is_no_size_says_what_was_meant() {
        for (text, meant) in [
            ("64M", Some("64MiB")),
            ("64mb", Some("64MiB")),
            ("1024", Some("1024B")),
            ("10 bytes", Some("10B")),
            ("64Mbit", None),
            ("", None),
            ("MiB", None),
            ("-1B", None),
            ("0.3B", None),
        ] {
            assert_eq!(parse(text), Err(meant.map(String::from)), "{text}");
        }
    }
}
