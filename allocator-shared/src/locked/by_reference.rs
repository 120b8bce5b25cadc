//! The traits of the family for `&Locked`, so that a reference to a shared engine is an engine again.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ops::RangeInclusive;
use core::ptr::NonNull;

use allocator_core::traits::realloc_by_moving;
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, IdAllocator, PageAllocator};
use lock_api::RawMutex;

use crate::access::Access;
use crate::locked::Locked;

impl<A, R: RawMutex> Locked<A, R> {
    /// Calls `call`, which is one method of the engine's traits, under the lock.
    #[inline]
    fn locked<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        // SAFETY: all callers are in this file, and their `call` is one method of the traits of byte and page allocators, which
        // call nothing back and do not unwind. Where the lock unwinds, the program ends.
        unsafe { Access::with_mut(self, call) }
    }

    /// The same for ids, of which no memory depends: here a panic may unwind.
    fn locked_ids<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        // SAFETY: as above; a method that calls back waits for the lock.
        unsafe { self.with_mut(call) }
    }
}

/// A reference takes no memory: through it, safe code could hand over a pool that does not last as long as the engine
/// (`AllocatorRc::new(&HEAP, &mut pool)`). Memory comes in through the methods of [`Locked`].
impl<A: BaseAllocator, R: RawMutex> BaseAllocator for &Locked<A, R> {
    unsafe fn init(&mut self, _: usize, _: usize) -> AllocResult {
        Err(AllocError::InvalidParam)
    }

    unsafe fn add_memory(&mut self, _: usize, _: usize) -> AllocResult {
        Err(AllocError::InvalidParam)
    }
}

// SAFETY: every block is one of the engine's, and the promises are the engine's. The engine stays in its place for as long as
// the reference, and the lock lets one call in at a time. Nothing but the engine is called under the lock.
unsafe impl<A: ByteAllocator, R: RawMutex> ByteAllocator for &Locked<A, R> {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.locked(|engine| engine.alloc(layout))
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        self.locked(|engine| unsafe { engine.dealloc(ptr, layout) });
    }

    fn total_bytes(&self) -> usize {
        self.locked(|engine| engine.total_bytes())
    }

    fn used_bytes(&self) -> usize {
        self.locked(|engine| engine.used_bytes())
    }

    fn available_bytes(&self) -> usize {
        self.locked(|engine| engine.available_bytes())
    }

    // `alloc_zeroed`: the provided method zeroes the block while the lock is free.

    /// Tries three ways: the engine's `realloc_in_place`; a new block, a copy while the lock is free, and the old block back;
    /// and, where there is no new block, the engine's own `realloc` under the lock.
    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        let in_place = self.locked(|engine| unsafe { engine.realloc_in_place(ptr, layout, new_size) });
        // SAFETY: passed on from the caller; as the call before has failed, the block is as it was.
        let moved = in_place.or_else(|_| unsafe { realloc_by_moving(self, ptr, layout, new_size) });
        // SAFETY: as above.
        moved.or_else(|_| self.locked(|engine| unsafe { engine.realloc(ptr, layout, new_size) }))
    }

    #[inline]
    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        self.locked(|engine| unsafe { engine.realloc_in_place(ptr, layout, new_size) })
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        self.locked(|engine| engine.usable_size(layout))
    }

    fn used_by_each(&self, layout: Layout) -> Option<usize> {
        self.locked(|engine| engine.used_by_each(layout))
    }

    unsafe fn used_by(&self, ptr: NonNull<u8>, layout: Layout) -> usize {
        // SAFETY: passed on from the caller.
        self.locked(|engine| unsafe { engine.used_by(ptr, layout) })
    }

    fn alloc_batch<'o>(&mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]) -> &'o mut [NonNull<u8>] {
        self.locked(|engine| engine.alloc_batch(layout, out))
    }

    unsafe fn dealloc_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        // SAFETY: passed on from the caller.
        self.locked(|engine| unsafe { engine.dealloc_batch(blocks, layout) });
    }

    fn trim(&mut self) -> usize {
        self.locked(ByteAllocator::trim)
    }

    // `release_region`: the provided method, which gives no region back. The owner handed the region over through
    // `Locked::init` or `Locked::add_memory`, and asks for it through `Locked::with_mut`.

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        self.locked(|engine| engine.region_for(layout))
    }
}

// SAFETY: every page is one of the engine's, and the promises are the engine's. The engine stays in its place for as long as
// the reference, and the lock lets one call in at a time. Nothing but the engine is called under the lock.
unsafe impl<A: PageAllocator, R: RawMutex> PageAllocator for &Locked<A, R> {
    const PAGE_SIZE: usize = A::PAGE_SIZE;

    #[inline]
    fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        self.locked(|engine| engine.alloc_pages(num_pages, align_pow2))
    }

    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        self.locked(|engine| engine.alloc_pages_at(base, num_pages, align_pow2))
    }

    fn alloc_pages_in(
        &mut self,
        within: RangeInclusive<usize>,
        num_pages: usize,
        align_pow2: usize,
    ) -> AllocResult<usize> {
        self.locked(|engine| engine.alloc_pages_in(within, num_pages, align_pow2))
    }

    #[inline]
    fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        self.locked(|engine| engine.dealloc_pages(pos, num_pages))
    }

    fn total_pages(&self) -> usize {
        self.locked(|engine| engine.total_pages())
    }

    fn used_pages(&self) -> usize {
        self.locked(|engine| engine.used_pages())
    }

    fn available_pages(&self) -> usize {
        self.locked(|engine| engine.available_pages())
    }

    fn span(&self) -> RangeInclusive<usize> {
        self.locked(|engine| engine.span())
    }
}

impl<A: IdAllocator, R: RawMutex> IdAllocator for &Locked<A, R> {
    fn alloc_id(&mut self, count: usize, align_pow2: usize) -> AllocResult<usize> {
        self.locked_ids(|engine| engine.alloc_id(count, align_pow2))
    }

    fn dealloc_id(&mut self, start_id: usize, count: usize) -> AllocResult {
        self.locked_ids(|engine| engine.dealloc_id(start_id, count))
    }

    fn is_allocated(&self, id: usize) -> bool {
        self.locked_ids(|engine| engine.is_allocated(id))
    }

    fn alloc_fixed_id(&mut self, id: usize) -> AllocResult {
        self.locked_ids(|engine| engine.alloc_fixed_id(id))
    }

    fn size(&self) -> usize {
        self.locked_ids(|engine| engine.size())
    }

    fn used(&self) -> usize {
        self.locked_ids(|engine| engine.used())
    }

    fn available(&self) -> usize {
        self.locked_ids(|engine| engine.available())
    }
}
