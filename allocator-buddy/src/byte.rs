//! [`BuddyByteAllocator`], a byte allocator on the package `buddy_system_allocator`.

use core::alloc::Layout;
use core::fmt;
use core::mem::size_of;
use core::ptr::NonNull;

use allocator_core::address::widen;
use allocator_core::traits::realloc_by_moving;
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region, RegionTable};
use buddy_system_allocator::Heap;

/// A byte allocator whose blocks have a power of two of bytes each, and are aligned to their size.
///
/// `ORDER` is the number of orders: the largest block has `1 << (ORDER - 1)` bytes (2 GiB for the default of 32), the
/// smallest one has the size of a pointer. A request takes `max(size, align)` rounded up to a power of two.
///
/// # Layout
///
/// The free blocks of an order form a singly linked list, whose links lie in the blocks themselves. Live blocks have no
/// header. The empty state is all zero bytes: a `static` heap lies in `.bss`. An example: 64 bytes from address 0x40, of
/// which 8 bytes at 0x48 and 16 bytes at 0x60 are live:
///
/// ```text
///   0x40    0x48    0x50            0x60            0x70            0x80
///     │ free  │ live  │     free      │     live      │     free      │
///
///   order 3 (8 bytes)  ─> 0x40
///   order 4 (16 bytes) ─> 0x70 ─> 0x50
/// ```
///
/// # Time complexity
///
/// `alloc` is O(`ORDER`). `dealloc` looks for the buddy of the block by scanning the list of its order, and again after
/// every merge: O(number of free blocks). `realloc` moves a block that outgrows its power of two, and one that then has at
/// most 4096 bytes, if a smaller block is free: that costs less than to give back the tail of the old one. Else, and in
/// `realloc_in_place`, the block stays and gives back its tail in up to `ORDER` pieces.
///
/// # Drawbacks
///
/// - The time of a `dealloc` grows with the number of free blocks; `ORDER` does not bound it.
/// - Rounding takes up to half of a block; a quarter on average for sizes spread evenly.
/// - No block is larger than `1 << (ORDER - 1)` bytes, whatever the region.
/// - A heap gives no region back: the package merges blocks of adjacent regions, and cannot take a block out of the middle of
///   a list, so [`release_region`](ByteAllocator::release_region) answers `None`.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_buddy::BuddyByteAllocator;
/// use allocator_core::{BaseAllocator, ByteAllocator};
///
/// let mut pool = vec![0u64; 512];
/// let mut heap = BuddyByteAllocator::new();
/// // SAFETY: nothing else uses the pool while the heap does.
/// unsafe { heap.init(pool.as_mut_ptr() as usize, 4096)? };
///
/// let layout = Layout::from_size_align(100, 4).unwrap();
/// let block = heap.alloc(layout)?;
/// assert_eq!(heap.used_bytes(), 128);
/// // SAFETY: the block came from this heap with this layout.
/// unsafe { heap.dealloc(block, layout) };
/// assert_eq!(heap.used_bytes(), 0);
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub struct BuddyByteAllocator<const ORDER: usize = 32> {
    /// The free blocks, each in the list of its order, and a count of all bytes and of those in live blocks.
    heap: Heap<ORDER>,
    /// The regions handed over. All of them is in blocks, but for trimmed ends and the table's overflows.
    regions: RegionTable,
}

// SAFETY: a shared heap is only read, and its blocks are not: no method that takes `&self` follows a list.
unsafe impl<const ORDER: usize> Sync for BuddyByteAllocator<ORDER> {}

/// The size of the smallest block, in bytes: a link fits it.
const GRANULE: usize = size_of::<usize>();

impl BuddyByteAllocator {
    /// An empty heap of the default 32 orders; [`with_order`](Self::with_order) makes any other.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_order()
    }
}

impl<const ORDER: usize> BuddyByteAllocator<ORDER> {
    const LARGEST_BLOCK: usize = {
        assert!(ORDER > GRANULE.trailing_zeros() as usize, "ORDER leaves no order for a block that holds a pointer");
        assert!(ORDER <= usize::BITS as usize, "ORDER is more than the number of address bits");
        1 << (ORDER - 1)
    };

    /// The largest size, in bytes, to which `realloc` makes a block smaller by moving rather than by splitting it. To give
    /// back one piece that was split off costs a scan of a list, as much as to give back the whole block; to copy so few bytes
    /// costs less.
    const CHEAP_TO_MOVE: usize = 4096;

    /// An empty heap of `ORDER` orders.
    ///
    /// An `ORDER` that leaves room for no block, or for blocks beyond the address space, does not compile:
    ///
    /// ```compile_fail,E0080
    /// static HEAP: allocator_buddy::BuddyByteAllocator<2> = allocator_buddy::BuddyByteAllocator::with_order();
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_buddy::BuddyByteAllocator;
    ///
    /// /// Blocks of up to 1 MiB.
    /// static HEAP: std::sync::Mutex<BuddyByteAllocator<21>> = std::sync::Mutex::new(BuddyByteAllocator::with_order());
    /// ```
    #[must_use]
    pub const fn with_order() -> Self {
        const { assert!(Self::LARGEST_BLOCK > 0) };
        Self { heap: Heap::new(), regions: RegionTable::new() }
    }

    /// The size of the block that serves `size` bytes at `align`, if there can be one.
    #[inline]
    fn block_size(size: usize, align: usize) -> Option<usize> {
        let block_size = size.max(align).max(GRANULE).checked_next_power_of_two()?;
        (block_size <= Self::LARGEST_BLOCK).then_some(block_size)
    }

    /// The layout by which the package knows a block of `block_size` bytes.
    ///
    /// The package adds a layout's size to a count of requested bytes, and subtracts it when the block comes back, possibly
    /// with another layout than it was asked for with. With a size of 0 that count stays right.
    #[inline]
    fn whole_block(block_size: usize) -> Layout {
        debug_assert!(block_size.is_power_of_two());
        // SAFETY: `block_size` is a power of two, and size 0 does not overflow when rounded up to it.
        unsafe { Layout::from_size_align_unchecked(0, block_size) }
    }

    /// Hands `region` to the package, as the largest aligned blocks that it consists of. A block whose buddy, in an adjacent
    /// region, is free is merged with it.
    ///
    /// # Safety
    ///
    /// The region is this heap's, and in none of its lists; its ends are multiples of `GRANULE`.
    unsafe fn insert(&mut self, region: Region) {
        let mut start = region.start();
        while start < region.end() {
            let largest_that_fits = 1 << (region.end() - start).ilog2();
            let natural_alignment = 1 << start.trailing_zeros();
            let block_size = Self::LARGEST_BLOCK.min(largest_that_fits).min(natural_alignment);
            // SAFETY: the block lies in the region, which the caller hands over.
            unsafe { self.heap.add_to_heap(start, start + block_size) };
            // Only freeing merges buddies, so the block goes out and in again: it was put at the head of its list.
            let block = self.heap.alloc(Self::whole_block(block_size));
            debug_assert_eq!(block.map(|block| block.as_ptr().addr()), Ok(start));
            if let Ok(block) = block {
                // SAFETY: the block was allocated just now, with this layout.
                unsafe { self.heap.dealloc(block, Self::whole_block(block_size)) };
            }
            start += block_size;
        }
    }

    /// Gives the tail of a live block back: all but the first `new_size` of its `old_size` bytes.
    ///
    /// # Safety
    ///
    /// `block` is a live block of `old_size` bytes; both sizes are block sizes, and the new one is not larger.
    unsafe fn split_off_tail(&mut self, block: NonNull<u8>, old_size: usize, new_size: usize) {
        let mut half = old_size / 2;
        while half >= new_size {
            // SAFETY: the upper half of a block is a block of half its size, and this one goes out of use.
            unsafe { self.heap.dealloc(block.add(half), Self::whole_block(half)) };
            half /= 2;
        }
    }
}

impl<const ORDER: usize> BaseAllocator for BuddyByteAllocator<ORDER> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if !self.regions.is_empty() {
            return Err(AllocError::InvalidParam);
        }
        // SAFETY: passed on from the caller.
        unsafe { self.add_memory(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        // The package looks one granule past the end of a region, so that must be an address too.
        let region = Region::between(region.start(), region.end().min(usize::MAX - GRANULE))?;
        // SAFETY: the caller hands the region over.
        let usable = unsafe { self.regions.insert(region, GRANULE, GRANULE)? };
        // SAFETY: the table has shown that the region is new; both its ends are aligned, as the size of an overflow
        // is a multiple of `GRANULE`.
        unsafe { self.insert(usable) };
        Ok(())
    }
}

// SAFETY: the package hands out blocks of what was added, aligned to their size, of at least the size and alignment
// asked for, and takes a block out of its lists while it is live. `realloc` keeps a block where it is or moves it the
// plain way. Neither calls back. The memory is reached through the heap's own lists only.
unsafe impl<const ORDER: usize> ByteAllocator for BuddyByteAllocator<ORDER> {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let block_size = Self::block_size(layout.size(), layout.align()).ok_or(AllocError::NoMemory)?;
        self.heap.alloc(Self::whole_block(block_size)).map_err(|()| AllocError::NoMemory)
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        let block_size = Self::block_size(layout.size(), layout.align());
        debug_assert!(block_size.is_some(), "no block has this layout");
        if let Some(block_size) = block_size {
            // SAFETY: the block is live and fits the layout, so it has the block size of that layout.
            unsafe { self.heap.dealloc(widen(ptr), Self::whole_block(block_size)) };
        }
    }

    fn total_bytes(&self) -> usize {
        self.heap.stats_total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.heap.stats_alloc_actual()
    }

    fn available_bytes(&self) -> usize {
        self.total_bytes() - self.used_bytes()
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        let old_block = Self::block_size(layout.size(), layout.align()).ok_or(AllocError::NoMemory)?;
        let new_block = Self::block_size(new_size, layout.align()).ok_or(AllocError::NoMemory)?;
        if new_block > old_block {
            // SAFETY: passed on from the caller.
            return unsafe { realloc_by_moving(self, ptr, layout, new_size) };
        }
        if new_block < old_block && new_block <= Self::CHEAP_TO_MOVE {
            // SAFETY: passed on from the caller.
            if let Ok(moved) = unsafe { realloc_by_moving(self, ptr, layout, new_size) } {
                return Ok(moved);
            }
        }
        // SAFETY: passed on from the caller; where the block has moved, the call is not reached.
        unsafe { self.realloc_in_place(ptr, layout, new_size) }
    }

    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        let old_block = Self::block_size(layout.size(), layout.align()).ok_or(AllocError::NoMemory)?;
        let new_block = Self::block_size(new_size, layout.align()).ok_or(AllocError::NoMemory)?;
        if new_block > old_block {
            return Err(AllocError::NoMemory);
        }
        let block = widen(ptr);
        // SAFETY: the block is live and fits `layout`, so it has `old_block` bytes.
        unsafe { self.split_off_tail(block, old_block, new_block) };
        Ok(block)
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        let block_size = Self::block_size(layout.size(), layout.align());
        (layout.size(), block_size.unwrap_or(layout.size()))
    }

    fn used_by_each(&self, layout: Layout) -> Option<usize> {
        Self::block_size(layout.size(), layout.align())
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        let block_size = Self::block_size(layout.size(), layout.align())?;
        // An aligned block, and behind an overflow of the table the next one that is aligned.
        let in_front =
            if self.regions.overhead_of_next() == 0 { 0 } else { block_size.max(RegionTable::OVERFLOW_SIZE) };
        Layout::from_size_align(block_size.checked_add(in_front)?, block_size).ok()
    }
}

impl<const ORDER: usize> Default for BuddyByteAllocator<ORDER> {
    fn default() -> Self {
        Self::with_order()
    }
}

impl<const ORDER: usize> fmt::Debug for BuddyByteAllocator<ORDER> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuddyByteAllocator")
            .field("total_bytes", &self.total_bytes())
            .field("used_bytes", &self.used_bytes())
            .field("regions", &self.regions)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_heap_is_read_without_a_lock() {
        static HEAP: BuddyByteAllocator = BuddyByteAllocator::new();
        assert_eq!((HEAP.total_bytes(), HEAP.used_bytes(), HEAP.available_bytes()), (0, 0, 0));
    }

    #[test]
    fn regions_at_the_very_end_of_the_address_space_do_not_overflow() {
        let mut heap = BuddyByteAllocator::new();
        for size in [1, GRANULE, 2 * GRANULE - 1] {
            let start = usize::MAX - size;
            // SAFETY: nothing is left of these regions, so they are not touched.
            assert_eq!(unsafe { heap.add_memory(start, size) }, Err(AllocError::InvalidParam));
        }
        assert_eq!(heap.total_bytes(), 0);
    }

    #[test]
    fn a_region_for_a_request_is_one_block() {
        let heap = BuddyByteAllocator::<17>::with_order();
        let region = |size, align| heap.region_for(Layout::from_size_align(size, align).unwrap());
        assert_eq!(region(100, 8), Layout::from_size_align(128, 128).ok());
        assert_eq!(region(100, 4096), Layout::from_size_align(4096, 4096).ok());
        assert_eq!((region(65_536, 1).is_some(), region(65_537, 1), region(1, 1 << 17)), (true, None, None));
    }
}
