//! [`Header`] and [`SlabRef`], one slab: all pointer arithmetic of the cache.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::Relaxed;

use super::grid::{Config, HEADER, WORD_BITS};
use super::hierarchy::{Hierarchy, Root};
use super::sync::{AtomicUsize, Guarded};

/// What is at the start of each slab. 48 bytes on 64 bits.
///
/// # Invariants
///
/// - `magic` is [`Config::MAGIC`], exclusive or the slab's address, while the hierarchy has the slab, and 0 afterwards.
/// - `first` is 0, or `first_of_primary` in the primary slab. Slots below it do not exist; their bits of the state are set,
///   so that an index that leads there is found out.
/// - Slot `i` of the others is live iff bit `i` of the state is set. There are `used` such bits, all below `fresh`.
/// - `first <= head <= fresh <= slots of the grid`.
/// - The free slots below `fresh` are a stack: `head` is the index of the topmost, each holds the index of the next, and
///   the last one holds `fresh`. So the stack is empty iff `head == fresh`, and while it is not, `fresh` stays.
#[repr(C)]
pub(super) struct Header {
    magic: AtomicUsize,
    /// The primary slab of the hierarchy; of the primary, itself. Never changes.
    primary: NonNull<Header>,
    /// Neighbours on the list that the slab is on.
    pub(super) next: Guarded<Option<NonNull<Header>>>,
    pub(super) prev: Guarded<Option<NonNull<Header>>>,
    /// The slot to be handed out next.
    head: Guarded<u32>,
    /// The first slot that was never handed out.
    fresh: Guarded<u32>,
    /// How many slots are live.
    used: Guarded<u32>,
    /// How many slots there are. Never changes.
    slots: u32,
}

/// A slab of a hierarchy.
pub(super) struct SlabRef<C> {
    header: NonNull<Header>,
    config: PhantomData<C>,
}

impl<C> Clone for SlabRef<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for SlabRef<C> {}

impl<C> PartialEq for SlabRef<C> {
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header
    }
}

/// What a free slot held is no index of a free slot: somebody has written to free memory.
pub(super) struct Scribbled;

impl<C: Config> SlabRef<C> {
    /// A slab of which this is the header.
    ///
    /// # Safety
    ///
    /// As long as the slab is used, it is one, and its pointer may be used for all of it.
    pub(super) unsafe fn new(header: NonNull<Header>) -> Self {
        Self { header, config: PhantomData }
    }

    /// Makes a slab of a block, all of its slots free; a primary slab where no primary is named. O(words of state).
    ///
    /// # Safety
    ///
    /// The block is as [`Config::SLAB`] says, and the caller's alone. The root of a primary slab is written before anything
    /// else is done with it.
    pub(super) unsafe fn create(block: NonNull<u8>, primary: Option<NonNull<Header>>) -> Self {
        // Boxes that come back as bare pointers are found by their address.
        block.as_ptr().expose_provenance();
        let header = block.cast::<Header>();
        let first = if primary.is_none() { C::GRID.first_of_primary } else { 0 };
        // SAFETY: the block begins with room for the header, aligned as the slab is.
        unsafe {
            header.write(Header {
                magic: AtomicUsize::new(C::MAGIC ^ block.addr().get()),
                primary: primary.unwrap_or(header),
                next: Guarded::new(None),
                prev: Guarded::new(None),
                head: Guarded::new(first),
                fresh: Guarded::new(first),
                used: Guarded::new(0),
                slots: C::GRID.slots - first,
            });
        }
        let mut absent = first as usize;
        for word in 0..C::GRID.words {
            let bits = if absent >= WORD_BITS { usize::MAX } else { (1 << absent) - 1 };
            absent -= absent.min(WORD_BITS);
            // SAFETY: the state lies behind the header, and has so many words.
            unsafe { block.add(HEADER).cast::<AtomicUsize>().add(word).write(AtomicUsize::new(bits)) };
        }
        Self { header, config: PhantomData }
    }

    /// The slab of a slot.
    ///
    /// # Safety
    ///
    /// The slot is one of a slab of such a cache, and its pointer may be used for all of the slab.
    #[inline(always)]
    pub(super) unsafe fn of_slot(slot: NonNull<u8>) -> Self {
        let offset = slot.addr().get() & (C::GRID.slab_size - 1);
        // SAFETY: slabs are aligned to their size, so the slot's slab begins that far before it.
        Self { header: unsafe { slot.sub(offset) }.cast(), config: PhantomData }
    }

    /// The slab and the slot at an address, where they are a slab and a live slot of such a cache.
    ///
    /// # Safety
    ///
    /// What is there of a slab around the address may be read: see [`SlabBox::from_raw`](super::SlabBox::from_raw).
    pub(super) unsafe fn find(address: usize) -> Option<NonNull<u8>> {
        let offset = address & (C::GRID.slab_size - 1);
        let header = NonNull::new(ptr::with_exposed_provenance_mut::<Header>(address - offset))?;
        let slab = Self { header, config: PhantomData };
        let within = offset.checked_sub(C::GRID.start)?;
        // SAFETY: as the caller promises, this can be read; that it is a header is looked at here.
        let magic = unsafe { (*header.as_ptr()).magic.load(Relaxed) };
        if magic != C::MAGIC ^ (address - offset) || !within.is_multiple_of(C::GRID.slot) {
            return None;
        }
        let index = (within / C::GRID.slot) as u32;
        (index >= slab.first() && slab.is_live(index)).then(|| slab.slot(index))
    }

    pub(super) fn header(self) -> NonNull<Header> {
        self.header
    }

    /// The slab as what the source gave.
    pub(super) fn block(self) -> NonNull<u8> {
        self.header.cast()
    }

    #[inline(always)]
    pub(super) fn hierarchy(self) -> Hierarchy<C> {
        // SAFETY: the slab is one of a hierarchy, whose primary is the header's.
        unsafe { Hierarchy::new((*self.header.as_ptr()).primary) }
    }

    #[inline(always)]
    pub(super) fn is_primary(self) -> bool {
        // SAFETY: a slab has a header.
        unsafe { (*self.header.as_ptr()).primary == self.header }
    }

    /// Where the root lies in the primary slab that this is.
    #[inline(always)]
    pub(super) fn root(self) -> NonNull<Root<C::Lock, C::Source>> {
        // SAFETY: the root lies in the slab.
        unsafe { self.block().add(C::GRID.root).cast() }
    }

    /// The index of the first slot.
    pub(super) fn first(self) -> u32 {
        C::GRID.slots - self.slots()
    }

    /// How many slots there are.
    #[inline(always)]
    pub(super) fn slots(self) -> u32 {
        // SAFETY: a slab has a header.
        unsafe { (*self.header.as_ptr()).slots }
    }

    /// The index of a slot of this slab.
    #[inline(always)]
    pub(super) fn index_of(self, slot: NonNull<u8>) -> u32 {
        (((slot.addr().get() & (C::GRID.slab_size - 1)) - C::GRID.start) / C::GRID.slot) as u32
    }

    #[inline(always)]
    fn slot(self, index: u32) -> NonNull<u8> {
        debug_assert!(index < C::GRID.slots);
        // SAFETY: the slots of the grid lie in the slab.
        unsafe { self.block().add(C::GRID.start + index as usize * C::GRID.slot) }
    }

    /// The word of state with a slot's bit, and the bit.
    #[inline(always)]
    fn state(self, index: u32) -> (NonNull<AtomicUsize>, usize) {
        let (word, bit) = (index as usize / WORD_BITS, index as usize % WORD_BITS);
        debug_assert!(word < C::GRID.words);
        // SAFETY: the state lies behind the header, and has a bit for each slot.
        (unsafe { self.block().add(HEADER).cast::<AtomicUsize>().add(word) }, 1 << bit)
    }

    /// Whether a slot is live. Without the lock this is only meaningful to whoever has the slot.
    #[inline(always)]
    pub(super) fn is_live(self, index: u32) -> bool {
        let (word, bit) = self.state(index);
        // SAFETY: the word is in the slab.
        unsafe { word.as_ref() }.load(Relaxed) & bit != 0
    }

    /// # Safety
    ///
    /// The slot is free, and below `fresh`.
    #[inline(always)]
    unsafe fn link(self, index: u32) -> u32 {
        let slot = self.slot(index);
        // SAFETY: a slot has room for an index, and a free slot below `fresh` was written in `set_link`.
        unsafe {
            match (C::GRID.link, C::GRID.link_is_aligned) {
                (2, true) => slot.cast::<u16>().read().into(),
                (2, false) => slot.cast::<u16>().read_unaligned().into(),
                (_, true) => slot.cast::<u32>().read(),
                (_, false) => slot.cast::<u32>().read_unaligned(),
            }
        }
    }

    /// # Safety
    ///
    /// The slot is free.
    #[inline(always)]
    unsafe fn set_link(self, index: u32, next: u32) {
        let slot = self.slot(index);
        // SAFETY: a slot has room for an index, and a free slot is the slab's. Where indexes take 2 bytes, so do all of them.
        unsafe {
            match (C::GRID.link, C::GRID.link_is_aligned) {
                (2, true) => slot.cast::<u16>().write(next as u16),
                (2, false) => slot.cast::<u16>().write_unaligned(next as u16),
                (_, true) => slot.cast::<u32>().write(next),
                (_, false) => slot.cast::<u32>().write_unaligned(next),
            }
        }
    }

    /// Takes a free slot; the slot, and whether it was the last. O(1): two loads and a store for the stack, the bit, the
    /// count.
    ///
    /// # Safety
    ///
    /// The caller has the lock, and a slot is free.
    #[inline(always)]
    pub(super) unsafe fn pop(self) -> Result<(NonNull<u8>, bool), Scribbled> {
        // SAFETY: the caller has the lock.
        let (header, index, fresh) = unsafe {
            let header = &*self.header.as_ptr();
            (header, header.head.get(), header.fresh.get())
        };
        if index == C::GRID.slots {
            // A slot is free, but not on the stack: it was cut short.
            return Err(Scribbled);
        }
        let (word, bit) = self.state(index);
        // SAFETY: the word is in the slab.
        let word = unsafe { word.as_ref() };
        let state = word.load(Relaxed);
        if state & bit != 0 {
            return Err(Scribbled);
        }
        let next = if index == fresh {
            index + 1
        } else {
            // SAFETY: the slot is free, and below `fresh`, for `head` is never above.
            let next = unsafe { self.link(index) };
            if next > fresh {
                return Err(Scribbled);
            }
            next
        };
        word.store(state | bit, Relaxed);
        // SAFETY: the caller has the lock.
        unsafe {
            if index == fresh {
                header.fresh.set(next);
            }
            header.head.set(next);
            let used = header.used.get() + 1;
            header.used.set(used);
            Ok((self.slot(index), used == header.slots))
        }
    }

    /// Takes a slot back, unless it is free. O(1). How many are live then.
    ///
    /// # Safety
    ///
    /// The caller has the lock, and nobody uses the slot any more.
    #[inline(always)]
    pub(super) unsafe fn push(self, index: u32) -> Option<u32> {
        let (word, bit) = self.state(index);
        // SAFETY: the word is in the slab.
        let word = unsafe { word.as_ref() };
        let state = word.load(Relaxed);
        if state & bit == 0 {
            return None;
        }
        word.store(state & !bit, Relaxed);
        // SAFETY: the caller has the lock, and the slot is free now.
        unsafe {
            let header = &*self.header.as_ptr();
            self.set_link(index, header.head.get());
            header.head.set(index);
            let used = header.used.get() - 1;
            header.used.set(used);
            Some(used)
        }
    }

    /// How many slots are live.
    ///
    /// # Safety
    ///
    /// The caller has the lock.
    #[inline(always)]
    pub(super) unsafe fn used(self) -> u32 {
        // SAFETY: passed on.
        unsafe { (*self.header.as_ptr()).used.get() }
    }

    /// Makes all slots of a slab that has no live one fresh again, whatever was written to them.
    ///
    /// # Safety
    ///
    /// The caller has the lock, or the slab alone.
    pub(super) unsafe fn refresh(self) {
        // SAFETY: passed on.
        unsafe {
            let header = &*self.header.as_ptr();
            debug_assert_eq!(header.used.get(), 0);
            header.head.set(self.first());
            header.fresh.set(self.first());
        }
    }

    /// Whether no slot was handed out since the slab is there or was [refreshed](Self::refresh).
    ///
    /// # Safety
    ///
    /// The caller has the lock.
    pub(super) unsafe fn is_fresh(self) -> bool {
        // SAFETY: passed on.
        unsafe {
            let header = &*self.header.as_ptr();
            header.head.get() == self.first() && header.fresh.get() == self.first()
        }
    }

    /// Makes a new stack of the free slots, as their state tells them. O(slots).
    ///
    /// # Safety
    ///
    /// The caller has the lock.
    #[cold]
    pub(super) unsafe fn restack(self) {
        // SAFETY: the caller has the lock; slots whose bit is not set are free.
        unsafe {
            let header = &*self.header.as_ptr();
            let fresh = header.fresh.get();
            let mut head = fresh;
            for index in (self.first()..fresh).rev().filter(|&index| !self.is_live(index)) {
                self.set_link(index, head);
                head = index;
            }
            header.head.set(head);
        }
    }

    /// Whether this slab has its magic, before and after it was lent back to the source.
    pub(super) fn set_magic(self, present: bool) {
        let magic = if present { C::MAGIC ^ self.block().addr().get() } else { 0 };
        // SAFETY: a slab has a header.
        unsafe { (*self.header.as_ptr()).magic.store(magic, Relaxed) }
    }

    /// Recounts the slab, and says what does not hold. O(slots).
    ///
    /// # Safety
    ///
    /// The caller has the lock.
    pub(super) unsafe fn validate(self, primary: NonNull<Header>) -> Result<(), &'static str> {
        let check = |holds: bool, otherwise| if holds { Ok(()) } else { Err(otherwise) };
        // SAFETY: the caller has the lock.
        let (header, head, fresh) = unsafe {
            let header = &*self.header.as_ptr();
            (header, header.head.get(), header.fresh.get())
        };
        let address = self.block().addr().get();
        check(header.magic.load(Relaxed) == C::MAGIC ^ address, "a header is not that of a slab")?;
        check(header.primary == primary, "a slab is of another hierarchy")?;
        check(self.is_primary() || self.slots() == C::GRID.slots, "a secondary slab has another number of slots")?;
        check(self.first() <= head && head <= fresh && fresh <= C::GRID.slots, "an index is out of range")?;
        let live = (self.first()..C::GRID.slots).filter(|&index| self.is_live(index)).count();
        // SAFETY: as above.
        check(live == unsafe { self.used() } as usize, "the live slots are not as many as counted")?;
        check((fresh..C::GRID.slots).all(|index| !self.is_live(index)), "a slot is live and was never handed out")?;
        let (mut index, mut stacked) = (head, 0);
        while index != fresh {
            check(index < fresh && index >= self.first(), "a free slot holds no index")?;
            check(!self.is_live(index), "a live slot is on the stack of free ones")?;
            stacked += 1;
            check(stacked + live <= (fresh - self.first()) as usize, "the stack of free slots has a loop")?;
            // SAFETY: the slot is free, and below `fresh`.
            index = unsafe { self.link(index) };
        }
        check(stacked + live == (fresh - self.first()) as usize, "a free slot is not on the stack")
    }
}
