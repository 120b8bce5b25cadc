//! [`SectionList`], the sections of an engine, sorted by address. No other file follows a pointer to a section.

use core::ptr::NonNull;

use super::Section;
use crate::page::{PageNumber, PageRange};
use crate::tree::Node;

/// The sections of an engine.
///
/// # Invariants
///
/// - Every section of the list is initialised, belongs to the list alone, and is in it once.
/// - Their windows ascend, and are disjoint.
pub(crate) struct SectionList<N> {
    first: Option<NonNull<Section<N>>>,
}

impl<N: Node> SectionList<N> {
    pub(crate) const fn new() -> Self {
        Self { first: None }
    }

    /// The sections, by address.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Section<N>> + '_ {
        // SAFETY: the sections of the list are initialised, and shared as the list is.
        let at = |section: NonNull<Section<N>>| unsafe { section.as_ref() };
        core::iter::successors(self.first.map(at), move |section| section.next.map(at))
    }

    /// The first section that `matches`.
    #[inline]
    pub(crate) fn find_mut(&mut self, matches: impl Fn(&Section<N>) -> bool) -> Option<&mut Section<N>> {
        let mut next = self.first;
        while let Some(mut section) = next {
            // SAFETY: the sections of the list are initialised, and borrowed mutably as the list is.
            let section = unsafe { section.as_mut() };
            if matches(section) {
                return Some(section);
            }
            next = section.next;
        }
        None
    }

    /// The section whose window `page` lies in.
    #[inline]
    pub(crate) fn around(&self, page: PageNumber) -> Option<&Section<N>> {
        self.iter().find(|section| section.window().contains(page))
    }

    /// The section whose window `page` lies in.
    #[inline]
    pub(crate) fn around_mut(&mut self, page: PageNumber) -> Option<&mut Section<N>> {
        self.find_mut(|section| section.window().contains(page))
    }

    /// The section that manages all of `pages`.
    #[inline]
    pub(crate) fn managing(&self, pages: PageRange) -> Option<&Section<N>> {
        self.around(pages.start).filter(|section| section.extents().contain(pages))
    }

    /// The pages from the first to the last that a section manages; none where there are none. O(sections).
    pub(crate) fn span(&self) -> PageRange {
        let spans = || self.iter().map(|section| section.extents().span()).filter(|span| !span.is_empty());
        match (spans().next(), spans().last()) {
            (Some(first), Some(last)) => PageRange::new(first.start, last.end),
            _ => PageRange::EMPTY,
        }
    }

    /// Adds a section.
    ///
    /// # Safety
    ///
    /// The section is initialised and no one else's, and its window is disjoint from all of the list.
    pub(crate) unsafe fn link(&mut self, mut section: NonNull<Section<N>>) {
        // SAFETY: initialised, as the caller promises.
        let start = unsafe { section.as_ref() }.window().start;
        let below = self.iter().take_while(|below| below.window().start < start).count();
        let next = match below.checked_sub(1).and_then(|last| self.nth_mut(last)) {
            None => self.first.replace(section),
            Some(last) => last.next.replace(section),
        };
        // SAFETY: initialised and no one else's, as the caller promises; no other reference to it is alive.
        unsafe { section.as_mut() }.next = next;
    }

    /// Forgets the sections that `match`.
    pub(crate) fn unlink(&mut self, matches: impl Fn(&Section<N>) -> bool) {
        loop {
            let found = self.iter().position(&matches);
            let Some(index) = found else { return };
            let next = self.iter().nth(index).and_then(|section| section.next);
            match index.checked_sub(1).and_then(|below| self.nth_mut(below)) {
                None => self.first = next,
                Some(below) => below.next = next,
            }
        }
    }

    fn nth_mut(&mut self, index: usize) -> Option<&mut Section<N>> {
        let start = self.iter().nth(index)?.window().start;
        self.around_mut(start)
    }
}
