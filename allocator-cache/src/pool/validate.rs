//! The recount of a pool, for tests.

use core::ptr::NonNull;

use allocator_core::error::ensure;

use super::{Pool, counts_under_lock};
use crate::list::List;
use crate::slab::{Header, SlabRef};
use crate::state::Config;

/// The list that a slab belongs on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Partial,
    Full,
    Empty,
}

impl Kind {
    /// # Safety
    ///
    /// The caller has the lock of the pool.
    unsafe fn of<C: Config>(slab: SlabRef<C>) -> Self {
        // SAFETY: the caller has the lock.
        match unsafe { slab.used() } {
            live if live == slab.slots() => Self::Full,
            0 if !slab.is_primary() => Self::Empty,
            _ => Self::Partial,
        }
    }
}

/// What the lists have shown so far.
#[derive(Default)]
struct Counted {
    slabs: usize,
    used: usize,
    primaries: usize,
}

impl<C: Config> Pool<C> {
    /// Recounts everything, and says which invariant does not hold. O(slots), under the lock.
    pub(crate) fn validate(self) -> Result<(), &'static str> {
        let state = self.state();
        let _guard = self.lock();
        let mut counted = Counted::default();
        for (list, kind) in [(&state.partial, Kind::Partial), (&state.full, Kind::Full), (&state.empty, Kind::Empty)] {
            // SAFETY: this thread has the lock.
            unsafe { self.validate_list(list, kind, &mut counted)? };
        }
        // SAFETY: this thread has the lock.
        unsafe {
            ensure(counted.slabs == state.slabs.get(), "the slabs are not as many as counted")?;
            ensure(counted.used == state.used.get(), "the live slots of all slabs are not as many as counted")?;
        }
        ensure(counted.primaries == 1, "the primary slab is on no list, or on two")?;
        let least = if counts_under_lock::<C>() { 1 } else { 1 + counted.used };
        ensure(state.references.get() >= least, "the references are fewer than there must be")
    }

    /// # Safety
    ///
    /// The caller has the lock.
    unsafe fn validate_list(self, list: &List, kind: Kind, counted: &mut Counted) -> Result<(), &'static str> {
        let mut prev: Option<NonNull<Header>> = None;
        // SAFETY: the caller has the lock, and nothing is changed; what is on the lists are slabs of the pool.
        unsafe {
            for header in list.iter() {
                let slab = self.slab(header);
                slab.validate(self.primary)?;
                ensure(Kind::of(slab) == kind, "a slab is on the wrong list")?;
                ensure(kind != Kind::Empty || slab.is_fresh(), "an empty slab has slots that are not fresh")?;
                ensure(header.as_ref().prev.get() == prev, "a list is not linked both ways")?;
                counted.used += slab.used() as usize;
                counted.primaries += usize::from(slab.is_primary());
                counted.slabs += 1;
                prev = Some(header);
            }
        }
        Ok(())
    }
}
