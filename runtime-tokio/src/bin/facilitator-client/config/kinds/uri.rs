//! Where the facilitator is. Whether plain text may go there is decided with the other keys at hand.

use facilitator_tokio::Endpoint;

use super::super::given::{Given, REDACTED, Wrong};
use super::{Kind, toml_string};

/// A WebSocket URI. Its parts are never repeated in an error: they can hold a password.
pub(crate) struct Uri;

impl Kind for Uri {
    type Value = Endpoint;

    fn read(&self, given: &Given<'_>) -> Result<Endpoint, Wrong> {
        let text = given.secret()?;
        Endpoint::parse_allowing_plaintext(text).map_err(|error| Wrong::said(error.to_string()))
    }

    fn show(&self, value: &Endpoint) -> Option<String> {
        // What stands in a query can be a credential.
        let uri = match value.as_str().split_once('?') {
            Some((path, _)) => format!("{path}?{REDACTED}"),
            None => value.as_str().to_owned(),
        };
        Some(toml_string(&uri))
    }

    fn accepted(&self) -> String {
        "a URI as wss://facilitator.computehorde.io/ws/v0/".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "URI"
    }
}
