//! One request, one answer, over a connection of its own. No more of HTTP than the tests need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::program::SOON;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }
}

/// Sends this head, and a body if there is one; reads the answer, or to the end when it does not say its length.
pub(crate) fn exchange(address: &str, head: &str, body: &str) -> Answer {
    exchange_within(SOON, address, head, body)
}

/// The same, with so much time for each part of the answer.
pub(crate) fn exchange_within(time: Duration, address: &str, head: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(time)).unwrap();
    write!(stream, "{head}\r\nConnection: close\r\n\r\n{body}").unwrap();
    let mut stream = BufReader::new(stream);
    let mut lines = String::new();
    while !lines.ends_with("\r\n\r\n") && stream.read_line(&mut lines).unwrap() > 0 {}
    let mut answer = Answer {
        status: lines.split(' ').nth(1).unwrap().parse().unwrap(),
        head: lines.trim_end().to_owned(),
        body: String::new(),
    };
    // Not every server closes when it is asked to.
    let length = answer.header("content-length").map(str::parse);
    match length.filter(|_| !head.starts_with("HEAD ")) {
        Some(length) => stream
            .take(length.unwrap())
            .read_to_string(&mut answer.body),
        None => stream.read_to_string(&mut answer.body),
    }
    .unwrap();
    answer
}

/// Asks for a path, under the address itself as the host.
pub(crate) fn request(address: &str, method: &str, path: &str) -> Answer {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}");
    exchange(address, &head, "")
}

pub(crate) fn get(address: &str, path: &str) -> Answer {
    request(address, "GET", path)
}
