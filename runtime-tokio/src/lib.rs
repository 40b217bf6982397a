//! The facilitator client on tokio.
//!
//! This crate is thin: it has sockets, timers and tasks ([`Tokio`]), and everything else is
//! [`facilitator_core::driver`]. With the feature `server` it also serves the simulated facilitator on a real
//! socket. The program `facilitator-client` (feature `cli`) is built on both.
//!
//! | feature | what it adds | default |
//! |---|---|---|
//! | `sr25519` | Bittensor's own key scheme | yes |
//! | `cli` | the program, and the three others with it | yes |
//! | `server` | `server::Server`, the simulated facilitator | no |
//! | `platform-verifier` | [`TlsBuilder::platform_verifier`](core::driver::TlsBuilder::platform_verifier): trusting whom the operating system trusts | no |
//!
//! A program that embeds the client does without `cli`, and so without what only the program depends on:
//! `default-features = false`, and the features that it wants by name.
//!
//! ```
//! # #[cfg(all(feature = "server", feature = "sr25519"))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use facilitator_tokio::core::facilitator::FacilitatorConfig;
//! use facilitator_tokio::core::signature::Scheme;
//! use facilitator_tokio::server::Server;
//! use facilitator_tokio::{Config, Endpoint, Event, FacilitatorClient, Keypair, Phase};
//!
//! // In production: `Endpoint::public()`, and a key of a wallet.
//! let server = Server::bind("127.0.0.1:0", FacilitatorConfig::default()).await?;
//! let keypair = Keypair::from_uri(Scheme::Sr25519, "//Alice")?;
//! let client = FacilitatorClient::new(Config::new(Endpoint::parse(&server.uri())?), &keypair)?;
//! client.start()?;
//! while let Ok(event) = client.next_event().await {
//!     if matches!(event, Event::Phase(change) if change.phase == Phase::Ready) {
//!         break;
//!     }
//! }
//! assert!(client.stop().await?.owed.is_empty());
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "server", feature = "sr25519")))]
//! # fn main() {}
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod connect;
mod runtime;
#[cfg(feature = "server")]
pub mod server;

pub use facilitator_core as core;
pub use facilitator_core::client::{Config, Endpoint, Event, Outcome, Phase, Receipt};
pub use facilitator_core::driver::{EventError, PendingReceipt, StartError, StopReport};
pub use facilitator_core::signature::Keypair;

pub use self::connect::Socket;
pub use self::runtime::Tokio;

/// A validator's session with its facilitator, on tokio. See
/// [`driver::FacilitatorClient`](facilitator_core::driver::FacilitatorClient) for its methods.
pub type FacilitatorClient = facilitator_core::driver::FacilitatorClient<Tokio>;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
