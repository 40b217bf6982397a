//! Hosts by name and address: which address is connected to, and which name is said to the server and verified.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use facilitator_core::client::{Config, ConnectFailureKind as Kind, Phase};
use facilitator_core::driver::rustls::ServerConfig;
use facilitator_core::driver::{Network, Resolve, Resolving};
use facilitator_tokio::server::ServerEvent;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_rustls::TlsAcceptor;

use crate::subject::direct;
use crate::{Subject, UnderTest, certificates, client, config, failure, peers, reach};

fn trusting() -> Network {
    direct().with_tls(certificates::trusted())
}

/// TLS in front of a server, that tells the name which each client says first (SNI).
fn asking(
    at: IpAddr,
    server: SocketAddr,
    config: Arc<ServerConfig>,
) -> io::Result<(u16, UnboundedReceiver<Option<String>>)> {
    let (tell, heard) = unbounded_channel();
    let acceptor = TlsAcceptor::from(config);
    let port = peers::serve_at(at, move |stream| {
        let (acceptor, tell) = (acceptor.clone(), tell.clone());
        async move {
            if let Ok(mut outer) = acceptor.accept(stream).await {
                let name = outer.get_ref().1.server_name().map(ToOwned::to_owned);
                let _ = tell.send(name);
                let mut inner = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut outer, &mut inner).await;
            }
        }
    })?;
    Ok((port, heard))
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn an_ipv6_address_is_reached<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let address = server.local_addr();
    let localhost = Ipv6Addr::LOCALHOST.into();
    let relay = move |mut outer: TcpStream| async move {
        let mut inner = TcpStream::connect(address).await.unwrap();
        let _ = copy_bidirectional(&mut outer, &mut inner).await;
    };
    let plain = peers::serve_at(localhost, relay);
    let tls = asking(localhost, address, certificates::signed_for("::1"));
    let (Ok(plain), Ok((tls, mut names))) = (plain, tls) else {
        let test = subject.test;
        eprintln!("\n!!! SKIPPED: {test}: this machine has no IPv6, nothing was tested\n");
        return;
    };
    subject.block_on(async move {
        let mut events = server.events();
        for (scheme, port) in [("ws", plain), ("wss", tls)] {
            let uri = format!("{scheme}://[::1]:{port}/");
            let client = client(R::with_network(trusting()), config(&uri));
            client.start().unwrap();
            reach(&client, Phase::Ready).await;
            client.abort().unwrap();
            let host = loop {
                if let ServerEvent::Connected { handshake, .. } = events.next().await.unwrap() {
                    break handshake.header("Host").map(ToOwned::to_owned);
                }
            };
            assert_eq!(host, Some(format!("[::1]:{port}")));
        }
        assert_eq!(
            names.recv().await,
            Some(None),
            "an address is no server name"
        );
    });
}

pub(crate) fn the_right_name_is_said_and_verified<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let localhost = Ipv4Addr::LOCALHOST.into();
    let cases = [
        ("localhost", "localhost", Some("localhost"), true),
        ("LocalHost", "localhost", Some("localhost"), true),
        ("localhost.", "localhost", Some("localhost"), true),
        (
            "facilitator.test",
            "facilitator.test",
            Some("facilitator.test"),
            true,
        ),
        (
            "a.example.test",
            "*.example.test",
            Some("a.example.test"),
            true,
        ),
        (
            "a.b.example.test",
            "*.example.test",
            Some("a.b.example.test"),
            false,
        ),
        (
            "facilitator.test",
            "localhost",
            Some("facilitator.test"),
            false,
        ),
        ("127.0.0.1", "127.0.0.1", None, true),
        ("127.0.0.1", "127.0.0.2", None, false),
        ("127.0.0.1", "localhost", None, false),
    ];
    subject.block_on(async move {
        let mut events = server.events();
        for (host, certified, said, is_right) in cases {
            let tls = certificates::signed_for(certified);
            let (port, mut names) = asking(localhost, server.local_addr(), tls).unwrap();
            let network = trusting().with_addresses(host, [localhost]);
            let uri = format!("wss://{host}:{port}/");
            let client = client(R::with_network(network), config(&uri));
            client.start().unwrap();
            if is_right {
                reach(&client, Phase::Ready).await;
                let name = names.recv().await.unwrap();
                let name = name.map(|name| name.to_ascii_lowercase());
                assert_eq!(name.as_deref(), said, "{host}");
                let header = loop {
                    if let ServerEvent::Connected { handshake, .. } = events.next().await.unwrap() {
                        break handshake.header("Host").map(ToOwned::to_owned);
                    }
                };
                assert_eq!(header, Some(format!("{host}:{port}")));
            } else {
                let failure = failure(&client).await;
                assert_eq!(failure.kind, Kind::Tls, "{host} for {certified}");
                assert!(failure.detail.contains("not valid for name"), "{failure}");
            }
            client.abort().unwrap();
        }
    });
}

pub(crate) fn the_next_address_is_tried<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let port = server.local_addr().port();
    // At the others nobody listens; some systems do not even have them.
    let addresses: [IpAddr; 4] = [
        Ipv6Addr::LOCALHOST.into(),
        Ipv4Addr::new(127, 9, 9, 1).into(),
        Ipv4Addr::new(127, 9, 9, 2).into(),
        Ipv4Addr::LOCALHOST.into(),
    ];
    subject.block_on(async move {
        let uri = format!("ws://localhost:{port}/");
        let network = direct().with_addresses("LOCALHOST", addresses);
        let client = client(R::with_network(network), config(&uri));
        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        assert_eq!(client.stats().connect_attempts, 1);
        client.abort().unwrap();
    });
    let uri = format!("ws://localhost:{port}/");
    subject.block_on(async move {
        let nowhere = direct().with_addresses("localhost", []);
        let client = client(R::with_network(nowhere), config(&uri));
        client.start().unwrap();
        assert_eq!(failure(&client).await.kind, Kind::Dns);
        client.abort().unwrap();
    });
}

/// Knows one name.
struct Knows(&'static str);

impl Resolve for Knows {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move {
            match host {
                "silence.test" => pending().await,
                host if host == self.0 => Ok(vec![(Ipv4Addr::LOCALHOST, port).into()]),
                _ => Err(io::Error::other("never heard of it")),
            }
        })
    }
}

pub(crate) fn a_resolver_of_ones_own_is_asked<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let port = peers::tls_in_front_of(
        server.local_addr(),
        certificates::signed_for("facilitator.test"),
    );
    let network = trusting().with_resolver(Arc::new(Knows("facilitator.test")));
    subject.block_on(async move {
        for (host, outcome) in [
            ("facilitator.test", None),
            ("elsewhere.test", Some((Kind::Dns, "never heard of it"))),
            ("silence.test", Some((Kind::Timeout, ""))),
        ] {
            let config = Config {
                connect_timeout: match outcome {
                    Some((Kind::Timeout, _)) => Duration::from_millis(100),
                    _ => Duration::from_secs(30),
                },
                ..config(&format!("wss://{host}:{port}/"))
            };
            let client = client(R::with_network(network.clone()), config);
            client.start().unwrap();
            match outcome {
                None => reach(&client, Phase::Ready).await,
                Some((kind, says)) => {
                    let failure = failure(&client).await;
                    assert_eq!((failure.kind, &*failure.detail), (kind, says), "{host}");
                }
            }
            client.abort().unwrap();
        }
    });
}

/// Without this, the suite's own helper could listen elsewhere than it says.
#[test]
fn a_peer_listens_where_it_says() {
    let at = Ipv4Addr::LOCALHOST.into();
    let port = peers::serve_at(at, |_| async {}).unwrap();
    let taken = peers::wait(TcpListener::bind((at, port)));
    assert!(taken.is_err());
}
