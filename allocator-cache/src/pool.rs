//! [`Pool`], the slabs of a cache: which slab hands out a slot, when the source is called, who ends the pool.

mod validate;

use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use crate::error::{Result, SlabError};
use crate::layout::SlotIndex;
use crate::locks::LockTrait;
use crate::slab::{Header, SlabRef};
use crate::sources::SlabSource;
use crate::state::{Config, PoolState};
use crate::statistics::SlabStatistics;

/// The slabs of a cache.
pub(crate) struct Pool<C> {
    primary: NonNull<Header>,
    config: PhantomData<C>,
}

impl<C> Clone for Pool<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Pool<C> {}

type Guard<'a, C> = <<C as Config>::Lock as LockTrait>::Guard<'a>;

/// Why the lists have no slot.
enum NoSlot {
    /// All slots are live.
    AllLive,
    /// Free memory was overwritten. The free list of that slab has been rebuilt.
    Corrupted,
}

/// The answer of the slow path: a slot, or why there is none. Unlike a `Result` of the two it is returned in registers, so
/// the fast path does not go through memory either.
struct SlowAnswer {
    slot: Option<NonNull<u8>>,
    /// Means something where there is no slot.
    error: SlabError,
}

impl SlowAnswer {
    fn found(slot: NonNull<u8>) -> Self {
        Self { slot: Some(slot), error: SlabError::OutOfMemory }
    }

    fn refused(error: SlabError) -> Self {
        Self { slot: None, error }
    }
}

/// A reference that [`PoolState::references`] counts. Its drop releases it, after a panic of the source, too.
struct Reference<C: Config>(Pool<C>);

impl<C: Config> Drop for Reference<C> {
    fn drop(&mut self) {
        // SAFETY: the reference is this value's, which is gone then.
        unsafe { self.0.release() }
    }
}

/// Whether references are counted under the lock, live slots in [`PoolState::used`].
const fn counts_under_lock<C: Config>() -> bool {
    C::Lock::RELEASE_IS_LAST
}

impl<C: Config> Pool<C> {
    /// Makes a pool of one slab, with one reference, for a handle.
    pub(crate) fn create(source: C::Source) -> Result<Self> {
        let lock = C::Lock::init();
        let block = obtain::<C>(&source)?;
        // SAFETY: the block is as the layout says, and nobody else's; the state of the pool is written next.
        let slab = unsafe { SlabRef::<C>::create_primary(block) };
        // SAFETY: the state has its place in the primary slab, aligned, and nobody else knows of the slab.
        unsafe {
            let state = slab.pool_state().cast();
            state.write(PoolState::new(lock, source));
            state.as_ref().partial.link(slab.header());
        }
        Ok(Self { primary: slab.header(), config: PhantomData })
    }

    /// The pool that a slab belongs to. The caller uses it for as long as the caller has a reference to it.
    #[inline(always)]
    pub(crate) fn of(slab: SlabRef<C>) -> Self {
        Self { primary: slab.primary(), config: PhantomData }
    }

    #[inline(always)]
    fn state<'a>(self) -> &'a PoolState<C::Lock, C::Source> {
        // SAFETY: the state lies in the primary slab, and is only borrowed shared. It is there for as long as the pool has a
        // reference; the callers have one, and do not use the state for longer.
        unsafe { SlabRef::<C>::new(self.primary).pool_state().cast().as_ref() }
    }

    /// # Safety
    ///
    /// The header is that of a slab of this pool.
    #[inline(always)]
    unsafe fn slab(self, header: NonNull<Header>) -> SlabRef<C> {
        // SAFETY: passed on from the caller; headers and lists hold the pointers that the blocks came with.
        unsafe { SlabRef::new(header) }
    }

    #[inline(always)]
    fn lock<'a>(self) -> Guard<'a, C>
    where
        C: 'a,
    {
        self.state().lock.lock()
    }

    pub(crate) fn source(&self) -> &C::Source {
        &self.state().source
    }

    /// Acquires a reference, for a handle.
    pub(crate) fn acquire(self) {
        if counts_under_lock::<C>() {
            let _guard = self.lock();
            self.state().references.acquire_locked();
        } else {
            self.state().acquire_reference();
        }
    }

    /// Releases a reference that [`PoolState::references`] counts. The last one ends the pool.
    ///
    /// # Safety
    ///
    /// The reference is the caller's, who does not use the pool any more.
    pub(crate) unsafe fn release(self) {
        if counts_under_lock::<C>() {
            let guard = self.lock();
            self.state().references.release_locked();
            // SAFETY: this thread has the lock; the rest is passed on from the caller.
            unsafe { self.unlock_and_end_if_unused(guard) }
        } else if self.state().release_reference() {
            // SAFETY: that was the last reference.
            unsafe { self.end() }
        }
    }

    /// Releases the reference of a slot that has been freed, and the lock.
    ///
    /// # Safety
    ///
    /// The reference is the caller's, who does not use the pool any more. The guard is that of the pool's lock.
    #[inline(always)]
    unsafe fn release_slot<'a>(self, guard: Guard<'a, C>)
    where
        C: 'a,
    {
        if counts_under_lock::<C>() {
            // `used` counted it.
            // SAFETY: passed on from the caller.
            unsafe { self.unlock_and_end_if_unused(guard) }
        } else {
            // The lock is part of the pool, so the reference is released after the lock.
            drop(guard);
            if self.state().release_reference() {
                // SAFETY: that was the last reference.
                unsafe { self.end() }
            }
        }
    }

    /// Releases the lock, and ends the pool if it has no reference, where references are counted under the lock.
    ///
    /// # Safety
    ///
    /// The guard is that of the pool's lock; the caller does not use the pool any more.
    #[inline(always)]
    unsafe fn unlock_and_end_if_unused<'a>(self, guard: Guard<'a, C>)
    where
        C: 'a,
    {
        // SAFETY: this thread has the lock.
        let unused = unsafe { self.state().used.get() == 0 } && self.state().references.get() == 0;
        // With this thread's last touch of the pool the next thread may take the lock, and may end the pool.
        drop(guard);
        if unused {
            // SAFETY: the pool has no reference. All other threads have released the lock, with their last touch of it.
            unsafe { self.end() }
        }
    }

    /// Takes a slot. O(1), but for the source.
    ///
    /// The caller has the reference of a handle throughout.
    #[inline]
    pub(crate) fn take(self) -> Result<NonNull<u8>> {
        let guard = self.lock();
        // SAFETY: this thread has the lock.
        if let Some(slot) = unsafe { self.take_from_partial() } {
            return Ok(slot);
        }
        // SAFETY: the guard is that of the lock, under which the first slab gave no slot.
        let SlowAnswer { slot, error } = unsafe { self.take_slow(guard) };
        slot.ok_or(error)
    }

    /// Takes slots, all that there are under one lock: `put` gets each slot, and says whether it wants another one.
    /// O(slots), but for the source.
    ///
    /// The caller has the reference of a handle throughout.
    pub(crate) fn take_many(self, mut put: impl FnMut(NonNull<u8>) -> bool) -> Result<()> {
        loop {
            let guard = self.lock();
            // SAFETY: this thread has the lock.
            while let Some(slot) = unsafe { self.take_from_partial() } {
                if !put(slot) {
                    return Ok(());
                }
            }
            // SAFETY: the guard is that of the lock, under which the first slab gave no slot.
            let SlowAnswer { slot, error } = unsafe { self.take_slow(guard) };
            if !put(slot.ok_or(error)?) {
                return Ok(());
            }
        }
    }

    /// The fast path: takes a slot of the first partial slab. None if there is no such slab, or its free list is corrupted.
    ///
    /// # Safety
    ///
    /// The caller has the lock.
    #[inline(always)]
    unsafe fn take_from_partial(self) -> Option<NonNull<u8>> {
        let state = self.state();
        // SAFETY: the caller has the lock; a slab on `partial` is one of the pool, with a free slot.
        unsafe {
            let slab = self.slab(state.partial.first()?);
            let (slot, was_last) = slab.take_slot().ok()?;
            state.used.set(state.used.get() + 1);
            if was_last {
                self.partial_becomes_full(slab);
            }
            if !counts_under_lock::<C>() {
                state.acquire_reference();
            }
            Some(slot)
        }
    }

    /// Takes a slot of an empty slab; rebuilds the free list of a corrupted slab.
    ///
    /// # Safety
    ///
    /// The caller has the lock, and [`take_from_partial`](Self::take_from_partial) has given none.
    unsafe fn take_from_empty(self) -> core::result::Result<NonNull<u8>, NoSlot> {
        let state = self.state();
        // SAFETY: the caller has the lock; a slab on `empty` is one of the pool, with a free slot.
        unsafe {
            if let Some(corrupted) = state.partial.first() {
                return Err(self.rebuild(self.slab(corrupted)));
            }
            let header = state.empty.first().ok_or(NoSlot::AllLive)?;
            state.empty.unlink(header);
            state.partial.link(header);
            self.take_from_partial().ok_or_else(|| self.rebuild(self.slab(header)))
        }
    }

    /// # Safety
    ///
    /// The caller has the lock; the slab is on `partial`, and its last free slot was taken.
    #[cold]
    unsafe fn partial_becomes_full(self, slab: SlabRef<C>) {
        // SAFETY: the caller has the lock, and the slab is on `partial`.
        unsafe {
            self.state().partial.unlink(slab.header());
            self.state().full.link(slab.header());
        }
    }

    /// # Safety
    ///
    /// The caller has the lock; the slab is on `full`, and one of its slots was freed.
    #[cold]
    unsafe fn full_becomes_partial(self, slab: SlabRef<C>) {
        // SAFETY: the caller has the lock, and the slab is on `full`.
        unsafe {
            self.state().full.unlink(slab.header());
            self.state().partial.link(slab.header());
        }
    }

    /// Rebuilds the free list of a slab whose free memory was overwritten, and counts the fault.
    ///
    /// # Safety
    ///
    /// The caller has the lock.
    #[cold]
    unsafe fn rebuild(self, slab: SlabRef<C>) -> NoSlot {
        // SAFETY: the caller has the lock.
        unsafe {
            slab.rebuild_free_list();
            self.count_fault();
        }
        NoSlot::Corrupted
    }

    /// # Safety
    ///
    /// The caller has the lock.
    unsafe fn count_fault(self) {
        let faults = &self.state().faults;
        // SAFETY: the caller has the lock.
        unsafe { faults.set(faults.get().saturating_add(1)) }
    }

    /// The slow path: takes a slot of an empty slab, or of a new one.
    ///
    /// # Safety
    ///
    /// The guard is that of the pool's lock, and [`take_from_partial`](Self::take_from_partial) has given none under it.
    #[cold]
    unsafe fn take_slow<'a>(self, guard: Guard<'a, C>) -> SlowAnswer
    where
        C: 'a,
    {
        // SAFETY: this thread has the lock.
        let taken = unsafe { self.take_from_empty() };
        drop(guard);
        match taken {
            Ok(slot) => SlowAnswer::found(slot),
            Err(NoSlot::Corrupted) => SlowAnswer::refused(SlabError::FatalError),
            Err(NoSlot::AllLive) => self.take_from_new(),
        }
    }

    /// Takes a slot of a new slab.
    fn take_from_new(self) -> SlowAnswer {
        // The source is called without the lock: it may take long, and may use other caches.
        let block = obtain::<C>(self.source());
        // SAFETY: the block is as the layout says, and nobody else's.
        let slab = block.map(|block| unsafe { SlabRef::<C>::create_secondary(block, self.primary) });
        let _guard = self.lock();
        // SAFETY: this thread has the lock, and the slab is on no list.
        unsafe {
            if let Ok(slab) = slab {
                self.state().slabs.set(self.state().slabs.get() + 1);
                self.state().partial.link(slab.header());
            }
            // Where the source gave no slab, another thread may have freed a slot meanwhile.
            match (self.take_from_partial().ok_or(()).or_else(|()| self.take_from_empty()), slab) {
                (Ok(slot), _) => SlowAnswer::found(slot),
                (Err(NoSlot::AllLive), Err(error)) => SlowAnswer::refused(error),
                (Err(_), _) => SlowAnswer::refused(SlabError::FatalError),
            }
        }
    }

    /// Frees a slot, and releases the reference that it is. O(1), but for the source.
    ///
    /// # Safety
    ///
    /// - The slab is one of this pool, which has a reference: the slot's, if it is live.
    /// - Nobody uses the slot any more, nor, where the slot is live, the reference that it is.
    #[inline]
    pub(crate) unsafe fn free(self, slab: SlabRef<C>, index: SlotIndex) {
        let guard = self.lock();
        // SAFETY: this thread has the lock; the rest is passed on from the caller.
        unsafe {
            let Some(live) = slab.free_slot(index) else { return self.count_fault() };
            let state = self.state();
            state.used.set(state.used.get() - 1);
            if live + 1 == slab.slots() {
                self.full_becomes_partial(slab);
            }
            if live == 0 && !slab.is_primary() {
                return self.partial_becomes_empty(slab, guard);
            }
            self.release_slot(guard);
        }
    }

    /// Keeps a secondary slab without live slots if it is the only one such, else gives it back to the source. Then
    /// releases the reference of the freed slot, as [`release_slot`](Self::release_slot).
    ///
    /// # Safety
    ///
    /// As for `release_slot`; and the slab is on `partial`, and none of its slots is live.
    #[cold]
    unsafe fn partial_becomes_empty<'a>(self, slab: SlabRef<C>, guard: Guard<'a, C>)
    where
        C: 'a,
    {
        let state = self.state();
        // SAFETY: this thread has the lock, until it drops the guard; the rest is passed on from the caller.
        unsafe {
            state.partial.unlink(slab.header());
            if state.empty.first().is_none() {
                slab.reset();
                state.empty.link(slab.header());
                return self.release_slot(guard);
            }
            state.slabs.set(state.slabs.get() - 1);
            if counts_under_lock::<C>() {
                // `used` does not count the slot any more. This thread needs a reference until the source has answered.
                state.references.acquire_locked();
            }
            drop(guard);
            let _reference = Reference(self);
            self.give_back(slab);
        }
    }

    /// Gives a slab back to the source, and says whether the source took it. The pool keeps a slab that the source refuses.
    ///
    /// # Safety
    ///
    /// The caller has a reference, but not the lock. The slab is on no list and not counted, and none of its slots is live.
    unsafe fn give_back(self, slab: SlabRef<C>) -> bool {
        let state = self.state();
        slab.clear_magic();
        // SAFETY: the slab came from this source, and nobody else knows of it or of a slot of it.
        if unsafe { state.source.free_slab(slab.block(), C::LAYOUT.block()) }.is_ok() {
            return true;
        }
        slab.set_magic();
        // SAFETY: a slab that the source refuses is still the pool's; this thread alone has access to it.
        unsafe { slab.reset() };
        let _guard = self.lock();
        // SAFETY: this thread has the lock; the slab is on no list.
        unsafe {
            state.slabs.set(state.slabs.get() + 1);
            state.refused.set(state.refused.get().saturating_add(1));
            state.empty.link(slab.header());
        }
        false
    }

    /// Gives the slabs on `empty` back, until there is none or the source refuses one. Returns how many the source took.
    ///
    /// The caller has the reference of a handle throughout.
    pub(crate) fn shrink(self) -> usize {
        let state = self.state();
        let mut given_back = 0;
        loop {
            let guard = self.lock();
            // SAFETY: this thread has the lock; a slab on `empty` is one of the pool.
            let slab = unsafe {
                let Some(header) = state.empty.first() else { return given_back };
                state.empty.unlink(header);
                state.slabs.set(state.slabs.get() - 1);
                self.slab(header)
            };
            drop(guard);
            // SAFETY: the caller has a reference; the slab is on no list any more, and has no live slot.
            if !unsafe { self.give_back(slab) } {
                return given_back;
            }
            given_back += 1;
        }
    }

    /// Counts the fault of a caller who wanted to free a free slot.
    ///
    /// The caller has a reference throughout.
    #[cold]
    pub(crate) fn refuse_free(self) {
        let _guard = self.lock();
        // SAFETY: this thread has the lock.
        unsafe { self.count_fault() }
    }

    /// Ends the pool: drops the lock, gives all slabs back, the primary last, and drops the source. O(slabs).
    ///
    /// # Safety
    ///
    /// The pool has no reference, and all that other threads did to it has happened before.
    #[cold]
    unsafe fn end(self) {
        // SAFETY: nobody else has access. Lock and source are dropped or moved out once, and the state is not used after
        // that. No slot is live, so all slabs are on `partial` or `empty`; the state lies in the primary, which goes last.
        unsafe {
            let state = SlabRef::<C>::new(self.primary).pool_state().cast::<PoolState<C::Lock, C::Source>>().as_ptr();
            ptr::drop_in_place(&raw mut (*state).lock);
            let source = ptr::read(&raw const (*state).source);
            debug_assert!((*state).full.first().is_none());
            let secondary = (*state).partial.iter().chain((*state).empty.iter()).filter(|&slab| slab != self.primary);
            for slab in secondary.chain(Some(self.primary)) {
                let slab = self.slab(slab);
                slab.clear_magic();
                // A slab that the source refuses now is lost: nobody is left who could use it.
                let _ = source.free_slab(slab.block(), C::LAYOUT.block());
            }
        }
    }

    /// What there is, and how much of it is used. O(1).
    pub(crate) fn statistics(self) -> SlabStatistics {
        let state = self.state();
        let _guard = self.lock();
        // SAFETY: this thread has the lock.
        let (used, slabs, refused, faults) =
            unsafe { (state.used.get(), state.slabs.get(), state.refused.get(), state.faults.get()) };
        SlabStatistics {
            total_slots: slabs * C::LAYOUT.slots as usize - C::LAYOUT.first_of_primary.get() as usize,
            used_slots: used,
            slabs,
            bytes: slabs * C::LAYOUT.slab_size,
            refused_slabs: refused as usize,
            faults: faults as usize,
        }
    }
}

/// Obtains a slab from the source.
fn obtain<C: Config>(source: &C::Source) -> Result<NonNull<u8>> {
    let block = source.alloc_slab(C::LAYOUT.block()).ok_or(SlabError::OutOfMemory)?;
    if block.addr().get().is_multiple_of(C::LAYOUT.slab_size) {
        return Ok(block);
    }
    // SAFETY: the source has just given it, and nobody uses it. If the source refuses to take it back, it is lost.
    let _ = unsafe { source.free_slab(block, C::LAYOUT.block()) };
    Err(SlabError::AlignmentMismatch)
}
