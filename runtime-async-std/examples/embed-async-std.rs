//! A validator on async-std that has no miners yet: `cargo run --example embed-async-std -- URI HOTKEY_FILE`.
#![expect(clippy::print_stdout, reason = "it shows what happens")]

use std::{env, error::Error, fs};

use facilitator_async_std::async_std::FacilitatorClient;
use facilitator_async_std::core::message::JobRejectionReason;
use facilitator_async_std::core::signature::hotkey;
use facilitator_async_std::{Config, Endpoint, Event};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(uri), Some(file)) = (args.next(), args.next()) else {
        return Err("usage: embed-async-std URI HOTKEY_FILE".into());
    };
    let keypair = hotkey::parse(&fs::read(file)?)?;
    let client = FacilitatorClient::new(Config::new(Endpoint::parse(&uri)?), &keypair)?;
    client.start()?;
    async_std::task::block_on(reject_all(&client))
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
