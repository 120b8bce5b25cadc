//! Where the entries of chunks lie: in the store itself, and in blocks of the backing.

use core::alloc::Layout;
use core::mem::{MaybeUninit, align_of, size_of};
use core::ptr::NonNull;

use allocator_core::{AllocError, AllocResult, ByteAllocator};

use crate::backing::Backing;
use crate::chunk::{Chunk, ChunkId};

/// The header of a block of the backing with entries; the entries lie behind it.
struct EntryBlock {
    older: Option<NonNull<EntryBlock>>,
    /// The size that the backing was asked for, in bytes.
    size: u32,
    /// How many entries have room.
    capacity: u32,
    /// How many entries there are.
    len: u32,
}

const _: () = assert!(
    align_of::<Chunk>() >= 2
        && align_of::<EntryBlock>() >= align_of::<Chunk>()
        && size_of::<EntryBlock>().is_multiple_of(align_of::<Chunk>())
);

impl EntryBlock {
    /// The store asks the backing for a block of this size, then for half as much, down to [`SMALLEST`](Self::SMALLEST).
    const LARGEST: usize = 1024;
    /// The store uses no more of a block than this, however much the backing gives.
    const MOST_USED: usize = 1 << 20;
    const SMALLEST: usize = (size_of::<Self>() + size_of::<Chunk>()).next_power_of_two();

    /// How many entries a block of `size` bytes has room for.
    const fn capacity(size: usize) -> usize {
        (size - size_of::<Self>()) / size_of::<Chunk>()
    }

    /// The layout that the backing is asked for.
    fn layout(size: usize) -> AllocResult<Layout> {
        Layout::from_size_align(size, align_of::<Self>()).map_err(|_| AllocError::NoMemory)
    }

    /// Where the entry with number `index` lies.
    ///
    /// # Safety
    ///
    /// The block is one of a store's, and `index` is below its capacity.
    unsafe fn entry(this: NonNull<Self>, index: usize) -> NonNull<Chunk> {
        // SAFETY: the entries lie behind the header, in the same block.
        unsafe { this.add(1).cast::<Chunk>().add(index) }
    }
}

/// A stack of entries, one for each chunk of a heap.
///
/// # Layout
///
/// The first [`INLINE`](Self::INLINE) entries lie in the store itself, so a small heap spends no memory of its backing on
/// them. Further entries lie in blocks of the backing of 1 KiB, or, where the backing has no such block, of half as much
/// and so on, down to one that holds a single entry.
///
/// ```text
///   ChunkStore                          backing
///   ┌───────────────────────────┐       ┌────────┬────────────────────┐     ┌────────┬─────────────┐
///   │ inline  1 2 3 ...      64 │   ┌──>│ header │ 85 86 87  (free)   │  ┌─>│ header │ 65 66 .. 84 │
///   │ newest ───────────────────┼───┘   │ older ─┼────────────────────┼──┘  │        │             │
///   └───────────────────────────┘       └────────┴────────────────────┘     └────────┴─────────────┘
/// ```
///
/// # Invariants
///
/// - `inline[..inline_len]` are entries.
/// - `newest.is_some()` only if `inline_len == INLINE`.
/// - In the newest block `0 < len <= capacity`; in each older one `len == capacity`.
///
/// The empty store is all zero bytes.
pub(crate) struct ChunkStore {
    inline: [MaybeUninit<Chunk>; Self::INLINE],
    inline_len: usize,
    newest: Option<NonNull<EntryBlock>>,
}

// SAFETY: the blocks belong to the store alone.
unsafe impl Send for ChunkStore {}
// SAFETY: a shared store is only read.
unsafe impl Sync for ChunkStore {}

impl ChunkStore {
    /// As many chunks as 32 KiB are cut into when one default class fills them, and a few more.
    pub(crate) const INLINE: usize = 64;

    pub(crate) const fn new() -> Self {
        Self { inline: [const { MaybeUninit::zeroed() }; Self::INLINE], inline_len: 0, newest: None }
    }

    pub(crate) fn get(&self, id: ChunkId) -> &Chunk {
        match id.place() {
            // SAFETY: ids are those of entries, of which there are `inline_len` here.
            Ok(index) => unsafe { self.inline[..self.inline_len][index].assume_init_ref() },
            // SAFETY: ids are those of entries, and the blocks are reached through the store alone.
            Err(entry) => unsafe { entry.as_ref() },
        }
    }

    pub(crate) fn get_mut(&mut self, id: ChunkId) -> &mut Chunk {
        match id.place() {
            // SAFETY: as in `get`.
            Ok(index) => unsafe { self.inline[..self.inline_len][index].assume_init_mut() },
            // SAFETY: as in `get`, and the store is borrowed mutably.
            Err(mut entry) => unsafe { entry.as_mut() },
        }
    }

    /// Puts an entry on the stack.
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`]: the store is full, and the backing has no block for further entries; nothing has changed.
    pub(crate) fn push<B: ByteAllocator>(&mut self, chunk: Chunk, backing: &mut Backing<B>) -> AllocResult<ChunkId> {
        if self.inline_len < Self::INLINE {
            self.inline[self.inline_len].write(chunk);
            self.inline_len += 1;
            return Ok(ChunkId::inline(self.inline_len - 1));
        }
        let block = match self.newest {
            // SAFETY: the blocks belong to the store, and `add_block` has initialised them.
            Some(newest) if unsafe { newest.as_ref() }.len < unsafe { newest.as_ref() }.capacity => newest,
            _ => self.add_block(backing)?,
        };
        // SAFETY: as above, and there is room for one more entry behind the first `len`.
        unsafe {
            let len = &raw mut (*block.as_ptr()).len;
            let entry = EntryBlock::entry(block, *len as usize);
            entry.write(chunk);
            *len += 1;
            Ok(ChunkId::at(entry))
        }
    }

    /// Takes a block for further entries from the backing.
    fn add_block<B: ByteAllocator>(&mut self, backing: &mut Backing<B>) -> AllocResult<NonNull<EntryBlock>> {
        let mut size = EntryBlock::LARGEST;
        while size >= EntryBlock::SMALLEST {
            let layout = EntryBlock::layout(size)?;
            if let Ok(block) = backing.alloc_own(layout) {
                let block = block.cast::<EntryBlock>();
                // A backing of pages gives whole pages.
                let usable = backing.engine.usable_size(layout).1.clamp(size, EntryBlock::MOST_USED);
                let capacity = EntryBlock::capacity(usable) as u32;
                let header = EntryBlock { older: self.newest, size: size as u32, capacity, len: 0 };
                // SAFETY: the block is new, aligned and large enough.
                unsafe { block.write(header) };
                self.newest = Some(block);
                return Ok(block);
            }
            size /= 2;
        }
        Err(AllocError::NoMemory)
    }

    /// The entry on top of the stack.
    pub(crate) fn last(&self) -> Option<ChunkId> {
        match self.newest {
            None => Some(ChunkId::inline(self.inline_len.checked_sub(1)?)),
            // SAFETY: the blocks belong to the store, and the newest has at least one entry.
            Some(newest) => Some(ChunkId::at(unsafe { EntryBlock::entry(newest, newest.as_ref().len as usize - 1) })),
        }
    }

    /// Takes the last entry off the stack. A block that has none left goes back to the backing.
    pub(crate) fn pop<B: ByteAllocator>(&mut self, backing: &mut Backing<B>) {
        let Some(newest) = self.newest else {
            self.inline_len = self.inline_len.saturating_sub(1);
            return;
        };
        // SAFETY: the blocks belong to the store, and the newest has at least one entry.
        let header = unsafe {
            (*newest.as_ptr()).len -= 1;
            newest.read()
        };
        if header.len == 0 {
            self.newest = header.older;
            if let Ok(layout) = EntryBlock::layout(header.size as usize) {
                // SAFETY: the block was taken with this layout, and nothing refers to it any more.
                unsafe { backing.dealloc_own(newest.cast(), layout) };
            }
        }
    }

    /// All entries, from the newest block to the inline ones.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Chunk> + '_ {
        let further = self.blocks().flat_map(|(block, len)| {
            // SAFETY: the blocks belong to the store, and the first `len` entries are there.
            (0..len).map(move |index| unsafe { EntryBlock::entry(block, index).read() })
        });
        // SAFETY: the first `inline_len` are entries.
        further.chain(self.inline[..self.inline_len].iter().map(|entry| unsafe { entry.assume_init_read() }))
    }

    /// How many bytes the store has asked the backing for.
    pub(crate) fn block_bytes(&self) -> usize {
        // SAFETY: the blocks belong to the store, and `add_block` has initialised them.
        self.blocks().map(|(block, _)| unsafe { block.read() }.size as usize).sum()
    }

    /// How many blocks of the backing the store has.
    pub(crate) fn block_count(&self) -> usize {
        self.blocks().count()
    }

    /// The blocks, and how many entries are in each. The caller uses them only while the store is borrowed.
    fn blocks(&self) -> impl Iterator<Item = (NonNull<EntryBlock>, usize)> + use<> {
        // SAFETY: the blocks belong to the store, and `add_block` has initialised them.
        let header = |block: NonNull<EntryBlock>| unsafe { block.read() };
        core::iter::successors(self.newest, move |&block| header(block).older)
            .map(move |block| (block, header(block).len as usize))
    }

    /// Whether the blocks are filled as the invariants say.
    pub(crate) fn validate(&self) -> Result<(), &'static str> {
        if self.newest.is_some() && self.inline_len < Self::INLINE {
            return Err("there are entries in a block while there is room in the store itself");
        }
        for (at, (block, len)) in self.blocks().enumerate() {
            // SAFETY: the blocks belong to the store, and `add_block` has initialised them.
            let capacity = unsafe { block.read() }.capacity as usize;
            if len == 0 || len > capacity || (at > 0 && len < capacity) {
                return Err("a block of entries is not filled as its place says");
            }
        }
        Ok(())
    }
}
