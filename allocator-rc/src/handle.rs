//! [`Handle`], what both handles are: a counted pointer to the start of a pool, where the engine lives.
//!
//! ```text
//!   pool                                                              a further pool
//!   ┌─────┬─────────────────────────┬──────────────────────────┐      ┌──────────────────────────┐
//!   │ pad │ Shared                  │ blocks                   │      │ blocks                   │
//!   │     │ count │ engine, regions │                          │      │                          │
//!   └─────┴─────────────────────────┴──────────────────────────┘      └──────────────────────────┘
//!            ▲
//!   Handle ──┘ any number of them
//! ```
//!
//! # Invariants
//!
//! - The count is the number of handles, or saturated; so while there is a handle, `Shared` is initialised.
//! - Every pool is borrowed for `'pool`, in which the handle is invariant; so all pools outlive all handles.
//! - No two regions of the engine touch.

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, align_of, size_of};
use core::ptr::{self, NonNull};

use allocator_core::address::{address_of, align_up};
use allocator_core::{AllocError, AllocResult, ByteAllocator, Region, RegionTable};
use allocator_shared::Access;
use allocator_shared::count::Count;

/// Memory lent to an engine.
pub(crate) type Pool = [MaybeUninit<u8>];

/// The start of the first pool.
struct Shared<C, S> {
    count: C,
    /// The engine, behind what gives access to it.
    engine: S,
    /// The regions that the engine has accepted: disjoint, and none touches another. Whoever has access to the engine has
    /// access to them.
    regions: UnsafeCell<RegionTable>,
}

/// A counted pointer to the engine in a pool. `C` counts, `S` gives access to the engine.
pub(crate) struct Handle<'pool, C: Count, S> {
    /// Initialised, and in a pool borrowed for `'pool`.
    shared: NonNull<Shared<C, S>>,
    /// - Invariant in `'pool`: with a handle whose lifetime could be shortened, safe code could add a pool with a shorter
    ///   life, and another clone would use it after that life.
    /// - Invariant in `S`, as a `&mut S` is: clones of different types would have the same engine and lock.
    invariant: PhantomData<Invariant<(&'pool mut Pool, S)>>,
}

/// Takes and returns a `T`, so that no `T` can stand for another.
type Invariant<T> = fn(T) -> T;

impl<'pool, C: Count, S: Access> Handle<'pool, C, S>
where
    S::Inner: ByteAllocator,
{
    /// Moves the engine to the start of the pool and gives it the rest. O(1) plus the engine's `init`.
    ///
    /// # Errors
    ///
    /// [`AllocError::InvalidParam`] when nothing is left for the engine; those of its `init`. The engine is dropped.
    pub(crate) fn new(engine: S, pool: &'pool mut Pool) -> AllocResult<Self>
    where
        S::Inner: 'static,
    {
        let (start, whole) = expose(pool)?;
        let place = align_up(whole.start(), align_of::<Shared<C, S>>()).ok_or(AllocError::InvalidParam)?;
        let behind = place.checked_add(size_of::<Shared<C, S>>()).ok_or(AllocError::InvalidParam)?;
        let rest = Region::between(behind, whole.end())?;
        // SAFETY: `place` lies in the pool.
        let shared = unsafe { start.add(place - whole.start()) }.cast::<Shared<C, S>>();
        // SAFETY: the place is aligned, and all of it is in front of `rest`, so it lies in the pool, which is borrowed.
        unsafe { shared.write(Shared { count: C::one(), engine, regions: UnsafeCell::new(RegionTable::new()) }) };
        let handle = Self { shared, invariant: PhantomData };
        // SAFETY: nothing but methods of the engine is called. The pool is exposed, and borrowed for as long as there is a
        // handle, that is, for as long as the engine may be called; what lies in front of `rest` is no part of it.
        unsafe { handle.with_regions(|engine, regions| init(engine, regions, rest)) }?;
        Ok(handle)
    }

    /// Gives the engine a further pool.
    ///
    /// # Errors
    ///
    /// Those of the engine's `add_memory`.
    pub(crate) fn add_memory(&self, pool: &'pool mut Pool) -> AllocResult {
        let (_, region) = expose(pool)?;
        // SAFETY: nothing but methods of the engine is called. The pool is exposed, and borrowed for as long as there is a
        // handle.
        unsafe { self.with_regions(|engine, regions| add(engine, regions, region)) }
    }

    /// Calls `call` with the engine and its regions.
    ///
    /// # Safety
    ///
    /// As for [`Access::with_mut`].
    unsafe fn with_regions<T>(&self, call: impl FnOnce(&mut S::Inner, &mut RegionTable) -> T) -> T {
        let regions = &self.shared().regions;
        // SAFETY: the condition on `call` is passed on from the caller. Nobody else reaches the regions, for `engine` lets one
        // caller in at a time, and all use of the regions is in this function.
        unsafe { self.engine().with_mut(|engine| call(engine, &mut *regions.get())) }
    }
}

/// Gives an engine its first region.
///
/// # Safety
///
/// As for [`BaseAllocator::init`](allocator_core::BaseAllocator::init).
unsafe fn init<A: ByteAllocator>(engine: &mut A, regions: &mut RegionTable, region: Region) -> AllocResult {
    let usable = regions.usable_part(region, 1, 1)?;
    // SAFETY: passed on from the caller.
    unsafe { engine.init(usable.start(), usable.size()) }?;
    // SAFETY: the region is the engine's; the rest of it is the table's.
    unsafe { regions.insert(region, 1, 1) }.map(drop)
}

/// Gives an engine a further region, one byte less of it at an end where it touches another one.
///
/// Two pools that happen to lie side by side are still two objects, and no pointer may go from one into the other. An engine
/// would make one block of both, if their regions touched.
///
/// The engine is asked before the table remembers the region, so that a region which the engine refuses leaves no trace.
///
/// # Safety
///
/// As for [`BaseAllocator::add_memory`](allocator_core::BaseAllocator::add_memory).
unsafe fn add<A: ByteAllocator>(engine: &mut A, regions: &mut RegionTable, region: Region) -> AllocResult {
    let touches_below = regions.extents().any(|other| other.end() == region.start());
    let touches_above = regions.extents().any(|other| other.start() == region.end());
    let start = region.start() + usize::from(touches_below);
    let apart = Region::between(start, region.end() - usize::from(touches_above))?;
    let usable = regions.usable_part(apart, 1, 1)?;
    // SAFETY: passed on from the caller.
    unsafe { engine.add_memory(usable.start(), usable.size()) }?;
    // SAFETY: the region is the engine's; the rest of it is the table's.
    unsafe { regions.insert(apart, 1, 1) }.map(drop)
}

impl<C: Count, S> Handle<'_, C, S> {
    /// Where the engine is.
    #[inline]
    pub(crate) fn engine(&self) -> &S {
        &self.shared().engine
    }

    #[inline]
    fn shared(&self) -> &Shared<C, S> {
        // SAFETY: initialised while there is a handle; changed only behind the cells in it.
        unsafe { self.shared.as_ref() }
    }
}

impl<C: Count, S> Clone for Handle<'_, C, S> {
    #[inline]
    fn clone(&self) -> Self {
        self.shared().count.acquire();
        Self { shared: self.shared, invariant: PhantomData }
    }
}

impl<C: Count, S> Drop for Handle<'_, C, S> {
    #[inline]
    fn drop(&mut self) {
        if self.shared().count.release() {
            // SAFETY: the last handle has the engine for itself, and nobody comes after it. The count is left alone, for
            // another thread may not yet have returned from it; the table of regions has nothing to drop.
            unsafe { ptr::drop_in_place(&raw mut (*self.shared.as_ptr()).engine) };
        }
    }
}

/// The start of `pool`, its provenance exposed, and where it lies.
///
/// # Errors
///
/// [`AllocError::InvalidParam`] when it is empty.
fn expose(pool: &mut Pool) -> AllocResult<(NonNull<u8>, Region)> {
    let size = pool.len();
    let start = NonNull::from(pool).cast::<u8>();
    Ok((start, Region::new(address_of(start), size)?))
}
