//! How long a session with nothing to do takes to end: the program, from the signal to its exit, and `stop` of the library
//! on every runtime, over a link whose round trip is known.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use facilitator_tests::built;
use facilitator_tests::compare::{Bar, Detail, Measured, Plan, Row, Samples, Side};
use facilitator_tests::pair::Side as End;
use facilitator_tests::proxy::{Plan as LinkPlan, Proxy};
use facilitator_tokio::core::client::{Config, Endpoint, Phase};
use facilitator_tokio::core::driver::{self, FacilitatorClient};
use facilitator_tokio::core::signature::{Keypair, Scheme, hotkey};
use rustix::process::{Pid, Signal, kill_process};
use tungstenite::{Message, WebSocket};

use super::{Server, failed};
use crate::wire::Result;

pub(crate) const ROW: Row = Row {
    id: "sigterm",
    title: "from SIGTERM to exit, nothing owed / round trip",
    explanation: "facilitator-client connect, ready and idle, behind a link that delays every byte by 50 ms each way. \
                  The time until the process has gone, to the round trip of a ping over the same link. The closing \
                  handshake alone is one round trip.",
    bar: Bar::AtMost {
        bar: 2.0,
        aim: None,
    },
    measure: |plan| measure(plan).map_err(failed),
};

/// Every byte is on its way for so long.
const DELAY: Duration = Duration::from_millis(50);
const QUICK_DELAY: Duration = Duration::from_millis(5);
const ROUNDS: usize = 5;
/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a process is looked at that is about to end.
const LOOK: Duration = Duration::from_micros(200);
/// Time in which a session that is ready comes to rest: its first heartbeat has left.
const REST: Duration = Duration::from_millis(200);

fn measure(plan: &Plan) -> Result<Measured> {
    plan.tell("building facilitator-client");
    let program = built::program_alone("facilitator-tokio", "facilitator-client")?;
    let server = Server::start(&[])?;
    let address = (Ipv4Addr::LOCALHOST, server.port()).into();
    let delayed = link(address, plan.pick(DELAY, QUICK_DELAY))?;
    let direct = link(address, Duration::ZERO)?;
    let key = KeyFile::new()?;
    let rounds = plan.rounds(ROUNDS);
    let (mut exits, mut trips, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        plan.tell(&format!("round {round} of {rounds}"));
        trips.push(round_trip(delayed.address())?);
        exits.push(exit(&program, &key.0, delayed.address())?);
        own.push(exit(&program, &key.0, direct.address())?);
    }
    let millis = |seconds: &[f64]| Samples::new(seconds.iter().map(|s| 1e3 * s).collect());
    let ratios = exits.iter().zip(&trips).map(|(exit, trip)| exit / trip);
    let mut measured = Measured {
        ratios: Samples::new(ratios.collect()),
        ours: Side::new("from SIGTERM to exit", millis(&exits)),
        theirs: Side::new("round trip", millis(&trips)),
        unit: "ms",
        details: Vec::new(),
    }
    .with(Detail::figures(
        "of that the process's own part: the same without delay",
        millis(&own),
        "ms",
    ));
    for (name, stop) in RUNTIMES {
        plan.tell(name);
        let mut ratios = Vec::new();
        for trip in &trips {
            ratios.push(stop(delayed.address())? / trip);
        }
        measured = measured.with(Detail::figures(
            format!("stop() of the library on {name} / round trip"),
            Samples::new(ratios),
            "",
        ));
    }
    Ok(measured)
}

/// A link to the server on which every byte takes this long.
fn link(server: SocketAddr, delay: Duration) -> Result<Proxy> {
    let proxy = Proxy::in_front_of(server)?;
    proxy.plan_by(move |_| {
        let mut plan = LinkPlan::default();
        for side in [End::Client, End::Facilitator] {
            plan.course_mut(side).delay = delay;
        }
        plan
    });
    Ok(proxy)
}

/// Seconds from a ping to its pong.
fn round_trip(address: SocketAddr) -> Result<f64> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let upgraded = tungstenite::client(format!("ws://{address}/"), stream);
    let (mut socket, _): (WebSocket<TcpStream>, _) = upgraded.map_err(|error| error.to_string())?;
    let begin = Instant::now();
    socket.send(Message::Ping("now".into()))?;
    while !socket.read()?.is_pong() {}
    Ok(begin.elapsed().as_secs_f64())
}

/// Seconds from the signal until the program has ended, as it should.
fn exit(program: &Path, key: &Path, address: SocketAddr) -> Result<f64> {
    let mut command = Command::new(program);
    command
        .args(["connect", "--uri", &format!("ws://{address}/"), "--hotkey"])
        .arg(key)
        .env("FACILITATOR_CONFIG", "/dev/null")
        .env_remove("NOTIFY_SOCKET")
        // Its input stays open: the end of it means stop.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut running = Running(command.spawn()?);
    let stdout = running.0.stdout.take().ok_or("no stdout")?;
    let lines = BufReader::new(stdout)
        .lines()
        .map_while(core::result::Result::ok);
    let mut lines = lines.filter(|line| line.contains(r#""event":"phase""#));
    // It ends by itself when it cannot connect within its own deadline, and so does this then.
    lines
        .find(|line| line.contains(r#""phase":"ready""#))
        .ok_or("the program has ended before it was ready")?;
    // Nobody has to wait until somebody reads.
    thread::spawn(move || lines.for_each(drop));
    thread::sleep(REST);
    let begin = Instant::now();
    kill_process(Pid::from_child(&running.0), Signal::TERM)?;
    let status = loop {
        if let Some(status) = running.0.try_wait()? {
            break status;
        }
        if begin.elapsed() > PATIENCE {
            return Err(format!("the program goes on {PATIENCE:?} after SIGTERM").into());
        }
        thread::sleep(LOOK);
    };
    let seconds = begin.elapsed().as_secs_f64();
    if status.success() {
        Ok(seconds)
    } else {
        Err(format!("the program has ended with {status}").into())
    }
}

/// Killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A hotkey file, which is removed in the end.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("compare-hotkey-{}.json", process::id()));
        fs::write(&path, hotkey::to_json(&keypair()?).as_bytes())?;
        Ok(Self(path))
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn keypair() -> Result<Keypair> {
    Ok(Keypair::from_seed(Scheme::Sr25519, [7; 32])?)
}

/// Stops a session that is ready behind this link, and returns the seconds that it took.
type Stop = fn(SocketAddr) -> Result<f64>;

const RUNTIMES: [(&str, Stop); 4] = [
    ("tokio, one thread", |address| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let session = stop::<facilitator_tokio::Tokio>(address);
        builder.enable_all().build()?.block_on(session)
    }),
    ("tokio, many threads", |address| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let session = stop::<facilitator_tokio::Tokio>(address);
        builder.enable_all().build()?.block_on(session)
    }),
    ("smol", |address| {
        smol::block_on(stop::<facilitator_async_std::smol::Smol>(address))
    }),
    ("async-std", |address| {
        async_std::task::block_on(stop::<facilitator_async_std::async_std::AsyncStd>(address))
    }),
];

async fn stop<R: driver::Runtime + Default>(address: SocketAddr) -> Result<f64> {
    let config = Config::new(Endpoint::parse(&format!("ws://{address}/"))?);
    let client = FacilitatorClient::<R>::new(config, &keypair()?)?;
    client.start()?;
    while client.phase() != Phase::Ready {
        client.next_event().await?;
    }
    R::default().sleep_until(R::default().now() + REST).await;
    let begin = Instant::now();
    client.stop().await?;
    Ok(begin.elapsed().as_secs_f64())
}
