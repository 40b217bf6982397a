//! A queue of many values, nearly all of which stay where they are. A container: it knows nothing of what it holds.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::iter;

/// How many values share one piece of memory. Many: to come from one piece to the next is a wait for memory that nobody
/// could foresee.
const BLOCK: usize = 512;

/// As long as it has ever been filled: that of a queue that runs empty again and again is short.
type Block<T> = Vec<Option<T>>;

/// A queue in blocks.
///
/// When it grows, no more than one block of values moves. And it is filled where it was emptied last: however long it is,
/// whoever writes at its end finds the memory near that was read at its front a moment ago, where a ring would go through
/// all of its own.
#[derive(Clone, Debug)]
pub(super) struct Chain<T> {
    blocks: VecDeque<Block<T>>,
    /// The block that was emptied last.
    spare: Option<Block<T>>,
    /// How many values of the first block are gone.
    start: usize,
    len: usize,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self {
            blocks: VecDeque::new(),
            spare: None,
            start: 0,
            len: 0,
        }
    }
}

impl<T> Chain<T> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(super) fn push_back(&mut self, value: T) {
        let end = self.start + self.len;
        if end == BLOCK * self.blocks.len() {
            self.grow();
        }
        // There is room behind the last value, so nothing is overwritten.
        if let Some(block) = self.blocks.back_mut() {
            match block.get_mut(end % BLOCK) {
                Some(place) => *place = Some(value),
                None => block.push(Some(value)),
            }
            self.len += 1;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let block = self.spare.take();
        self.blocks.push_back(block.unwrap_or_default());
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<T> {
        let value = self.first_mut()?.take()?;
        self.step();
        Some(value)
    }

    /// As [`pop_front`](Self::pop_front), for who has looked at it in its place: moving it costs more.
    #[inline]
    pub(super) fn drop_front(&mut self) {
        if self.len > 0
            && let Some(place) = self.first_mut()
        {
            *place = None;
            self.step();
        }
    }

    /// Where the first value is.
    #[inline]
    fn first_mut(&mut self) -> Option<&mut Option<T>> {
        self.blocks.front_mut()?.get_mut(self.start % BLOCK)
    }

    /// The first value is gone.
    #[inline]
    fn step(&mut self) {
        self.start += 1;
        self.len -= 1;
        if self.start == BLOCK {
            self.start = 0;
            self.spare = self.blocks.pop_front();
        } else if self.len == 0 {
            // Short queues stay in the same few places.
            self.start = 0;
        }
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&T> {
        self.blocks.front()?.get(self.start % BLOCK)?.as_ref()
    }

    #[inline]
    pub(super) fn front_mut(&mut self) -> Option<&mut T> {
        self.first_mut()?.as_mut()
    }

    pub(super) fn back_mut(&mut self) -> Option<&mut T> {
        let last = self.len.checked_sub(1)?;
        self.get_mut(last)
    }

    /// The value behind this many others.
    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let place = self.start + index;
        let block = self.blocks.get_mut(place / BLOCK)?;
        block.get_mut(place % BLOCK)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| block.iter().flatten())
    }

    pub(super) fn into_values(mut self) -> impl Iterator<Item = T> {
        iter::from_fn(move || self.pop_front())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn it_does_what_a_ring_does() {
        let mut random = fastrand::Rng::with_seed(11);
        let mut chain = Chain::default();
        let mut ring = VecDeque::new();
        for step in 0..50_000_u32 {
            // It grows to some blocks, shrinks to nothing, and again.
            let grows = step / 2_000 % 2 == 0;
            if random.u32(..100) < if grows { 60 } else { 40 } {
                chain.push_back(step);
                ring.push_back(step);
            } else {
                if random.bool() {
                    assert_eq!(chain.pop_front(), ring.front().copied());
                } else {
                    chain.drop_front();
                }
                ring.pop_front();
            }
            assert_eq!(
                (chain.len(), chain.is_empty()),
                (ring.len(), ring.is_empty())
            );
            assert_eq!(chain.front(), ring.front());
            assert_eq!(chain.front_mut(), ring.front_mut());
            assert_eq!(chain.back_mut(), ring.back_mut());
            let index = random.usize(..ring.len() + 70);
            assert_eq!(chain.get_mut(index), ring.get_mut(index));
            if step % 500 == 0 {
                assert!(chain.iter().eq(&ring));
            }
            assert!(chain.blocks.len() <= ring.len() / BLOCK + 2);
        }
        chain.push_back(7);
        ring.push_back(7);
        assert!(chain.clone().into_values().eq(ring));
    }

    #[test]
    fn a_long_queue_turns_in_its_own_memory() {
        let mut chain: Chain<usize> = Chain::default();
        (0..10 * BLOCK).for_each(|n| chain.push_back(n));
        let places = |chain: &Chain<usize>| {
            let blocks = chain.blocks.iter().chain(&chain.spare);
            let mut places: Vec<_> = blocks.map(Vec::as_ptr).collect();
            places.sort();
            places
        };
        // The last block has grown once.
        for n in 0..2 * BLOCK {
            chain.pop_front();
            chain.push_back(n);
        }
        let before = places(&chain);
        for n in 0..100 * BLOCK {
            chain.pop_front();
            chain.push_back(n);
        }
        assert_eq!(places(&chain), before);
    }
}
