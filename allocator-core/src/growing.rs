//! [`Growing`], a heap that gets more memory by itself.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::address::{Region, align_down};
use crate::error::{AllocError, AllocResult};
use crate::traits::{BaseAllocator, ByteAllocator, PageAllocator, initialized};

/// By how many pages a [`Growing`] heap grows.
///
/// A heap that has run out of memory takes as many pages as it has already, so that it doubles, within the bounds given
/// here; more where the request needs more. Where no run of so many pages is free, the heap asks for half as many, down
/// to what the request needs.
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

/// The regions that a [`Growing`] heap was handed by its caller: what is not among them came from the pages.
///
/// # Invariants
///
/// - `regions[..len]` are those that the caller handed over, unless `overflowed`: then they are some of them.
#[derive(Debug)]
struct CallersRegions {
    regions: [Option<Region>; Self::MOST],
    len: usize,
    overflowed: bool,
}

impl CallersRegions {
    const MOST: usize = 8;

    const fn new() -> Self {
        Self { regions: [None; Self::MOST], len: 0, overflowed: false }
    }

    fn insert(&mut self, region: Region) {
        if self.len < Self::MOST {
            self.regions[self.len] = Some(region);
            self.len += 1;
        } else {
            self.overflowed = true;
        }
    }

    /// Whether `region` may be, or hold, one of the caller's.
    fn may_have(&self, region: Region) -> bool {
        self.overflowed || self.regions.iter().flatten().any(|callers| callers.overlaps(region))
    }

    /// Forgets what lies in `region`, which the byte allocator has forgotten.
    fn remove(&mut self, region: Region) {
        let mut kept = 0;
        for index in 0..self.len {
            let callers = self.regions[index];
            if !callers.is_some_and(|callers| region.contains(callers)) {
                self.regions[kept] = callers;
                kept += 1;
            }
        }
        self.regions[kept..].fill(None);
        self.len = kept;
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
/// Memory may come both ways. What the caller hands over with [`init`](BaseAllocator::init) and
/// [`add_memory`](BaseAllocator::add_memory) goes to the byte allocator at once. What the caller hands over with
/// [`add_pages`](Self::add_pages), or was in `pages` before, waits there. Statistics are those of the byte allocator, so
/// `total` grows inside `alloc`, `realloc` and `alloc_batch`.
///
/// # Which heap
///
/// | byte allocator | what becomes of its pages |
/// | --- | --- |
/// | one that gives regions back ([`release_region`](ByteAllocator::release_region)), such as `QuickByteAllocator` | [`trim`](ByteAllocator::trim) gives those back in which nothing is live |
/// | one that does not (`TlsfByteAllocator`, `BuddyByteAllocator`) | they stay with the heap for ever |
///
/// A heap whose memory goes back to the pages chunk by chunk is `SlabByteAllocator` over
/// [`PageBacked`](crate::PageBacked): after a burst, and with one block in a hundred still live, `trim` gives most of its
/// pages back, while `Growing` around a slab heap over TLSF gives back none (`cargo test --test adapters burst --
/// --nocapture` prints both). Take `Growing` where the heap needs its largest size all the time, or with an engine of the
/// first kind.
///
/// # Time complexity
///
/// That of the byte allocator. A request that makes the heap grow costs requests for a run, O(log) of them in the pages
/// that the policy asks for, and the `add_memory` of the byte allocator besides. The heap grows O(log) times in its size
/// until [`Growth::most`] is reached.
///
/// A request that growing cannot serve takes no pages: the heap asks the byte allocator for the region that would serve
/// it ([`region_for`](ByteAllocator::region_for)), and takes a run only if one of that size is free. Nothing of a refusal
/// is remembered.
///
/// # Drawbacks
///
/// - The heap sees that a region handed to it overlaps one handed to its pages when it wants the pages, not at once.
/// - A byte allocator whose `region_for` promises too much may leave the heap larger after a request that fails.
/// - `trim` and `release_region` release nothing once the caller has handed over more than 8 regions, besides pages:
///   the heap cannot tell them from its pages any more.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_core::{AllocResult, BaseAllocator, ByteAllocator, Growing, PageAllocator};
///
/// /// A heap that begins with nothing, and takes what it needs from the frames of the machine.
/// ///
/// /// # Safety
/// ///
/// /// The frames are memory, and nobody else gives back those of the heap.
/// unsafe fn kernel_heap<A: ByteAllocator, P: PageAllocator>(bytes: A, frames: P) -> AllocResult {
///     // SAFETY: passed on from the caller.
///     let mut heap = unsafe { Growing::new(bytes, frames) };
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
    /// Invariant in both, so that blocks and pages of one type of allocator never go back through another.
    invariant: PhantomData<Invariant<(A, P)>>,
    growth: Growth,
    /// How many pages `bytes` has got from `pages`.
    taken: usize,
    /// What `bytes` has got from the caller.
    callers: CallersRegions,
}

/// Takes and returns a `T`, so that no `T` can stand for another.
type Invariant<T> = fn(T) -> T;

impl<A, P> Growing<A, P> {
    /// A heap of `bytes` that grows out of `pages` by [`Growth::DEFAULT`]. O(1).
    ///
    /// # Safety
    ///
    /// A page allocator hands out numbers; this adapter makes memory of them. The caller promises:
    ///
    /// - The pages that `pages` has, and those that it is given later, are memory that may be read and written at their
    ///   addresses, whose provenance is exposed, for as long as the adapter, `bytes` (which may be a reference to an
    ///   engine that outlives the adapter) or a block of it is there.
    /// - For as long, whoever else can reach the page allocator (through a clone of the reference in `pages`, a lock, or
    ///   [`pages`](Self::pages)) gives back only pages that it got itself, and neither replaces nor moves the page
    ///   allocator, or one inside it.
    /// - `bytes` has no memory yet. While the adapter is there, `bytes` gets memory only from the adapter and through it
    ///   ([`init`](BaseAllocator::init), [`add_memory`](BaseAllocator::add_memory)), and nobody else calls
    ///   [`release_region`](ByteAllocator::release_region) of it.
    ///
    /// # Examples
    ///
    /// A safe call does not compile:
    ///
    /// ```compile_fail,E0133
    /// use allocator_core::{ByteAllocator, Growing, PageAllocator};
    ///
    /// fn heap<A: ByteAllocator, P: PageAllocator>(bytes: A, pages: P) -> Growing<A, P> {
    ///     Growing::new(bytes, pages)
    /// }
    /// ```
    #[must_use]
    pub const unsafe fn new(bytes: A, pages: P) -> Self {
        // SAFETY: passed on from the caller.
        unsafe { Self::with_growth(bytes, pages, Growth::DEFAULT) }
    }

    /// A heap of `bytes` that grows out of `pages` by `growth`. O(1).
    ///
    /// # Safety
    ///
    /// As for [`new`](Self::new).
    #[must_use]
    pub const unsafe fn with_growth(bytes: A, pages: P, growth: Growth) -> Self {
        Self { bytes, pages, invariant: PhantomData, growth, taken: 0, callers: CallersRegions::new() }
    }

    /// The byte allocator, for statistics.
    #[must_use]
    pub const fn bytes(&self) -> &A {
        &self.bytes
    }

    /// The byte allocator, for what it can do beyond the traits, as `reclaim` of a slab heap.
    ///
    /// # Safety
    ///
    /// - The caller does not replace the byte allocator, whole or in part: no swap, no assignment, of it or of an engine
    ///   inside it. Blocks of one would go back to the other.
    /// - The caller does not take a region out of it.
    ///
    /// # Examples
    ///
    /// A safe call does not compile, as safe code could swap two engines:
    ///
    /// ```compile_fail,E0133
    /// use allocator_core::Growing;
    ///
    /// fn swap<A, P>(one: &mut Growing<A, P>, other: &mut Growing<A, P>) {
    ///     core::mem::swap(one.bytes_mut(), other.bytes_mut());
    /// }
    /// ```
    #[must_use]
    pub const unsafe fn bytes_mut(&mut self) -> &mut A {
        &mut self.bytes
    }

    /// The page allocator, for statistics.
    #[must_use]
    pub const fn pages(&self) -> &P {
        &self.pages
    }

    /// How many pages the byte allocator has got from the page allocator.
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
        self.grow(layout)?;
        let answer = request(&mut self.bytes);
        if answer.is_err() {
            // The byte allocator promised that such a region would serve the request.
            self.release_pages();
        }
        answer
    }

    /// Gives the byte allocator a run of pages by the policy, large enough for a block of `layout`.
    fn grow(&mut self, layout: Layout) -> AllocResult {
        let region = self.bytes.region_for(layout).ok_or(AllocError::NoMemory)?;
        let needed = region.size().div_ceil(P::PAGE_SIZE);
        let left = self.growth.limit.saturating_sub(self.taken);
        if needed > left.min(self.pages.available_pages()) {
            return Err(AllocError::NoMemory);
        }
        let by_policy = (self.bytes.total_bytes() / P::PAGE_SIZE).min(self.growth.most).max(self.growth.least);
        let mut num_pages = by_policy.min(left).max(needed);
        let align = region.align().max(P::PAGE_SIZE);
        // Aligned as the larger part of the run, where there is such a run: powers of two have more use for it.
        let natural = align.max(1 << (needed * P::PAGE_SIZE).ilog2());
        loop {
            let run = self.pages.alloc_pages(num_pages, natural).or_else(|_| self.pages.alloc_pages(num_pages, align));
            match run {
                Ok(start) => return self.take_in(start, num_pages),
                Err(_) if num_pages > needed => num_pages = (num_pages / 2).max(needed),
                Err(_) => return Err(AllocError::NoMemory),
            }
        }
    }

    /// Hands a run of pages to the byte allocator.
    fn take_in(&mut self, start: usize, num_pages: usize) -> AllocResult {
        // SAFETY: the pages are memory, and nobody else gives them back (`new`); this adapter does not, while the byte
        // allocator has them.
        let added = unsafe { self.bytes.add_memory(start, num_pages * P::PAGE_SIZE) };
        if added.is_err() {
            self.give_back(start, num_pages);
            return Err(AllocError::NoMemory);
        }
        self.taken += num_pages;
        Ok(())
    }

    /// Gives pages back that the byte allocator does not have.
    fn give_back(&mut self, start: usize, num_pages: usize) {
        let given_back = self.pages.dealloc_pages(start, num_pages);
        debug_assert_eq!(given_back, Ok(()), "the run was taken from these pages");
    }

    /// Takes the next region out of the byte allocator in which nothing is live; one of pages goes back to them.
    fn release_next(&mut self) -> Option<Released> {
        let region = self.bytes.release_region()?;
        // What the byte allocator trimmed off is part of the run, too.
        let start = align_down(region.start(), P::PAGE_SIZE);
        let num_pages = (region.end() - start).div_ceil(P::PAGE_SIZE);
        let Some(taken) = self.taken.checked_sub(num_pages).filter(|_| !self.callers.may_have(region)) else {
            return Some(Released::Callers(region));
        };
        self.give_back(start, num_pages);
        self.taken = taken;
        Some(Released::Pages(num_pages))
    }

    /// Gives back all pages in which nothing is live, as far as the byte allocator releases regions. Returns how many.
    fn release_pages(&mut self) -> usize {
        let mut num_pages = 0;
        // The caller's regions come out in between, and go in again at the end.
        let mut aside = [const { MaybeUninit::<Region>::uninit() }; CallersRegions::MOST];
        let mut len = 0;
        while len < aside.len() {
            match self.release_next() {
                Some(Released::Pages(more)) => num_pages += more,
                Some(Released::Callers(region)) => {
                    aside[len].write(region);
                    len += 1;
                }
                None => break,
            }
        }
        for region in &aside[..len] {
            // SAFETY: the first `len` entries were written.
            let region = unsafe { region.assume_init() };
            // SAFETY: the caller of `add_memory` promised it of this region.
            let again = unsafe { self.bytes.add_memory(region.start(), region.size()) };
            debug_assert_eq!(again, Ok(()), "the byte allocator had this region");
        }
        num_pages
    }
}

/// What became of a region that the byte allocator has released.
enum Released {
    /// It was so many pages, which went back.
    Pages(usize),
    /// It is the caller's.
    Callers(Region),
}

impl<A: ByteAllocator, P: PageAllocator> BaseAllocator for Growing<A, P> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.bytes.init(start, size) }?;
        self.callers.insert(Region::new(start, size)?);
        Ok(())
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.bytes.add_memory(start, size) }?;
        self.callers.insert(Region::new(start, size)?);
        Ok(())
    }
}

// SAFETY: every block is one of the byte allocator's, whose promises these are; what it is given besides the caller's
// regions are pages that nobody else has. The adapter calls nothing but the two allocators.
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

    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        unsafe { self.bytes.realloc_in_place(ptr, layout, new_size) }
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        self.bytes.usable_size(layout)
    }

    /// What the byte allocator has in one go, and where that is less than asked for, the rest one by one, growing.
    fn alloc_batch<'o>(&mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]) -> &'o mut [NonNull<u8>] {
        let mut len = 0;
        while len < out.len() {
            let got = self.bytes.alloc_batch(layout, &mut out[len..]).len();
            len += got;
            if len < out.len() {
                match self.alloc(layout) {
                    Ok(block) => out[len].write(block),
                    Err(_) => break,
                };
                len += 1;
            }
        }
        // SAFETY: the first `len` entries were written.
        unsafe { initialized(&mut out[..len]) }
    }

    unsafe fn dealloc_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.bytes.dealloc_batch(blocks, layout) }
    }

    /// Gives back to the pages those in which nothing is live, as far as the byte allocator releases regions.
    fn trim(&mut self) -> usize {
        self.bytes.trim();
        self.release_pages() * P::PAGE_SIZE
    }

    /// A region of the caller's; pages that come out on the way go back to the pages.
    fn release_region(&mut self) -> Option<Region> {
        if self.callers.overflowed {
            return None;
        }
        loop {
            match self.release_next()? {
                Released::Pages(_) => {}
                Released::Callers(region) => {
                    self.callers.remove(region);
                    return Some(region);
                }
            }
        }
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        self.bytes.region_for(layout)
    }

    fn used_by_each(&self, layout: Layout) -> Option<usize> {
        self.bytes.used_by_each(layout)
    }

    unsafe fn used_by(&self, ptr: NonNull<u8>, layout: Layout) -> usize {
        // SAFETY: passed on from the caller.
        unsafe { self.bytes.used_by(ptr, layout) }
    }
}
