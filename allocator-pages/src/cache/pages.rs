//! [`PageCache`], free single pages kept at hand.

use core::ptr;

use allocator_core::error::{AllocError, AllocResult};

use crate::page::{PageNumber, PageRange};
use crate::section::Section;
use crate::tree::Node;

/// The most pages that the cache holds: as many as a word has bits.
const MOST_PAGES: usize = 64;

/// Free single pages of one extent of a section, with a pointer to the bits of that section. The page freed last is taken
/// first.
///
/// # Invariants
///
/// While `managed > 0`, the section is there, the pages `start .. start + managed` are an extent of it, and `bits` are its
/// bits. The engine empties and replaces the cache before the section goes or its extents change.
pub(crate) struct PageCache {
    /// The number of pages in the cache: `pages[..len]`.
    len: usize,
    /// The extent: its first page, and the number of its pages.
    start: PageNumber,
    managed: usize,
    /// The bits of the section, and the page of the first.
    bits: *mut u64,
    first_page: PageNumber,
    pages: [PageNumber; MOST_PAGES],
}

impl PageCache {
    /// An empty cache of no section. All of it is zero.
    pub(crate) const fn new() -> Self {
        let zero = PageNumber::new(0);
        Self { len: 0, start: zero, managed: 0, bits: ptr::null_mut(), first_page: zero, pages: [zero; MOST_PAGES] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = PageNumber> + '_ {
        self.pages[..self.len].iter().copied()
    }

    /// Takes a page out that stays free: its bit stays set.
    #[inline]
    pub(crate) fn take_out(&mut self) -> Option<PageNumber> {
        let last = self.len.wrapping_sub(1);
        let page = *self.pages.get(last)?;
        self.len = last;
        Some(page)
    }

    /// Allocates a page: takes it out, and clears its bit.
    #[inline]
    pub(crate) fn alloc(&mut self) -> Option<PageNumber> {
        let page = self.take_out()?;
        let bit = page - self.first_page;
        // SAFETY: a page in the cache is one of the section, whose bits these are; no reference to them is alive.
        unsafe { *self.bits.add(bit / 64) &= !(1 << (bit % 64)) };
        Some(page)
    }

    /// Frees an allocated page: sets its bit, and puts it in. `None` where the page is none of the extent, or there is no
    /// room.
    #[inline]
    pub(crate) fn dealloc(&mut self, page: PageNumber) -> Option<AllocResult> {
        if page.get().wrapping_sub(self.start.get()) >= self.managed || self.len >= MOST_PAGES {
            return None;
        }
        let bit = page - self.first_page;
        // SAFETY: the page is managed, so it is one of the section, whose bits these are; no reference to them is alive.
        let word = unsafe { &mut *self.bits.add(bit / 64) };
        let mask = 1 << (bit % 64);
        if *word & mask != 0 {
            return Some(Err(AllocError::NotAllocated));
        }
        *word |= mask;
        self.pages[self.len] = page;
        self.len += 1;
        Some(Ok(()))
    }

    /// Points the empty cache at the section and the extent of the managed page `page`.
    pub(crate) fn attach<N: Node>(&mut self, section: &Section<N>, page: PageNumber) {
        debug_assert!(self.is_empty());
        let extent = section.extents().around(page).unwrap_or(PageRange::EMPTY);
        (self.start, self.managed) = (extent.start, extent.len());
        (self.bits, self.first_page) = (section.bits_ptr().as_ptr(), section.first_page());
    }

    /// Fills an empty cache with the pages from `first` whose bits are set in `word`, at least one. The lowest is the first
    /// to be taken.
    pub(crate) fn refill<N: Node>(&mut self, section: &Section<N>, first: PageNumber, word: u64) {
        self.attach(section, first + word.trailing_zeros() as usize);
        let mut left = word;
        while left != 0 {
            let bit = left.ilog2() as usize;
            left &= !(1 << bit);
            self.pages[self.len] = first + bit;
            self.len += 1;
        }
    }
}
