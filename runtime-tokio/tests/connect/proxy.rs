//! The proxy that the environment of the process names.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;

use crate::program::{Program, SOON, command};

#[test]
fn the_environments_proxy_is_asked_and_its_password_is_not_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request: Vec<_> = lines
                .by_ref()
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let _ = tell.send(request.join("\n"));
            let _ = stream.write_all(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n");
            // Until the other side has read that, and left.
            let _ = lines.next();
        }
    });

    // Nobody's name: were it resolved here, there would be no question to the proxy.
    let mut command = command("wss://facilitator.invalid/", &["-vv"]);
    command
        .env("HTTPS_PROXY", format!("http://user:canary@{address}"))
        .env("FACILITATOR_LOG", "trace");
    for variable in ["https_proxy", "no_proxy", "NO_PROXY"] {
        command.env_remove(variable);
    }
    let mut program = Program::start_unread(command);
    program.read_stdout();
    let waiting = program.expect_phase("waiting");
    assert_eq!(waiting["cause"], "proxy", "{waiting}");
    let request = heard.recv_timeout(SOON).unwrap();
    let asked = "CONNECT facilitator.invalid:443 HTTP/1.1\nHost: facilitator.invalid:443\n";
    assert!(request.starts_with(asked), "{request}");
    assert!(request.ends_with("Proxy-Authorization: Basic dXNlcjpjYW5hcnk="));

    let ended = program.close();
    let said = ended.raw.join("\n") + &ended.stderr;
    assert!(
        said.contains("407") && said.contains(&address.to_string()),
        "{said}"
    );
    for secret in ["canary", "dXNlcjpjYW5hcnk"] {
        assert!(!said.contains(secret), "{said}");
    }
}
