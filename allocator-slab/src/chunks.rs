//! Which chunks the slabs grew by.
//!
//! A slot does not know its chunk, and need not while memory is plentiful: the table is asked only when the heap has
//! run short and looks for chunks whose slots are all free. Then [`by_address`] orders it, and every free slot is
//! counted for the chunk it lies in.

use core::alloc::Layout;
use core::fmt;
use core::mem::{align_of, size_of};
use core::ptr::NonNull;

use allocator_core::{AllocError, AllocResult, ByteAllocator};

use crate::chunks::by_address::{ByAddress, Link};
use crate::supply::Supply;

pub(crate) mod by_address;

/// A chunk of one class: `slots` slots from `start`.
#[derive(Clone, Copy)]
pub(crate) struct Chunk {
    pub(crate) start: NonNull<u8>,
    pub(crate) class: u16,
    pub(crate) slots: u16,
    /// The free slots counted so far; `counted <= slots`. Means something only while the heap reclaims.
    counted: u16,
    /// The parts of a tree of chunks below and above this one. They mean something only while it is ordered.
    below: Link,
    above: Link,
}

impl Chunk {
    const NONE: Self = Self { start: NonNull::dangling(), class: 0, slots: 0, counted: 0, below: None, above: None };

    pub(crate) fn new(start: NonNull<u8>, class: usize, slots: usize) -> Self {
        debug_assert!(class <= usize::from(u16::MAX) && slots <= usize::from(u16::MAX));
        Self { start, class: class as u16, slots: slots as u16, ..Self::NONE }
    }

    fn is_wholly_free(&self) -> bool {
        self.counted == self.slots
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

/// Room for further chunks: this header, and behind it the chunks, in a block of the backing.
struct Segment {
    older: Option<NonNull<Segment>>,
    /// What the block was asked for with, in bytes.
    size: u32,
    /// The number of chunks there is room for.
    capacity: u32,
    /// The number of chunks there are.
    len: u32,
}

const _: () =
    assert!(align_of::<Segment>() >= align_of::<Chunk>() && size_of::<Segment>().is_multiple_of(align_of::<Chunk>()));

impl Segment {
    /// The sizes of a segment that are tried, the first one that the backing has.
    const LARGEST: usize = 1024;
    /// So much of a block is used at most, however much a backing gives.
    const MOST_USED: usize = 1 << 20;
    const SMALLEST: usize = (size_of::<Self>() + size_of::<Chunk>()).next_power_of_two();

    const fn capacity(size: usize) -> usize {
        (size - size_of::<Self>()) / size_of::<Chunk>()
    }

    /// The block that a segment of `size` bytes lies in.
    fn layout(size: usize) -> AllocResult<Layout> {
        Layout::from_size_align(size, align_of::<Self>()).map_err(|_| AllocError::NoMemory)
    }

    fn has_room(&self) -> bool {
        self.len < self.capacity
    }

    /// Where the chunk with number `index` lies.
    ///
    /// # Safety
    ///
    /// The segment is one of a table's, and `index` below its capacity.
    unsafe fn at(this: NonNull<Self>, index: usize) -> NonNull<Chunk> {
        // SAFETY: the chunks lie behind the header, in the same block.
        unsafe { this.add(1).cast::<Chunk>().add(index) }
    }
}

/// The chunks of all classes.
///
/// # Layout
///
/// A stack. Its lowest entries, [`INLINE`](Self::INLINE) of them, are in the table itself, so that a small heap pays
/// nothing for them; the next ones are in segments, blocks of the backing of a KiB or, where there is none left in one
/// piece, of as little as one entry needs. So the table can grow as long as anything can.
///
/// ```text
///   ChunkTable                          backing
///   ┌───────────────────────────┐       ┌────────┬────────────────────┐     ┌────────┬─────────────┐
///   │ inline  1 2 3 ...      64 │   ┌──>│ header │ 96 97 98  (free)   │  ┌─>│ header │ 65 66 .. 95 │
///   │ newest ───────────────────┼───┘   │ older ─┼────────────────────┼──┘  │        │             │
///   └───────────────────────────┘       └────────┴────────────────────┘     └────────┴─────────────┘
/// ```
///
/// # Invariants
///
/// - Every chunk is there once.
/// - There is a segment only if all of `inline` is taken; all segments are full but for the newest, which is not empty.
///
/// # Time complexity
///
/// To remember a chunk is O(1). Everything else is done when the heap reclaims.
pub(crate) struct ChunkTable {
    /// The first `inline_len` are chunks.
    inline: [Chunk; Self::INLINE],
    inline_len: usize,
    newest: Option<NonNull<Segment>>,
}

// SAFETY: the segments belong to the table alone.
unsafe impl Send for ChunkTable {}
// SAFETY: a shared table is only read.
unsafe impl Sync for ChunkTable {}

impl ChunkTable {
    /// What 32 KiB are cut into when they are filled with blocks of any one of the default classes, and then some.
    pub(crate) const INLINE: usize = 64;

    pub(crate) const fn new() -> Self {
        Self { inline: [Chunk::NONE; Self::INLINE], inline_len: 0, newest: None }
    }

    /// Remembers a chunk.
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`] when the table is full and the backing has no room for a segment; nothing has changed.
    pub(crate) fn push<B: ByteAllocator>(&mut self, chunk: Chunk, supply: &mut Supply<B>) -> AllocResult {
        if let Some(free) = self.inline.get_mut(self.inline_len) {
            *free = chunk;
            self.inline_len += 1;
            return Ok(());
        }
        let segment = match self.newest {
            // SAFETY: the segments belong to the table, and were initialised by `add_segment`.
            Some(newest) if unsafe { newest.as_ref() }.has_room() => newest,
            _ => self.add_segment(supply)?,
        };
        // SAFETY: as above, and there is room for one more chunk behind the first `len`.
        unsafe {
            let len = &raw mut (*segment.as_ptr()).len;
            Segment::at(segment, *len as usize).write(chunk);
            *len += 1;
        }
        Ok(())
    }

    /// Takes a segment from the backing: the largest that it has.
    fn add_segment<B: ByteAllocator>(&mut self, supply: &mut Supply<B>) -> AllocResult<NonNull<Segment>> {
        let mut size = Segment::LARGEST;
        while size >= Segment::SMALLEST {
            let layout = Segment::layout(size)?;
            if let Ok(block) = supply.take(layout) {
                let segment = block.cast::<Segment>();
                // A backing of pages gives whole pages.
                let usable = supply.backing.usable_size(layout).1.clamp(size, Segment::MOST_USED);
                let capacity = Segment::capacity(usable) as u32;
                // SAFETY: the block is new, aligned and large enough.
                unsafe {
                    segment.write(Segment { older: self.newest, size: size as u32, capacity, len: 0 });
                }
                self.newest = Some(segment);
                return Ok(segment);
            }
            size /= 2;
        }
        Err(AllocError::NoMemory)
    }

    /// Forgets the chunk that is last on the stack, and returns it. A segment that is empty then goes back.
    fn pop<B: ByteAllocator>(&mut self, supply: &mut Supply<B>) -> Option<Chunk> {
        let Some(newest) = self.newest else {
            self.inline_len = self.inline_len.checked_sub(1)?;
            return Some(self.inline[self.inline_len]);
        };
        // SAFETY: the segments belong to the table, and the newest is not empty: its first `len` chunks are there.
        let (chunk, header) = unsafe {
            (*newest.as_ptr()).len -= 1;
            let header = newest.read();
            (Segment::at(newest, header.len as usize).read(), header)
        };
        if header.len == 0 {
            self.newest = header.older;
            let layout = Segment::layout(header.size as usize).ok()?;
            // SAFETY: the segment was taken with this layout, and nothing refers to it any more.
            unsafe { supply.give(newest.cast(), layout) };
        }
        Some(chunk)
    }

    /// Forgets the chunks whose slots were all counted, and tells `leaves` each. O(chunks).
    ///
    /// The last chunk on the stack takes the place of one that leaves; as the stack is walked from its end, that one is
    /// known to stay.
    pub(crate) fn remove_wholly_free<B: ByteAllocator>(
        &mut self,
        supply: &mut Supply<B>,
        mut leaves: impl FnMut(Chunk, &mut Supply<B>),
    ) {
        let mut segment = self.newest;
        while let Some(current) = segment {
            // SAFETY: the segments belong to the table. This one is given back only with its first entry, when the walk
            // over it has ended.
            let header = unsafe { current.read() };
            for index in (0..header.len as usize).rev() {
                // SAFETY: as above; the first `len` entries are there.
                let place = unsafe { Segment::at(current, index) };
                // SAFETY: as above.
                let chunk = unsafe { place.read() };
                if chunk.is_wholly_free() {
                    let last = self.pop(supply).filter(|last| last.start != chunk.start);
                    if let Some(last) = last {
                        // SAFETY: the last entry is another one, so this one, before it, is still there.
                        unsafe { place.write(last) };
                    }
                    leaves(chunk, supply);
                }
            }
            segment = header.older;
        }
        for index in (0..self.inline_len).rev() {
            let chunk = self.inline[index];
            if chunk.is_wholly_free() {
                if let Some(last) = self.pop(supply) {
                    self.inline[index] = last;
                }
                leaves(chunk, supply);
            }
        }
    }

    /// The chunks ordered by address, but for those of classes that are `all_free`, and nothing counted for any; those
    /// that are left out are wholly free. O(n log n).
    pub(crate) fn by_address(&mut self, all_free: impl Fn(usize) -> bool) -> ByAddress<'_> {
        let further = self.segments().flat_map(|(segment, len)| {
            // SAFETY: the segments belong to the table, and the first `len` entries are there.
            (0..len).map(move |index| unsafe { Segment::at(segment, index) })
        });
        let inline = NonNull::from(&mut self.inline).cast::<Chunk>();
        // SAFETY: the index is in bounds.
        let first = (0..self.inline_len).map(|index| unsafe { inline.add(index) });
        let mut list = None;
        let (mut len, mut wholly_free) = (0, 0);
        for place in first.chain(further) {
            // SAFETY: an entry that is there, and the table is borrowed mutably.
            let chunk = unsafe { &mut *place.as_ptr() };
            if all_free(usize::from(chunk.class)) {
                chunk.counted = chunk.slots;
                wholly_free += 1;
                continue;
            }
            chunk.counted = 0;
            chunk.above = list;
            list = Some(place);
            len += 1;
        }
        // SAFETY: the list has its entries once, and the table stays borrowed for the life of the result.
        unsafe { ByAddress::new(list, len, wholly_free) }
    }

    /// All chunks, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Chunk> + '_ {
        let further = self.segments().flat_map(|(segment, len)| {
            // SAFETY: the segments belong to the table, and the first `len` entries are there.
            (0..len).map(move |index| unsafe { Segment::at(segment, index).read() })
        });
        self.inline[..self.inline_len].iter().copied().chain(further)
    }

    /// What the table itself has of the backing, in bytes, as it asked for it.
    pub(crate) fn segment_bytes(&self) -> usize {
        // SAFETY: the segments belong to the table, and were initialised by `add_segment`.
        self.segments().map(|(segment, _)| unsafe { segment.read() }.size as usize).sum()
    }

    /// Whether any segments are in use.
    #[cfg(test)]
    pub(crate) fn has_segments(&self) -> bool {
        self.newest.is_some()
    }

    /// The segments, and how many entries are in each; those are used only while the table is borrowed as it is here.
    fn segments(&self) -> impl Iterator<Item = (NonNull<Segment>, usize)> + use<> {
        // SAFETY: the segments belong to the table, and were initialised by `add_segment`.
        let header = |segment: NonNull<Segment>| unsafe { segment.read() };
        core::iter::successors(self.newest, move |&segment| header(segment).older)
            .map(move |segment| (segment, header(segment).len as usize))
    }
}

impl fmt::Debug for ChunkTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments = self.segments().count();
        f.debug_struct("ChunkTable").field("chunks", &self.iter().count()).field("segments", &segments).finish()
    }
}
