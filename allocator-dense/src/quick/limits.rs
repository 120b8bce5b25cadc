//! How much the lists may keep: a limit for each, and one for all.

use crate::quick::classes::{LISTS, ListIndex};
use crate::quick::list::QuickList;

/// A set of lists, a bit for each.
type Words = [u64; LISTS.div_ceil(64)];

/// By how many blocks a limit grows at once, at most.
const MOST_GROWTH: usize = 16;
/// How many lists are asked, one after the other, for room that they do not use.
const MOST_ASKED: usize = 4;

/// The quick lists, and what they may keep.
///
/// # Invariants
///
/// - `granted` is the sum of `limit × size` over the lists, in bytes.
/// - The bit of a list in `active` is set iff its limit is above 0; a list that is not active is empty.
pub(crate) struct QuickLists {
    pub(crate) lists: [QuickList; LISTS],
    active: Words,
    granted: usize,
    /// The list that is asked next for room that it does not use.
    next_asked: usize,
}

impl QuickLists {
    pub(crate) const EMPTY: Self =
        Self { lists: [const { QuickList::EMPTY }; LISTS], active: [0; LISTS.div_ceil(64)], granted: 0, next_asked: 0 };

    /// What the lists have at most, in bytes.
    pub(crate) const fn granted(&self) -> usize {
        self.granted
    }

    #[inline]
    pub(crate) fn list(&mut self, index: ListIndex) -> &mut QuickList {
        &mut self.lists[index.get()]
    }

    pub(crate) const fn get(&self, index: ListIndex) -> &QuickList {
        &self.lists[index.get()]
    }

    /// Raises the limit of a list that missed: to twice as much, by [`MOST_GROWTH`] blocks at most, as far as all may keep
    /// `most` bytes and this one `most_each`. Where others have what they do not use, they give it.
    pub(crate) fn grow(&mut self, index: ListIndex, most: usize, most_each: usize) {
        let (size, limit) = (index.size(), self.list(index).limit());
        let cap = (most_each / size).max(1);
        let wanted = limit.clamp(1, MOST_GROWTH).min(cap.saturating_sub(limit));
        for _ in 0..MOST_ASKED {
            if self.granted + wanted * size <= most || !self.take_unused(index) {
                break;
            }
        }
        let more = wanted.min(most.saturating_sub(self.granted) / size);
        if more > 0 {
            self.list(index).raise_limit(more as u32);
            self.granted += more * size;
            self.active[index.get() / 64] |= 1 << (index.get() % 64);
        }
    }

    /// Takes half of the room that the next active list other than `index` does not use. Returns whether there is another one.
    fn take_unused(&mut self, index: ListIndex) -> bool {
        let other = self.next_active(self.next_asked).or_else(|| self.next_active(0));
        let Some(other) = other else { return false };
        self.next_asked = other.get() + 1;
        if other != index {
            let unused = self.list(other).room().div_ceil(2);
            self.shrink(other, unused);
        }
        true
    }

    /// Lowers the limit of a list by so many blocks, at most by what it does not use.
    pub(crate) fn shrink(&mut self, index: ListIndex, blocks: usize) {
        let list = self.list(index);
        let before = list.limit();
        list.lower_limit(blocks);
        let (after, size) = (list.limit(), index.size());
        self.granted -= (before - after) * size;
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

    /// All lists, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ListIndex, &QuickList)> + '_ {
        self.lists.iter().enumerate().filter_map(|(index, list)| Some((ListIndex::new(index)?, list)))
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

    #[test]
    fn limits_grow_by_doubling_until_all_have_what_they_may() {
        let mut lists = QuickLists::EMPTY;
        let limits = |lists: &QuickLists| lists.iter().map(|(index, list)| list.limit() * index.size()).sum::<usize>();
        let seen: [usize; 7] = core::array::from_fn(|_| {
            lists.grow(index(3), 4000, 1 << 20);
            assert_eq!(lists.granted(), limits(&lists));
            lists.lists[3].limit()
        });
        assert_eq!(seen, [1, 2, 4, 8, 16, 32, 48]);
        lists.grow(index(3), 4000, 1 << 20);
        assert_eq!(lists.lists[3].limit(), 62, "no more than 4000 bytes");
        lists.grow(index(9), 4000, 1 << 20);
        assert_eq!((lists.lists[3].limit(), lists.lists[9].limit()), (31, 1), "what one does not use, another gets");
        lists.grow(index(40), 4000, 100);
        assert_eq!(lists.lists[40].limit(), 1, "each may have one block");
        lists.shrink(index(40), 1);
        assert!(!lists.is_active(index(40)) && lists.granted() == limits(&lists));
    }

    #[test]
    fn finds_active_lists_both_ways() {
        let mut lists = QuickLists::EMPTY;
        assert!(lists.all_empty() && lists.next_active(0).is_none() && lists.last_active_below(LISTS).is_none());
        for number in [0, 63, 64, 200, LISTS - 1] {
            lists.grow(index(number), 1 << 20, 1 << 20);
        }
        let up: [_; 6] = core::array::from_fn(|nth| lists.next_active([0, 1, 64, 65, 201, LISTS][nth]));
        assert_eq!(up, [Some(0), Some(63), Some(64), Some(200), Some(LISTS - 1), None].map(|n| n.map(index)));
        let down: [_; 6] = core::array::from_fn(|nth| lists.last_active_below([LISTS, LISTS - 1, 200, 64, 63, 0][nth]));
        assert_eq!(down, [Some(LISTS - 1), Some(200), Some(64), Some(63), Some(0), None].map(|n| n.map(index)));
        assert_eq!(lists.last_active_below(usize::MAX), Some(index(LISTS - 1)));
    }
}
