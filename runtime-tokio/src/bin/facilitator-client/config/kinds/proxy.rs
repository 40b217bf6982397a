//! Proxies. A proxy's URI can hold a password: it is never repeated in an error, and shown without it.

use facilitator_tokio::core::driver::Proxy;

use super::super::given::{Given, REDACTED, Wrong};
use super::super::settings::ProxyChoice;
use super::{Kind, Shape, toml_string};

const ENVIRONMENT: &str = "environment";
const NONE: &str = "none";

/// Which proxy.
pub(crate) struct ProxyUri;

impl Kind for ProxyUri {
    type Value = ProxyChoice;

    fn read(&self, given: &Given<'_>) -> Result<ProxyChoice, Wrong> {
        match given.secret()? {
            ENVIRONMENT => Ok(ProxyChoice::Environment),
            NONE => Ok(ProxyChoice::None),
            uri => match Proxy::via(uri) {
                Ok(_) => Ok(ProxyChoice::Via(uri.to_owned())),
                Err(error) => {
                    let accepted = self.accepted();
                    Err(Wrong::said(format!("{error}; accepted is {accepted}")))
                }
            },
        }
    }

    fn show(&self, value: &ProxyChoice) -> Option<String> {
        Some(match value {
            ProxyChoice::Environment => toml_string(ENVIRONMENT),
            ProxyChoice::None => toml_string(NONE),
            ProxyChoice::Via(uri) => toml_string(&without_password(uri)),
        })
    }

    fn accepted(&self) -> String {
        format!("{ENVIRONMENT:?}, {NONE:?}, or a URI as http://proxy.example.org:3128")
    }

    fn placeholder(&self) -> &'static str {
        "URI"
    }
}

fn without_password(uri: &str) -> String {
    match uri.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://{REDACTED}@{host}")
        }
        None => uri.to_owned(),
    }
}

/// Hosts, addresses and networks; `None` where nobody has said so.
pub(crate) struct Hosts;

impl Kind for Hosts {
    type Value = Option<Vec<String>>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Wrong> {
        let hosts = given.items(',')?;
        for (host, span) in &hosts {
            // What the list makes of an entry is the same as of the whole.
            if let Err(error) = Proxy::none().except(host) {
                let wrong = Wrong::said(error.to_string());
                return Err(match span {
                    Some(span) => wrong.at(span),
                    None => wrong,
                });
            }
        }
        Ok(Some(hosts.into_iter().map(|(host, _)| host).collect()))
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        let hosts = value.as_ref()?.iter().map(|host| toml_string(host));
        Some(format!("[{}]", hosts.collect::<Vec<_>>().join(", ")))
    }

    fn accepted(&self) -> String {
        "a list of host names, addresses, and networks as 10.0.0.0/8 or 10.*".to_owned()
    }

    fn placeholder(&self) -> &'static str {
        "HOST"
    }

    fn shape(&self) -> Shape {
        Shape::Repeated
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_password_is_not_shown() {
        for (uri, shown) in [
            ("http://h:1", "http://h:1"),
            ("http://user:pass@h:1", "http://(redacted)@h:1"),
            ("https://a@b@h", "https://(redacted)@h"),
        ] {
            assert_eq!(without_password(uri), shown);
        }
    }
}
