//! The address that a webhook asks for. Its path and its query can be a secret: nothing here shows them.

use std::fmt;

use hyper::Uri;
use hyper::http::uri::{PathAndQuery, Scheme};

/// An `http://` or `https://` URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    secure: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    path: PathAndQuery,
}

impl Url {
    /// Takes one apart; what is wrong with it, without a part of it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "it is no URL")?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err("it begins with neither https:// nor http://"),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it holds a user name, which would not be sent");
        }
        let host = authority.host().trim_matches(['[', ']']);
        if host.is_empty() {
            return Err("it names no host");
        }
        // `:` alone and a number that is no port are taken for none.
        let port = match authority.as_str().rsplit_once(':') {
            Some((_, rest)) if !rest.ends_with(']') => {
                let port = authority.port_u16().filter(|port| *port > 0);
                port.ok_or("its port is none")?
            }
            _ if secure => 443,
            _ => 80,
        };
        let path = uri.path_and_query().cloned();
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            path: path.unwrap_or_else(|| PathAndQuery::from_static("/")),
        })
    }

    /// Whether it is for TLS.
    pub(super) const fn is_secure(&self) -> bool {
        self.secure
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// What is asked for.
    pub(super) const fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// Whether there is more than the host.
    pub(crate) fn has_path(&self) -> bool {
        self.path != "/"
    }

    /// Host and port as the header `Host` has them.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// All that is no secret.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }
}

impl fmt::Debug for Url {
    /// Without its path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Url").field(&self.origin()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn urls_are_taken_apart_and_their_secrets_kept() {
        for (text, origin, host, port, path) in [
            ("https://h/a?b", "https://h", "h", 443, "/a?b"),
            ("http://h", "http://h", "h", 80, "/"),
            ("http://h:8080/", "http://h:8080", "h", 8080, "/"),
            ("https://[::1]:80/x", "https://[::1]:80", "::1", 80, "/x"),
            ("https://[::1]", "https://[::1]", "::1", 443, "/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(
                (
                    url.origin().as_str(),
                    url.host(),
                    url.port,
                    url.path().as_str()
                ),
                (origin, host, port, path)
            );
            assert_eq!(url.has_path(), path != "/", "{text}");
        }
        let url = Url::parse("https://h/secret?token=secret").unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        for text in [
            "",
            "h",
            "/a",
            "ftp://h/",
            "wss://h/",
            "https://",
            "https:///a",
            "https://u:p@h/",
            "https://h:0/",
            "https://h:/",
            "https://h:99999/",
            "https://a b/",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
