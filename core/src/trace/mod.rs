//! Recording a session, and replaying what was recorded (feature `trace`).
//!
//! A [`Recorder`] is a session that writes down what it is told and what it does. A [`Player`] tells a new session the
//! same, and compares. Since a session is a pure machine, the outputs must be equal; where they are not, the session
//! is another version's, or the trace was changed. Nobody opens a file here: lines go to a [`Sink`], and come from
//! whoever has them.
//!
//! ```
//! # use facilitator_core::client::{Config, Endpoint};
//! # use facilitator_core::signature::{Keypair, Scheme};
//! # use facilitator_core::Timestamp;
//! use facilitator_core::trace::{Player, Recorder, SinkClosed};
//! use std::sync::mpsc;
//!
//! # let keypair = Keypair::from_seed(Scheme::Ed25519, [7; 32])?;
//! # let config = Config::new(Endpoint::public());
//! let (lines, trace) = mpsc::channel();
//! let mut session = Recorder::new(config, &keypair, 42)?;
//! session.record(move |line: &str| lines.send(line.to_owned()).map_err(|_| SinkClosed))?;
//! session.start(Timestamp::ZERO)?;
//! session.abort(Timestamp::ZERO)?;
//! drop(session);
//!
//! let mut player = Player::new();
//! for line in trace {
//!     if let Some(shown) = player.feed(&line)? {
//!         println!("{shown}");
//!     }
//! }
//! assert_eq!(player.finish()?.inputs, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The format
//!
//! JSON lines. The first is `{"session":{..}}`: format, hotkey, seed, the whole configuration. Then, for every input
//! that the session took, `{"input":{"at":[seconds,nanoseconds],"outputs":n,"what":..}}`, followed by `n` lines
//! `{"output":..}`. A process can die while it records. Outputs that are missing at the end are told from damage
//! ([`ReplayError::Truncated`]); a last line that is cut off is for whoever reads the file to leave out: it has no line
//! break.
//!
//! # What is not in a trace
//!
//! No key, no authentication, no header value, no path of the endpoint; and of messages nothing but their shape:
//!
//! - texts, unless they are words of the protocol itself, or uuids and hotkeys where the protocol has them, become
//!   `"<n>"`, where `n` is their length in bytes; so do keys that are not the protocol's (`"<n:i>"`). Numbers and truth
//!   values stay. Filled in again with as many bytes, messages have the size that they had, and the bounds of a
//!   session decide as they did;
//! - a text that is no message is not kept at all, only what is wrong with it, by name;
//! - what the system, a library or the peer says in words (close reasons, error texts) is left out.
//!
//! Signatures over redacted messages cannot be verified any more, so the verdict on each is recorded, and the session
//! in a replay is told it. It has no key, and cannot authenticate anywhere.

mod error;
mod header;
mod line;
mod output;
mod player;
mod recorder;
mod redact;
mod show;
mod time;
mod verdict;
mod words;

pub use self::error::{Difference, ReplayError};
pub use self::player::{Player, Replayed};
pub use self::recorder::{Recorder, RecordingError, Sink, SinkClosed};
pub use self::show::{Shown, Who};

/// The longest line of a trace, in bytes: none is written, and none is read, that is longer.
pub const MAX_LINE_BYTES: usize = 64 << 20;
