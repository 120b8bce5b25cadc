//! [`QuickFit`], quick lists over a byte engine.

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use allocator_core::address::widen;
use allocator_core::traits::realloc_by_moving;
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region};

use crate::quick::classes::ListIndex;
use crate::quick::limits::Limits;
use crate::quick::lists::QuickLists;
use crate::quick::taken::Taken;
use crate::store::DenseByteAllocator;

mod classes;
mod limits;
mod lists;
mod refill;
mod shortage;
mod taken;
#[cfg(test)]
mod tests;
mod validate;

/// The general-purpose heap, the one to begin with: quick lists over a store without headers. Made by
/// [`new`](QuickFit::new).
pub type QuickByteAllocator = QuickFit<DenseByteAllocator>;

/// Lists of free blocks of one size each, kept at hand, over any byte engine.
///
/// # Layout
///
/// ```text
///   QuickFit                                       engine
///   ┌──────────────────────────────────────┐       ┌──────┬────────┬──────┬────────┬──────┬─────
///   │ lists    16 B   head, room, limit  ──┼──────>│ kept │ live   │ kept │ free   │ live │ ...
///   │          32 B   head, room, limit    │       └──────┴────────┴──────┴────────┴──────┴─────
///   │          ...                         │           └────────────>
///   │          64 KiB                      │
///   │ granted  what the lists may have     │
///   │ engine                               │
///   └──────────────────────────────────────┘
/// ```
///
/// A block of up to 64 KiB has one of a list's sizes: multiples of 16 bytes up to 2 KiB, of 64 bytes up to 4 KiB, above that
/// sixteen sizes for each doubling; and multiples of 64 bytes up to 1 KiB for each alignment from 32 bytes to 4 KiB.
/// Everything else is the engine's.
///
/// A freed block goes to the head of the list of its size, where the next request for that size finds it. To the engine, a
/// kept block is a live one: it is not merged with free neighbours. A request whose list is empty takes a block of the engine,
/// and some more for the list: as many as it may have, at most 15, which together have at most 4 KiB and a 16,384th of the
/// memory. A block whose list is full makes the list give half of its blocks back, at most 16.
///
/// # How much is kept
///
/// The limit of a list doubles, by at most 16 blocks, each time a request finds the list empty, and falls by one each time
/// a block finds it full. The limits of all lists together are at most one [part](Self::set_kept_part) of the engine's memory,
/// all of it at first, and that of a list a 16th of the part; a list that is to grow gets what others do not use, and where one
/// is full, up to 16 of its blocks go back. Batches, asked for or given back as such, change no limit. So with many blocks of
/// many sizes, lists may keep much of what is free; it goes back when memory is short, or with [`reclaim`](Self::reclaim)
/// and [`trim`](ByteAllocator::trim).
///
/// # When memory is short
///
/// Where the engine refuses a request, the lists give back what they have, one list after another and 16 blocks at a time, until
/// the engine serves it: first those whose blocks are large enough, the smallest first; then the others, the largest first.
/// The limit of such a list falls to what it has left. A request for more than the engine and the lists have is refused at
/// once. So after everything is freed, the largest block that fitted at first fits again. Kept blocks are `available` all
/// the while.
///
/// # Invariants
///
/// - `used` is what the engine has handed out to this heap, less what the lists have.
/// - Every block in a list is one of the engine's, live to it, and of the list's size and alignment.
///
/// # Time complexity
///
/// `alloc` and `dealloc` of a size with a list: O(1), a table, a load, a store, one test where the list has a block, or
/// room. Otherwise at most 16 blocks are taken of the engine, or given back. Where memory is short, a request gives back at
/// most what the lists have: O(kept blocks). [`reclaim`](Self::reclaim) does it in steps. The statistics add up the lists:
/// O(lists), or O(kept blocks) over an engine whose blocks of one size do not all [take the
/// same](ByteAllocator::used_by_each).
///
/// The lists are those of "Quick Fit: an efficient algorithm for heap storage allocation", SIGPLAN Notices 23(10), 1988.
///
/// # Drawbacks
///
/// - Blocks of one size that were freed are not merged before memory is short, or the lists are full.
/// - A block of more than 4 KiB and up to 64 KiB is rounded up by a 16th at most, so that the largest block that a pool of less
///   than that has may be smaller than the pool by as much.
/// - A heap over an engine that others use keeps blocks of it: [`trim`](ByteAllocator::trim) gives them back, its end does not.
/// - A request for an alignment that no memory has may empty the lists before it is refused.
/// - 11 KiB of state over a store with the parameters of a large heap, and tables of 5.5 KiB: too much for a small machine.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_core::{BaseAllocator, ByteAllocator};
/// use allocator_dense::{QuickByteAllocator, QuickFit};
///
/// let mut pool = vec![0u64; 8192];
/// let mut heap: QuickByteAllocator = QuickFit::new();
/// // SAFETY: nothing else uses the pool while the heap does.
/// unsafe { heap.init(pool.as_mut_ptr() as usize, 64 << 10)? };
///
/// let layout = Layout::from_size_align(100, 4).unwrap();
/// let block = heap.alloc(layout)?;
/// assert_eq!((heap.usable_size(layout), heap.used_bytes()), ((100, 112), 112));
/// // SAFETY: the block came from this heap with this layout.
/// unsafe { heap.dealloc(block, layout) };
/// assert_eq!(heap.alloc(layout)?, block);
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub struct QuickFit<A = DenseByteAllocator> {
    lists: QuickLists,
    limits: Limits,
    /// Which part of the memory the lists may have: one of so many parts; 0 stands for [`KEPT_PART`].
    kept_part: usize,
    /// The engine, and what it has handed out to this heap.
    engine: Taken<A>,
    invariant: PhantomData<fn(A) -> A>,
}

/// Which part of the memory the lists may have, where nobody said otherwise: all of it.
const KEPT_PART: usize = 1;

impl QuickFit<DenseByteAllocator> {
    /// An empty heap over a store with the defaults of a large heap.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use allocator_dense::{QuickByteAllocator, QuickFit};
    ///
    /// static HEAP: Mutex<QuickByteAllocator> = Mutex::new(QuickFit::new());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self::with_engine(DenseByteAllocator::new())
    }
}

impl<A> QuickFit<A> {
    /// A heap over `engine`, which may have memory already.
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_dense::{DenseByteAllocator, QuickFit};
    ///
    /// /// Over a store with granules of 32 bytes.
    /// let heap = QuickFit::with_engine(DenseByteAllocator::<32, 20, 8>::with_parameters());
    /// ```
    #[must_use]
    pub const fn with_engine(engine: A) -> Self {
        Self {
            lists: QuickLists::EMPTY,
            limits: Limits::EMPTY,
            kept_part: 0,
            engine: Taken::new(engine),
            invariant: PhantomData,
        }
    }

    /// The engine, for statistics.
    #[must_use]
    pub const fn engine(&self) -> &A {
        &self.engine.engine
    }

    /// Lets the limits of the lists be one of `parts` equal parts of the engine's memory, together; 0 stands for the default, 1.
    /// Where they are more already, they become fewer little by little, as requests find lists empty; [`reclaim`](Self::reclaim)
    /// makes all of them 0 at once. A limit counts the size that the blocks have for their users: over an engine with headers, or
    /// one that rounds sizes up, they take more.
    ///
    /// With more parts, more of what is free is in one piece, for others who use the engine, or for `release_region`; with fewer,
    /// fewer requests go to the engine.
    pub const fn set_kept_part(&mut self, parts: usize) {
        self.kept_part = parts;
    }
}

impl<A: ByteAllocator> QuickFit<A> {
    /// What the engine is asked for where no list serves `layout`: aligned as all blocks of lists are, so that a block may
    /// become one of a list.
    fn beyond(layout: Layout) -> AllocResult<Layout> {
        let align = layout.align().max(classes::GRANULE);
        Layout::from_size_align(ListIndex::rounded_beyond(layout.size()), align).map_err(|_| AllocError::NoMemory)
    }

    /// What a block for `layout` is to the engine.
    fn block_layout(layout: Layout) -> AllocResult<Layout> {
        ListIndex::of(layout).map_or_else(|| Self::beyond(layout), |index| Ok(index.layout()))
    }

    /// A block for a layout that is not common.
    #[inline(never)]
    fn alloc_uncommon(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        match ListIndex::uncommon(layout) {
            Some(index) => self.lists.pop(index).or_else(|| self.refill(layout)),
            None => self.alloc_beyond(layout, |engine, layout| engine.alloc(layout)).ok(),
        }
    }

    /// A block that no list has, by `request`.
    fn alloc_beyond(
        &mut self,
        layout: Layout,
        request: impl Fn(&mut A, Layout) -> AllocResult<NonNull<u8>>,
    ) -> AllocResult<NonNull<u8>> {
        let layout = Self::beyond(layout)?;
        self.engine.take(layout, &request).or_else(|_| self.alloc_short(layout, &request))
    }

    /// # Safety
    ///
    /// As for [`dealloc`](ByteAllocator::dealloc); the layout is not common.
    #[inline(never)]
    unsafe fn dealloc_uncommon(&mut self, ptr: NonNull<u8>, layout: Layout) {
        if let Some(index) = ListIndex::uncommon(layout) {
            // SAFETY: passed on from the caller; the block has the size of the list.
            if !unsafe { self.lists.push(index, widen(ptr)) } {
                // SAFETY: as above.
                unsafe { self.overflow(ptr, layout) };
            }
        } else if let Ok(layout) = Self::beyond(layout) {
            // SAFETY: passed on from the caller; the block was allocated with this layout, or fits it now.
            unsafe { self.engine.give(ptr, layout) };
        }
    }

    /// Resizes a block of one list, or of none, so that it becomes one of another, or of none.
    ///
    /// A block that grows beyond [`MOVED`] bytes stays where it is if the engine has the memory behind it. A block that becomes
    /// smaller gives its tail back to the engine, unless its new list has a block and it has no more than [`MOVED_TO_KEPT`]
    /// bytes.
    ///
    /// # Safety
    ///
    /// As for [`realloc`](ByteAllocator::realloc).
    #[inline(never)]
    unsafe fn resize(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
        let old = Self::block_layout(layout)?;
        let new = Self::block_layout(new_layout)?;
        if old == new {
            return Ok(widen(ptr));
        }
        let moves_well = old.size().max(new.size()) <= MOVED
            && ListIndex::of(new_layout).is_some_and(|index| !self.lists.is_empty(index) || new.size() > old.size());
        // SAFETY: passed on from the caller; to the engine, the block fits `old`.
        unsafe {
            if !moves_well && let Ok(block) = self.engine.resize_in_place(ptr, old, new) {
                return Ok(block);
            }
            if ListIndex::of(layout).is_none() && ListIndex::of(new_layout).is_none() {
                let resized = self.engine.resize(ptr, old, new);
                return resized.or_else(|_| self.when_short(new.size(), |engine| engine.resize(ptr, old, new)));
            }
            realloc_by_moving(self, ptr, layout, new_size).or_else(|_| self.engine.resize_in_place(ptr, old, new))
        }
    }
}

/// A block of up to so many bytes is copied sooner than resized in place.
const MOVED: usize = 1024;
/// A block of up to so many bytes is copied sooner than resized in place where the list of the new size has one: the engine
/// reads and writes the memory around the block, which is in no cache.
const MOVED_TO_KEPT: usize = 10 << 10;

impl<A: ByteAllocator> BaseAllocator for QuickFit<A> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.engine.engine.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.engine.engine.add_memory(start, size) }
    }
}

// SAFETY: a block is one of the engine's, of a size and an alignment that fit the layout: `ListIndex` says the same for every
// layout that the block fits. A kept block is in one list, and in it once; it is popped before it is handed out again. The heap
// writes to kept blocks only, and calls nothing but the engine.
unsafe impl<A: ByteAllocator> ByteAllocator for QuickFit<A> {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let block = match ListIndex::common(layout) {
            Some(index) => self.lists.pop(index).or_else(|| self.refill(layout)),
            None => self.alloc_uncommon(layout),
        };
        block.ok_or(AllocError::NoMemory)
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        let Some(index) = ListIndex::common(layout) else {
            // SAFETY: passed on from the caller.
            return unsafe { self.dealloc_uncommon(ptr, layout) };
        };
        // SAFETY: passed on from the caller; the block has the size of the list, and widened, the pointer reaches all of it.
        if !unsafe { self.lists.push(index, widen(ptr)) } {
            // SAFETY: passed on from the caller.
            unsafe { self.overflow(ptr, layout) };
        }
    }

    fn total_bytes(&self) -> usize {
        self.engine.engine.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.engine.bytes() - self.kept_bytes()
    }

    fn available_bytes(&self) -> usize {
        self.total_bytes().saturating_sub(self.used_bytes())
    }

    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        if ListIndex::of(layout).is_none() {
            return self.alloc_beyond(layout, |engine, layout| engine.alloc_zeroed(layout));
        }
        let block = self.alloc(layout)?;
        // SAFETY: the block has so many bytes.
        unsafe { block.write_bytes(0, layout.size()) };
        Ok(block)
    }

    #[inline]
    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        if let Ok(new_layout) = Layout::from_size_align(new_size, layout.align())
            && let Some(old) = ListIndex::common(layout)
            && let Some(new) = ListIndex::common(new_layout)
        {
            if new == old {
                return Ok(widen(ptr));
            }
            if old.size().max(new.size()) <= MOVED_TO_KEPT
                && let Some(block) = self.lists.pop(new)
            {
                // SAFETY: both blocks have so many bytes, and are different ones; the old one is not used any more.
                unsafe {
                    ptr.copy_to_nonoverlapping(block, layout.size().min(new_size));
                    self.dealloc(ptr, layout);
                }
                return Ok(block);
            }
        }
        // SAFETY: passed on from the caller.
        unsafe { self.resize(ptr, layout, new_size) }
    }

    /// Within the size of the block's list; otherwise what the engine does. A block that would grow to no more than 1024
    /// bytes is not tried: behind it there is rarely anything free, and it is copied sooner.
    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).map_err(|_| AllocError::NoMemory)?;
        let (old, new) = (Self::block_layout(layout)?, Self::block_layout(new_layout)?);
        if old == new {
            return Ok(widen(ptr));
        }
        if old.size() < new.size() && new.size() <= MOVED {
            return Err(AllocError::NoMemory);
        }
        // SAFETY: passed on from the caller; to the engine, the block fits `old`.
        unsafe { self.engine.resize_in_place(ptr, old, new) }
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        let usable = match (ListIndex::of(layout), Self::beyond(layout)) {
            (Some(index), _) => index.size(),
            // Up to the size of a list, so many are asked for; the engine may have more, for which it would be asked otherwise.
            (None, Ok(beyond)) if layout.size() <= classes::LARGEST => beyond.size(),
            (None, Ok(beyond)) => self.engine.engine.usable_size(beyond).1,
            (None, Err(_)) => layout.size(),
        };
        (layout.size(), usable)
    }

    fn used_by_each(&self, layout: Layout) -> Option<usize> {
        self.engine.engine.used_by_each(Self::block_layout(layout).ok()?)
    }

    unsafe fn used_by(&self, ptr: NonNull<u8>, layout: Layout) -> usize {
        let Ok(layout) = Self::block_layout(layout) else { return layout.size() };
        // SAFETY: passed on from the caller; to the engine, the block fits this layout.
        unsafe { self.engine.engine.used_by(ptr, layout) }
    }

    fn alloc_batch<'o>(&mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]) -> &'o mut [NonNull<u8>] {
        self.take_batch(layout, out)
    }

    unsafe fn dealloc_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.give_batch(blocks, layout) };
    }

    /// Gives back what the lists have, and has the engine trim what it has.
    fn trim(&mut self) -> usize {
        self.reclaim(usize::MAX);
        self.engine.engine.trim()
    }

    /// A region of the engine's in which nothing is live, kept blocks not counted.
    fn release_region(&mut self) -> Option<Region> {
        if let Some(region) = self.engine.engine.release_region() {
            return Some(region);
        }
        if self.limits.all_empty() {
            return None;
        }
        self.reclaim(usize::MAX);
        self.engine.engine.release_region()
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        self.engine.engine.region_for(Self::block_layout(layout).ok()?)
    }
}

impl Default for QuickFit {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: fmt::Debug> fmt::Debug for QuickFit<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuickFit")
            .field("granted_bytes", &self.limits.granted())
            .field("engine", &self.engine.engine)
            .finish()
    }
}
