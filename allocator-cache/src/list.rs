//! [`List`], the slabs of one kind.

use core::ptr::NonNull;

use super::header::Header;
use super::sync::Guarded;

/// A doubly linked list through the headers of slabs.
///
/// # Invariants
///
/// `first` has no `prev`; and `a.next` is `b` iff `b.prev` is `a`. A slab is on one list at most.
pub(super) struct List {
    first: Guarded<Option<NonNull<Header>>>,
}

impl List {
    pub(super) fn new() -> Self {
        Self { first: Guarded::new(None) }
    }

    /// # Safety
    ///
    /// The caller has the lock.
    #[inline(always)]
    pub(super) unsafe fn first(&self) -> Option<NonNull<Header>> {
        // SAFETY: passed on.
        unsafe { self.first.get() }
    }

    /// Puts a slab at the front. O(1).
    ///
    /// # Safety
    ///
    /// The caller has the lock, and the slab is a slab of the hierarchy, on no list.
    pub(super) unsafe fn push(&self, slab: NonNull<Header>) {
        // SAFETY: the headers on a list are those of slabs; the rest is passed on.
        unsafe {
            let second = self.first.get();
            slab.as_ref().next.set(second);
            slab.as_ref().prev.set(None);
            if let Some(second) = second {
                second.as_ref().prev.set(Some(slab));
            }
            self.first.set(Some(slab));
        }
    }

    /// Takes a slab off. O(1).
    ///
    /// # Safety
    ///
    /// The caller has the lock, and the slab is on this list.
    pub(super) unsafe fn unlink(&self, slab: NonNull<Header>) {
        // SAFETY: the headers on a list are those of slabs; the rest is passed on.
        unsafe {
            let (next, prev) = (slab.as_ref().next.get(), slab.as_ref().prev.get());
            match prev {
                Some(prev) => prev.as_ref().next.set(next),
                None => self.first.set(next),
            }
            if let Some(next) = next {
                next.as_ref().prev.set(prev);
            }
        }
    }

    /// The slabs on the list. Each is found before the one ahead of it is handed out, so that one can be given back.
    ///
    /// # Safety
    ///
    /// The caller has the lock until the iterator is dropped, and does not change what follows the slab that it got last.
    pub(super) unsafe fn iter(&self) -> impl Iterator<Item = NonNull<Header>> + use<> {
        // SAFETY: passed on.
        let mut next = unsafe { self.first.get() };
        core::iter::from_fn(move || {
            let slab = next?;
            // SAFETY: passed on; a slab on the list has not been given back yet.
            next = unsafe { slab.as_ref().next.get() };
            Some(slab)
        })
    }
}
