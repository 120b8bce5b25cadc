//! [`PoolState`], what the slabs of a pool share, in the primary slab; [`Config`], the types that a cache is made of.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, size_of};

use allocator_shared::count::AtomicCount;
#[cfg(target_has_atomic = "ptr")]
use allocator_shared::count::Count;

use crate::layout::{Geometry, SlabLayout};
use crate::list::List;
use crate::locks::{LockTrait, MAX_LOCK_SIZE};
use crate::slab::Header;
use crate::sources::SlabSource;
use crate::sync::Guarded;

/// The state of a pool of slabs. 80 bytes on 64 bits, with a lock of 16 bytes and a source of 8.
///
/// # Invariants
///
/// - Each slab is on one list: on `full` iff no slot of it is free; on `empty` iff no slot of it is live and it is not the
///   primary; else on `partial`. A slab that a thread is giving back to the source is on none.
/// - `slabs` is the number of slabs on the lists, and `used` the number of their live slots.
/// - All slots of a slab on `empty` are fresh.
/// - The pool ends iff it has no reference: no handle, no live slot, no thread that is giving a slab back. `references`
///   counts
///
///   | [`RELEASE_IS_LAST`](LockTrait::RELEASE_IS_LAST) | what | how |
///   | --- | --- | --- |
///   | true | handles and threads that are giving a slab back; `used` counts the live slots | under the lock |
///   | false | handles and live slots; a slot that was freed stays counted while its thread gives a slab back | atomically, without the lock |
#[repr(C)]
pub(crate) struct PoolState<L, S> {
    pub(crate) lock: L,
    pub(crate) references: AtomicCount,
    pub(crate) used: Guarded<usize>,
    pub(crate) partial: List,
    pub(crate) full: List,
    pub(crate) empty: List,
    pub(crate) slabs: Guarded<usize>,
    /// How often the source refused to take a slab back.
    pub(crate) refused: Guarded<u32>,
    /// How often free memory was found overwritten, or a free slot was freed again.
    pub(crate) faults: Guarded<u32>,
    pub(crate) source: S,
}

impl<L, S> PoolState<L, S> {
    /// The state of a pool of one slab, on no list yet, with one reference.
    pub(crate) fn new(lock: L, source: S) -> Self {
        Self {
            lock,
            references: AtomicCount::one(),
            used: Guarded::new(0),
            partial: List::new(),
            full: List::new(),
            empty: List::new(),
            slabs: Guarded::new(1),
            refused: Guarded::new(0),
            faults: Guarded::new(0),
            source,
        }
    }

    /// Counts one more reference, atomically, for the owner of another one.
    #[cfg(target_has_atomic = "ptr")]
    #[inline(always)]
    pub(crate) fn acquire_reference(&self) {
        self.references.acquire();
    }

    /// Counts one reference less, atomically. Returns whether it was the last.
    #[cfg(target_has_atomic = "ptr")]
    #[inline(always)]
    pub(crate) fn release_reference(&self) -> bool {
        self.references.release()
    }

    // A target without atomic read-modify-write compiles no cache whose lock would call these: see `Parameters::CHECKED`.
    #[cfg(not(target_has_atomic = "ptr"))]
    pub(crate) fn acquire_reference(&self) {
        unreachable!("the lock's RELEASE_IS_LAST is true");
    }

    #[cfg(not(target_has_atomic = "ptr"))]
    pub(crate) fn release_reference(&self) -> bool {
        unreachable!("the lock's RELEASE_IS_LAST is true");
    }
}

/// The types that a cache is made of, and the layout of its slabs that follows from them.
pub(crate) trait Config: Geometry {
    type Lock: LockTrait;
    type Source: SlabSource;
}

/// The [`Config`] of a cache of values of type `T`. That of a cache of `MaybeUninit<T>` has the same layout.
pub(crate) struct Parameters<T, L, const SLAB_SIZE: usize, S>(PhantomData<(T, L, S)>);

const LARGE_LOCK: &str = "the lock is larger than 16 bytes";
const NO_ATOMICS: &str = "this target has no atomic read-modify-write: the lock's RELEASE_IS_LAST must be true";

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Parameters<T, L, SLAB_SIZE, S> {
    /// The layout of the slabs, or what is wrong with the parameters.
    const CHECKED: Result<SlabLayout, &'static str> = {
        // Loom's atomics are larger than those of `core`.
        if size_of::<L>() > MAX_LOCK_SIZE && !cfg!(loom) {
            Err(LARGE_LOCK)
        } else if !L::RELEASE_IS_LAST && cfg!(not(target_has_atomic = "ptr")) {
            Err(NO_ATOMICS)
        } else {
            let (header, value) = (Layout::new::<Header>(), Layout::new::<MaybeUninit<T>>());
            SlabLayout::new(SLAB_SIZE, header, value, Layout::new::<PoolState<L, S>>())
        }
    };
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Geometry for Parameters<T, L, SLAB_SIZE, S> {
    const LAYOUT: SlabLayout = match Self::CHECKED {
        Ok(layout) => layout,
        Err(why) => panic!("{}", why),
    };
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Config for Parameters<T, L, SLAB_SIZE, S> {
    type Lock = L;
    type Source = S;
}

#[cfg(all(test, not(loom)))]
mod tests;
