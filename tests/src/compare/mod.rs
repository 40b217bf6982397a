//! Two ways to do the same, measured against each other, judged and told: the frame of the program `compare`. Rivals and
//! workloads belong to that program, not here.
//!
//! A [`Row`] asks one question and has a [`Bar`]. It is answered by *rounds*: in each, the rivals take short turns in the
//! order A B B A, so that whatever else the machine does falls on both alike. A round yields one ratio, ours to theirs;
//! judged is the median of all rounds, and their spread is told beside it. Absolute figures are medians, to look at.

mod bar;
mod guide;
mod machine;
mod measured;
mod plan;
mod plot;
mod report;
mod rounds;
mod row;
mod samples;
mod table;

pub use self::bar::{Bar, Verdict};
pub use self::guide::{GuideError, insert};
pub use self::machine::Machine;
pub use self::measured::{Detail, Measured, Side};
pub use self::plan::Plan;
pub use self::plot::plot;
pub use self::report::{Entry, Outcome, Report, SCHEMA};
pub use self::rounds::{Field, Turn, field, timed, versus};
pub use self::row::{Row, Unmeasured};
pub use self::samples::{Samples, Spread};
pub use self::table::{markdown, table};
