//! Through a proxy by HTTP CONNECT: who gets through, what the proxy learns, and what each refusal is called.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use facilitator_core::client::{Config, ConnectFailureKind as Kind, Phase};
use facilitator_core::driver::{Network, Proxy, Resolve, Resolving};

use crate::raw;
use crate::raw::Conduct::{Admits, Answers, Connects, GoesOn, HangsUp, Mute};
use crate::transport::Transport;
use crate::{Subject, UnderTest, certificates, client, config, failure, peers, reach};

/// `user:canary-password`.
const BASIC: &str = "dXNlcjpjYW5hcnktcGFzc3dvcmQ=";

/// Through this proxy, and trusting the tests' authority.
fn through(proxy: &str) -> Network {
    let proxy = Proxy::via(proxy).unwrap();
    Network::default()
        .with_proxy(proxy)
        .with_tls(certificates::trusted())
}

pub(crate) fn a_session_passes_through_a_proxy<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let front = subject.transport.front(server.local_addr());
    let uri = subject.transport.uri(front);
    let host = match subject.transport {
        Transport::Plain => "127.0.0.1",
        Transport::Tls => "localhost",
    };
    let target = format!("{host}:{}", front.port());
    let asked = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    let authorized = format!("{asked}Proxy-Authorization: Basic {BASIC}\r\n\r\n");
    subject.block_on(async move {
        for (conduct, user, request) in [
            (Connects, "", format!("{asked}\r\n")),
            (Connects, "user:canary-password@", authorized.clone()),
            (Admits(BASIC), "user:canary%2Dpassword@", authorized.clone()),
        ] {
            for over_tls in [false, true] {
                let (proxy, mut heard) = raw::proxy(conduct);
                let proxy = if over_tls {
                    let front =
                        peers::tls_in_front_of(proxy, certificates::signed_for("localhost"));
                    format!("https://{user}localhost:{front}")
                } else {
                    format!("http://{user}{proxy}")
                };
                let client = client(R::with_network(through(&proxy)), config(&uri));
                client.start().unwrap();
                reach(&client, Phase::Ready).await;
                assert_eq!(client.stop().await.unwrap().owed, []);
                assert_eq!(heard.recv().await.unwrap(), request);
            }
        }
        assert_eq!(server.shutdown().await.stats().authentications, 6);
    });
}

/// Knows nothing, and counts who asks.
#[derive(Default)]
struct Nowhere(AtomicUsize);

impl Resolve for Nowhere {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolving<'a> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err(io::ErrorKind::NotFound.into()) })
    }
}

pub(crate) fn a_name_that_only_the_proxy_knows_is_left_to_it<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let host = "facilitator.test";
    let port = peers::tls_in_front_of(server.local_addr(), certificates::signed_for(host));
    let (proxy, mut heard) = raw::proxy(Connects);
    let resolver = Arc::new(Nowhere::default());
    let network = through(&format!("http://{proxy}")).with_resolver(resolver.clone());
    subject.block_on(async move {
        let uri = format!("wss://{host}:{port}/");
        let client = client(R::with_network(network), config(&uri));
        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        client.abort().unwrap();
        let request = heard.recv().await.unwrap();
        assert!(request.starts_with(&format!("CONNECT {host}:{port} HTTP/1.1\r\n")));
        assert_eq!(resolver.0.load(Ordering::Relaxed), 0);
    });
}

pub(crate) fn who_needs_no_proxy_goes_around_it<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let uri = server.uri();
    let (proxy, mut heard) = raw::proxy(Answers("HTTP/1.1 403 No\r\n\r\n"));
    subject.block_on(async move {
        let given = Proxy::via(&format!("http://{proxy}")).unwrap();
        let variables = |name: &str| (name == "all_proxy").then(|| proxy.to_string().into());
        let environment = Proxy::from_variables(variables).checked().unwrap();
        for proxy in [given.clone().except("127.0.0.0/8").unwrap(), environment] {
            let network = Network::default().with_proxy(proxy);
            let client = client(R::with_network(network), config(&uri));
            client.start().unwrap();
            reach(&client, Phase::Ready).await;
            client.abort().unwrap();
        }
        assert!(heard.try_recv().is_err(), "the proxy was asked");
        // The same with the proxy is refused: it is there.
        let client = client(
            R::with_network(Network::default().with_proxy(given)),
            config(&uri),
        );
        client.start().unwrap();
        assert_eq!(
            failure(&client).await.kind,
            Kind::Proxy { status: Some(403) }
        );
        client.abort().unwrap();
    });
}

/// A proxy by its URI, what it leads to, and what is said of it.
type Refusal = (String, Kind, &'static str);

const fn closed(status: Option<u16>) -> Kind {
    Kind::Proxy { status }
}

/// Proxies that answer otherwise than with a way.
fn unwilling() -> Vec<Refusal> {
    let busy = "HTTP/1.1 503 No\r\nRetry-After: 9\r\n\r\n";
    let bad_gateway = "HTTP/1.1 502 No\r\n\r\n";
    let no_head = "HTTP/1.1 200 Ok\r\nnonsense\r\n\r\n";
    let talks = "HTTP/1.1 200 Ok\r\n\r\nhello";
    let asks = raw::proxy(Admits(BASIC)).0;
    let conducts = [
        (Admits(BASIC), closed(Some(407)), "refuses the user name"),
        (Answers(bad_gateway), closed(Some(502)), "cannot reach"),
        (Answers(busy), closed(Some(503)), "cannot reach"),
        (Answers("SSH-2.0\r\n"), closed(None), "answer in HTTP"),
        (Answers(no_head), closed(None), "malformed header"),
        (Answers(talks), closed(None), "before anybody was asked"),
        (GoesOn, closed(None), "no end within 8192 bytes"),
        (HangsUp, closed(None), "ended the connection"),
        (Mute, Kind::Timeout, ""),
    ];
    let with_password = conducts.into_iter().map(|(conduct, kind, says)| {
        let (proxy, _) = raw::proxy(conduct);
        (format!("http://user:canary@{proxy}"), kind, says)
    });
    let without = (
        format!("http://{asks}"),
        closed(Some(407)),
        "asks for a user name",
    );
    with_password.chain([without]).collect()
}

/// Proxies that cannot be asked.
fn unreachable() -> Vec<Refusal> {
    let mute = peers::stranger(peers::Manners::Mute);
    let no_tls = "HTTP/1.1 400 Bad Request\r\n\r\n".into();
    let no_tls = peers::stranger(peers::Manners::Says(no_tls));
    let (other, _) = raw::proxy(Connects);
    let other = peers::tls_in_front_of(other, certificates::signed_for("elsewhere.test"));
    let nobody = peers::nobody();
    let nowhere = "a".repeat(64);
    let user = "user:canary@";
    [
        (format!("https://127.0.0.1:{mute}"), Kind::Timeout, ""),
        (
            format!("https://{user}127.0.0.1:{no_tls}"),
            closed(None),
            "over TLS",
        ),
        (
            format!("https://{user}localhost:{other}"),
            closed(None),
            "not valid for name",
        ),
        (
            format!("http://{user}127.0.0.1:{nobody}"),
            closed(None),
            "cannot be reached",
        ),
        (
            format!("http://{user}{nowhere}.test"),
            closed(None),
            "does not resolve",
        ),
    ]
    .into()
}

pub(crate) fn each_refusal_of_a_proxy_is_named<R: UnderTest>(subject: &Subject<R>) {
    let uri = format!("ws://127.0.0.1:{}/", peers::nobody());
    subject.block_on(async move {
        for (proxy, kind, says) in unwilling().into_iter().chain(unreachable()) {
            let connect_timeout = match kind {
                Kind::Timeout => Duration::from_millis(100),
                _ => Duration::from_secs(30),
            };
            let config = Config {
                connect_timeout,
                ..config(&uri)
            };
            let client = client(R::with_network(through(&proxy)), config);
            client.start().unwrap();
            let failure = failure(&client).await;
            assert_eq!(failure.kind, kind, "{says}: {failure}");
            assert!(failure.detail.contains(says), "{says}: {failure}");
            assert!(!failure.to_string().contains("canary"), "{failure}");
            let is_busy = kind == closed(Some(503));
            let retry_after = is_busy.then_some(Duration::from_secs(9));
            assert_eq!(failure.retry_after, retry_after, "{failure}");
            client.abort().unwrap();
        }
    });
}

pub(crate) fn an_environment_that_makes_no_sense_fails_what_would_need_it<R: UnderTest>(
    subject: &Subject<R>,
) {
    // What the default does with such an environment, without touching that of the tests.
    let nonsense = |name: &str| (name == "https_proxy").then(|| "socks5://h".into());
    let proxy = Proxy::from_variables(nonsense);
    let error = proxy.clone().checked().unwrap_err();
    let network = Network::default().with_proxy(proxy);
    let nobody = peers::nobody();
    subject.block_on(async move {
        let network = network.with_addresses("facilitator.test", [Ipv4Addr::LOCALHOST.into()]);
        let uri = format!("wss://facilitator.test:{nobody}/");
        let client = client(R::with_network(network), config(&uri));
        client.start().unwrap();
        let failure = failure(&client).await;
        assert_eq!(failure.kind, Kind::Proxy { status: None });
        assert_eq!(failure.detail, error.to_string());
        client.abort().unwrap();
    });
}
