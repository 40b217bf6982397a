//! Further request headers. Their values can be credentials, and are never shown.

use facilitator_tokio::Config;

use super::super::given::{Given, REDACTED, Wrong, quoted};
use super::{Kind, Shape, toml_string};

/// Names and values, as a table, or as lines of the form `NAME: VALUE`.
pub(crate) struct Headers;

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
                let value = given.secret().map_err(here)?;
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
        given.secret_items('\n')?.into_iter().map(header).collect()
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

/// Checks a header, as the session does; nothing of its value is repeated.
fn check(name: &str, value: &str) -> Result<(String, String), Wrong> {
    let key = match name.to_ascii_lowercase().as_str() {
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
    Config::check_extra_header(name, value).map_err(|error| Wrong::said(error.to_string()))?;
    Ok((name.to_owned(), value.to_owned()))
}
