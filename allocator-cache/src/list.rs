//! [`List`], a list of slabs.

use core::ptr::NonNull;

use crate::slab::Header;
use crate::sync::Guarded;

/// A doubly linked list through the headers of slabs.
///
/// # Invariants
///
/// - `first.prev` is none.
/// - `a.next == b` iff `b.prev == a`.
/// - A slab is on one list at most.
pub(crate) struct List {
    first: Guarded<Option<NonNull<Header>>>,
}

impl List {
    pub(crate) fn new() -> Self {
        Self { first: Guarded::new(None) }
    }

    /// # Safety
    ///
    /// The caller has the lock of the pool.
    #[inline(always)]
    pub(crate) unsafe fn first(&self) -> Option<NonNull<Header>> {
        // SAFETY: the caller has the lock.
        unsafe { self.first.get() }
    }

    /// Puts a slab at the front. O(1).
    ///
    /// # Safety
    ///
    /// - The caller has the lock of the pool.
    /// - The slab is the pool's, and on no list.
    pub(crate) unsafe fn link(&self, slab: NonNull<Header>) {
        // SAFETY: the caller has the lock; the headers on a list are those of slabs of the pool.
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

    /// Takes a slab off the list. O(1).
    ///
    /// # Safety
    ///
    /// - The caller has the lock of the pool.
    /// - The slab is on this list.
    pub(crate) unsafe fn unlink(&self, slab: NonNull<Header>) {
        // SAFETY: the caller has the lock; the headers on a list are those of slabs of the pool.
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

    /// The slabs on the list. The iterator reads a slab's `next` before it returns the slab, so the caller may give that
    /// slab back.
    ///
    /// # Safety
    ///
    /// Until the iterator is dropped,
    ///
    /// - the caller has the lock of the pool, or alone has access to the pool;
    /// - the caller does not change the part of the list behind the slab that the iterator returned last.
    pub(crate) unsafe fn iter(&self) -> impl Iterator<Item = NonNull<Header>> + use<> {
        // SAFETY: the caller has the lock.
        let mut next = unsafe { self.first.get() };
        core::iter::from_fn(move || {
            let slab = next?;
            // SAFETY: the caller has the lock, and has not given this slab back, as it has not got it yet.
            next = unsafe { slab.as_ref().next.get() };
            Some(slab)
        })
    }
}
