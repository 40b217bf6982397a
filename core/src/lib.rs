//! The session of a ComputeHorde validator with its facilitator, as a pure state machine.
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
pub mod signature;
mod time;

pub use frame::{CloseFrame, ConnectionId, Frame};
pub use time::Timestamp;
