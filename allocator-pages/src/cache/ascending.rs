//! A short sorted array of page numbers.

/// At most `MOST` page numbers, ascending.
pub(super) struct Ascending<const MOST: usize> {
    /// `pages[..len]` are those in it.
    len: usize,
    pages: [usize; MOST],
}

impl<const MOST: usize> Ascending<MOST> {
    pub(super) const fn new() -> Self {
        Self { len: 0, pages: [0; MOST] }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[usize] {
        &self.pages[..self.len]
    }

    /// Puts a page in; `false` if there is no room. O(`MOST`).
    pub(super) fn insert(&mut self, page: usize) -> bool {
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
    pub(super) fn remove(&mut self, page: usize) {
        if let Some(index) = self.as_slice().iter().position(|&other| other == page) {
            self.pages.copy_within(index + 1..self.len, index);
            self.len -= 1;
        }
    }

    /// Takes the highest page out.
    pub(super) fn pop(&mut self) -> Option<usize> {
        self.len = self.len.checked_sub(1)?;
        self.pages.get(self.len).copied()
    }
}
