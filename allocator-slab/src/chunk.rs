//! A chunk: memory of one class that a slab grew by, and where the table keeps the entry of one.

use core::alloc::Layout;
use core::mem::size_of;
use core::ptr::{self, NonNull};

/// Where the entry of a chunk is: in a segment, or in the table itself, which may move; so that one is referred to by its
/// number. Entries are at even addresses; an odd one is twice such a number, and 1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link(pub(crate) NonNull<Chunk>);

impl Link {
    pub(crate) const fn inline(index: usize) -> Self {
        Self(NonNull::new(ptr::without_provenance_mut(2 * index + 1)).unwrap())
    }

    pub(crate) fn as_inline(self) -> Option<usize> {
        let address = self.0.addr().get();
        (address % 2 == 1).then_some(address / 2)
    }
}

/// A chunk of one class: `slots` slots from `start`.
#[derive(Clone, Copy)]
pub(crate) struct Chunk {
    pub(crate) start: NonNull<u8>,
    /// The parts of the tree of chunks below and above this one.
    pub(crate) below: Option<Link>,
    pub(crate) above: Option<Link>,
    /// The neighbours in the ring of the chunks of the class: those with a shelf that are not wholly free come first.
    pub(crate) previous: Link,
    pub(crate) next: Link,
    pub(crate) slots: u16,
    /// How many free slots are on the shelf.
    pub(crate) shelved: u16,
    /// The number of the first slot on the shelf, if there is one; each holds the address of the next.
    shelf: u16,
    pub(crate) class: u8,
    /// The height of the tree under this entry, itself included.
    pub(crate) height: u8,
}

// Quoted by the documentation of the heap.
#[cfg(any(target_pointer_width = "64", target_pointer_width = "32"))]
const _: () = assert!(size_of::<Chunk>() == if usize::BITS == 64 { 48 } else { 28 });

impl Chunk {
    pub(crate) const NONE: Self = Self {
        start: NonNull::dangling(),
        below: None,
        above: None,
        previous: Link::inline(0),
        next: Link::inline(0),
        slots: 0,
        shelved: 0,
        shelf: 0,
        class: 0,
        height: 0,
    };

    pub(crate) fn new(start: NonNull<u8>, class: usize, slots: usize) -> Self {
        debug_assert!(class <= usize::from(u8::MAX) && slots <= usize::from(u16::MAX));
        Self { start, class: class as u8, slots: slots as u16, ..Self::NONE }
    }

    pub(crate) fn address(&self) -> usize {
        self.start.addr().get()
    }

    pub(crate) fn is_wholly_free(&self) -> bool {
        self.shelved == self.slots
    }

    /// The next chunk of the class.
    pub(crate) fn next(&self) -> Link {
        self.next
    }

    /// The first slot on the shelf, where slots have `slot_size` bytes.
    pub(crate) fn shelf(&self, slot_size: usize) -> Option<NonNull<u8>> {
        // SAFETY: the number of a slot is below `slots`, so it lies in the chunk.
        (self.shelved > 0).then(|| unsafe { self.start.add(usize::from(self.shelf) * slot_size) })
    }

    /// Puts a slot first on the shelf, which links to the one that was.
    pub(crate) fn shelve(&mut self, slot: NonNull<u8>, slot_size: usize) {
        debug_assert!(self.shelved < self.slots, "a slot is on the shelf already");
        // A chunk is smaller than 4 GiB where slots are of less than 64 KiB; and a wider division takes longer.
        let offset = slot.addr().get() - self.address();
        self.shelf = match (u32::try_from(offset), u32::try_from(slot_size)) {
            (Ok(offset), Ok(slot_size)) => (offset / slot_size) as u16,
            _ => (offset / slot_size) as u16,
        };
        self.shelved += 1;
    }

    /// The memory that the chunk takes, its slots having `slot_size` bytes.
    pub(crate) fn layout(&self, slot_size: usize, most_aligned: usize) -> Option<Layout> {
        chunk_layout(usize::from(self.slots), slot_size, most_aligned)
    }
}

/// The memory that `slots` slots of `slot_size` bytes take, each aligned to the largest power of two that divides the
/// size, at most to `most_aligned`. `None` past the address space.
pub(crate) fn chunk_layout(slots: usize, slot_size: usize, most_aligned: usize) -> Option<Layout> {
    let align = (1 << slot_size.trailing_zeros()).min(most_aligned);
    Layout::from_size_align(slots.checked_mul(slot_size)?, align).ok()
}
