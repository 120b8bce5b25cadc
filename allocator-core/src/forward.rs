//! The traits for `&mut A`: code that takes an allocator by value can be lent one.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ops::RangeInclusive;
use core::ptr::NonNull;

use crate::address::Region;
use crate::error::AllocResult;
use crate::traits::{BaseAllocator, ByteAllocator, IdAllocator, PageAllocator};

impl<A: BaseAllocator + ?Sized> BaseAllocator for &mut A {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { (**self).init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { (**self).add_memory(start, size) }
    }
}

// SAFETY: every method is that of the allocator behind the reference, whose promises these are.
unsafe impl<A: ByteAllocator + ?Sized> ByteAllocator for &mut A {
    #[inline]
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        (**self).alloc(layout)
    }

    #[inline]
    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { (**self).dealloc(ptr, layout) }
    }

    fn total_bytes(&self) -> usize {
        (**self).total_bytes()
    }

    fn used_bytes(&self) -> usize {
        (**self).used_bytes()
    }

    fn available_bytes(&self) -> usize {
        (**self).available_bytes()
    }

    #[inline]
    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        (**self).alloc_zeroed(layout)
    }

    #[inline]
    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        unsafe { (**self).realloc(ptr, layout, new_size) }
    }

    #[inline]
    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        unsafe { (**self).realloc_in_place(ptr, layout, new_size) }
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        (**self).usable_size(layout)
    }

    fn used_by_each(&self, layout: Layout) -> Option<usize> {
        (**self).used_by_each(layout)
    }

    unsafe fn used_by(&self, ptr: NonNull<u8>, layout: Layout) -> usize {
        // SAFETY: passed on from the caller.
        unsafe { (**self).used_by(ptr, layout) }
    }

    #[inline]
    fn alloc_batch<'o>(&mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]) -> &'o mut [NonNull<u8>] {
        (**self).alloc_batch(layout, out)
    }

    #[inline]
    unsafe fn dealloc_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { (**self).dealloc_batch(blocks, layout) }
    }

    fn trim(&mut self) -> usize {
        (**self).trim()
    }

    fn release_region(&mut self) -> Option<Region> {
        (**self).release_region()
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        (**self).region_for(layout)
    }
}

// SAFETY: every method is that of the allocator behind the reference, whose promises these are.
unsafe impl<A: PageAllocator + ?Sized> PageAllocator for &mut A {
    const PAGE_SIZE: usize = A::PAGE_SIZE;

    #[inline]
    fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        (**self).alloc_pages(num_pages, align_pow2)
    }

    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        (**self).alloc_pages_at(base, num_pages, align_pow2)
    }

    fn alloc_pages_in(
        &mut self,
        within: RangeInclusive<usize>,
        num_pages: usize,
        align_pow2: usize,
    ) -> AllocResult<usize> {
        (**self).alloc_pages_in(within, num_pages, align_pow2)
    }

    #[inline]
    fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        (**self).dealloc_pages(pos, num_pages)
    }

    fn total_pages(&self) -> usize {
        (**self).total_pages()
    }

    fn used_pages(&self) -> usize {
        (**self).used_pages()
    }

    fn available_pages(&self) -> usize {
        (**self).available_pages()
    }

    fn span(&self) -> RangeInclusive<usize> {
        (**self).span()
    }
}

impl<A: IdAllocator + ?Sized> IdAllocator for &mut A {
    fn alloc_id(&mut self, count: usize, align_pow2: usize) -> AllocResult<usize> {
        (**self).alloc_id(count, align_pow2)
    }

    fn dealloc_id(&mut self, start_id: usize, count: usize) -> AllocResult {
        (**self).dealloc_id(start_id, count)
    }

    fn is_allocated(&self, id: usize) -> bool {
        (**self).is_allocated(id)
    }

    fn alloc_fixed_id(&mut self, id: usize) -> AllocResult {
        (**self).alloc_fixed_id(id)
    }

    fn size(&self) -> usize {
        (**self).size()
    }

    fn used(&self) -> usize {
        (**self).used()
    }

    fn available(&self) -> usize {
        (**self).available()
    }
}
