//! The client on async-std's global executor. Everything besides spawning is in `runtime`.
//!
//! async-std is discontinued and gets no more fixes ([RUSTSEC-2025-0052]). This is for programs that already run on
//! it; new ones take `smol`, which the advisory names as its successor. Both stand on async-io, so a program can move
//! over one part after the other, this client first.
//!
//! ```no_run
//! use facilitator_async_std::async_std::FacilitatorClient;
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
//!
//! [RUSTSEC-2025-0052]: https://rustsec.org/advisories/RUSTSEC-2025-0052

use facilitator_core::driver::{self, BoxFuture, SpawnError};

use crate::{AsyncIo, Executor};

/// async-std's global executor.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsyncStdExecutor;

impl Executor for AsyncStdExecutor {
    fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
        // Dropping the handle lets the task go on.
        drop(::async_std::task::spawn(future));
        Ok(())
    }
}

/// The runtime of async-std.
pub type AsyncStd = AsyncIo<AsyncStdExecutor>;

/// A validator's session with its facilitator, on async-std. See [`driver::FacilitatorClient`] for its methods.
pub type FacilitatorClient = driver::FacilitatorClient<AsyncStd>;
