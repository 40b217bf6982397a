//! A validator on tokio that has no miners yet: `cargo run --example embed -- URI HOTKEY_FILE`, Ctrl-C stops it.
#![expect(clippy::print_stdout, reason = "it shows what happens")]

use std::{env, error::Error, fs};

use facilitator_tokio::core::message::JobRejectionReason;
use facilitator_tokio::core::signature::hotkey;
use facilitator_tokio::{Config, Endpoint, Event, FacilitatorClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(uri), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: embed URI HOTKEY_FILE".into());
    };
    let keypair = hotkey::parse(&fs::read(file)?)?;
    let client = FacilitatorClient::new(Config::new(Endpoint::parse(&uri)?), &keypair)?;
    // Whatever ends the closure, the session is stopped, and what it owed by then is in the report.
    let (result, report) = client
        .run(async |client| {
            tokio::select! {
                result = reject_all(client) => result,
                _ = tokio::signal::ctrl_c() => Ok(()),
            }
        })
        .await?;
    println!("stopped, {} updates undelivered", report.owed.len());
    result
}

async fn reject_all(client: &FacilitatorClient) -> Result<(), Box<dyn Error>> {
    while let Ok(event) = client.next_event().await {
        if let Event::JobRequested(job) = event {
            let reason = JobRejectionReason::NoMinerForJob;
            let receipt = client.reject_job(&job.uuid, reason, "no miners").await?;
            println!("{}: {}", job.uuid, receipt.await.outcome.as_str());
        }
    }
    Ok(())
}
