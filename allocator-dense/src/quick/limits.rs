//! How much the lists may keep: a limit for each, and one for all.

use crate::quick::classes::{LISTS, ListIndex};
use crate::quick::lists::QuickLists;

/// A set of lists, a bit for each.
type Words = [u64; LISTS.div_ceil(64)];

/// By how many blocks a limit grows at once, at most.
const MOST_GROWTH: usize = 16;
/// How many lists are asked, one after the other, for room that they do not use.
const MOST_ASKED: usize = 4;

/// What the lists may keep.
///
/// # Invariants
///
/// - `granted` is the sum of `limit × size` over all lists, in bytes.
/// - The bit of a list in `active` is set iff its limit is above 0; a list that is not active is empty.
pub(crate) struct Limits {
    active: Words,
    granted: usize,
    /// The list that is asked next for room that it does not use.
    next_asked: usize,
}

impl Limits {
    pub(crate) const EMPTY: Self = Self { active: [0; LISTS.div_ceil(64)], granted: 0, next_asked: 0 };

    /// What the lists have at most, in bytes.
    pub(crate) const fn granted(&self) -> usize {
        self.granted
    }

    /// Raises the limit of a list that missed: to twice as much, by [`MOST_GROWTH`] blocks at most, as far as all may keep
    /// `most` bytes and this one `most_each`. Where others have what they do not use, they give it.
    pub(crate) fn grow(&mut self, lists: &mut QuickLists, index: ListIndex, most: usize, most_each: usize) {
        let (size, limit) = (index.size(), lists.limit(index));
        let cap = (most_each / size).max(1);
        let wanted = limit.clamp(1, MOST_GROWTH).min(cap.saturating_sub(limit));
        for _ in 0..MOST_ASKED {
            if self.granted + wanted * size <= most || !self.take_unused(lists, index) {
                break;
            }
        }
        let more = wanted.min(most.saturating_sub(self.granted) / size);
        if more > 0 {
            lists.raise_limit(index, more as u32);
            self.granted += more * size;
            self.active[index.get() / 64] |= 1 << (index.get() % 64);
        }
    }

    /// The list that is asked next for room that it does not use.
    pub(crate) fn asked_next(&self) -> Option<ListIndex> {
        self.next_active(self.next_asked).or_else(|| self.next_active(0))
    }

    /// Takes half of the room that the next active list other than `index` does not use. Returns whether there is another one.
    fn take_unused(&mut self, lists: &mut QuickLists, index: ListIndex) -> bool {
        let Some(other) = self.asked_next() else { return false };
        self.next_asked = other.get() + 1;
        if other != index {
            self.shrink(lists, other, lists.room(other).div_ceil(2));
        }
        true
    }

    /// Lowers the limit of a list by so many blocks, at most by what it does not use.
    pub(crate) fn shrink(&mut self, lists: &mut QuickLists, index: ListIndex, blocks: usize) {
        let before = lists.limit(index);
        lists.lower_limit(index, blocks);
        let after = lists.limit(index);
        self.granted -= (before - after) * index.size();
        if after == 0 {
            self.active[index.get() / 64] &= !(1 << (index.get() % 64));
        }
    }

    /// Whether no list is active, so that all are empty.
    pub(crate) fn all_empty(&self) -> bool {
        self.active.iter().all(|&word| word == 0)
    }

    /// The first active list from number `from` on.
    pub(crate) fn next_active(&self, from: usize) -> Option<ListIndex> {
        let mut word = from / 64;
        let mut bits = self.active.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.active.get(word)?;
        }
        ListIndex::new(word * 64 + bits.trailing_zeros() as usize)
    }

    /// The last active list below number `below`.
    pub(crate) fn last_active_below(&self, below: usize) -> Option<ListIndex> {
        let below = below.min(LISTS);
        let mut word = below / 64;
        let mut bits = self.active.get(word).map_or(0, |bits| bits & !(u64::MAX << (below % 64)));
        while bits == 0 {
            word = word.checked_sub(1)?;
            bits = self.active[word];
        }
        ListIndex::new(word * 64 + bits.ilog2() as usize)
    }

    /// Whether a list is active.
    pub(crate) fn is_active(&self, index: ListIndex) -> bool {
        self.active[index.get() / 64] >> (index.get() % 64) & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(number: usize) -> ListIndex {
        ListIndex::new(number).unwrap()
    }

    /// What the limits are together, in bytes.
    fn sum(lists: &QuickLists) -> usize {
        (0..LISTS).map(index).map(|index| lists.limit(index) * index.size()).sum()
    }

    #[test]
    fn limits_grow_by_doubling_until_all_have_what_they_may() {
        let (mut limits, mut lists) = (Limits::EMPTY, QuickLists::EMPTY);
        let seen: [usize; 7] = core::array::from_fn(|_| {
            limits.grow(&mut lists, index(3), 4000, 1 << 20);
            assert_eq!(limits.granted(), sum(&lists));
            lists.limit(index(3))
        });
        assert_eq!(seen, [1, 2, 4, 8, 16, 32, 48]);
        limits.grow(&mut lists, index(3), 4000, 1 << 20);
        assert_eq!(lists.limit(index(3)), 62, "no more than 4000 bytes");
        limits.grow(&mut lists, index(9), 4000, 1 << 20);
        assert_eq!((lists.limit(index(3)), lists.limit(index(9))), (31, 1), "what one does not use, another gets");
        limits.grow(&mut lists, index(40), 4000, 100);
        assert_eq!(lists.limit(index(40)), 1, "each may have one block");
        limits.shrink(&mut lists, index(40), 1);
        assert!(!limits.is_active(index(40)) && limits.granted() == sum(&lists));
    }

    #[test]
    fn finds_active_lists_both_ways() {
        let (mut limits, mut lists) = (Limits::EMPTY, QuickLists::EMPTY);
        assert!(limits.all_empty() && limits.next_active(0).is_none() && limits.last_active_below(LISTS).is_none());
        for number in [0, 63, 64, 200, LISTS - 1] {
            limits.grow(&mut lists, index(number), 1 << 20, 1 << 20);
        }
        let up = [0, 1, 64, 65, 201, LISTS].map(|from| limits.next_active(from));
        assert_eq!(up, [Some(0), Some(63), Some(64), Some(200), Some(LISTS - 1), None].map(|n| n.map(index)));
        let down = [LISTS, LISTS - 1, 200, 64, 63, 0].map(|below| limits.last_active_below(below));
        assert_eq!(down, [Some(LISTS - 1), Some(200), Some(64), Some(63), Some(0), None].map(|n| n.map(index)));
        assert_eq!(limits.last_active_below(usize::MAX), Some(index(LISTS - 1)));
    }
}
