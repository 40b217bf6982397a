//! The way to the facilitator as it is configured: whom the program trusts, who it says that it is, and which proxy it
//! goes through.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use facilitator_tokio::core::driver::rustls::crypto::ring;
use facilitator_tokio::core::driver::rustls::pki_types::PrivateKeyDer;
use facilitator_tokio::core::driver::rustls::server::WebPkiClientVerifier;
use facilitator_tokio::core::driver::rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::peers::{Script, Stream, scripted, scripted_over};
use crate::program::{Program, SOON, command, file};

/// An authority that nobody knows.
pub(crate) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server of 127.0.0.1 whose certificate this authority has signed; it can ask for one that it has signed, too.
fn server(authority: &CertifiedIssuer<'static, KeyPair>, asks: bool) -> String {
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    server_of(authority, asks, &params)
}

/// The same, with any certificate.
pub(crate) fn server_of(
    authority: &CertifiedIssuer<'static, KeyPair>,
    asks: bool,
    params: &CertificateParams,
) -> String {
    let secured = secured_by(authority, asks, params);
    scripted_over("wss", secured, |script, _| greet(script))
}

/// What makes the server's end of TLS of a connection.
pub(crate) fn secured_by(
    authority: &CertifiedIssuer<'static, KeyPair>,
    asks: bool,
    params: &CertificateParams,
) -> impl Fn(TcpStream) -> Box<dyn Stream> + Send + 'static {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = if asks {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = Arc::new(
        builder
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap(),
    );
    move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        Box::new(StreamOwned::new(connection, stream))
    }
}

fn greet(script: &mut Script) {
    script.authenticate();
    script.fall_silent();
}

fn assert_ready(uri: &str, arguments: &[&str]) {
    let mut program = Program::start(uri, arguments);
    program.expect_phase("ready");
    assert_eq!(program.close().status, 0);
}

/// It is not trusted, or does not trust: the reason says all of `told`.
fn assert_refused(uri: &str, arguments: &[&str], told: &str) {
    let mut program = Program::start(uri, arguments);
    let waiting = program.expect_phase("waiting");
    assert_eq!(waiting["cause"], "tls", "{waiting}");
    assert!(
        waiting["reason"].as_str().unwrap().contains(told),
        "{told}: {waiting}"
    );
    program.close();
}

/// PEM, as RFC 7468 has it, but for the length of its lines.
fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in der.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | usize::from(*chunk.get(at).unwrap_or(&0))
        });
        for at in 0..4 {
            let symbol = char::from(ALPHABET[bits >> (18 - 6 * at) & 63]);
            text.push(if at <= chunk.len() { symbol } else { '=' });
        }
    }
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

pub(crate) fn certificate_pem(der: &[u8]) -> String {
    pem("CERTIFICATE", der)
}

pub(crate) fn key_pem(key: &KeyPair) -> String {
    pem("PRIVATE KEY", &key.serialize_der())
}

#[test]
fn only_authorities_that_are_configured_are_trusted() {
    let (own, other) = (authority(), authority());
    let uri = server(&own, false);
    let own_file = file("own-authority.pem", certificate_pem(own.der()));
    let other_file = file("other-authority.pem", certificate_pem(other.der()));
    let (own_file, other_file) = (own_file.to_str().unwrap(), other_file.to_str().unwrap());
    assert_refused(&uri, &[], "UnknownIssuer");
    assert_refused(&uri, &["--tls-ca-file", other_file], "certificate");
    assert_ready(&uri, &["--tls-ca-file", own_file]);
    assert_ready(&uri, &["--tls-ca-file", own_file, "--tls-roots", "none"]);
    assert_ready(&uri, &["--tls-ca-file", own_file, "--tls-roots", "system"]);
}

#[test]
fn a_server_that_asks_for_a_certificate_gets_the_configured_one() {
    let own = authority();
    let uri = server(&own, true);
    let authorities = file("asking-authority.pem", certificate_pem(own.der()));
    let trust = ["--tls-ca-file", authorities.to_str().unwrap()];
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["validator".to_owned()])
        .unwrap()
        .signed_by(&key, &own)
        .unwrap();
    let both = file(
        "me-and-key.pem",
        certificate_pem(certificate.der()) + &key_pem(&key),
    );
    let alone = file("me.pem", certificate_pem(certificate.der()));
    let key_file = file("me.key", key_pem(&key));
    let other_key = file("other.key", key_pem(&KeyPair::generate().unwrap()));
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();

    assert_ready(
        &uri,
        &[&trust[..], &["--tls-client-certificate", &path(&both)]].concat(),
    );
    let separate = [
        "--tls-client-certificate",
        &path(&alone),
        "--tls-client-key",
        &path(&key_file),
    ];
    assert_ready(&uri, &[&trust[..], &separate].concat());
    // Without it, the server hangs up.
    let mut program = Program::start(&uri, &trust);
    program.expect_phase("waiting");
    program.close();

    for (arguments, told) in [
        (
            vec!["--tls-client-certificate", &path(&alone)],
            "--tls-client-certificate: the file of the client certificate's key holds none",
        ),
        (
            vec![
                "--tls-client-certificate",
                &path(&alone),
                "--tls-client-key",
                &path(&other_key),
            ],
            "do not belong together",
        ),
        (
            vec![
                "--tls-client-certificate",
                &path(&key_file),
                "--tls-client-key",
                &path(&key_file),
            ],
            "--tls-client-certificate: the file of the client certificate holds none",
        ),
    ] {
        let output = command(&uri, &arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), stderr.lines().count()),
            (Some(2), 1),
            "{stderr}"
        );
        assert!(stderr.contains(told), "no {told:?} in {stderr}");
        let secret = key_pem(&key);
        assert!(!stderr.contains(secret.lines().nth(1).unwrap()), "{stderr}");
    }
}

/// A proxy that takes one tunnel after the other, and tells what was asked of it.
fn proxy() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, heads) = channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|read| read == 1)
            {
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let Ok(server) = TcpStream::connect(target) else {
                continue;
            };
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let _ = sender.send(head);
            let ways = [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ];
            for (mut from, mut to) in ways {
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    (address, heads)
}

#[test]
fn a_proxy_is_gone_through_as_configured_and_its_password_is_secret() {
    let uri = scripted(greet);
    let (address, heads) = proxy();
    let with_password = format!("http://user:hunter2@{address}");
    let mut command = command(&uri, &["-vv", "--proxy", &with_password]);
    command.env("RUST_LOG", "trace");
    let mut program = Program::start_unread(command);
    program.read_stdout();
    program.expect_phase("ready");
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let head = heads.recv_timeout(SOON).unwrap();
    let target = uri.trim_start_matches("ws://").trim_end_matches('/');
    assert!(
        head.starts_with(&format!("CONNECT {target} HTTP/1.1\r\n")),
        "{head}"
    );
    // `user:hunter2`, as RFC 7617 has it.
    assert!(
        head.contains("Proxy-Authorization: Basic dXNlcjpodW50ZXIy\r\n"),
        "{head}"
    );
    let said = ended.raw.join("\n") + &ended.stderr;
    for secret in ["hunter2", "dXNlcjpodW50ZXIy"] {
        assert!(!said.contains(secret), "{said}");
    }

    // An exception, and none at all.
    assert_ready(
        &uri,
        &["--proxy", &with_password, "--proxy-except", "127.0.0.0/8"],
    );
    assert_ready(&uri, &["--proxy", "none"]);
    assert!(heads.try_recv().is_err());
}

#[test]
fn a_proxys_password_is_not_printed() {
    let output = command(
        "ws://127.0.0.1:9/",
        &["--print-config", "--proxy", "http://user:hunter2@h:3128"],
    )
    .output()
    .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.contains("\nuri = \"http://(redacted)@h:3128\"  # --proxy\n"),
        "{printed}"
    );
    assert!(!printed.contains("hunter2"), "{printed}");
}
