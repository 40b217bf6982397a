//! Who waits for room in the outbox: first come, first served. It knows no session, only who came before whom.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::task::Waker;

/// What has a bound on its entries of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Statuses of jobs.
    Statuses,
    /// Machine specs.
    Specs,
}

impl Lane {
    fn other(self) -> Self {
        match self {
            Self::Statuses => Self::Specs,
            Self::Specs => Self::Statuses,
        }
    }
}

/// What a caller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// Its turn, or an entry of its lane.
    Entry,
    /// Bytes, which both lanes share.
    Bytes,
}

/// A place in a queue. Its number grows with the time of arrival, whatever the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Callers that wait for room.
///
/// Each lane is a queue, and only its first may take what becomes free: a small message does not overtake a large one.
/// The lanes share the bound in bytes, so whoever is first in one and waits for bytes is also waited for by those in
/// the other that came later; otherwise a stream of small specs could starve a large status.
#[derive(Default)]
pub(super) struct Room {
    last_ticket: u64,
    statuses: BTreeMap<u64, Caller>,
    specs: BTreeMap<u64, Caller>,
}

struct Caller {
    wants: Wants,
    waker: Option<Waker>,
}

impl Room {
    fn lane(&self, lane: Lane) -> &BTreeMap<u64, Caller> {
        match lane {
            Lane::Statuses => &self.statuses,
            Lane::Specs => &self.specs,
        }
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut BTreeMap<u64, Caller> {
        match lane {
            Lane::Statuses => &mut self.statuses,
            Lane::Specs => &mut self.specs,
        }
    }

    /// Whether nobody is to be served before this one; without a ticket, before one that comes now.
    pub(super) fn is_turn(&self, lane: Lane, ticket: Option<Ticket>) -> bool {
        let ticket = ticket.map_or(u64::MAX, |ticket| ticket.0);
        let first = self.lane(lane).first_key_value();
        let elsewhere = self.lane(lane.other()).first_key_value();
        first.is_none_or(|(first, _)| *first >= ticket)
            && elsewhere
                .is_none_or(|(first, caller)| *first > ticket || caller.wants == Wants::Entry)
    }

    /// Waits in this place, or in a new one at the end. Returns the place, and a waker that is not needed any more.
    ///
    /// Whoever stops waiting for bytes lets the other lane go on: its first is woken.
    pub(super) fn wait(
        &mut self,
        lane: Lane,
        ticket: Option<Ticket>,
        wants: Wants,
        waker: &Waker,
        wakers: &mut Vec<Waker>,
    ) -> (Ticket, Option<Waker>) {
        let ticket = ticket.unwrap_or_else(|| {
            self.last_ticket += 1;
            Ticket(self.last_ticket)
        });
        let caller = Caller {
            wants,
            waker: Some(waker.clone()),
        };
        let before = self.lane_mut(lane).insert(ticket.0, caller);
        let wanted = before.as_ref().map(|before| before.wants);
        if (wanted, wants) == (Some(Wants::Bytes), Wants::Entry)
            && let Some(mut first) = self.lane_mut(lane.other()).first_entry()
        {
            wakers.extend(first.get_mut().waker.take());
        }
        (ticket, before.and_then(|before| before.waker))
    }

    /// Leaves a place; it is the next one's turn then, perhaps. Returns a waker that is not needed any more.
    pub(super) fn leave(
        &mut self,
        lane: Lane,
        ticket: Ticket,
        wakers: &mut Vec<Waker>,
    ) -> Option<Waker> {
        let caller = self.lane_mut(lane).remove(&ticket.0);
        self.wake_first(wakers);
        caller.and_then(|caller| caller.waker)
    }

    /// There is room, perhaps.
    pub(super) fn wake_first(&mut self, wakers: &mut Vec<Waker>) {
        for lane in [&mut self.statuses, &mut self.specs] {
            if let Some(mut first) = lane.first_entry() {
                wakers.extend(first.get_mut().waker.take());
            }
        }
    }

    /// There is news for everybody.
    pub(super) fn wake_all(&mut self, wakers: &mut Vec<Waker>) {
        for caller in self.statuses.values_mut().chain(self.specs.values_mut()) {
            wakers.extend(caller.waker.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(room: &mut Room, lane: Lane, wants: Wants) -> Ticket {
        room.wait(lane, None, wants, Waker::noop(), &mut Vec::new())
            .0
    }

    fn leave(room: &mut Room, lane: Lane, ticket: Ticket) {
        drop(room.leave(lane, ticket, &mut Vec::new()));
    }

    #[test]
    fn the_first_of_a_lane_has_its_turn_and_nobody_else() {
        let mut room = Room::default();
        assert!(room.is_turn(Lane::Statuses, None));
        let first = wait(&mut room, Lane::Statuses, Wants::Entry);
        let second = wait(&mut room, Lane::Statuses, Wants::Entry);
        assert!(room.is_turn(Lane::Statuses, Some(first)));
        assert!(!room.is_turn(Lane::Statuses, Some(second)));
        assert!(!room.is_turn(Lane::Statuses, None));
        assert!(room.is_turn(Lane::Specs, None), "another lane's entries");
        leave(&mut room, Lane::Statuses, first);
        assert!(room.is_turn(Lane::Statuses, Some(second)));
    }

    #[test]
    fn who_waits_for_bytes_is_waited_for_in_both_lanes_by_those_who_came_later() {
        let mut room = Room::default();
        let early = wait(&mut room, Lane::Specs, Wants::Entry);
        let large = wait(&mut room, Lane::Statuses, Wants::Bytes);
        let late = wait(&mut room, Lane::Specs, Wants::Entry);
        assert!(room.is_turn(Lane::Specs, Some(early)));
        assert!(room.is_turn(Lane::Statuses, Some(large)));
        leave(&mut room, Lane::Specs, early);
        assert!(!room.is_turn(Lane::Specs, Some(late)) && !room.is_turn(Lane::Specs, None));
        // It was woken, and looked again.
        room.wait(
            Lane::Specs,
            Some(late),
            Wants::Entry,
            Waker::noop(),
            &mut Vec::new(),
        );
        // It has found the bytes, and waits for something else now.
        let mut woken = Vec::new();
        let noop = Waker::noop();
        room.wait(Lane::Statuses, Some(large), Wants::Entry, noop, &mut woken);
        assert_eq!(woken.len(), 1, "who has its turn only now is told so");
        assert!(room.is_turn(Lane::Specs, Some(late)));
    }

    /// Somebody always has a turn: two that wait for bytes do not wait for each other.
    #[test]
    fn the_older_of_two_that_wait_for_bytes_has_its_turn() {
        let mut room = Room::default();
        let older = wait(&mut room, Lane::Specs, Wants::Bytes);
        let younger = wait(&mut room, Lane::Statuses, Wants::Bytes);
        assert!(room.is_turn(Lane::Specs, Some(older)));
        assert!(!room.is_turn(Lane::Statuses, Some(younger)));
        leave(&mut room, Lane::Specs, older);
        assert!(room.is_turn(Lane::Statuses, Some(younger)));
    }
}
