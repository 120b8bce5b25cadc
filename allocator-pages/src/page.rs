//! Page numbers, ranges of pages, orders.

use core::fmt;
use core::ops::{Add, Range, Sub};

/// The number of a page: its address divided by the size of a page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct PageNumber(usize);

impl PageNumber {
    #[inline]
    pub(crate) const fn new(number: usize) -> Self {
        Self(number)
    }

    /// The page that `address` (bytes) lies in.
    #[inline]
    pub(crate) const fn at(address: usize, page_size: usize) -> Self {
        Self(address / page_size)
    }

    /// The address (bytes) of the page.
    #[inline]
    pub(crate) const fn address(self, page_size: usize) -> usize {
        self.0 * page_size
    }

    #[inline]
    pub(crate) const fn get(self) -> usize {
        self.0
    }

    #[inline]
    pub(crate) const fn checked_add(self, num_pages: usize) -> Option<Self> {
        match self.0.checked_add(num_pages) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Whether a block of this order can start with the page.
    #[inline]
    pub(crate) const fn is_aligned(self, order: Order) -> bool {
        self.0 & (order.pages() - 1) == 0
    }

    /// The page itself, or the next that [is aligned](Self::is_aligned); `None` where that is past all numbers.
    #[inline]
    pub(crate) fn align_up(self, order: Order) -> Option<Self> {
        Some(Self(self.0.checked_add(order.pages() - 1)? & !(order.pages() - 1)))
    }

    /// The first page of the block of this order that the page lies in.
    #[inline]
    pub(crate) const fn align_down(self, order: Order) -> Self {
        Self(self.0 & !(order.pages() - 1))
    }
}

impl Add<usize> for PageNumber {
    type Output = Self;

    #[inline]
    fn add(self, num_pages: usize) -> Self {
        Self(self.0 + num_pages)
    }
}

impl Sub for PageNumber {
    type Output = usize;

    /// The number of pages from `first` up to `self`.
    #[inline]
    fn sub(self, first: Self) -> usize {
        self.0 - first.0
    }
}

impl fmt::Debug for PageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {:#x}", self.0)
    }
}

/// The pages from `start` up to, not including, `end`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PageRange {
    pub(crate) start: PageNumber,
    pub(crate) end: PageNumber,
}

impl PageRange {
    pub(crate) const EMPTY: Self = Self::new(PageNumber(0), PageNumber(0));

    /// All page numbers.
    pub(crate) const ALL: Self = Self::new(PageNumber(0), PageNumber(usize::MAX));

    #[inline]
    pub(crate) const fn new(start: PageNumber, end: PageNumber) -> Self {
        Self { start, end }
    }

    /// The pages with these numbers.
    #[inline]
    pub(crate) const fn of_numbers(numbers: Range<usize>) -> Self {
        Self::new(PageNumber(numbers.start), PageNumber(numbers.end))
    }

    /// `num_pages` pages from `start`.
    #[inline]
    pub(crate) fn from_len(start: PageNumber, num_pages: usize) -> Self {
        Self { start, end: start + num_pages }
    }

    /// The number of pages; 0 where `end` lies below `start`.
    #[inline]
    pub(crate) const fn len(self) -> usize {
        self.end.0.saturating_sub(self.start.0)
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.end.0 <= self.start.0
    }

    #[inline]
    pub(crate) fn contains(self, page: PageNumber) -> bool {
        self.start <= page && page < self.end
    }

    /// Whether all of `other` lies in `self`.
    #[inline]
    pub(crate) fn covers(self, other: Self) -> bool {
        other.is_empty() || self.start <= other.start && other.end <= self.end
    }

    /// The pages that lie in both.
    #[inline]
    pub(crate) fn intersection(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// Whether a page lies in both.
    #[inline]
    pub(crate) fn overlaps(self, other: Self) -> bool {
        !self.intersection(other).is_empty()
    }

    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = PageNumber> {
        (self.start.0..self.end.0).map(PageNumber)
    }
}

impl fmt::Debug for PageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pages {:#x}..{:#x}", self.start.0, self.end.0)
    }
}

/// The base-2 logarithm of a number of pages: of the length of a block, or of an alignment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Order(u32);

impl Order {
    #[inline]
    pub(crate) const fn new(order: u32) -> Self {
        Self(order)
    }

    /// The order of `num_pages` pages, a power of two.
    #[inline]
    pub(crate) const fn of_pages(num_pages: usize) -> Self {
        Self(num_pages.trailing_zeros())
    }

    /// The alignment of a request, of which both are powers of two and `align_pow2` (bytes) is the larger.
    #[inline]
    pub(crate) const fn of_alignment(align_pow2: usize, page_size: usize) -> Self {
        Self(align_pow2.trailing_zeros() - page_size.trailing_zeros())
    }

    /// The number of pages of a block of this order.
    #[inline]
    pub(crate) const fn pages(self) -> usize {
        1 << self.0
    }

    #[inline]
    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {}", self.0)
    }
}

/// Whether a page is free: what its bit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageState {
    /// The bit is set: the page is managed, and can be handed out.
    Free,
    /// The bit is not set: the page is allocated, or not managed.
    Taken,
}

impl PageState {
    /// 64 bits of pages in this state.
    #[inline]
    pub(crate) const fn word(self) -> u64 {
        match self {
            Self::Free => u64::MAX,
            Self::Taken => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::format;

    use super::*;

    #[test]
    fn units_show_in_what_is_printed() {
        let (page, order) = (PageNumber::at(0x5fff, 0x1000), Order::of_alignment(0x20_0000, 0x1000));
        assert_eq!(format!("{page:?} {order:?}"), "page 0x5 order 9");
        assert_eq!(format!("{:?}", PageRange::from_len(page, 2)), "pages 0x5..0x7");
    }

    #[test]
    fn numbers_at_the_end_do_not_wrap() {
        let last = PageNumber::new(usize::MAX);
        assert_eq!((last.checked_add(1), last.align_up(Order::new(1))), (None, None));
        assert_eq!(last.align_down(Order::new(63.min(usize::BITS - 1))), PageNumber::new(1 << (usize::BITS - 1)));
        assert_eq!(PageRange::new(last, PageNumber::new(0)).len(), 0);
    }
}
