//! The zones of an allocator, a list sorted by address: the one place where they are reached through their pointers.

use core::ops::Range;
use core::ptr::NonNull;

use crate::tree::Node;
use crate::zone::Zone;

/// The zones of an allocator.
///
/// # Invariants
///
/// - Every zone of the list is initialised, belongs to the list alone, and is in it once.
/// - Their windows ascend, and are disjoint.
pub(crate) struct Zones<N> {
    first: Option<NonNull<Zone<N>>>,
}

impl<N: Node> Zones<N> {
    pub(crate) const fn new() -> Self {
        Self { first: None }
    }

    /// The zones, by address.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Zone<N>> + '_ {
        // SAFETY: the zones of the list are initialised, and shared as the list is.
        let at = |zone: NonNull<Zone<N>>| unsafe { zone.as_ref() };
        core::iter::successors(self.first.map(at), move |zone| zone.next.map(at))
    }

    /// The first zone of which `holds` does.
    #[inline]
    pub(crate) fn find_mut(&mut self, holds: impl Fn(&Zone<N>) -> bool) -> Option<&mut Zone<N>> {
        let mut next = self.first;
        while let Some(mut zone) = next {
            // SAFETY: the zones of the list are initialised, and borrowed mutably as the list is.
            let zone = unsafe { zone.as_mut() };
            if holds(zone) {
                return Some(zone);
            }
            next = zone.next;
        }
        None
    }

    /// The zone whose window `page` lies in.
    #[inline]
    pub(crate) fn of(&self, page: usize) -> Option<&Zone<N>> {
        self.iter().find(|zone| zone.window.contains(&page))
    }

    /// The zone whose window `page` lies in.
    #[inline]
    pub(crate) fn of_mut(&mut self, page: usize) -> Option<&mut Zone<N>> {
        self.find_mut(|zone| zone.window.contains(&page))
    }

    /// The zone of `pages`, if all of them are managed.
    #[inline]
    pub(crate) fn managing(&self, pages: &Range<usize>) -> Option<&Zone<N>> {
        self.of(pages.start).filter(|zone| zone.extents.contain(pages))
    }

    /// Adds a zone.
    ///
    /// # Safety
    ///
    /// The zone is initialised and no one else's, and its window is disjoint from all of the list.
    pub(crate) unsafe fn link(&mut self, mut zone: NonNull<Zone<N>>) {
        // SAFETY: passed on from the caller.
        let start = unsafe { zone.as_ref() }.window.start;
        let below = self.iter().take_while(|below| below.window.start < start).count();
        let next = match below.checked_sub(1).and_then(|last| self.nth_mut(last)) {
            None => self.first.replace(zone),
            Some(last) => last.next.replace(zone),
        };
        // SAFETY: passed on from the caller; no other reference to the zone is alive.
        unsafe { zone.as_mut() }.next = next;
    }

    /// Lets go of the zones of which `leaves` holds.
    pub(crate) fn unlink(&mut self, leaves: impl Fn(&Zone<N>) -> bool) {
        loop {
            let found = self.iter().position(&leaves);
            let Some(index) = found else { return };
            let next = self.iter().nth(index).and_then(|zone| zone.next);
            match index.checked_sub(1).and_then(|below| self.nth_mut(below)) {
                None => self.first = next,
                Some(below) => below.next = next,
            }
        }
    }

    fn nth_mut(&mut self, index: usize) -> Option<&mut Zone<N>> {
        let start = self.iter().nth(index)?.window.start;
        self.of_mut(start)
    }
}
