//! How a heap serves what its lists of free slots cannot: chunks from the backing, and large blocks.

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_core::{AllocError, AllocResult, ByteAllocator};

use super::SlabByteAllocator;
use crate::chunk::{Chunk, ClassIndex, chunk_layout};
use crate::classes::SizeClasses;

/// By how many bytes a slab grows at least, while the backing has that much in one piece: so that the entry of a chunk in the
/// table, and the header that the backing may put on a block, are small beside it.
pub(super) const LEAST_GROWTH: usize = 256;

impl<C: SizeClasses, B: ByteAllocator> SlabByteAllocator<C, B> {
    /// Takes a slot of a slab whose list is empty, for a request of `size` bytes. The only error is that there is no memory;
    /// an `Option` of a pointer comes back in a register.
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_from_chunk(&mut self, class: ClassIndex, size: usize) -> Option<NonNull<u8>> {
        self.refill(class).ok()?;
        let slab = &mut self.slabs.as_mut()[class.get()];
        slab.track_requested(size);
        slab.alloc()
    }

    /// Puts free slots into the list of a slab, which is empty.
    pub(super) fn refill(&mut self, class: ClassIndex) -> AllocResult {
        self.or_reclaim(|heap| {
            if heap.chunks.take_sorted(&mut heap.slabs.as_mut()[class.get()]) { Ok(()) } else { heap.grow(class) }
        })
    }

    /// Adds slots to a class: behind its last chunk, where the backing has that memory, or in a further chunk. As many as the
    /// policy says, or a lower power of two if the backing has not so many in one piece.
    fn grow(&mut self, class: ClassIndex) -> AllocResult {
        let slab = &mut self.slabs.as_mut()[class.get()];
        let slot_size = C::SLOT_SIZES[class.get()];
        slab.set_slot_size(slot_size);
        let most = C::growth(class.get()).clamp(1, usize::from(u16::MAX));
        let share = self.backing.engine.available_bytes() / C::GROWTH_SHARE;
        let limit = share.max(slab.total_slots() * slot_size / C::GROWTH_OF_ITS_OWN).max(LEAST_GROWTH);
        let mut wanted = (limit / slot_size).clamp(1, most);
        if self.extend_last_chunk(class, wanted) {
            return Ok(());
        }
        while wanted > 0 {
            let slots = fitting::<C, B>(&self.backing.engine, slot_size, wanted, limit).ok_or(AllocError::NoMemory)?;
            if self.add_chunk(class, slots)? {
                return Ok(());
            }
            // The next lower power of two.
            let fewer = wanted.min(slots) - 1;
            wanted = fewer.checked_ilog2().map_or(0, |log2| 1 << log2);
        }
        Err(AllocError::NoMemory)
    }

    /// Adds a chunk of so many slots to a class. Returns whether the backing has one.
    fn add_chunk(&mut self, class: ClassIndex, slots: usize) -> AllocResult<bool> {
        let slab = &mut self.slabs.as_mut()[class.get()];
        let layout = chunk_layout(slots, C::SLOT_SIZES[class.get()], C::MOST_ALIGNED).ok_or(AllocError::NoMemory)?;
        let Ok(start) = self.backing.alloc_own(layout) else { return Ok(false) };
        if self.chunks.add(Chunk::new(start, class, slots), slab, &mut self.backing).is_ok() {
            // SAFETY: the backing handed out the whole chunk, aligned for its slots.
            unsafe { slab.grow(start, slots) };
            return Ok(true);
        }
        // SAFETY: the chunk was taken just now, with this layout.
        unsafe { self.backing.dealloc_own(start, layout) };
        Ok(false)
    }

    /// Makes the last chunk of a class longer by up to `wanted` slots, as many as the backing has behind it. Returns whether
    /// there were any.
    fn extend_last_chunk(&mut self, class: ClassIndex, wanted: usize) -> bool {
        let slab = &mut self.slabs.as_mut()[class.get()];
        let slot_size = C::SLOT_SIZES[class.get()];
        let Some(chunk) = self.chunks.last_of(slab) else { return false };
        let slots = usize::from(chunk.slots);
        let most = (C::LARGEST_CHUNK / slot_size).min(usize::from(u16::MAX));
        let mut more = wanted.min(most.saturating_sub(slots));
        while more > 0 {
            // All that the backing gives for so many, as it rounds sizes up.
            let Some(fitting) = fitting::<C, B>(&self.backing.engine, slot_size, slots + more, usize::MAX) else {
                return false;
            };
            let layouts = [slots, fitting].map(|slots| chunk_layout(slots, slot_size, C::MOST_ALIGNED));
            let [Some(old), Some(new)] = layouts else { return false };
            // SAFETY: the chunk was taken with a layout that it has kept as long as it has so many slots.
            if unsafe { self.backing.resize_own(chunk.start, old, new) }.is_ok() {
                // At most 65,535, as `fitting` says.
                chunk.slots = fitting as u16;
                // SAFETY: the chunk has become longer by these slots.
                unsafe { slab.extend(chunk.start.add(slots * slot_size), fitting - slots) };
                return true;
            }
            more /= 4;
        }
        false
    }

    /// Takes a block that no class serves.
    #[inline(never)]
    pub(super) fn alloc_large(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.alloc_large_with(layout, |engine| engine.alloc(layout)).ok()
    }

    /// Takes a block that no class serves with `request`, which allocates it from the backing.
    pub(super) fn alloc_large_with(
        &mut self,
        layout: Layout,
        request: impl Fn(&mut B) -> AllocResult<NonNull<u8>>,
    ) -> AllocResult<NonNull<u8>> {
        let block = self.or_reclaim(|heap| heap.backing.alloc_large(layout, &request))?;
        self.track_requested_large(0, layout.size());
        Ok(block)
    }

    /// Replaces `old` bytes by `new` ones in what callers asked for with live large blocks.
    pub(super) fn track_requested_large(&mut self, old: usize, new: usize) {
        self.requested_large = self.requested_large.wrapping_add(new).wrapping_sub(old);
    }
}

/// The number of slots to ask the backing for, where `wanted` are needed. The backing rounds sizes up; the function counts
/// the slots of the rounded size, or, where that exceeds `limit` bytes, those of the next lower power of two.
pub(super) fn fitting<C: SizeClasses, B: ByteAllocator>(
    backing: &B,
    slot_size: usize,
    wanted: usize,
    limit: usize,
) -> Option<usize> {
    let fit = |slots: usize| {
        let usable = backing.usable_size(chunk_layout(slots, slot_size, C::MOST_ALIGNED)?).1;
        Some(((usable / slot_size).clamp(slots, usize::from(u16::MAX)), usable))
    };
    let (slots, usable) = fit(wanted)?;
    if wanted == 1 || usable <= limit {
        return Some(slots);
    }
    let power = 1 << (wanted * slot_size).ilog2();
    Some(fit((power / slot_size).max(1))?.0)
}
