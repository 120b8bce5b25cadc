//! Free pages and blocks that the tree is not told of, as they will soon be wanted again.

use core::ptr::NonNull;

use crate::section::Section;
use crate::tree::Node;
use allocator_core::error::{AllocError, AllocResult};

/// How many single pages can be in stock: as many as a word of bits can have.
const MOST_PAGES: usize = 64;

/// Single pages of one section, and the shortest way to the bits there. The page freed last is the first to be taken.
pub(crate) struct PageCache {
    /// `pages[..len]` are in stock.
    len: usize,
    /// PageCache of the section that are managed, as far as a hot path needs to know: `start..start + managed`.
    start: usize,
    managed: usize,
    /// The bits of the section, and the page of the first.
    bits: NonNull<u64>,
    first_page: usize,
    pages: [usize; MOST_PAGES],
}

impl PageCache {
    /// An empty stock of no section.
    pub(crate) const fn new() -> Self {
        Self { len: 0, start: 0, managed: 0, bits: NonNull::dangling(), first_page: 0, pages: [0; MOST_PAGES] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.pages[..self.len].iter().copied()
    }

    /// Takes a page out, without touching its bit.
    #[inline]
    pub(crate) fn take_out(&mut self) -> Option<usize> {
        let last = self.len.wrapping_sub(1);
        let page = *self.pages.get(last)?;
        self.len = last;
        Some(page)
    }

    /// Takes a page out, and clears its bit.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let page = self.take_out()?;
        let bit = page - self.first_page;
        // SAFETY: a page in stock is one of the section, whose bits these are; no reference to them is alive.
        unsafe { *self.bits.as_ptr().add(bit / 64) &= !(1 << (bit % 64)) };
        Some(page)
    }

    /// Puts a page in that is not free, and sets its bit. `None` where the stock cannot tell, or has no room.
    #[inline]
    pub(crate) fn push(&mut self, page: usize) -> Option<AllocResult> {
        if page.wrapping_sub(self.start) >= self.managed || self.len >= MOST_PAGES {
            return None;
        }
        let bit = page - self.first_page;
        // SAFETY: the page is managed, so it is one of the section, whose bits these are; no reference to them is alive.
        let word = unsafe { &mut *self.bits.as_ptr().add(bit / 64) };
        let mask = 1 << (bit % 64);
        if *word & mask != 0 {
            return Some(Err(AllocError::NotAllocated));
        }
        *word |= mask;
        self.pages[self.len] = page;
        self.len += 1;
        Some(Ok(()))
    }

    /// Makes an empty stock one of the section and the extent that `page` lies in, which is managed.
    ///
    /// The stock must be made anew before the section goes, or the extent changes.
    pub(crate) fn serve<N: Node>(&mut self, section: &Section<N>, page: usize) {
        debug_assert!(self.is_empty());
        let extent = section.extents.iter().find(|extent| extent.contains(&page)).unwrap_or(0..0);
        (self.start, self.managed) = (extent.start, extent.len());
        (self.bits, self.first_page) = (section.bits_ptr(), section.first_page());
    }

    /// Begins an empty stock with the pages from `first` whose bits are set in `word`, the lowest to be taken first.
    pub(crate) fn fill<N: Node>(&mut self, section: &Section<N>, first: usize, word: u64) {
        self.serve(section, first + word.trailing_zeros() as usize);
        let mut left = word;
        while left != 0 {
            let bit = left.ilog2() as usize;
            left &= !(1 << bit);
            self.pages[self.len] = first + bit;
            self.len += 1;
        }
    }
}
