//! [`DenseByteAllocator`], the store.

use core::alloc::Layout;
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use allocator_core::address::{address_of, pointer_at, widen};
use allocator_core::traits::realloc_by_moving;
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region};

use crate::block::FreeBlock;
use crate::classes::{Class, most_granules};
use crate::lists::{Found, Lists};
use crate::occupancy::{Occupancy, SecondLevel};
use crate::region::{Extent, RegionStart};
use crate::regions::Regions;

mod batch;
mod free_blocks;
#[cfg(test)]
mod tests;
mod validate;

/// The doublings of a store for large heaps: blocks of up to 128 TiB, on 32 bits of up to 4 GiB.
pub const LARGE_FL: usize = if usize::BITS >= 64 { 40 } else { 25 };
/// The doublings of a store for small machines: blocks of up to 512 KiB.
const SMALL_FL: usize = 16;

/// A byte allocator whose live blocks have no headers: two-level segregated fit, with one bit for each granule of memory.
///
/// All sizes are rounded up to granules of `GRANULE` bytes, a power of two. `SL` size classes divide each of `FL` doublings.
/// [`new`](Self::new) makes a store with the defaults of a large heap, [`small`](SmallDenseByteAllocator::small) one with
/// those of a small machine, [`with_parameters`](Self::with_parameters) any other.
///
/// # Layout
///
/// ```text
///   DenseByteAllocator             region
///   ┌───────────────────────┐      ┌────────┬────────┬────────┬────────────┬────────┬────────────────┐
///   │ lists   class 1  ─────┼──┐   │ header │ bitmap │ live   │ free       │ live   │ free           │
///   │         class 2   -   │  │   └────────┴───┬────┴────────┴─^──────────┴────────┴─^──────────────┘
///   │         ...           │  └────────────────┼──────────────┘ size, next, prev     │
///   │         class n  ─────┼───────────────────┼─────────────────────────────────────┘
///   │ regions  ─────────────┼──> the tree       └> 0 0 0 1 0 0 0 0 1 0 0 0 1 0 0 0 0 0 0 1
///   └───────────────────────┘      of headers
/// ```
///
/// A caller tells the size of a block when it gives the block back, so a live block needs no header. A free block holds its
/// size, at both ends, and its neighbours in the list of its class. The bitmap has a bit for each granule.
///
/// # Invariants
///
/// - The bit of an address is set iff a free block begins or ends there.
/// - No two free blocks of a region touch.
/// - Each free block is in the list of its class, and nothing else is in a list.
/// - `total - used` is the sum of the sizes of all free blocks.
///
/// So when a block comes back, the bit at its start is set iff a free block ends there, and the bit at its end iff one begins
/// there. What live blocks contain is never looked at.
///
/// # Time complexity
///
/// `alloc`, `dealloc`, `realloc_in_place` and [`largest_block`](Self::largest_block) are O(1) where there is one region;
/// with further ones they look for that of the block, O(log(regions)) on average, unless it is the region found last. `realloc`
/// copies a block that has to move. `init` and `add_memory` clear the bitmap: O(region / `GRANULE` / 64), and O(log(regions)).
/// `release_region` is O(log(regions)).
///
/// A search looks at a few blocks of the request's own class, and takes the first one that is large enough; otherwise it takes
/// a block of the lowest class that has any and whose blocks all are large enough (*good fit*: Masmano, Ripoll, Crespo, Real,
/// "TLSF: a new dynamic memory allocator for real-time systems", 2004).
///
/// # Drawbacks
///
/// - A caller that gives a block back with another size than it has destroys the heap, as there is no header to compare with.
/// - The bitmap takes 0.8 % of the memory at granules of 16 bytes, 1.6 % at granules of 8, and is written by `init`.
/// - Regions are not preferred: a request takes the smallest free block that suits, in whatever region that is. So a region that
///   is larger than the free blocks of others stays free until it is needed, and one with a live block cannot be released.
/// - Where more than six free blocks have about the same size, within a 16th (`SL`), [`largest_block`](Self::largest_block) is that
///   of the one freed last, and a request for a larger one of them may be refused.
/// - 5 KiB of lists with the parameters of a large heap. With granules of 8 bytes on 64 bits all regions lie within 2 GiB: one
///   that does not is refused with [`InvalidParam`](AllocError::InvalidParam).
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_core::{BaseAllocator, ByteAllocator};
/// use allocator_dense::DenseByteAllocator;
///
/// let mut pool = vec![0u64; 512];
/// let mut heap = DenseByteAllocator::new();
/// // SAFETY: nothing else uses the pool while the heap does.
/// unsafe { heap.init(pool.as_mut_ptr() as usize, 4096)? };
///
/// let layout = Layout::from_size_align(100, 4).unwrap();
/// let block = heap.alloc(layout)?;
/// assert_eq!((heap.usable_size(layout), heap.used_bytes()), ((100, 112), 112));
/// // SAFETY: the block came from this heap with this layout.
/// unsafe { heap.dealloc(block, layout) };
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub struct DenseByteAllocator<const GRANULE: usize = 16, const FL: usize = LARGE_FL, const SL: usize = 16>
where
    SecondLevel<SL>: Occupancy,
{
    lists: Lists<GRANULE, FL, SL>,
    regions: Regions<GRANULE>,
    /// The bytes of all regions, less headers and bitmaps.
    total: usize,
    /// The bytes of live blocks.
    used: usize,
}

/// A store for small machines: granules of 8 bytes, blocks of up to 512 KiB, a state of 156 bytes on 32 bits. Made by
/// [`small`](Self::small).
///
/// A region of more than 512 KiB becomes several, which no block crosses.
///
/// With one or two classes a doubling, the code is made to be small rather than fast: all requests go the way of those that
/// are aligned to more than a granule. It takes 1.8 KiB on a Cortex-M3 (`benches/firmware`).
///
/// # Examples
///
/// ```
/// use allocator_core::{BaseAllocator, ByteAllocator};
/// use allocator_dense::{DenseByteAllocator, SmallDenseByteAllocator};
///
/// static mut POOL: [u64; 512] = [0; 512];
/// let mut heap: SmallDenseByteAllocator = DenseByteAllocator::small();
/// // SAFETY: nothing else uses the pool.
/// unsafe { heap.init((&raw mut POOL) as usize, 4096)? };
/// assert!(heap.total_bytes() > 3900);
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub type SmallDenseByteAllocator = DenseByteAllocator<8, SMALL_FL, 2>;

impl DenseByteAllocator {
    /// An empty store with the defaults of a large heap: granules of 16 bytes, 16 classes a doubling.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_parameters()
    }
}

impl SmallDenseByteAllocator {
    /// An empty store with the defaults of a small machine: granules of 8 bytes, two classes a doubling.
    #[must_use]
    pub const fn small() -> Self {
        Self::with_parameters()
    }
}

impl<const GRANULE: usize, const FL: usize, const SL: usize> DenseByteAllocator<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    /// A piece of a region that is too large for one has at least so many bytes: a header and a bitmap, and a granule.
    const LEAST_PIECE: usize = if GRANULE > 256 { 2 * GRANULE } else { 512 };

    /// The largest region that one bitmap is made for.
    const LARGEST_REGION: usize = {
        assert!(GRANULE.is_power_of_two() && GRANULE >= 8, "a granule is a power of two, of at least 8 bytes");
        assert!(FL > 0 && FL <= SecondLevel::<SL>::MOST_LEVELS, "more doublings than there are bits for");
        let most = most_granules(FL, SL).saturating_mul(GRANULE);
        let reach = FreeBlock::<GRANULE>::REACH;
        let least_of = if most < reach { most } else { reach };
        assert!(least_of >= 2 * Self::LEAST_PIECE, "the classes cover no region worth the name");
        let object = isize::MAX as usize;
        (if least_of < object { least_of } else { object }) & !(GRANULE - 1)
    };

    /// An empty store with the parameters of its type.
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_dense::DenseByteAllocator;
    ///
    /// /// Granules of 32 bytes, 8 classes a doubling, blocks of up to 2^16 granules.
    /// static HEAP: DenseByteAllocator<32, 14, 8> = DenseByteAllocator::with_parameters();
    /// ```
    #[must_use]
    pub const fn with_parameters() -> Self {
        const { assert!(Self::LARGEST_REGION > 0) };
        Self { lists: Lists::EMPTY, regions: Regions::EMPTY, total: 0, used: 0 }
    }

    /// What a block of `size` bytes takes: whole granules, at least one. `None` where that is larger than any block.
    #[inline]
    fn rounded(size: usize) -> Option<usize> {
        if size > Self::LARGEST_REGION { None } else { Some(Self::rounded_live(size)) }
    }

    /// As [`rounded`](Self::rounded), of a live block.
    #[inline]
    const fn rounded_live(size: usize) -> usize {
        (size + (size == 0) as usize + (GRANULE - 1)) & !(GRANULE - 1)
    }

    /// The size in bytes of a free block that is one of the largest: no other one is larger by more than its class is wide. O(1).
    ///
    /// A request for so many bytes, aligned to granules, succeeds.
    #[must_use]
    pub fn largest_block(&self) -> usize {
        self.lists.last().map_or(0, |found| found.size)
    }

    /// Takes a free block with room for `size` bytes, whole granules, out of its list. Returns at which distance from its start
    /// an address is that is a multiple of `align`.
    #[inline]
    fn take(&mut self, size: usize, align: usize) -> Option<(Found, usize)> {
        if align <= GRANULE { Some((self.lists.take(size)?, 0)) } else { self.lists.take_aligned(size, align) }
    }

    /// Makes `size` bytes of a free block live, from `gap` bytes behind its start on, and returns their address.
    ///
    /// # Safety
    ///
    /// The block was free and has so many bytes; it is in no list, but what is left of it is. `gap` and `size` are whole
    /// granules.
    #[inline]
    unsafe fn occupy(&mut self, Found { block, size: whole }: Found, gap: usize, size: usize) -> usize {
        let region = self.regions.find(block);
        let start = block + gap;
        // SAFETY: the block lies in the region.
        unsafe {
            if self.regions.tracks_wholly_free() && block == region.first_or_odd() {
                self.check_wholly_free_before(region, block + whole);
            }
            region.flip_bound(start);
            region.flip_bound(start + size);
        }
        self.used += size;
        start
    }

    /// As [`occupy`](Self::occupy), and puts what is left of the block into lists.
    ///
    /// # Safety
    ///
    /// The block is free, in no list, and has so many bytes; `gap` and `size` are whole granules.
    unsafe fn occupy_part(&mut self, found: Found, gap: usize, size: usize) -> usize {
        let rest = gap + size;
        // SAFETY: passed on from the caller: what is before and behind the bytes is free.
        unsafe {
            if gap != 0 {
                self.lists.push(found.block, gap);
            }
            if rest != found.size {
                self.lists.push(found.block + rest, found.size - rest);
            }
            self.occupy(found, gap, size)
        }
    }

    /// Makes `size` bytes from `start` on free, and merges them with the free blocks beside them.
    ///
    /// # Safety
    ///
    /// They are whole granules of one region, live or not in use yet, and nobody uses them any more.
    #[inline]
    unsafe fn free(&mut self, region: RegionStart<GRANULE>, start: usize, size: usize) {
        let (mut block, mut end) = (start, start + size);
        // SAFETY: passed on from the caller. At the start of live bytes, a free block can only end, and at their end only begin;
        // one that does is in a list.
        unsafe {
            if region.flip_bound(start) {
                let before = FreeBlock::<GRANULE>::size_from_end(start);
                block -= before;
                self.lists.remove(block, before);
            }
            let is_in_place = region.flip_bound(end) && {
                let beside = end;
                let behind = FreeBlock::<GRANULE>::size_from_start(beside);
                end += behind;
                if Lists::<GRANULE, FL, SL>::COMPACT {
                    self.lists.remove(beside, behind);
                    false
                } else {
                    let (next, prev) = FreeBlock::<GRANULE>::unlink(beside);
                    prev == 0 && self.lists.put_in_place_of(behind, next, block, end - block)
                }
            };
            // In one place, so that the code is there once.
            if !is_in_place {
                self.lists.push(block, end - block);
            }
            if self.regions.tracks_wholly_free() && block == region.first_or_odd() {
                self.check_wholly_free_now(region, end);
            }
        }
    }

    /// Makes a live block free, or the tail of one.
    ///
    /// # Safety
    ///
    /// The `size` bytes from `start` on are live, whole granules, and nobody uses them any more.
    #[inline]
    unsafe fn give_back(&mut self, start: usize, size: usize) {
        let region = self.regions.find(start);
        self.used -= size;
        // SAFETY: passed on from the caller; live bytes lie in the region of their block.
        unsafe { self.free(region, start, size) };
    }

    /// # Safety
    ///
    /// As for [`give_back`](Self::give_back).
    #[inline(never)]
    unsafe fn give_back_in_one_place(&mut self, start: usize, size: usize) {
        // SAFETY: passed on from the caller.
        unsafe { self.give_back(start, size) };
    }

    /// A block of any alignment.
    #[cold]
    #[inline(never)]
    fn alloc_aligned(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let size = Self::rounded(layout.size()).ok_or(AllocError::NoMemory)?;
        let align = layout.align().max(GRANULE);
        let (found, gap) = self.lists.take_aligned(size, align).ok_or(AllocError::NoMemory)?;
        // SAFETY: the block has room for so many bytes behind the gap, and is in no list now.
        let start = unsafe { self.occupy_part(found, gap, size) };
        pointer_at(start).ok_or(AllocError::NoMemory)
    }

    /// Takes a region off the list of wholly free ones where it is in it.
    ///
    /// # Safety
    ///
    /// A free block begins where the first block of the region does, and ends at `end`.
    #[cold]
    #[inline(never)]
    unsafe fn check_wholly_free_before(&mut self, region: RegionStart<GRANULE>, end: usize) {
        // SAFETY: passed on from the caller; a region that is one free block is in the list.
        unsafe {
            if end == region.address() + region.size() {
                self.regions.unlink_wholly_free(region);
            }
        }
    }

    /// Puts a region into the list of wholly free ones where it is one free block.
    ///
    /// # Safety
    ///
    /// A free block begins where the first block of the region does, and ends at `end`; it did not just before.
    #[cold]
    #[inline(never)]
    unsafe fn check_wholly_free_now(&mut self, region: RegionStart<GRANULE>, end: usize) {
        // SAFETY: passed on from the caller.
        unsafe {
            if end == region.address() + region.size() {
                self.regions.link_wholly_free(region);
            }
        }
    }

    /// Whether a region, not a piece, is one free block.
    ///
    /// # Safety
    ///
    /// The region is one of the engine's.
    unsafe fn is_wholly_free(region: RegionStart<GRANULE>) -> bool {
        // SAFETY: passed on from the caller; a block begins at the first granule, and is free iff its bit says so.
        unsafe {
            let first = region.first_or_odd();
            let end = region.address() + region.size();
            first & 1 == 0 && region.is_bound(first) && FreeBlock::<GRANULE>::size_from_start(first) == end - first
        }
    }

    /// Makes a region of its own of some memory, or of a piece of what a caller handed over.
    ///
    /// # Safety
    ///
    /// The memory is the engine's from now on, whole granules, and in no other region.
    unsafe fn insert_region(&mut self, memory: Region, extent: Extent) {
        let region = RegionStart::<GRANULE>::new(memory.start());
        // SAFETY: passed on from the caller; the memory is larger than the overhead. The only region there was is in the list
        // iff it is wholly free.
        unsafe {
            if let Some(only) = self.regions.only_untracked() {
                self.regions.track_wholly_free();
                if Self::is_wholly_free(only) {
                    self.regions.link_wholly_free(only);
                }
            }
            let first = region.create(memory.size(), extent);
            self.regions.insert(region);
            self.total += memory.end() - first;
            self.free(region, first, memory.end() - first);
        }
    }

    /// Resizes a live block where it is. Returns whether that can be.
    ///
    /// # Safety
    ///
    /// The block is live and has `old` bytes; both sizes are whole granules.
    unsafe fn resize(&mut self, start: usize, old: usize, new: usize) -> bool {
        if new == old {
            return true;
        }
        // SAFETY: passed on from the caller: the block ends in its region. What lies behind it is live, or a free block that
        // begins there, which is in a list. The tail of the block is whole granules.
        unsafe {
            if new < old {
                self.give_back_in_one_place(start + new, old - new);
                return true;
            }
            let region = self.regions.find(start);
            if !region.is_bound(start + old) {
                return false;
            }
            let behind = FreeBlock::<GRANULE>::size_from_start(start + old);
            if behind < new - old {
                return false;
            }
            let found = Found { block: start + old, size: behind };
            self.lists.remove(found.block, found.size);
            self.occupy_part(found, 0, new - old);
        }
        true
    }
}

impl<const GRANULE: usize, const FL: usize, const SL: usize> BaseAllocator for DenseByteAllocator<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if !self.regions.is_empty() {
            return Err(AllocError::InvalidParam);
        }
        // SAFETY: passed on from the caller.
        unsafe { self.add_memory(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        let trimmed = region.trim_for_bytes(GRANULE)?;
        if trimmed.size() <= RegionStart::<GRANULE>::overhead(trimmed.size()) {
            return Err(AllocError::InvalidParam);
        }
        self.regions.check(region, FreeBlock::<GRANULE>::REACH)?;
        let mut rest = trimmed;
        while rest.size() > Self::LARGEST_REGION {
            // What is left for the last piece is enough for one.
            let size = Self::LARGEST_REGION.min(rest.size() - Self::LEAST_PIECE) & !(GRANULE - 1);
            // SAFETY: the caller hands the memory over, and it overlaps none that is here.
            unsafe { self.insert_region(Region::new(rest.start(), size)?, Extent::Piece) };
            rest = Region::between(rest.start() + size, rest.end())?;
        }
        let extent = if rest == trimmed { Extent::Whole } else { Extent::Piece };
        // SAFETY: as above.
        unsafe { self.insert_region(rest, extent) };
        Ok(())
    }
}

// SAFETY: a block lies in a region that was handed over, where all but the header and the bitmap is in blocks; it is a
// multiple of its alignment. `occupy` makes live what was free, so no two live blocks share a byte; the engine writes to free
// blocks, headers and bitmaps only. `realloc` resizes in place or moves the plain way. Nothing is called back, and the memory
// is reached through addresses that this value has.
unsafe impl<const GRANULE: usize, const FL: usize, const SL: usize> ByteAllocator
    for DenseByteAllocator<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        if Lists::<GRANULE, FL, SL>::COMPACT || layout.align() > GRANULE {
            return self.alloc_aligned(layout);
        }
        let size = Self::rounded(layout.size()).ok_or(AllocError::NoMemory)?;
        let found = self.lists.take_start(size).ok_or(AllocError::NoMemory)?;
        // SAFETY: the block has so many bytes, and what is left of it is in a list.
        let start = unsafe { self.occupy(found, 0, size) };
        pointer_at(start).ok_or(AllocError::NoMemory)
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        let (start, size) = (address_of(widen(ptr)), Self::rounded_live(layout.size()));
        // SAFETY: the caller's block is live, and has so many bytes.
        unsafe {
            if Lists::<GRANULE, FL, SL>::COMPACT {
                self.give_back_in_one_place(start, size);
            } else {
                self.give_back(start, size);
            }
        }
    }

    fn total_bytes(&self) -> usize {
        self.total
    }

    fn used_bytes(&self) -> usize {
        self.used
    }

    fn available_bytes(&self) -> usize {
        self.total - self.used
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        unsafe {
            match self.realloc_in_place(ptr, layout, new_size) {
                Ok(block) => Ok(block),
                Err(_) => realloc_by_moving(self, ptr, layout, new_size),
            }
        }
    }

    /// Gives back the tail of a block that becomes smaller; a block that becomes larger takes what it needs of a free block
    /// behind it.
    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        let new = Self::rounded(new_size).ok_or(AllocError::NoMemory)?;
        let block = widen(ptr);
        // SAFETY: the caller's block is live, and has so many bytes.
        let resized = unsafe { self.resize(address_of(block), Self::rounded_live(layout.size()), new) };
        if resized { Ok(block) } else { Err(AllocError::NoMemory) }
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        (layout.size(), Self::rounded(layout.size()).unwrap_or(layout.size()))
    }

    fn used_by_each(&self, layout: Layout) -> Option<usize> {
        Self::rounded(layout.size())
    }

    fn alloc_batch<'o>(&mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]) -> &'o mut [NonNull<u8>] {
        self.take_batch(layout, out)
    }

    /// A region in which nothing is live: O(log(regions)). Not one that was so large that it became several.
    fn release_region(&mut self) -> Option<Region> {
        // SAFETY: each of the list is one free block, as is the only one there has ever been if it says so; that block is in a
        // list.
        unsafe {
            let region = match self.regions.only_untracked() {
                Some(only) => Self::is_wholly_free(only).then_some(only)?,
                None => {
                    let region = self.regions.first_wholly_free()?;
                    self.regions.unlink_wholly_free(region);
                    region
                }
            };
            let (start, size, first) = (region.address(), region.size(), region.first_or_odd());
            let free = start + size - first;
            self.regions.remove(region);
            self.lists.remove(first, free);
            self.total -= free;
            Region::new(start, size).ok()
        }
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        let mut needed = Self::rounded(layout.size())?;
        if layout.align() > GRANULE {
            needed = needed.checked_add(layout.align() - GRANULE)?;
        }
        // All blocks of its class are large enough.
        let least = Class::own_and_sure::<SL>(needed / GRANULE).1.least::<SL>().checked_mul(GRANULE)?;
        let size = RegionStart::<GRANULE>::size_for(least)?;
        if size > Self::LARGEST_REGION {
            return None;
        }
        Layout::from_size_align(size, GRANULE).ok()
    }
}

impl Default for DenseByteAllocator {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for SmallDenseByteAllocator {
    fn default() -> Self {
        Self::small()
    }
}

impl<const GRANULE: usize, const FL: usize, const SL: usize> fmt::Debug for DenseByteAllocator<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenseByteAllocator")
            .field("total_bytes", &self.total)
            .field("used_bytes", &self.used)
            .field("largest_block", &self.largest_block())
            .finish()
    }
}
