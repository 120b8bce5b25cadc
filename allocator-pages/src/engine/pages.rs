//! The calls that allocate pages and give them back.
//!
//! ```text
//!   alloc_pages ── one page ─── cache of pages ── empty: refill from the lowest word that has a free page
//!               └─ a run ────── cache of runs ─── no such run ─┬─ whole leaves: cache of blocks, tree
//!                                                              └─ else: tree, policy
//!   dealloc_pages ─ one page ── cache of pages ── full, or of another extent: flush, attach
//!                 └ a run ───── cache of runs, cache of blocks, or tree
//! ```

use core::ops::RangeInclusive;

use allocator_core::PageAllocator;
use allocator_core::address::{NO_ADDRESSES, is_aligned, whole_pages_within};
use allocator_core::error::{AllocError, AllocResult};
use allocator_core::traits::is_page_request;

use super::PageEngine;
use super::policy::{Policy, View};
use crate::leaf::{LEAF_ORDER, LEAF_PAGES};
use crate::page::{Order, PageNumber, PageRange, PageState};

/// The errors of an allocation, as large as a word: so the CPU returns a result with a [`PageNumber`] in two registers.
#[derive(Clone, Copy)]
#[repr(usize)]
enum Refusal {
    InvalidParam,
    NoMemory,
}

impl From<Refusal> for AllocError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::InvalidParam => Self::InvalidParam,
            Refusal::NoMemory => Self::NoMemory,
        }
    }
}

// SAFETY: a page is handed out iff its bit is set, which only adding and giving back do, for pages that are managed; the
// metadata lie in none of these. A run is one of successive page numbers, at a multiple of the alignment, as its policy and
// the tree find it.
unsafe impl<P: Policy, const PAGE_SIZE: usize> PageAllocator for PageEngine<'_, P, PAGE_SIZE> {
    const PAGE_SIZE: usize = PAGE_SIZE;

    #[inline]
    fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        if num_pages == 1 && align_pow2 == PAGE_SIZE {
            let page = self.pages.alloc().or_else(|| self.alloc_page_from_tree());
            return page.map(|page| page.address(PAGE_SIZE)).ok_or(AllocError::NoMemory);
        }
        Ok(self.alloc_run(num_pages, align_pow2)?.address(PAGE_SIZE))
    }

    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        if !is_page_request(num_pages, align_pow2, PAGE_SIZE) || !is_aligned(base, align_pow2) {
            return Err(AllocError::InvalidParam);
        }
        let pages = Self::range_at(base, num_pages).ok_or(AllocError::InvalidParam)?;
        let section = self.sections.managing(pages).ok_or(AllocError::InvalidParam)?;
        if !section.all_are(pages, PageState::Free) {
            return Err(AllocError::NoMemory);
        }
        self.flush();
        self.take(pages);
        self.summarize(pages);
        Ok(base)
    }

    /// Allocates the lowest run that fits; a buddy engine allocates the lowest block that fits. Where `within` covers all of
    /// [`span`](Self::span), the call is [`alloc_pages`](Self::alloc_pages).
    ///
    /// # Time complexity
    ///
    /// That of [`alloc_pages`](Self::alloc_pages) without a cache: O(log n), and O(1) for the leaves at both ends of
    /// `within`. The engine flushes its caches first.
    fn alloc_pages_in(
        &mut self,
        within: RangeInclusive<usize>,
        num_pages: usize,
        align_pow2: usize,
    ) -> AllocResult<usize> {
        if within.is_empty() || !is_page_request(num_pages, align_pow2, PAGE_SIZE) {
            return Err(AllocError::InvalidParam);
        }
        let within = PageRange::of_numbers(whole_pages_within(within, PAGE_SIZE));
        if within.covers(self.span) {
            return self.alloc_pages(num_pages, align_pow2);
        }
        let align = Order::of_alignment(align_pow2, PAGE_SIZE);
        let page = self.find_run_in(within, num_pages, align).ok_or(AllocError::NoMemory)?;
        let pages = PageRange::from_len(page, num_pages);
        self.take(pages);
        self.summarize(pages);
        Ok(page.address(PAGE_SIZE))
    }

    #[inline]
    fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        if num_pages != 1 || !is_aligned(pos, PAGE_SIZE) {
            return self.dealloc_run(pos, num_pages);
        }
        let page = PageNumber::at(pos, PAGE_SIZE);
        match self.pages.dealloc(page) {
            Some(answer) => answer,
            None => self.dealloc_page(page),
        }
    }

    fn total_pages(&self) -> usize {
        self.total
    }

    fn used_pages(&self) -> usize {
        self.used_or_cached - self.pages.len()
    }

    fn available_pages(&self) -> usize {
        self.total_pages() - self.used_pages()
    }

    /// From the first byte of the lowest managed page to the last byte of the highest; empty where there are no pages. O(1).
    fn span(&self) -> RangeInclusive<usize> {
        if self.span.is_empty() {
            return NO_ADDRESSES;
        }
        self.span.start.address(PAGE_SIZE)..=self.span.end.address(PAGE_SIZE) - 1
    }
}

/// How pages are allocated.
impl<P: Policy, const PAGE_SIZE: usize> PageEngine<'_, P, PAGE_SIZE> {
    /// Fills the cache of single pages with those of the lowest word that has one, and takes the lowest.
    #[cold]
    #[inline(never)]
    fn alloc_page_from_tree(&mut self) -> Option<PageNumber> {
        self.flush_small();
        if self.refill_pages().is_none() {
            self.flush_blocks();
            self.refill_pages()?;
        }
        self.pages.alloc()
    }

    fn refill_pages(&mut self) -> Option<()> {
        let page = Order::new(0);
        let section = self.sections.find_mut(|section| section.tree().find_block(page).is_some())?;
        let leaf = section.tree().find_block(page)?;
        let mut bits = *section.leaf(leaf);
        let index = bits.iter().position(|&word| word != 0)?;
        let word = core::mem::take(&mut bits[index]);
        section.summarize_leaf(leaf, &bits);
        self.pages.refill(section, leaf.first_page() + index * 64, word);
        self.used_or_cached += self.pages.len();
        Some(())
    }

    #[inline(never)]
    fn alloc_run(&mut self, num_pages: usize, align_pow2: usize) -> Result<PageNumber, Refusal> {
        if !is_page_request(num_pages, align_pow2, PAGE_SIZE) {
            return Err(Refusal::InvalidParam);
        }
        self.take_run(num_pages, Order::of_alignment(align_pow2, PAGE_SIZE)).ok_or(Refusal::NoMemory)
    }

    fn take_run(&mut self, num_pages: usize, align: Order) -> Option<PageNumber> {
        if num_pages > self.available_pages() {
            return None;
        }
        if let Some(page) = self.cached_run(num_pages, align) {
            self.runs.remove(page);
            self.take(PageRange::from_len(page, num_pages));
            return Some(page);
        }
        self.flush_small();
        let order = P::block_order(num_pages, align);
        if let Some(order) = order.filter(|&order| order >= LEAF_ORDER && num_pages == order.pages()) {
            return self.take_large_block(order);
        }
        self.flush_blocks();
        let block = order.and_then(|order| self.find_block(order));
        let find = |section| P::find(View { section }, PageRange::ALL, num_pages, align);
        let page = block.or_else(|| self.sections.iter().find_map(find))?;
        let pages = PageRange::from_len(page, num_pages);
        self.runs.set_bound(num_pages, align, page + 1);
        self.take(pages);
        self.summarize(pages);
        Some(page)
    }

    /// The first page of a cached run that serves a request.
    #[inline]
    fn cached_run(&self, num_pages: usize, align: Order) -> Option<PageNumber> {
        if !P::LOWEST_FIRST {
            return self.runs.any(num_pages, align);
        }
        let page = self.runs.lowest_of_all(num_pages, align)?;
        // The tree knows no lower run. So a lower run would have a cached page or block in it: either one below `page`, or
        // one from `page` on, and then the page in front of `page` is free.
        let is_lower_page = |other| other < page;
        let is_lower_block = |other: PageRange| other.start < page;
        if self.pages.iter().any(is_lower_page) || self.blocks.iter().any(is_lower_block) {
            return None;
        }
        let section = self.sections.around(page)?;
        let is_start = page == section.window().start || !section.is_free(PageNumber::new(page.get() - 1));
        is_start.then_some(page)
    }

    /// The first page of the lowest free block of `order` that the trees know.
    fn find_block(&self, order: Order) -> Option<PageNumber> {
        self.sections.iter().find_map(|section| section.find_block(order))
    }

    /// Allocates a block of whole leaves: a cached one where there is one of this order that the policy may take.
    fn take_large_block(&mut self, order: Order) -> Option<PageNumber> {
        if self.blocks.order() != Some(order) {
            self.flush_blocks();
            self.blocks.set_order(order);
        }
        if let Some(page) = self.take_cached_block(order) {
            return Some(page);
        }
        let found = self.find_block(order);
        // The bound may have been too low for a cached block to be taken.
        self.blocks.set_bound(found.unwrap_or(PageNumber::new(usize::MAX)));
        if let Some(page) = self.take_cached_block(order) {
            return Some(page);
        }
        let pages = PageRange::from_len(found?, order.pages());
        self.take(pages);
        self.summarize(pages);
        self.blocks.set_bound(pages.end);
        Some(pages.start)
    }

    fn take_cached_block(&mut self, order: Order) -> Option<PageNumber> {
        let page = if P::LOWEST_FIRST { self.blocks.take_lowest_of_all()? } else { self.blocks.take_lowest()? };
        self.take(PageRange::from_len(page, order.pages()));
        Some(page)
    }

    /// The first page of a free run in `within`, at a multiple of `align`.
    fn find_run_in(&mut self, within: PageRange, num_pages: usize, align: Order) -> Option<PageNumber> {
        let within = within.intersection(self.span);
        if num_pages > within.len() || num_pages > self.available_pages() {
            return None;
        }
        self.flush();
        let order = P::block_order(num_pages, align);
        self.sections.iter().find_map(|section| {
            let within = within.intersection(section.pages());
            if num_pages > within.len() {
                return None;
            }
            let fits = |first: &PageNumber| within.covers(PageRange::from_len(*first, num_pages));
            let block = order.and_then(|order| section.find_block_from(order, within.start));
            block.filter(fits).or_else(|| P::find(View { section }, within, num_pages, align))
        })
    }

    /// Allocates free pages: clears their bits.
    fn take(&mut self, pages: PageRange) {
        self.used_or_cached += pages.len();
        if let Some(section) = self.sections.around_mut(pages.start) {
            section.set_bits(pages, PageState::Taken);
        }
    }

    /// Updates the tree after the bits of all `pages` have changed to the same state.
    fn summarize(&mut self, pages: PageRange) {
        if let Some(section) = self.sections.around_mut(pages.start) {
            section.summarize_run(pages);
        }
    }
}

/// How pages are given back.
impl<P: Policy, const PAGE_SIZE: usize> PageEngine<'_, P, PAGE_SIZE> {
    /// Frees a page that the cache has no room for, or that lies in another extent than the cached ones.
    #[cold]
    #[inline(never)]
    fn dealloc_page(&mut self, page: PageNumber) -> AllocResult {
        let pages = PageRange::new(page, page.checked_add(1).ok_or(AllocError::NotAllocated)?);
        if self.sections.managing(pages).is_none_or(|section| section.is_free(page)) {
            return Err(AllocError::NotAllocated);
        }
        self.flush_small();
        let section = self.sections.around(page).ok_or(AllocError::NotAllocated)?;
        self.pages.attach(section, page);
        self.pages.dealloc(page).unwrap_or(Err(AllocError::NotAllocated))
    }

    #[inline(never)]
    fn dealloc_run(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        if num_pages == 0 {
            return Err(AllocError::InvalidParam);
        }
        let pages = Self::range_at(pos, num_pages).ok_or(AllocError::NotAllocated)?;
        let section = self.sections.managing(pages).ok_or(AllocError::NotAllocated)?;
        if !section.all_are(pages, PageState::Taken) {
            return Err(AllocError::NotAllocated);
        }
        let cached = self.is_worth_caching(pages);
        if cached && !self.runs.has_room_for(num_pages) {
            // The caches are flushed before the bits are set: the leaf is summarized from its bits.
            self.flush_small();
            self.runs.set_length(num_pages);
        }
        let section = self.sections.around_mut(pages.start).ok_or(AllocError::NotAllocated)?;
        section.set_bits(pages, PageState::Free);
        self.used_or_cached -= num_pages;
        if cached {
            self.runs.put_in(pages.start);
        } else if self.blocks.is_block(pages) {
            if self.blocks.is_full() {
                self.flush_blocks();
            }
            self.blocks.put_in(pages.start);
        } else {
            self.flush_small();
            self.summarize(pages);
            self.lower_bounds(pages.start);
        }
        Ok(())
    }

    /// Whether a freed run goes to the cache of runs. It does if it is shorter than a leaf and, where the policy takes
    /// blocks, starts where a block of its length can.
    fn is_worth_caching(&self, pages: PageRange) -> bool {
        let num_pages = pages.len();
        num_pages < LEAF_PAGES
            && (P::LOWEST_FIRST || pages.start.is_aligned(Order::of_pages(num_pages.next_power_of_two())))
    }

    /// Flushes all caches into the trees. O(levels) for each page, run and block.
    pub(super) fn flush(&mut self) {
        self.flush_small();
        self.flush_blocks();
    }

    /// Flushes the cached pages and the cached runs. One cannot go without the other: a leaf is summarized from its bits, in
    /// which both are free.
    fn flush_small(&mut self) {
        let first = self.pages.iter().next();
        if let Some(section) = first.and_then(|page| self.sections.around_mut(page)) {
            let mut lowest = PageNumber::new(usize::MAX);
            self.used_or_cached -= self.pages.len();
            while let Some(page) = self.pages.take_out() {
                lowest = lowest.min(page);
                section.summarize_page(page);
            }
            self.lower_bounds(lowest);
        }
        while let Some(run) = self.runs.take_out() {
            self.summarize(run);
            self.lower_bounds(run.start);
        }
    }

    fn flush_blocks(&mut self) {
        while let Some(block) = self.blocks.take_out() {
            self.summarize(block);
            self.lower_bounds(block.start);
        }
    }

    /// Lowers the bounds of the caches after the trees have got new free pages, the lowest of which is `page` or above.
    #[inline]
    pub(super) fn lower_bounds(&mut self, page: PageNumber) {
        self.blocks.lower_bound(page);
        self.runs.drop_bound();
    }

    /// `num_pages` pages from address `base`; `None` where that is not the address of a page, or there are not so many.
    fn range_at(base: usize, num_pages: usize) -> Option<PageRange> {
        let start = PageNumber::at(base, PAGE_SIZE);
        let end = start.checked_add(num_pages)?;
        is_aligned(base, PAGE_SIZE).then_some(PageRange::new(start, end))
    }
}
