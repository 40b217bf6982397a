//! Whom a client trusts, and to whom it shows who it is.

use facilitator_core::client::{ConnectFailureKind as Kind, Phase};
use facilitator_core::driver::{Network, Proxy, Tls, TlsBuilder, TlsError, TlsInput};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::sync::mpsc::unbounded_channel;
use tokio_rustls::TlsAcceptor;

use crate::raw::{self, Conduct};
use crate::subject::direct;
use crate::{Subject, UnderTest, certificates, client, config, failure, peers, reach};

fn authority() -> Vec<u8> {
    certificates::authority_pem().into_bytes()
}

pub(crate) fn an_authority_of_ones_own_is_trusted<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let tls = certificates::signed_for("localhost");
    let port = peers::tls_in_front_of(server.local_addr(), tls);
    let only = Tls::builder().trust_only(&authority()).unwrap();
    let added = Tls::builder().trust(&authority()).unwrap();
    // As a file of authorities is: words in between, and more than one.
    let bundle = [
        b"words\n".to_vec(),
        authority(),
        b"\r\n# more\r\n".to_vec(),
        authority(),
    ]
    .concat();
    let bundle = Tls::builder().trust_only(&bundle).unwrap();
    let platform = Tls::builder()
        .trust(&authority())
        .unwrap()
        .platform_verifier();
    subject.block_on(async move {
        for builder in [only, added, bundle, platform] {
            let network = direct().with_tls(builder.build().unwrap());
            let uri = format!("wss://localhost:{port}/");
            let client = client(R::with_network(network), config(&uri));
            client.start().unwrap();
            reach(&client, Phase::Ready).await;
            client.abort().unwrap();
        }
        // A machine that trusts nobody says so when this is built.
        let platform = Tls::builder().platform_verifier().build();
        let strangers = [Ok(Tls::default()), Tls::builder().build(), platform];
        for tls in strangers.into_iter().flatten() {
            let uri = format!("wss://localhost:{port}/");
            let client = client(R::with_network(direct().with_tls(tls)), config(&uri));
            client.start().unwrap();
            let failure = failure(&client).await;
            assert_eq!(failure.kind, Kind::Tls);
            assert!(failure.detail.contains("UnknownIssuer"), "{failure}");
            client.abort().unwrap();
        }
    });
}

pub(crate) fn a_client_shows_its_certificate_to_servers_only<R: UnderTest>(subject: &Subject<R>) {
    let server = peers::facilitator();
    let strict = certificates::for_members_only("localhost");
    let port = peers::tls_in_front_of(server.local_addr(), strict);
    let (chain, key) = certificates::identity();
    let known = Tls::builder()
        .trust_only(&authority())
        .and_then(|tls| tls.identity(chain.as_bytes(), key.as_bytes()))
        .and_then(TlsBuilder::build)
        .unwrap();

    // A proxy that would like to know who we are.
    let (proxy, _heard) = raw::proxy(Conduct::Connects);
    let acceptor = TlsAcceptor::from(certificates::for_anybody_it_asks("localhost"));
    let (tell, mut shown) = unbounded_channel();
    let curious = peers::serve(move |stream| {
        let (acceptor, tell) = (acceptor.clone(), tell.clone());
        async move {
            let mut outer = acceptor.accept(stream).await.unwrap();
            let _ = tell.send(outer.get_ref().1.peer_certificates().is_some());
            let mut inner = TcpStream::connect(proxy).await.unwrap();
            let _ = copy_bidirectional(&mut outer, &mut inner).await;
        }
    });
    let proxy = Proxy::via(&format!("https://localhost:{curious}")).unwrap();
    subject.block_on(async move {
        let uri = format!("wss://localhost:{port}/");
        let unknown = direct().with_tls(certificates::trusted());
        let stranger = client(R::with_network(unknown), config(&uri));
        stranger.start().unwrap();
        let failure = failure(&stranger).await;
        assert_eq!(failure.kind, Kind::Tls, "{failure}");
        assert!(failure.detail.contains("CertificateRequired"), "{failure}");
        stranger.abort().unwrap();

        let direct = direct().with_tls(known.clone());
        let proxied = Network::default().with_tls(known).with_proxy(proxy);
        for network in [direct, proxied] {
            let client = client(R::with_network(network), config(&uri));
            client.start().unwrap();
            reach(&client, Phase::Ready).await;
            client.abort().unwrap();
        }
        assert_eq!(
            shown.recv().await,
            Some(false),
            "the proxy has seen the certificate"
        );
    });
}

/// A peer of TLS tells an end that was meant from a connection that somebody has cut off.
pub(crate) fn an_end_of_tls_is_said<R: UnderTest>(subject: &Subject<R>) {
    let facilitator = peers::facilitator();
    let server = facilitator.local_addr();
    let acceptor = TlsAcceptor::from(certificates::signed_for("localhost"));
    let (tell, mut ends) = unbounded_channel();
    let port = peers::serve(move |stream| {
        let (acceptor, tell) = (acceptor.clone(), tell.clone());
        async move {
            let mut outer = acceptor.accept(stream).await.unwrap();
            let mut inner = TcpStream::connect(server).await.unwrap();
            let carried = copy_bidirectional(&mut outer, &mut inner).await;
            let _ = tell.send(carried.map(drop).map_err(|error| error.kind()));
        }
    });
    subject.block_on(async move {
        let uri = format!("wss://localhost:{port}/");
        let network = direct().with_tls(certificates::trusted());
        let client = client(R::with_network(network), config(&uri));
        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        assert_eq!(client.stop().await.unwrap().owed, []);
        assert_eq!(ends.recv().await, Some(Ok(())), "stopped");
        client.start().unwrap();
        reach(&client, Phase::Ready).await;
        client.abort().unwrap();
        assert_eq!(ends.recv().await, Some(Ok(())), "aborted");
    });
}

/// What is wrong with an input has a name, and nothing of a key is in it.
#[test]
fn each_input_that_cannot_be_used_is_named() {
    let (chain, key) = certificates::identity();
    let (other_chain, _) = certificates::identity();
    let (chain, key) = (chain.as_bytes(), key.as_bytes());
    let missing = |input| TlsError::Missing { input };
    let malformed = |error: &TlsError, wanted| matches!(error, TlsError::Malformed { input, .. } if *input == wanted);
    let identity = |chain: &[u8], key: &[u8]| Tls::builder().identity(chain, key).err().unwrap();

    for builder in [Tls::builder().trust(b""), Tls::builder().trust_only(key)] {
        assert_eq!(builder.err(), Some(missing(TlsInput::Authorities)));
    }
    assert_eq!(identity(key, key), missing(TlsInput::Chain));
    assert_eq!(identity(chain, chain), missing(TlsInput::Key));
    let encrypted =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(identity(chain, encrypted), TlsError::EncryptedKey);

    let begin = b"-----BEGIN PRIVATE KEY-----\n";
    let no_end = [begin, &b"Y2FuYXJ5\n"[..]].concat();
    let no_base64 = [begin, &b"canary!canary\n-----END PRIVATE KEY-----\n"[..]].concat();
    for broken in [&no_end, &no_base64] {
        let error = identity(chain, broken);
        assert!(malformed(&error, TlsInput::Key), "{error:?}");
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
    }
    let error = identity(&no_base64.repeat(2), key);
    assert!(malformed(&error, TlsInput::Chain), "{error:?}");

    let build = |chain: &[u8], key: &[u8]| {
        let builder = Tls::builder().identity(chain, key);
        builder.and_then(TlsBuilder::build).err().unwrap()
    };
    assert_eq!(build(other_chain.as_bytes(), key), TlsError::Mismatch);
    let no_key = b"-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n";
    let error = build(chain, no_key);
    assert!(
        matches!(
            &error,
            TlsError::Unusable {
                input: TlsInput::Key,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        !format!("{error} {error:?}").contains("canary"),
        "{error:?}"
    );
    let no_certificate = b"-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n";
    let builder = Tls::builder().trust_only(no_certificate).unwrap();
    let error = builder.build().err().unwrap();
    assert!(
        matches!(
            &error,
            TlsError::Unusable {
                input: TlsInput::Authorities,
                ..
            }
        ),
        "{error:?}"
    );
}

/// A network with everything in it shows no secret.
#[test]
fn a_network_shows_no_secret() {
    let (chain, key) = certificates::identity();
    let tls = Tls::builder().identity(chain.as_bytes(), key.as_bytes());
    let proxy = Proxy::via("http://canary:canary@proxy.test:3128").unwrap();
    let network = Network::default()
        .with_tls(tls.and_then(TlsBuilder::build).unwrap())
        .with_proxy(proxy);
    let shown = format!(
        "{network:?} {:?}",
        facilitator_tokio::Tokio::new(network.clone())
    );
    assert!(shown.contains("http://proxy.test:3128"), "{shown}");
    for secret in ["canary", "Basic", "PRIVATE", "key"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
