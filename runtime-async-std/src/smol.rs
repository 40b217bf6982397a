//! The client on smol's global executor. Everything besides spawning is in `runtime`.
//!
//! smol starts that executor with the first task, on one thread of its own, or on as many as the environment variable
//! `SMOL_THREADS` says. So [`start`](FacilitatorClient::start) works anywhere, and the rest under any `block_on`.
//!
//! ```no_run
//! use facilitator_async_std::smol::FacilitatorClient;
//! use facilitator_async_std::{Config, Endpoint, Event, Keypair};
//!
//! async fn serve(keypair: Keypair) -> Result<(), Box<dyn std::error::Error>> {
//!     let client = FacilitatorClient::new(Config::new(Endpoint::public()), &keypair)?;
//!     client.start()?;
//!     while let Ok(event) = client.next_event().await {
//!         if let Event::JobRequested(job) = event {
//!             println!("run {} and report its statuses", job.uuid);
//!         }
//!     }
//!     Ok(())
//! }
//! ```

use facilitator_core::driver::{self, BoxFuture, SpawnError};

use crate::{AsyncIo, Executor};

/// smol's global executor.
#[derive(Clone, Copy, Debug, Default)]
pub struct SmolExecutor;

impl Executor for SmolExecutor {
    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        ::smol::spawn(future).detach();
        Ok(())
    }
}

/// The runtime of smol.
pub type Smol = AsyncIo<SmolExecutor>;

/// A validator's session with its facilitator, on smol. See [`driver::FacilitatorClient`] for its methods.
pub type FacilitatorClient = driver::FacilitatorClient<Smol>;
