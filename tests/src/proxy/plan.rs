//! What shall happen to a connection: values, and what they mean. Who carries them out is in `way` and `link`; how a
//! seed makes them up is in `random`.

use std::time::Duration;

use crate::pair::Side;

/// Most steps of one [`Course`].
pub const MAX_STEPS: usize = 64;

/// What shall happen to one connection. The default passes everything on, as it comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// How it is received.
    pub entry: Entry,
    /// What happens to the bytes that the client sends.
    pub client: Course,
    /// What happens to the bytes that the server sends.
    pub server: Course,
    /// Decides about jitter and about the sizes of random segments.
    pub seed: u64,
}

/// How a connection is received, once the system has accepted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entry {
    /// It is connected with the server.
    #[default]
    Carry,
    /// It is closed at once, in order (FIN).
    HangUp,
    /// It is reset at once (RST).
    Reset,
    /// It is kept, never read and never answered. The server does not learn of it.
    Mute,
}

/// What happens to the bytes of one direction. The default passes them on as they come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// How long every byte is on its way.
    pub delay: Duration,
    /// Up to so much is added to the delay, at random, anew for each piece that was read. The order stays.
    pub jitter: Duration,
    /// What passes in a second, at most.
    pub bytes_per_second: Option<u32>,
    /// The sizes in which bytes are written on. Without it they are written as they were read.
    pub split: Option<Split>,
    /// What is held back until there is enough of it.
    pub merge: Option<Merge>,
    /// What happens after how many bytes, in the order of the bytes. Of more than [`MAX_STEPS`] the rest is left out.
    pub steps: Vec<Step>,
}

/// Writes small segments, of a size between two bounds. Nagle's algorithm is off, so that each is a segment on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Bytes of the smallest. 0 counts as 1.
    pub min: usize,
    /// Bytes of the largest.
    pub max: usize,
    /// Time between two of them: without any, the receiver may well read many at once.
    pub gap: Duration,
}

/// Holds bytes back, and writes them in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// So many are enough.
    pub bytes: usize,
    /// And the first of them waits for so long at most.
    pub wait: Duration,
}

/// Something that happens once so many bytes of a direction have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// After how many bytes, from the connection's begin.
    pub after: u64,
    /// What.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The connection ends.
    Cut(Cut),
    /// What this direction carries is lost from here on, its end too. Nobody is told.
    Swallow,
    /// What both directions carry is lost from here on: the connection is half-open.
    Silence,
    /// This direction is not read for so long, or until [`resume`](super::Proxy::resume) when there is no time. What the
    /// sender has to say fills the system's buffers, then the sender has to wait: this is real back-pressure.
    Stall(Option<Duration>),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As when a program closes its socket (FIN): both sides read the end of the stream. What they send after it is lost.
    Close,
    /// As when a program or a machine crashes, or a firewall has enough (RST): both sides see an error.
    Reset,
}

impl Plan {
    /// A connection that ends once `side` has sent `bytes`, which are passed on.
    #[must_use]
    pub fn cut_after(side: Side, bytes: u64, cut: Cut) -> Self {
        Self::stepwise(side, [(bytes, Action::Cut(cut))])
    }

    /// A connection that ends when byte number `byte` (from 0) of what `side` sends has come. Neither this byte passes,
    /// nor what follows it: the sender has written it in vain.
    #[must_use]
    pub fn cut_at(side: Side, byte: u64, cut: Cut) -> Self {
        let after = byte.saturating_add(1);
        Self::stepwise(side, [(byte, Action::Swallow), (after, Action::Cut(cut))])
    }

    /// A connection that falls silent in both directions once `side` has sent `bytes`, which are passed on.
    #[must_use]
    pub fn silent_after(side: Side, bytes: u64) -> Self {
        Self::stepwise(side, [(bytes, Action::Silence)])
    }

    /// A connection that is received in this way.
    #[must_use]
    pub fn entry(entry: Entry) -> Self {
        Self {
            entry,
            ..Self::default()
        }
    }

    /// What happens to the bytes that `side` sends.
    pub fn course_mut(&mut self, side: Side) -> &mut Course {
        match side {
            Side::Client => &mut self.client,
            Side::Facilitator => &mut self.server,
        }
    }

    fn stepwise<const N: usize>(side: Side, steps: [(u64, Action); N]) -> Self {
        let mut plan = Self::default();
        plan.course_mut(side).steps = steps.map(|(after, action)| Step { after, action }).into();
        plan
    }
}
