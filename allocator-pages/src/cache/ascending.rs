//! A short sorted array of page numbers.

use crate::page::PageNumber;

/// At most `MOST` page numbers, ascending.
pub(super) struct Ascending<const MOST: usize> {
    /// The number of those in it: `pages[..len]`.
    len: usize,
    pages: [PageNumber; MOST],
}

impl<const MOST: usize> Ascending<MOST> {
    pub(super) const fn new() -> Self {
        Self { len: 0, pages: [PageNumber::new(0); MOST] }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[PageNumber] {
        &self.pages[..self.len]
    }

    pub(super) fn is_full(&self) -> bool {
        self.len == MOST
    }

    /// Puts a page in, if there is room. O(`MOST`).
    pub(super) fn insert(&mut self, page: PageNumber) {
        debug_assert!(!self.is_full());
        if self.is_full() {
            return;
        }
        let mut index = self.len;
        while index > 0 && self.pages[index - 1] > page {
            self.pages[index] = self.pages[index - 1];
            index -= 1;
        }
        self.pages[index] = page;
        self.len += 1;
    }

    /// Takes a page out, which is in it. O(`MOST`).
    pub(super) fn remove(&mut self, page: PageNumber) {
        if let Some(index) = self.as_slice().iter().position(|&other| other == page) {
            self.pages.copy_within(index + 1..self.len, index);
            self.len -= 1;
        }
    }

    /// Takes the highest page out.
    pub(super) fn pop(&mut self) -> Option<PageNumber> {
        self.len = self.len.checked_sub(1)?;
        self.pages.get(self.len).copied()
    }
}
