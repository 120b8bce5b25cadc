//! Which chunks the slabs grew by.
//!
//! A slot does not know its chunk, and need not while it is handed out and taken back. When somebody looks for chunks whose
//! slots are all free, each free slot is put on the *shelf* of its chunk, which [`tree`] finds; the chunk whose shelf
//! holds all of its slots is wholly free. A class whose list of free slots has run out takes a whole shelf back.

use core::alloc::Layout;
use core::fmt;
use core::mem::{align_of, size_of};
use core::ptr::NonNull;

use allocator_core::{AllocError, AllocResult, ByteAllocator};

use crate::backing::Supply;
use crate::chunk::{Chunk, Link};
use crate::slab::Slab;

pub(crate) mod tree;

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

const _: () = assert!(
    align_of::<Chunk>() >= 2
        && align_of::<Segment>() >= align_of::<Chunk>()
        && size_of::<Segment>().is_multiple_of(align_of::<Chunk>())
);

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
/// A stack of entries. The lowest, [`INLINE`](Self::INLINE) of them, are in the table itself, so that a small heap pays
/// nothing for them; the next ones are in segments, blocks of the backing of a KiB or, where there is none left in one
/// piece, of as little as one entry needs. So the table can grow as long as anything can.
///
/// ```text
///   ChunkTable                          backing
///   ┌───────────────────────────┐       ┌────────┬────────────────────┐     ┌────────┬─────────────┐
///   │ inline  1 2 3 ...      64 │   ┌──>│ header │ 85 86 87  (free)   │  ┌─>│ header │ 65 66 .. 84 │
///   │ newest ───────────────────┼───┘   │ older ─┼────────────────────┼──┘  │        │             │
///   └───────────────────────────┘       └────────┴────────────────────┘     └────────┴─────────────┘
/// ```
///
/// Every entry is in two structures: a search tree by address, and the ring of the chunks of its class, whose head is with
/// the slab.
///
/// # Invariants
///
/// - Every chunk is there once.
/// - There is a segment only if all of `inline` is taken; all segments are full but for the newest, which is not empty.
/// - In a ring, the chunks with a shelf come first, but for those that are wholly free.
///
/// # Time complexity
///
/// To remember a chunk, to forget one, and to find the one that a slot lies in take O(log(chunks)); the next one of a class
/// with a shelf is found in O(1).
pub(crate) struct ChunkTable {
    /// The first `inline_len` are chunks.
    inline: [Chunk; Self::INLINE],
    inline_len: usize,
    newest: Option<NonNull<Segment>>,
    /// Of the tree of all chunks.
    root: Option<Link>,
}

// SAFETY: the segments belong to the table alone.
unsafe impl Send for ChunkTable {}
// SAFETY: a shared table is only read.
unsafe impl Sync for ChunkTable {}

impl ChunkTable {
    /// What 32 KiB are cut into when they are filled with blocks of any one of the default classes, and then some.
    pub(crate) const INLINE: usize = 64;

    pub(crate) const fn new() -> Self {
        Self { inline: [Chunk::NONE; Self::INLINE], inline_len: 0, newest: None, root: None }
    }

    /// The entry of a chunk.
    pub(crate) fn get(&self, link: Link) -> &Chunk {
        match link.as_inline() {
            Some(index) => &self.inline[index],
            // SAFETY: links are to entries that are there, and the segments are used through the table alone.
            None => unsafe { link.0.as_ref() },
        }
    }

    /// The entry of a chunk.
    pub(crate) fn get_mut(&mut self, mut link: Link) -> &mut Chunk {
        match link.as_inline() {
            Some(index) => &mut self.inline[index],
            // SAFETY: as in `get`, and the table is borrowed mutably.
            None => unsafe { link.0.as_mut() },
        }
    }

    /// Remembers a chunk of this slab, whose slots are in the slab's list.
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`] when the table is full and the backing has no room for a segment; nothing has changed.
    pub(crate) fn push<B: ByteAllocator>(
        &mut self,
        chunk: Chunk,
        slab: &mut Slab,
        supply: &mut Supply<B>,
    ) -> AllocResult {
        let link = self.room(supply)?;
        *self.get_mut(link) = chunk;
        self.insert(link);
        slab.ring = Some(match slab.ring {
            None => {
                let entry = self.get_mut(link);
                (entry.previous, entry.next) = (link, link);
                link
            }
            Some(head) => {
                self.enter_ring(link, head);
                head
            }
        });
        Ok(())
    }

    /// Room for one more entry.
    fn room<B: ByteAllocator>(&mut self, supply: &mut Supply<B>) -> AllocResult<Link> {
        if self.inline_len < Self::INLINE {
            self.inline_len += 1;
            return Ok(Link::inline(self.inline_len - 1));
        }
        let segment = match self.newest {
            // SAFETY: the segments belong to the table, and were initialised by `add_segment`.
            Some(newest) if unsafe { newest.as_ref() }.has_room() => newest,
            _ => self.add_segment(supply)?,
        };
        // SAFETY: as above, and there is room for one more chunk behind the first `len`.
        unsafe {
            let len = &raw mut (*segment.as_ptr()).len;
            let entry = Segment::at(segment, *len as usize);
            entry.write(Chunk::NONE);
            *len += 1;
            Ok(Link(entry))
        }
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

    /// Forgets a chunk, and returns it. The last entry takes its place; a segment that is then empty goes back.
    pub(crate) fn remove<B: ByteAllocator>(&mut self, link: Link, slabs: &mut [Slab], supply: &mut Supply<B>) -> Chunk {
        self.take_out(link);
        let gone = *self.get(link);
        let slab = &mut slabs[usize::from(gone.class)];
        slab.ring = if gone.next == link {
            None
        } else {
            self.leave_ring(link);
            slab.ring.map(|head| if head == link { gone.next } else { head })
        };
        if let Some(last) = self.last()
            && last != link
        {
            self.relink(last, link);
            let moved = *self.get(last);
            *self.get_mut(link) = moved;
            let slab = &mut slabs[usize::from(moved.class)];
            if moved.next == last {
                let entry = self.get_mut(link);
                (entry.previous, entry.next) = (link, link);
            } else {
                self.get_mut(moved.previous).next = link;
                self.get_mut(moved.next).previous = link;
            }
            slab.ring = slab.ring.map(|head| if head == last { link } else { head });
        }
        self.pop(supply);
        gone
    }

    /// The last entry.
    fn last(&self) -> Option<Link> {
        match self.newest {
            None => Some(Link::inline(self.inline_len.checked_sub(1)?)),
            // SAFETY: the segments belong to the table, and the newest is not empty.
            Some(newest) => Some(Link(unsafe { Segment::at(newest, newest.as_ref().len as usize - 1) })),
        }
    }

    /// Drops the last entry. A segment that is empty then goes back.
    fn pop<B: ByteAllocator>(&mut self, supply: &mut Supply<B>) {
        let Some(newest) = self.newest else {
            self.inline_len = self.inline_len.saturating_sub(1);
            return;
        };
        // SAFETY: the segments belong to the table, and the newest is not empty.
        let header = unsafe {
            (*newest.as_ptr()).len -= 1;
            newest.read()
        };
        if header.len == 0 {
            self.newest = header.older;
            if let Ok(layout) = Segment::layout(header.size as usize) {
                // SAFETY: the segment was taken with this layout, and nothing refers to it any more.
                unsafe { supply.give(newest.cast(), layout) };
            }
        }
    }

    /// Puts an entry that is in no ring before `head`: last, as long as the head stays.
    fn enter_ring(&mut self, link: Link, head: Link) {
        let tail = self.get(head).previous;
        let entry = self.get_mut(link);
        (entry.previous, entry.next) = (tail, head);
        self.get_mut(tail).next = link;
        self.get_mut(head).previous = link;
    }

    /// Takes an entry out of its ring, which has others.
    fn leave_ring(&mut self, link: Link) {
        let Chunk { previous, next, .. } = *self.get(link);
        self.get_mut(previous).next = next;
        self.get_mut(next).previous = previous;
    }

    /// Gives a chunk of this slab, on whose shelf a slot has come, its place in the ring: whether it is wholly free now.
    pub(crate) fn has_shelved(&mut self, link: Link, slab: &mut Slab) -> bool {
        let chunk = *self.get(link);
        let wholly_free = chunk.is_wholly_free();
        // The first and the last slot are those that matter.
        if (wholly_free || chunk.shelved == 1)
            && chunk.next != link
            && let Some(head) = slab.ring
        {
            let head = if head == link { chunk.next } else { head };
            self.leave_ring(link);
            self.enter_ring(link, head);
            slab.ring = Some(if wholly_free { head } else { link });
        }
        wholly_free
    }

    /// Takes all chunks of a slab of which no slot is live for wholly free, whatever is on their shelves: how many more.
    /// O(chunks of the slab).
    pub(crate) fn shelve_all(&mut self, slab: &mut Slab) -> usize {
        let mut more = 0;
        let mut next = slab.ring;
        while let Some(link) = next {
            let chunk = self.get_mut(link);
            more += usize::from(!chunk.is_wholly_free());
            chunk.shelved = chunk.slots;
            next = Some(chunk.next).filter(|&next| Some(next) != slab.ring);
        }
        slab.shelve_all();
        more
    }

    /// The chunks of a slab, those with a shelf first.
    pub(crate) fn of_slab<'t>(&'t self, slab: &Slab) -> impl Iterator<Item = &'t Chunk> {
        let head = slab.ring;
        let mut next = head;
        core::iter::from_fn(move || {
            let chunk = self.get(next?);
            next = Some(chunk.next).filter(|&next| Some(next) != head);
            Some(chunk)
        })
    }

    /// All chunks, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Chunk> + '_ {
        let further = self.segments().flat_map(|(segment, len)| {
            // SAFETY: the segments belong to the table, and the first `len` entries are there.
            (0..len).map(move |index| unsafe { Segment::at(segment, index).read() })
        });
        self.inline[..self.inline_len].iter().copied().chain(further)
    }

    /// Whether every entry is in the tree, and that in order and balanced.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        if self.check_tree()? == self.iter().count() { Ok(()) } else { Err("a chunk is not in the tree") }
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

#[cfg(test)]
mod tests;
