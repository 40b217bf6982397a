//! Asks an instance for its report: one request of HTTP/1.0, so that the end of the connection is the end of the answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::monitor::Address;
use crate::monitor::report::Report;

/// For the whole of it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Far more than a report ever has.
const LONGEST: u64 = 16 << 20;

/// The report, and its text.
pub(super) async fn ask(address: Address) -> Result<(Report, String), Failure> {
    let address = reachable(address.socket());
    let failed = |what: &str| Failure::failed(format!("the instance at {address} {what}"));
    let answer = timeout(PATIENCE, fetch(address))
        .await
        .map_err(|_| failed("does not answer within 5 s"))?
        .map_err(|error| {
            failed(&format!(
                "cannot be asked: {error}; does it run, with --metrics at this address?"
            ))
        })?;
    let strange = "answers, but is no facilitator-client of this version: is the port right?";
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| failed(strange))?;
    if head.split(' ').nth(1) != Some("200") {
        return Err(failed(strange));
    }
    let report = serde_json::from_str(body).map_err(|_| failed(strange))?;
    Ok((report, body.to_owned()))
}

/// An instance that listens everywhere listens here as well.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn fetch(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /status.json HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer).await?;
    Ok(answer)
}
