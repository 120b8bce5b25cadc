//! [`Hierarchy`], the slabs of one cache: which to take a slot from, when to call the source, who frees what.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use super::error::{Result, SlabError};
use super::grid::Config;
use super::header::{Header, SlabRef};
use super::list::List;
use super::locks::LockTrait;
use super::refs::Refs;
use super::sources::SlabSource;
use super::statistics::SlabStatistics;
use super::sync::Guarded;

/// What the primary slab has beyond the others. With a lock of 16 bytes and a source of 8, 80 bytes on 64 bits.
///
/// # Invariants
///
/// - Each slab is on one list: on `full` iff no slot is free; on `empty` iff none is live and it is not the primary; on
///   `room` else. While a thread calls the source with a slab, it is on none, and counts nowhere.
/// - `slabs` is how many are on the lists, `used` how many of their slots are live.
/// - Slabs on `empty` have fresh slots only.
/// - The hierarchy is there as long as `used > 0` or `refs > 0`; where the lock's release is not its last touch, live slots
///   are among the `refs`.
#[repr(C)]
pub(super) struct Root<L, S> {
    lock: L,
    refs: Refs,
    used: Guarded<usize>,
    room: List,
    full: List,
    empty: List,
    slabs: Guarded<usize>,
    /// How often the source did not take a slab back.
    refused: Guarded<u32>,
    /// How often free memory was found overwritten, or a slot was given back that was free.
    faults: Guarded<u32>,
    source: S,
}

/// Why no slot could be taken.
enum Missing {
    /// All slots are live.
    Room,
    /// Free memory was overwritten, in a slab that is all right again.
    Trust,
}

/// What came of it when no slot was at hand. Unlike a `Result` with the same in it, it is returned in registers, so that the
/// slot that is at hand is not sent through memory either.
struct Otherwise {
    slot: Option<NonNull<u8>>,
    /// Why there is none.
    error: SlabError,
}

impl Otherwise {
    fn found(slot: NonNull<u8>) -> Self {
        Self { slot: Some(slot), error: SlabError::OutOfMemory }
    }

    fn refused(error: SlabError) -> Self {
        Self { slot: None, error }
    }
}

/// All slabs of a cache: the pointer of a handle.
pub(super) struct Hierarchy<C> {
    primary: NonNull<Header>,
    config: PhantomData<C>,
}

impl<C> Clone for Hierarchy<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Hierarchy<C> {}

/// A reference that is counted in [`Refs`], given up when this is dropped, be it by a panic of the source.
struct Reference<C: Config>(Hierarchy<C>);

impl<C: Config> Drop for Reference<C> {
    fn drop(&mut self) {
        // SAFETY: the reference is this one's, and not used any more.
        unsafe { self.0.leave() }
    }
}

type Guard<'a, C> = <<C as Config>::Lock as LockTrait>::Guard<'a>;

/// Whether live slots keep the hierarchy by being counted in `used`, under the lock.
const fn used_keeps<C: Config>() -> bool {
    C::Lock::RELEASE_IS_LAST
}

impl<C: Config> Hierarchy<C> {
    /// The hierarchy with this primary slab.
    ///
    /// # Safety
    ///
    /// As long as it is used, something keeps it: a handle, a live slot, or a reference.
    #[inline(always)]
    pub(super) unsafe fn new(primary: NonNull<Header>) -> Self {
        Self { primary, config: PhantomData }
    }

    /// A new hierarchy, with one reference, of a handle.
    pub(super) fn create(source: C::Source) -> Result<Self> {
        let lock = C::Lock::init();
        let block = obtain::<C>(&source)?;
        // SAFETY: the block is as the layout says, and nobody else's; the root is written next.
        let slab = unsafe { SlabRef::<C>::create(block, None) };
        let root = Root {
            lock,
            refs: Refs::one(),
            used: Guarded::new(0),
            room: List::new(),
            full: List::new(),
            empty: List::new(),
            slabs: Guarded::new(1),
            refused: Guarded::new(0),
            faults: Guarded::new(0),
            source,
        };
        // SAFETY: the root has its place in the primary slab, of which nobody else knows.
        unsafe {
            slab.root().write(root);
            slab.root().as_ref().room.push(slab.header());
        }
        Ok(Self { primary: slab.header(), config: PhantomData })
    }

    #[inline(always)]
    fn root<'a>(self) -> &'a Root<C::Lock, C::Source> {
        // SAFETY: the root lies in the primary slab, and is only ever borrowed shared. It is there for as long as
        // something keeps the hierarchy, and the callers do not use it for longer.
        unsafe { SlabRef::<C>::new(self.primary).root().as_ref() }
    }

    /// # Safety
    ///
    /// The header is that of a slab of this hierarchy.
    #[inline(always)]
    unsafe fn slab(self, header: NonNull<Header>) -> SlabRef<C> {
        // SAFETY: passed on; the pointers in headers and lists are those that blocks came with.
        unsafe { SlabRef::new(header) }
    }

    #[inline(always)]
    fn lock<'a>(self) -> Guard<'a, C>
    where
        C: 'a,
    {
        self.root().lock.lock()
    }

    pub(super) fn source(&self) -> &C::Source {
        &self.root().source
    }

    /// One more handle.
    pub(super) fn join(self) {
        if used_keeps::<C>() {
            let _guard = self.lock();
            self.root().refs.join_locked();
        } else {
            self.root().refs.join();
        }
    }

    /// Gives up a reference that is counted in [`Refs`]: that of a handle.
    ///
    /// # Safety
    ///
    /// The reference is the caller's, who does not use the hierarchy any more.
    pub(super) unsafe fn leave(self) {
        let last = if used_keeps::<C>() {
            let guard = self.lock();
            self.root().refs.leave_locked();
            // SAFETY: this thread has the lock.
            let last = unsafe { self.is_unused() };
            drop(guard);
            last
        } else {
            self.root().refs.leave()
        };
        if last {
            // SAFETY: that was the last reference.
            unsafe { self.tear_down() }
        }
    }

    /// Whether nothing keeps the hierarchy, where that is counted under the lock.
    ///
    /// # Safety
    ///
    /// The caller has the lock.
    #[inline(always)]
    unsafe fn is_unused(self) -> bool {
        // SAFETY: passed on.
        unsafe { self.root().used.get() == 0 && self.root().refs.is_zero_locked() }
    }

    /// Takes a slot. O(1), but for the source.
    ///
    /// The caller has a reference, of a handle, throughout.
    #[inline]
    pub(super) fn take(self) -> Result<NonNull<u8>> {
        let guard = self.lock();
        // SAFETY: this thread has the lock.
        if let Some(slot) = unsafe { self.take_locked() } {
            return Ok(slot);
        }
        // SAFETY: as above.
        let Otherwise { slot, error } = unsafe { self.take_otherwise(guard) };
        slot.ok_or(error)
    }

    /// Takes as many slots as `put` has room for, under one lock while they last: `put` gets each, and says whether it
    /// wants more. O(slots), but for the source.
    pub(super) fn take_many(self, mut put: impl FnMut(NonNull<u8>) -> bool) -> Result<()> {
        loop {
            let guard = self.lock();
            // SAFETY: this thread has the lock.
            while let Some(slot) = unsafe { self.take_locked() } {
                if !put(slot) {
                    return Ok(());
                }
            }
            // SAFETY: as above.
            let Otherwise { slot, error } = unsafe { self.take_otherwise(guard) };
            if !put(slot.ok_or(error)?) {
                return Ok(());
            }
        }
    }

    /// A slot of the first slab with room, where there is one and its stack is as it should be.
    ///
    /// # Safety
    ///
    /// The caller has the lock.
    #[inline(always)]
    unsafe fn take_locked(self) -> Option<NonNull<u8>> {
        let root = self.root();
        // SAFETY: the caller has the lock; what is on the lists are slabs, and those on `room` have a free slot.
        unsafe {
            let slab = self.slab(root.room.first()?);
            let (slot, was_last) = slab.pop().ok()?;
            root.used.set(root.used.get() + 1);
            if was_last {
                self.now_full(slab);
            }
            if !used_keeps::<C>() {
                root.refs.join();
            }
            Some(slot)
        }
    }

    /// A slot of an empty slab; or why there is none.
    ///
    /// # Safety
    ///
    /// The caller has the lock, and [`take_locked`](Self::take_locked) has given none.
    unsafe fn take_from_empty(self) -> core::result::Result<NonNull<u8>, Missing> {
        let root = self.root();
        // SAFETY: the caller has the lock; a slab on `empty` has room.
        unsafe {
            if let Some(scribbled) = root.room.first() {
                return Err(self.mend(self.slab(scribbled)));
            }
            let header = root.empty.first().ok_or(Missing::Room)?;
            root.empty.unlink(header);
            root.room.push(header);
            self.take_locked().ok_or_else(|| self.mend(self.slab(header)))
        }
    }

    /// # Safety
    ///
    /// The caller has the lock; the slab is on `room`, and its last free slot was taken.
    #[cold]
    unsafe fn now_full(self, slab: SlabRef<C>) {
        // SAFETY: passed on.
        unsafe {
            self.root().room.unlink(slab.header());
            self.root().full.push(slab.header());
        }
    }

    /// Makes a slab sound again whose stack of free slots was overwritten.
    ///
    /// # Safety
    ///
    /// The caller has the lock.
    #[cold]
    unsafe fn mend(self, slab: SlabRef<C>) -> Missing {
        // SAFETY: passed on.
        unsafe {
            slab.restack();
            self.count_fault();
        }
        Missing::Trust
    }

    /// # Safety
    ///
    /// The caller has the lock.
    unsafe fn count_fault(self) {
        let faults = &self.root().faults;
        // SAFETY: passed on.
        unsafe { faults.set(faults.get().saturating_add(1)) }
    }

    /// A slot that is not at hand: of an empty slab, or of a new one.
    ///
    /// # Safety
    ///
    /// The guard is that of this hierarchy's lock, and [`take_locked`](Self::take_locked) has given none under it.
    #[cold]
    unsafe fn take_otherwise<'a>(self, guard: Guard<'a, C>) -> Otherwise
    where
        C: 'a,
    {
        // SAFETY: this thread has the lock.
        let taken = unsafe { self.take_from_empty() };
        drop(guard);
        match taken {
            Ok(slot) => Otherwise::found(slot),
            Err(Missing::Trust) => Otherwise::refused(SlabError::FatalError),
            Err(Missing::Room) => self.take_from_new(),
        }
    }

    /// A slot of a new slab.
    fn take_from_new(self) -> Otherwise {
        // Outside of the lock: the source may take its time, or use other caches.
        let block = obtain::<C>(self.source());
        // SAFETY: the block is as the layout says, and nobody else's.
        let slab = block.map(|block| unsafe { SlabRef::<C>::create(block, Some(self.primary)) });
        let _guard = self.lock();
        // SAFETY: this thread has the lock, and the slab is on no list.
        unsafe {
            if let Ok(slab) = slab {
                self.root().slabs.set(self.root().slabs.get() + 1);
                self.root().room.push(slab.header());
            }
            // Where the source has given nothing, others may have given slots back meanwhile.
            match (self.take_locked().ok_or(()).or_else(|()| self.take_from_empty()), slab) {
                (Ok(slot), _) => Otherwise::found(slot),
                (Err(Missing::Room), Err(error)) => Otherwise::refused(error),
                (Err(_), _) => Otherwise::refused(SlabError::FatalError),
            }
        }
    }

    /// Takes a slot back; frees the hierarchy if nothing keeps it any more. O(1), but for the source.
    ///
    /// # Safety
    ///
    /// The slot is one of a slab of such a cache, its pointer may be used for all of the slab, and nobody uses the slot, or
    /// the reference that it is, any more.
    #[inline]
    pub(super) unsafe fn put(slot: NonNull<u8>) {
        // SAFETY: passed on.
        let slab = unsafe { SlabRef::<C>::of_slot(slot) };
        let this = slab.hierarchy();
        let guard = this.lock();
        // SAFETY: this thread has the lock; the rest is passed on.
        unsafe {
            let Some(left) = slab.push(slab.index_of(slot)) else { return this.count_fault() };
            let root = this.root();
            root.used.set(root.used.get() - 1);
            if left + 1 == slab.slots() {
                this.now_with_room(slab);
            }
            if left == 0 && !slab.is_primary() {
                return this.retire(slab, guard);
            }
            this.depart(guard);
        }
    }

    /// Gives up the reference that a slot was which is free now, and the lock.
    ///
    /// # Safety
    ///
    /// The reference is the caller's, who does not use the hierarchy any more.
    #[inline(always)]
    unsafe fn depart<'a>(self, guard: Guard<'a, C>)
    where
        C: 'a,
    {
        let last = if used_keeps::<C>() {
            // SAFETY: this thread has the lock.
            let last = unsafe { self.is_unused() };
            // What this touches last lets the next thread in, who may free it.
            drop(guard);
            last
        } else {
            // The reference is counted, and keeps the lock until it is released.
            drop(guard);
            self.root().refs.leave()
        };
        if last {
            // SAFETY: that was the last reference.
            unsafe { self.tear_down() }
        }
    }

    /// # Safety
    ///
    /// The caller has the lock; the slab is on `full`, and one of its slots is free now.
    #[cold]
    unsafe fn now_with_room(self, slab: SlabRef<C>) {
        // SAFETY: passed on.
        unsafe {
            self.root().full.unlink(slab.header());
            self.root().room.push(slab.header());
        }
    }

    /// Keeps a secondary slab without live slots, if it is the only such one, else gives it back; then as
    /// [`depart`](Self::depart).
    ///
    /// # Safety
    ///
    /// As for `depart`; and the slab is on `room`, and none of its slots is live.
    #[cold]
    unsafe fn retire<'a>(self, slab: SlabRef<C>, guard: Guard<'a, C>)
    where
        C: 'a,
    {
        let root = self.root();
        // SAFETY: this thread has the lock, until it drops the guard; the rest is passed on.
        unsafe {
            root.room.unlink(slab.header());
            if root.empty.first().is_none() {
                slab.refresh();
                root.empty.push(slab.header());
                return self.depart(guard);
            }
            root.slabs.set(root.slabs.get() - 1);
            if used_keeps::<C>() {
                // The slot is no reference any more; until the source has answered, this is.
                root.refs.join_locked();
            }
            drop(guard);
            let _reference = Reference(self);
            self.give_back(slab);
        }
    }

    /// Gives a slab to the source, or keeps it where that does not take it; whether it did.
    ///
    /// # Safety
    ///
    /// The caller has a reference, but not the lock. The slab is on no list and not counted, and none of its slots is live.
    unsafe fn give_back(self, slab: SlabRef<C>) -> bool {
        let root = self.root();
        slab.set_magic(false);
        // SAFETY: the slab came from this source, and nobody has a slot or knows of it.
        if unsafe { root.source.free_slab(slab.block(), C::SLAB) }.is_ok() {
            return true;
        }
        slab.set_magic(true);
        // SAFETY: the slab is still ours, as the source has not taken it.
        unsafe { slab.refresh() };
        let _guard = self.lock();
        // SAFETY: this thread has the lock.
        unsafe {
            root.slabs.set(root.slabs.get() + 1);
            root.refused.set(root.refused.get().saturating_add(1));
            root.empty.push(slab.header());
        }
        false
    }

    /// Gives slabs without live slots back until there is none, or the source does not take one; how many it took.
    ///
    /// The caller has a reference, of a handle, throughout.
    pub(super) fn shrink(self) -> usize {
        let root = self.root();
        let mut given_back = 0;
        loop {
            let guard = self.lock();
            // SAFETY: this thread has the lock; slabs on `empty` have no live slot.
            let slab = unsafe {
                let Some(header) = root.empty.first() else { return given_back };
                root.empty.unlink(header);
                root.slabs.set(root.slabs.get() - 1);
                self.slab(header)
            };
            drop(guard);
            // SAFETY: the caller has a reference; the slab is on no list any more.
            if !unsafe { self.give_back(slab) } {
                return given_back;
            }
            given_back += 1;
        }
    }

    /// Counts a slot that was to be given back and is free.
    ///
    /// # Safety
    ///
    /// The slot is one of a slab of such a cache, which something keeps.
    #[cold]
    pub(super) unsafe fn refuse(slot: NonNull<u8>) {
        // SAFETY: passed on.
        let this = unsafe { SlabRef::<C>::of_slot(slot) }.hierarchy();
        let _guard = this.lock();
        // SAFETY: this thread has the lock.
        unsafe { this.count_fault() }
    }

    /// Gives all slabs back, the primary last. O(slabs).
    ///
    /// # Safety
    ///
    /// Nothing keeps the hierarchy any more, and all that was done to it happened before.
    #[cold]
    unsafe fn tear_down(self) {
        // SAFETY: nobody else has access. What the root owns is moved out of it or dropped once, and the root is not used
        // any more. No slot is live, so all slabs are on `room` or `empty`; the primary ends with the last of them.
        unsafe {
            let root = SlabRef::<C>::new(self.primary).root().as_ptr();
            ptr::drop_in_place(&raw mut (*root).lock);
            let source = ptr::read(&raw const (*root).source);
            debug_assert!((*root).full.first().is_none());
            let secondary = (*root).room.iter().chain((*root).empty.iter()).filter(|&header| header != self.primary);
            for slab in secondary.chain(Some(self.primary)) {
                let slab = SlabRef::<C>::new(slab);
                slab.set_magic(false);
                // A slab that is not taken back now is lost: there is nobody left who could use it.
                let _ = source.free_slab(slab.block(), C::SLAB);
            }
        }
    }

    /// What there is, and what of it is used. O(1).
    pub(super) fn statistics(self) -> SlabStatistics {
        let root = self.root();
        let _guard = self.lock();
        // SAFETY: this thread has the lock.
        let (used, slabs, refused, faults) =
            unsafe { (root.used.get(), root.slabs.get(), root.refused.get(), root.faults.get()) };
        SlabStatistics {
            total_slots: slabs * C::GRID.slots as usize - C::GRID.first_of_primary as usize,
            used_slots: used,
            slabs,
            bytes: slabs * C::GRID.slab_size,
            refused_slabs: refused as usize,
            faults: faults as usize,
        }
    }

    /// Recounts everything, and says what does not hold. O(slots), under the lock.
    pub(super) fn validate(self) -> core::result::Result<(), &'static str> {
        let check = |holds: bool, otherwise| if holds { Ok(()) } else { Err(otherwise) };
        let root = self.root();
        let _guard = self.lock();
        let (mut slabs, mut used, mut primaries) = (0, 0, 0);
        for (list, name) in [(&root.room, 0), (&root.full, 1), (&root.empty, 2)] {
            let mut prev = None;
            // SAFETY: this thread has the lock, and changes nothing.
            for header in unsafe { list.iter() } {
                // SAFETY: what is on the lists are slabs, and this thread has the lock.
                unsafe {
                    let slab = self.slab(header);
                    slab.validate(self.primary)?;
                    let kind = match slab.used() {
                        live if live == slab.slots() => 1,
                        0 if !slab.is_primary() => 2,
                        _ => 0,
                    };
                    check(kind == name, "a slab is on the wrong list")?;
                    check(kind != 2 || slab.is_fresh(), "an empty slab has slots that are not fresh")?;
                    check(header.as_ref().prev.get() == prev, "a list is not linked both ways")?;
                    used += slab.used() as usize;
                    primaries += usize::from(slab.is_primary());
                }
                slabs += 1;
                prev = Some(header);
            }
        }
        // SAFETY: this thread has the lock.
        unsafe {
            check(slabs == root.slabs.get(), "the slabs are not as many as counted")?;
            check(used == root.used.get(), "the live slots of all slabs are not as many as counted")?;
        }
        check(primaries == 1, "the primary slab is on no list, or on two")?;
        let least = if used_keeps::<C>() { 1 } else { 1 + used };
        check(root.refs.count() >= least, "the references are fewer than there must be")
    }
}

/// A slab of the source.
fn obtain<C: Config>(source: &C::Source) -> Result<NonNull<u8>> {
    let block = source.alloc_slab(C::SLAB).ok_or(SlabError::OutOfMemory)?;
    if block.addr().get().is_multiple_of(C::GRID.slab_size) {
        return Ok(block);
    }
    // SAFETY: the source has just given it. If it does not take it back, that is its own business.
    let _ = unsafe { source.free_slab(block, C::SLAB) };
    Err(SlabError::AlignmentMismatch)
}
