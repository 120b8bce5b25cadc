//! An engine with none of the provided methods of its own, as many a crate will have it.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_core::{AllocResult, BaseAllocator, ByteAllocator, PageAllocator};

/// Does what the engine in it does, by the methods that a trait requires alone.
pub(crate) struct Plain<A>(pub(crate) A);

impl<A: BaseAllocator> BaseAllocator for Plain<A> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.add_memory(start, size) }
    }
}

// SAFETY: every method is that of the engine, or made of those.
unsafe impl<A: ByteAllocator> ByteAllocator for Plain<A> {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.0.alloc(layout)
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.0.dealloc(ptr, layout) }
    }

    fn total_bytes(&self) -> usize {
        self.0.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.0.used_bytes()
    }

    fn available_bytes(&self) -> usize {
        self.0.available_bytes()
    }
}

// SAFETY: every method is that of the engine, or made of those.
unsafe impl<A: PageAllocator> PageAllocator for Plain<A> {
    const PAGE_SIZE: usize = A::PAGE_SIZE;

    fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        self.0.alloc_pages(num_pages, align_pow2)
    }

    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        self.0.alloc_pages_at(base, num_pages, align_pow2)
    }

    fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        self.0.dealloc_pages(pos, num_pages)
    }

    fn total_pages(&self) -> usize {
        self.0.total_pages()
    }

    fn used_pages(&self) -> usize {
        self.0.used_pages()
    }

    fn available_pages(&self) -> usize {
        self.0.available_pages()
    }
}
