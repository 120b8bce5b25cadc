//! Pages are taken and given back.

use core::ops::Range;

use super::PageEngine;
use super::policy::Policy;
use crate::leaf::{LEAF_ORDER, LEAF_PAGES, find_block};
use allocator_core::PageAllocator;
use allocator_core::address::is_aligned;
use allocator_core::error::{AllocError, AllocResult};
use allocator_core::traits::is_page_request;

/// Why there are no pages, in a word: so that a result with the number of a page comes back in two registers.
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
            let page = self.pages.pop().or_else(|| self.alloc_page_from_tree());
            return page.map(|page| page * PAGE_SIZE).ok_or(AllocError::NoMemory);
        }
        Ok(self.alloc_run(num_pages, align_pow2)? * PAGE_SIZE)
    }

    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        if !is_page_request(num_pages, align_pow2, PAGE_SIZE) || !is_aligned(base, align_pow2) {
            return Err(AllocError::InvalidParam);
        }
        let pages = Self::pages(base, num_pages).ok_or(AllocError::InvalidParam)?;
        let section = self.sections.managing(&pages).ok_or(AllocError::InvalidParam)?;
        if !section.all_free(pages.clone()) {
            return Err(AllocError::NoMemory);
        }
        self.empty_stocks();
        self.take(pages, true);
        Ok(base)
    }

    #[inline]
    fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        if num_pages != 1 || !is_aligned(pos, PAGE_SIZE) {
            return self.dealloc_run(pos, num_pages);
        }
        match self.pages.push(pos / PAGE_SIZE) {
            Some(answer) => answer,
            None => self.dealloc_page(pos / PAGE_SIZE),
        }
    }

    fn total_pages(&self) -> usize {
        self.total
    }

    fn used_pages(&self) -> usize {
        self.away - self.pages.len()
    }

    fn available_pages(&self) -> usize {
        self.total_pages() - self.used_pages()
    }
}

impl<P: Policy, const PAGE_SIZE: usize> PageEngine<'_, P, PAGE_SIZE> {
    /// Fills the stock of single pages with those of the lowest word that has one, and takes the lowest.
    #[cold]
    #[inline(never)]
    fn alloc_page_from_tree(&mut self) -> Option<usize> {
        self.empty_small();
        if self.refill().is_none() {
            self.empty_blocks();
            self.refill()?;
        }
        self.pages.pop()
    }

    fn refill(&mut self) -> Option<()> {
        let section = self.sections.find_mut(|section| section.tree().find_block(0).is_some())?;
        let leaf = section.tree().find_block(0)?;
        let mut bits = *section.leaf(leaf);
        let index = bits.iter().position(|&word| word != 0)?;
        let word = core::mem::take(&mut bits[index]);
        section.told_leaf(leaf, &bits);
        self.pages.fill(section, leaf * LEAF_PAGES + index * 64, word);
        self.away += self.pages.len();
        Some(())
    }

    #[inline(never)]
    fn alloc_run(&mut self, num_pages: usize, align_pow2: usize) -> Result<usize, Refusal> {
        if !is_page_request(num_pages, align_pow2, PAGE_SIZE) {
            return Err(Refusal::InvalidParam);
        }
        self.find_run(num_pages, align_pow2).ok_or(Refusal::NoMemory)
    }

    fn find_run(&mut self, num_pages: usize, align_pow2: usize) -> Option<usize> {
        if num_pages > self.total - self.used_pages() {
            return None;
        }
        let align = align_pow2 / PAGE_SIZE;
        if let Some(page) = self.stocked_run(num_pages, align) {
            self.runs.remove(page);
            self.take(page..page + num_pages, false);
            return Some(page);
        }
        self.empty_small();
        let order = P::block_order(num_pages, align);
        if let Some(order) = order.filter(|&order| order >= LEAF_ORDER && num_pages == 1 << order) {
            return self.alloc_large_block(order);
        }
        self.empty_blocks();
        let block = order.and_then(|order| self.find_block(order));
        let page = block.or_else(|| self.views().find_map(|view| P::find(view, num_pages, align)))?;
        self.runs.set(num_pages, align, page + 1);
        self.take(page..page + num_pages, true);
        Some(page)
    }

    /// The first page of a run in stock that answers a request.
    #[inline]
    fn stocked_run(&self, num_pages: usize, align: usize) -> Option<usize> {
        if !P::LOWEST_FIRST {
            return self.runs.any(num_pages, align);
        }
        // A run that starts lower has either no page of the stock, and the tree would know it, or one of the stock below
        // `page`, or it reaches `page` across the one in front of it.
        let page = self.runs.lowest(num_pages, align)?;
        let lower = |other| other < page;
        if self.pages.iter().any(lower) || self.blocks.iter().any(lower) {
            return None;
        }
        let section = self.sections.of(page)?;
        (page == section.window.start || !section.is_free(page - 1)).then_some(page)
    }

    /// The first page of the lowest free block of `order` that the trees know.
    fn find_block(&self, order: usize) -> Option<usize> {
        self.sections.iter().find_map(|section| {
            let leaf = section.tree().find_block(order)?;
            let in_chunk = if order < LEAF_ORDER { find_block(section.leaf(leaf), order)? } else { 0 };
            Some(leaf * LEAF_PAGES + in_chunk)
        })
    }

    /// Takes a block of whole leaves: out of the stock where one of this order is there and, if that matters, none can be
    /// lower.
    fn alloc_large_block(&mut self, order: usize) -> Option<usize> {
        if self.blocks.order() != order {
            self.empty_blocks();
            self.blocks.set_order(order);
        }
        let pages = 1 << order;
        if let Some(page) = self.blocks.pop_lowest(P::LOWEST_FIRST) {
            self.take(page..page + pages, false);
            return Some(page);
        }
        let found = self.find_block(order);
        // From here on the stock is known to be lower, or not.
        self.blocks.nothing_below(found.unwrap_or(usize::MAX));
        if let Some(page) = self.blocks.pop_lowest(P::LOWEST_FIRST) {
            self.take(page..page + pages, false);
            return Some(page);
        }
        let page = found?;
        self.take(page..page + pages, true);
        self.blocks.nothing_below(page + pages);
        Some(page)
    }

    /// Clears the bits of free pages, and lets the tree know if it took them for free.
    fn take(&mut self, pages: Range<usize>, told: bool) {
        self.away += pages.len();
        if let Some(section) = self.sections.of_mut(pages.start) {
            section.set_run_free(pages.clone(), false);
            if told {
                section.told_run(pages);
            }
        }
    }

    /// Frees a page that the stock has no room for, or knows nothing about.
    #[cold]
    #[inline(never)]
    fn dealloc_page(&mut self, page: usize) -> AllocResult {
        let managed = page..page.checked_add(1).ok_or(AllocError::NotAllocated)?;
        if self.sections.managing(&managed).is_none_or(|section| section.is_free(page)) {
            return Err(AllocError::NotAllocated);
        }
        self.empty_small();
        let section = self.sections.of(page).ok_or(AllocError::NotAllocated)?;
        self.pages.serve(section, page);
        self.pages.push(page).unwrap_or(Err(AllocError::NotAllocated))
    }

    #[inline(never)]
    fn dealloc_run(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        if num_pages == 0 {
            return Err(AllocError::InvalidParam);
        }
        let pages = Self::pages(pos, num_pages).ok_or(AllocError::NotAllocated)?;
        let section = self.sections.of(pages.start).ok_or(AllocError::NotAllocated)?;
        if !section.extents.contain(&pages) || !section.none_free(pages.clone()) {
            return Err(AllocError::NotAllocated);
        }
        // A block that was served from its start is one that will be wanted again, wherever the lowest does not matter.
        let whole = P::LOWEST_FIRST || is_aligned(pages.start, num_pages.next_power_of_two());
        let short = num_pages < LEAF_PAGES && whole;
        if short && !self.runs.takes(num_pages) {
            // Before the bits are set, which the tree would else be told of.
            self.empty_small();
            self.runs.set(num_pages, 0, 0);
        }
        let section = self.sections.of_mut(pages.start).ok_or(AllocError::NotAllocated)?;
        section.set_run_free(pages.clone(), true);
        self.away -= num_pages;
        if short {
            self.runs.push(pages.start);
            return Ok(());
        }
        if self.blocks.takes(&pages) {
            if !self.blocks.push(pages.start) {
                self.empty_blocks();
                self.blocks.push(pages.start);
            }
            return Ok(());
        }
        self.empty_small();
        if let Some(section) = self.sections.of_mut(pages.start) {
            section.told_run(pages.clone());
        }
        self.told_free(pages.start);
        Ok(())
    }

    /// The numbers of the pages from address `base`; `None` where that is not the address of a page.
    fn pages(base: usize, num_pages: usize) -> Option<Range<usize>> {
        let first = base / PAGE_SIZE;
        let end = first.checked_add(num_pages)?;
        is_aligned(base, PAGE_SIZE).then_some(first..end)
    }

    /// Tells the tree of all that is in stock.
    pub(super) fn empty_stocks(&mut self) {
        self.empty_small();
        self.empty_blocks();
    }

    /// Tells the tree of the pages and the short runs in stock: of both, as it is told of a leaf by its bits.
    fn empty_small(&mut self) {
        let first = self.pages.iter().next();
        if let Some(section) = first.and_then(|page| self.sections.of_mut(page)) {
            let mut lowest = usize::MAX;
            self.away -= self.pages.len();
            while let Some(page) = self.pages.take_out() {
                lowest = lowest.min(page);
                section.told_page(page);
            }
            self.told_free(lowest);
        }
        let num_pages = self.runs.num_pages();
        while let Some(page) = self.runs.take_out() {
            if let Some(section) = self.sections.of_mut(page) {
                section.told_run(page..page + num_pages);
            }
            self.told_free(page);
        }
    }

    fn empty_blocks(&mut self) {
        let pages = 1 << self.blocks.order();
        while let Some(page) = self.blocks.take_out() {
            if let Some(section) = self.sections.of_mut(page) {
                section.told_run(page..page + pages);
            }
            self.told_free(page);
        }
    }

    /// Notes that the trees know of free pages from `page` up that they did not know of.
    #[inline]
    pub(super) fn told_free(&mut self, page: usize) {
        self.blocks.lower(page);
        self.runs.forget_lowest();
    }
}
