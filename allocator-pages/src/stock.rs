//! Free pages and blocks that the tree is not told of, as they will soon be wanted again.

use core::ops::Range;
use core::ptr::NonNull;

use crate::chunk::CHUNK_ORDER;
use crate::tree::Node;
use crate::zone::Zone;
use allocator_core::address::is_aligned;
use allocator_core::error::{AllocError, AllocResult};

/// How many single pages can be in stock: as many as a word of bits can have.
const MOST_PAGES: usize = 64;

/// Single pages of one zone, and the shortest way to the bits there. The page freed last is the first to be taken.
pub(crate) struct Pages {
    /// `pages[..len]` are in stock.
    len: usize,
    /// Pages of the zone that are managed, as far as a hot path needs to know: `start..start + managed`.
    start: usize,
    managed: usize,
    /// The bits of the zone, and the page of the first.
    bits: NonNull<u64>,
    first_page: usize,
    pages: [usize; MOST_PAGES],
}

impl Pages {
    /// An empty stock of no zone.
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
        // SAFETY: a page in stock is one of the zone, whose bits these are; no reference to them is alive.
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
        // SAFETY: the page is managed, so it is one of the zone, whose bits these are; no reference to them is alive.
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

    /// Makes an empty stock one of the zone and the extent that `page` lies in, which is managed.
    ///
    /// The stock must be made anew before the zone goes, or the extent changes.
    pub(crate) fn serve<N: Node>(&mut self, zone: &Zone<N>, page: usize) {
        debug_assert!(self.is_empty());
        let extent = zone.extents.iter().find(|extent| extent.contains(&page)).unwrap_or(0..0);
        (self.start, self.managed) = (extent.start, extent.len());
        (self.bits, self.first_page) = (zone.bits_ptr(), zone.first_page());
    }

    /// Begins an empty stock with the pages from `first` whose bits are set in `word`, the lowest to be taken first.
    pub(crate) fn fill<N: Node>(&mut self, zone: &Zone<N>, first: usize, word: u64) {
        self.serve(zone, first + word.trailing_zeros() as usize);
        let mut left = word;
        while left != 0 {
            let bit = left.ilog2() as usize;
            left &= !(1 << bit);
            self.pages[self.len] = first + bit;
            self.len += 1;
        }
    }
}

/// At most `MOST` page numbers, ascending.
struct Ascending<const MOST: usize> {
    /// `pages[..len]` are those in it.
    len: usize,
    pages: [usize; MOST],
}

impl<const MOST: usize> Ascending<MOST> {
    const fn new() -> Self {
        Self { len: 0, pages: [0; MOST] }
    }

    #[inline]
    fn as_slice(&self) -> &[usize] {
        &self.pages[..self.len]
    }

    /// Puts a page in; `false` if there is no room. O(`MOST`).
    fn insert(&mut self, page: usize) -> bool {
        if self.len == MOST {
            return false;
        }
        let mut index = self.len;
        while index > 0 && self.pages[index - 1] > page {
            self.pages[index] = self.pages[index - 1];
            index -= 1;
        }
        self.pages[index] = page;
        self.len += 1;
        true
    }

    /// Takes a page out, which is in it. O(`MOST`).
    fn remove(&mut self, page: usize) {
        if let Some(index) = self.as_slice().iter().position(|&other| other == page) {
            self.pages.copy_within(index + 1..self.len, index);
            self.len -= 1;
        }
    }

    /// Takes the highest page out.
    fn pop(&mut self) -> Option<usize> {
        self.len = self.len.checked_sub(1)?;
        self.pages.get(self.len).copied()
    }
}

/// Aligned blocks of one order, of a chunk or more: whole chunks, which no page in stock can lie in.
pub(crate) struct Blocks {
    /// The order; 0 while there is none.
    order: usize,
    /// No free block of `order` that the trees know starts below this page.
    lowest: usize,
    /// The first pages of those in stock.
    blocks: Ascending<16>,
}

impl Blocks {
    pub(crate) const fn new() -> Self {
        Self { order: 0, lowest: 0, blocks: Ascending::new() }
    }

    pub(crate) fn order(&self) -> usize {
        self.order
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.blocks.as_slice().iter().copied()
    }

    /// Chooses the order of an empty stock.
    pub(crate) fn set_order(&mut self, order: usize) {
        debug_assert!(self.blocks.as_slice().is_empty() && order >= CHUNK_ORDER);
        self.order = order;
        self.lowest = 0;
    }

    /// Notes that the trees know of free pages from `page` up.
    #[inline]
    pub(crate) fn lower(&mut self, page: usize) {
        self.lowest = self.lowest.min(page & !((1 << self.order) - 1));
    }

    /// Notes that no block that the trees know starts below `page`.
    pub(crate) fn nothing_below(&mut self, page: usize) {
        self.lowest = page;
    }

    /// Whether `pages` are such a block.
    pub(crate) fn takes(&self, pages: &Range<usize>) -> bool {
        self.order != 0 && pages.len() == 1 << self.order && pages.start.is_multiple_of(1 << self.order)
    }

    /// Puts a block in; `false` if there is no room.
    pub(crate) fn push(&mut self, page: usize) -> bool {
        self.blocks.insert(page)
    }

    /// Takes the lowest block out, if it is known to be lower than all that the trees know, or that does not matter.
    pub(crate) fn pop_lowest(&mut self, must_be_lowest: bool) -> Option<usize> {
        let page = *self.blocks.as_slice().first()?;
        if must_be_lowest && page >= self.lowest {
            return None;
        }
        self.blocks.remove(page);
        Some(page)
    }

    /// Takes any block out.
    pub(crate) fn take_out(&mut self) -> Option<usize> {
        self.blocks.pop()
    }
}

/// Runs of one length, of 2 pages up to fewer than a chunk.
///
/// The tree must not be told of anything while there are some: it is shown the bits of whole chunks, and would be told of
/// these too.
pub(crate) struct ShortRuns {
    /// The length, and the alignment that `lowest` speaks of, both in pages; 0 before there is any.
    num_pages: usize,
    align: usize,
    /// No free run of that length that the trees know starts at a multiple of `align` below this page.
    lowest: usize,
    /// The first pages of those in stock.
    runs: Ascending<{ Self::MOST }>,
}

impl ShortRuns {
    const MOST: usize = 8;

    pub(crate) const fn new() -> Self {
        Self { num_pages: 0, align: 0, lowest: 0, runs: Ascending::new() }
    }

    pub(crate) fn num_pages(&self) -> usize {
        self.num_pages
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.runs.as_slice().iter().copied()
    }

    /// Chooses the length of an empty stock, and notes that no run of it that the trees know starts at a multiple of
    /// `align` below `lowest`.
    pub(crate) fn set(&mut self, num_pages: usize, align: usize, lowest: usize) {
        debug_assert!(self.runs.as_slice().is_empty());
        (self.num_pages, self.align, self.lowest) = (num_pages, align, lowest);
    }

    /// Notes that the trees know of more free pages than before.
    #[inline]
    pub(crate) fn forget_lowest(&mut self) {
        self.lowest = 0;
    }

    /// Whether a run of so many pages can be put in without any being taken out.
    pub(crate) fn takes(&self, num_pages: usize) -> bool {
        self.num_pages == num_pages && self.runs.as_slice().len() < Self::MOST
    }

    /// Puts a run in, for which there is room.
    pub(crate) fn push(&mut self, page: usize) {
        let had_room = self.runs.insert(page);
        debug_assert!(had_room);
    }

    /// The lowest run, if it is aligned, of that length, and lower than all such that the trees know.
    #[inline]
    pub(crate) fn lowest(&self, num_pages: usize, align: usize) -> Option<usize> {
        let page = *self.runs.as_slice().first()?;
        let known = self.num_pages == num_pages && self.align == align && page < self.lowest;
        (known && is_aligned(page, align)).then_some(page)
    }

    /// Any run of that length that is aligned.
    #[inline]
    pub(crate) fn any(&self, num_pages: usize, align: usize) -> Option<usize> {
        self.iter().find(|&page| self.num_pages == num_pages && is_aligned(page, align))
    }

    /// Takes the run out that starts at `page`.
    pub(crate) fn remove(&mut self, page: usize) {
        self.runs.remove(page);
    }

    /// Takes any run out.
    pub(crate) fn take_out(&mut self) -> Option<usize> {
        self.runs.pop()
    }
}
