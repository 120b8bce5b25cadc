//! [`SlabByteAllocator`], the slab heap.

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use allocator_buddy::BuddyByteAllocator;
use allocator_core::address::{address_of, widen};
use allocator_core::traits::realloc_by_moving;
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region, RegionTable};
#[cfg(feature = "fine")]
use allocator_tlsf::TlsfByteAllocator;

use crate::backing::Backing;
use crate::chunk::{ClassIndex, chunk_layout};
use crate::chunk_table::ChunkTable;
#[cfg(feature = "fine")]
use crate::classes::FineClasses;
use crate::classes::{PowerOfTwoClasses, SET_SIZE, SizeClasses};
use crate::slab::{Origin, Slab};

mod batch;
mod growth;
mod reclaim;
pub mod statistics;
#[cfg(test)]
mod tests;
mod validate;

/// What a block of the table of chunks takes of any backing at most: a page.
const ENTRIES_IN_A_BACKING: usize = 4096;

/// The general-purpose heap: slots of the size classes `C`, in chunks from the backing `B`, and everything larger from
/// `B` itself.
///
/// # Layout
///
/// ```text
///   SlabByteAllocator                            backing
///   ┌────────────────────────────┐               ┌────────────┬──────────┬─────────────┬──────
///   │ slabs    64 B   free ──────┼──────────────>│ 64 × 64 B  │ 16 × 1 K │ large block │ ...
///   │           …                │               └────────────┴──────────┴─────────────┴──────
///   │          1 KiB  free ──────┼────────────────────────────────^
///   │ chunks   which, and where  │
///   └────────────────────────────┘
/// ```
///
/// A live block has no header: its class follows from its layout. A slab without a free slot grows by as many slots as its
/// class says ([`SET_SIZE`] by default) or fewer: never by more than a share of what the backing has left (an eighth by
/// default: [`SizeClasses::GROWTH_SHARE`]) while one slot, or 256 bytes, fit in that, and by at least one slot. So a heap of
/// 32 KiB serves all of the seven default classes at once. What the backing gives beyond that because it rounds sizes up, to
/// powers of two or to pages, becomes slots, too.
///
/// With [fine classes](crate::FineClasses), a slab grows behind its last chunk where the backing has that memory
/// ([`realloc_in_place`]), else by a further chunk. So a class that is alone has few chunks: of a heap over TLSF, 64 KiB or
/// larger, that blocks of one size have filled, less than 1 % is `available` to nobody.
///
/// [`realloc_in_place`]: ByteAllocator::realloc_in_place
///
/// # Memory that comes back
///
/// A freed slot stays with its class: the heap puts it at the head of the slab's list, and does not look at its chunk. When
/// neither the slab nor the backing can serve a request, the heap looks for chunks that are wholly free and gives them back
/// to the backing, until it can serve the request. So after everything is freed, the largest block that fitted at first fits
/// again. Free slots are `available` all the while.
///
/// To look for free chunks, the heap *sorts* free slots: it takes each off the list of its slab and puts it into the list of
/// its chunk, which a search tree finds. A chunk with all of its slots in its list is wholly free, and goes back. The others
/// keep their lists: when a slab's list is empty, the list of one chunk becomes the slab's list, as a whole.
///
/// ```text
///   slab's list   3 ─> 7 ─> 1 ─> 4 ─> 9            chunk with slots 0..4     chunk with slots 5..9
///   sort one      7 ─> 1 ─> 4 ─> 9                 3
///   sort all      (empty)                          4 ─> 1 ─> 3               9 ─> 7
///   alloc gets 4  1 ─> 3                           (empty)                   9 ─> 7
/// ```
///
/// The heap sorts a slot once after it was freed, in a request that finds memory short or ahead of time in
/// [`reclaim`](Self::reclaim), which takes steps of any size. It need not sort the slots of a class without a live slot: all
/// chunks of that class are wholly free. Chunks go back in the order of their addresses, which costs a backing that merges
/// free blocks with their neighbours the least.
///
/// The table of chunks takes memory of the backing, too, once a heap has more than 64 chunks: 48 bytes a chunk on 64 bits,
/// 28 on 32. Beside 4 KiB, a chunk of the smallest default class while memory is plentiful, that is 1.2 %; beside larger
/// chunks it is less. It is not `used`, and goes back with the chunks.
///
/// # A backing that others use
///
/// The backing may be a reference to an engine that others use, too, such as `&Locked<TlsfByteAllocator>`. The heap counts
/// what it takes, block by block ([`used_by`](ByteAllocator::used_by)): `used` is what the blocks of this heap take, `total`
/// is all of the backing's, and `available`, their difference, is an upper bound.
///
/// # Time complexity
///
/// `alloc` and `dealloc` of a slot are O(1): a load, a store, a count, one test. On x86-64 that is 20 instructions each,
/// those that find the class of a layout unknown to the compiler included; with `FineClasses` 22 (`cargo run
/// --release -p allocator-benches --bin instructions -- --only bytes/lifo-64`). `alloc` from an empty list is O(1), too,
/// where a chunk of the class has sorted slots; otherwise it links the slots of a new chunk, at most [`SizeClasses::growth`]
/// or what the backing gives beyond that, asks the backing, and adds to the tree: O(slots of a chunk + log(chunks)).
///
/// A test, `benches/tests/instructions.rs`, holds the calls that it counts to 2600 instructions (3000 with `FineClasses`
/// over TLSF), besides the copying of `realloc`, over lists of random requests from 4 bytes to 10 KiB (64 KiB). Where
/// memory is short and [`reclaim`](Self::reclaim) runs ahead, it holds them to 2600 (6000: a request that is refused has
/// asked each class whether it has anything to give back).
///
/// Where memory has run out, a request sorts slots until enough chunks have gone back: O(slots freed since the heap last
/// sorted × log(chunks)), and O(chunks × log(chunks)) for classes without live slots; O(1) where [`reclaim`](Self::reclaim)
/// has left nothing to do. Larger blocks cost what the backing costs.
///
/// # Drawbacks
///
/// - With the default classes up to half of a slot is lost to rounding.
/// - A chunk with one live slot stays with its class, however much of it is free.
/// - The request that finds memory short pays for getting it back, unless `reclaim` ran ahead of it.
/// - A backing that puts headers on its blocks may accept a region in which no slot finds room beside one.
/// - A block that becomes smaller moves to a slot of its new class. Where memory is short and there is none, it keeps its
///   slot, all of which stays used until the block is freed. That fails for a large block that comes to be one of a class,
///   and with `FineClasses` for a slot that is not as aligned as those of the new class (from 72 to 64 bytes: seven slots
///   in eight); the block is then still the caller's, as it was.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_core::{BaseAllocator, ByteAllocator};
/// use allocator_slab::SlabByteAllocator;
///
/// let mut pool = vec![0u64; 4096];
/// let mut heap = SlabByteAllocator::new();
/// // SAFETY: nothing else uses the pool while the heap does.
/// unsafe { heap.init(pool.as_mut_ptr() as usize, 32 << 10)? };
///
/// let layout = Layout::from_size_align(100, 4).unwrap();
/// let block = heap.alloc(layout)?;
/// assert_eq!((heap.usable_size(layout), heap.used_bytes()), ((100, 128), 128));
/// // SAFETY: the block came from this heap with this layout.
/// unsafe { heap.dealloc(block, layout) };
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub struct SlabByteAllocator<C: SizeClasses = PowerOfTwoClasses, B = BuddyByteAllocator> {
    /// One for each class, in the order of `C::SLOT_SIZES`.
    slabs: C::Slabs,
    /// The chunks of all slabs. For each class, the slots of its chunks are the slots of its slab.
    chunks: ChunkTable,
    /// What the heap takes for itself from the backing is the chunks and the blocks of their table.
    backing: Backing<B>,
    /// The regions that the caller handed over through the heap, and the backing has accepted.
    regions: RegionTable,
    /// What callers asked for with the live large blocks, in bytes; modulo 2^(bits of a word).
    requested_large: usize,
    /// How many live slots lie in a chunk of another class than their own, all slabs together: the sum of what slabs have
    /// lent, and of what they have borrowed. One word of the heap, as each `dealloc` looks at it.
    lent_slots: usize,
    /// How many chunks are wholly free, as far as the heap has sorted their slots.
    wholly_free: usize,
    /// The class that [`reclaim`](Self::reclaim) sorts next, and the address from which on it looks at chunks.
    next_to_reclaim: usize,
    sweep_from: usize,
    classes: PhantomData<Invariant<(C, B)>>,
}

/// Takes and returns a `T`, so that no `T` can stand for another.
type Invariant<T> = fn(T) -> T;

impl SlabByteAllocator {
    /// An empty heap of the default parameters: seven classes of powers of two, over a buddy allocator.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_backing(BuddyByteAllocator::new())
    }
}

/// The heap with fine classes over TLSF: little lost to rounding, and slots without headers. Made by
/// [`SlabByteAllocator::fine`].
#[cfg(feature = "fine")]
pub type FineSlabByteAllocator = SlabByteAllocator<FineClasses, TlsfByteAllocator>;

#[cfg(feature = "fine")]
impl FineSlabByteAllocator {
    /// An empty heap of [`FineClasses`] over [`TlsfByteAllocator`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use allocator_slab::{FineSlabByteAllocator, SlabByteAllocator};
    ///
    /// static HEAP: Mutex<FineSlabByteAllocator> = Mutex::new(SlabByteAllocator::fine());
    /// ```
    #[must_use]
    pub const fn fine() -> Self {
        Self::with_backing(TlsfByteAllocator::new())
    }
}

impl<C: SizeClasses, B> SlabByteAllocator<C, B> {
    /// What regions are trimmed to: the alignment of the smallest slots, so that no end is left over that none fits.
    const GRANULE: usize = {
        assert!(!C::SLOT_SIZES.is_empty(), "a slab heap needs a class");
        assert!(C::GROWTH_SHARE > 0, "a share of nothing");
        assert!(
            C::MOST_ALIGNED.is_power_of_two() && C::MOST_ALIGNED >= align_of::<usize>(),
            "free slots hold a pointer"
        );
        assert!(
            SET_SIZE <= u16::MAX as usize && C::SLOT_SIZES.len() <= u8::MAX as usize + 1,
            "a `ClassIndex` has 8 bits, the slots of a chunk have 16"
        );
        1 << C::SLOT_SIZES[0].trailing_zeros()
    };

    /// A heap over `backing`, which may have memory already.
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_buddy::BuddyByteAllocator;
    /// use allocator_slab::{PowerOfTwoClasses, SlabByteAllocator};
    ///
    /// /// Large blocks of up to 1 MiB.
    /// type Backing = BuddyByteAllocator<21>;
    /// let heap = SlabByteAllocator::<PowerOfTwoClasses, Backing>::with_backing(Backing::with_order());
    /// ```
    #[must_use]
    pub const fn with_backing(backing: B) -> Self {
        const { assert!(Self::GRANULE > 0) };
        Self {
            slabs: C::SLABS,
            chunks: ChunkTable::new(),
            backing: Backing::new(backing),
            regions: RegionTable::new(),
            requested_large: 0,
            lent_slots: 0,
            wholly_free: 0,
            next_to_reclaim: 0,
            sweep_from: 0,
            classes: PhantomData,
        }
    }

    /// The slabs, one for each class. One that has never had a chunk may not know the size of its slots yet.
    pub(crate) fn slabs(&self) -> &[Slab] {
        self.slabs.as_ref()
    }

    /// The backing, for statistics.
    #[must_use]
    pub const fn backing(&self) -> &B {
        &self.backing.engine
    }
}

impl<C: SizeClasses, B: ByteAllocator> SlabByteAllocator<C, B> {
    /// Makes a live slot of class `from` one of class `to`, where it is large and aligned enough. Returns whether it is.
    ///
    /// So a block that becomes smaller stays where it is when its new class has no slot. The slot is one of `to` until it is
    /// freed: then it returns to the slab whose chunk it lies in. Meanwhile `used` has all of it.
    #[cold]
    fn lend_slot(&mut self, from: usize, to: usize, slot: NonNull<u8>) -> bool {
        let slot_size = C::SLOT_SIZES[to];
        let align = (1 << slot_size.trailing_zeros()).min(C::MOST_ALIGNED);
        if to >= from || !slot.addr().get().is_multiple_of(align) {
            return false;
        }
        let Some(found) = self.chunks.find(slot.addr().get()) else { return false };
        let chunk_class = self.chunks.get(found.id).class;
        let origin = if chunk_class == ClassIndex::new(from) { Origin::Own } else { Origin::Borrowed };
        let Ok([lender, borrower]) = self.slabs.as_mut().get_disjoint_mut([from, to]) else { return false };
        if !borrower.can_exchange() || !lender.can_exchange() {
            return false;
        }
        borrower.set_slot_size(slot_size);
        lender.lend_to(borrower, origin, C::SLOT_SIZES[chunk_class.get()]);
        if origin == Origin::Own {
            self.lent_slots += 1;
        }
        true
    }

    /// Moves a block from a slot of one class to a slot of another. Where a smaller class has no slot, the block keeps its own,
    /// as one of that class.
    ///
    /// # Safety
    ///
    /// The block is live, with the layout given, which is one of the first class.
    #[inline]
    unsafe fn move_to_class(
        &mut self,
        ptr: NonNull<u8>,
        (old, old_layout): (usize, Layout),
        (new, new_size): (usize, usize),
    ) -> AllocResult<NonNull<u8>> {
        let Some(slot) = self.alloc_slot(new, new_size) else {
            return self.keep_slot_of(ptr, (old, old_layout.size()), (new, new_size));
        };
        // SAFETY: both slots are live, so they are apart, and each has at least the smaller of the two sizes.
        unsafe { slot.copy_from_nonoverlapping(widen(ptr), old_layout.size().min(new_size)) };
        // SAFETY: passed on from the caller: the block is live, with this layout.
        unsafe { self.dealloc(ptr, old_layout) };
        Ok(slot)
    }

    /// Takes a block back while slabs have lent slots: into the list of the slab whose chunk it lies in. O(log(chunks)) for a
    /// class that has borrowed slots, O(1) for others. With the arguments of `dealloc`, so that calling it costs nothing where it
    /// is not called.
    ///
    /// # Safety
    ///
    /// As for [`dealloc`](ByteAllocator::dealloc); the layout is one of a class.
    #[cold]
    #[inline(never)]
    unsafe fn dealloc_maybe_borrowed(&mut self, ptr: NonNull<u8>, layout: Layout) {
        let Some(class) = C::class_of(layout) else { return };
        let slab = &mut self.slabs.as_mut()[class];
        slab.untrack_requested(layout.size());
        if slab.borrowed_slots() == 0 {
            // SAFETY: passed on from the caller; the slot lies in a chunk of this slab; widened, the pointer reaches all of it.
            return unsafe { slab.dealloc(widen(ptr)) };
        }
        let found = self.chunks.find(address_of(ptr));
        let of_chunk = found.map_or(class, |found| self.chunks.get(found.id).class.get());
        match self.slabs.as_mut().get_disjoint_mut([class, of_chunk]) {
            Ok([borrower, lender]) => {
                // SAFETY: passed on from the caller; the slot lies in a chunk of the other slab, which so has lent it;
                // widened, the pointer reaches all of it.
                unsafe { borrower.return_to(lender, widen(ptr)) };
                self.lent_slots -= 1;
            }
            // SAFETY: passed on from the caller; as above.
            Err(_) => unsafe { self.slabs.as_mut()[class].dealloc(widen(ptr)) },
        }
    }

    /// A block that becomes smaller keeps its slot, which becomes one of its new class, where it can be.
    #[cold]
    #[inline(never)]
    fn keep_slot_of(
        &mut self,
        ptr: NonNull<u8>,
        (old, old_size): (usize, usize),
        (new, new_size): (usize, usize),
    ) -> AllocResult<NonNull<u8>> {
        if !self.lend_slot(old, new, ptr) {
            return Err(AllocError::NoMemory);
        }
        self.slabs.as_mut()[old].untrack_requested(old_size);
        self.slabs.as_mut()[new].track_requested(new_size);
        Ok(widen(ptr))
    }

    /// Takes a slot of a class for a block of `size` bytes.
    #[inline]
    fn alloc_slot(&mut self, class: usize, size: usize) -> Option<NonNull<u8>> {
        let slab = &mut self.slabs.as_mut()[class];
        match slab.alloc() {
            Some(slot) => {
                slab.track_requested(size);
                Some(slot)
            }
            None => self.alloc_from_chunk(ClassIndex::new(class), size),
        }
    }

    /// Resizes a block within its slot.
    fn keep_in_slot(&mut self, class: usize, ptr: NonNull<u8>, old_size: usize, new_size: usize) -> NonNull<u8> {
        let slab = &mut self.slabs.as_mut()[class];
        slab.untrack_requested(old_size);
        slab.track_requested(new_size);
        widen(ptr)
    }
}

impl<C: SizeClasses, B: ByteAllocator> BaseAllocator for SlabByteAllocator<C, B> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        if !self.regions.is_empty() {
            return Err(AllocError::InvalidParam);
        }
        let usable = self.regions.usable_part(region, Self::GRANULE, Self::GRANULE)?;
        // SAFETY: passed on from the caller.
        unsafe { self.backing.engine.init(usable.start(), usable.size())? };
        // SAFETY: the backing has taken no more than the usable part.
        unsafe { self.regions.insert(region, Self::GRANULE, Self::GRANULE) }.map(drop)
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        // The backing cannot see what was trimmed off a region for the sake of the slots.
        let usable = self.regions.usable_part(region, Self::GRANULE, Self::GRANULE)?;
        // SAFETY: passed on from the caller.
        unsafe { self.backing.engine.add_memory(usable.start(), usable.size())? };
        // SAFETY: the backing has taken no more than the usable part.
        unsafe { self.regions.insert(region, Self::GRANULE, Self::GRANULE) }.map(drop)
    }
}

// SAFETY: a block is a slot of a class that fits the layout (`SizeClasses`), in a chunk that the backing handed out, or
// a block of the backing. A live slot is in no list, and its chunk does not go back, as it is not wholly free; nor does one
// of which another class has a slot. `realloc` keeps the block, moves it the plain way, or is the backing's. The heap calls nothing but the backing.
unsafe impl<C: SizeClasses, B: ByteAllocator> ByteAllocator for SlabByteAllocator<C, B> {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let block = match C::class_of(layout) {
            Some(class) => self.alloc_slot(class, layout.size()),
            None => self.alloc_large(layout),
        };
        block.ok_or(AllocError::NoMemory)
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        match C::class_of(layout) {
            Some(class) => {
                if self.lent_slots != 0 {
                    // SAFETY: passed on from the caller.
                    return unsafe { self.dealloc_maybe_borrowed(ptr, layout) };
                }
                let slab = &mut self.slabs.as_mut()[class];
                slab.untrack_requested(layout.size());
                // SAFETY: the block fits the layout, so it is a slot of this class; widened, the pointer reaches all of it.
                unsafe { slab.dealloc(widen(ptr)) };
            }
            None => {
                self.track_requested_large(layout.size(), 0);
                // SAFETY: the block fits the layout, so it came from the backing.
                unsafe { self.backing.dealloc_large(ptr, layout) };
            }
        }
    }

    fn total_bytes(&self) -> usize {
        self.backing.engine.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        let slots = self.slabs().iter().map(|slab| slab.used_bytes() + slab.borrowed_excess());
        self.backing.large_bytes() + slots.sum::<usize>()
    }

    fn available_bytes(&self) -> usize {
        self.total_bytes().saturating_sub(self.used_bytes())
    }

    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        if C::class_of(layout).is_none() {
            return self.alloc_large_with(layout, |engine| engine.alloc_zeroed(layout));
        }
        let slot = self.alloc(layout)?;
        // SAFETY: the slot has at least `layout.size()` bytes.
        unsafe { slot.write_bytes(0, layout.size()) };
        Ok(slot)
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
        match (C::class_of(layout), C::class_of(new_layout)) {
            (Some(old), Some(new)) if old == new => Ok(self.keep_in_slot(new, ptr, layout.size(), new_size)),
            (None, None) => {
                // SAFETY: passed on from the caller; where the backing refuses, the block is as it was.
                let block = self.or_reclaim(|heap| unsafe {
                    heap.backing.resize_large(ptr, layout, new_layout, |engine| engine.realloc(ptr, layout, new_size))
                })?;
                self.track_requested_large(layout.size(), new_size);
                Ok(block)
            }
            // SAFETY: passed on from the caller; these are the classes of the two layouts.
            (Some(old), Some(new)) => unsafe { self.move_to_class(ptr, (old, layout), (new, new_size)) },
            // SAFETY: passed on from the caller.
            _ => unsafe { realloc_by_moving(self, ptr, layout, new_size) },
        }
    }

    /// Within the class, in the slot; of a large block, what the backing does.
    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
        match (C::class_of(layout), C::class_of(new_layout)) {
            (Some(old), Some(new)) if old == new => Ok(self.keep_in_slot(new, ptr, layout.size(), new_size)),
            (None, None) => {
                // SAFETY: passed on from the caller; where the backing refuses, the block is as it was.
                let block = unsafe {
                    self.backing.resize_large(ptr, layout, new_layout, |engine| {
                        engine.realloc_in_place(ptr, layout, new_size)
                    })?
                };
                self.track_requested_large(layout.size(), new_size);
                Ok(block)
            }
            // A slot of another class: the block would go on to take all of it, so that is `realloc`'s last resort.
            _ => Err(AllocError::NoMemory),
        }
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        match C::class_of(layout) {
            Some(class) => (layout.size(), C::SLOT_SIZES[class]),
            None => self.backing.engine.usable_size(layout),
        }
    }

    fn used_by_each(&self, layout: Layout) -> Option<usize> {
        match C::class_of(layout) {
            Some(class) => Some(C::SLOT_SIZES[class]),
            None => self.backing.engine.used_by_each(layout),
        }
    }

    unsafe fn used_by(&self, ptr: NonNull<u8>, layout: Layout) -> usize {
        match C::class_of(layout) {
            Some(class) => C::SLOT_SIZES[class],
            // SAFETY: passed on from the caller; the block came from the backing.
            None => unsafe { self.backing.engine.used_by(ptr, layout) },
        }
    }

    fn alloc_batch<'o>(&mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]) -> &'o mut [NonNull<u8>] {
        match C::class_of(layout) {
            Some(class) => self.alloc_slots(ClassIndex::new(class), layout.size(), out),
            None => self.alloc_large_batch(layout, out),
        }
    }

    unsafe fn dealloc_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        match C::class_of(layout) {
            Some(class) if self.slabs()[class].borrowed_slots() == 0 => {
                let slab = &mut self.slabs.as_mut()[class];
                slab.untrack_requested(layout.size().wrapping_mul(blocks.len()));
                // SAFETY: the blocks fit the layout, so they are slots of this class; the rest is passed on.
                unsafe { slab.dealloc_batch(blocks) };
            }
            _ => {
                for &block in blocks {
                    // SAFETY: passed on from the caller.
                    unsafe { self.dealloc(block, layout) };
                }
            }
        }
    }

    /// Gives wholly free chunks back to the backing, and has the backing trim what it has.
    fn trim(&mut self) -> usize {
        Self::trim(self)
    }

    /// Wholly free chunks go back first; then the region is the backing's to release.
    fn release_region(&mut self) -> Option<Region> {
        self.give_back(usize::MAX);
        let region = self.backing.engine.release_region()?;
        if self.regions.remove(region) {
            return Some(region);
        }
        // The table of regions lies at its start, or it came to the backing another way: it stays.
        // SAFETY: the backing had the region until just now.
        let again = unsafe { self.backing.engine.add_memory(region.start(), region.size()) };
        debug_assert_eq!(again, Ok(()), "the backing had this region");
        None
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        // A slab grows by one slot where memory is short, and the table of chunks by a block.
        let block = match C::class_of(layout) {
            Some(class) => chunk_layout(1, C::SLOT_SIZES[class], C::MOST_ALIGNED)?,
            None => layout,
        };
        let with_entries = block.size().checked_add(ENTRIES_IN_A_BACKING)?;
        let region = self.backing.engine.region_for(Layout::from_size_align(with_entries, block.align()).ok()?)?;
        // What the heap trims off, or the table of regions takes.
        let rest = 2 * Self::GRANULE + RegionTable::OVERFLOW_SIZE;
        Layout::from_size_align(region.size().checked_add(rest)?, region.align()).ok()
    }
}

impl Default for SlabByteAllocator {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: SizeClasses, B: fmt::Debug> fmt::Debug for SlabByteAllocator<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlabByteAllocator")
            .field("slabs", &self.slabs())
            .field("chunks", &self.chunks)
            .field("backing", &self.backing)
            .finish()
    }
}
