//! Values that are found by their uuid once, and by the number of their place from then on. A container: it knows no
//! jobs and no order of time.

use alloc::vec::Vec;
use core::fmt;

use uuid::Uuid;

use super::index::Index;

/// The number of a place. It means the same value until that is removed; then the place can be given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

impl Slot {
    /// As an index; the numbers of a slab are dense.
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) const fn number(self) -> u32 {
        self.0
    }

    /// The slot with this [`number`](Self::number).
    pub(super) const fn of_number(number: u32) -> Self {
        Self(number)
    }
}

/// Values with a uuid, each at a place that it keeps. Every operation takes constant time, on average over as many as
/// there are values.
///
/// The hash is keyed, and its order never shows: what is enumerated comes by place, which depends on nothing but what
/// was inserted and removed before.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<Place<T>>>,
    /// Empty places; the one that was left last is filled first, while it is still near.
    free: Vec<Slot>,
    /// Every value, and what was at a place before: who looks compares uuids. Taking a number out would mean to find it
    /// first, somewhere in a table that no cache holds when there are many; they all go when the table is full.
    by_uuid: Index,
    key: Key,
}

#[derive(Clone, Debug)]
struct Place<T> {
    uuid: Uuid,
    value: T,
}

impl<T> Slab<T> {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            by_uuid: Index::default(),
            key: Key::new(seed),
        }
    }

    /// Where the value of this uuid is.
    #[inline]
    pub(super) fn find(&self, uuid: &Uuid) -> Option<Slot> {
        let is_it = |number| uuid_at(&self.places, Slot(number)) == Some(uuid);
        self.by_uuid.find(self.key.hash(uuid), is_it).map(Slot)
    }

    /// Puts in a value whose uuid is not there. None when all numbers are taken: 2³², but for one.
    pub(super) fn insert(&mut self, uuid: Uuid, value: T) -> Option<Slot> {
        if self.by_uuid.is_full() {
            self.tidy();
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.next_new()?,
        };
        let place = Some(Place { uuid, value });
        match self.places.get_mut(slot.index()) {
            Some(empty) => *empty = place,
            None => self.places.push(place),
        }
        self.list(slot, &uuid);
        Some(slot)
    }

    /// The number of the next place that is made.
    fn next_new(&self) -> Option<Slot> {
        let next = u32::try_from(self.places.len()).ok()?;
        (next <= Index::LAST).then_some(Slot(next))
    }

    /// Adds to the table, which has room.
    #[inline]
    fn list(&mut self, slot: Slot, uuid: &Uuid) {
        let has_room = self.by_uuid.insert(self.key.hash(uuid), slot.number());
        debug_assert!(has_room, "it was tidied when it was full");
    }

    /// Makes the table anew, with room for as many values again as there are.
    #[cold]
    fn tidy(&mut self) {
        self.by_uuid.clear(self.places.len() - self.free.len());
        for number in (0..).take(self.places.len()) {
            let slot = Slot(number);
            if let Some(uuid) = self.uuid(slot) {
                self.list(slot, &uuid);
            }
        }
    }

    #[inline]
    pub(super) fn get(&self, slot: Slot) -> Option<&T> {
        Some(&self.places.get(slot.index())?.as_ref()?.value)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        Some(&mut self.places.get_mut(slot.index())?.as_mut()?.value)
    }

    /// The value at this place, with its uuid.
    pub(super) fn entry(&self, slot: Slot) -> Option<(&Uuid, &T)> {
        let place = self.places.get(slot.index())?.as_ref()?;
        Some((&place.uuid, &place.value))
    }

    /// All values with their uuids, by place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Uuid, &T)> {
        let places = self.places.iter().flatten();
        places.map(|place| (&place.uuid, &place.value))
    }

    /// The uuid of the value at this place.
    pub(super) fn uuid(&self, slot: Slot) -> Option<Uuid> {
        uuid_at(&self.places, slot).copied()
    }

    /// Takes a value out; its place is free.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<T> {
        let place = self.places.get_mut(slot.index())?.take()?;
        self.free.push(slot);
        Some(place.value)
    }
}

fn uuid_at<T>(places: &[Option<Place<T>>], slot: Slot) -> Option<&Uuid> {
    Some(&places.get(slot.index())?.as_ref()?.uuid)
}

/// The key of a strongly universal hash: M. Thorup, "High Speed Hashing for Integers and Strings", section 3.5.
///
/// Uuids come from the network. For any two that were chosen without the key, the chance that they share a hash, or
/// any part of one, is what it would be with true randomness: who does not know the key cannot prepare uuids that fill one bucket. The key
/// comes from the session's seed, since nothing here is random, so equal seeds still give equal sessions.
#[derive(Clone)]
struct Key {
    factors: [u128; 2],
    summand: u128,
}

impl Key {
    fn new(seed: u64) -> Self {
        // Not the sequence that the jitter is drawn from, which others can observe in part.
        let mut random = fastrand::Rng::with_seed(seed ^ 0x6A6F_6273_2062_7920);
        Self {
            factors: [random.u128(..), random.u128(..)],
            summand: random.u128(..),
        }
    }

    #[inline]
    fn hash(&self, uuid: &Uuid) -> u64 {
        let (high, low) = uuid.as_u64_pair();
        let [first, second] = self.factors;
        let sum = (first.wrapping_add(low.into()))
            .wrapping_mul(second.wrapping_add(high.into()))
            .wrapping_add(self.summand);
        let hash = (sum >> 64) as u64;
        // One to one, so all that was said stays true; but uuids in a regular sequence lose their regularity.
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 32)
    }
}

impl fmt::Debug for Key {
    /// Without the key: whoever knows it can choose uuids that collide.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn it_holds_what_a_map_would_and_places_stay() {
        let mut slab = Slab::new(1);
        let mut model = BTreeMap::new();
        let mut random = fastrand::Rng::with_seed(7);
        for step in 0..20_000_u32 {
            let uuid = Uuid::from_u128(random.u128(..500));
            if let Some(&(slot, value)) = model.get(&uuid) {
                assert_eq!(slab.find(&uuid), Some(slot));
                assert_eq!(slab.get(slot), Some(&value));
                if random.bool() {
                    assert_eq!(slab.remove(slot), Some(value));
                    assert_eq!(slab.get(slot), None);
                    assert_eq!(slab.remove(slot), None);
                    model.remove(&uuid);
                }
            } else {
                assert_eq!(slab.find(&uuid), None);
                model.insert(uuid, (slab.insert(uuid, step).unwrap(), step));
            }
        }
        assert!(slab.places.len() <= 500, "places are used again");
        assert!(
            slab.by_uuid.capacity() < 4 * 500,
            "the table is tidied, rather than grown"
        );
        let slots: BTreeSet<Slot> = model.values().map(|(slot, _)| *slot).collect();
        assert_eq!(slots.len(), model.len(), "one place each");
    }

    #[test]
    fn the_hash_spreads_what_differs_in_a_few_bits_whatever_the_seed() {
        for seed in 0..20 {
            let key = Key::new(seed);
            for shift in (0..112).step_by(8) {
                let hashes = (0..4096_u128).map(|n| key.hash(&Uuid::from_u128(n << shift)));
                let buckets: BTreeSet<u64> = hashes.map(|hash| hash % 4096).collect();
                // As many as 4096 balls in 4096 bins leave filled: 63 %, or more when they are spread evenly.
                assert!(
                    buckets.len() > 2000,
                    "seed {seed}, bit {shift}: {}",
                    buckets.len()
                );
            }
        }
    }

    #[test]
    fn keys_differ_by_seed_and_do_not_show() {
        let of = |seed| Key::new(seed).hash(&Uuid::from_u128(1));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        assert_eq!(alloc::format!("{:?}", Key::new(1)), "Key");
    }
}
