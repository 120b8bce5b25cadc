//! [`PageBacked`], blocks out of pages.

use core::alloc::Layout;
use core::marker::PhantomData;
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
/// The adapter keeps nothing about a block: its run follows from its address and its layout. A block that shrinks gives
/// its last pages back. A block that grows takes the pages behind it; where one of those is taken, the block moves.
///
/// # Statistics
///
/// The page allocator may serve others, too, so the adapter counts its own blocks: `used` is the pages of its blocks,
/// `total` all pages of the page allocator, `available` their difference. Pages that others have taken are part of
/// `available`, which is then an upper bound; so is a page at address 0, which is never a block.
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
/// allocator; ends are trimmed to pages. The page allocator may have pages before.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_core::{AllocResult, BaseAllocator, ByteAllocator, PageAllocator, PageBacked};
///
/// /// A block of 5000 bytes out of any page allocator, and what of it can be used.
/// fn block<P: PageAllocator>(pages: P, start: usize, size: usize) -> AllocResult<usize> {
///     // SAFETY: the heap has the page allocator for itself, and the caller's memory from here on.
///     let mut heap = unsafe { PageBacked::new(pages) };
///     unsafe { heap.init(start, size)? };
///     let layout = Layout::from_size_align(5000, 8).unwrap();
///     heap.alloc(layout)?;
///     Ok(heap.usable_size(layout).1)
/// }
/// ```
#[derive(Debug)]
pub struct PageBacked<P> {
    pages: P,
    /// Invariant in `P`, so that blocks of one type of page allocator never go back through another.
    invariant: PhantomData<fn(P) -> P>,
    /// The pages of live blocks.
    used_pages: usize,
    /// What was handed over through this heap, and the page allocator has accepted: it cannot see what was trimmed off.
    regions: RegionTable,
}

impl<P> PageBacked<P> {
    /// A heap out of `pages`. O(1).
    ///
    /// # Safety
    ///
    /// A page allocator hands out numbers; this adapter makes memory of them. The caller promises:
    ///
    /// - The pages that `pages` has, and those that it is given later other than through this adapter, are memory that may
    ///   be read and written at their addresses, whose provenance is exposed, for as long as the adapter or a block of it
    ///   is there.
    /// - For as long, whoever else can reach the page allocator (through a clone of the reference in `pages`, a lock, or
    ///   [`pages`](Self::pages)) gives back only pages that it got itself, and neither replaces nor moves the page
    ///   allocator, or one inside it.
    ///
    /// # Examples
    ///
    /// A safe call does not compile:
    ///
    /// ```compile_fail,E0133
    /// fn heap<P: allocator_core::PageAllocator>(pages: P) -> allocator_core::PageBacked<P> {
    ///     allocator_core::PageBacked::new(pages)
    /// }
    /// ```
    #[must_use]
    pub const unsafe fn new(pages: P) -> Self {
        Self { pages, invariant: PhantomData, used_pages: 0, regions: RegionTable::new() }
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

    /// Gives pages back that the page allocator handed out to this adapter.
    fn give_back(&mut self, address: usize, num_pages: usize) {
        let given_back = self.pages.dealloc_pages(address, num_pages);
        debug_assert_eq!(given_back, Ok(()), "a block is a run of live pages");
    }

    /// A run for a block.
    #[inline]
    fn take_run(&mut self, num_pages: usize, align: usize) -> AllocResult<NonNull<u8>> {
        let address = self.pages.alloc_pages(num_pages, align).map_err(|_| AllocError::NoMemory)?;
        match pointer_at(address) {
            Some(block) => Ok(block),
            None => self.take_other_run(num_pages, align),
        }
    }

    /// A run for a block, after the page allocator handed out the run at address 0, which is none.
    #[cold]
    fn take_other_run(&mut self, num_pages: usize, align: usize) -> AllocResult<NonNull<u8>> {
        // While the page at address 0 alone is taken, the page allocator finds another run.
        self.give_back(0, num_pages);
        let held = self.pages.alloc_pages_at(0, 1, P::PAGE_SIZE);
        let other = self.pages.alloc_pages(num_pages, align);
        if held.is_ok() {
            self.give_back(0, 1);
        }
        let address = other.map_err(|_| AllocError::NoMemory)?;
        pointer_at(address).ok_or_else(|| {
            // Others who share the page allocator have freed the page at 0 meanwhile.
            self.give_back(address, num_pages);
            AllocError::NoMemory
        })
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

// SAFETY: a block is a run of pages that the page allocator has handed out to this adapter, as many as its layout needs and
// as aligned; they are memory, and nobody else gives them back (`new`). `realloc` gives back the end of a run, takes the
// pages behind it, or moves the plain way. The adapter calls nothing but the page allocator.
unsafe impl<P: PageAllocator> ByteAllocator for PageBacked<P> {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let num_pages = Self::pages_for(layout.size());
        let block = self.take_run(num_pages, layout.align().max(P::PAGE_SIZE))?;
        self.used_pages += num_pages;
        Ok(block)
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        let num_pages = Self::pages_for(layout.size());
        self.give_back(address_of(ptr), num_pages);
        self.used_pages -= num_pages;
    }

    fn total_bytes(&self) -> usize {
        self.pages.total_pages() * P::PAGE_SIZE
    }

    fn used_bytes(&self) -> usize {
        self.used_pages * P::PAGE_SIZE
    }

    fn available_bytes(&self) -> usize {
        self.total_bytes().saturating_sub(self.used_bytes())
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        let in_place = unsafe { self.realloc_in_place(ptr, layout, new_size) };
        // SAFETY: passed on from the caller; where it failed, the block is as it was.
        in_place.or_else(|_| unsafe { realloc_by_moving(self, ptr, layout, new_size) })
    }

    /// A smaller block always stays; a larger one does where the pages behind it are free.
    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
        let (old, new) = (Self::pages_for(layout.size()), Self::pages_for(new_layout.size()));
        let address = address_of(ptr);
        if new < old {
            self.give_back(address + new * P::PAGE_SIZE, old - new);
            self.used_pages -= old - new;
        } else if new > old {
            // 0 where the block ends with the address space.
            let behind = address.wrapping_add(old * P::PAGE_SIZE);
            if behind == 0 {
                return Err(AllocError::NoMemory);
            }
            self.pages.alloc_pages_at(behind, new - old, P::PAGE_SIZE).map_err(|_| AllocError::NoMemory)?;
            self.used_pages += new - old;
        }
        Ok(widen(ptr))
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        (layout.size(), Self::pages_for(layout.size()).saturating_mul(P::PAGE_SIZE))
    }

    fn used_by_each(&self, layout: Layout) -> Option<usize> {
        Some(self.usable_size(layout).1)
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        let run = Self::pages_for(layout.size()).checked_mul(P::PAGE_SIZE)?;
        let block = run.max(layout.align()).checked_next_power_of_two()?;
        // Twice the block holds one that is aligned. The rest is for pages that both tables and the page allocator may
        // keep for themselves, in the region: less than a 32nd of it, and a header.
        let size = block.checked_mul(2)?.checked_add(block / 16)?.checked_add(4 * P::PAGE_SIZE + 8192)?;
        Layout::from_size_align(size, P::PAGE_SIZE).ok()
    }
}
