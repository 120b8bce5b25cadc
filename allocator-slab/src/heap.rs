//! [`SlabByteAllocator`], the slab heap.

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use allocator_buddy::BuddyByteAllocator;
use allocator_core::address::widen;
use allocator_core::traits::realloc_by_moving;
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region, RegionTable};

use crate::backing::Supply;
use crate::chunk::{Chunk, chunk_layout};
use crate::chunk_table::ChunkTable;
use crate::classes::{PowerOfTwoClasses, SizeClasses};
use crate::slab::Slab;

mod reclaim;
pub mod statistics;
#[cfg(test)]
mod tests;
mod validate;

/// How many slots a slab grows by, while memory is plentiful.
pub const SET_SIZE: usize = 64;

/// By how many bytes a slab grows at least, while the backing has that much in one piece: what the table of chunks needs for
/// a chunk, and the backing for a block, should be little beside it.
const LEAST_GROWTH: usize = 256;

/// What the smallest segment of the table of chunks takes of any backing at most: a page.
const SEGMENT_IN_A_BACKING: usize = 4096;

/// The general-purpose heap: slots of the size classes `C`, in chunks from the backing `B`, and everything larger from
/// `B` itself.
///
/// # Layout
///
/// ```text
///   SlabByteAllocator                            backing
///   ┌────────────────────────────┐               ┌────────────┬──────────┬─────────────┬──────
///   │ slabs    64 B   free ──────┼──────────────>│ 64 × 64 B  │ 16 × 1 K │ large block │ ...
///   │           …                │               └────────────┴──────────┴─────────────┴──────
///   │          1 KiB  free ──────┼────────────────────────────────^
///   │ chunks   which, and where  │
///   └────────────────────────────┘
/// ```
///
/// A live block has no header: its class follows from its layout. A slab without a free slot grows by as many slots as its
/// class says ([`SET_SIZE`] by default) or fewer: never by more than a share of what the backing has left (an eighth by
/// default: [`SizeClasses::GROWTH_SHARE`]) while one slot, or 256 bytes, fit in that, and by at least one slot. So a heap of
/// 32 KiB serves all of the seven default classes at once. What the backing gives beyond that because it rounds sizes up, to
/// powers of two or to pages, becomes slots, too.
///
/// # Memory that comes back
///
/// Freed slots stay with their class: they go to the head of its list, and nothing is known of their chunks. When a request
/// finds nothing, neither in its class nor in the backing, chunks that are wholly free are looked for and go back to the
/// backing, until the request can be served. So after everything is freed, all that fitted at first fits again. Free slots
/// are `available` all the while.
///
/// To look for them is to *shelve* free slots: to take them off the list of the class and put each on the shelf of its
/// chunk, which a search tree finds. A chunk whose shelf holds all of its slots is wholly free, and goes back. The others
/// keep their shelves: when the list of the class is empty, it takes over the shelf of a chunk, all of it at once.
///
/// ```text
///   list    3 ─> 7 ─> 1 ─> 4 ─> 9            chunk  slots 0..4     slots 5..9
///   shelve  7 ─> 1 ─> 4 ─> 9                 shelf  3
///   ...     (empty)                          shelf  4 1 3          9 7
///   alloc   1 ─> 3   and gets 4              shelf  (none)         9 7
/// ```
///
/// So a slot is looked at once after it was freed, whoever does it: a request that finds memory short, or
/// [`reclaim`](Self::reclaim) ahead of time, in steps as small as one likes. Of a class without a live slot no slots are
/// looked at: all of its chunks are wholly free. Chunks go back in the order of their addresses, so that a backing that
/// merges free blocks with their neighbours has the least to do.
///
/// The table of chunks takes memory of the backing, too, once there are more of them than a small heap has: 48 bytes
/// a chunk on 64 bits, 28 on 32. Beside 4 KiB, a chunk of the smallest default class while memory is plentiful, that is
/// 1.2 %; beside larger ones less. It is not `used`, and goes back with the chunks.
///
/// # Time complexity
///
/// `alloc` and `dealloc` of a slot are O(1): a load, a store, a count, one test. On x86-64 that is 21 and 17 instructions,
/// those that find the class of a layout unknown to the compiler included; with `FineClasses` 23 and 19 (`cargo run
/// --release -p allocator-benches --bin instructions -- --only bytes/lifo-64`). `alloc` from an empty list is O(1), too,
/// where a chunk of the class has a shelf; otherwise it links the slots of a new chunk, at most [`SizeClasses::growth`] or
/// what the backing gives beyond that, asks the backing, and adds to the tree: O(slots of a chunk + log(chunks)).
///
/// A test, `benches/tests/instructions.rs`, holds the calls that it counts to 2600 instructions (3000 with `FineClasses`
/// over TLSF), besides the copying of `realloc`, over lists of random requests from 4 bytes to 10 KiB (64 KiB). Where
/// memory is short and [`reclaim`](Self::reclaim) runs ahead, it holds them to 2600 (6000: a request that is refused has
/// asked each class whether it has anything to give back).
///
/// Where memory has run out, a request shelves slots until enough chunks have gone back: O(slots freed since they were last
/// looked at × log(chunks)), and O(chunks × log(chunks)) for classes without live slots; O(1) where
/// [`reclaim`](Self::reclaim) has left nothing to do. Larger blocks cost what the backing costs.
///
/// # Drawbacks
///
/// - With the default classes up to half of a slot is lost to rounding.
/// - A chunk with one live slot stays with its class, however much of it is free.
/// - The request that finds memory short pays for getting it back, unless `reclaim` ran ahead of it.
/// - A backing that puts headers on its blocks may accept a region in which no slot finds room beside one.
/// - Making a block smaller can fail where memory is short, as slots of another class must be found; the block is then
///   still the caller's, as it was.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_core::{BaseAllocator, ByteAllocator};
/// use allocator_slab::SlabByteAllocator;
///
/// let mut pool = vec![0u64; 4096];
/// let mut heap = SlabByteAllocator::new();
/// // SAFETY: nothing else uses the pool while the heap does.
/// unsafe { heap.init(pool.as_mut_ptr() as usize, 32 << 10)? };
///
/// let layout = Layout::from_size_align(100, 4).unwrap();
/// let block = heap.alloc(layout)?;
/// assert_eq!((heap.usable_size(layout), heap.used_bytes()), ((100, 128), 128));
/// // SAFETY: the block came from this heap with this layout.
/// unsafe { heap.dealloc(block, layout) };
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub struct SlabByteAllocator<C: SizeClasses = PowerOfTwoClasses, B = BuddyByteAllocator> {
    /// One for each class, in the order of `C::SLOT_SIZES`.
    slabs: C::Slabs,
    /// The chunks of all slabs: those of a class have as many slots together as its slab.
    chunks: ChunkTable,
    /// The backing. What it has in use for the heap itself is the chunks and the segments of their table.
    supply: Supply<B>,
    /// What was handed over through the heap, and the backing has accepted.
    regions: RegionTable,
    /// What was asked for with the live blocks that are too large for any class, in bytes; modulo 2^(bits of a word).
    requested_large: usize,
    /// How many chunks are wholly free: their slots are on their shelves.
    wholly_free: usize,
    /// Which class [`reclaim`](Self::reclaim) looks at next.
    next_to_reclaim: usize,
    /// The address from which on it looks at chunks.
    sweep_from: usize,
    classes: PhantomData<C>,
}

impl SlabByteAllocator {
    /// An empty heap of the default parameters: seven classes of powers of two, over a buddy allocator.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_backing(BuddyByteAllocator::new())
    }
}

impl<C: SizeClasses, B> SlabByteAllocator<C, B> {
    /// What regions are trimmed to: the alignment of the smallest slots, so that no end is left over that none fits.
    const GRANULE: usize = {
        assert!(!C::SLOT_SIZES.is_empty(), "a slab heap needs a class");
        assert!(C::GROWTH_SHARE > 0, "a share of nothing");
        assert!(
            C::MOST_ALIGNED.is_power_of_two() && C::MOST_ALIGNED >= align_of::<usize>(),
            "free slots hold a pointer"
        );
        assert!(SET_SIZE <= u16::MAX as usize && C::SLOT_SIZES.len() <= u8::MAX as usize + 1, "see `Chunk`");
        1 << C::SLOT_SIZES[0].trailing_zeros()
    };

    /// A heap over `backing`, which may have memory already.
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_buddy::BuddyByteAllocator;
    /// use allocator_slab::{PowerOfTwoClasses, SlabByteAllocator};
    ///
    /// /// Large blocks of up to 1 MiB.
    /// type Backing = BuddyByteAllocator<21>;
    /// let heap = SlabByteAllocator::<PowerOfTwoClasses, Backing>::with_backing(Backing::with_order());
    /// ```
    #[must_use]
    pub const fn with_backing(backing: B) -> Self {
        const { assert!(Self::GRANULE > 0) };
        Self {
            slabs: C::SLABS,
            chunks: ChunkTable::new(),
            supply: Supply::new(backing),
            regions: RegionTable::new(),
            requested_large: 0,
            wholly_free: 0,
            next_to_reclaim: 0,
            sweep_from: 0,
            classes: PhantomData,
        }
    }

    /// The slabs, one for each class, for statistics.
    #[must_use]
    pub fn slabs(&self) -> &[Slab] {
        self.slabs.as_ref()
    }

    /// The backing, for statistics.
    #[must_use]
    pub const fn backing(&self) -> &B {
        &self.supply.backing
    }
}

impl<C: SizeClasses, B: ByteAllocator> SlabByteAllocator<C, B> {
    /// Takes a slot of a slab whose list is empty. Like [`alloc_large`](Self::alloc_large) it answers in a register, for
    /// `None` is all that can go wrong.
    #[cold]
    #[inline(never)]
    fn alloc_from_chunk(&mut self, class: usize, size: usize) -> Option<NonNull<u8>> {
        if !self.take_shelf(class) {
            self.or_reclaim(|heap| heap.grow(class)).ok()?;
        }
        let slab = &mut self.slabs.as_mut()[class];
        slab.request(0, size);
        slab.alloc()
    }

    /// Makes the free slots of one chunk the list of a class, which is empty: whether there is such a chunk. O(1).
    fn take_shelf(&mut self, class: usize) -> bool {
        let slab = &mut self.slabs.as_mut()[class];
        let Some(head) = slab.ring else { return false };
        let chunk = self.chunks.get_mut(head);
        // One that is wholly free waits to go back.
        if chunk.is_wholly_free() || !slab.take_shelf(chunk) {
            return false;
        }
        // The head becomes the last, behind those that have a shelf.
        slab.ring = Some(chunk.next());
        true
    }

    /// Takes a block that no class serves.
    #[inline(never)]
    fn alloc_large(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let block = self.or_reclaim(|heap| heap.supply.backing.alloc(layout)).ok()?;
        self.request_large(0, layout.size());
        Some(block)
    }

    /// Remembers that a live block too large for any class was asked for with `size` bytes instead of `old` ones.
    fn request_large(&mut self, old: usize, size: usize) {
        self.requested_large = self.requested_large.wrapping_add(size).wrapping_sub(old);
    }

    /// Adds a chunk to a class: as large as the policy says, or a lower power of two if the backing has none in one piece.
    fn grow(&mut self, class: usize) -> AllocResult {
        let slab = &mut self.slabs.as_mut()[class];
        let slot_size = slab.slot_size();
        let most = C::growth(class).clamp(1, usize::from(u16::MAX));
        let limit = (self.supply.backing.available_bytes() / C::GROWTH_SHARE).max(LEAST_GROWTH);
        let mut wanted = (limit / slot_size).clamp(1, most);
        while wanted > 0 {
            let slots = fitting::<C, B>(&self.supply.backing, slot_size, wanted, limit).ok_or(AllocError::NoMemory)?;
            let layout = chunk_layout(slots, slot_size, C::MOST_ALIGNED).ok_or(AllocError::NoMemory)?;
            if let Ok(start) = self.supply.take(layout) {
                if self.chunks.push(Chunk::new(start, class, slots), slab, &mut self.supply).is_ok() {
                    // SAFETY: the backing handed out the whole chunk, aligned for its slots.
                    unsafe { slab.grow(start, slots) };
                    return Ok(());
                }
                // SAFETY: the chunk was taken just now, with this layout.
                unsafe { self.supply.give(start, layout) };
            }
            // The next lower power of two.
            let fewer = wanted.min(slots) - 1;
            wanted = fewer.checked_ilog2().map_or(0, |log2| 1 << log2);
        }
        Err(AllocError::NoMemory)
    }
}

/// How many slots a chunk has that is to have `wanted` of them: as many as fit in the block that the backing gives for
/// so many; or, where that is above `limit` bytes, as the backing rounds sizes up, in a smaller one.
fn fitting<C: SizeClasses, B: ByteAllocator>(
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

impl<C: SizeClasses, B: ByteAllocator> BaseAllocator for SlabByteAllocator<C, B> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        if !self.regions.is_empty() {
            return Err(AllocError::InvalidParam);
        }
        let usable = self.regions.usable_part(region, Self::GRANULE, Self::GRANULE)?;
        // SAFETY: passed on from the caller.
        unsafe { self.supply.backing.init(usable.start(), usable.size())? };
        // SAFETY: the backing has taken no more than the usable part.
        unsafe { self.regions.insert(region, Self::GRANULE, Self::GRANULE) }.map(drop)
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        // The backing cannot see what was trimmed off a region for the sake of the slots.
        let usable = self.regions.usable_part(region, Self::GRANULE, Self::GRANULE)?;
        // SAFETY: passed on from the caller.
        unsafe { self.supply.backing.add_memory(usable.start(), usable.size())? };
        // SAFETY: the backing has taken no more than the usable part.
        unsafe { self.regions.insert(region, Self::GRANULE, Self::GRANULE) }.map(drop)
    }
}

// SAFETY: a block is a slot of a class that fits the layout (`SizeClasses`), in a chunk that the backing handed out, or
// a block of the backing. A live slot is in no list, and its chunk is not given back, as it is not wholly free. `realloc`
// keeps the block, moves it the plain way, or is the backing's. Nothing but the backing is called.
unsafe impl<C: SizeClasses, B: ByteAllocator> ByteAllocator for SlabByteAllocator<C, B> {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let block = match C::class_of(layout) {
            Some(class) => {
                let slab = &mut self.slabs.as_mut()[class];
                match slab.alloc() {
                    Some(slot) => {
                        slab.request(0, layout.size());
                        Some(slot)
                    }
                    None => self.alloc_from_chunk(class, layout.size()),
                }
            }
            None => self.alloc_large(layout),
        };
        block.ok_or(AllocError::NoMemory)
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        match C::class_of(layout) {
            Some(class) => {
                let slab = &mut self.slabs.as_mut()[class];
                slab.request(layout.size(), 0);
                // SAFETY: the block fits the layout, so it is a slot of this class; widened, the pointer reaches all of it.
                unsafe { slab.dealloc(widen(ptr)) };
            }
            None => {
                self.request_large(layout.size(), 0);
                // SAFETY: the block fits the layout, so it came from the backing.
                unsafe { self.supply.backing.dealloc(ptr, layout) };
            }
        }
    }

    fn total_bytes(&self) -> usize {
        self.supply.backing.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.supply.passed_on_bytes() + self.slabs().iter().map(Slab::used_bytes).sum::<usize>()
    }

    fn available_bytes(&self) -> usize {
        self.total_bytes() - self.used_bytes()
    }

    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        if C::class_of(layout).is_none() {
            let block = self.or_reclaim(|heap| heap.supply.backing.alloc_zeroed(layout))?;
            self.request_large(0, layout.size());
            return Ok(block);
        }
        let slot = self.alloc(layout)?;
        // SAFETY: the slot has at least `layout.size()` bytes.
        unsafe { slot.write_bytes(0, layout.size()) };
        Ok(slot)
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
        match (C::class_of(layout), C::class_of(new_layout)) {
            (Some(old), Some(new)) if old == new => {
                self.slabs.as_mut()[new].request(layout.size(), new_size);
                Ok(widen(ptr))
            }
            (None, None) => {
                // SAFETY: the block came from the backing; when that refuses, the block is as it was.
                let block = self.or_reclaim(|heap| unsafe { heap.supply.backing.realloc(ptr, layout, new_size) })?;
                self.request_large(layout.size(), new_size);
                Ok(block)
            }
            // SAFETY: passed on from the caller.
            _ => unsafe { realloc_by_moving(self, ptr, layout, new_size) },
        }
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        match C::class_of(layout) {
            Some(class) => (layout.size(), C::SLOT_SIZES[class]),
            None => self.supply.backing.usable_size(layout),
        }
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        // A slab grows by one slot where memory is short, and the table of chunks by a segment.
        let block = match C::class_of(layout) {
            Some(class) => chunk_layout(1, C::SLOT_SIZES[class], C::MOST_ALIGNED)?,
            None => layout,
        };
        let with_segment = block.size().checked_add(SEGMENT_IN_A_BACKING)?;
        let region = self.supply.backing.region_for(Layout::from_size_align(with_segment, block.align()).ok()?)?;
        // What the heap trims off, or the table of regions takes.
        let rest = 2 * Self::GRANULE + RegionTable::OVERFLOW_SIZE;
        Layout::from_size_align(region.size().checked_add(rest)?, region.align()).ok()
    }
}

impl Default for SlabByteAllocator {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: SizeClasses, B: fmt::Debug> fmt::Debug for SlabByteAllocator<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlabByteAllocator")
            .field("slabs", &self.slabs())
            .field("chunks", &self.chunks)
            .field("supply", &self.supply)
            .finish()
    }
}
