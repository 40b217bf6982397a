//! Nobody says where the facilitator is: a resolver that never answers, and a system whose name server does not.

use std::env;
use std::future::pending;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{self, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use facilitator_core::client::Phase;
use facilitator_core::driver::{Resolve, Resolving};

use crate::holes::{CONNECT, connecting, goes_on, in_time, noticed};
use crate::subject::direct;
use crate::wire::Wire;
use crate::{Subject, UnderTest, certificates, client, config, reach};

/// Never answers the first so many questions. Then everybody is on this machine.
struct Hole(AtomicUsize);

impl Resolve for Hole {
    fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> Resolving<'a> {
        Box::pin(async move {
            let left = self
                .0
                .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                });
            if left.is_ok() {
                pending::<()>().await;
            }
            Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))])
        })
    }
}

pub(crate) fn a_black_hole_is_noticed_while_resolving<R: UnderTest>(subject: &Subject<R>) {
    let network = direct()
        .with_tls(certificates::trusted())
        .with_resolver(Arc::new(Hole(AtomicUsize::new(2))));
    let wire = Wire::by_name(subject, R::with_network(network), connecting);
    subject.block_on(async move {
        let job = wire.push();
        noticed(&wire.client, 2).await;
        goes_on(wire, &job).await;
    });
}

/// What tells the test's program that it runs where no name server answers.
const CHILD: &str = "TESTS_WITHOUT_DNS";
/// Longer than this test waits for anything: the system gives up later.
const RESOLV_CONF: &str = "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n";
const NSSWITCH_CONF: &str = "hosts: files dns\n";
/// A network of its own, which begins without even a loopback, and name resolution as above.
const SCRIPT: &str = r#"
    ip link set lo up && mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf &&
    shift 2 && exec "$@""#;

/// Here the system's own resolver hangs, in a thread that nobody can cancel: neither a deadline nor a stop waits for it,
/// nor does the end of the program.
pub(crate) fn a_stop_ends_while_the_system_waits_for_dns<R: UnderTest>(subject: &Subject<R>) {
    if env::var_os(CHILD).is_some() {
        return subject.block_on(stop_without_dns(subject));
    }
    if let Err(why) = isolated(&["true"], subject.test) {
        return skipped(&why);
    }
    let program = env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let begin = Instant::now();
    let command = [program, "--exact", subject.test, "--nocapture"];
    let said = isolated(&command, subject.test).unwrap();
    assert!(said.contains(ENDED), "{said}");
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}",
        begin.elapsed()
    );
}

/// What the child says before it goes.
const ENDED: &str = "it has ended in time";

#[expect(clippy::print_stdout, reason = "the parent reads it")]
async fn stop_without_dns<R: UnderTest>(subject: &Subject<R>) {
    // It hears the questions, and answers none.
    let name_server = UdpSocket::bind("127.0.0.1:53").unwrap();
    name_server.set_read_timeout(Some(CONNECT)).unwrap();
    let client = client(
        subject.usual.clone(),
        connecting(config("wss://facilitator.example.org/")),
    );
    noticed(&client, 1).await;
    // The resolver was not just slow to say no.
    name_server.recv(&mut [0; 512]).unwrap();
    reach(&client, Phase::Connecting).await;
    let begin = Instant::now();
    assert_eq!(client.stop().await.unwrap().owed, []);
    in_time(begin, Duration::ZERO, Duration::ZERO);
    println!("{ENDED}");
    process::exit(0);
}

/// Says so where it is not lost: the output of a test that succeeds is.
fn skipped(why: &io::Error) {
    let what = "SKIPPED: a silent name server needs a network namespace";
    // Nobody reads it: then nobody wants to know.
    let _ = writeln!(io::stderr(), "{what}, which is not to be had here ({why})");
}

/// Runs a command where there is no network, as root of nothing else. Returns what it wrote to stdout.
fn isolated(command: &[&str], test: &str) -> io::Result<String> {
    let file = |name: &str, content| {
        let name = format!("{}.{name}", test.replace("::", "."));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, content)?;
        io::Result::Ok(path)
    };
    let output = Command::new("unshare")
        .args(["-rmn", "sh", "-c", SCRIPT, "sh"])
        .arg(file("resolv", RESOLV_CONF)?)
        .arg(file("nsswitch", NSSWITCH_CONF)?)
        .args(command)
        .env(CHILD, "1")
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!(
        "{}: {said}{complaint}",
        output.status
    )))
}
