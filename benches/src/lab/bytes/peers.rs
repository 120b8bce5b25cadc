//! Byte heaps of others that live in a pool, each called as its documents say.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use super::ByteHeap;

/// `rlsf`, with the parameters that this family's TLSF engine has, too.
pub(super) struct Rlsf(rlsf::Tlsf<'static, u32, u32, 28, 32>);

// SAFETY: `rlsf` keeps blocks apart and inside of the pool.
unsafe impl ByteHeap for Rlsf {
    const NAME: &'static str = "rlsf";

    unsafe fn new(pool: NonNull<[u8]>) -> Option<Self> {
        let mut tlsf = rlsf::Tlsf::new();
        // SAFETY: the pool is the heap's alone.
        unsafe { tlsf.insert_free_block_ptr(pool) }?;
        Some(Self(tlsf))
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.allocate(layout)
    }

    #[inline]
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as promised.
        unsafe { self.0.deallocate(block, layout.align()) }
    }

    #[inline]
    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).ok()?;
        // SAFETY: as promised.
        unsafe { self.0.reallocate(block, new_layout) }
    }
}

/// `talc`, as the cell for one thread that it offers, without a source of further memory.
pub(super) struct Talc(talc::TalcCell<talc::source::Manual>);

// SAFETY: `talc` keeps blocks apart and inside of the pool.
unsafe impl ByteHeap for Talc {
    const NAME: &'static str = "talc";

    unsafe fn new(pool: NonNull<[u8]>) -> Option<Self> {
        let talc = talc::TalcCell::new(talc::source::Manual);
        // SAFETY: the pool is the heap's alone.
        unsafe { talc.claim(pool.cast().as_ptr(), pool.len()) }?;
        Some(Self(talc))
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { self.0.alloc(layout) })
    }

    #[inline]
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as promised.
        unsafe { GlobalAlloc::dealloc(&self.0, block.as_ptr(), layout) }
    }

    #[inline]
    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        // SAFETY: as promised.
        NonNull::new(unsafe { GlobalAlloc::realloc(&self.0, block.as_ptr(), layout, new_size) })
    }
}

/// `buddy_system_allocator`, with as many orders as this family's buddy engine has.
pub(super) struct BuddySystem(buddy_system_allocator::Heap<32>);

// SAFETY: the package keeps blocks apart and inside of the pool.
unsafe impl ByteHeap for BuddySystem {
    const NAME: &'static str = "buddy_system_allocator";

    unsafe fn new(pool: NonNull<[u8]>) -> Option<Self> {
        let mut heap = buddy_system_allocator::Heap::new();
        // SAFETY: the pool is the heap's alone.
        unsafe { heap.init(pool.addr().get(), pool.len()) };
        Some(Self(heap))
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.alloc(layout).ok()
    }

    #[inline]
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as promised.
        unsafe { self.0.dealloc(block, layout) }
    }
}

/// `linked_list_allocator`.
pub(super) struct LinkedList(linked_list_allocator::Heap);

// SAFETY: the package keeps blocks apart and inside of the pool.
unsafe impl ByteHeap for LinkedList {
    const NAME: &'static str = "linked_list_allocator";

    unsafe fn new(pool: NonNull<[u8]>) -> Option<Self> {
        // SAFETY: the pool is the heap's alone; it is used for no longer than the heap lives.
        Some(Self(unsafe { linked_list_allocator::Heap::new(pool.cast().as_ptr(), pool.len()) }))
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.allocate_first_fit(layout).ok()
    }

    #[inline]
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as promised.
        unsafe { self.0.deallocate(block, layout) }
    }
}

/// A byte allocator of `axallocator`.
pub(super) struct Ax<A>(A);

/// `axallocator`'s slab heap. It serves alignments above 4 KiB of blocks up to 4 KiB at any multiple of 4 KiB.
pub(super) type AxSlab = Ax<axallocator::SlabByteAllocator>;
/// `axallocator`'s skin over `rlsf`.
pub(super) type AxTlsf = Ax<axallocator::TlsfByteAllocator>;

/// A name for a byte allocator of `axallocator` that makes itself from nothing.
pub(super) trait AxEngine: axallocator::ByteAllocator {
    /// Its name on the command line.
    const NAME: &'static str;

    /// One without memory.
    fn empty() -> Self;
}

impl AxEngine for axallocator::SlabByteAllocator {
    const NAME: &'static str = "ax-slab";

    fn empty() -> Self {
        Self::new()
    }
}

impl AxEngine for axallocator::TlsfByteAllocator {
    const NAME: &'static str = "ax-tlsf";

    fn empty() -> Self {
        Self::new()
    }
}

// SAFETY: `axallocator` keeps blocks apart and inside of the pool.
unsafe impl<A: AxEngine> ByteHeap for Ax<A> {
    const NAME: &'static str = A::NAME;

    unsafe fn new(pool: NonNull<[u8]>) -> Option<Self> {
        // It asserts that a pool is a multiple of 32 KiB.
        if !pool.len().is_multiple_of(0x8000) {
            return None;
        }
        let mut engine = A::empty();
        engine.init(pool.addr().get(), pool.len());
        Some(Self(engine))
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.alloc(layout).ok()
    }

    #[inline]
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        self.0.dealloc(block, layout);
    }
}
