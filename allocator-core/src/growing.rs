//! [`Growing`], a heap that gets more memory by itself.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::error::{AllocError, AllocResult};
use crate::traits::{BaseAllocator, ByteAllocator, PageAllocator};

/// By how many pages a [`Growing`] heap grows.
///
/// A heap that has run out of memory takes as many pages as it has already, so that it doubles, within the bounds given
/// here; and more than that where the request needs more. Where so many are not free in one piece, it asks for half as
/// many, down to what the request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// At least so many pages at a time.
    pub least: usize,
    /// At most so many at a time, unless a single request needs more.
    pub most: usize,
    /// At most so many in all.
    pub limit: usize,
}

impl Growth {
    /// At least 16 pages at a time (64 KiB, for pages of 4 KiB), at most 1024 (4 MiB), any number in all.
    pub const DEFAULT: Self = Self { least: 16, most: 1024, limit: usize::MAX };
}

impl Default for Growth {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The two levels of a kernel's heap: a byte allocator that takes pages from a page allocator when it has run out of
/// memory.
///
/// ```text
///   alloc ──> bytes ── has a block ──────────────────────────────────> block
///               │ NoMemory                                              ^
///               └──> pages: a run, by the policy `Growth`               │
///                      └──> bytes.add_memory(run) ──> once more ────────┘
/// ```
///
/// Memory may come both ways: what is handed over with [`init`](BaseAllocator::init) and
/// [`add_memory`](BaseAllocator::add_memory) goes to the byte allocator at once, what is handed over with
/// [`add_pages`](Self::add_pages), or was in `pages` before, waits there. Statistics are those of the byte allocator, so
/// `total` grows inside `alloc` and `realloc`.
///
/// # Time complexity
///
/// That of the byte allocator. A request that makes the heap grow costs a request for a run, or a few, and the
/// `add_memory` of the byte allocator besides: O(log) times in the size of the heap until [`Growth::most`] is reached.
///
/// # Drawbacks
///
/// - Pages once taken stay with the byte allocator, as the traits have no way to ask for memory back. For a heap whose
///   free chunks go back to the pages, let pages be the backing: `SlabByteAllocator` over
///   [`PageBacked`](crate::PageBacked).
/// - A request that fails may have made the heap larger, by two runs at most; one as large or larger then fails without
///   growing, until the heap gets memory from outside.
/// - That a region handed to the heap overlaps one handed to its pages is seen when the pages are wanted, not at once.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_core::{AllocResult, BaseAllocator, ByteAllocator, Growing, PageAllocator};
///
/// /// A heap that begins with nothing, and takes what it needs from the frames of the machine.
/// fn kernel_heap<A: ByteAllocator, P: PageAllocator>(bytes: A, frames: P) -> AllocResult {
///     let mut heap = Growing::new(bytes, frames);
///     assert_eq!(heap.total_bytes(), 0);
///     let layout = Layout::new::<[u64; 100]>();
///     let block = heap.alloc(layout)?;
///     assert!(heap.total_bytes() >= 800 && heap.pages_taken() > 0);
///     // SAFETY: the block came from this heap with this layout.
///     unsafe { heap.dealloc(block, layout) };
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Growing<A, P> {
    bytes: A,
    pages: P,
    growth: Growth,
    /// How many pages `bytes` has got.
    taken: usize,
    /// The size and alignment of a request for which the heap grew, and which failed nevertheless: for one as large or
    /// larger it does not grow again, before it gets memory from outside.
    in_vain: Option<(usize, usize)>,
}

impl<A, P> Growing<A, P> {
    /// A heap of `bytes` that grows out of `pages` by [`Growth::DEFAULT`].
    #[must_use]
    pub const fn new(bytes: A, pages: P) -> Self {
        Self::with_growth(bytes, pages, Growth::DEFAULT)
    }

    /// A heap of `bytes` that grows out of `pages` by `growth`.
    #[must_use]
    pub const fn with_growth(bytes: A, pages: P, growth: Growth) -> Self {
        Self { bytes, pages, growth, taken: 0, in_vain: None }
    }

    /// The byte allocator, for statistics.
    #[must_use]
    pub const fn bytes(&self) -> &A {
        &self.bytes
    }

    /// The byte allocator, for what it can do beyond the traits: `reclaim`, `trim` and `statistics` of a slab heap.
    ///
    /// Blocks go back through the heap or through this, all the same; another byte allocator in its place knows none of
    /// them.
    #[must_use]
    pub const fn bytes_mut(&mut self) -> &mut A {
        self.in_vain = None;
        &mut self.bytes
    }

    /// The page allocator, for statistics.
    #[must_use]
    pub const fn pages(&self) -> &P {
        &self.pages
    }

    /// How many pages the byte allocator has got.
    #[must_use]
    pub const fn pages_taken(&self) -> usize {
        self.taken
    }
}

impl<A: ByteAllocator, P: PageAllocator> Growing<A, P> {
    /// Hands a further region to the page allocator: `size` bytes from address `start`, which wait there until the heap
    /// needs them.
    ///
    /// # Errors
    ///
    /// As for [`BaseAllocator::add_memory`] of the page allocator.
    ///
    /// # Safety
    ///
    /// As for [`BaseAllocator::init`], as the pages come to be blocks.
    pub unsafe fn add_pages(&mut self, start: usize, size: usize) -> AllocResult {
        self.in_vain = None;
        // SAFETY: passed on from the caller.
        unsafe { self.pages.add_memory(start, size) }
    }

    /// Does what `request` does, and where there is no memory for it, once more after the heap has grown for a block of
    /// `layout`.
    #[inline]
    fn or_grow<T>(&mut self, layout: Layout, request: impl Fn(&mut A) -> AllocResult<T>) -> AllocResult<T> {
        match request(&mut self.bytes) {
            Err(AllocError::NoMemory) => self.grow_and_retry(layout, request),
            answer => answer,
        }
    }

    #[cold]
    #[inline(never)]
    fn grow_and_retry<T>(&mut self, layout: Layout, request: impl Fn(&mut A) -> AllocResult<T>) -> AllocResult<T> {
        if self.in_vain.is_some_and(|(size, align)| layout.size() >= size && layout.align() >= align) {
            return Err(AllocError::NoMemory);
        }
        // What a block takes in a heap, with its header, at its place and in its list, is for the heap to know. Somewhat
        // more than the block does for most; a run of twice the next power of two for the others.
        let usable = self.bytes.usable_size(layout).1.max(layout.size()).max(1);
        let tight = usable.saturating_add(usable / 16).saturating_add(512).saturating_add(layout.align());
        let power = usable.max(layout.align()).checked_next_power_of_two().unwrap_or(usize::MAX);
        let before = self.taken;
        for (bytes, align) in [(tight, layout.align()), (power.saturating_mul(2), power)] {
            if self.grow(bytes, align).is_err() {
                break;
            }
            match request(&mut self.bytes) {
                Err(AllocError::NoMemory) => {}
                answer => return answer,
            }
        }
        if self.taken > before {
            self.in_vain = Some((layout.size(), layout.align()));
        }
        Err(AllocError::NoMemory)
    }

    /// Gives the byte allocator a run of pages by the policy, of at least `bytes` bytes.
    fn grow(&mut self, bytes: usize, align: usize) -> AllocResult {
        let left = self.growth.limit.saturating_sub(self.taken);
        let needed = bytes.div_ceil(P::PAGE_SIZE);
        if needed > left.min(self.pages.available_pages()) {
            return Err(AllocError::NoMemory);
        }
        let by_policy = (self.bytes.total_bytes() / P::PAGE_SIZE).min(self.growth.most).max(self.growth.least);
        let mut num_pages = by_policy.min(left).max(needed);
        // Aligned as the block, or as the larger part of the run: a heap of powers of two gets less use out of others.
        let natural = 1 << (needed * P::PAGE_SIZE).ilog2();
        let align = if align.is_power_of_two() { align.max(natural).max(P::PAGE_SIZE) } else { natural };
        loop {
            let run =
                self.pages.alloc_pages(num_pages, align).or_else(|_| self.pages.alloc_pages(num_pages, P::PAGE_SIZE));
            match run {
                Ok(start) => return self.take_in(start, num_pages),
                Err(_) if num_pages > needed => num_pages = (num_pages / 2).max(needed),
                Err(_) => return Err(AllocError::NoMemory),
            }
        }
    }

    /// Hands a run of pages over.
    fn take_in(&mut self, start: usize, num_pages: usize) -> AllocResult {
        // SAFETY: the pages are memory (`BaseAllocator::init`), and nobody else's since the page allocator handed them
        // out; they are not given back while the byte allocator has them.
        let added = unsafe { self.bytes.add_memory(start, num_pages * P::PAGE_SIZE) };
        if added.is_err() {
            let given_back = self.pages.dealloc_pages(start, num_pages);
            debug_assert_eq!(given_back, Ok(()), "the run was taken just now");
            return Err(AllocError::NoMemory);
        }
        self.taken += num_pages;
        Ok(())
    }
}

impl<A: ByteAllocator, P: PageAllocator> BaseAllocator for Growing<A, P> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        self.in_vain = None;
        // SAFETY: passed on from the caller.
        unsafe { self.bytes.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        self.in_vain = None;
        // SAFETY: passed on from the caller.
        unsafe { self.bytes.add_memory(start, size) }
    }
}

// SAFETY: every block is one of the byte allocator's, whose promises these are; what it is given besides the caller's
// regions are pages that nobody else has. Nothing but the two allocators is called.
unsafe impl<A: ByteAllocator, P: PageAllocator> ByteAllocator for Growing<A, P> {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.or_grow(layout, |bytes| bytes.alloc(layout))
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.bytes.dealloc(ptr, layout) }
    }

    fn total_bytes(&self) -> usize {
        self.bytes.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.bytes.used_bytes()
    }

    fn available_bytes(&self) -> usize {
        self.bytes.available_bytes()
    }

    #[inline]
    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.or_grow(layout, |bytes| bytes.alloc_zeroed(layout))
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
        // SAFETY: passed on from the caller; where it failed, the block is as it was.
        self.or_grow(new_layout, |bytes| unsafe { bytes.realloc(ptr, layout, new_size) })
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        self.bytes.usable_size(layout)
    }
}
