//! The text format of Prometheus, version 0.0.4, read strictly: whatever a reader could stumble over is an error. It was
//! written from the format's description, and shares nothing with what writes it.

use std::collections::{BTreeMap, BTreeSet};

/// A family of samples.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// What the name has besides the family's.
    pub(crate) suffix: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// In billionths.
    pub(crate) value: u128,
}

/// Reads a whole page; an error names the line.
pub(crate) fn parse(text: &str) -> Result<Vec<Family>, String> {
    let text = text
        .strip_suffix('\n')
        .ok_or("the last line has no line break")?;
    let mut families: Vec<Family> = Vec::new();
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let help = line
            .strip_prefix("# HELP ")
            .ok_or(format!("no HELP: {line}"))?;
        let (name, help) = help.split_once(' ').ok_or(format!("no help: {line}"))?;
        check_escapes(help, "\\n").ok_or(format!("escapes: {line}"))?;
        is_name(name).ok_or(format!("no name: {line}"))?;
        let kind = lines
            .next()
            .and_then(|line| line.strip_prefix("# TYPE "))
            .and_then(|line| line.strip_prefix(name))
            .and_then(|line| line.strip_prefix(' '))
            .ok_or(format!("no TYPE after: {line}"))?;
        if !["counter", "gauge", "histogram"].contains(&kind) {
            return Err(format!("type {kind}: {line}"));
        }
        if families.iter().any(|family| family.name == name) {
            return Err(format!("{name} stands there twice"));
        }
        let mut samples = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            samples.push(sample(name, line).ok_or(format!("no sample of {name}: {line}"))?);
        }
        let family = Family {
            name: name.to_owned(),
            kind: kind.to_owned(),
            samples,
        };
        family.check()?;
        families.push(family);
    }
    Ok(families)
}

impl Family {
    fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{}: {what}", self.name));
        let keys: BTreeSet<_> = self
            .samples
            .iter()
            .map(|sample| (&sample.suffix, &sample.labels))
            .collect();
        if self.samples.is_empty() || keys.len() < self.samples.len() {
            return wrong("no samples, or the same one twice");
        }
        let names = |sample: &Sample| -> Vec<String> {
            let names = sample.labels.keys().filter(|name| *name != "le");
            names.cloned().collect()
        };
        if self
            .samples
            .iter()
            .any(|sample| names(sample) != names(&self.samples[0]))
        {
            return wrong("samples with different labels");
        }
        match self.kind.as_str() {
            "counter" if !self.name.ends_with("_total") => wrong("a counter without _total"),
            "gauge" if self.name.ends_with("_total") => wrong("a gauge with _total"),
            "histogram" => self.check_histogram(),
            _ if self.samples.iter().any(|sample| !sample.suffix.is_empty()) => {
                wrong("a name with a suffix")
            }
            _ => Ok(()),
        }
    }

    fn check_histogram(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{}: {what}", self.name));
        let mut rest = self.samples.as_slice();
        while let Some(first) = rest.first() {
            let mut labels = first.labels.clone();
            labels.remove("le");
            let is_bucket = |sample: &&Sample| sample.suffix == "_bucket";
            let buckets: Vec<&Sample> = rest.iter().take_while(is_bucket).collect();
            let mut before = None;
            for bucket in &buckets {
                let mut own = bucket.labels.clone();
                let bound = match own.remove("le").as_deref() {
                    Some("+Inf") => u128::MAX,
                    Some(bound) => number(bound).ok_or(format!("le {bound}"))?,
                    None => return wrong("a bucket without le"),
                };
                let rises =
                    before.is_none_or(|(lower, fewer)| lower < bound && fewer <= bucket.value);
                if own != labels || !rises {
                    return wrong("buckets that do not rise, or of several histograms");
                }
                before = Some((bound, bucket.value));
            }
            let Some((u128::MAX, all)) = before else {
                return wrong("the last bucket is not +Inf");
            };
            let [sum, count, ..] = &rest[buckets.len()..] else {
                return wrong("no sum and count after the buckets");
            };
            if (sum.suffix.as_str(), count.suffix.as_str()) != ("_sum", "_count")
                || sum.labels != labels
                || count.labels != labels
                || count.value != all
            {
                return wrong("sum and count do not fit the buckets");
            }
            rest = &rest[buckets.len() + 2..];
        }
        Ok(())
    }
}

fn sample(family: &str, line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let suffix = name.strip_prefix(family)?.to_owned();
    let (labels, value) = match rest.strip_prefix('{') {
        None => (BTreeMap::new(), rest),
        Some(rest) => labels(rest)?,
    };
    let value = value.strip_prefix(' ')?;
    Some(Sample {
        suffix,
        labels,
        value: number(value)?,
    })
}

/// A decimal number in billionths. No sign, no exponent, no white space: nothing here needs them.
fn number(text: &str) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_plain(whole) || !is_plain(fraction) || fraction.len() > 9 {
        return None;
    }
    format!("{whole}{fraction:0<9}").parse().ok()
}

/// What stands after the opening brace, and the rest.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        let (name, after) = rest.split_once("=\"")?;
        is_name(name).filter(|()| !name.contains(':'))?;
        let mut escaped = false;
        let end = after.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })?;
        let value = after.get(..end)?;
        check_escapes(value, "\\n\"")?;
        if labels.insert(name.to_owned(), value.to_owned()).is_some() {
            return None;
        }
        rest = after.get(end + 1..)?;
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some((labels, rest.strip_prefix('}')?)),
        }
    }
}

fn is_name(name: &str) -> Option<()> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let starts_well = !name.starts_with(|c: char| c.is_ascii_digit());
    (!name.is_empty() && starts_well && name.chars().all(is_good)).then_some(())
}

/// That a backslash stands before these only.
fn check_escapes(text: &str, escapable: &str) -> Option<()> {
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c == '\\' {
            characters.next().filter(|c| escapable.contains(*c))?;
        }
    }
    Some(())
}

#[test]
fn the_reader_is_strict() {
    let good = "# HELP a_total A \\\\ b\n# TYPE a_total counter\na_total{x=\"1\",y=\"\\\"\"} 1\na_total{x=\"2\",y=\"\"} 2.5\n\
                # HELP h H\n# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n\
                # HELP g G\n# TYPE g gauge\ng 0\n";
    let families = parse(good).unwrap();
    assert_eq!(families.len(), 3);
    assert_eq!(families[0].samples[0].labels["x"], "1");
    for (from, to) in [
        ("g 0\n", "g 0"),
        ("g 0", "g -0"),
        ("g 0", "g  0"),
        ("g 0", "g"),
        ("g 0", "g NaN"),
        ("g 0", "gg 0"),
        ("g 0", "g 0\ng 0"),
        ("g 0", ""),
        ("# TYPE g gauge\n", ""),
        ("# HELP g G\n", ""),
        ("gauge", "gouge"),
        ("# HELP g G\n# TYPE g", "# HELP h G\n# TYPE h"),
        ("A \\\\ b", "A \\ b"),
        ("a_total", "a"),
        ("x=\"2\",y=\"\"", "x=\"1\",y=\"\\\"\""),
        ("x=\"2\",y=\"\"", "x=\"2\""),
        ("x=\"2\",y=\"\"", "x=\"2\",x=\"\""),
        ("x=\"2\"", "1x=\"2\""),
        ("x=\"2\"", "x=\"\\t\""),
        ("x=\"2\"", "x=2"),
        ("\"0.5\"} 1", "\"0.5\"} 3"),
        ("h_bucket{le=\"+Inf\"} 2\n", ""),
        ("\"+Inf\"", "\"0.4\""),
        ("h_count 2", "h_count 1"),
        ("h_sum 3\n", ""),
        ("h_sum 3\nh_count 2", "h_count 2\nh_sum 3"),
    ] {
        let bad = good.replacen(from, to, if from == "a_total" { 9 } else { 1 });
        assert_ne!(bad, good, "{from:?}");
        assert!(parse(&bad).is_err(), "{from:?} -> {to:?} was read");
    }
}
