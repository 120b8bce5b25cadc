//! What the native page engines are made of: a bit for each page, a tree above the bits, and the way in between.
//!
//! | module | holds |
//! | --- | --- |
//! | [`chunk`] | 512 pages, and what can be read off their bits |
//! | `engine` | what such engines have in common on their surface |
//! | `extents` | which pages are managed |
//! | `shape` | where the parts of the metadata lie |
//! | [`tree`] | the order of the largest free block of each node, and what an engine adds |
//! | `zone` | pages in a row with their metadata |
//! | `stock` | free pages and blocks that the tree is not told of |
//! | [`Frames`] | a page allocator of these parts, and a [`Policy`] that says which run is taken |
//!
//! # What the tree is told
//!
//! The bits are always exact: a bit is set iff its page is managed and free. The tree lags behind. Single pages that are
//! freed go to a stock of at most 64, from which the next single pages are taken; the tree goes on believing that they are
//! taken. The same goes for a few blocks of the order that was asked for last, where that is a chunk or more. So with `B`
//! the pages whose bits are set and `S` those in stock,
//!
//! ```text
//!   S ⊆ B        tree = what follows from B \ S
//! ```
//!
//! and a hot pair touches a bit and the stock, nothing else. Before the tree is searched for anything that a stocked page
//! could be part of, the stock is emptied into it: at most 64 steps, each O(levels).

use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;
use core::ptr::NonNull;

use crate::address::{Region, is_aligned, pointer_at};
use crate::error::{AllocError, AllocResult};

pub mod chunk;
mod engine;
mod extents;
mod shape;
mod stock;
pub mod tree;
mod zone;

use chunk::{CHUNK_ORDER, CHUNK_PAGES, Chunk, find_block};
pub use shape::{LEVELS, Span};
use stock::{Blocks, Pages};
use tree::Node;
use zone::Zone;

/// Which run of pages a page allocator takes.
pub trait Policy {
    /// What the tree knows beside orders.
    type Node: Node;

    /// The order of the aligned free block that serves a request, in pages, at its start; `None` where no block will do.
    fn block_order(num_pages: usize, align: usize) -> Option<usize>;

    /// Whether of several blocks the one with the lowest address must be taken.
    const LOWEST_FIRST: bool;

    /// The first page of a free run of `num_pages` that is a multiple of `align`, where there is no such block; unless a
    /// block of whole chunks is what was asked for.
    fn find(zone: View<'_, Self::Node>, num_pages: usize, align: usize) -> Option<usize>;
}

/// Contiguous pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The address of the first page.
    pub base: usize,
    /// The number of pages.
    pub num_pages: usize,
}

/// Pages in a row, for a [`Policy`] to look at.
pub struct View<'z, N> {
    zone: &'z Zone<N>,
}

impl<N> Clone for View<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for View<'_, N> {}

impl<N: Node> View<'_, N> {
    /// The pages that can be managed.
    #[must_use]
    pub fn window(self) -> Range<usize> {
        self.zone.window.clone()
    }

    /// The nodes of the highest level, and that level.
    #[must_use]
    pub fn roots(self) -> (usize, Span) {
        let shape = self.zone.tree().shape;
        (shape.top(), shape.span(shape.top()))
    }

    /// What is known of a node.
    #[must_use]
    pub fn node(self, level: usize, node: usize) -> N {
        self.zone.tree().node(level, node)
    }

    /// What is known of the children of a node, which are of this level.
    #[must_use]
    #[inline]
    pub fn children(self, level: usize, parent: usize) -> [N; 8] {
        self.zone.tree().children(level, parent)
    }

    /// The bits of a chunk.
    #[must_use]
    pub fn chunk(self, chunk: usize) -> Chunk {
        *self.zone.chunk(chunk)
    }

    /// The first page in `pages` that is free. O(pages).
    #[must_use]
    pub fn next_free(self, pages: Range<usize>) -> Option<usize> {
        self.zone.next(pages.start, pages.end, true)
    }

    /// The first page in `pages` that is not free. O(pages).
    #[must_use]
    pub fn next_taken(self, pages: Range<usize>) -> Option<usize> {
        self.zone.next(pages.start, pages.end, false)
    }
}

/// A page allocator: zones of pages, and a policy.
///
/// Everything that `RadixPageAllocator` and `BuddyPageAllocator` have in common; they are this with a policy each.
pub struct Frames<'m, P: Policy, const PAGE_SIZE: usize> {
    /// The zone with the lowest pages; the windows of zones are disjoint.
    zones: Option<NonNull<Zone<P::Node>>>,
    /// The caller's metadata, if they do not lie in the regions.
    metadata: Option<NonNull<[u64]>>,
    /// The pages managed, and those of them that are allocated.
    total: usize,
    used: usize,
    pages: Pages<P::Node>,
    blocks: Blocks,
    lent: PhantomData<&'m mut [u64]>,
}

// SAFETY: the zones and the metadata are the allocator's alone.
unsafe impl<P: Policy, const PAGE_SIZE: usize> Send for Frames<'_, P, PAGE_SIZE> {}
// SAFETY: what is shared is only read.
unsafe impl<P: Policy, const PAGE_SIZE: usize> Sync for Frames<'_, P, PAGE_SIZE> {}

/// An error unless a request can be granted at all: pages are asked for, at an alignment of pages.
const fn check_request(num_pages: usize, align_pow2: usize, page_size: usize) -> AllocResult {
    if num_pages == 0 || !align_pow2.is_power_of_two() || align_pow2 < page_size {
        return Err(AllocError::InvalidParam);
    }
    Ok(())
}

impl<'m, P: Policy, const PAGE_SIZE: usize> Frames<'m, P, PAGE_SIZE> {
    const VALID: () = assert!(
        PAGE_SIZE.is_power_of_two() && PAGE_SIZE >= 64,
        "PAGE_SIZE is no power of two, or below 64, where metadata would not be aligned"
    );

    /// An allocator that keeps its metadata at the start of each region.
    #[must_use]
    pub const fn new() -> Self {
        const { Self::VALID };
        Self {
            zones: None,
            metadata: None,
            total: 0,
            used: 0,
            pages: Pages::new(),
            blocks: Blocks::new(),
            lent: PhantomData,
        }
    }

    /// An allocator that keeps its metadata in `words`.
    #[must_use]
    pub const fn with_metadata(words: &'m mut [u64]) -> Self {
        let mut frames = Self::new();
        frames.metadata = Some(NonNull::from_mut(words));
        frames
    }

    /// The number of words that suffice for `num_pages` pages in a row, wherever they lie.
    #[must_use]
    pub const fn metadata_words(num_pages: usize) -> usize {
        Zone::<P::Node>::most_words(num_pages)
    }

    fn zones(&self) -> impl Iterator<Item = NonNull<Zone<P::Node>>> + use<P, PAGE_SIZE> {
        // SAFETY: zones are the allocator's, and initialised.
        core::iter::successors(self.zones, |zone| unsafe { zone.as_ref() }.next)
    }

    /// The zone that `page` can be a page of.
    #[inline]
    fn zone_of(&self, page: usize) -> Option<NonNull<Zone<P::Node>>> {
        // SAFETY: zones are the allocator's, and initialised.
        let holds = |zone: &NonNull<Zone<P::Node>>| unsafe { zone.as_ref() }.window.contains(&page);
        self.pages.zone.filter(holds).or_else(|| self.zones().find(holds))
    }

    /// The pages from address `base`, and their zone, if all are managed.
    #[inline]
    fn managed(&self, base: usize, num_pages: usize) -> Option<(NonNull<Zone<P::Node>>, Range<usize>)> {
        if !is_aligned(base, PAGE_SIZE) {
            return None;
        }
        let first = base / PAGE_SIZE;
        let pages = first..first.checked_add(num_pages)?;
        let zone = self.zone_of(first)?;
        // SAFETY: zones are the allocator's, and initialised.
        unsafe { zone.as_ref() }.extents.contain(&pages).then_some((zone, pages))
    }

    /// Whether the allocator has any of `pages`, for itself or to hand out.
    fn has_any(&self, pages: &Range<usize>) -> bool {
        self.zones().any(|zone| {
            // SAFETY: zones are the allocator's, and initialised.
            let zone = unsafe { zone.as_ref() };
            zone.extents.overlap(pages) || (zone.own.start < pages.end && pages.start < zone.own.end)
        })
    }
}

/// Regions.
impl<P: Policy, const PAGE_SIZE: usize> Frames<'_, P, PAGE_SIZE> {
    /// As [`BaseAllocator::init`](crate::BaseAllocator::init).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As there; without metadata of the caller's, the region is readable and writable.
    pub unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if self.total > 0 {
            return Err(AllocError::InvalidParam);
        }
        // SAFETY: passed on from the caller.
        unsafe { self.add_memory(start, size) }
    }

    /// As [`BaseAllocator::add_memory`](crate::BaseAllocator::add_memory).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As for [`init`](Self::init).
    pub unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        let trimmed = region.trim(PAGE_SIZE)?;
        let pages = trimmed.start() / PAGE_SIZE..trimmed.end() / PAGE_SIZE;
        if self.has_any(&(region.start() / PAGE_SIZE..region.end().div_ceil(PAGE_SIZE))) {
            return Err(AllocError::MemoryOverlap);
        }
        // SAFETY: zones are the allocator's, and initialised.
        let inside = self.zones().find(|zone| unsafe { zone.as_ref() }.window.contains(&pages.start));
        let added = match (inside, self.metadata) {
            (Some(zone), _) if self.total > 0 => self.add_to_zone(zone, pages)?,
            (_, Some(words)) => {
                if self.total > 0 {
                    return Err(AllocError::InvalidParam);
                }
                // SAFETY: the words were lent to the allocator, and no zone with pages uses them.
                unsafe { self.create_window(words, pages)? }
            }
            // SAFETY: the caller hands the region over.
            (_, None) => unsafe { self.create_zone(pages)? },
        };
        self.total += added;
        Ok(())
    }

    /// Adds pages to a zone whose window their first one lies in.
    fn add_to_zone(&mut self, mut zone: NonNull<Zone<P::Node>>, pages: Range<usize>) -> AllocResult<usize> {
        self.empty_stocks();
        // SAFETY: zones are the allocator's, and initialised; no other reference is alive.
        let zone = unsafe { zone.as_mut() };
        if pages.end > zone.window.end {
            return Err(AllocError::InvalidParam);
        }
        zone.extents.insert(pages.clone())?;
        self.pages = Pages::new();
        zone.set_run_free(pages.clone(), true);
        zone.told_run(pages.clone());
        self.blocks.lower(pages.start);
        Ok(pages.len())
    }

    /// Makes the one zone that the caller's words describe, from `pages` up.
    ///
    /// # Safety
    ///
    /// Nothing else uses the words.
    unsafe fn create_window(&mut self, words: NonNull<[u64]>, pages: Range<usize>) -> AllocResult<usize> {
        let limit = usize::MAX / PAGE_SIZE - pages.start;
        let capacity = Zone::<P::Node>::capacity(pages.start, words.len(), limit);
        if capacity < pages.len() {
            return Err(AllocError::InvalidParam);
        }
        self.pages = Pages::new();
        self.blocks = Blocks::new();
        let window = pages.start..pages.start + capacity;
        // SAFETY: passed on from the caller; the slice is aligned for words, and so for a header.
        self.zones = unsafe { Zone::create(words, window, pages.clone(), 0..0) };
        self.zones.map(|_| pages.len()).ok_or(AllocError::InvalidParam)
    }

    /// Makes a zone for `pages` with its metadata in the first of them.
    ///
    /// # Safety
    ///
    /// The pages are the allocator's from now on.
    unsafe fn create_zone(&mut self, pages: Range<usize>) -> AllocResult<usize> {
        // No pointer leads to address 0.
        let pages = pages.start.max(1)..pages.end;
        let words = Zone::<P::Node>::most_words(pages.len());
        let own = words.checked_mul(size_of::<u64>()).ok_or(AllocError::InvalidParam)?.div_ceil(PAGE_SIZE);
        if own >= pages.len() {
            return Err(AllocError::InvalidParam);
        }
        let managed = pages.start + own..pages.end;
        let place = pointer_at(pages.start * PAGE_SIZE).ok_or(AllocError::InvalidParam)?;
        let metadata = NonNull::slice_from_raw_parts(place.cast::<u64>(), words);
        // SAFETY: the words lie in the caller's pages, in front of those that are managed, at the start of a page.
        let zone = unsafe { Zone::create(metadata, managed.clone(), managed.clone(), pages.start..managed.start) };
        self.link(zone.ok_or(AllocError::InvalidParam)?);
        self.blocks.lower(managed.start);
        Ok(managed.len())
    }

    /// Puts a zone where its pages belong.
    fn link(&mut self, mut zone: NonNull<Zone<P::Node>>) {
        // SAFETY: zones are the allocator's, and initialised; no reference outlives a statement.
        unsafe {
            let start = zone.as_ref().window.start;
            match self.zones().take_while(|below| below.as_ref().window.start < start).last() {
                None => {
                    zone.as_mut().next = self.zones;
                    self.zones = Some(zone);
                }
                Some(mut below) => {
                    zone.as_mut().next = below.as_ref().next;
                    below.as_mut().next = Some(zone);
                }
            }
        }
    }

    /// Takes the `size` bytes from address `start` back out: whole pages, all of them free.
    ///
    /// Where the metadata lie in the regions, a region whose pages have all been taken out is given up with them.
    ///
    /// # Time complexity
    ///
    /// O(pages / 512), and emptying the stocks.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: some of it is not managed, or it does not consist of whole pages;
    /// - [`AllocError::NoMemory`]: some of it is in use; or more disjoint extents would be left than can be told apart.
    ///
    /// Nothing has changed then.
    ///
    /// # Safety
    ///
    /// None: the pages are the caller's again. The method is `unsafe` because adding memory is.
    pub unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        if !is_aligned(size, PAGE_SIZE) {
            return Err(AllocError::InvalidParam);
        }
        let (mut zone, pages) = self.managed(region.start(), size / PAGE_SIZE).ok_or(AllocError::InvalidParam)?;
        // SAFETY: zones are the allocator's, and initialised; no other reference is alive while this one is used.
        if !unsafe { zone.as_ref() }.all_free(pages.clone()) {
            return Err(AllocError::NoMemory);
        }
        self.empty_stocks();
        // SAFETY: as above.
        let at = unsafe { zone.as_mut() };
        at.extents.remove(pages.clone())?;
        self.pages = Pages::new();
        at.set_run_free(pages.clone(), false);
        at.told_run(pages.clone());
        self.total -= pages.len();
        if self.metadata.is_none() {
            self.shrink(zone);
        }
        Ok(())
    }

    /// Lets the window of a zone end where its extents do, or gives the zone up if it has none.
    fn shrink(&mut self, mut zone: NonNull<Zone<P::Node>>) {
        // SAFETY: zones are the allocator's, and initialised; no reference outlives a statement.
        unsafe {
            let first = zone.as_ref().extents.iter().next();
            let last = zone.as_ref().extents.iter().last();
            if let (Some(first), Some(last)) = (first, last) {
                zone.as_mut().window = first.start..last.end;
                return;
            }
            let next = zone.as_ref().next;
            match self.zones().find(|below| below.as_ref().next == Some(zone)) {
                None => self.zones = next,
                Some(mut below) => below.as_mut().next = next,
            }
        }
    }
}

/// Requests.
impl<P: Policy, const PAGE_SIZE: usize> Frames<'_, P, PAGE_SIZE> {
    /// As [`PageAllocator::alloc_pages`](crate::PageAllocator::alloc_pages).
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        if num_pages == 1 && align_pow2 == PAGE_SIZE {
            if let Some(page) = self.pages.pop() {
                self.used += 1;
                return Ok(page * PAGE_SIZE);
            }
            return self.alloc_page_from_tree();
        }
        self.alloc_run(num_pages, align_pow2)
    }

    /// Fills the stock of single pages with those of the lowest word that has one, and takes the lowest.
    #[cold]
    #[inline(never)]
    fn alloc_page_from_tree(&mut self) -> AllocResult<usize> {
        if self.refill().is_none() {
            self.empty_blocks();
            self.refill().ok_or(AllocError::NoMemory)?;
        }
        let page = self.pages.pop().ok_or(AllocError::NoMemory)?;
        self.used += 1;
        Ok(page * PAGE_SIZE)
    }

    fn refill(&mut self) -> Option<()> {
        // SAFETY: zones are the allocator's, and initialised; no other reference is alive.
        let (mut zone, chunk) =
            self.zones().find_map(|zone| Some((zone, unsafe { zone.as_ref() }.tree().find_block(0)?)))?;
        // SAFETY: as above.
        let at = unsafe { zone.as_mut() };
        let mut bits = *at.chunk(chunk);
        let index = bits.iter().position(|&word| word != 0)?;
        let word = core::mem::take(&mut bits[index]);
        at.told_chunk(chunk, &bits);
        self.pages.fill(zone, chunk * CHUNK_PAGES + index * 64, word);
        Some(())
    }

    #[inline(never)]
    fn alloc_run(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        check_request(num_pages, align_pow2, PAGE_SIZE)?;
        if num_pages > self.total - self.used {
            return Err(AllocError::NoMemory);
        }
        self.empty_pages();
        let align = align_pow2 / PAGE_SIZE;
        let page = match P::block_order(num_pages, align) {
            Some(order) if order >= CHUNK_ORDER && num_pages == 1 << order => {
                return self.alloc_large_block(order).map(|page| page * PAGE_SIZE).ok_or(AllocError::NoMemory);
            }
            order => {
                self.empty_blocks();
                let block = order.and_then(|order| self.find_block(order));
                block.or_else(|| self.views().find_map(|view| P::find(view, num_pages, align)))
            }
        };
        let page = page.ok_or(AllocError::NoMemory)?;
        self.take(page..page + num_pages);
        Ok(page * PAGE_SIZE)
    }

    /// The first page of the lowest free block of `order` that the trees know.
    fn find_block(&self, order: usize) -> Option<usize> {
        self.zones().find_map(|zone| {
            // SAFETY: zones are the allocator's, and initialised; no mutable reference is alive.
            let zone = unsafe { zone.as_ref() };
            let chunk = zone.tree().find_block(order)?;
            let in_chunk = if order < CHUNK_ORDER { find_block(zone.chunk(chunk), order)? } else { 0 };
            Some(chunk * CHUNK_PAGES + in_chunk)
        })
    }

    /// Takes a block of whole chunks: out of the stock where one of this order is there and, if that matters, none can be
    /// lower.
    fn alloc_large_block(&mut self, order: usize) -> Option<usize> {
        if self.blocks.order() != order {
            self.empty_blocks();
            self.blocks.set_order(order);
        }
        if let Some(page) = self.blocks.pop_lowest(P::LOWEST_FIRST) {
            self.take_bits(page..page + (1 << order));
            return Some(page);
        }
        let found = self.find_block(order);
        // From here on the stock is known to be lower, or not.
        self.blocks.nothing_below(found.unwrap_or(usize::MAX));
        if let Some(page) = self.blocks.pop_lowest(P::LOWEST_FIRST) {
            self.take_bits(page..page + (1 << order));
            return Some(page);
        }
        let page = found?;
        self.take(page..page + (1 << order));
        self.blocks.nothing_below(page + (1 << order));
        Some(page)
    }

    /// Clears the bits of free pages that the tree knows as taken.
    fn take_bits(&mut self, pages: Range<usize>) {
        self.used += pages.len();
        if let Some(mut zone) = self.zone_of(pages.start) {
            // SAFETY: zones are the allocator's, and initialised; no other reference is alive.
            unsafe { zone.as_mut() }.set_run_free(pages, false);
        }
    }

    /// Clears the bits of free pages, and tells the tree.
    fn take(&mut self, pages: Range<usize>) {
        self.used += pages.len();
        if let Some(mut zone) = self.zone_of(pages.start) {
            // SAFETY: zones are the allocator's, and initialised; no other reference is alive.
            let zone = unsafe { zone.as_mut() };
            zone.set_run_free(pages.clone(), false);
            zone.told_run(pages);
        }
    }

    /// As [`PageAllocator::alloc_pages_at`](crate::PageAllocator::alloc_pages_at).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        check_request(num_pages, align_pow2, PAGE_SIZE)?;
        if !is_aligned(base, align_pow2) {
            return Err(AllocError::InvalidParam);
        }
        let (zone, pages) = self.managed(base, num_pages).ok_or(AllocError::InvalidParam)?;
        // SAFETY: zones are the allocator's, and initialised; no mutable reference is alive.
        if !unsafe { zone.as_ref() }.all_free(pages.clone()) {
            return Err(AllocError::NoMemory);
        }
        self.empty_stocks();
        self.take(pages);
        Ok(base)
    }

    /// As [`PageAllocator::dealloc_pages`](crate::PageAllocator::dealloc_pages).
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        if num_pages != 1 || !is_aligned(pos, PAGE_SIZE) {
            return self.dealloc_run(pos, num_pages);
        }
        match self.pages.push(pos / PAGE_SIZE) {
            Some(Ok(())) => {
                self.used -= 1;
                Ok(())
            }
            Some(error) => error,
            None => self.dealloc_page(pos / PAGE_SIZE),
        }
    }

    /// Frees a page that the stock has no room for, or knows nothing about.
    #[cold]
    #[inline(never)]
    fn dealloc_page(&mut self, page: usize) -> AllocResult {
        let (zone, _) = self.managed(page * PAGE_SIZE, 1).ok_or(AllocError::NotAllocated)?;
        // SAFETY: zones are the allocator's, and initialised; no mutable reference is alive.
        if unsafe { zone.as_ref() }.is_free(page) {
            return Err(AllocError::NotAllocated);
        }
        self.empty_pages();
        self.pages.serve(zone, page);
        self.used -= 1;
        self.pages.push(page).unwrap_or(Err(AllocError::NotAllocated))
    }

    #[inline(never)]
    fn dealloc_run(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        if num_pages == 0 {
            return Err(AllocError::InvalidParam);
        }
        let (mut zone, pages) = self.managed(pos, num_pages).ok_or(AllocError::NotAllocated)?;
        // SAFETY: zones are the allocator's, and initialised; no other reference is alive while this one is used.
        let at = unsafe { zone.as_mut() };
        if !at.none_free(pages.clone()) {
            return Err(AllocError::NotAllocated);
        }
        at.set_run_free(pages.clone(), true);
        self.used -= num_pages;
        if self.blocks.takes(&pages) {
            if !self.blocks.push(pages.start) {
                self.empty_blocks();
                self.blocks.push(pages.start);
            }
            return Ok(());
        }
        self.empty_pages();
        // SAFETY: as above.
        unsafe { zone.as_mut() }.told_run(pages.clone());
        self.blocks.lower(pages.start);
        Ok(())
    }

    /// Tells the tree of all pages and blocks in stock.
    fn empty_stocks(&mut self) {
        self.empty_pages();
        self.empty_blocks();
    }

    fn empty_pages(&mut self) {
        if self.pages.is_empty() {
            return;
        }
        if let Some(mut zone) = self.pages.zone {
            let mut lowest = usize::MAX;
            while let Some(page) = self.pages.take_out() {
                lowest = lowest.min(page);
                // SAFETY: zones are the allocator's, and initialised; no other reference is alive.
                unsafe { zone.as_mut() }.told_page(page);
            }
            self.blocks.lower(lowest);
        }
    }

    fn empty_blocks(&mut self) {
        let pages = 1 << self.blocks.order();
        while let Some(page) = self.blocks.take_out() {
            if let Some(mut zone) = self.zone_of(page) {
                // SAFETY: zones are the allocator's, and initialised; no other reference is alive.
                unsafe { zone.as_mut() }.told_run(page..page + pages);
            }
            self.blocks.lower(page);
        }
    }
}

/// Statistics.
impl<P: Policy, const PAGE_SIZE: usize> Frames<'_, P, PAGE_SIZE> {
    /// The number of pages under management.
    #[must_use]
    pub const fn total_pages(&self) -> usize {
        self.total
    }

    /// The number of allocated pages.
    #[must_use]
    pub const fn used_pages(&self) -> usize {
        self.used
    }

    /// The runs of free pages, by address, none of which touches another of the same region. O(pages / 64) for all.
    pub fn free_runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.zones().flat_map(|zone| {
            // SAFETY: zones are the allocator's, and initialised; the allocator is borrowed.
            let zone: &Zone<P::Node> = unsafe { &*zone.as_ptr() };
            let end = zone.window.end;
            let next = move |from: usize| {
                let start = zone.next(from, end, true)?;
                Some(start..zone.next(start, end, false).unwrap_or(end))
            };
            core::iter::successors(next(zone.window.start), move |run| next(run.end))
                .map(|run| Run { base: run.start * PAGE_SIZE, num_pages: run.len() })
        })
    }

    /// What a [`Policy`] sees of each zone.
    pub fn views(&self) -> impl Iterator<Item = View<'_, P::Node>> + '_ {
        // SAFETY: zones are the allocator's, and initialised; the allocator is borrowed.
        self.zones().map(|zone| View { zone: unsafe { &*zone.as_ptr() } })
    }

    /// The lengths of the free runs that the pages and blocks in stock are part of, in pages. O(length / 64) for each.
    pub fn stocked_runs(&self) -> impl Iterator<Item = usize> + '_ {
        self.pages.iter().chain(self.blocks.iter()).filter_map(|page| {
            // SAFETY: zones are the allocator's, and initialised; the allocator is borrowed.
            let zone = unsafe { self.zone_of(page)?.as_ref() };
            let end = zone.window.end;
            Some(zone.next(page, end, false).unwrap_or(end) - zone.run_start(page))
        })
    }

    /// Counts everything again.
    ///
    /// # Errors
    ///
    /// What does not hold, the first of it that is found.
    pub fn validate(&self) -> Result<(), &'static str> {
        let ensure = |holds, otherwise| if holds { Ok(()) } else { Err(otherwise) };
        let (mut total, mut free) = (0, 0);
        for zone in self.zones() {
            // SAFETY: zones are the allocator's, and initialised; the allocator is borrowed.
            let zone = unsafe { zone.as_ref() };
            let managed: usize = zone.extents.iter().map(|extent| extent.len()).sum();
            let set: usize = zone.bits().iter().map(|word| word.count_ones() as usize).sum();
            let (mut free_managed, mut at) = (0, zone.first_page());
            for extent in zone.extents.iter() {
                ensure(extent.start >= at && extent.end <= zone.window.end, "the extents of a zone are not in order")?;
                at = extent.end + 1;
                free_managed += extent.filter(|&page| zone.is_free(page)).count();
            }
            ensure(set == free_managed, "a page is free that is not managed")?;
            total += managed;
            free += set;
            self.validate_tree(zone)?;
        }
        ensure(total == self.total, "the extents do not add up to the total")?;
        ensure(free == self.total - self.used, "the bits do not add up to what is available")?;
        Ok(())
    }

    /// Computes a zone's tree again, from the bits without what is in stock.
    fn validate_tree(&self, zone: &Zone<P::Node>) -> Result<(), &'static str> {
        let ensure = |holds, otherwise| if holds { Ok(()) } else { Err(otherwise) };
        let tree = zone.tree();
        for chunk in zone.chunks().first..zone.chunks().end() {
            let mut bits = *zone.chunk(chunk);
            let stocked = self.pages.iter().chain(self.blocks.iter());
            for page in stocked.filter(|page| page / CHUNK_PAGES == chunk) {
                ensure(zone.is_free(page), "a page in stock is not free")?;
            }
            for page in self.pages.iter().filter(|page| page / CHUNK_PAGES == chunk) {
                let bit = page % CHUNK_PAGES;
                ensure(bits[bit / 64] >> (bit % 64) & 1 == 1, "a page is in stock twice")?;
                bits[bit / 64] &= !(1 << (bit % 64));
            }
            let block_pages = 1 << self.blocks.order();
            if self.blocks.iter().any(|page| (page..page + block_pages).contains(&(chunk * CHUNK_PAGES))) {
                bits = [0; CHUNK_PAGES / 64];
            }
            let code = chunk::largest_order(&bits).map_or(0, |order| order as u8 + 1);
            ensure(tree.order(0, chunk) == code, "the order of a chunk is not that of its largest block")?;
            ensure(tree.node::<P::Node>(0, chunk) == P::Node::of_chunk(&bits), "what is known of a chunk is wrong")?;
        }
        tree.validate::<P::Node>()
    }
}

impl<P: Policy, const PAGE_SIZE: usize> fmt::Debug for Frames<'_, P, PAGE_SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("total_pages", &self.total)
            .field("used_pages", &self.used)
            .field("zones", &self.zones().count())
            .finish()
    }
}
