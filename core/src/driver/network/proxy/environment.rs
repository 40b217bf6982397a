//! The proxy that the environment names. The rules stand at `Proxy`.

use alloc::string::String;
use std::ffi::OsString;

use super::bypass::Bypass;
use super::uri::ProxyUri;
use super::{Policy, ProxyError, ProxyOrigin, ProxyProblem};

pub(super) fn policy(variable: impl Fn(&str) -> Option<OsString>) -> Policy {
    let first = |names: &[&'static str]| {
        names.iter().copied().find_map(|name| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some((name, value))
        })
    };
    let proxy = |names: &[&'static str]| {
        first(names)
            .map(|(name, value)| read(name, value, ProxyUri::parse))
            .transpose()
    };
    let bypass = first(&["no_proxy", "NO_PROXY"]).map_or_else(
        || Ok(Bypass::default()),
        |(name, value)| read(name, value, Bypass::parse),
    );
    Policy {
        secure: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        plain: proxy(&["http_proxy", "all_proxy", "ALL_PROXY"]),
        bypass,
        spares_loopback: true,
    }
}

fn read<T>(
    name: &'static str,
    value: OsString,
    parse: impl FnOnce(&str) -> Result<T, ProxyProblem>,
) -> Result<T, ProxyError> {
    let text: Result<String, _> = value.into_string().map_err(|_| ProxyProblem::Characters);
    text.and_then(|text| parse(text.trim()))
        .map_err(|problem| ProxyError {
            origin: ProxyOrigin::Variable(name),
            problem,
        })
}

#[cfg(test)]
mod tests {
    use super::super::Proxy;
    use super::*;
    use crate::client::Endpoint;
    use alloc::borrow::ToOwned;
    use alloc::string::ToString;

    /// Where the way leads: a proxy's host and port, `-` for none, or an error.
    fn way(variables: &[(&str, &str)], endpoint: &str) -> String {
        let endpoint = Endpoint::parse_allowing_plaintext(endpoint).unwrap();
        let proxy = Proxy::from_variables(|name| {
            let mut found = variables.iter().filter(|(known, _)| *known == name);
            found.next().map(|(_, value)| value.into())
        });
        match proxy.route(&endpoint) {
            Ok(Some(proxy)) => proxy.to_string(),
            Ok(None) => "-".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn which_variable_counts() {
        let (wss, ws) = ("wss://example.org/", "ws://example.org/");
        for (variables, endpoint, leads) in [
            (&[][..], wss, "-"),
            (&[("https_proxy", "a:1")], wss, "a:1"),
            (&[("HTTPS_PROXY", "a:1")], wss, "a:1"),
            (
                &[("https_proxy", "a:1"), ("HTTPS_PROXY", "b:1")],
                wss,
                "a:1",
            ),
            (&[("https_proxy", ""), ("HTTPS_PROXY", "b:1")], wss, "b:1"),
            (&[("https_proxy", "a:1")], ws, "-"),
            (&[("http_proxy", "a:1")], ws, "a:1"),
            (&[("http_proxy", "a:1")], wss, "-"),
            // Whoever asks a CGI program for something sets this one.
            (&[("HTTP_PROXY", "a:1")], ws, "-"),
            (&[("ALL_PROXY", "a:1")], ws, "a:1"),
            (&[("all_proxy", "a:1"), ("ALL_PROXY", "b:1")], wss, "a:1"),
            (&[("ALL_PROXY", "a:1"), ("HTTPS_PROXY", "b:1")], wss, "b:1"),
            (
                &[("HTTPS_PROXY", "a:1"), ("NO_PROXY", "example.org")],
                wss,
                "-",
            ),
            (
                &[
                    ("HTTPS_PROXY", "a:1"),
                    ("no_proxy", "other"),
                    ("NO_PROXY", "*"),
                ],
                wss,
                "a:1",
            ),
        ] {
            assert_eq!(way(variables, endpoint), leads, "{variables:?} {endpoint}");
        }
    }

    #[test]
    fn this_machine_needs_no_proxy() {
        let all = &[
            ("ALL_PROXY", "a:1"),
            ("HTTPS_PROXY", "socks5://b"),
            ("NO_PROXY", "1/2/3"),
        ];
        for here in ["ws://localhost/", "wss://127.9.9.9/", "ws://[::1]:80/"] {
            assert_eq!(way(all, here), "-", "{here}");
        }
        let named = Proxy::via("http://a:1").unwrap();
        let here = Endpoint::parse("ws://localhost/").unwrap();
        assert!(named.route(&here).unwrap().is_some());
        let spared = named.except("localhost").unwrap();
        assert!(spared.route(&here).unwrap().is_none());
    }

    #[test]
    fn what_makes_no_sense_is_named_where_it_matters() {
        let socks = &[("HTTPS_PROXY", "socks5://canary:canary@a")];
        let text = "the environment variable HTTPS_PROXY names a SOCKS proxy, which is not supported; use one of \
                    http:// or https://";
        assert_eq!(way(socks, "wss://example.org/"), text);
        assert_eq!(way(socks, "ws://example.org/"), "-");
        let list = &[("HTTPS_PROXY", "a:1"), ("NO_PROXY", "10.0.0.0/99")];
        assert!(way(list, "wss://example.org/").contains("NO_PROXY holds \"10.0.0.0/99\""));
        // Without a proxy, the list of those who need none does not matter.
        assert_eq!(way(&list[1..], "wss://example.org/"), "-");

        for (name, value) in [socks[0], list[1]] {
            let lenient = Proxy::from_variables(|asked| (asked == name).then(|| value.into()));
            assert_eq!(
                lenient.checked().unwrap_err().origin,
                ProxyOrigin::Variable(name)
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt as _;
        let noise = |name: &str| (name == "all_proxy").then(|| OsString::from_vec([0xff].into()));
        let error = Proxy::from_variables(noise).checked().unwrap_err();
        assert_eq!(error.problem, ProxyProblem::Characters);
    }
}
