//! What both handles are: a counted pointer to the start of a pool, where the engine lives.
//!
//! ```text
//!   pool                                                              a further pool
//!   ┌─────┬─────────────────────────┬──────────────────────────┐      ┌──────────────────────────┐
//!   │ pad │ Shared                  │ the engine's             │      │ the engine's             │
//!   │     │ count │ engine, regions │                          │      │                          │
//!   └─────┴─────────────────────────┴──────────────────────────┘      └──────────────────────────┘
//!            ▲
//!   Handle ──┘ any number of them
//! ```
//!
//! # Invariants
//!
//! - The count is the number of handles (or saturated), so while there is a handle, `Shared` is initialised.
//! - Every pool is borrowed for `'pool`, in which the handle is invariant: all pools outlive all handles.
//! - No two regions of the engine touch.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, align_of, size_of};
use core::ptr::{self, NonNull};

use allocator_core::address::{address_of, align_up};
use allocator_core::{AllocError, AllocResult, ByteAllocator, Region, RegionTable};

use crate::count::Count;

/// Memory lent to an engine.
pub(crate) type Pool = [MaybeUninit<u8>];

/// The engine, and the regions it was given.
#[derive(Debug)]
pub(crate) struct Pools<A> {
    pub(crate) engine: A,
    /// What the engine has accepted. Disjoint, and none touches another.
    regions: RegionTable,
}

impl<A: ByteAllocator> Pools<A> {
    const fn new(engine: A) -> Self {
        Self { engine, regions: RegionTable::new() }
    }

    /// Gives the engine its first region.
    ///
    /// # Safety
    ///
    /// As for [`BaseAllocator::init`](allocator_core::BaseAllocator::init).
    unsafe fn init(&mut self, region: Region) -> AllocResult {
        let usable = self.regions.usable_part(region, 1, 1)?;
        // SAFETY: passed on from the caller.
        unsafe { self.engine.init(usable.start(), usable.size()) }?;
        // SAFETY: the region is the engine's; what is not usable of it is the table's.
        unsafe { self.regions.insert(region, 1, 1) }.map(drop)
    }

    /// Gives the engine a further region, one byte less of it at an end where it touches another one.
    ///
    /// Pools that happen to lie side by side are still two objects, and no pointer may go from one into the other; an
    /// engine that sees no seam would make one block of them.
    ///
    /// The engine is asked before the region is remembered, so that one that it refuses leaves no trace.
    ///
    /// # Safety
    ///
    /// As for [`BaseAllocator::add_memory`](allocator_core::BaseAllocator::add_memory).
    unsafe fn add(&mut self, region: Region) -> AllocResult {
        let touches_below = self.regions.extents().any(|other| other.end() == region.start());
        let touches_above = self.regions.extents().any(|other| other.start() == region.end());
        let start = region.start() + usize::from(touches_below);
        let apart = Region::between(start, region.end() - usize::from(touches_above))?;
        let usable = self.regions.usable_part(apart, 1, 1)?;
        // SAFETY: passed on from the caller.
        unsafe { self.engine.add_memory(usable.start(), usable.size()) }?;
        // SAFETY: the region is the engine's; what is not usable of it is the table's.
        unsafe { self.regions.insert(apart, 1, 1) }.map(drop)
    }
}

/// A way to an engine that is shared.
pub(crate) trait Access {
    /// The engine.
    type Engine: ByteAllocator;

    /// Lets `call` have the engine for itself.
    ///
    /// # Safety
    ///
    /// `call` calls nothing but methods of the engine and of [`Pools`]: nothing that could come back here.
    unsafe fn with<T>(&self, call: impl FnOnce(&mut Pools<Self::Engine>) -> T) -> T;
}

/// What lives at the start of the first pool.
#[derive(Debug)]
struct Shared<C, S> {
    count: C,
    state: S,
}

/// A counted pointer to the engine in a pool. `C` counts, `S` gives access.
pub(crate) struct Handle<'pool, C: Count, S> {
    /// Initialised, and in a pool borrowed for `'pool`.
    shared: NonNull<Shared<C, S>>,
    /// Invariant: with a handle that could be shortened, a pool with a shorter life could be added, and another clone
    /// would still use it after that life.
    pool: PhantomData<Cell<&'pool mut Pool>>,
}

impl<'pool, C: Count, S: Access> Handle<'pool, C, S> {
    /// Moves the engine to the start of the pool and gives it the rest. O(1) plus the engine's `init`.
    ///
    /// # Errors
    ///
    /// [`AllocError::InvalidParam`] when nothing is left for the engine; those of its `init`. The engine is dropped.
    pub(crate) fn new(
        engine: S::Engine,
        pool: &'pool mut Pool,
        share: impl FnOnce(Pools<S::Engine>) -> S,
    ) -> AllocResult<Self>
    where
        S::Engine: 'static,
    {
        let (start, whole) = expose(pool)?;
        let place = align_up(whole.start(), align_of::<Shared<C, S>>()).ok_or(AllocError::InvalidParam)?;
        let behind = place.checked_add(size_of::<Shared<C, S>>()).ok_or(AllocError::InvalidParam)?;
        let rest = Region::between(behind, whole.end())?;
        // SAFETY: `place` lies in the pool.
        let shared = unsafe { start.add(place - whole.start()) }.cast::<Shared<C, S>>();
        // SAFETY: the place is aligned, and all of it is in front of `rest`, so it lies in the pool, which is borrowed.
        unsafe { shared.write(Shared { count: C::one(), state: share(Pools::new(engine)) }) };
        let handle = Self { shared, pool: PhantomData };
        // SAFETY: the pool is exposed, and borrowed for as long as there is a handle, that is, for as long as the engine
        // may be called; what lies in front of `rest` is no part of it.
        unsafe { handle.state().with(|pools| pools.init(rest)) }?;
        Ok(handle)
    }

    /// Gives the engine a further pool.
    ///
    /// # Errors
    ///
    /// Those of the engine's `add_memory`.
    pub(crate) fn add_memory(&self, pool: &'pool mut Pool) -> AllocResult {
        let (_, region) = expose(pool)?;
        // SAFETY: the pool is exposed, and borrowed for as long as there is a handle.
        unsafe { self.state().with(|pools| pools.add(region)) }
    }

    /// What `ask` finds out about the engine.
    ///
    /// # Safety
    ///
    /// `ask` calls nothing but methods of the engine.
    pub(crate) unsafe fn ask<T>(&self, ask: impl FnOnce(&S::Engine) -> T) -> T {
        // SAFETY: passed on from the caller.
        unsafe { self.state().with(|pools| ask(&pools.engine)) }
    }
}

impl<C: Count, S> Handle<'_, C, S> {
    /// Where the engine is.
    #[inline]
    pub(crate) fn state(&self) -> &S {
        &self.shared().state
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
        self.shared().count.join();
        Self { shared: self.shared, pool: PhantomData }
    }
}

impl<C: Count, S> Drop for Handle<'_, C, S> {
    #[inline]
    fn drop(&mut self) {
        if self.shared().count.leave() {
            // SAFETY: the last handle has the state for itself, and nobody comes after it. The count is left alone, for
            // another thread may not yet have returned from it.
            unsafe { ptr::drop_in_place(&raw mut (*self.shared.as_ptr()).state) };
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
