//! The session of a ComputeHorde validator with its facilitator, as a pure state machine.
//!
//! A validator keeps one WebSocket session with a facilitator: it authenticates, sends heartbeats and miners' machine
//! specs, receives signed job requests and cheat reports, and relays every status of every job until the job ends.
//! This crate decides all of that and does no IO: it knows no socket, no clock, no thread and no randomness but a
//! seed. Runtimes (`facilitator-tokio`, `facilitator-async-std`) carry its frames.
//!
//! | module | what |
//! |---|---|
//! | [`message`] | the wire: every message, its fields, its exact encoding |
//! | [`signature`] | keys (sr25519, ed25519), SS58 addresses, what is signed and how |
//! | [`client`] | the validator's side: [`FacilitatorClient`](client::FacilitatorClient), the session |
//! | `facilitator` | the other side of the same protocol, simulated, just as pure (feature `facilitator`) |
//! | `metrics` | what a session counts, as text for Prometheus (feature `metrics`) |
//! | `trace` | recording a session, and replaying what was recorded (feature `trace`) |
//! | `driver` | the one async loop and the handle that all runtimes share (feature `driver`) |
//!
//! # The drive loop
//!
//! The session is a machine with inputs and outputs. Whoever drives it
//!
//! 1. calls a method: the application's wish, a frame, a connection's beginning or end, a tick;
//! 2. drains [`poll_output`](client::FacilitatorClient::poll_output) until it returns `None`, and does what it says;
//! 3. asks [`poll_timeout`](client::FacilitatorClient::poll_timeout) when to tick next, and waits for that or for an
//!    input.
//!
//! Any input is legal before a drain has ended; ticks that come early, late or twice are harmless.
//!
//! ```
//! use core::time::Duration;
//! use facilitator_core::client::{Config, Endpoint, FacilitatorClient, Output, Phase, Timer};
//! use facilitator_core::signature::{Keypair, Scheme};
//! use facilitator_core::{Frame, Timestamp};
//!
//! let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32])?;
//! let config = Config::new(Endpoint::public());
//! let mut client = FacilitatorClient::new(config, &keypair, 42)?;
//!
//! let now = Timestamp::ZERO;
//! client.start(now)?;
//! while let Some(output) = client.poll_output() {
//!     match output {
//!         // Here a runtime opens a socket. This one has one already.
//!         Output::Connect(connection, _request) => client.handle_connected(now, connection),
//!         Output::Transmit(connection, Frame::Text(_authentication)) => {
//!             // Here it writes the frame, and later it reads the answer.
//!             if client.phase() == Phase::Authenticating {
//!                 client.handle_frame(now, connection, Frame::text(r#"{"status":"success","errors":[]}"#));
//!             }
//!         }
//!         Output::Event(event) => println!("{event:?}"),
//!         _ => {}
//!     }
//! }
//! assert_eq!(client.phase(), Phase::Ready);
//! assert_eq!(client.poll_timeout(), Some((now + Duration::from_secs(20), Timer::Ping)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Phases
//!
//! ```text
//!            start                     connected                    success
//!   Idle ──────────────► Connecting ──────────────► Authenticating ─────────────► Ready
//!    ▲                    │      ▲                       │                          │
//!    │             failed │      │ its time              │ refused, late, lost      │ lost
//!    │                    ▼      │                       ▼                          │
//!    │                   Waiting ◄──────────────────── Closing ◄────────────────────┤
//!    │                                                   │                          │ stop
//!    └───────────────────────────────────────────────────┴──────────────────────── Draining
//! ```
//!
//! `stop` makes any phase but `Idle` and `Closing` one of `Draining` while something is owed: that is delivered, over new
//! connections if need be, until one deadline. With nothing owed, the session ends at once, or closes its connection first.
//! `abort` leads from everywhere to `Idle`. A dead connection skips `Closing`.
//!
//! # Errors and panics
//!
//! What the network and the facilitator do wrong is an [`Event`](client::Event). What the caller does wrong is a typed
//! error that changes nothing. A panic is a bug of this crate; no input shall cause one.
//!
//! # Features
//!
//! `std` and `sr25519` are on by default. Without `std` the crate needs `alloc` only. The table above names those that add
//! a module; `driver` brings `trace` with it. Besides them, `tls` lets the driver open connections (rustls, proxies), and
//! `platform-verifier` lets it trust whom the operating system trusts. All features are additive.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;
#[cfg(feature = "driver")]
extern crate std;

pub mod client;
#[cfg(feature = "driver")]
pub mod driver;
#[cfg(feature = "facilitator")]
pub mod facilitator;
mod frame;
pub mod message;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod signature;
mod time;
#[cfg(feature = "trace")]
pub mod trace;

pub use frame::{CloseFrame, ConnectionId, Frame};
pub use time::Timestamp;
