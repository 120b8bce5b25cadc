//! What a list that is empty or full does, and batches.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use allocator_core::ByteAllocator;
use allocator_core::address::widen;

use super::{KEPT_PART, QuickFit};
use crate::quick::classes::ListIndex;

/// How many blocks are taken of the engine at once, at most, or given back.
const MOST_AT_ONCE: usize = 16;
/// How many bytes of blocks beyond the one that was asked for are taken at once, at most; and which part of the memory, so that
/// what all lists take ahead is little of a small pool, too.
const MOST_BYTES_AHEAD: usize = 4096;
const PARTS_AHEAD: usize = 16_384;
/// A list has at most one of so many parts of what all lists may have.
const PARTS_OF_A_LIST: usize = 16;

impl<A: ByteAllocator> QuickFit<A> {
    /// A block for a layout whose list has none: the engine's, and some more for the list. With the arguments of `alloc`, so that
    /// calling it costs nothing where it is not called; an `Option` of a pointer comes back in a register.
    #[cold]
    #[inline(never)]
    pub(super) fn refill(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let index = ListIndex::of(layout)?;
        let ahead = (self.engine.engine.total_bytes() / PARTS_AHEAD).min(MOST_BYTES_AHEAD) / index.size();
        // The list is empty, so there is room for as many as its limit.
        let more = ahead.min(self.lists.limit(index)).min(MOST_AT_ONCE - 1);
        let mut out = [MaybeUninit::uninit(); MOST_AT_ONCE];
        let layout = index.layout();
        let Some((&mut first, rest)) = self.engine.take_batch(layout, &mut out[..=more]).split_first_mut() else {
            return self.alloc_short(layout, &A::alloc).ok();
        };
        self.raise_limit(index);
        // The first ones come first when they are popped.
        for &mut block in rest.iter_mut().rev() {
            // SAFETY: the engine handed the block out just now, with the size and alignment of the list.
            let kept = unsafe { self.lists.push(index, block) };
            debug_assert!(kept, "a list takes as many as it has room for");
        }
        Some(first)
    }

    /// Lets a list have more blocks, as far as it may. Where all lists together may have no more, another list that is full gives
    /// some of its blocks back.
    fn raise_limit(&mut self, index: ListIndex) {
        let parts = if self.kept_part == 0 { KEPT_PART } else { self.kept_part };
        let most = self.engine.engine.total_bytes() / parts;
        if self.limits.granted() + index.size() > most
            && let Some(other) = self.limits.asked_next()
            && other != index
            && self.lists.room(other) == 0
        {
            self.give_back(other, MOST_AT_ONCE);
        }
        self.limits.grow(&mut self.lists, index, most, most / PARTS_OF_A_LIST);
    }

    /// Takes a block back whose list is full: the list gives up to half of what it has to the engine, at most
    /// [`MOST_AT_ONCE`] blocks; a list that may have none gives this one.
    ///
    /// # Safety
    ///
    /// As for [`dealloc`](ByteAllocator::dealloc).
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn overflow(&mut self, ptr: NonNull<u8>, layout: Layout) {
        let Some(index) = ListIndex::of(layout) else { return };
        self.give_back(index, self.lists.limit(index).div_ceil(2).min(MOST_AT_ONCE));
        // SAFETY: passed on from the caller; the block has the size of the list, and widened, the pointer reaches all of it.
        let kept = unsafe { self.lists.push(index, widen(ptr)) };
        if kept {
            // Where there is room left: a list of one or two blocks stays what it is.
            self.limits.shrink(&mut self.lists, index, 1);
        } else {
            // SAFETY: passed on from the caller; that is the block's layout to the engine.
            unsafe { self.engine.give(ptr, index.layout()) };
        }
    }

    /// Gives up to `most` blocks of a list back to the engine, at most [`MOST_AT_ONCE`]. Returns how many.
    pub(super) fn give_back(&mut self, index: ListIndex, most: usize) -> usize {
        let mut out = [NonNull::dangling(); MOST_AT_ONCE];
        let mut count = 0;
        for entry in out.iter_mut().take(most) {
            let Some(block) = self.lists.pop(index) else { break };
            *entry = block;
            count += 1;
        }
        // SAFETY: the blocks are the engine's, were kept, and are in no list now; that is their layout to the engine.
        unsafe { self.engine.give_batch(&out[..count], index.layout()) };
        count
    }

    /// Takes blocks: those of the list, then the engine's, until there are none.
    pub(super) fn take_batch<'o>(
        &mut self,
        layout: Layout,
        out: &'o mut [MaybeUninit<NonNull<u8>>],
    ) -> &'o mut [NonNull<u8>] {
        let mut len = 0;
        if let Some(index) = ListIndex::of(layout) {
            while len < out.len()
                && let Some(block) = self.lists.pop(index)
            {
                out[len].write(block);
                len += 1;
            }
            len += self.engine.take_batch(index.layout(), &mut out[len..]).len();
        }
        while len < out.len()
            && let Ok(block) = self.alloc(layout)
        {
            out[len].write(block);
            len += 1;
        }
        let written = &mut out[..len];
        // SAFETY: `MaybeUninit<T>` has the layout of `T`, the entries were written, and are borrowed mutably.
        unsafe { &mut *(core::ptr::from_mut(written) as *mut [NonNull<u8>]) }
    }

    /// # Safety
    ///
    /// As for [`dealloc_batch`](ByteAllocator::dealloc_batch).
    pub(super) unsafe fn give_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        let Some(index) = ListIndex::of(layout) else {
            for &block in blocks {
                // SAFETY: passed on from the caller.
                unsafe { self.dealloc(block, layout) };
            }
            return;
        };
        let (kept, rest) = blocks.split_at(self.lists.room(index).min(blocks.len()));
        for &block in kept {
            // SAFETY: passed on from the caller; widened, the pointer reaches all of the block.
            let kept = unsafe { self.lists.push(index, widen(block)) };
            debug_assert!(kept, "a list takes as many as it has room for");
        }
        // SAFETY: passed on from the caller; that is the blocks' layout to the engine.
        unsafe { self.engine.give_batch(rest, index.layout()) };
    }
}
