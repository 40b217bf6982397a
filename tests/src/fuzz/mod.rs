//! What the fuzz targets check, as plain functions from bytes: `fuzz/` feeds them, the suite `replay` repeats the
//! committed corpora on any toolchain. No fuzzer and no files here.
//!
//! | target | bytes are | what must hold |
//! |---|---|---|
//! | [`decode`] | a message of either side | it survives the round trip; what strict mode takes, lenient mode takes |
//! | [`canonical`] | JSON, or a message that is signed | its signed payload is what the slow imitation of Python writes |
//! | [`session`] | frames into a live session, in any phase | it stays within its bounds, and delivers afterwards |
//! | [`script`] | steps of the reference model's script | every invariant, after every step |
//! | [`world`] | a plan of faults between client and facilitator | every promise: nothing lost, order kept, all settled |
//!
//! A function that returns has found nothing; it says what the input reached, so that a corpus can be judged.

mod canonical;
mod decode;
mod script;
mod session;
mod world;

pub use canonical::{Payloads, canonical};
pub use decode::{Readings, decode};
pub use script::script;
pub use session::{Stage, Visit, session};
pub use world::world;
