//! The hosts that are reached without a proxy, as `NO_PROXY` lists them.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::ProxyProblem;
use super::uri::read_port;

/// A list of hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bypass(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    hosts: Hosts,
    /// Any, when there is none.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    /// This name and all below it; in lower case, without a dot at either end.
    Named(String),
    /// The addresses that begin with as many bits of this one.
    Network(IpAddr, u8),
}

impl Bypass {
    pub(super) fn parse(list: &str) -> Result<Self, ProxyProblem> {
        list.split([',', ' ', '\t', '\r', '\n'])
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                Entry::parse(entry).ok_or_else(|| {
                    // Whoever wrote a URI here may have written a password, too.
                    let shown = entry.rsplit_once('@').map_or(entry, |(_, host)| host);
                    ProxyProblem::Entry {
                        entry: shown.to_owned(),
                    }
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether this host and port are among them.
    pub(super) fn names(&self, host: &str, port: u16) -> bool {
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let address = host.parse().ok();
        self.0
            .iter()
            .filter(|entry| entry.port.is_none_or(|wanted| wanted == port))
            .any(|entry| entry.hosts.include(&name, address))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = unbracketed(address).parse().ok()?;
            let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
            let bits: u8 = bits.parse().ok().filter(|_| digits)?;
            return (bits <= width(address)).then_some(Self {
                hosts: Hosts::Network(address, bits),
                port: None,
            });
        }
        // An IPv6 address has colons of its own: a port comes after its bracket only.
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(read_port(port)?))
            }
            _ => (text, None),
        };
        Hosts::parse(host).map(|hosts| Self { hosts, port })
    }
}

impl Hosts {
    fn parse(host: &str) -> Option<Self> {
        if host == "*" {
            return Some(Self::All);
        }
        if let Ok(address) = unbracketed(host).parse() {
            return Some(Self::Network(address, width(address)));
        }
        if let Some(network) = Self::starred(host) {
            return Some(network);
        }
        let name = host.strip_prefix('*').unwrap_or(host);
        let name = name.strip_prefix('.').unwrap_or(name);
        let name = name.strip_suffix('.').unwrap_or(name);
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        (!name.is_empty() && name.bytes().all(good)).then(|| Self::Named(name.to_ascii_lowercase()))
    }

    /// `192.168.*` or `192.168.*.*`, as many tools have it: the addresses that begin with these numbers.
    fn starred(host: &str) -> Option<Self> {
        let (mut octets, mut known, mut stars) = ([0; 4], 0, false);
        for (index, part) in host.split('.').enumerate() {
            let octet = octets.get_mut(index)?;
            if part == "*" {
                stars = true;
                continue;
            }
            let is_plain = part.bytes().all(|byte| byte.is_ascii_digit())
                && (part.len() == 1 || !part.starts_with('0'));
            *octet = part.parse().ok().filter(|_| is_plain && !stars)?;
            known += 1;
        }
        (stars && known > 0).then(|| Self::Network(IpAddr::from(octets), 8 * known))
    }

    fn include(&self, name: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            // What looks like an address is one: `1.10.0.0.1` is no host below it.
            Self::Named(known) => {
                address.is_none()
                    && name
                        .strip_suffix(known.as_str())
                        .is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Self::Network(network, bits) => {
                address.is_some_and(|address| is_within(address, *network, *bits))
            }
        }
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    // Shifted out are the bits that do not count, all of them perhaps.
    let shift = u32::from(width(network).saturating_sub(bits));
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            (a.to_bits() ^ n.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            (a.to_bits() ^ n.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn who_is_spared_a_proxy() {
        for (list, spared, others) in [
            ("", &[][..], &["h:443", "127.0.0.1:443"][..]),
            ("*", &["h:443", "10.0.0.1:1", "::1:443"], &[]),
            (
                "example.org",
                &["example.org:443", "www.example.org:1", "EXAMPLE.ORG.:443"],
                &["badexample.org:443", "example.org.evil:443", "org:443"],
            ),
            (
                ".example.org, *.example.com\tlocalhost",
                &[
                    "example.org:1",
                    "a.b.example.org:1",
                    "x.example.com:1",
                    "localhost:1",
                ],
                &["example.net:1"],
            ),
            (
                "example.org:8443,[2001:db8::1]:443",
                &["example.org:8443", "a.example.org:8443", "2001:db8::1:443"],
                &["example.org:443", "2001:db8::1:444", "2001:db8::2:443"],
            ),
            (
                "10.0.0.0/8 192.168.1.7 2001:db8::/33 ::1",
                &[
                    "10.255.0.1:1",
                    "192.168.1.7:1",
                    "2001:db8:7fff::1:1",
                    "::1:1",
                ],
                &[
                    "11.0.0.1:1",
                    "192.168.1.8:1",
                    "2001:db8:8000::1:1",
                    "::2:1",
                    "x10.0.0.1:1",
                ],
            ),
            ("0.0.0.0/0", &["1.2.3.4:1"], &["::1:1", "example.org:1"]),
            ("::/0", &["::1:1"], &["1.2.3.4:1"]),
            (
                "192.168.*,10.*.*.*,172.16.5.*:8080",
                &["192.168.255.1:1", "10.1.2.3:1", "172.16.5.9:8080"],
                &[
                    "192.169.0.1:1",
                    "11.0.0.1:1",
                    "172.16.5.9:80",
                    "172.16.6.9:8080",
                    "192.168.example.org:1",
                ],
            ),
            ("0.1", &[], &["10.0.0.1:1"]),
        ] {
            let list = Bypass::parse(list).unwrap();
            let names = |text: &&str| {
                let (host, port) = text.rsplit_once(':').unwrap();
                list.names(host, port.parse().unwrap())
            };
            for host in spared {
                assert!(names(host), "{list:?} {host}");
            }
            for host in others {
                assert!(!names(host), "{list:?} {host}");
            }
        }
    }

    #[test]
    fn an_entry_that_makes_no_sense_is_named() {
        for entry in [
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "h/8",
            "::/129",
            "h:0",
            "h:x",
            "[::1",
            ".",
            "a*b",
            "example.*",
            "10.*.1",
            "*.*",
            "10.0.0.0.*",
            "256.*",
            "010.*",
            "+1.*",
            "http://h",
        ] {
            let error = ProxyProblem::Entry {
                entry: entry.to_string(),
            };
            let list = alloc::format!("good.example.org,{entry}");
            assert_eq!(Bypass::parse(&list), Err(error));
        }
        let error = Bypass::parse("http://user:canary@h").unwrap_err();
        assert_eq!(alloc::format!("{error:?}"), "Entry { entry: \"h\" }");
    }
}
