//! Holds idle connections and counts the bytes of the heap that they take: a part of `compare`, which starts it. It is a
//! program of its own because counting makes every allocation dearer, and nothing else is to pay for that.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use allocation_counter::measure;
use facilitator_tokio::core::driver::rustls::{self, ClientConfig, RootCertStore};
use facilitator_tokio::core::message::ValidatorMessage;
use facilitator_tokio::core::signature::{Scheme, authentication_request};
use facilitator_tokio::{Config, Endpoint, Event, FacilitatorClient, Keypair, Phase, Tokio};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

type Result<T> = core::result::Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "\
Holds idle connections, and prints what one of them takes, in bytes.

USAGE: idle-sessions SIDE COUNT URI [AUTHORITY]

  SIDE       `ours` or `bare` (tokio-tungstenite as it is by default)
  COUNT      how many connections
  URI        of the server, which takes any authentication
  AUTHORITY  a file in DER with who has signed the server's certificate, for wss://
";

/// Time between two pings of ours; nothing else is shortened.
const PING_INTERVAL: Duration = Duration::from_millis(250);

/// What it prints, as one line of JSON.
#[derive(Debug, Serialize)]
struct Held {
    /// Live bytes of the heap.
    heap: f64,
    /// In so many blocks.
    blocks: f64,
    /// Memory that the system has given to this process. `None` where Linux's `/proc` is missing.
    resident: Option<f64>,
}

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let held = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [side @ ("ours" | "bare"), count, uri] => hold(side, count, uri, None),
        [side @ ("ours" | "bare"), count, uri, authority] => {
            hold(side, count, uri, Some(authority))
        }
        _ => Err(USAGE.into()),
    };
    let told = held.and_then(|held| {
        let line = serde_json::to_string(&held)?;
        Ok(writeln!(io::stdout(), "{line}")?)
    });
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_reads = writeln!(io::stderr(), "idle-sessions: {error}");
            ExitCode::from(2)
        }
    }
}

/// Opens so many connections, and one more before them, which pays for what all share.
fn hold(side: &str, count: &str, uri: &str, authority: Option<&str>) -> Result<Held> {
    let count: u32 = count.parse()?;
    let tls = authority.map(trusting).transpose()?;
    // One thread, so that everything happens on the one whose allocations are counted.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let open: &dyn Fn() -> Result<()> = match side {
        "ours" => &|| runtime.block_on(ours(uri, tls.clone())),
        _ => &|| runtime.block_on(bare(uri, tls.clone())),
    };
    open()?;
    settle(&runtime);
    let resident_before = resident();
    let mut outcome = Ok(());
    let heap = measure(|| {
        outcome = (0..count).try_for_each(|_| open());
        settle(&runtime);
    });
    outcome?;
    let each = |all: i64| {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
        let all = all as f64;
        all / f64::from(count)
    };
    let resident = resident_before.zip(resident());
    Ok(Held {
        heap: each(heap.bytes_current),
        blocks: each(heap.count_current),
        resident: resident.map(|(before, after)| each(after - before)),
    })
}

/// Until everybody has done what follows on the authentication, and has pinged.
fn settle(runtime: &Runtime) {
    runtime.block_on(async { tokio::time::sleep(2 * PING_INTERVAL).await });
}

/// A session as an application has it: made, started, ready, with a task that takes its events.
async fn ours(uri: &str, tls: Option<Arc<ClientConfig>>) -> Result<()> {
    let runtime = tls.map_or_else(Tokio::default, Tokio::with_tls);
    // Idle is who has nothing to do but to show that it is alive: that happens while this is measured.
    let config = Config {
        ping_interval: PING_INTERVAL,
        ..Config::new(Endpoint::parse(uri)?)
    };
    let client = FacilitatorClient::with_runtime(config, &keypair()?, runtime)?;
    client.start()?;
    loop {
        match client.next_event().await? {
            Event::Phase(change) if change.phase == Phase::Ready => break,
            Event::ConnectionLost { reason, .. } => return Err(reason.to_string().into()),
            _ => {}
        }
    }
    tokio::spawn(async move { while client.next_event().await.is_ok() {} });
    Ok(())
}

/// A connection as the library's documentation opens it, authenticated, with a task that reads.
async fn bare(uri: &str, tls: Option<Arc<ClientConfig>>) -> Result<()> {
    let endpoint = Endpoint::parse(uri)?;
    let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await?;
    stream.set_nodelay(true)?;
    match tls {
        None => authenticated(uri, stream).await,
        Some(tls) => {
            let name = rustls::pki_types::ServerName::try_from(endpoint.host().to_owned())?;
            let stream = tokio_rustls::TlsConnector::from(tls)
                .connect(name, stream)
                .await?;
            authenticated(uri, stream).await
        }
    }
}

async fn authenticated<S>(uri: &str, stream: S) -> Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut socket, _): (WebSocketStream<S>, _) = client_async(uri, stream).await?;
    let request = ValidatorMessage::Authentication(authentication_request(&keypair()?));
    socket.send(Message::text(request.encode())).await?;
    socket.next().await.ok_or("the server has gone")??;
    tokio::spawn(async move { while let Some(Ok(_)) = socket.next().await {} });
    Ok(())
}

fn keypair() -> Result<Keypair> {
    Ok(Keypair::from_seed(Scheme::Sr25519, [7; 32])?)
}

/// Both sides trust the same authority, and share it among their connections.
fn trusting(path: &str) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(fs::read(path)?.into())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// What the system has given to this process that is backed by no file, in bytes.
fn resident() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
