//! The blocking socket of the example `by-hand`, over TLS, and with peers that are slow.

#[path = "../../../core/examples/by-hand/socket.rs"]
mod socket;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use facilitator_core::client::{
    ConnectFailure, ConnectFailureKind, ConnectRequest, Disconnected, Endpoint,
};
use facilitator_core::driver::default_tls;
use facilitator_core::driver::rustls::crypto::ring::default_provider;
use facilitator_core::driver::rustls::pki_types::PrivatePkcs8KeyDer;
use facilitator_core::driver::rustls::{
    ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use facilitator_core::driver::tungstenite;
use facilitator_core::{CloseFrame, ConnectionId, Frame};

use self::socket::Line;

const ID: ConnectionId = ConnectionId(1);
/// Far more than a turn, for a busy machine; far less than a peer can hang.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn frames_pass_both_ways_over_tls() {
    let (server, trusting) = tls();
    let uri = serve(move |tcp| {
        let tls = ServerConnection::new(Arc::clone(&server)).unwrap();
        echo(StreamOwned::new(tls, tcp));
    });
    let mut line = line(&format!("wss://localhost{uri}"), trusting).unwrap();
    for text in [
        "small".to_owned(),
        "large".repeat(1 << 20),
        "small again".to_owned(),
    ] {
        let frame = Frame::text(text);
        line.write(ID, &frame);
        assert!(next(&mut line) == Ok(frame));
    }
    let goodbye = CloseFrame {
        code: 1000,
        reason: "done".into(),
    };
    line.write(ID, &Frame::Close(Some(goodbye.clone())));
    assert_eq!(next(&mut line), Ok(Frame::Close(Some(goodbye.clone()))));
    assert_eq!(next(&mut line), Err(Disconnected::Closed(Some(goodbye))));
    assert!(!line.is_open());
}

#[test]
fn a_certificate_is_verified() {
    let (server, _) = tls();
    let uri = serve(move |mut tcp| {
        let mut tls = ServerConnection::new(Arc::clone(&server)).unwrap();
        let _ = tls.complete_io(&mut tcp);
    });
    let failure = line(&format!("wss://localhost{uri}"), default_tls())
        .err()
        .unwrap();
    assert_eq!(failure.kind, ConnectFailureKind::Tls);
    assert!(failure.detail.contains("UnknownIssuer"), "{failure}");
}

/// A byte a millisecond: each call of the system has something to return, and nothing is ever complete.
#[test]
fn a_peer_that_drips_holds_nobody_up() {
    let uri = serve(|mut tcp| {
        let mut heard = [0; 4096];
        let _ = tcp.read(&mut heard);
        // The beginning of a TLS record, or of an answer to the upgrade.
        let begin: &[u8] = match heard {
            [0x16, ..] => &[0x16, 3, 3, 64, 0],
            _ => b"HTTP/1.1 101 Switc",
        };
        drip(&mut tcp, begin);
    });
    for scheme in ["ws", "wss"] {
        let uri = format!("{scheme}://localhost{uri}");
        let begin = Instant::now();
        let failure = open(&uri, default_tls(), Duration::from_millis(50));
        assert_eq!(failure.err().unwrap().kind, ConnectFailureKind::Timeout);
        assert!(begin.elapsed() < AT_ONCE);
    }
    let uri = serve(|tcp| {
        let mut socket = tungstenite::accept(tcp).unwrap();
        // The beginning of a text of 65535 bytes.
        drip(socket.get_mut(), &[0x81, 126, 255, 255]);
    });
    let mut line = line(&format!("ws://localhost{uri}"), default_tls()).unwrap();
    for _ in 0..3 {
        let begin = Instant::now();
        assert!(line.turn(Duration::from_millis(20)).is_none());
        assert!(begin.elapsed() < AT_ONCE);
    }
}

#[test]
fn a_peer_that_reads_nothing_holds_nobody_up() {
    let uri = serve(|tcp| {
        let mut socket = tungstenite::accept(tcp).unwrap();
        socket.send("still here".into()).unwrap();
        // Until the peer has gone.
        while socket.get_mut().write_all(&[0x8a, 0]).is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    });
    let mut line = line(&format!("ws://localhost{uri}"), default_tls()).unwrap();
    let begin = Instant::now();
    line.write(ID, &Frame::text("x".repeat(64 << 20)));
    assert_eq!(next(&mut line), Ok(Frame::text("still here")));
    // Other connections are none of this one's business.
    line.close(ConnectionId(2));
    assert!(line.is_open());
    line.close(ID);
    assert!(!line.is_open());
    assert!(begin.elapsed() < AT_ONCE);
}

/// Serves each connection on a thread of its own. Returns the end of the URI: port and path.
fn serve(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for tcp in listener.incoming().map_while(Result::ok) {
            let serve = serve.clone();
            thread::spawn(move || serve(tcp));
        }
    });
    format!(":{port}/")
}

fn drip(tcp: &mut TcpStream, begin: &[u8]) {
    let _ = tcp.write_all(begin);
    while tcp.write_all(b"h").is_ok() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Says everything back, until the peer has closed.
fn echo(stream: impl std::io::Read + std::io::Write) {
    let mut socket = tungstenite::accept(stream).unwrap();
    while let Ok(message) = socket.read() {
        if message.is_text() {
            socket.send(message).unwrap();
        }
    }
}

/// A certificate for `localhost`, and a client's side that trusts it.
fn tls() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = key.cert.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate],
            PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()).into(),
        )
        .unwrap();
    (Arc::new(server), Arc::new(client))
}

fn open(
    uri: &str,
    tls: Arc<ClientConfig>,
    time: Duration,
) -> Result<socket::Socket, ConnectFailure> {
    let request = ConnectRequest {
        endpoint: Endpoint::parse(uri).unwrap(),
        headers: Vec::new(),
        max_message_bytes: 16 << 20,
    };
    socket::open(&request, tls, Instant::now() + time)
}

fn line(uri: &str, tls: Arc<ClientConfig>) -> Result<Line, ConnectFailure> {
    let mut line = Line::to(ID);
    line.open(ID, open(uri, tls, Duration::from_secs(30))?);
    assert!(line.is_open());
    Ok(line)
}

/// The next frame, or the end.
fn next(line: &mut Line) -> Result<Frame, Disconnected> {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(30) {
        if let Some((id, input)) = line.turn(Duration::from_millis(10)) {
            assert_eq!(id, ID);
            return input;
        }
    }
    panic!("nothing came");
}
