//! The address of a web server. Its path is never repeated, nor shown: whoever knows it may call it.

use super::super::given::{Given, REDACTED, Wrong};
use super::{Kind, toml_string};
use crate::webhook::Url;

/// An `http://` or `https://` URL, or none.
pub(crate) struct WebUrl;

impl Kind for WebUrl {
    type Value = Option<Url>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Wrong> {
        let url = Url::parse(given.secret()?).map(Some);
        url.map_err(|what| Wrong::said(format!("{what}; accepted is {}", self.accepted())))
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        let url = value.as_ref()?;
        let path = if url.has_path() { REDACTED } else { "" };
        Some(toml_string(&format!("{}/{path}", url.origin())))
    }

    fn accepted(&self) -> String {
        "a URL as https://hooks.example.org/path".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "URL"
    }
}
