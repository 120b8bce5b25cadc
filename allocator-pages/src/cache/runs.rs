//! [`RunCache`], free runs of one length kept at hand, each shorter than a leaf.

use super::ascending::Ascending;
use crate::page::{Order, PageNumber, PageRange};

/// Free runs of one length: at least 2 pages, fewer than a leaf.
///
/// While there are any, the engine must not summarize a leaf from its bits: these have the cached pages as free.
pub(crate) struct RunCache {
    /// The length in pages; 0 before the first request for a run.
    num_pages: usize,
    /// The alignment that `lowest` is for; `None` where it is for none.
    align: Option<Order>,
    /// No free run of that length and alignment that the trees know starts below this page.
    lowest: PageNumber,
    /// The first pages of the runs.
    runs: Ascending<8>,
}

impl RunCache {
    pub(crate) const fn new() -> Self {
        Self { num_pages: 0, align: None, lowest: PageNumber::new(0), runs: Ascending::new() }
    }

    /// The runs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PageRange> + '_ {
        self.runs.as_slice().iter().map(|&first| PageRange::from_len(first, self.num_pages))
    }

    /// Chooses the length of an empty cache that has no bound.
    pub(crate) fn set_length(&mut self, num_pages: usize) {
        debug_assert!(self.runs.as_slice().is_empty());
        (self.num_pages, self.align, self.lowest) = (num_pages, None, PageNumber::new(0));
    }

    /// Chooses the length of an empty cache, and sets the bound: no run of that length at this alignment that the trees know
    /// starts below `lowest`.
    pub(crate) fn set_bound(&mut self, num_pages: usize, align: Order, lowest: PageNumber) {
        debug_assert!(self.runs.as_slice().is_empty());
        (self.num_pages, self.align, self.lowest) = (num_pages, Some(align), lowest);
    }

    /// Drops the bound: the trees know of more free pages.
    #[inline]
    pub(crate) fn drop_bound(&mut self) {
        self.lowest = PageNumber::new(0);
    }

    /// Whether a run of so many pages can be put in without any being taken out.
    pub(crate) fn has_room_for(&self, num_pages: usize) -> bool {
        self.num_pages == num_pages && !self.runs.is_full()
    }

    /// Puts a run in, for which there is room.
    pub(crate) fn put_in(&mut self, first: PageNumber) {
        self.runs.insert(first);
    }

    /// The lowest run, if it has this length and alignment, and the trees know of none that is lower.
    #[inline]
    pub(crate) fn lowest_of_all(&self, num_pages: usize, align: Order) -> Option<PageNumber> {
        let first = *self.runs.as_slice().first()?;
        let known = self.num_pages == num_pages && self.align == Some(align) && first < self.lowest;
        (known && first.is_aligned(align)).then_some(first)
    }

    /// Any run of this length and alignment.
    #[inline]
    pub(crate) fn any(&self, num_pages: usize, align: Order) -> Option<PageNumber> {
        if self.num_pages != num_pages {
            return None;
        }
        self.runs.as_slice().iter().copied().find(|first| first.is_aligned(align))
    }

    /// Takes the run out that starts with `first`.
    pub(crate) fn remove(&mut self, first: PageNumber) {
        self.runs.remove(first);
    }

    /// Takes any run out.
    pub(crate) fn take_out(&mut self) -> Option<PageRange> {
        let first = self.runs.pop()?;
        Some(PageRange::from_len(first, self.num_pages))
    }
}
