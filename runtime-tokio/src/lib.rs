//! The facilitator client on tokio.
//!
//! This crate is thin: it has sockets, timers and tasks ([`Tokio`]), and everything else is
//! [`facilitator_core::driver`]. With the feature `server` it also serves the simulated facilitator on a real
//! socket. The program `facilitator-client` (feature `cli`) is built on both.
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
