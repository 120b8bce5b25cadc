//! The slots of one size.

use core::fmt;
use core::mem::{align_of, size_of};
use core::ptr::NonNull;

use allocator_core::{AllocError, AllocResult};

use crate::chunk::{Chunk, Link};

/// What a free slot holds.
struct FreeSlot {
    next: Option<NonNull<FreeSlot>>,
}

/// The slots of one size class: a list of the free ones, in chunks that the owner of the slab supplies.
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
/// A free slot holds the address of the next one; a live slot holds nothing of the slab's. The slot freed last is the
/// first to be handed out again, while it is still in the cache.
///
/// # Invariants
///
/// `total_slots = used_slots + length of the free list + slots on shelves`, and `used_slots = allocs - frees`, each of which
/// has its own count: so either call only adds to one word, and whether anything was freed since some moment needs no flag.
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
#[repr(C)] // What each call uses comes first, so that it lies in one cache line, or two.
pub struct Slab {
    /// The first of the free slots in the list: `total - used - shelved` of them, with `used = allocs - frees`.
    free: Option<NonNull<FreeSlot>>,
    /// How often a slot was handed out; modulo 2^(bits of a word), as only differences count.
    allocs: usize,
    /// A multiple of the size of a pointer, above 0.
    slot_size: usize,
    /// What was asked for with the live slots, where the owner of the slab says so, in bytes; modulo 2^(bits of a word), as
    /// a slot may be given back with another size than it was asked for with.
    ///
    /// Not beside `allocs` or `frees`: two neighbours that change in one call are loaded and stored as one vector, which
    /// then waits until the store that another call made to one of them has left the processor's buffer.
    requested: usize,
    /// The slots of all chunks.
    total: usize,
    /// How often a slot was given back; as `allocs`.
    frees: usize,
    /// `frees` when all free slots were last on the shelves of their chunks: as long as it stays, no chunk can have become
    /// wholly free.
    frees_at_shelving: usize,
    /// How many free slots are not in the list, but on the shelves of their chunks.
    shelved: usize,
    /// How many chunks there are.
    chunks: usize,
    /// The chunks, where the owner of the slab keeps a table of them; those with a shelf come first.
    pub(crate) ring: Option<Link>,
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
        Ok(Self {
            free: None,
            slot_size,
            total: 0,
            allocs: 0,
            frees: 0,
            frees_at_shelving: 0,
            shelved: 0,
            chunks: 0,
            requested: 0,
            ring: None,
        })
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

    /// Takes in a chunk of `slots` slots, all free. O(`slots`). The first slot is the first to be handed out.
    ///
    /// # Safety
    ///
    /// The chunk has `slots` times the size of a slot, all of it writable and aligned for pointers, and nobody but the
    /// slab uses it from now on.
    pub unsafe fn grow(&mut self, chunk: NonNull<u8>, slots: usize) {
        for slot in (0..slots).rev() {
            // SAFETY: the chunk has so many slots, and they are the slab's.
            unsafe { self.link(chunk.add(slot * self.slot_size)) };
        }
        self.total += slots;
        self.chunks += 1;
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

    /// Remembers that a live slot was asked for with `size` bytes instead of `old` ones: 0 for a slot that is not live.
    #[inline]
    pub(crate) fn request(&mut self, old: usize, size: usize) {
        self.requested = self.requested.wrapping_add(size).wrapping_sub(old);
    }

    /// What was asked for with the live slots, in bytes.
    pub(crate) fn requested_bytes(&self) -> usize {
        sensible(self.requested, self.used_bytes())
    }

    /// How many free slots have to be put on shelves before it is known which chunks are wholly free.
    pub(crate) fn to_shelve(&self) -> usize {
        if self.frees == self.frees_at_shelving { 0 } else { self.listed() }
    }

    /// How many free slots are in the list.
    pub(crate) fn listed(&self) -> usize {
        self.total - self.used_slots() - self.shelved
    }

    /// How many free slots are on the shelves of their chunks.
    pub(crate) fn shelved(&self) -> usize {
        self.shelved
    }

    /// Takes the first slot off the list, to put it on a shelf. Where there is none, all free slots are on shelves.
    pub(crate) fn take_to_shelve(&mut self) -> Option<NonNull<u8>> {
        let Some(slot) = self.free else {
            self.frees_at_shelving = self.frees;
            return None;
        };
        // SAFETY: the slots of the list are free, so they hold what `link` wrote there.
        self.free = unsafe { slot.read() }.next;
        Some(slot.cast())
    }

    /// Puts a slot on the shelf of its chunk.
    ///
    /// # Safety
    ///
    /// The slot came from [`take_to_shelve`](Self::take_to_shelve), and lies in this chunk.
    pub(crate) unsafe fn shelve(&mut self, slot: NonNull<u8>, chunk: &mut Chunk) {
        let next = chunk.shelf(self.slot_size).map(NonNull::cast);
        // SAFETY: the slot is free, and in no list.
        unsafe { slot.cast().write(FreeSlot { next }) };
        chunk.shelve(slot, self.slot_size);
        self.shelved += 1;
    }

    /// Makes the shelf of a chunk the list, which is empty: whether there was one.
    pub(crate) fn take_shelf(&mut self, chunk: &mut Chunk) -> bool {
        debug_assert!(self.free.is_none());
        let Some(first) = chunk.shelf(self.slot_size) else { return false };
        self.free = Some(first.cast());
        self.shelved -= usize::from(chunk.shelved);
        chunk.shelved = 0;
        true
    }

    /// Forgets a chunk all of whose slots are on its shelf.
    pub(crate) fn forget(&mut self, chunk: &Chunk) {
        debug_assert!(chunk.is_wholly_free());
        self.total -= usize::from(chunk.slots);
        self.shelved -= usize::from(chunk.shelved);
        self.chunks -= 1;
    }

    /// Drops the list of a slab of which no slot is live, as if all slots were on shelves. O(1).
    pub(crate) fn shelve_all(&mut self) {
        debug_assert_eq!(self.used_slots(), 0);
        self.free = None;
        self.shelved = self.total;
        self.frees_at_shelving = self.frees;
    }

    /// The free slots of the list, in the order in which they will be handed out. They are not to be unlinked meanwhile.
    pub(crate) fn free_slots(&self) -> impl Iterator<Item = NonNull<u8>> + '_ {
        Self::linked(self.free)
    }

    /// The free slots on the shelf of a chunk of this slab.
    pub(crate) fn shelf_of(&self, chunk: &Chunk) -> impl Iterator<Item = NonNull<u8>> + '_ {
        Self::linked(chunk.shelf(self.slot_size).map(NonNull::cast))
    }

    fn linked<'s>(first: Option<NonNull<FreeSlot>>) -> impl Iterator<Item = NonNull<u8>> + 's {
        // SAFETY: free slots hold what `link` or `shelve` wrote there.
        core::iter::successors(first, |slot| unsafe { slot.read() }.next).map(NonNull::cast)
    }
}

/// A sum of sizes asked for, less those given back, within its bounds: callers may give blocks back with larger sizes.
pub(crate) fn sensible(requested: usize, used: usize) -> usize {
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
    fn a_shelf_is_the_list_again() {
        let mut memory = vec![0u64; 80];
        let start = NonNull::new(memory.as_mut_ptr()).unwrap().cast::<u8>();
        let mut slab = Slab::new(64);
        // SAFETY: the chunk is the slab's from here on.
        unsafe { slab.grow(start, 10) };
        let mut chunk = Chunk::new(start, 0, 10);
        let index = |slot: NonNull<u8>| (slot.addr().get() - start.addr().get()) / 64;
        let live = [slab.alloc(), slab.alloc()].map(|slot| slot.map(index));
        assert_eq!(live, [Some(0), Some(1)]);
        assert_eq!(slab.to_shelve(), 0, "nothing was freed");
        for expected in 2..10 {
            let slot = slab.take_to_shelve().unwrap();
            assert_eq!(index(slot), expected);
            // SAFETY: the slot lies in the only chunk.
            unsafe { slab.shelve(slot, &mut chunk) };
        }
        assert_eq!((slab.take_to_shelve(), slab.listed(), slab.shelved()), (None, 0, 8));
        assert!(!chunk.is_wholly_free() && slab.alloc().is_none());
        assert_eq!(slab.shelf_of(&chunk).map(index).collect::<Vec<_>>(), [9, 8, 7, 6, 5, 4, 3, 2]);
        assert!(slab.take_shelf(&mut chunk) && chunk.shelved == 0 && slab.shelved() == 0);
        let slots: Vec<_> = core::iter::from_fn(|| slab.alloc()).map(index).collect();
        assert_eq!(slots, [9, 8, 7, 6, 5, 4, 3, 2]);
        assert!(!slab.take_shelf(&mut chunk));
    }
}
