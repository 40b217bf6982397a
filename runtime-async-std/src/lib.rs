//! The facilitator client on async-io: for smol, async-std, and executors of your own.
//!
//! This crate is thin: it has sockets, timers and tasks ([`AsyncIo`]), and everything else is
//! [`facilitator_core::driver`].
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | `smol` | `smol::FacilitatorClient`, on smol's global executor | yes |
//! | `async-std` | `async_std::FacilitatorClient`, on async-std's global executor | no |
//! | `sr25519` | Bittensor's own key scheme | yes |
//! | `platform-verifier` | [`TlsBuilder::platform_verifier`](core::driver::TlsBuilder::platform_verifier): trusting whom the operating system trusts | no |
//!
//! Features only add: with both runtimes enabled, both clients are there and share one reactor. **Prefer smol.**
//! async-std is discontinued, its maintainers and the advisory [RUSTSEC-2025-0052] name smol as its successor;
//! the feature `async-std` is for programs that already run on it.
//!
//! With neither, any executor will do:
//!
//! ```no_run
//! use facilitator_async_std::core::driver::{self, BoxFuture, Network, SpawnError};
//! use facilitator_async_std::{AsyncIo, Config, Endpoint, Executor, Keypair};
//!
//! struct Threads;
//!
//! impl Executor for Threads {
//!     fn spawn(&self, future: BoxFuture<()>) -> Result<(), SpawnError> {
//!         std::thread::spawn(|| async_io::block_on(future));
//!         Ok(())
//!     }
//! }
//!
//! # fn embed(keypair: Keypair) -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = AsyncIo::new(Threads, Network::default());
//! let config = Config::new(Endpoint::public());
//! let client = driver::FacilitatorClient::with_runtime(config, &keypair, runtime)?;
//! client.start()?;
//! # Ok(())
//! # }
//! ```
//!
//! [RUSTSEC-2025-0052]: https://rustsec.org/advisories/RUSTSEC-2025-0052
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "async-std")]
pub mod async_std;
mod connect;
mod runtime;
#[cfg(feature = "smol")]
pub mod smol;

pub use facilitator_core as core;
pub use facilitator_core::client::{Config, Endpoint, Event, Outcome, Phase, Receipt};
pub use facilitator_core::driver::{EventError, PendingReceipt, StartError, StopReport};
pub use facilitator_core::signature::Keypair;

pub use self::connect::Socket;
pub use self::runtime::{AsyncIo, Executor};
