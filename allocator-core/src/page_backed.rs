//! [`PageBacked`], blocks out of pages.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::address::{Region, address_of, pointer_at, widen};
use crate::error::{AllocError, AllocResult};
use crate::regions::RegionTable;
use crate::traits::{BaseAllocator, ByteAllocator, PageAllocator, realloc_by_moving};

/// A byte allocator made of a page allocator: each block is a run of whole pages.
///
/// By itself it is for blocks of about a page and more; as the backing of a slab heap it supplies chunks and large
/// blocks.
///
/// # What a block is
///
/// ```text
///   size 9000, align 8, pages of 4096            ┌──────────┬──────────┬──────────┐
///   pages = ⌈size / PAGE_SIZE⌉ = 3               │ the block, and 3288 bytes more │
///   alignment = max(align, PAGE_SIZE)            └──────────┴──────────┴──────────┘
/// ```
///
/// Nothing is kept about a block: its run follows from its address and its layout. A block that shrinks gives its last
/// pages back, and one that grows takes those behind it where they are free; only then does it move.
///
/// # Time complexity
///
/// That of the page allocator for a run; `realloc` that must move, O(size).
///
/// # Drawbacks
///
/// - A block of a few bytes takes a page.
/// - Where there are many disjoint regions, more than [`RegionTable::INLINE`], every few further ones lose a page to the
///   table of them.
///
/// # Memory
///
/// What it is given with [`init`](BaseAllocator::init) and [`add_memory`](BaseAllocator::add_memory) goes to the page
/// allocator; ends are trimmed to pages. A page allocator may have been given memory before; then see the safety of
/// [`BaseAllocator::init`]: its pages must be memory. Those of them that are taken count as used; a page at address 0
/// counts as available, and is never a block.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_core::{AllocResult, BaseAllocator, ByteAllocator, PageAllocator, PageBacked};
///
/// /// A block of 5000 bytes out of any page allocator, and what of it can be used.
/// fn block<P: PageAllocator>(pages: P, start: usize, size: usize) -> AllocResult<usize> {
///     let mut heap = PageBacked::new(pages);
///     // SAFETY: the caller's memory is the heap's from here on.
///     unsafe { heap.init(start, size)? };
///     let layout = Layout::from_size_align(5000, 8).unwrap();
///     heap.alloc(layout)?;
///     Ok(heap.usable_size(layout).1)
/// }
/// ```
#[derive(Debug, Default)]
pub struct PageBacked<P> {
    pages: P,
    /// What was handed over through this heap, and the page allocator has accepted: it cannot see what was trimmed off.
    regions: RegionTable,
}

impl<P> PageBacked<P> {
    /// A heap out of `pages`. O(1).
    #[must_use]
    pub const fn new(pages: P) -> Self {
        Self { pages, regions: RegionTable::new() }
    }

    /// The page allocator, for statistics.
    #[must_use]
    pub const fn pages(&self) -> &P {
        &self.pages
    }
}

impl<P: PageAllocator> PageBacked<P> {
    /// The pages of a block for `layout`. No layout is so large that this overflows.
    #[inline]
    const fn pages_for(size: usize) -> usize {
        if size == 0 { 1 } else { size.div_ceil(P::PAGE_SIZE) }
    }

    /// Gives pages back that were a block or a part of one.
    fn give_back(&mut self, address: usize, num_pages: usize) {
        let given_back = self.pages.dealloc_pages(address, num_pages);
        debug_assert_eq!(given_back, Ok(()), "a block is a run of live pages");
    }

    /// Hands `region` to the page allocator with `give`, less what was trimmed off.
    ///
    /// # Safety
    ///
    /// As for [`BaseAllocator::init`].
    unsafe fn accept(&mut self, region: Region, give: impl FnOnce(&mut P, Region) -> AllocResult) -> AllocResult {
        let usable = self.regions.usable_part(region, P::PAGE_SIZE, P::PAGE_SIZE)?;
        give(&mut self.pages, usable)?;
        // SAFETY: passed on from the caller; the page allocator has taken no more than the usable part.
        unsafe { self.regions.insert(region, P::PAGE_SIZE, P::PAGE_SIZE) }.map(drop)
    }
}

impl<P: PageAllocator> BaseAllocator for PageBacked<P> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        if self.pages.total_pages() > 0 {
            return Err(AllocError::InvalidParam);
        }
        // SAFETY: passed on from the caller.
        unsafe { self.accept(region, |pages, usable| pages.init(usable.start(), usable.size())) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        // SAFETY: passed on from the caller.
        unsafe { self.accept(region, |pages, usable| pages.add_memory(usable.start(), usable.size())) }
    }
}

// SAFETY: a block is a run of pages that the page allocator has handed out, which are apart from all others, as many as
// its layout needs and as aligned; they are memory (`BaseAllocator::init`), of which nobody keeps anything. `realloc`
// gives back the end of a run, takes the pages behind it, or moves the plain way. Nothing but the page allocator is
// called.
unsafe impl<P: PageAllocator> ByteAllocator for PageBacked<P> {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let (num_pages, align) = (Self::pages_for(layout.size()), layout.align().max(P::PAGE_SIZE));
        let address = self.pages.alloc_pages(num_pages, align).map_err(|_| AllocError::NoMemory)?;
        if let Some(block) = pointer_at(address) {
            return Ok(block);
        }
        // The page at address 0 is none for a block. While it alone is taken, another run is found.
        self.give_back(address, num_pages);
        let held = self.pages.alloc_pages_at(0, 1, P::PAGE_SIZE);
        let other = self.pages.alloc_pages(num_pages, align);
        if held.is_ok() {
            self.give_back(0, 1);
        }
        match other.map(pointer_at) {
            Ok(Some(block)) => Ok(block),
            _ => Err(AllocError::NoMemory),
        }
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        self.give_back(address_of(ptr), Self::pages_for(layout.size()));
    }

    fn total_bytes(&self) -> usize {
        self.pages.total_pages() * P::PAGE_SIZE
    }

    fn used_bytes(&self) -> usize {
        self.pages.used_pages() * P::PAGE_SIZE
    }

    fn available_bytes(&self) -> usize {
        self.pages.available_pages() * P::PAGE_SIZE
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
        let (old, new) = (Self::pages_for(layout.size()), Self::pages_for(new_layout.size()));
        let address = address_of(ptr);
        if new < old {
            self.give_back(address + new * P::PAGE_SIZE, old - new);
        } else if new > old {
            // 0 where the block ends with the address space.
            let behind = address.wrapping_add(old * P::PAGE_SIZE);
            if behind == 0 || self.pages.alloc_pages_at(behind, new - old, P::PAGE_SIZE).is_err() {
                // SAFETY: passed on from the caller.
                return unsafe { realloc_by_moving(self, ptr, layout, new_size) };
            }
        }
        Ok(widen(ptr))
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        (layout.size(), Self::pages_for(layout.size()).saturating_mul(P::PAGE_SIZE))
    }
}
