//! [`Rlsf`].

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::heap::Heap;

/// `rlsf`, with the parameters that this family's TLSF engine has here, and the smallest bitmaps for them.
pub struct Rlsf(rlsf::Tlsf<'static, u16, u8, 12, 4>);

// SAFETY: `rlsf` keeps blocks apart and inside of the pool.
unsafe impl Heap for Rlsf {
    const NAME: &'static str = "rlsf";
    const EMPTY: Self = Self(rlsf::Tlsf::new());

    unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
        // SAFETY: the pool is the heap's alone.
        unsafe { self.0.insert_free_block_ptr(pool) }.is_some()
    }

    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.allocate(layout)
    }

    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.0.deallocate(block, layout.align()) }
    }

    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).ok()?;
        // SAFETY: passed on from the caller.
        unsafe { self.0.reallocate(block, new_layout) }
    }
}
