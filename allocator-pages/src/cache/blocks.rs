//! [`BlockCache`], free blocks of one order kept at hand, each of a leaf or more.

use super::ascending::Ascending;
use crate::leaf::LEAF_ORDER;
use crate::page::{Order, PageNumber, PageRange};

/// Free aligned blocks of one order. They are made of whole leaves, so no page of another cache lies in them.
pub(crate) struct BlockCache {
    /// The order; `None` before the first request for such a block.
    order: Option<Order>,
    /// No free block of `order` that the trees know starts below this page.
    lowest: PageNumber,
    /// The first pages of the blocks.
    blocks: Ascending<16>,
}

impl BlockCache {
    pub(crate) const fn new() -> Self {
        Self { order: None, lowest: PageNumber::new(0), blocks: Ascending::new() }
    }

    pub(crate) fn order(&self) -> Option<Order> {
        self.order
    }

    /// The blocks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PageRange> + '_ {
        let num_pages = self.order.map_or(0, Order::pages);
        self.blocks.as_slice().iter().map(move |&first| PageRange::from_len(first, num_pages))
    }

    /// Chooses the order of an empty cache.
    pub(crate) fn set_order(&mut self, order: Order) {
        debug_assert!(self.blocks.as_slice().is_empty() && order >= LEAF_ORDER);
        self.order = Some(order);
        self.lowest = PageNumber::new(0);
    }

    /// Lowers the bound to the block that `page` lies in: the trees know of more free pages, none below `page`.
    #[inline]
    pub(crate) fn lower_bound(&mut self, page: PageNumber) {
        if let Some(order) = self.order {
            self.lowest = self.lowest.min(page.align_down(order));
        }
    }

    /// Sets the bound: no block that the trees know starts below `page`.
    pub(crate) fn set_bound(&mut self, page: PageNumber) {
        self.lowest = page;
    }

    /// Whether `pages` are a block of the order.
    pub(crate) fn is_block(&self, pages: PageRange) -> bool {
        self.order.is_some_and(|order| pages.len() == order.pages() && pages.start.is_aligned(order))
    }

    pub(crate) fn is_full(&self) -> bool {
        self.blocks.is_full()
    }

    /// Puts a block in, for which there is room.
    pub(crate) fn put_in(&mut self, first: PageNumber) {
        self.blocks.insert(first);
    }

    /// Takes the lowest block out.
    pub(crate) fn take_lowest(&mut self) -> Option<PageNumber> {
        let first = *self.blocks.as_slice().first()?;
        self.blocks.remove(first);
        Some(first)
    }

    /// Takes the lowest block out, if the trees know of none that is lower.
    pub(crate) fn take_lowest_of_all(&mut self) -> Option<PageNumber> {
        let first = *self.blocks.as_slice().first()?;
        if first < self.lowest { self.take_lowest() } else { None }
    }

    /// Takes any block out.
    pub(crate) fn take_out(&mut self) -> Option<PageRange> {
        let first = self.blocks.pop()?;
        Some(PageRange::from_len(first, self.order?.pages()))
    }
}
