//! What is checked, by name. How each is checked stands where it can be seen: in the ledger, the state and the search.

use std::fmt;

/// A promise of the session. Numbers in the texts are those of the design's invariants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// 1: every accepted update has one receipt, at its end, or is owed.
    NothingIsLost,
    /// 1: what counts as delivered was stored. Each answer that came twice can spoil one update: there are no ids.
    DeliveredIsStored,
    /// 4: an answer is the oldest unanswered update's; nothing else delivers one.
    AnswersAreMatched,
    /// 2: the facilitator stores the statuses of a job in the order given, without a gap, and none after the terminal one.
    Order,
    /// 2: on every connection, what is oldest goes first, and what is settled never goes again.
    OldestFirst,
    /// 3: no more unanswered updates than the window allows.
    Window,
    /// 5: the suspect of a break travels alone.
    SuspectAlone,
    /// 5: an update is set aside after three breaks, and not before.
    ThreeBreaks,
    /// 6: never more owed than there is room for, slots for terminal statuses included.
    Bounded,
    /// 6: the terminal status of an open job always finds room.
    RoomForTheLastWord,
    /// 7: a job runs once, and is given one terminal status.
    JobsRunOnce,
    /// 8: on a connection comes first the authentication, and after its success a heartbeat.
    AuthenticationFirst,
    /// 8: never two connections at once.
    OneConnection,
    /// What belongs to a lost connection changes nothing.
    StaleIsIgnored,
    /// 10: a stop delivers what it can, ends within its deadline, hands back what is left, and nothing follows it.
    StopEnds,
    /// The facilitator understands and accepts all that it gets.
    Understood,
    /// A running session always has a deadline.
    NeverStalls,
    /// 12: no input makes it panic.
    NoPanic,
    /// 1, 3, 8: once the faults are over, all that is owed is delivered, or handed back, in time.
    DeliveredInTheEnd,
    /// The check's own: states that count as the same lead to the same.
    Identity,
}

impl Promise {
    /// The name, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NothingIsLost => "nothing is lost",
            Self::DeliveredIsStored => "delivered is stored",
            Self::AnswersAreMatched => "answers are matched",
            Self::Order => "order",
            Self::OldestFirst => "oldest first",
            Self::Window => "window",
            Self::SuspectAlone => "suspect alone",
            Self::ThreeBreaks => "three breaks",
            Self::Bounded => "bounded",
            Self::RoomForTheLastWord => "room for the last word",
            Self::JobsRunOnce => "jobs run once",
            Self::AuthenticationFirst => "authentication first",
            Self::OneConnection => "one connection",
            Self::StaleIsIgnored => "stale is ignored",
            Self::StopEnds => "stop ends",
            Self::Understood => "understood",
            Self::NeverStalls => "never stalls",
            Self::NoPanic => "no panic",
            Self::DeliveredInTheEnd => "delivered in the end",
            Self::Identity => "identity of states",
        }
    }

    /// This promise is broken, as these words say.
    pub fn broken(self, what: impl Into<String>) -> Broken {
        let what = what.into();
        Broken {
            promise: self,
            what,
        }
    }

    /// Broken with these words, unless it is kept.
    pub(super) fn check(self, kept: bool, what: impl FnOnce() -> String) -> Result<(), Broken> {
        if kept {
            Ok(())
        } else {
            Err(self.broken(what()))
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// How.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}
