//! Further request headers. Their values can be credentials, and are never shown.

use super::super::given::{Given, REDACTED, Wrong, quoted};
use super::{Kind, Shape, toml_string};

/// Names and values, as a table, or as lines of the form `NAME: VALUE`.
pub(crate) struct Headers;

/// What the handshake says by itself: a second one would break it.
const OURS: [&str; 6] = [
    "host",
    "connection",
    "upgrade",
    "content-length",
    "transfer-encoding",
    "origin",
];

impl Kind for Headers {
    type Value = Vec<(String, String)>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Wrong> {
        if let (Some(table), Given::Toml { text, folder, .. }) = (given.table(), given) {
            // In the order of the file.
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(name, _)| name.span().start);
            let header = |(name, value): (&toml::Spanned<_>, &_)| {
                let given = Given::Toml {
                    value,
                    text,
                    folder,
                };
                let here = |wrong: Wrong| wrong.at(&name.span());
                // Not `unexpected`, which shows what was found.
                let value = given.text().map_err(|wrong| {
                    here(if wrong.names_accepted {
                        Wrong::found("a value that is no text")
                    } else {
                        wrong
                    })
                })?;
                let name: &str = AsRef::<str>::as_ref(name.get_ref());
                check(name, value).map_err(here)
            };
            return entries.into_iter().map(header).collect();
        }
        let Given::Words(_) = given else {
            return Err(Wrong::found("no table"));
        };
        let header = |(line, _): (String, _)| {
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| Wrong::found("a header without a colon"))?;
            check(name.trim(), value.trim())
        };
        given.items('\n')?.into_iter().map(header).collect()
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        if value.is_empty() {
            return None;
        }
        let headers: Vec<String> = value
            .iter()
            .map(|(name, _)| format!("{} = {}", toml_string(name), toml_string(REDACTED)))
            .collect();
        Some(format!("{{ {} }}", headers.join(", ")))
    }

    fn accepted(&self) -> String {
        "headers as { \"X-Name\" = \"value\" } in the file, \"X-Name: value\" elsewhere".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "NAME: VALUE"
    }

    fn shape(&self) -> Shape {
        Shape::Repeated
    }
}

fn check(name: &str, value: &str) -> Result<(String, String), Wrong> {
    let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    let lower = name.to_lowercase();
    if name.is_empty() || !name.bytes().all(token) {
        return Err(Wrong::found(format!(
            "the header name {}, which is none",
            quoted(name)
        )));
    }
    if OURS.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
        let what = format!(
            "the header {}, which the WebSocket handshake sets by itself; leave it out",
            quoted(name)
        );
        return Err(Wrong::said(format!("found {what}")));
    }
    let key = match lower.as_str() {
        "x-validator-version" => Some("validator_version"),
        "x-validator-runner-version" => Some("runner_version"),
        _ => None,
    };
    if let Some(key) = key {
        let what = format!(
            "found the header {}, which has a key of its own; set `{key}`",
            quoted(name)
        );
        return Err(Wrong::said(what));
    }
    if !value
        .bytes()
        .all(|c| c == b'\t' || (b' '..=b'~').contains(&c))
    {
        let what = format!(
            "the header {} with a value that cannot be sent",
            quoted(name)
        );
        return Err(Wrong::said(format!(
            "found {what}; accepted is printable ASCII"
        )));
    }
    Ok((name.to_owned(), value.to_owned()))
}
