//! Free runs of one length that the trees count as taken.

use allocator_core::address::is_aligned;

use super::ascending::Ascending;

/// Runs of one length, of 2 pages up to fewer than a leaf.
///
/// The tree must not be told of anything while there are some: it is shown the bits of whole leaves, and would be told of
/// these too.
pub(crate) struct RunCache {
    /// The length, and the alignment that `lowest` speaks of, both in pages; 0 before there is any.
    num_pages: usize,
    align: usize,
    /// No free run of that length that the trees know starts at a multiple of `align` below this page.
    lowest: usize,
    /// The first pages of those in stock.
    runs: Ascending<{ Self::MOST }>,
}

impl RunCache {
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
