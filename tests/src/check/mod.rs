//! Model checking: the real session and the real simulated facilitator, cloned at every branch, in every order in which
//! things can happen within given [`Bounds`]. This file says what the parts are and how they fit; it holds no logic.
//!
//! # What is explored
//!
//! A [`State`] is a session, a facilitator, the frames under way between them, what faults are still to be had, and a
//! ledger of what the application gave and was told. From each, every [`Action`] that is possible leads on: a frame
//! arrives on either side, a connection attempt succeeds or fails, the application gives the next status of one of its
//! jobs, the connection is cut with all that is under way, an answer comes late or twice, a deadline passes
//! although frames are under way, the application stops. Time is no fault by itself: it passes when nothing is under way.
//!
//! [`search()`] goes breadth first, so a script that it prints has as few steps as any. After every step all [`Promise`]s
//! are checked. At the end it checks that *every* run that has had its faults ends with all that is owed delivered or
//! handed back, whatever the order of the rest: the states that can reach their end without a further fault are found
//! backwards from the ends; a state is among them when all that can happen next leads to one of them.
//!
//! An answer that comes twice cannot be told from the next one: the protocol has no ids. So each of them may make one
//! update count as delivered that is not, and no more than one; everything else is promised all the same.
//!
//! # When two states are the same
//!
//! The session has no equality of its own. What counts is its `Debug` text, which shows every field that can
//! influence what it does, after these changes:
//!
//! - what never changes, or is only ever told and never read, is left out: the configuration, keys and prepared frames, statistics and
//!   the times that only they use, how often a message was sent, what a stopped session has left for a snapshot;
//! - ids of messages are left out: here one stands for one status of one job, which the entry names too;
//! - times are written relative to now, numbers of frames relative to the frames sent: the session only ever subtracts
//!   and compares them.
//!
//! Of the facilitator count the stored statuses, who has which job, and the connections: in these bounds it does nothing by time.
//! Frames count by their texts. All that goes into a hash of 128 bits.
//!
//! A wrong identity would prune what it must not, in silence. So [`verify`] does the search with an eye on that: whenever a
//! state turns out to be known, both are taken one step further, by every action, and must reach the same states; and
//! [`unpruned()`] walks through all runs of a small size without any identity, and must come to the same ends and the
//! same verdict.
//!
//! # Why not a library for it
//!
//! `stateright` wants states with equality and a hash, which real sessions do not have; its `eventually` holds on runs without
//! a cycle only, and does not tell a cycle from two runs that join, and here most do. What is left is a queue and a map.
//!
//! # Running it
//!
//! ```text
//! cargo test -p facilitator-tests --test check
//! cargo run --release -p facilitator-tests --bin check -- --jobs 2 --cuts 2 --poison oversized --late 1 --twice 1 --stop
//! ```

mod action;
mod bounds;
mod identity;
mod ledger;
mod link;
mod liveness;
mod promise;
mod said;
mod script;
mod search;
mod state;
mod unpruned;

pub use self::action::{Action, UnknownAction};
pub use self::bounds::{Bounds, Poison, UnknownPoison};
pub use self::identity::Key;
pub use self::promise::{Broken, Promise};
pub use self::script::{Script, reach, replay};
pub use self::search::{Progress, Report, search, verify};
pub use self::state::State;
pub use self::unpruned::{Ends, unpruned};
