//! Which pages of a section are managed: extents of page numbers, sorted, none touching another.

use core::ops::Range;

use allocator_core::error::{AllocError, AllocResult};

/// Managed pages `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    start: usize,
    end: usize,
}

/// The extents of a section.
///
/// # Invariants
///
/// - `extents[..len]` ascend; each has a page; between two of them there is a page that is not managed.
#[derive(Clone, Debug)]
pub(crate) struct Extents {
    len: usize,
    extents: [Extent; Self::MOST],
}

impl Extents {
    /// How many disjoint extents a section can tell apart.
    pub(crate) const MOST: usize = 64;

    pub(crate) const fn new() -> Self {
        Self { len: 0, extents: [Extent { start: 0, end: 0 }; Self::MOST] }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.extents[..self.len].iter().map(|extent| extent.start..extent.end)
    }

    /// The number of extents that end at or below `page`. O(log n).
    fn below(&self, page: usize) -> usize {
        self.extents[..self.len].partition_point(|extent| extent.end <= page)
    }

    /// Whether all of `pages` is managed. O(log n), O(1) where there is one extent.
    #[inline]
    pub(crate) fn contain(&self, pages: &Range<usize>) -> bool {
        let index = if self.len == 1 { 0 } else { self.below(pages.start) };
        index < self.len && self.extents[index].start <= pages.start && pages.end <= self.extents[index].end
    }

    /// Whether any of `pages` is managed. O(log n).
    pub(crate) fn overlap(&self, pages: &Range<usize>) -> bool {
        let index = self.below(pages.start);
        index < self.len && self.extents[index].start < pages.end
    }

    /// Adds pages none of which is managed.
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`] when there are too many extents.
    pub(crate) fn insert(&mut self, pages: Range<usize>) -> AllocResult {
        let index = self.extents[..self.len].partition_point(|extent| extent.end < pages.start);
        let joins_below = index < self.len && self.extents[index].end == pages.start;
        let above = index + usize::from(joins_below);
        let joins_above = above < self.len && self.extents[above].start == pages.end;
        match (joins_below, joins_above) {
            (true, true) => {
                self.extents[index].end = self.extents[above].end;
                self.remove_at(above);
            }
            (true, false) => self.extents[index].end = pages.end,
            (false, true) => self.extents[above].start = pages.start,
            (false, false) => self.insert_at(index, Extent { start: pages.start, end: pages.end })?,
        }
        Ok(())
    }

    /// Takes out pages all of which lie in one extent.
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`] when that makes too many extents.
    pub(crate) fn remove(&mut self, pages: Range<usize>) -> AllocResult {
        let index = self.below(pages.start);
        let Extent { start, end } = self.extents[index];
        match (start == pages.start, end == pages.end) {
            (true, true) => self.remove_at(index),
            (true, false) => self.extents[index].start = pages.end,
            (false, true) => self.extents[index].end = pages.start,
            (false, false) => {
                self.insert_at(index + 1, Extent { start: pages.end, end })?;
                self.extents[index].end = pages.start;
            }
        }
        Ok(())
    }

    fn insert_at(&mut self, index: usize, extent: Extent) -> AllocResult {
        if self.len == Self::MOST {
            return Err(AllocError::NoMemory);
        }
        self.extents.copy_within(index..self.len, index + 1);
        self.extents[index] = extent;
        self.len += 1;
        Ok(())
    }

    fn remove_at(&mut self, index: usize) {
        self.extents.copy_within(index + 1..self.len, index);
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn extents_are_what_a_flag_for_each_page_says() {
        let mut rng = fastrand::Rng::with_seed(allocator_conformance::seed());
        for _ in 0..if cfg!(miri) { 1 } else { 200 } {
            let (mut extents, mut managed) = (Extents::new(), vec![false; 300]);
            for _ in 0..if cfg!(miri) { 30 } else { 400 } {
                let start = rng.usize(0..290);
                let pages = start..start + rng.usize(1..10);
                let flags = &managed[pages.clone()];
                assert_eq!(extents.contain(&pages), flags.iter().all(|&flag| flag));
                assert_eq!(extents.overlap(&pages), flags.iter().any(|&flag| flag));
                let before = extents.clone();
                let changed = match (extents.contain(&pages), extents.overlap(&pages)) {
                    (true, _) => extents.remove(pages.clone()).map(|()| false),
                    (_, false) => extents.insert(pages.clone()).map(|()| true),
                    _ => continue,
                };
                match changed {
                    Ok(flag) => managed[pages].fill(flag),
                    Err(error) => {
                        assert_eq!((error, before.len), (AllocError::NoMemory, Extents::MOST));
                        assert!(before.iter().eq(extents.iter()), "nothing has changed");
                    }
                }
                let mut runs: Vec<Range<usize>> = Vec::new();
                for page in (0..managed.len()).filter(|&page| managed[page]) {
                    match runs.last_mut() {
                        Some(run) if run.end == page => run.end += 1,
                        _ => runs.push(page..page + 1),
                    }
                }
                assert!(extents.iter().eq(runs), "{extents:?}");
            }
        }
    }
}
