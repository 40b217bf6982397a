//! A trace in memory: recorded, and replayed.

use std::sync::{Arc, Mutex};

use facilitator_core::client::Phase;
use facilitator_core::trace::{Player, Recorder, ReplayError, Replayed, Sink, SinkClosed};

/// The lines of a recording. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Sink for Diary {
    fn line(&mut self, line: &str) -> Result<(), SinkClosed> {
        assert!(!line.contains('\n'));
        self.0.lock().unwrap().push(line.to_owned());
        Ok(())
    }
}

impl Diary {
    /// Records this session from now on.
    pub(crate) fn of(session: &mut Recorder) -> Self {
        let diary = Self::default();
        session.record(diary.clone()).unwrap();
        diary
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Replays to the same outputs, or fails.
    pub(crate) fn check(&self, what: &str) -> Replayed {
        let lines = self.lines();
        let replayed = replay(&lines).unwrap_or_else(|error| panic!("{what}: {error}"));
        let count = |kind: &str| {
            let of_kind = lines.iter().filter(|line| line.starts_with(kind));
            u64::try_from(of_kind.count()).unwrap()
        };
        let counted = (count(r#"{"input":"#), count(r#"{"output":"#));
        assert_eq!((replayed.inputs, replayed.outputs), counted, "{what}");
        replayed
    }
}

pub(crate) fn replay<L: AsRef<str>>(lines: &[L]) -> Result<Replayed, ReplayError> {
    let mut player = Player::new();
    for line in lines {
        player.feed(line.as_ref())?;
    }
    player.finish()
}

/// The phase in which a replay leaves the session, and what it owes then.
pub(crate) fn replayed_state(lines: &[String]) -> (Phase, usize) {
    let mut player = Player::new();
    for line in lines {
        player.feed(line).unwrap();
    }
    let session = player.session().unwrap();
    (session.phase(), session.owed())
}
