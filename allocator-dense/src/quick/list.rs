//! [`QuickList`], free blocks of one size.

use core::ptr::NonNull;

/// What a kept block holds.
pub(crate) struct KeptBlock {
    next: Option<NonNull<KeptBlock>>,
}

/// Free blocks of one size, the one that was freed last first.
///
/// # Invariants
///
/// - The list has `limit - room` blocks.
pub(crate) struct QuickList {
    head: Option<NonNull<KeptBlock>>,
    /// How many more blocks the list takes.
    room: u32,
    /// How many blocks the list has at most.
    limit: u32,
}

// SAFETY: the blocks of a list belong to it alone.
unsafe impl Send for QuickList {}
// SAFETY: a shared list is only read.
unsafe impl Sync for QuickList {}

impl QuickList {
    pub(crate) const EMPTY: Self = Self { head: None, room: 0, limit: 0 };

    /// Takes the first block.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<NonNull<u8>> {
        let block = self.head?;
        // SAFETY: the blocks of the list are free, so they hold what `push` wrote there.
        self.head = unsafe { block.read() }.next;
        self.room += 1;
        Some(block.cast())
    }

    /// Puts a block in front, if there is room. Returns whether there was.
    ///
    /// # Safety
    ///
    /// The block is free, in no list, aligned for a pointer, and as large as those of the list; it may be written through this
    /// pointer until it is popped.
    #[inline]
    pub(crate) unsafe fn push(&mut self, block: NonNull<u8>) -> bool {
        let Some(room) = self.room.checked_sub(1) else { return false };
        let block = block.cast::<KeptBlock>();
        // SAFETY: passed on from the caller.
        unsafe { block.write(KeptBlock { next: self.head }) };
        self.head = Some(block);
        self.room = room;
        true
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// How many blocks there are.
    pub(crate) const fn len(&self) -> usize {
        (self.limit - self.room) as usize
    }

    pub(crate) const fn room(&self) -> usize {
        self.room as usize
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit as usize
    }

    /// Lets the list have `more` blocks more, at most as many as a `u32` counts.
    pub(crate) fn raise_limit(&mut self, more: u32) {
        let limit = self.limit.saturating_add(more);
        self.room += limit - self.limit;
        self.limit = limit;
    }

    /// Lets the list have fewer blocks, at most by its room.
    pub(crate) fn lower_limit(&mut self, fewer: usize) {
        let fewer = fewer.min(self.room as usize) as u32;
        self.limit -= fewer;
        self.room -= fewer;
    }

    /// The blocks, the one that was freed last first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<u8>> + '_ {
        // SAFETY: the blocks of the list are free, so they hold what `push` wrote there.
        core::iter::successors(self.head, |block| unsafe { block.read() }.next).map(NonNull::cast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_as_many_as_the_limit_and_gives_them_back_last_first() {
        let mut memory = [[0_usize; 2]; 4];
        let [a, b, c, d] = memory.each_mut().map(|block| NonNull::from(block).cast::<u8>());
        let mut list = QuickList::EMPTY;
        // SAFETY: the blocks are the list's.
        unsafe {
            assert!(!list.push(a));
            list.raise_limit(3);
            assert!(list.push(a) && list.push(b) && list.push(c) && !list.push(d));
            assert!(list.iter().eq([c, b, a]) && list.len() == 3);
            assert_eq!((list.pop(), list.room(), list.limit()), (Some(c), 1, 3));
            list.lower_limit(5);
            assert!(list.limit() == 2 && !list.push(d));
        }
        assert_eq!((list.pop(), list.pop(), list.pop(), list.is_empty()), (Some(b), Some(a), None, true));
    }
}
