//! The webhook: called after each authentication, and of no consequence whatever it does.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::peers::{BlackHole, Refusing};
use crate::program::{Program, SOON};
use crate::session::facilitator;

/// In the path, as those who are called often have it.
const SECRET: &str = "canary-of-the-hook";

/// A server that hands each request's head on, and has `answer` written.
fn hook(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/{SECRET}?a=b", listener.local_addr().unwrap());
    let (sender, heads) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
            if sender.send(head).is_err() {
                return;
            }
            answer(stream.get_mut());
        }
    });
    (url, heads)
}

fn say(text: &'static str) -> impl Fn(&mut TcpStream) {
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
        (gone, "the webhook failed"),
        (error, "500"),
        (other, "with another address"),
        (noise, "the webhook failed"),
        // It speaks no TLS.
        (plain, "the webhook failed"),
        ("http://name.invalid/".to_owned(), "the webhook failed"),
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
