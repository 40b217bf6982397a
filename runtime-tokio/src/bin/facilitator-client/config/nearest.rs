//! The known name that a mistyped one was probably meant to be.

/// The nearest of these names, if one is near enough to be worth saying.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Beyond this length nobody meant anything, and measuring is quadratic.
    if name.len() > 100 {
        return None;
    }
    let name = name.to_lowercase().replace('-', "_");
    let distance = |other: &str| {
        let other = other.to_lowercase().replace('-', "_");
        strsim::damerau_levenshtein(&name, &other)
    };
    // A third of the letters may differ; a swap of two counts as one.
    let (distance, other) = known
        .into_iter()
        .map(|other| (distance(other), other))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= name.chars().count().max(3) / 3).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_is_near_is_named() {
        let known = ["drain_timeout", "heartbeat_interval", "window", "uri"];
        for (name, expected) in [
            ("drain_timeot", Some("drain_timeout")),
            ("drain-timeout", Some("drain_timeout")),
            ("DRAIN_TIMEOUT", Some("drain_timeout")),
            ("hearbeat_intervall", Some("heartbeat_interval")),
            ("widnow", Some("window")),
            ("url", Some("uri")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest(&"w".repeat(1 << 20), known), None);
    }
}
