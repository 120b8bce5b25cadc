//! [`SlabByteAllocator`], the slab heap.

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use allocator_buddy::BuddyByteAllocator;
use allocator_core::address::widen;
use allocator_core::traits::realloc_by_moving;
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region, RegionTable};

use crate::chunks::{Chunk, ChunkTable, chunk_layout};
use crate::classes::{PowerOfTwoClasses, SizeClasses};
use crate::slab::Slab;
use crate::supply::Supply;

/// How many slots a slab grows by, while memory is plentiful.
pub const SET_SIZE: usize = 64;

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
/// default: [`SizeClasses::GROWTH_SHARE`]) while one slot fits in that, and by at least one slot. So a heap of 32 KiB serves all of the seven default classes at once. What the
/// backing gives beyond that because it rounds sizes up, to powers of two or to pages, becomes slots, too.
///
/// # Memory that comes back
///
/// Freed slots stay with their class. When a request finds nothing, in its slab or in the backing, the free slots of the
/// classes that slots were freed in since the last time are counted for the chunks they lie in, unless none of a class is
/// live; chunks that are wholly free go back to the backing, and the request is tried again. So after everything is freed, all that fitted at first
/// fits again. Free slots are `available` all the while.
///
/// The table of chunks takes memory of the backing, too, once there are more of them than a small heap has: 4 words a
/// chunk, which is less than one part in a hundred while memory is plentiful and chunks are large. It is not `used`, and
/// goes back with the chunks.
///
/// # Time complexity
///
/// `alloc` and `dealloc` of a slot are O(1): a load, a store, a count. `alloc` of the first of a new chunk links its
/// slots, and asks the backing. Where memory has run out, `alloc` walks the free slots twice, O(free slots × log(chunks)),
/// at most once for all the `dealloc`s before it; those of a class that has no live slot it does not walk at all, but
/// gives back chunk by chunk. Larger blocks cost what the backing costs.
///
/// # Drawbacks
///
/// - With the default classes up to half of a slot is lost to rounding.
/// - A chunk with one live slot stays with its class, however much of it is free.
/// - The request that finds memory short pays for getting it back.
/// - A backing that puts headers on its blocks may accept a region in which no slot finds room beside one.
/// - Making a block smaller can fail where memory is short, as slots of another class must be found; the block is then
///   still the caller's, as it was.
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
    /// The chunks of all slabs: those of a class have as many slots together as its slab.
    chunks: ChunkTable,
    /// The backing. What it has in use for the heap itself is the chunks and the segments of their table.
    supply: Supply<B>,
    /// What was handed over through the heap, and the backing has accepted.
    regions: RegionTable,
    classes: PhantomData<C>,
}

impl SlabByteAllocator {
    /// An empty heap of the default parameters: seven classes of powers of two, over a buddy allocator.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_backing(BuddyByteAllocator::new())
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
        assert!(SET_SIZE <= u16::MAX as usize && C::SLOT_SIZES.len() <= u16::MAX as usize, "see `Chunk`");
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
            supply: Supply::new(backing),
            regions: RegionTable::new(),
            classes: PhantomData,
        }
    }

    /// The slabs, one for each class, for statistics.
    #[must_use]
    pub fn slabs(&self) -> &[Slab] {
        self.slabs.as_ref()
    }

    /// The backing, for statistics.
    #[must_use]
    pub const fn backing(&self) -> &B {
        &self.supply.backing
    }
}

impl<C: SizeClasses, B: ByteAllocator> SlabByteAllocator<C, B> {
    /// Takes a slot of a slab that has none free. Like [`alloc_large`](Self::alloc_large) it answers in a register, for
    /// `None` is all that can go wrong.
    #[cold]
    #[inline(never)]
    fn alloc_from_new_chunk(&mut self, class: usize) -> Option<NonNull<u8>> {
        self.or_reclaim(|heap| heap.grow(class)).ok()?;
        self.slabs.as_mut()[class].alloc()
    }

    /// Takes a block that no class serves.
    #[inline(never)]
    fn alloc_large(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.or_reclaim(|heap| heap.supply.backing.alloc(layout)).ok()
    }

    /// Adds a chunk to a class: as large as the policy says, or a lower power of two if the backing has none in one piece.
    fn grow(&mut self, class: usize) -> AllocResult {
        let slab = &mut self.slabs.as_mut()[class];
        let slot_size = slab.slot_size();
        let most = C::growth(class).clamp(1, usize::from(u16::MAX));
        let limit = self.supply.backing.available_bytes() / C::GROWTH_SHARE;
        let mut wanted = (limit / slot_size).clamp(1, most);
        while wanted > 0 {
            let slots = fitting::<C, B>(&self.supply.backing, slot_size, wanted, limit).ok_or(AllocError::NoMemory)?;
            let layout = chunk_layout(slots, slot_size, C::MOST_ALIGNED).ok_or(AllocError::NoMemory)?;
            if let Ok(start) = self.supply.take(layout) {
                if self.chunks.push(Chunk::new(start, class, slots), &mut self.supply).is_ok() {
                    // SAFETY: the backing handed out the whole chunk, aligned for its slots.
                    unsafe { slab.grow(start, slots) };
                    return Ok(());
                }
                // SAFETY: the chunk was taken just now, with this layout.
                unsafe { self.supply.give(start, layout) };
            }
            // The next lower power of two.
            let fewer = wanted.min(slots) - 1;
            wanted = fewer.checked_ilog2().map_or(0, |log2| 1 << log2);
        }
        Err(AllocError::NoMemory)
    }

    /// Tries `request`, and if there is no memory for it, once more after giving free chunks back to the backing.
    #[inline]
    fn or_reclaim<T>(&mut self, mut request: impl FnMut(&mut Self) -> AllocResult<T>) -> AllocResult<T> {
        match request(self) {
            Err(AllocError::NoMemory) if self.reclaim() => request(self),
            answer => answer,
        }
    }

    /// Gives every wholly free chunk back to the backing, and tells whether the backing got anything.
    #[cold]
    #[inline(never)]
    fn reclaim(&mut self) -> bool {
        let slabs = self.slabs.as_mut();
        if !slabs.iter().any(Slab::needs_count) {
            return false;
        }
        // Where no slot of a class is live, there is nothing to count.
        let mut chunks = self.chunks.by_address(|class| slabs[class].used_slots() == 0);
        for slab in slabs.iter_mut() {
            if slab.used_slots() == 0 {
                slab.clear();
            }
            if !slab.needs_count() {
                continue;
            }
            let before = chunks.wholly_free();
            slab.count_free(|slot| {
                let counted = chunks.count(slot);
                debug_assert!(counted, "a free slot lies in a chunk, and is in the list once");
            });
            if chunks.wholly_free() > before {
                slab.unlink(|slot| chunks.is_wholly_free(slot));
            }
        }
        if chunks.wholly_free() == 0 {
            return false;
        }
        self.chunks.remove_wholly_free(&mut self.supply, |chunk, supply| {
            if let Some(layout) = chunk.layout(C::SLOT_SIZES[usize::from(chunk.class)], C::MOST_ALIGNED) {
                // SAFETY: the chunk was taken with this layout, and its slots have left the slab.
                unsafe { supply.give(chunk.start, layout) };
            }
        });
        true
    }

    /// Gives every wholly free chunk back to the backing now, instead of when memory has run out, and returns how many bytes
    /// that are for the backing.
    ///
    /// Over [`PageBacked`](allocator_core::PageBacked) that is memory for the page allocator. The next request that finds
    /// memory short has then only the slots to count that were freed since.
    ///
    /// # Time complexity
    ///
    /// As for a request that finds memory short: O(free slots × log(chunks)), O(1) if no slot was freed since the last time.
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
    /// let block = heap.alloc(Layout::new::<[u64; 8]>())?;
    /// assert_eq!(heap.trim(), 0, "the block lies in the only chunk");
    /// // SAFETY: the block came from this heap with this layout.
    /// unsafe { heap.dealloc(block, Layout::new::<[u64; 8]>()) };
    /// assert!(heap.trim() >= 64 && heap.backing().used_bytes() == 0);
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    pub fn trim(&mut self) -> usize {
        let before = self.supply.held();
        self.reclaim();
        before - self.supply.held()
    }

    /// Counts everything again: that every free slot is a slot of a chunk of its class, and in the list once; that the
    /// slabs have the slots of their chunks, less the live ones, in their lists; and that the chunks and their table fit
    /// in what the heap holds of its backing. O(free slots × log(chunks) + chunks × log(chunks)).
    ///
    /// For tests, and for looking at a heap that somebody has scribbled over.
    ///
    /// # Errors
    ///
    /// What does not hold, the first of it that is found.
    pub fn validate(&mut self) -> Result<(), &'static str> {
        let mut slots = 0;
        let mut bytes = self.chunks.segment_bytes();
        for (class, (slab, &slot_size)) in self.slabs.as_ref().iter().zip(C::SLOT_SIZES).enumerate() {
            let of_class = self.chunks.iter().filter(|chunk| usize::from(chunk.class) == class);
            let slots_of_class = of_class.map(|chunk| usize::from(chunk.slots)).sum::<usize>();
            ensure(slab.slot_size() == slot_size, "a slab has slots of another size than its class")?;
            ensure(slab.total_slots() == slots_of_class, "the slots of a slab are not those of its chunks")?;
            ensure(slab.used_slots() <= slab.total_slots(), "a slab has more slots in use than it has")?;
            slots += slots_of_class;
            bytes += slots_of_class * slot_size;
        }
        let all = self.chunks.iter().map(|chunk| usize::from(chunk.slots)).sum::<usize>();
        ensure(slots == all, "a chunk is of no class")?;
        ensure(bytes <= self.supply.held(), "the chunks and their table are more than the heap holds")?;
        ensure(self.supply.held() <= self.supply.backing.used_bytes(), "the heap holds more than the backing gave")?;
        let mut chunks = self.chunks.by_address(|_| false);
        for (class, slab) in self.slabs.as_ref().iter().enumerate() {
            let mut listed = 0;
            for slot in slab.free_slots() {
                listed += 1;
                ensure(listed <= slab.total_slots(), "the list of free slots goes in circles")?;
                let chunk = chunks.chunk_of(slot).ok_or("a free slot lies below all chunks")?;
                let offset = slot.addr().get() - chunk.start.addr().get();
                ensure(usize::from(chunk.class) == class, "a free slot lies in a chunk of another class")?;
                ensure(offset / slab.slot_size() < usize::from(chunk.slots), "a free slot lies behind its chunk")?;
                ensure(offset % slab.slot_size() == 0, "a free slot lies between two")?;
                ensure(chunks.count(slot), "a free slot is in the list twice")?;
            }
            ensure(listed == slab.total_slots() - slab.used_slots(), "free slots are missing in the list")?;
        }
        Ok(())
    }
}

/// How many slots a chunk has that is to have `wanted` of them: as many as fit in the block that the backing gives for
/// so many; or, where that is above `limit` bytes, as the backing rounds sizes up, in a smaller one.
fn fitting<C: SizeClasses, B: ByteAllocator>(
    backing: &B,
    slot_size: usize,
    wanted: usize,
    limit: usize,
) -> Option<usize> {
    let fit = |slots: usize| {
        let usable = backing.usable_size(chunk_layout(slots, slot_size, C::MOST_ALIGNED)?).1;
        Some(((usable / slot_size).clamp(slots, usize::from(u16::MAX)), usable))
    };
    let (slots, usable) = fit(wanted)?;
    if wanted == 1 || usable <= limit {
        return Some(slots);
    }
    let power = 1 << (wanted * slot_size).ilog2();
    Some(fit((power / slot_size).max(1))?.0)
}

fn ensure(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl<C: SizeClasses, B: ByteAllocator> BaseAllocator for SlabByteAllocator<C, B> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        if !self.regions.is_empty() {
            return Err(AllocError::InvalidParam);
        }
        let usable = self.regions.usable_part(region, Self::GRANULE, Self::GRANULE)?;
        // SAFETY: passed on from the caller.
        unsafe { self.supply.backing.init(usable.start(), usable.size())? };
        // SAFETY: the backing has taken no more than the usable part.
        unsafe { self.regions.insert(region, Self::GRANULE, Self::GRANULE) }.map(drop)
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        // The backing cannot see what was trimmed off a region for the sake of the slots.
        let usable = self.regions.usable_part(region, Self::GRANULE, Self::GRANULE)?;
        // SAFETY: passed on from the caller.
        unsafe { self.supply.backing.add_memory(usable.start(), usable.size())? };
        // SAFETY: the backing has taken no more than the usable part.
        unsafe { self.regions.insert(region, Self::GRANULE, Self::GRANULE) }.map(drop)
    }
}

// SAFETY: a block is a slot of a class that fits the layout (`SizeClasses`), in a chunk that the backing handed out, or
// a block of the backing. A live slot is in no list, and its chunk is not given back, as it is not wholly free. `realloc`
// keeps the block, moves it the plain way, or is the backing's. Nothing but the backing is called.
unsafe impl<C: SizeClasses, B: ByteAllocator> ByteAllocator for SlabByteAllocator<C, B> {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let block = match C::class_of(layout) {
            Some(class) => match self.slabs.as_mut()[class].alloc() {
                Some(slot) => Some(slot),
                None => self.alloc_from_new_chunk(class),
            },
            None => self.alloc_large(layout),
        };
        block.ok_or(AllocError::NoMemory)
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        match C::class_of(layout) {
            // SAFETY: the block fits the layout, so it is a slot of this class; widened, the pointer reaches all of it.
            Some(class) => unsafe { self.slabs.as_mut()[class].dealloc(widen(ptr)) },
            // SAFETY: the block fits the layout, so it came from the backing.
            None => unsafe { self.supply.backing.dealloc(ptr, layout) },
        }
    }

    fn total_bytes(&self) -> usize {
        self.supply.backing.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.supply.passed_on_bytes() + self.slabs().iter().map(Slab::used_bytes).sum::<usize>()
    }

    fn available_bytes(&self) -> usize {
        self.total_bytes() - self.used_bytes()
    }

    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        if C::class_of(layout).is_none() {
            return self.or_reclaim(|heap| heap.supply.backing.alloc_zeroed(layout));
        }
        let slot = self.alloc(layout)?;
        // SAFETY: the slot has at least `layout.size()` bytes.
        unsafe { slot.write_bytes(0, layout.size()) };
        Ok(slot)
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
        match (C::class_of(layout), C::class_of(new_layout)) {
            (Some(old), Some(new)) if old == new => Ok(widen(ptr)),
            // SAFETY: the block came from the backing; when that refuses, the block is as it was.
            (None, None) => self.or_reclaim(|heap| unsafe { heap.supply.backing.realloc(ptr, layout, new_size) }),
            // SAFETY: passed on from the caller.
            _ => unsafe { realloc_by_moving(self, ptr, layout, new_size) },
        }
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        match C::class_of(layout) {
            Some(class) => (layout.size(), C::SLOT_SIZES[class]),
            None => self.supply.backing.usable_size(layout),
        }
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
            .field("supply", &self.supply)
            .finish()
    }
}

#[cfg(test)]
mod tests;
