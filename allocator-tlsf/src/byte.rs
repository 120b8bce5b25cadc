//! [`TlsfByteAllocator`], a byte allocator on the package `rlsf`.

use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

use allocator_core::address::{pointer_at, widen};
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region, RegionTable};
use rlsf::{GRANULARITY, Tlsf};

use crate::geometry::{
    MIN_POOL, block_bytes, bytes_to_hand_out, first_pool, in_block, measure, pool_for, usable_bytes,
};

/// A byte allocator that answers in constant time, and loses little to rounding.
///
/// The algorithm is *two-level segregated fit* (Masmano, Ripoll, Crespo, Real: "TLSF: a new dynamic memory allocator for
/// real-time systems", 2004). The heap lists free blocks by size, in `FL` powers of two (28 by default) of `SL` steps each (32),
/// and finds the first list all of whose blocks fit in two bitmaps. It merges a freed block with its free neighbours at once.
///
/// # Layout
///
/// A block takes a whole number of granules of 4 words (32 bytes on a 64-bit target). Blocks lie side by side in a pool. Each
/// has a header of 2 words: its size, and the address of the block before it.
///
/// ```text
///   ┌────┬──────────────┬────┬───────────┬──────────────────────────┬──────────┐
///   │ hd │ live payload │ hd │ live      │ hd + links   free        │ sentinel │
///   └────┴──────────────┴────┴───────────┴──────────────────────────┴──────────┘
/// ```
///
/// - A live block for `size` bytes takes `size + 2 words`, and the padding in front of the payload if its alignment is a
///   granule or more, rounded up to granules.
/// - The last granule of each pool is a sentinel, and not part of `total`. A region is one pool, or, above `2^FL` granules
///   (8 GiB), several.
/// - `FL` and `SL` are at most 32, `SL` a power of two. The lists take `FL × SL` words, and `FL` bitmaps of 32 bits.
/// - The empty state is all zero bytes: a `static` heap lies in `.bss`.
///
/// # Time complexity
///
/// `alloc`, `dealloc` and `realloc_in_place` are O(1) in the worst case. `realloc` grows into a free neighbour where there is
/// one, and is O(size) where the contents have to move.
///
/// # Drawbacks
///
/// - Each block has a header: 16 bytes asked for take 32.
/// - The search walks no list, so it uses only lists all of whose blocks fit. It may pass over a free block that is larger
///   than the request by less than `1 / SL`.
/// - No block reaches from one pool into another: neither across adjacent regions, nor across the pools that a large region is
///   made of.
/// - A heap gives no region back: the package cannot take a pool out of its lists, so
///   [`release_region`](ByteAllocator::release_region) answers `None`.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_core::{BaseAllocator, ByteAllocator};
/// use allocator_tlsf::TlsfByteAllocator;
///
/// let mut pool = vec![0u64; 512];
/// let mut heap = TlsfByteAllocator::new();
/// // SAFETY: nothing else uses the pool while the heap does.
/// unsafe { heap.init(pool.as_mut_ptr() as usize, 4096)? };
///
/// let layout = Layout::from_size_align(100, 4).unwrap();
/// let block = heap.alloc(layout)?;
/// // SAFETY: the block came from this heap with this layout.
/// let block = unsafe { heap.realloc(block, layout, 1000)? };
/// // SAFETY: as above, with the size it has now.
/// unsafe { heap.dealloc(block, Layout::from_size_align(1000, 4).unwrap()) };
/// assert_eq!(heap.used_bytes(), 0);
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub struct TlsfByteAllocator<const FL: usize = 28, const SL: usize = 32> {
    /// The free blocks by size, and the pools.
    tlsf: Tlsf<'static, u32, u32, FL, SL>,
    /// The regions handed over. All of them is in pools, but for trimmed ends and the table's overflows.
    regions: RegionTable,
    /// The sum of [`bytes_to_hand_out`] over the pools.
    total: usize,
    /// The sum of [`block_bytes`] over the live blocks.
    used: usize,
}

impl TlsfByteAllocator {
    /// An empty heap with 28 first and 32 second levels.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_levels()
    }
}

impl<const FL: usize, const SL: usize> TlsfByteAllocator<FL, SL> {
    /// An empty heap with the levels of its type.
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_tlsf::TlsfByteAllocator;
    ///
    /// /// For pools of up to 64 KiB on 32 bits: 12 first and 4 second levels.
    /// static HEAP: TlsfByteAllocator<12, 4> = TlsfByteAllocator::with_levels();
    /// assert!(size_of_val(&HEAP) < 1024);
    /// ```
    #[must_use]
    pub const fn with_levels() -> Self {
        const { assert!(FL > 0 && FL <= 32 && SL > 0 && SL <= 32 && SL.is_power_of_two(), "levels that have no bits") };
        Self { tlsf: Tlsf::new(), regions: RegionTable::new(), total: 0, used: 0 }
    }

    /// `layout` with a size of at least 1: for a size of 0 the package would make a block without payload. `None` if the
    /// alignment is so large that there is no such layout.
    #[inline]
    fn not_empty(layout: Layout) -> Option<Layout> {
        if layout.size() > 0 { Some(layout) } else { Layout::from_size_align(1, layout.align()).ok() }
    }

    /// Hands a pool to the package.
    ///
    /// # Safety
    ///
    /// The memory is this heap's from now on, and in no other pool; the pool is one of [`first_pool`].
    unsafe fn insert_pool(&mut self, pool: Region) {
        let Some(start) = pointer_at(pool.start()) else { return };
        let memory = NonNull::slice_from_raw_parts(start, pool.size());
        // SAFETY: passed on from the caller; a pool is no larger than an object can be.
        let inserted = unsafe { self.tlsf.insert_free_block_ptr(memory) };
        debug_assert_eq!(inserted.map(|bytes| bytes.get()), Some(pool.size()), "the package takes a pool whole");
        self.total += inserted.map_or(0, |_| bytes_to_hand_out(pool));
    }
}

impl<const FL: usize, const SL: usize> BaseAllocator for TlsfByteAllocator<FL, SL> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if !self.regions.is_empty() {
            return Err(AllocError::InvalidParam);
        }
        // SAFETY: passed on from the caller.
        unsafe { self.add_memory(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        // SAFETY: the caller hands the region over.
        let usable = unsafe { self.regions.insert(region, GRANULARITY, MIN_POOL)? };
        let mut rest = Some(usable);
        while let Some((pool, region)) = rest.and_then(|rest| Some((first_pool(rest, FL)?, rest))) {
            // SAFETY: the caller hands the memory over, for as long as the allocator may use it, and the table has shown
            // that it is new.
            unsafe { self.insert_pool(pool) };
            rest = Region::between(pool.end(), region.end()).ok();
        }
        Ok(())
    }
}

// SAFETY: the package hands out payloads of the size and alignment asked for, apart from one another and from its
// headers, inside the pools; `reallocate` keeps contents and alignment, and on failure leaves the block alone. It calls
// nothing back, and reaches the memory through its own lists only.
unsafe impl<const FL: usize, const SL: usize> ByteAllocator for TlsfByteAllocator<FL, SL> {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let payload =
            Self::not_empty(layout).and_then(|layout| self.tlsf.allocate(layout)).ok_or(AllocError::NoMemory)?;
        // SAFETY: the block was allocated just now, with a pointer into the pool that it came from.
        self.used += unsafe { block_bytes(payload, layout) };
        Ok(payload)
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        let payload = widen(ptr);
        // SAFETY: the caller's block is live and fits the layout.
        self.used -= unsafe { block_bytes(payload, layout) };
        // SAFETY: as above.
        unsafe { self.tlsf.deallocate(payload, layout.align()) };
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
        let new_layout = Layout::from_size_align(new_size.max(1), layout.align()).map_err(|_| AllocError::NoMemory)?;
        let payload = widen(ptr);
        // SAFETY: the caller's block is live and fits the layout.
        let old_bytes = unsafe { block_bytes(payload, layout) };
        // SAFETY: as above; the alignment stays.
        let moved = unsafe { self.tlsf.reallocate(payload, new_layout) }.ok_or(AllocError::NoMemory)?;
        // SAFETY: the block is live, with the new layout.
        self.used = self.used - old_bytes + unsafe { block_bytes(moved, new_layout) };
        Ok(moved)
    }

    /// Gives back the tail of a block that becomes smaller; a block that becomes larger takes what it needs of a free block
    /// behind it.
    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size.max(1), layout.align()).map_err(|_| AllocError::NoMemory)?;
        let payload = widen(ptr);
        // SAFETY: the caller's block is live and fits the layout; a widened pointer reaches all of the pool.
        let measures = unsafe { measure(payload, layout) };
        let new_bytes = in_block(measures.overhead, new_layout.size());
        if new_bytes > measures.room {
            return Err(AllocError::NoMemory);
        }
        // The package moves a block only where it has no room. One place calls it, so that it is inlined there.
        // SAFETY: passed on from the caller.
        let resized = unsafe { self.realloc(ptr, layout, new_size) };
        debug_assert_eq!(resized, Ok(payload), "the block has room where it is");
        resized
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        (layout.size(), usable_bytes(layout).unwrap_or(layout.size()))
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        let size = pool_for(layout, FL, SL)?.checked_add(self.regions.overhead_of_next())?;
        Layout::from_size_align(size, GRANULARITY).ok()
    }

    unsafe fn used_by(&self, ptr: NonNull<u8>, layout: Layout) -> usize {
        // SAFETY: the caller's block is live and fits the layout; widened, the pointer reaches what lies before it.
        unsafe { block_bytes(widen(ptr), layout) }
    }
}

impl Default for TlsfByteAllocator {
    fn default() -> Self {
        Self::new()
    }
}

impl<const FL: usize, const SL: usize> fmt::Debug for TlsfByteAllocator<FL, SL> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsfByteAllocator")
            .field("total_bytes", &self.total)
            .field("used_bytes", &self.used)
            .field("regions", &self.regions)
            .finish()
    }
}

#[cfg(test)]
mod tests;
