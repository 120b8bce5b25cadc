//! The slots of one size.

use core::fmt;
use core::mem::{MaybeUninit, align_of, size_of};
use core::ptr::NonNull;

use allocator_core::address::widen;
use allocator_core::{AllocError, AllocResult};

use crate::chunk::{Chunk, FreeSlot};
use crate::chunk_ring::ChunkRing;

/// The slots of one size class, in chunks that the owner of the slab gives to it.
///
/// # Layout
///
/// ```text
///   chunk                                         chunk
///   ┌──────┬──────┬──────┬──────┐                 ┌──────┬──────┐
///   │ live │ free │ live │ free │                 │ free │ live │
///   └──────┴──┬───┴──────┴──┬───┘                 └──┬───┴──────┘
///     free ───┼────────────>│                       │
///             │<────────────┼───────────────────────┘
///             └─> (none)
/// ```
///
/// A free slot holds the address of the next one; a live slot holds nothing of the slab's. The slab hands out first the slot
/// that was freed last, which is the likeliest to be in the processor's cache.
///
/// # Invariants
///
/// - `total_slots == used_slots + unsorted free slots + sorted free slots`. An *unsorted* free slot is in the slab's list; a
///   *sorted* one is in the list of its chunk, which the heap keeps for giving whole chunks back.
/// - Where the owner of the slabs lends slots, `total_slots == slots of the chunks - lent + borrowed`.
/// - `used_slots == allocs - frees`. Each has its own count, so that either call adds to one word only, and the slab can see
///   whether a slot was freed since some moment.
///
/// # Time complexity
///
/// [`alloc`](Self::alloc) and [`dealloc`](Self::dealloc) are O(1): a load, a store, a count, one test.
///
/// # Examples
///
/// ```
/// use core::ptr::NonNull;
/// use allocator_slab::Slab;
///
/// let mut chunk = [0u128; 16];
/// let mut slab = Slab::new(64);
/// // SAFETY: the chunk has room for 4 slots of 64 bytes, and nobody else uses it.
/// unsafe { slab.grow(NonNull::from(&mut chunk).cast(), 4) };
/// let slot = slab.alloc().unwrap();
/// assert_eq!((slab.used_slots(), slab.total_slots()), (1, 4));
/// // SAFETY: the slot came from this slab.
/// unsafe { slab.dealloc(slot) };
/// ```
#[repr(C)] // What each call uses comes first, in half a cache line.
#[cfg_attr(target_pointer_width = "64", repr(align(32)))]
pub struct Slab {
    /// What callers asked for with the live slots, where the owner of the slab tracks it, in bytes; modulo 2^(bits of a
    /// word), as a caller may give a slot back with another size than it asked for.
    ///
    /// Not beside `allocs` or `frees`: two neighbours that change in one call are loaded and stored as one vector, which
    /// then waits until the store that another call made to one of them has left the processor's buffer.
    requested: usize,
    /// The first slot of the slab's list of free slots.
    free: Option<NonNull<FreeSlot>>,
    /// How often the slab handed out a slot; modulo 2^(bits of a word), as only differences count.
    allocs: usize,
    /// How often the slab took a slot back; as `allocs`.
    frees: usize,
    /// A multiple of the size of a pointer; 0 before the first chunk of a slab made by [`unsized_slab`](Self::unsized_slab).
    slot_size: usize,
    /// The slots of all chunks.
    total: usize,
    /// How many slots of other slabs' chunks are this one's for now. All of them are live: a borrowed slot returns when it is
    /// freed. In 32 bits, as `lent`, so that a slab has 12 words: the place of one in an array is quickly computed.
    borrowed: u32,
    /// How many slots of the chunks are another slab's for now: `total == slots of the chunks - lent + borrowed`.
    lent: u32,
    /// `frees` at the moment when all free slots were sorted: while it stays, no further chunk can be wholly free.
    frees_when_sorted: usize,
    /// How many free slots are sorted.
    sorted: usize,
    /// How many chunks there are.
    chunks: usize,
    /// By how many bytes the borrowed slots are larger than this slab's own:
    /// `borrowed_excess == sum of (slot size of the lender - slot_size)` over them.
    borrowed_excess: usize,
    /// The chunks, where the owner of the slab keeps a table of them.
    pub(crate) ring: ChunkRing,
}

// SAFETY: the free slots belong to the slab alone.
unsafe impl Send for Slab {}
// SAFETY: a shared slab is only read, and its slots are not.
unsafe impl Sync for Slab {}

impl Slab {
    /// A slab without chunks, for slots of `slot_size` bytes.
    ///
    /// # Panics
    ///
    /// Where [`try_new`](Self::try_new) gives an error: when compiling, if that is when the slab is made.
    #[must_use]
    pub const fn new(slot_size: usize) -> Self {
        match Self::try_new(slot_size) {
            Ok(slab) => slab,
            Err(_) => panic!("the size of a slot is not a multiple of that of a pointer, which a free slot holds"),
        }
    }

    /// A slab without chunks, for slots of `slot_size` bytes.
    ///
    /// # Errors
    ///
    /// [`AllocError::InvalidParam`] when `slot_size` is 0 or not a multiple of the size of a pointer.
    pub const fn try_new(slot_size: usize) -> AllocResult<Self> {
        if slot_size == 0 || !slot_size.is_multiple_of(size_of::<FreeSlot>()) {
            return Err(AllocError::InvalidParam);
        }
        Ok(Self::with_size(slot_size))
    }

    /// A slab without chunks whose slots have no size yet, all zero bytes. [`SlabByteAllocator`](crate::SlabByteAllocator)
    /// gives it the size of its class with the first chunk; by itself it never has a slot.
    #[must_use]
    pub const fn unsized_slab() -> Self {
        Self::with_size(0)
    }

    const fn with_size(slot_size: usize) -> Self {
        Self {
            free: None,
            slot_size,
            total: 0,
            allocs: 0,
            frees: 0,
            frees_when_sorted: 0,
            sorted: 0,
            chunks: 0,
            lent: 0,
            borrowed: 0,
            borrowed_excess: 0,
            requested: 0,
            ring: ChunkRing::EMPTY,
        }
    }

    /// Gives the slots of a slab without chunks their size.
    pub(crate) fn set_slot_size(&mut self, slot_size: usize) {
        debug_assert!(self.chunks == 0 || self.slot_size == slot_size);
        self.slot_size = slot_size;
    }

    /// One slab for each size.
    ///
    /// # Panics
    ///
    /// Where [`try_for_sizes`](Self::try_for_sizes) gives an error.
    #[must_use]
    pub const fn for_sizes<const N: usize>(slot_sizes: [usize; N]) -> [Self; N] {
        match Self::try_for_sizes(slot_sizes) {
            Ok(slabs) => slabs,
            Err(_) => panic!("the size of a slot is not a multiple of that of a pointer, which a free slot holds"),
        }
    }

    /// One slab for each size.
    ///
    /// # Errors
    ///
    /// As [`try_new`](Self::try_new), for any of the sizes.
    pub const fn try_for_sizes<const N: usize>(slot_sizes: [usize; N]) -> AllocResult<[Self; N]> {
        let mut slabs = [const { Self::new(size_of::<FreeSlot>()) }; N];
        let mut class = 0;
        while class < N {
            slabs[class] = match Self::try_new(slot_sizes[class]) {
                Ok(slab) => slab,
                Err(error) => return Err(error),
            };
            class += 1;
        }
        Ok(slabs)
    }

    /// The size of a slot in bytes.
    #[must_use]
    pub const fn slot_size(&self) -> usize {
        self.slot_size
    }

    /// The number of slots in all chunks.
    #[must_use]
    pub const fn total_slots(&self) -> usize {
        self.total
    }

    /// The number of live slots.
    #[must_use]
    pub const fn used_slots(&self) -> usize {
        self.allocs.wrapping_sub(self.frees)
    }

    /// The number of chunks.
    #[must_use]
    pub const fn chunks(&self) -> usize {
        self.chunks
    }

    /// The bytes that live slots take.
    #[must_use]
    pub const fn used_bytes(&self) -> usize {
        self.used_slots() * self.slot_size
    }

    /// Takes a free slot, if there is one. Its contents are not initialised.
    #[inline]
    pub fn alloc(&mut self) -> Option<NonNull<u8>> {
        let slot = self.free?;
        // SAFETY: the slots of the list are free, so they hold what `dealloc` or `grow` wrote there.
        self.free = unsafe { slot.read() }.next;
        self.allocs = self.allocs.wrapping_add(1);
        Some(slot.cast())
    }

    /// Takes a slot back.
    ///
    /// # Safety
    ///
    /// The slot came from this slab and is live; the pointer may be used to write to all of it.
    #[inline]
    pub unsafe fn dealloc(&mut self, slot: NonNull<u8>) {
        // SAFETY: passed on from the caller.
        unsafe { self.link(slot) };
        self.frees = self.frees.wrapping_add(1);
    }

    /// Takes as many free slots as the slab's list has, at most `out.len()`, and writes them to the first entries of `out`.
    /// Returns how many. O(1) a slot.
    pub(crate) fn alloc_batch(&mut self, out: &mut [MaybeUninit<NonNull<u8>>]) -> usize {
        let mut next = self.free;
        let mut len = 0;
        for entry in out {
            let Some(slot) = next else { break };
            // SAFETY: the slots of the list are free, so they hold what `link` wrote there.
            next = unsafe { slot.read() }.next;
            entry.write(slot.cast());
            len += 1;
        }
        self.free = next;
        self.allocs = self.allocs.wrapping_add(len);
        len
    }

    /// Takes slots back. The last one is the first that the slab hands out again. O(1) a slot.
    ///
    /// # Safety
    ///
    /// Each slot came from this slab, is live, and is there once; the addresses may be used to write to all of it.
    pub(crate) unsafe fn dealloc_batch(&mut self, slots: &[NonNull<u8>]) {
        for &slot in slots {
            // SAFETY: passed on from the caller.
            unsafe { self.link(widen(slot)) };
        }
        self.frees = self.frees.wrapping_add(slots.len());
    }

    /// Takes in a chunk of `slots` slots, all free. O(`slots`). The first slot is the first to be handed out.
    ///
    /// # Panics
    ///
    /// When the slots have no size yet ([`unsized_slab`](Self::unsized_slab)).
    ///
    /// # Safety
    ///
    /// The chunk has `slots` times the size of a slot, all of it writable and aligned for pointers, and nobody but the
    /// slab uses it from now on.
    pub unsafe fn grow(&mut self, chunk: NonNull<u8>, slots: usize) {
        assert!(self.slot_size > 0, "the slots of this slab have no size");
        // SAFETY: passed on from the caller.
        unsafe { self.extend(chunk, slots) };
        self.chunks += 1;
    }

    /// Takes in `slots` slots, all free, which follow those of a chunk. O(`slots`).
    ///
    /// # Safety
    ///
    /// As for [`grow`](Self::grow) of the slots from `first` on.
    pub(crate) unsafe fn extend(&mut self, first: NonNull<u8>, slots: usize) {
        for slot in (0..slots).rev() {
            // SAFETY: there are so many slots, and they are the slab's.
            unsafe { self.link(first.add(slot * self.slot_size)) };
        }
        self.total += slots;
    }

    /// Puts a slot at the head of the list of free ones.
    ///
    /// # Safety
    ///
    /// The slot is the slab's and in no list; the pointer may be used to write to it.
    #[inline]
    unsafe fn link(&mut self, slot: NonNull<u8>) {
        let slot = slot.cast::<FreeSlot>();
        debug_assert!(slot.addr().get().is_multiple_of(align_of::<FreeSlot>()));
        // SAFETY: slots are multiples of the size of a pointer in aligned chunks; the rest is passed on.
        unsafe { slot.write(FreeSlot { next: self.free }) };
        self.free = Some(slot);
    }

    /// Adds `size` bytes to what callers asked for with the live slots.
    #[inline]
    pub(crate) fn track_requested(&mut self, size: usize) {
        self.requested = self.requested.wrapping_add(size);
    }

    /// Takes `size` bytes off what callers asked for with the live slots.
    #[inline]
    pub(crate) fn untrack_requested(&mut self, size: usize) {
        self.requested = self.requested.wrapping_sub(size);
    }

    /// What callers asked for with the live slots, in bytes.
    pub(crate) fn requested_bytes(&self) -> usize {
        clamp_requested(self.requested, self.used_bytes())
    }

    /// How many free slots are to be sorted before it is known which chunks are wholly free.
    pub(crate) fn slots_to_sort(&self) -> usize {
        if self.frees == self.frees_when_sorted { 0 } else { self.unsorted_slots() }
    }

    /// How many free slots are in the slab's list.
    pub(crate) fn unsorted_slots(&self) -> usize {
        self.total - self.used_slots() - self.sorted
    }

    /// How many free slots are in the lists of their chunks.
    pub(crate) fn sorted_slots(&self) -> usize {
        self.sorted
    }

    /// Takes the first slot off the slab's list, for [`sort_into`](Self::sort_into). Where there is none, all free slots are
    /// sorted.
    pub(crate) fn take_unsorted(&mut self) -> Option<NonNull<u8>> {
        let Some(slot) = self.free else {
            self.frees_when_sorted = self.frees;
            return None;
        };
        // SAFETY: the slots of the list are free, so they hold what `link` wrote there.
        self.free = unsafe { slot.read() }.next;
        Some(slot.cast())
    }

    /// Puts a slot into the list of its chunk.
    ///
    /// # Safety
    ///
    /// The slot came from [`take_unsorted`](Self::take_unsorted), and lies in this chunk.
    pub(crate) unsafe fn sort_into(&mut self, slot: NonNull<u8>, chunk: &mut Chunk) {
        // SAFETY: the slot is free and in no list; the rest is passed on from the caller.
        unsafe { chunk.push_free(slot, self.slot_size) };
        self.sorted += 1;
    }

    /// Makes the list of a chunk the slab's list, which is empty. Returns whether the chunk had a list.
    pub(crate) fn take_list_of(&mut self, chunk: &mut Chunk) -> bool {
        debug_assert!(self.free.is_none());
        let Some(first) = chunk.first_free(self.slot_size) else { return false };
        self.free = Some(first);
        self.sorted -= usize::from(chunk.sorted);
        chunk.sorted = 0;
        true
    }

    /// How many slots other slabs have of this one's chunks.
    pub(crate) fn lent_slots(&self) -> usize {
        self.lent as usize
    }

    /// How many slots this slab has of other slabs' chunks. All of them are live.
    #[inline]
    pub(crate) fn borrowed_slots(&self) -> usize {
        self.borrowed as usize
    }

    /// Whether the slab can count one more slot as borrowed or lent.
    pub(crate) fn can_exchange(&self) -> bool {
        self.lent < u32::MAX && self.borrowed < u32::MAX
    }

    /// By how many bytes the borrowed slots, all of them live, are larger than this slab's own.
    pub(crate) fn borrowed_excess(&self) -> usize {
        self.borrowed_excess
    }

    /// Makes a live slot of this slab a live slot of `borrower`, for which it is large and aligned enough. The slot has
    /// `real_size` bytes: `origin` says whose chunk it lies in.
    pub(crate) fn lend_to(&mut self, borrower: &mut Self, origin: Origin, real_size: usize) {
        debug_assert!(borrower.slot_size <= self.slot_size && self.slot_size <= real_size);
        self.total -= 1;
        self.allocs = self.allocs.wrapping_sub(1);
        match origin {
            Origin::Own => self.lent += 1,
            Origin::Borrowed => {
                self.borrowed -= 1;
                self.borrowed_excess -= real_size - self.slot_size;
            }
        }
        borrower.total += 1;
        borrower.allocs = borrower.allocs.wrapping_add(1);
        borrower.borrowed += 1;
        borrower.borrowed_excess += real_size - borrower.slot_size;
    }

    /// Takes a borrowed slot back, into the list of the slab whose chunk it lies in.
    ///
    /// # Safety
    ///
    /// The slot is a live one that this slab has borrowed of `lender`, and is not used any more; the pointer may be used to
    /// write to it.
    pub(crate) unsafe fn return_to(&mut self, lender: &mut Self, slot: NonNull<u8>) {
        self.total -= 1;
        self.allocs = self.allocs.wrapping_sub(1);
        self.borrowed -= 1;
        self.borrowed_excess -= lender.slot_size - self.slot_size;
        lender.total += 1;
        lender.allocs = lender.allocs.wrapping_add(1);
        lender.lent -= 1;
        // SAFETY: the slot is a live one of the lender's again; the rest is passed on from the caller.
        unsafe { lender.dealloc(slot) };
    }

    /// Gives up a chunk that is wholly free.
    pub(crate) fn release(&mut self, chunk: &Chunk) {
        debug_assert!(chunk.is_wholly_free());
        self.total -= usize::from(chunk.slots);
        self.sorted -= usize::from(chunk.sorted);
        self.chunks -= 1;
    }

    /// Counts all slots of a slab without a live one as sorted, and drops the slab's list. O(1).
    pub(crate) fn sort_all(&mut self) {
        debug_assert_eq!(self.used_slots(), 0);
        self.free = None;
        self.sorted = self.total;
        self.frees_when_sorted = self.frees;
    }

    /// The free slots of the slab's list, in the order in which the slab hands them out. The caller does not change the list
    /// meanwhile.
    pub(crate) fn free_slots(&self) -> impl Iterator<Item = NonNull<u8>> + '_ {
        Self::linked(self.free)
    }

    /// The free slots in the list of a chunk of this slab.
    pub(crate) fn free_slots_of(&self, chunk: &Chunk) -> impl Iterator<Item = NonNull<u8>> + '_ {
        Self::linked(chunk.first_free(self.slot_size))
    }

    fn linked<'s>(first: Option<NonNull<FreeSlot>>) -> impl Iterator<Item = NonNull<u8>> + 's {
        // SAFETY: a free slot in a list holds the address of the next one.
        core::iter::successors(first, |slot| unsafe { slot.read() }.next).map(NonNull::cast)
    }
}

/// Whose chunk a slot of a slab lies in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The slab's.
    Own,
    /// Another slab's.
    Borrowed,
}

/// A tracked sum of requested sizes, brought into its bounds: a caller may give a block back with a larger size than it
/// asked for.
pub(crate) fn clamp_requested(requested: usize, used: usize) -> usize {
    if requested > isize::MAX as usize { 0 } else { requested.min(used) }
}

impl fmt::Debug for Slab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab")
            .field("slot_size", &self.slot_size)
            .field("total_slots", &self.total)
            .field("used_slots", &self.used_slots())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::chunk::ClassIndex;

    #[test]
    fn hands_out_every_slot_of_every_chunk_once() {
        let mut chunks = [vec![0u64; 64], vec![0u64; 24]];
        let mut slab = Slab::new(64);
        let mut expected = BTreeSet::new();
        for chunk in &mut chunks {
            let start = NonNull::new(chunk.as_mut_ptr()).unwrap().cast::<u8>();
            let slots = chunk.len() / 8;
            // SAFETY: the chunks are the slab's from here on.
            unsafe { slab.grow(start, slots) };
            expected.extend((0..slots).map(|slot| start.addr().get() + slot * 64));
        }
        let slots: Vec<_> = core::iter::from_fn(|| slab.alloc()).collect();
        assert_eq!(slots.iter().map(|slot| slot.addr().get()).collect::<BTreeSet<_>>(), expected);
        assert_eq!((slots.len(), slab.used_slots(), slab.total_slots()), (11, 11, 11));
        for &slot in &slots {
            // SAFETY: the slots are live.
            unsafe { slab.dealloc(slot) };
        }
        assert_eq!(slab.alloc(), slots.last().copied(), "last in, first out");
    }

    #[test]
    fn sizes_that_hold_no_pointer_are_refused() {
        for size in [0, 1, size_of::<usize>() - 1, size_of::<usize>() + 1, usize::MAX] {
            assert_eq!(Slab::try_new(size).err(), Some(AllocError::InvalidParam));
            assert_eq!(Slab::try_for_sizes([64, size]).err(), Some(AllocError::InvalidParam));
        }
        assert_eq!(Slab::try_for_sizes([64, 128]).unwrap().map(|slab| slab.slot_size()), [64, 128]);
    }

    #[test]
    fn the_list_of_a_chunk_becomes_the_list_of_the_slab() {
        let mut memory = vec![0u64; 80];
        let start = NonNull::new(memory.as_mut_ptr()).unwrap().cast::<u8>();
        let mut slab = Slab::new(64);
        // SAFETY: the chunk is the slab's from here on.
        unsafe { slab.grow(start, 10) };
        let mut chunk = Chunk::new(start, ClassIndex::new(0), 10);
        let index = |slot: NonNull<u8>| (slot.addr().get() - start.addr().get()) / 64;
        let live = [slab.alloc(), slab.alloc()].map(|slot| slot.map(index));
        assert_eq!(live, [Some(0), Some(1)]);
        assert_eq!(slab.slots_to_sort(), 0, "nothing was freed");
        for expected in 2..10 {
            let slot = slab.take_unsorted().unwrap();
            assert_eq!(index(slot), expected);
            // SAFETY: the slot lies in the only chunk.
            unsafe { slab.sort_into(slot, &mut chunk) };
        }
        assert_eq!((slab.take_unsorted(), slab.unsorted_slots(), slab.sorted_slots()), (None, 0, 8));
        assert!(!chunk.is_wholly_free() && slab.alloc().is_none());
        assert_eq!(slab.free_slots_of(&chunk).map(index).collect::<Vec<_>>(), [9, 8, 7, 6, 5, 4, 3, 2]);
        assert!(slab.take_list_of(&mut chunk) && chunk.sorted == 0 && slab.sorted_slots() == 0);
        let slots: Vec<_> = core::iter::from_fn(|| slab.alloc()).map(index).collect();
        assert_eq!(slots, [9, 8, 7, 6, 5, 4, 3, 2]);
        assert!(!slab.take_list_of(&mut chunk));
    }
}
