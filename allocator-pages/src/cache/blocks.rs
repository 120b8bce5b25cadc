//! Free blocks of whole leaves that the trees count as taken.

use core::ops::Range;

use super::ascending::Ascending;
use crate::leaf::LEAF_ORDER;

/// Aligned blocks of one order, of a leaf or more: whole leaves, which no page in stock can lie in.
pub(crate) struct BlockCache {
    /// The order; 0 while there is none.
    order: usize,
    /// No free block of `order` that the trees know starts below this page.
    lowest: usize,
    /// The first pages of those in stock.
    blocks: Ascending<16>,
}

impl BlockCache {
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
        debug_assert!(self.blocks.as_slice().is_empty() && order >= LEAF_ORDER);
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
