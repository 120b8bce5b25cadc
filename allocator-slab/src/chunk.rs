//! A chunk of slots, and what identifies its entry in the store of chunks.

use core::alloc::Layout;
use core::fmt;
use core::mem::size_of;
use core::ptr::{self, NonNull};

/// The number of a size class: its place in `SizeClasses::SLOT_SIZES`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct ClassIndex(u8);

impl ClassIndex {
    /// The class with this number, one of at most 256.
    pub(crate) const fn new(class: usize) -> Self {
        debug_assert!(class <= u8::MAX as usize);
        Self(class as u8)
    }

    /// The number, as an index into what there is one of for each class.
    pub(crate) const fn get(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for ClassIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "class {}", self.0)
    }
}

/// The number of a slot in its chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct SlotIndex(u16);

impl SlotIndex {
    /// The slot that begins `offset` bytes into its chunk.
    fn at_offset(offset: usize, slot_size: usize) -> Self {
        // A chunk is smaller than 4 GiB where slots have less than 64 KiB, and a division of 64 bits takes longer.
        Self(match (u32::try_from(offset), u32::try_from(slot_size)) {
            (Ok(offset), Ok(slot_size)) => (offset / slot_size) as u16,
            _ => (offset / slot_size) as u16,
        })
    }

    /// How many bytes into the chunk the slot begins.
    fn offset(self, slot_size: usize) -> usize {
        usize::from(self.0) * slot_size
    }
}

impl fmt::Debug for SlotIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.0)
    }
}

/// Which entry of the store of chunks: the address of an entry in a block of the backing, or the number of an entry in the
/// store itself, which may move.
///
/// Entries are at even addresses. An odd value is twice the number of an entry in the store, and 1.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct ChunkId(NonNull<Chunk>);

// SAFETY: an id is a name; only the store, which has bounds of its own, follows it.
unsafe impl Send for ChunkId {}
// SAFETY: as above.
unsafe impl Sync for ChunkId {}

impl ChunkId {
    /// The entry with this number in the store itself.
    pub(crate) const fn inline(index: usize) -> Self {
        Self(NonNull::new(ptr::without_provenance_mut(2 * index + 1)).unwrap())
    }

    /// The entry at this address.
    pub(crate) fn at(entry: NonNull<Chunk>) -> Self {
        debug_assert!(entry.addr().get().is_multiple_of(2));
        Self(entry)
    }

    /// The number of an entry in the store itself; else the address of the entry.
    pub(crate) fn place(self) -> Result<usize, NonNull<Chunk>> {
        let address = self.0.addr().get();
        if address % 2 == 1 { Ok(address / 2) } else { Err(self.0) }
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            Ok(index) => write!(f, "chunk {index}"),
            Err(entry) => write!(f, "chunk at {entry:p}"),
        }
    }
}

/// What a free slot holds.
pub(crate) struct FreeSlot {
    pub(crate) next: Option<NonNull<FreeSlot>>,
}

/// The entry of a chunk: `slots` slots of one class, from `start`.
///
/// # Invariants
///
/// - The chunk's own list has `sorted` free slots; `first_free` counts iff `sorted > 0`.
/// - The chunk is wholly free iff `sorted == slots`.
/// - `height == 1 + max(height of below, height of above)`.
#[derive(Clone, Copy)]
pub(crate) struct Chunk {
    pub(crate) start: NonNull<u8>,
    /// The subtrees of chunks at lower and at higher addresses.
    pub(crate) below: Option<ChunkId>,
    pub(crate) above: Option<ChunkId>,
    /// The neighbours in the ring of the chunks of the class.
    pub(crate) previous: ChunkId,
    pub(crate) next: ChunkId,
    /// How many slots there are.
    pub(crate) slots: u16,
    /// How many of the free slots are in the chunk's own list; the other free slots are in the slab's.
    pub(crate) sorted: u16,
    /// The first slot of the chunk's own list; each slot holds the address of the next.
    first_free: SlotIndex,
    pub(crate) class: ClassIndex,
    /// The height of the tree whose root is this entry.
    pub(crate) height: u8,
}

// The documentation of the heap gives these numbers.
#[cfg(any(target_pointer_width = "64", target_pointer_width = "32"))]
const _: () = assert!(size_of::<Chunk>() == if usize::BITS == 64 { 48 } else { 28 });

impl Chunk {
    /// A chunk in no tree and no ring, whose free slots are all in the slab's list.
    pub(crate) fn new(start: NonNull<u8>, class: ClassIndex, slots: usize) -> Self {
        debug_assert!(slots <= usize::from(u16::MAX));
        let nowhere = ChunkId::inline(0);
        Self {
            start,
            below: None,
            above: None,
            previous: nowhere,
            next: nowhere,
            slots: slots as u16,
            sorted: 0,
            first_free: SlotIndex(0),
            class,
            height: 0,
        }
    }

    pub(crate) fn address(&self) -> usize {
        self.start.addr().get()
    }

    pub(crate) fn is_wholly_free(&self) -> bool {
        self.sorted == self.slots
    }

    /// The first slot of the chunk's own list, where slots have `slot_size` bytes.
    pub(crate) fn first_free(&self, slot_size: usize) -> Option<NonNull<FreeSlot>> {
        // SAFETY: the number of a slot is below `slots`, so the slot lies in the chunk.
        (self.sorted > 0).then(|| unsafe { self.start.add(self.first_free.offset(slot_size)) }.cast())
    }

    /// Puts a free slot at the head of the chunk's own list.
    ///
    /// # Safety
    ///
    /// - The slot lies in this chunk, and its size is `slot_size`.
    /// - It is free and in no list, and the pointer may be used to write to it.
    pub(crate) unsafe fn push_free(&mut self, slot: NonNull<u8>, slot_size: usize) {
        debug_assert!(self.sorted < self.slots, "a slot is in the list already");
        let next = self.first_free(slot_size);
        // SAFETY: a slot holds a pointer and is aligned for one; the rest is passed on from the caller.
        unsafe { slot.cast().write(FreeSlot { next }) };
        self.first_free = SlotIndex::at_offset(slot.addr().get() - self.address(), slot_size);
        self.sorted += 1;
    }

    /// The memory that the chunk takes, whose slots have `slot_size` bytes.
    pub(crate) fn layout(&self, slot_size: usize, most_aligned: usize) -> Option<Layout> {
        chunk_layout(usize::from(self.slots), slot_size, most_aligned)
    }
}

/// The memory that `slots` slots of `slot_size` bytes take, aligned to the largest power of two that divides the size of a
/// slot, at most to `most_aligned`. `None` past the address space.
pub(crate) fn chunk_layout(slots: usize, slot_size: usize, most_aligned: usize) -> Option<Layout> {
    let align = (1 << slot_size.trailing_zeros()).min(most_aligned);
    Layout::from_size_align(slots.checked_mul(slot_size)?, align).ok()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;

    use super::*;

    #[test]
    fn numbers_show_their_unit() {
        let shown = format!("{:?} {:?} {:?}", ClassIndex::new(3), SlotIndex::at_offset(128, 64), ChunkId::inline(5));
        assert_eq!(shown, "class 3 slot 2 chunk 5");
    }

    #[test]
    fn a_slot_has_its_number_whatever_its_size() {
        for slot_size in [8, 48, 4096, 65_536] {
            for slot in [0, 1, 100, 65_534] {
                let index = SlotIndex::at_offset(slot * slot_size, slot_size);
                assert_eq!(index, SlotIndex(slot as u16));
                assert_eq!(index.offset(slot_size), slot * slot_size);
            }
        }
    }
}
