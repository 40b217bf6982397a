//! A proxy's URI: read, checked, and its password out of sight.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::ProxyProblem;

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::driver::network) struct ProxyUri {
    /// Whether TLS is spoken with it.
    pub(in crate::driver::network) secure: bool,
    /// An IPv6 address stands without its brackets.
    pub(in crate::driver::network) host: String,
    pub(in crate::driver::network) port: u16,
    /// User name and password as `Basic` wants them: a secret.
    pub(super) basic: Option<Arc<Zeroizing<String>>>,
}

impl ProxyUri {
    pub(super) fn parse(uri: &str) -> Result<Self, ProxyProblem> {
        if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ProxyProblem::Characters);
        }
        let (secure, rest) = match uri.split_once("://") {
            None => (false, uri),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, _)) => {
                let socks = ["socks", "socks4", "socks4a", "socks5", "socks5h"];
                let is_socks = socks.iter().any(|name| scheme.eq_ignore_ascii_case(name));
                return Err(if is_socks {
                    ProxyProblem::Socks
                } else {
                    ProxyProblem::Scheme
                });
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !matches!(path, "" | "/") {
            return Err(ProxyProblem::Path);
        }
        let (userinfo, host) = match authority.rsplit_once('@') {
            None => (None, authority),
            Some((userinfo, host)) => (Some(userinfo), host),
        };
        let (host, port) = host_and_port(host)?;
        let port = match port {
            None if secure => 443,
            None => 80,
            Some(port) => read_port(port).ok_or(ProxyProblem::Port)?,
        };
        let basic = match userinfo {
            None | Some("" | ":") => None,
            Some(userinfo) => Some(Arc::new(basic(userinfo)?)),
        };
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            basic,
        })
    }
}

impl fmt::Display for ProxyUri {
    /// Host and port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_authority(f, &self.host, self.port)
    }
}

impl fmt::Debug for ProxyUri {
    /// Without user name and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{self}")
    }
}

/// `host:port`, with brackets for an IPv6 address.
pub(super) fn write_authority(to: &mut impl fmt::Write, host: &str, port: u16) -> fmt::Result {
    if host.contains(':') {
        write!(to, "[{host}]:{port}")
    } else {
        write!(to, "{host}:{port}")
    }
}

/// Digits only, since a sign would be read as well.
pub(super) fn read_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

fn host_and_port(text: &str) -> Result<(&str, Option<&str>), ProxyProblem> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, tail) = rest.split_once(']').ok_or(ProxyProblem::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| ProxyProblem::Host)?;
        return match tail.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if tail.is_empty() => Ok((host, None)),
            None => Err(ProxyProblem::Host),
        };
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || !host.bytes().all(good) {
        return Err(ProxyProblem::Host);
    }
    Ok((host, port))
}

/// `user:password` in base64 (RFC 7617). A password that is missing is an empty one.
fn basic(userinfo: &str) -> Result<Zeroizing<String>, ProxyProblem> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let user = decode(user)?;
    let password = decode(password)?;
    if user.contains(&b':') {
        return Err(ProxyProblem::Credentials);
    }
    let mut both = Zeroizing::new(Vec::with_capacity(user.len() + 1 + password.len()));
    both.extend_from_slice(&user);
    both.push(b':');
    both.extend_from_slice(&password);
    Ok(Zeroizing::new(STANDARD.encode(&*both)))
}

fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, ProxyProblem> {
    // It never gets longer, so no copy of it is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let mut digit = || rest.next().and_then(|c| char::from(c).to_digit(16));
            digit()
                .zip(digit())
                .and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
                .ok_or(ProxyProblem::Credentials)?
        } else {
            byte
        };
        if byte.is_ascii_control() {
            return Err(ProxyProblem::Credentials);
        }
        bytes.push(byte);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn what_a_proxy_can_be() {
        for (uri, secure, host, port, credentials) in [
            ("http://proxy:3128", false, "proxy", 3128, None),
            ("proxy:3128/", false, "proxy", 3128, None),
            ("proxy", false, "proxy", 80, None),
            (
                "HTTPS://Proxy.example.org",
                true,
                "Proxy.example.org",
                443,
                None,
            ),
            ("http://[::1]:1", false, "::1", 1, None),
            ("http://@proxy", false, "proxy", 80, None),
            ("http://:@proxy", false, "proxy", 80, None),
            // RFC 7617's own example.
            (
                "http://Aladdin:open%20sesame@h",
                false,
                "h",
                80,
                Some("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ),
            ("http://a@h", false, "h", 80, Some("YTo=")),
            ("http://a:b:c@h", false, "h", 80, Some("YTpiOmM=")),
            ("http://a%40b:%3A%2f@h", false, "h", 80, Some("YUBiOjov")),
            ("http://a@b:c@h", false, "h", 80, Some("YUBiOmM=")),
        ] {
            let proxy = ProxyUri::parse(uri).unwrap();
            assert_eq!(
                (proxy.secure, &*proxy.host, proxy.port),
                (secure, host, port),
                "{uri}"
            );
            let basic = proxy.basic.as_ref().map(|basic| basic.as_str());
            assert_eq!(basic, credentials, "{uri}");
        }
    }

    #[test]
    fn what_no_proxy_is_has_a_name() {
        for (uri, problem) in [
            ("", ProxyProblem::Host),
            ("http://", ProxyProblem::Host),
            ("http://:80", ProxyProblem::Host),
            ("http://::1:80", ProxyProblem::Host),
            ("http://[::1", ProxyProblem::Host),
            ("http://[zz]", ProxyProblem::Host),
            ("http://[::1]80", ProxyProblem::Host),
            ("http://pro xy", ProxyProblem::Characters),
            ("http://proxy\r\nX: y", ProxyProblem::Characters),
            ("http://pr\u{f6}xy", ProxyProblem::Characters),
            ("http://proxy:", ProxyProblem::Port),
            ("http://proxy:0", ProxyProblem::Port),
            ("http://proxy:+80", ProxyProblem::Port),
            ("http://proxy:65536", ProxyProblem::Port),
            ("http://proxy/path", ProxyProblem::Path),
            ("http://proxy?x", ProxyProblem::Path),
            ("socks5://proxy", ProxyProblem::Socks),
            ("SOCKS5H://proxy:1080", ProxyProblem::Socks),
            ("ftp://proxy", ProxyProblem::Scheme),
            ("http://a%4:b@h", ProxyProblem::Credentials),
            ("http://a%zz:b@h", ProxyProblem::Credentials),
            ("http://a%0d%0ab:c@h", ProxyProblem::Credentials),
            ("http://a%3ab:c@h", ProxyProblem::Credentials),
        ] {
            assert_eq!(ProxyUri::parse(uri).err(), Some(problem), "{uri:?}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let proxy = ProxyUri::parse("http://canary:canary@proxy:3128").unwrap();
        assert_eq!(format!("{proxy} {proxy:?}"), "proxy:3128 http://proxy:3128");
    }
}
