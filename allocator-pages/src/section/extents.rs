//! [`Extents`], the ranges of managed pages of a section, sorted by address; no two touch.

use core::ptr::NonNull;
use core::slice;

use allocator_core::error::{AllocError, AllocResult};

use crate::page::{PageNumber, PageRange};

/// The extents of a section, at the end of its metadata.
///
/// ```text
///          end - len                 end
///   ┌──────────┬──────────┬──────────┐
///   │ extent 0 │ extent 1 │ extent 2 │      a further one takes the place in front of the first
///   └──────────┴──────────┴──────────┘
/// ```
///
/// # Invariants
///
/// - The `len` extents in front of `end` are initialised and belong to this value.
/// - They ascend; each has a page; between two of them there is a page that is not managed.
#[derive(Debug)]
pub(crate) struct Extents {
    len: usize,
    end: NonNull<PageRange>,
}

impl Extents {
    /// No extents, with room in front of `end`.
    pub(super) const fn new(end: NonNull<PageRange>) -> Self {
        Self { len: 0, end }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[PageRange] {
        // SAFETY: the extents are initialised, and shared as the value is.
        unsafe { slice::from_raw_parts(self.end.as_ptr().sub(self.len), self.len) }
    }

    /// The extents, and room for one more in front of them if `more` is 1.
    ///
    /// # Safety
    ///
    /// What lies in front is the value's own, and initialised.
    unsafe fn as_mut_slice(&mut self, more: usize) -> &mut [PageRange] {
        // SAFETY: the extents are initialised, the caller vouches for one more, and both are borrowed as the value is.
        unsafe { slice::from_raw_parts_mut(self.end.as_ptr().sub(self.len + more), self.len + more) }
    }

    fn set(&mut self, index: usize, extent: PageRange) {
        // SAFETY: no more than the extents.
        unsafe { self.as_mut_slice(0)[index] = extent };
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All pages from the first that is managed to the last; none where none is.
    pub(crate) fn span(&self) -> PageRange {
        match self.as_slice() {
            [] => PageRange::EMPTY,
            [first, .., last] => PageRange::new(first.start, last.end),
            [only] => *only,
        }
    }

    /// The number of extents that end at or below `page`. O(log n).
    fn below(&self, page: PageNumber) -> usize {
        self.as_slice().partition_point(|extent| extent.end <= page)
    }

    /// The extent that `page` lies in. O(log n).
    pub(crate) fn around(&self, page: PageNumber) -> Option<PageRange> {
        self.as_slice().get(self.below(page)).copied().filter(|extent| extent.start <= page)
    }

    /// Whether all of `pages`, at least one, are managed. O(log n), O(1) where there is one extent.
    #[inline]
    pub(crate) fn contain(&self, pages: PageRange) -> bool {
        let extents = self.as_slice();
        let index = if extents.len() == 1 { 0 } else { self.below(pages.start) };
        extents.get(index).is_some_and(|extent| extent.covers(pages))
    }

    /// Whether any of `pages` is managed. O(log n).
    pub(crate) fn overlap(&self, pages: PageRange) -> bool {
        self.as_slice().get(self.below(pages.start)).is_some_and(|extent| extent.start < pages.end)
    }

    /// Adds pages none of which is managed, where that makes no more than `most` extents. O(n).
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`] where it would make more; nothing has changed.
    ///
    /// # Safety
    ///
    /// `most` extents fit in front of `end`, in words that are initialised and belong to this value.
    pub(super) unsafe fn insert(&mut self, pages: PageRange, most: usize) -> AllocResult {
        let extents = self.as_slice();
        let index = extents.partition_point(|extent| extent.end < pages.start);
        let below = extents.get(index).copied().filter(|below| below.end == pages.start);
        let above = extents.get(index + usize::from(below.is_some())).copied().filter(|above| above.start == pages.end);
        let len = self.len + 1 - usize::from(below.is_some()) - usize::from(above.is_some());
        if len > most {
            return Err(AllocError::NoMemory);
        }
        match (below, above) {
            (Some(below), Some(above)) => {
                self.set(index + 1, PageRange::new(below.start, above.end));
                self.remove_at(index);
            }
            (Some(below), None) => self.set(index, PageRange::new(below.start, pages.end)),
            (None, Some(above)) => self.set(index, PageRange::new(pages.start, above.end)),
            // SAFETY: one more makes no more than `most`; passed on from the caller.
            (None, None) => unsafe { self.insert_at(index, pages) },
        }
        Ok(())
    }

    /// Takes out pages all of which lie in one extent, where that makes no more than `most` extents. O(n).
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`] where it would make more; nothing has changed.
    ///
    /// # Safety
    ///
    /// As for [`insert`](Self::insert).
    pub(super) unsafe fn remove(&mut self, pages: PageRange, most: usize) -> AllocResult {
        let index = self.below(pages.start);
        let extent = self.as_slice()[index];
        let below = PageRange::new(extent.start, pages.start);
        let above = PageRange::new(pages.end, extent.end);
        match (below.is_empty(), above.is_empty()) {
            (true, true) => self.remove_at(index),
            (true, false) => self.set(index, above),
            (false, true) => self.set(index, below),
            (false, false) if self.len >= most => return Err(AllocError::NoMemory),
            (false, false) => {
                // SAFETY: one more makes no more than `most`; passed on from the caller.
                unsafe { self.insert_at(index, below) };
                self.set(index + 1, above);
            }
        }
        Ok(())
    }

    /// Puts an extent in, so that it becomes number `index`.
    ///
    /// # Safety
    ///
    /// There is room for one more in front of the extents, in words that are initialised and belong to this value.
    unsafe fn insert_at(&mut self, index: usize, extent: PageRange) {
        // SAFETY: passed on from the caller.
        let extents = unsafe { self.as_mut_slice(1) };
        extents.copy_within(1..index + 1, 0);
        extents[index] = extent;
        self.len += 1;
    }

    /// Takes extent number `index` out.
    fn remove_at(&mut self, index: usize) {
        // SAFETY: no more than the extents.
        let extents = unsafe { self.as_mut_slice(0) };
        extents.copy_within(0..index, 1);
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    const MOST: usize = 30;

    fn range(start: usize, end: usize) -> PageRange {
        PageRange::new(PageNumber::new(start), PageNumber::new(end))
    }

    /// The runs of flags that are set.
    fn runs_of(managed: &[bool]) -> Vec<PageRange> {
        let mut runs: Vec<PageRange> = Vec::new();
        for page in (0..managed.len()).filter(|&page| managed[page]) {
            match runs.last_mut() {
                Some(run) if run.end == PageNumber::new(page) => run.end = PageNumber::new(page + 1),
                _ => runs.push(range(page, page + 1)),
            }
        }
        runs
    }

    #[test]
    fn extents_are_what_a_flag_for_each_page_says() {
        let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
        for _ in 0..if cfg!(miri) { 1 } else { 200 } {
            let mut room = vec![PageRange::EMPTY; MOST];
            let mut extents = Extents::new(NonNull::new(room.as_mut_ptr_range().end).unwrap());
            let mut managed = vec![false; if cfg!(miri) { 60 } else { 300 }];
            for _ in 0..if cfg!(miri) { 30 } else { 400 } {
                let start = rng.random_range(0..managed.len() - 10);
                let end = start + rng.random_range(1..10);
                let (pages, flags) = (range(start, end), &managed[start..end]);
                assert_eq!(extents.contain(pages), flags.iter().all(|&flag| flag));
                assert_eq!(extents.overlap(pages), flags.iter().any(|&flag| flag));
                let around = runs_of(&managed).into_iter().find(|extent| extent.contains(pages.start));
                assert_eq!(extents.around(pages.start), around);
                let before = extents.as_slice().to_vec();
                let changed = match (extents.contain(pages), extents.overlap(pages)) {
                    // SAFETY: `MOST` extents fit in front of the end of `room`.
                    (true, _) => unsafe { extents.remove(pages, MOST).map(|()| false) },
                    // SAFETY: as above.
                    (_, false) => unsafe { extents.insert(pages, MOST).map(|()| true) },
                    _ => continue,
                };
                match changed {
                    Ok(flag) => managed[start..end].fill(flag),
                    Err(error) => {
                        assert_eq!((error, before.len()), (AllocError::NoMemory, MOST));
                        assert_eq!(extents.as_slice(), before, "nothing has changed");
                    }
                }
                let runs = runs_of(&managed);
                assert_eq!(extents.as_slice(), runs);
                let span = runs
                    .first()
                    .map_or(PageRange::EMPTY, |first| range(first.start.get(), runs[runs.len() - 1].end.get()));
                assert_eq!(extents.span(), span);
            }
        }
    }
}
