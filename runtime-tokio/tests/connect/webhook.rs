//! The webhook: called after each authentication, and of no consequence whatever it does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rcgen::{CertificateParams, KeyPair};

use crate::network::{authority, certificate_pem, key_pem, secured_by};
use crate::peers::{BlackHole, Refusing, Stream};
use crate::program::{Program, SOON, command, file};
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

/// A proxy that takes every name for this machine's. Each request that it is made comes out.
fn proxy() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut near = stream.unwrap();
            let mut reader = BufReader::new(near.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|n| n > 0) {}
            let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = sender.send(head);
            if target.starts_with("closed.invalid") {
                let _ = near.write_all(b"HTTP/1.1 403 No\r\n\r\n");
                continue;
            }
            // Whoever leaves without a word has learned enough.
            let Some((_, port)) = target.rsplit_once(':') else {
                continue;
            };
            let far = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
            near.write_all(b"HTTP/1.1 200 Ok\r\n\r\n").unwrap();
            let (mut to_near, mut to_far) = (near, far.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut reader, &mut to_far);
                let _ = to_far.shutdown(std::net::Shutdown::Write);
            });
            thread::spawn(move || {
                let _ = std::io::copy(&mut &far, &mut to_near);
                let _ = to_near.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    (address, requests)
}

/// Whatever says which proxy the session takes says it of the webhook, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_through_the_proxy_of_the_session() {
    let server = facilitator().await;
    let own = authority();
    let trusted = file("webhook-proxied.pem", certificate_pem(own.der()));
    let params = CertificateParams::new(["hook.invalid".to_owned()]).unwrap();
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (secure, secure_heads) = hook_over("https", secured_by(&own, false, &params), say(answer));
    let (plain, plain_heads) = hook(say(answer));
    let (proxy, requests) = proxy();
    let via = format!("http://user:canary@{proxy}");
    let via_tls = format!("https://{proxy}");
    let named = |url: &str, name: &str| url.replace("127.0.0.1", name);
    let (secure, plain) = (
        named(&secure, "hook.invalid"),
        named(&plain, "hook.invalid"),
    );
    let closed = named(&plain, "closed.invalid").replace("hook.invalid", "closed.invalid");
    let none: &[(&str, &str)] = &[];
    let flags = ["--proxy", &via, "--proxy-except", "127.0.0.1"];
    let spared = [&flags[..], &["--proxy-except", "hook.invalid"]].concat();
    let over_tls = ["--proxy", &via_tls, "--proxy-except", "127.0.0.1"];
    for (url, more, variables, told, asked) in [
        (&secure, &flags[..], none, "webhook called", true),
        (&plain, &flags, none, "webhook called", true),
        (
            &secure,
            &[],
            &[("HTTPS_PROXY", &*via)],
            "webhook called",
            true,
        ),
        (&plain, &[], &[("ALL_PROXY", &*via)], "webhook called", true),
        (&closed, &flags, none, "does not let us connect", true),
        // Nobody knows its name here.
        (&secure, &spared, none, "failed to lookup", false),
        (
            &secure,
            &[],
            &[("HTTPS_PROXY", &*via), ("NO_PROXY", ".invalid")],
            "failed to lookup",
            false,
        ),
        (
            &plain,
            &["--proxy", "none"],
            &[("ALL_PROXY", &*via)],
            "failed to lookup",
            false,
        ),
        (
            &secure,
            &over_tls,
            none,
            "the proxy speaks TLS itself",
            false,
        ),
    ] {
        let trust = [
            "-v",
            "--tls-ca-file",
            trusted.to_str().unwrap(),
            "--webhook",
            url,
        ];
        let mut command = command(&server.uri(), &[&trust[..], more].concat());
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.envs(variables.iter().copied());
        let mut program = Program::start_unread(command);
        program.read_stdout();
        program.expect_phase("ready");
        let line = program.expect_log("webhook");
        assert!(line.contains(told), "{url} {more:?} {variables:?}: {line}");
        let ended = program.close();
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        for secret in [SECRET, "canary"] {
            assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
        }
        let target = url.split('/').nth(2).unwrap();
        let heads: Vec<String> = requests.try_iter().collect();
        let wanted = format!("CONNECT {target} HTTP/1.1\r\n");
        let was_asked = heads.iter().any(|head| {
            head.starts_with(&wanted)
                && head.contains("Proxy-Authorization: Basic dXNlcjpjYW5hcnk=")
        });
        assert_eq!(was_asked, asked, "{url} {more:?} {variables:?}: {heads:?}");
    }
    let host = |url: &str| format!("Host: {}", url.split('/').nth(2).unwrap()).to_lowercase();
    for (heads, url) in [(secure_heads, &secure), (plain_heads, &plain)] {
        let heads: Vec<String> = heads.try_iter().collect();
        assert_eq!(heads.len(), 2, "{heads:?}");
        for head in heads {
            assert!(head.to_lowercase().contains(&host(url)), "{head}");
        }
    }
}
