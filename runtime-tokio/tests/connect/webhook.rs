//! The webhook: called after each authentication, and of no consequence whatever it does.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rcgen::{CertificateParams, KeyPair};

use crate::network::{authority, certificate_pem, key_pem, secured_by};
use crate::peers::{BlackHole, Refusing, Stream};
use crate::program::{Program, SOON, file};
use crate::session::facilitator;

/// In the path, as those who are called often have it.
const SECRET: &str = "canary-of-the-hook";

/// A server that hands each request's head on, and has `answer` written.
fn hook(answer: impl Fn(&mut dyn Stream) + Send + 'static) -> (String, Receiver<String>) {
    hook_over("http", |stream| Box::new(stream), answer)
}

/// The same, over what `wrap` makes of a connection. Who breaks off is not told of.
fn hook_over(
    scheme: &str,
    wrap: impl Fn(TcpStream) -> Box<dyn Stream> + Send + 'static,
    answer: impl Fn(&mut dyn Stream) + Send + 'static,
) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("{scheme}://{address}/{SECRET}?a=b");
    let (sender, heads) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(wrap(stream.unwrap()));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if !stream.read_line(&mut head).is_ok_and(|read| read > 0) {
                    break;
                }
            }
            if head.ends_with("\r\n\r\n") && sender.send(head).is_err() {
                return;
            }
            answer(&mut **stream.get_mut());
        }
    });
    (url, heads)
}

fn say(text: &'static str) -> impl Fn(&mut dyn Stream) {
    move |stream| {
        let _ = stream.write_all(text.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_called_after_each_authentication() {
    let server = facilitator().await;
    let (url, heads) = hook(say("HTTP/1.1 204 No Content\r\n\r\n"));
    let arguments = ["-v", "--webhook", &url];
    let mut program = Program::start(&server.uri(), &arguments);
    program.expect_phase("ready");
    let head = heads.recv_timeout(SOON).unwrap();
    assert!(
        head.starts_with(&format!("GET /{SECRET}?a=b HTTP/1.1\r\n")),
        "{head}"
    );
    let head = head.to_lowercase();
    let host = url.split('/').nth(2).unwrap();
    for line in [
        format!("host: {host}"),
        "user-agent: facilitator-client/".to_owned(),
    ] {
        assert!(head.contains(&format!("\r\n{line}")), "no {line}: {head}");
    }
    program.expect_log("webhook called");
    // Once more, for the next connection.
    let (address, record) = (server.local_addr(), server.shutdown().await);
    program.expect_phase("waiting");
    let server = facilitator_tokio::server::Server::bind_with(address, record)
        .await
        .unwrap();
    program.expect_phase("ready");
    heads.recv_timeout(SOON).unwrap();
    program.expect_log("webhook called");
    let ended = program.close();
    drop(server);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(heads.try_recv().is_err());
    let said = ended.raw.join("\n") + &ended.stderr;
    assert!(!said.contains(SECRET), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_it_does_is_only_logged() {
    let server = facilitator().await;
    let (refusing, hole) = (Refusing::new(), BlackHole::new());
    let web = |uri: String| uri.replace("ws://", "http://") + SECRET;
    let (gone, _heads) = hook(|_| {});
    let (error, _more) = hook(say("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"));
    let (other, _more2) = hook(say("HTTP/1.1 302 Found\r\nLocation: http://h/\r\n\r\n"));
    let (noise, _more3) = hook(say("\u{1b}[2Jhello\r\n\r\n"));
    let plain = error.replace("http://", "https://");
    for (url, told) in [
        (web(refusing.uri()), "refused"),
        (web(hole.uri()), "did not answer in time"),
        (gone, "connection closed before message completed"),
        (error, "500"),
        (other, "with another address"),
        (noise, "invalid HTTP version parsed"),
        // It speaks no TLS.
        (plain, "InvalidContentType"),
        ("http://name.invalid/".to_owned(), "failed to lookup"),
    ] {
        let arguments = ["--webhook", &url, "--webhook-timeout", "2s"];
        let mut program = Program::start(&server.uri(), &arguments);
        program.expect_phase("ready");
        let line = program.expect_log("webhook");
        assert!(
            line.contains(told) && line.contains("WARN"),
            "{told}: {line}"
        );
        let ended = program.close();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
        assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
    }
}

/// The session's authorities are trusted, and nobody is told who we are: not even who asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_it_trusts_whom_the_session_trusts_and_shows_no_certificate() {
    let server = facilitator().await;
    let own = authority();
    let name = |name: &str| CertificateParams::new([name.to_owned()]).unwrap();
    let trusted = file("webhook-authority.pem", certificate_pem(own.der()));
    let trust = ["--tls-ca-file", trusted.to_str().unwrap()];
    let key = KeyPair::generate().unwrap();
    let me = name("validator").signed_by(&key, &own).unwrap();
    let me = file("webhook-me.pem", certificate_pem(me.der()) + &key_pem(&key));
    let identity = ["--tls-client-certificate", me.to_str().unwrap()];
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let secure = |asks, params: &CertificateParams| {
        hook_over("https", secured_by(&own, asks, params), say(answer))
    };
    let (good, heads) = secure(false, &name("127.0.0.1"));
    let (other, others) = secure(false, &name("example.org"));
    let (asking, askers) = secure(true, &name("127.0.0.1"));
    for (url, more, told) in [
        (&good, &trust[..], "webhook called"),
        (&good, &[], "UnknownIssuer"),
        (&other, &trust, "not valid for"),
        (&asking, &[trust, identity].concat(), "CertificateRequired"),
    ] {
        let arguments = [&["-v", "--webhook", url][..], more].concat();
        let mut program = Program::start(&server.uri(), &arguments);
        program.expect_phase("ready");
        let line = program.expect_log("webhook");
        assert!(line.contains(told), "no {told:?} in {line}");
        let ended = program.close();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        assert!(!ended.stderr.contains(SECRET), "{}", ended.stderr);
    }
    let head = heads.recv_timeout(SOON).unwrap();
    let asked = format!("GET /{SECRET}?a=b HTTP/1.1\r\n");
    assert!(head.starts_with(&asked), "{head}");
    for none in [heads, others, askers] {
        assert!(none.try_recv().is_err());
    }
}

/// Nobody waits for it: neither the session, nor the end of the program.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_never_answers_holds_nothing_up() {
    let server = facilitator().await;
    let url = BlackHole::new();
    let uri = url.uri().replace("ws://", "http://");
    let arguments = ["--webhook", &uri, "--webhook-timeout", "10m"];
    let mut program = Program::start(&server.uri(), &arguments);
    program.expect_phase("ready");
    let ended = program.close();
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}
