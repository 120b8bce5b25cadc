//! [`Header`] and [`SlabRef`], one slab: all pointer arithmetic of the cache.

use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering::Relaxed;

use allocator_core::error::ensure;

use crate::layout::{Geometry, SlotIndex, WORD_BITS};
use crate::sync::{AtomicUsize, Guarded};

/// The start of each slab. 48 bytes on 64 bits.
///
/// # Invariants
///
/// - `magic == LAYOUT.magic ^ address of the slab` while the pool has the slab, and `magic == 0` afterwards.
/// - `first == LAYOUT.first_of_primary` in the primary slab, and `first == 0` in the others. The slots below `first` do not
///   exist. Their live bits are set, so that a link to one of them is refused.
/// - A slot from `first` on is live iff its live bit is set; `used` is the number of such slots. All are below `fresh`.
/// - `first <= head <= fresh <= LAYOUT.slots`.
/// - The free slots below `fresh` are a stack, the free list: `head` is its top, each free slot holds the index of the next
///   (its link), and the last one holds `fresh`. So the free list is empty iff `head == fresh`. While it is not empty,
///   `fresh` does not change.
#[repr(C)]
pub(crate) struct Header {
    magic: AtomicUsize,
    /// The primary slab of the pool; of the primary, itself. Never changes.
    primary: NonNull<Header>,
    /// The neighbours on the list that the slab is on.
    pub(crate) next: Guarded<Option<NonNull<Header>>>,
    pub(crate) prev: Guarded<Option<NonNull<Header>>>,
    /// The slot that the slab hands out next.
    head: Guarded<SlotIndex>,
    /// The first slot that the slab has never handed out.
    fresh: Guarded<SlotIndex>,
    /// The number of live slots.
    used: Guarded<u32>,
    /// The number of slots. Never changes.
    slots: u32,
}

/// A slab of a pool.
pub(crate) struct SlabRef<G> {
    header: NonNull<Header>,
    geometry: PhantomData<G>,
}

impl<G> Clone for SlabRef<G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G> Copy for SlabRef<G> {}

/// The error of a slab whose free list leads to no free slot: free memory was overwritten.
pub(crate) struct Corrupted;

impl<G: Geometry> SlabRef<G> {
    /// The slab with this header.
    ///
    /// # Safety
    ///
    /// - `header` is the header of a slab with the layout `G`, for as long as the result is used.
    /// - The pointer may be used for all of the slab.
    #[inline(always)]
    pub(crate) unsafe fn new(header: NonNull<Header>) -> Self {
        Self { header, geometry: PhantomData }
    }

    /// Makes a primary slab of a block. All its slots are free. O(words of live bits).
    ///
    /// # Safety
    ///
    /// - The block is memory as [`SlabLayout::block`](crate::layout::SlabLayout::block) says, and the caller's alone.
    /// - The caller writes the state of the pool before it uses the slab otherwise.
    pub(crate) unsafe fn create_primary(block: NonNull<u8>) -> Self {
        // SAFETY: passed on from the caller.
        unsafe { Self::create(block, block.cast(), G::LAYOUT.first_of_primary) }
    }

    /// Makes a secondary slab of a block, in the pool of the slab `primary`. All its slots are free. O(words of live bits).
    ///
    /// # Safety
    ///
    /// The block is memory as [`SlabLayout::block`](crate::layout::SlabLayout::block) says, and the caller's alone.
    pub(crate) unsafe fn create_secondary(block: NonNull<u8>, primary: NonNull<Header>) -> Self {
        // SAFETY: passed on from the caller.
        unsafe { Self::create(block, primary, SlotIndex::new(0)) }
    }

    /// # Safety
    ///
    /// The block is memory as [`SlabLayout::block`](crate::layout::SlabLayout::block) says, and the caller's alone.
    unsafe fn create(block: NonNull<u8>, primary: NonNull<Header>, first: SlotIndex) -> Self {
        // `find` makes a pointer of an address.
        block.as_ptr().expose_provenance();
        let header = block.cast::<Header>();
        // SAFETY: the block begins with space for the header, and is aligned for it.
        unsafe {
            header.write(Header {
                magic: AtomicUsize::new(G::LAYOUT.magic ^ block.addr().get()),
                primary,
                next: Guarded::new(None),
                prev: Guarded::new(None),
                head: Guarded::new(first),
                fresh: Guarded::new(first),
                used: Guarded::new(0),
                slots: G::LAYOUT.slots - first.get(),
            });
        }
        let mut absent = first.get() as usize;
        for word in 0..G::LAYOUT.live_words {
            let bits = if absent >= WORD_BITS { usize::MAX } else { (1 << absent) - 1 };
            absent -= absent.min(WORD_BITS);
            // SAFETY: the live bits lie in the block, aligned, and have so many words.
            unsafe { block.add(G::LAYOUT.live_bits_at).cast::<AtomicUsize>().add(word).write(AtomicUsize::new(bits)) };
        }
        Self { header, geometry: PhantomData }
    }

    /// The slab that a slot lies in.
    ///
    /// # Safety
    ///
    /// - The slot is one of a slab with the layout `G`.
    /// - The pointer may be used for all of the slab.
    #[inline(always)]
    pub(crate) unsafe fn of_slot(slot: NonNull<u8>) -> Self {
        let offset = slot.addr().get() & (G::LAYOUT.slab_size - 1);
        // SAFETY: slabs are aligned to their size, so the slot's slab begins `offset` bytes before the slot.
        Self { header: unsafe { slot.sub(offset) }.cast(), geometry: PhantomData }
    }

    /// The live slot at an address; none if there is no slab with the layout `G` around the address, or no live slot of it
    /// at the address.
    ///
    /// # Safety
    ///
    /// The header of such a slab around the address, and its live bits, can be read: see
    /// [`SlabBox::from_raw`](crate::SlabBox::from_raw).
    pub(crate) unsafe fn find(address: usize) -> Option<NonNull<u8>> {
        let offset = address & (G::LAYOUT.slab_size - 1);
        let header = NonNull::new(ptr::with_exposed_provenance_mut::<Header>(address - offset))?;
        let slab = Self { header, geometry: PhantomData };
        let within = offset.checked_sub(G::LAYOUT.slots_at)?;
        // SAFETY: the caller promises that the header can be read.
        let magic = unsafe { (*header.as_ptr()).magic.load(Relaxed) };
        if magic != G::LAYOUT.magic ^ (address - offset) || !within.is_multiple_of(G::LAYOUT.slot_size) {
            return None;
        }
        let index = SlotIndex::new((within / G::LAYOUT.slot_size) as u32);
        (index >= slab.first() && slab.is_live(index)).then(|| slab.slot(index))
    }

    #[inline(always)]
    pub(crate) fn header(self) -> NonNull<Header> {
        self.header
    }

    /// The slab as the block that the source gave.
    #[inline(always)]
    pub(crate) fn block(self) -> NonNull<u8> {
        self.header.cast()
    }

    /// The header of the pool's primary slab.
    #[inline(always)]
    pub(crate) fn primary(self) -> NonNull<Header> {
        // SAFETY: a slab begins with its header.
        unsafe { (*self.header.as_ptr()).primary }
    }

    #[inline(always)]
    pub(crate) fn is_primary(self) -> bool {
        self.primary() == self.header
    }

    /// Where the state of the pool lies in the primary slab, which this is.
    #[inline(always)]
    pub(crate) fn pool_state(self) -> NonNull<u8> {
        // SAFETY: `state_at` is an offset within the slab.
        unsafe { self.block().add(G::LAYOUT.state_at) }
    }

    /// The first slot.
    pub(crate) fn first(self) -> SlotIndex {
        SlotIndex::new(G::LAYOUT.slots - self.slots())
    }

    /// The number of slots.
    #[inline(always)]
    pub(crate) fn slots(self) -> u32 {
        // SAFETY: a slab begins with its header.
        unsafe { (*self.header.as_ptr()).slots }
    }

    /// The index of a slot of this slab.
    #[inline(always)]
    pub(crate) fn index_of(self, slot: NonNull<u8>) -> SlotIndex {
        let offset = slot.addr().get() & (G::LAYOUT.slab_size - 1);
        SlotIndex::new(((offset - G::LAYOUT.slots_at) / G::LAYOUT.slot_size) as u32)
    }

    #[inline(always)]
    fn slot(self, index: SlotIndex) -> NonNull<u8> {
        debug_assert!(index < G::LAYOUT.end());
        // SAFETY: all slots of the layout lie in the slab.
        unsafe { self.block().add(G::LAYOUT.slots_at + index.get() as usize * G::LAYOUT.slot_size) }
    }

    /// The word with a slot's live bit, and the bit.
    #[inline(always)]
    fn live_bit(&self, index: SlotIndex) -> (&AtomicUsize, usize) {
        let (word, bit) = (index.get() as usize / WORD_BITS, index.get() as usize % WORD_BITS);
        debug_assert!(word < G::LAYOUT.live_words);
        // SAFETY: the live bits lie in the slab, aligned, have a bit for each slot, and are only used as atomics.
        let word = unsafe { self.block().add(G::LAYOUT.live_bits_at).cast::<AtomicUsize>().add(word).as_ref() };
        (word, 1 << bit)
    }

    /// Whether a slot is live. Without the lock, the answer means something only to the owner of the slot.
    #[inline(always)]
    pub(crate) fn is_live(self, index: SlotIndex) -> bool {
        let (word, bit) = self.live_bit(index);
        word.load(Relaxed) & bit != 0
    }

    /// Reads the link of a free slot.
    ///
    /// # Safety
    ///
    /// The slot is free and below `fresh`.
    #[inline(always)]
    unsafe fn link(self, index: SlotIndex) -> SlotIndex {
        let slot = self.slot(index);
        // SAFETY: a slot has space for a link, and `set_link` has written that of a free slot below `fresh`.
        SlotIndex::new(unsafe {
            match (G::LAYOUT.link_size, G::LAYOUT.link_is_aligned) {
                (2, true) => slot.cast::<u16>().read().into(),
                (2, false) => slot.cast::<u16>().read_unaligned().into(),
                (_, true) => slot.cast::<u32>().read(),
                (_, false) => slot.cast::<u32>().read_unaligned(),
            }
        })
    }

    /// Writes the link of a free slot.
    ///
    /// # Safety
    ///
    /// The slot is free.
    #[inline(always)]
    unsafe fn set_link(self, index: SlotIndex, next: SlotIndex) {
        let (slot, next) = (self.slot(index), next.get());
        // SAFETY: a slot has space for a link, and a free slot is the slab's. Where a link takes 2 bytes, so does each index.
        unsafe {
            match (G::LAYOUT.link_size, G::LAYOUT.link_is_aligned) {
                (2, true) => slot.cast::<u16>().write(next as u16),
                (2, false) => slot.cast::<u16>().write_unaligned(next as u16),
                (_, true) => slot.cast::<u32>().write(next),
                (_, false) => slot.cast::<u32>().write_unaligned(next),
            }
        }
    }

    /// Takes a free slot. Returns it, and whether it was the last.
    ///
    /// # Time complexity
    ///
    /// O(1): two loads and a store for the free list, the live bit, the count.
    ///
    /// # Safety
    ///
    /// - The caller has the lock of the pool.
    /// - A slot is free.
    #[inline(always)]
    pub(crate) unsafe fn take_slot(self) -> Result<(NonNull<u8>, bool), Corrupted> {
        // SAFETY: the caller has the lock.
        let (header, index, fresh) = unsafe {
            let header = &*self.header.as_ptr();
            (header, header.head.get(), header.fresh.get())
        };
        if index == G::LAYOUT.end() {
            // A slot is free, but the free list does not lead to it.
            return Err(Corrupted);
        }
        let (word, bit) = self.live_bit(index);
        let bits = word.load(Relaxed);
        if bits & bit != 0 {
            return Err(Corrupted);
        }
        let next = if index == fresh {
            index.next()
        } else {
            // SAFETY: the slot is free, as its live bit is not set; it is below `fresh`, as `head <= fresh`.
            let next = unsafe { self.link(index) };
            if next > fresh {
                return Err(Corrupted);
            }
            next
        };
        word.store(bits | bit, Relaxed);
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

    /// Frees a slot. Returns the number of slots that are still live; none if the slot was free already. O(1).
    ///
    /// # Safety
    ///
    /// - The caller has the lock of the pool.
    /// - Nobody uses the slot any more.
    #[inline(always)]
    pub(crate) unsafe fn free_slot(self, index: SlotIndex) -> Option<u32> {
        let (word, bit) = self.live_bit(index);
        let bits = word.load(Relaxed);
        if bits & bit == 0 {
            return None;
        }
        word.store(bits & !bit, Relaxed);
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

    /// The number of live slots.
    ///
    /// # Safety
    ///
    /// The caller has the lock of the pool.
    #[inline(always)]
    pub(crate) unsafe fn used(self) -> u32 {
        // SAFETY: the caller has the lock.
        unsafe { (*self.header.as_ptr()).used.get() }
    }

    /// Makes all slots fresh again, whatever was written to them.
    ///
    /// # Safety
    ///
    /// - The caller has the lock of the pool, or alone has access to the slab.
    /// - No slot is live.
    pub(crate) unsafe fn reset(self) {
        // SAFETY: the caller has the lock, or the slab alone.
        unsafe {
            let header = &*self.header.as_ptr();
            debug_assert_eq!(header.used.get(), 0);
            header.head.set(self.first());
            header.fresh.set(self.first());
        }
    }

    /// Whether all slots are fresh: the slab has handed out none since it was created or [reset](Self::reset).
    ///
    /// # Safety
    ///
    /// The caller has the lock of the pool.
    pub(crate) unsafe fn is_fresh(self) -> bool {
        // SAFETY: the caller has the lock.
        unsafe {
            let header = &*self.header.as_ptr();
            header.head.get() == self.first() && header.fresh.get() == self.first()
        }
    }

    /// Rebuilds the free list from the live bits. O(slots).
    ///
    /// # Safety
    ///
    /// The caller has the lock of the pool.
    #[cold]
    pub(crate) unsafe fn rebuild_free_list(self) {
        // SAFETY: the caller has the lock; slots whose live bit is not set are free.
        unsafe {
            let header = &*self.header.as_ptr();
            let fresh = header.fresh.get();
            let mut head = fresh;
            for index in self.first().up_to(fresh).rev().filter(|&index| !self.is_live(index)) {
                self.set_link(index, head);
                head = index;
            }
            header.head.set(head);
        }
    }

    /// Writes the magic: the slab is the pool's.
    pub(crate) fn set_magic(self) {
        self.write_magic(G::LAYOUT.magic ^ self.block().addr().get());
    }

    /// Clears the magic: the slab is about to go back to the source.
    pub(crate) fn clear_magic(self) {
        self.write_magic(0);
    }

    fn write_magic(self, magic: usize) {
        // SAFETY: a slab begins with its header.
        unsafe { (*self.header.as_ptr()).magic.store(magic, Relaxed) }
    }

    /// Recounts the slab, and says which invariant of [`Header`] does not hold. O(slots).
    ///
    /// # Safety
    ///
    /// The caller has the lock of the pool.
    pub(crate) unsafe fn validate(self, primary: NonNull<Header>) -> Result<(), &'static str> {
        // SAFETY: the caller has the lock.
        let (header, head, fresh) = unsafe {
            let header = &*self.header.as_ptr();
            (header, header.head.get(), header.fresh.get())
        };
        let (first, end) = (self.first(), G::LAYOUT.end());
        let magic = G::LAYOUT.magic ^ self.block().addr().get();
        ensure(header.magic.load(Relaxed) == magic, "a header is not that of a slab")?;
        ensure(header.primary == primary, "a slab is of another pool")?;
        ensure(self.is_primary() || self.slots() == G::LAYOUT.slots, "a secondary slab has another number of slots")?;
        ensure(first <= head && head <= fresh && fresh <= end, "an index is out of range")?;
        let live = first.up_to(end).filter(|&index| self.is_live(index)).count();
        // SAFETY: the caller has the lock.
        ensure(live == unsafe { self.used() } as usize, "the live slots are not as many as counted")?;
        ensure(fresh.up_to(end).all(|index| !self.is_live(index)), "a slot is live and was never handed out")?;
        let below_fresh = (fresh.get() - first.get()) as usize;
        let (mut index, mut listed) = (head, 0);
        while index != fresh {
            ensure(index < fresh && index >= first, "a free slot holds no index")?;
            ensure(!self.is_live(index), "a live slot is on the free list")?;
            listed += 1;
            ensure(listed + live <= below_fresh, "the free list has a loop")?;
            // SAFETY: the slot is free and below `fresh`.
            index = unsafe { self.link(index) };
        }
        ensure(listed + live == below_fresh, "a free slot is not on the free list")
    }
}
