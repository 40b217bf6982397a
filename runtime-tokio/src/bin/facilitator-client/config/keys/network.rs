//! The way to the facilitator: TLS and proxies.

use super::super::key::{At, Key, Section};
use super::super::kinds::{Choice, FilePath, Hosts, ProxyUri};
use super::super::settings::Roots;

pub(super) const TLS: Section = Section {
    name: "tls",
    heading: "TLS",
    keys: &[
        Key::new(
            "tls.roots",
            "tls-roots",
            &At {
                kind: Choice {
                    names: &[
                        ("public", Roots::Public),
                        ("system", Roots::System),
                        ("none", Roots::None),
                    ],
                },
                place: |s| &mut s.network.roots,
            },
            "Whom to trust: \"public\" authorities as browsers do, whom the \"system\" trusts, or \"none\" but those of ca_file",
        ),
        Key::new(
            "tls.ca_file",
            "tls-ca-file",
            &At {
                kind: FilePath,
                place: |s| &mut s.network.ca_file,
            },
            "Further authorities to trust: PEM, one certificate or more",
        ),
        Key::new(
            "tls.client_certificate",
            "tls-client-certificate",
            &At {
                kind: FilePath,
                place: |s| &mut s.network.client_certificate,
            },
            "Our own certificate for servers that ask for one: PEM, followed by those that lead to an authority",
        ),
        Key::new(
            "tls.client_key",
            "tls-client-key",
            &At {
                kind: FilePath,
                place: |s| &mut s.network.client_key,
            },
            "The private key of that certificate, in PEM; needless when it stands in the same file",
        ),
    ],
};

pub(super) const PROXY: Section = Section {
    name: "proxy",
    heading: "Proxy",
    keys: &[
        Key::new(
            "proxy.uri",
            "proxy",
            &At {
                kind: ProxyUri,
                place: |s| &mut s.network.proxy,
            },
            "The proxy to go through, as http://user:password@host:3128; or \"none\", or the one that the \"environment\" names\n\
             The environment's are HTTPS_PROXY, ALL_PROXY and NO_PROXY, as other programs read them. On the command line, \
             everybody on this machine can read a password.",
        ),
        Key::new(
            "proxy.except",
            "proxy-except",
            &At {
                kind: Hosts,
                place: |s| &mut s.network.proxy_except,
            },
            "Hosts that are reached without the proxy, in place of those of NO_PROXY: names, addresses, networks as 10.0.0.0/8",
        ),
    ],
};
