//! Numbers that are found by a hash, one word each: to look one up touches one place of memory, which counts when there are
//! more than a cache holds. It knows neither keys nor values, and forgets nothing by itself.

use alloc::vec;
use alloc::vec::Vec;

/// A table with open addresses. Whoever looks says which of the numbers with the same hash is meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// The upper half of the hash, then the number and one; 0 where there is nothing. The lower half says where to look
    /// first. As many words as a power of two, or none.
    words: Vec<u64>,
    /// Words that are not 0.
    used: usize,
}

impl Index {
    /// The largest number that it can hold.
    pub(super) const LAST: u32 = u32::MAX - 1;

    /// The number with this hash of which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        for place in self.places(hash) {
            let word = *self.words.get(place)?;
            let number = low(word).checked_sub(1)?;
            if high(word) == high(hash) && is_it(number) {
                return Some(number);
            }
        }
        None
    }

    /// Whether one more has no room: then somebody has to [`clear`](Self::clear) it.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        // Beyond three quarters, the ways to what is not there become long.
        4 * self.used >= 3 * self.words.len()
    }

    /// Forgets everything, and has room for twice as many numbers as these.
    pub(super) fn clear(&mut self, numbers: usize) {
        let wanted = (numbers.max(4) * 8 / 3).next_power_of_two();
        if self.words.len() < wanted {
            self.words = vec![0; wanted];
        } else {
            self.words.fill(0);
        }
        self.used = 0;
    }

    /// Adds a number that is at most [`LAST`](Self::LAST), and whether it could: not without room.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, number: u32) -> bool {
        for place in self.places(hash) {
            if let Some(word @ 0) = self.words.get_mut(place) {
                *word = u64::from(high(hash)) << 32 | (u64::from(number) + 1);
                self.used += 1;
                return true;
            }
        }
        false
    }

    /// Numbers that fit without [`clear`](Self::clear).
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.words.len() * 3 / 4
    }

    /// Every place, in the order of looking.
    fn places(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let count = self.words.len();
        let last = count.wrapping_sub(1);
        (0..count).map(move |step| (low(hash) as usize).wrapping_add(step) & last)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the half that is wanted")]
const fn low(word: u64) -> u32 {
    word as u32
}

const fn high(word: u64) -> u32 {
    low(word >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_a_hash_is_told_apart_and_nothing_is_found_that_is_not_there() {
        let mut index = Index::default();
        assert!(index.is_full(), "an empty one has no room");
        assert!(!index.insert(7, 1));
        assert_eq!(index.find(7, |_| true), None);
        index.clear(4);
        // The same place for all, behind the last of which it goes on at the first one.
        let hashes = [u64::MAX, u64::MAX, u64::from(u32::MAX), 0];
        for (number, hash) in [0, 1, 2, Index::LAST].into_iter().zip(hashes) {
            assert!(index.insert(hash, number));
        }
        for (number, hash) in [0, 1, 2, Index::LAST].into_iter().zip(hashes) {
            assert_eq!(index.find(hash, |it| it == number), Some(number));
        }
        let mut asked = 0;
        let nothing = |_| {
            asked += 1;
            false
        };
        assert_eq!(index.find(u64::MAX, nothing), None);
        assert_eq!(asked, 2, "those with this hash");
        index.clear(4);
        assert_eq!(index.find(0, |_| true), None);
    }

    #[test]
    fn it_has_room_for_twice_as_many_and_then_says_that_it_is_full() {
        for numbers in [0, 4, 5, 6, 100, 1000] {
            let mut index = Index::default();
            index.clear(numbers);
            let mut held = 0;
            while !index.is_full() {
                assert!(index.insert(u64::from(held) << 30, held));
                held += 1;
            }
            assert!(held as usize >= 2 * numbers, "{held} of {numbers}");
            for number in 0..held {
                let found = index.find(u64::from(number) << 30, |it| it == number);
                assert_eq!(found, Some(number));
            }
            assert_eq!(index.find(1 << 63, |_| true), None, "and it ends");
        }
    }
}
