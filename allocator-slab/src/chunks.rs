//! Which chunks the slabs grew by.
//!
//! A slot does not know its chunk, and need not while memory is plentiful: the table is asked only when the heap has
//! run short and looks for chunks whose slots are all free. Then it is sorted by address, and every free slot is counted
//! for the chunk it lies in.

use core::alloc::Layout;
use core::fmt;
use core::mem;
use core::ptr::NonNull;
use core::slice;

use allocator_core::{AllocError, AllocResult, ByteAllocator};

use crate::supply::Supply;

/// A chunk of one class: `slots` slots from `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) start: NonNull<u8>,
    pub(crate) class: u16,
    slots: u16,
    /// The free slots counted so far; `counted <= slots`. Means something only while the heap reclaims.
    counted: u16,
}

impl Chunk {
    const NONE: Self = Self { start: NonNull::dangling(), class: 0, slots: 0, counted: 0 };

    pub(crate) fn new(start: NonNull<u8>, class: usize, slots: usize) -> Self {
        debug_assert!(class <= usize::from(u16::MAX) && slots <= usize::from(u16::MAX));
        Self { start, class: class as u16, slots: slots as u16, counted: 0 }
    }

    fn is_wholly_free(&self) -> bool {
        self.counted == self.slots
    }

    /// The memory that the chunk takes, its slots having `slot_size` bytes.
    pub(crate) fn layout(&self, slot_size: usize) -> Option<Layout> {
        chunk_layout(usize::from(self.slots), slot_size)
    }
}

/// The memory that `slots` slots of `slot_size` bytes take, each aligned to the largest power of two that divides the
/// size. `None` past the address space.
pub(crate) fn chunk_layout(slots: usize, slot_size: usize) -> Option<Layout> {
    Layout::from_size_align(slots.checked_mul(slot_size)?, 1 << slot_size.trailing_zeros()).ok()
}

/// The chunks of all classes.
///
/// # Layout
///
/// The first [`INLINE`](Self::INLINE) chunks are remembered in the table itself, so that a small heap pays nothing for
/// them; more are moved to a block of the backing, which doubles when it is full.
///
/// # Invariants
///
/// - `len <= capacity`, and `capacity == INLINE` iff `moved_out` is none;
/// - the first `len` entries, of `inline` or of the block, are the chunks, each once.
pub(crate) struct ChunkTable {
    inline: [Chunk; Self::INLINE],
    moved_out: Option<NonNull<Chunk>>,
    capacity: usize,
    len: usize,
}

// SAFETY: the block outside belongs to the table alone.
unsafe impl Send for ChunkTable {}
// SAFETY: a shared table is only read.
unsafe impl Sync for ChunkTable {}

impl ChunkTable {
    /// Enough for what a heap of 32 KiB can be cut into.
    pub(crate) const INLINE: usize = 64;

    pub(crate) const fn new() -> Self {
        Self { inline: [Chunk::NONE; Self::INLINE], moved_out: None, capacity: Self::INLINE, len: 0 }
    }

    /// Whether the entries lie in a block of the backing.
    #[cfg(test)]
    pub(crate) fn moved_out(&self) -> bool {
        self.moved_out.is_some()
    }

    fn chunks(&mut self) -> &mut [Chunk] {
        match self.moved_out {
            None => &mut self.inline[..self.len],
            // SAFETY: the block has `capacity >= len` entries, the first `len` of which were written.
            Some(block) => unsafe { slice::from_raw_parts_mut(block.as_ptr(), self.len) },
        }
    }

    fn layout(capacity: usize) -> AllocResult<Layout> {
        Layout::array::<Chunk>(capacity).map_err(|_| AllocError::NoMemory)
    }

    /// Moves the entries to where there is room for `capacity >= len` of them.
    fn move_to<B: ByteAllocator>(&mut self, capacity: usize, supply: &mut Supply<B>) -> AllocResult {
        let target = match capacity {
            Self::INLINE => None,
            _ => Some(supply.take(Self::layout(capacity)?)?.cast::<Chunk>()),
        };
        match (target, self.moved_out) {
            (Some(block), _) => {
                let chunks = self.chunks();
                // SAFETY: the new block is apart from where the entries are, and has room for them.
                unsafe { block.copy_from_nonoverlapping(NonNull::from(&*chunks).cast(), chunks.len()) };
            }
            (None, Some(block)) => {
                // SAFETY: the first `len` entries of the block were written.
                let chunks = unsafe { slice::from_raw_parts(block.as_ptr(), self.len) };
                self.inline[..self.len].copy_from_slice(chunks);
            }
            (None, None) => {}
        }
        let old_capacity = mem::replace(&mut self.capacity, capacity);
        if let Some(old) = mem::replace(&mut self.moved_out, target) {
            // SAFETY: the block was taken with the layout of its capacity, and its entries have moved.
            unsafe { supply.give(old.cast(), Self::layout(old_capacity)?) };
        }
        Ok(())
    }

    /// Remembers a chunk.
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`] when the table is full and the backing has no room for a larger one; nothing has changed.
    pub(crate) fn push<B: ByteAllocator>(&mut self, chunk: Chunk, supply: &mut Supply<B>) -> AllocResult {
        if self.len == self.capacity {
            self.move_to(2 * self.capacity, supply)?;
        }
        self.len += 1;
        let last = self.len - 1;
        match self.moved_out {
            None => self.inline[last] = chunk,
            // SAFETY: the block has `capacity > last` entries.
            Some(block) => unsafe { block.add(last).write(chunk) },
        }
        Ok(())
    }

    /// Gives back what the table does not need: half of its block while three quarters are unused, all of it when the
    /// chunks fit inline. Returns whether it gave anything.
    pub(crate) fn release_spare<B: ByteAllocator>(&mut self, supply: &mut Supply<B>) -> bool {
        let mut capacity = self.capacity;
        while capacity > Self::INLINE && (self.len <= Self::INLINE || self.len <= capacity / 4) {
            capacity /= 2;
        }
        // A smaller block might not be there to be had; then the table stays where it is.
        capacity < self.capacity && self.move_to(capacity, supply).is_ok()
    }

    /// Sorts by address and forgets what was counted. O(n log n), O(n) when already sorted.
    pub(crate) fn start_counting(&mut self) {
        let chunks = self.chunks();
        chunks.sort_unstable_by_key(|chunk| chunk.start);
        chunks.iter_mut().for_each(|chunk| chunk.counted = 0);
    }

    /// A view that finds the chunk of a slot, valid after [`start_counting`](Self::start_counting).
    pub(crate) fn by_address(&mut self) -> ByAddress<'_> {
        ByAddress { chunks: self.chunks(), last: 0 }
    }

    /// Forgets the chunks whose slots were all counted, and tells `leaves` each.
    pub(crate) fn remove_wholly_free(&mut self, mut leaves: impl FnMut(Chunk)) {
        let chunks = self.chunks();
        let mut kept = 0;
        for index in 0..chunks.len() {
            let chunk = chunks[index];
            if chunk.is_wholly_free() {
                leaves(chunk);
            } else {
                chunks[kept] = chunk;
                kept += 1;
            }
        }
        self.len = kept;
    }
}

impl fmt::Debug for ChunkTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkTable").field("len", &self.len).field("capacity", &self.capacity).finish()
    }
}

/// The chunks sorted by address.
pub(crate) struct ByAddress<'t> {
    chunks: &'t mut [Chunk],
    /// The chunk found last: the next slot is likely to lie in it, too.
    last: usize,
}

impl ByAddress<'_> {
    /// The chunk that the slot at `address` lies in. O(log chunks), O(1) when it is the one found last.
    fn find(&mut self, address: usize) -> &mut Chunk {
        let start = |chunk: &Chunk| chunk.start.addr().get();
        let end = self.chunks.get(self.last + 1).map_or(usize::MAX, start);
        if !(start(&self.chunks[self.last])..end).contains(&address) {
            self.last = self.chunks.partition_point(|chunk| start(chunk) <= address) - 1;
        }
        &mut self.chunks[self.last]
    }

    /// Counts a free slot.
    pub(crate) fn count(&mut self, slot: NonNull<u8>) {
        self.find(slot.addr().get()).counted += 1;
    }

    /// Whether every slot of the chunk that `slot` lies in was counted.
    pub(crate) fn is_wholly_free(&mut self, slot: NonNull<u8>) -> bool {
        self.find(slot.addr().get()).is_wholly_free()
    }

    /// Whether some chunk is wholly free.
    pub(crate) fn any_wholly_free(&self) -> bool {
        self.chunks.iter().any(Chunk::is_wholly_free)
    }
}
