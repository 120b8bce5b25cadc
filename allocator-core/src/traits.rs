//! The traits of allocators: of bytes, of pages, of ids.
//!
//! Units are the same everywhere: `start`, `size`, `base`, `pos`, `within` and `align_pow2` are bytes (for ids: ids),
//! `num_pages` counts pages.
//!
//! An allocator without memory is an empty one. It answers requests with [`AllocError::NoMemory`], and requests for a
//! given place with [`AllocError::InvalidParam`]; its statistics are 0; nothing panics.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ops::RangeInclusive;
use core::ptr::NonNull;

use crate::address::{Region, align_up, widen};
use crate::error::{AllocError, AllocResult};

/// An allocator that manages memory, which callers hand to it as regions.
///
/// Callers hand over any number of regions, anywhere, in any order. The allocator trims ends that do not suit it inward.
pub trait BaseAllocator {
    /// Hands over the first region: `size` bytes from address `start`.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: the region is too small to hold anything after trimming, reaches past the
    ///   address space or lies outside what the engine can cover; or the allocator already has memory.
    ///
    /// On an error nothing has changed, and the region is still the caller's.
    ///
    /// # Safety
    ///
    /// For as long as the allocator may use the region (for a reference: the allocator behind it):
    ///
    /// - Nothing else uses the region, other than through what the allocator hands out.
    /// - The region may be read and written, and its provenance is exposed (a cast of its pointer to `usize` does that),
    ///   if the allocator is a byte allocator, or a page allocator that keeps its metadata in the region, or one whose
    ///   pages become blocks ([`PageBacked`](crate::PageBacked), [`Growing`](crate::Growing)).
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult;

    /// Hands over a further region: `size` bytes from address `start`. Before [`init`](Self::init) it is the first.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: as for [`init`](Self::init), save that the allocator may have memory;
    /// - [`AllocError::MemoryOverlap`]: the region overlaps memory that the allocator already has;
    /// - [`AllocError::NoMemory`]: the engine has no room to remember one more disjoint region.
    ///
    /// On an error nothing has changed, and the region is still the caller's.
    ///
    /// # Safety
    ///
    /// As for [`init`](Self::init).
    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult;
}

/// Allocates blocks of any size and alignment.
///
/// A request of size 0 is served as size 1. A block *fits* a layout iff the block was handed out for the layout's
/// alignment, and the layout's size is between the size last asked for and the usable size of that request
/// ([`usable_size`](Self::usable_size)).
///
/// # Statistics
///
/// `total = used + available`, in bytes, after every call.
///
/// - `total` is what could be handed out: all memory under management less fixed bookkeeping. It changes only with
///   [`init`](BaseAllocator::init), [`add_memory`](BaseAllocator::add_memory) and their reverse, and inside `alloc` for a
///   heap that grows by itself.
/// - `used` is what live blocks take out of circulation, rounding and headers included.
/// - To ask changes nothing: no statistic allocates, grows the allocator or moves memory.
///
/// # Safety
///
/// Callers make references of what an implementation returns, and check nothing. An implementation promises:
///
/// - a block handed out has at least `layout.size()` bytes (1 where that is 0) and an address that is a multiple of
///   `layout.align()`; it lies inside the regions handed over, apart from every live block and from the allocator's
///   own data; the pointer may be read and written over the whole block;
/// - until the block is given back the allocator neither reads nor writes it, and it stays where it is even if the
///   allocator itself is moved;
/// - [`alloc_zeroed`](Self::alloc_zeroed) gives zeroes; [`realloc`](Self::realloc) keeps the contents and the
///   alignment, returns a pointer to the whole block even if it was given a narrowed one, and leaves the block alone
///   when it fails;
/// - all of a block may be used, up to the [`usable_size`](Self::usable_size) of its layout;
/// - a batch holds what so many calls of [`alloc`](Self::alloc) would return; a resize in place returns the same address;
/// - a region that [`release_region`](Self::release_region) returns is one that was handed over; no live block lies in
///   it, and the allocator does not touch it any more;
/// - no method, those of [`BaseAllocator`] included, calls code that might call back into the same allocator, and none
///   unwinds;
/// - the memory is reached through this value alone: once the value is gone, nothing touches the regions any more. (A
///   reference to an allocator stands for the allocator behind it.)
pub unsafe trait ByteAllocator: BaseAllocator {
    /// Allocates a block that fits `layout`. Its contents are not initialised.
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`] when no free block fits; nothing has changed.
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>>;

    /// Gives a block back.
    ///
    /// The pointer may have been narrowed to the object that lived in the block, as `Box` does.
    ///
    /// # Safety
    ///
    /// `ptr` came from this allocator, has not been given back since, and fits `layout`.
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout);

    /// The bytes that could be handed out.
    fn total_bytes(&self) -> usize;

    /// The bytes that live blocks take out of circulation.
    fn used_bytes(&self) -> usize;

    /// The bytes that are left: `total_bytes() - used_bytes()`.
    fn available_bytes(&self) -> usize;

    /// Allocates a block that fits `layout`, its first `layout.size()` bytes zero.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc).
    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let block = self.alloc(layout)?;
        // SAFETY: `alloc` promises `layout.size()` writable bytes.
        unsafe { block.write_bytes(0, layout.size()) };
        Ok(block)
    }

    /// Makes a block `new_size` bytes large, moving it if need be; the contents up to the smaller size and the
    /// alignment stay. The block then fits the layout of `new_size` and the old alignment.
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`]: the block is untouched and still the caller's, with its old layout.
    ///
    /// # Safety
    ///
    /// `ptr` came from this allocator, has not been given back since, and fits `layout`.
    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        unsafe { realloc_by_moving(self, ptr, layout, new_size) }
    }

    /// Makes a block `new_size` bytes large where it is; it never moves. The block then fits the layout of `new_size` and
    /// the old alignment, and the pointer returned reaches all of it.
    ///
    /// An engine overrides this where it can do it. A smaller `new_size` whose usable size is the one that the block has
    /// already always succeeds there.
    ///
    /// # Time complexity
    ///
    /// The engine's own; never O(size).
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`]: the block cannot have that size where it is, or the engine has no way to do it (the
    /// provided method). The block is untouched and still the caller's, with its old layout.
    ///
    /// # Safety
    ///
    /// `ptr` came from this allocator, has not been given back since, and fits `layout`.
    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        let _ = (ptr, layout, new_size);
        Err(AllocError::NoMemory)
    }

    /// How many bytes of a block for `layout` may be used: `(asked for, usable)`.
    ///
    /// `usable >= asked for` where such a block can exist at all.
    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        (layout.size(), layout.size())
    }

    /// By how many bytes a live block raises [`used_bytes`](Self::used_bytes), for allocators over this one, which count what
    /// they take: others may use it, too.
    ///
    /// The same for every layout that the block fits, and for as long as it keeps its place and usable size. The provided
    /// method answers the usable size; an engine whose blocks have headers or padding overrides it.
    ///
    /// # Time complexity
    ///
    /// O(1).
    ///
    /// # Safety
    ///
    /// `ptr` came from this allocator, has not been given back since, and fits `layout`.
    unsafe fn used_by(&self, ptr: NonNull<u8>, layout: Layout) -> usize {
        let _ = ptr;
        self.usable_size(layout).1
    }

    /// What [`used_by`](Self::used_by) answers for every block of `layout`, if it is the same for all, for allocators over this
    /// one that count many blocks at once; `None` where it depends on the block, or the engine does not say (the provided
    /// method).
    ///
    /// # Time complexity
    ///
    /// O(1).
    fn used_by_each(&self, layout: Layout) -> Option<usize> {
        let _ = layout;
        None
    }

    /// Allocates as many blocks for `layout` as there are, at most `out.len()`, and returns those: the first entries of
    /// `out`, now initialised. Each is a block as [`alloc`](Self::alloc) gives it.
    ///
    /// Fewer than asked for means that the next one would have been refused.
    ///
    /// # Time complexity
    ///
    /// That of [`alloc`](Self::alloc) for each block, or better.
    fn alloc_batch<'o>(&mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]) -> &'o mut [NonNull<u8>] {
        let mut len = 0;
        while len < out.len() {
            match self.alloc(layout) {
                Ok(block) => out[len].write(block),
                Err(_) => break,
            };
            len += 1;
        }
        // SAFETY: the first `len` entries were written just now.
        unsafe { initialized(&mut out[..len]) }
    }

    /// Gives blocks back, all of the same layout.
    ///
    /// # Time complexity
    ///
    /// That of [`dealloc`](Self::dealloc) for each block, or better.
    ///
    /// # Safety
    ///
    /// Each of `blocks` came from this allocator, has not been given back since, fits `layout`, and is there once.
    unsafe fn dealloc_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        for &block in blocks {
            // SAFETY: passed on from the caller.
            unsafe { self.dealloc(block, layout) };
        }
    }

    /// Gives what is wholly free back to where the allocator took it from, and returns how many bytes that were.
    ///
    /// For allocators over a backing; one that has nothing below it gives back nothing, and returns 0.
    fn trim(&mut self) -> usize {
        0
    }

    /// Forgets a region in which nothing is live and returns it; `None` where there is none, or the engine cannot tell.
    ///
    /// What is returned was handed over by one call of [`init`](BaseAllocator::init) or
    /// [`add_memory`](BaseAllocator::add_memory): all of it, or what was left after ends were trimmed that did not suit the
    /// allocator. `total` is smaller by what that call added. The memory is the caller's again, to use or to hand over anew.
    fn release_region(&mut self) -> Option<Region> {
        None
    }

    /// The size and alignment of a region that would make a request for `layout` succeed, whatever else the allocator
    /// has: where [`add_memory`](BaseAllocator::add_memory) accepts such a region, the next [`alloc`](Self::alloc) of
    /// `layout` succeeds. `None` where no region would help.
    ///
    /// A heap that grows by itself ([`Growing`](crate::Growing)) asks this before it takes memory from anywhere. The
    /// provided method is generous, for an engine of which nothing is known.
    ///
    /// # Time complexity
    ///
    /// O(1).
    fn region_for(&self, layout: Layout) -> Option<Layout> {
        let power = layout.size().max(layout.align()).max(64).checked_next_power_of_two()?;
        // Twice the power of two holds one that is aligned, however the engine trims; the rest is for its bookkeeping.
        Layout::from_size_align(power.checked_mul(2)?.checked_add(power / 8)?.checked_add(1024)?, power).ok()
    }
}

/// The entries of a batch that have been written.
///
/// # Safety
///
/// All of `entries` are initialised.
pub(crate) unsafe fn initialized(entries: &mut [MaybeUninit<NonNull<u8>>]) -> &mut [NonNull<u8>] {
    // SAFETY: `MaybeUninit<T>` has the layout of `T`; initialised, as the caller promises, and borrowed mutably.
    unsafe { &mut *(core::ptr::from_mut(entries) as *mut [NonNull<u8>]) }
}

/// [`ByteAllocator::realloc`] the plain way: allocates, copies, gives back. An engine calls it where its own `realloc` has
/// found nothing better. O(size).
///
/// # Errors
///
/// As for [`ByteAllocator::realloc`].
///
/// # Safety
///
/// As for [`ByteAllocator::realloc`].
pub unsafe fn realloc_by_moving<A: ByteAllocator + ?Sized>(
    allocator: &mut A,
    ptr: NonNull<u8>,
    layout: Layout,
    new_size: usize,
) -> AllocResult<NonNull<u8>> {
    let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
    let new = allocator.alloc(new_layout)?;
    // SAFETY: both blocks are live, so they are apart, and each has at least the smaller of the two sizes.
    unsafe { new.copy_from_nonoverlapping(widen(ptr), layout.size().min(new_size)) };
    // SAFETY: passed on from the caller.
    unsafe { allocator.dealloc(ptr, layout) };
    Ok(new)
}

/// Allocates pages and runs of contiguous pages, known by their addresses.
///
/// The pages need not be mapped: an engine whose metadata lies elsewhere never touches them, and address 0 can be one.
///
/// `total = used + available`, in pages, after every call.
///
/// # Safety
///
/// Callers map and write what an implementation returns, and check nothing. An implementation promises:
///
/// - every page handed out lies inside the regions handed over, is not allocated already, and holds none of the
///   allocator's own data;
/// - a run is contiguous; its address is a multiple of the alignment asked for, whatever the length of the run;
/// - a run for a place is at that place, and a run within a range of addresses lies wholly in that range;
/// - until a page is given back the allocator neither reads nor writes it;
/// - no method calls code that might call back into the same allocator, and none unwinds;
/// - the memory is reached through this value alone, as for [`ByteAllocator`].
pub unsafe trait PageAllocator: BaseAllocator {
    /// The size of a page in bytes, a power of two.
    const PAGE_SIZE: usize;

    /// Allocates `num_pages` contiguous pages whose address is a multiple of `align_pow2` bytes, and returns it.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: `num_pages` is 0; `align_pow2` is no power of two or below
    ///   [`PAGE_SIZE`](Self::PAGE_SIZE);
    /// - [`AllocError::NoMemory`]: no such run is free.
    fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize>;

    /// Allocates the `num_pages` pages from address `base`, a multiple of `align_pow2` bytes, and returns `base`.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: as for [`alloc_pages`](Self::alloc_pages); `base` is not a multiple of
    ///   `align_pow2`; some of the pages are not managed;
    /// - [`AllocError::NoMemory`]: some of the pages are taken.
    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize>;

    /// Allocates `num_pages` contiguous pages that lie wholly within the addresses `within` (both ends included), at a
    /// multiple of `align_pow2` bytes, and returns their address: for a device that reaches 32 address bits only, or for
    /// the memory of one NUMA node.
    ///
    /// # Time complexity
    ///
    /// The provided method tries [`alloc_pages`](Self::alloc_pages), and then [`alloc_pages_at`](Self::alloc_pages_at) for
    /// each multiple of the alignment in what `within` and [`span`](Self::span) have in common. The native engines do it in
    /// O(log n).
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: as for [`alloc_pages`](Self::alloc_pages); `within` is empty;
    /// - [`AllocError::NoMemory`]: no such run is free there; none of the addresses need be managed.
    fn alloc_pages_in(
        &mut self,
        within: RangeInclusive<usize>,
        num_pages: usize,
        align_pow2: usize,
    ) -> AllocResult<usize> {
        alloc_pages_in_by_trying(self, within, num_pages, align_pow2)
    }

    /// Gives back `num_pages` pages from address `pos`: a whole run, or any part of one or of adjacent ones.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: `num_pages` is 0;
    /// - [`AllocError::NotAllocated`]: any of the pages is free or not managed, or `pos` is not the address of a page;
    ///   nothing has changed.
    fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult;

    /// The number of pages under management.
    fn total_pages(&self) -> usize;

    /// The number of allocated pages.
    fn used_pages(&self) -> usize;

    /// The number of free pages.
    fn available_pages(&self) -> usize;

    /// Addresses that all pages lie within, both ends included: as few as the engine can tell in O(1) or O(log n); an
    /// empty range where there are no pages. The provided method knows no better than all addresses.
    fn span(&self) -> RangeInclusive<usize> {
        0..=usize::MAX
    }
}

/// Whether a request for pages makes sense: it is for a page or more, at an alignment of pages. If not, the answer is
/// [`AllocError::InvalidParam`]: the check with which every engine begins. O(1).
#[must_use]
#[inline]
pub const fn is_page_request(num_pages: usize, align_pow2: usize, page_size: usize) -> bool {
    num_pages > 0 && align_pow2.is_power_of_two() && align_pow2 >= page_size
}

/// [`PageAllocator::alloc_pages_in`] the plain way: tries one place after another.
///
/// # Time complexity
///
/// One `alloc_pages`, and one `alloc_pages_at` for each multiple of `align_pow2` in what `within` and the engine's `span`
/// have in common, at most 2^24 of them; none of these where so many pages are not free at all.
///
/// # Errors
///
/// As for [`PageAllocator::alloc_pages_in`]. Where the engine's `span` is the provided one, which knows nothing, and `within`
/// has more than 2^24 multiples of `align_pow2`, [`AllocError::NoMemory`] may come although a run is free above those.
pub fn alloc_pages_in_by_trying<P: PageAllocator + ?Sized>(
    pages: &mut P,
    within: RangeInclusive<usize>,
    num_pages: usize,
    align_pow2: usize,
) -> AllocResult<usize> {
    if !is_page_request(num_pages, align_pow2, P::PAGE_SIZE) || within.is_empty() {
        return Err(AllocError::InvalidParam);
    }
    let bytes = num_pages.checked_mul(P::PAGE_SIZE).ok_or(AllocError::NoMemory)?;
    let span = pages.span();
    let (low, high) = (*within.start().max(span.start()), *within.end().min(span.end()));
    if span.is_empty() || low > high || high - low < bytes - 1 || num_pages > pages.available_pages() {
        return Err(AllocError::NoMemory);
    }
    let last = high - (bytes - 1);
    let anywhere = pages.alloc_pages(num_pages, align_pow2)?;
    if (low..=last).contains(&anywhere) {
        return Ok(anywhere);
    }
    pages.dealloc_pages(anywhere, num_pages)?;
    let mut next = align_up(low, align_pow2).filter(|&base| base <= last);
    for _ in 0..MOST_PLACES {
        let Some(base) = next else { break };
        if pages.alloc_pages_at(base, num_pages, align_pow2).is_ok() {
            return Ok(base);
        }
        next = base.checked_add(align_pow2).filter(|&base| base <= last);
    }
    Err(AllocError::NoMemory)
}

/// How many places [`alloc_pages_in_by_trying`] tries: the pages of 64 GiB, a moment's work, and not those of all addresses.
const MOST_PLACES: usize = 1 << 24;

/// Allocates small integers: thread ids, ports, interrupt vectors.
///
/// Ids are `0..size()`. `size = used + available` after every call. No method is `unsafe`: a wrong id harms no memory.
pub trait IdAllocator {
    /// Allocates `count` adjacent ids, the first a multiple of `align_pow2`, and returns the first.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: `count` is 0 or `align_pow2` is no power of two;
    /// - [`AllocError::NoMemory`]: no such ids are free.
    fn alloc_id(&mut self, count: usize, align_pow2: usize) -> AllocResult<usize>;

    /// Gives back `count` ids from `start_id`: all that were allocated together, or any part.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: `count` is 0;
    /// - [`AllocError::NotAllocated`]: any of them is free or out of range; nothing has changed.
    fn dealloc_id(&mut self, start_id: usize, count: usize) -> AllocResult;

    /// Whether `id` is allocated; an id out of range is not.
    fn is_allocated(&self, id: usize) -> bool;

    /// Allocates the very id `id`.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: `id` is out of range;
    /// - [`AllocError::NoMemory`]: `id` is taken.
    fn alloc_fixed_id(&mut self, id: usize) -> AllocResult;

    /// The number of ids there are.
    fn size(&self) -> usize;

    /// The number of allocated ids.
    fn used(&self) -> usize;

    /// The number of free ids.
    fn available(&self) -> usize;
}

#[cfg(test)]
mod tests;
