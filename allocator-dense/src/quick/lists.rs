//! [`QuickLists`], lists of free blocks of one size each, with a limit on the length of each.

use core::ptr::NonNull;

use crate::quick::classes::{LISTS, ListIndex};

/// What a kept block holds.
struct KeptBlock {
    next: Option<NonNull<KeptBlock>>,
}

/// The lists of kept blocks. In each, the one that was freed last comes first.
///
/// # Invariants
///
/// - List `i` has `limits[i] - rooms[i]` blocks, and begins with `heads[i]`.
pub(crate) struct QuickLists {
    heads: [Option<NonNull<KeptBlock>>; LISTS],
    /// How many more blocks each takes.
    rooms: [u32; LISTS],
    /// How many blocks each has at most.
    limits: [u32; LISTS],
}

// SAFETY: the blocks of the lists belong to them alone.
unsafe impl Send for QuickLists {}
// SAFETY: shared lists are only read.
unsafe impl Sync for QuickLists {}

impl QuickLists {
    pub(crate) const EMPTY: Self = Self { heads: [None; LISTS], rooms: [0; LISTS], limits: [0; LISTS] };

    /// Takes the first block of a list.
    #[inline]
    pub(crate) fn pop(&mut self, index: ListIndex) -> Option<NonNull<u8>> {
        let block = self.heads[index.get()]?;
        // SAFETY: the blocks of a list are free, so they hold what `push` wrote there.
        self.heads[index.get()] = unsafe { block.read() }.next;
        // The list had a block, so there was less room than its limit.
        self.rooms[index.get()] = self.rooms[index.get()].wrapping_add(1);
        Some(block.cast())
    }

    /// Puts a block in front of a list, if there is room. Returns whether there was.
    ///
    /// # Safety
    ///
    /// The block is free, in no list, aligned for a pointer, and as large as those of the list; it may be written through this
    /// pointer until it is popped.
    #[inline]
    pub(crate) unsafe fn push(&mut self, index: ListIndex, block: NonNull<u8>) -> bool {
        // Counted first: that is one instruction, on the memory itself.
        let (room, none) = self.rooms[index.get()].overflowing_sub(1);
        self.rooms[index.get()] = room;
        if none {
            self.rooms[index.get()] = 0;
            return false;
        }
        let block = block.cast::<KeptBlock>();
        // SAFETY: passed on from the caller.
        unsafe { block.write(KeptBlock { next: self.heads[index.get()] }) };
        self.heads[index.get()] = Some(block);
        true
    }

    pub(crate) const fn is_empty(&self, index: ListIndex) -> bool {
        self.heads[index.get()].is_none()
    }

    /// How many blocks a list has.
    pub(crate) const fn len(&self, index: ListIndex) -> usize {
        (self.limits[index.get()] - self.rooms[index.get()]) as usize
    }

    /// How many more blocks a list takes.
    pub(crate) const fn room(&self, index: ListIndex) -> usize {
        self.rooms[index.get()] as usize
    }

    /// How many blocks a list has at most.
    pub(crate) const fn limit(&self, index: ListIndex) -> usize {
        self.limits[index.get()] as usize
    }

    /// Lets a list have `more` blocks more, at most as many as a `u32` counts.
    pub(crate) const fn raise_limit(&mut self, index: ListIndex, more: u32) {
        let limit = self.limits[index.get()].saturating_add(more);
        self.rooms[index.get()] += limit - self.limits[index.get()];
        self.limits[index.get()] = limit;
    }

    /// Lets a list have fewer blocks, at most by its room.
    pub(crate) fn lower_limit(&mut self, index: ListIndex, fewer: usize) {
        let fewer = fewer.min(self.room(index)) as u32;
        self.limits[index.get()] -= fewer;
        self.rooms[index.get()] -= fewer;
    }

    /// The blocks of a list, the one that was freed last first.
    pub(crate) fn blocks(&self, index: ListIndex) -> impl Iterator<Item = NonNull<u8>> + '_ {
        // SAFETY: the blocks of a list are free, so they hold what `push` wrote there.
        core::iter::successors(self.heads[index.get()], |block| unsafe { block.read() }.next).map(NonNull::cast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_as_many_as_the_limit_and_gives_them_back_last_first() {
        let mut memory = [[0_usize; 2]; 4];
        let [a, b, c, d] = memory.each_mut().map(|block| NonNull::from(block).cast::<u8>());
        let mut lists = QuickLists::EMPTY;
        let list = ListIndex::new(7).unwrap();
        // SAFETY: the blocks are the list's.
        unsafe {
            assert!(!lists.push(list, a));
            lists.raise_limit(list, 3);
            assert!(lists.push(list, a) && lists.push(list, b) && lists.push(list, c) && !lists.push(list, d));
            assert!(lists.blocks(list).eq([c, b, a]) && lists.len(list) == 3);
            assert_eq!((lists.pop(list), lists.room(list), lists.limit(list)), (Some(c), 1, 3));
            lists.lower_limit(list, 5);
            assert!(lists.limit(list) == 2 && !lists.push(list, d));
        }
        assert_eq!([lists.pop(list), lists.pop(list), lists.pop(list)], [Some(b), Some(a), None]);
        assert!(lists.is_empty(list));
    }
}
