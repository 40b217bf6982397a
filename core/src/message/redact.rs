//! What `Debug` shows in place of a secret.

use alloc::string::String;
use core::fmt;

/// Shows how long a secret is, and nothing of it.
pub(crate) struct Redacted<'a>(pub(crate) &'a str);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

/// [`Redacted`] for an optional secret.
pub(crate) fn redacted(text: Option<&String>) -> Option<Redacted<'_>> {
    text.map(|text| Redacted(text))
}

/// Shows an address without its user, query and fragment, which is where presigned addresses keep their key.
pub(crate) struct RedactedUrl<'a>(pub(crate) &'a str);

impl fmt::Debug for RedactedUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = shown.split_once("://").unwrap_or(("", shown));
        let host_and_path = match rest.split_once('/') {
            Some((authority, path)) => {
                (authority.rsplit('@').next().unwrap_or_default(), "/", path)
            }
            None => (rest.rsplit('@').next().unwrap_or_default(), "", ""),
        };
        let (host, slash, path) = host_and_path;
        let separator = if scheme.is_empty() { "" } else { "://" };
        let more = if shown.len() < self.0.len() {
            "?.."
        } else {
            ""
        };
        write!(
            f,
            "\"{}{separator}{}{slash}{}{more}\"",
            scheme.escape_debug(),
            host.escape_debug(),
            path.escape_debug()
        )
    }
}
