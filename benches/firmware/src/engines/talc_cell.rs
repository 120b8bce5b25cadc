//! [`Talc`].

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;

use crate::heap::Heap;

/// `talc`, as the cell for one thread that it offers, without a source of further memory. Its lists of free blocks are in the
/// pool, not in its state.
pub struct Talc(talc::TalcCell<talc::source::Manual>);

// SAFETY: `talc` keeps blocks apart and inside of the pool.
unsafe impl Heap for Talc {
    const NAME: &'static str = "talc";
    const EMPTY: Self = Self(talc::TalcCell::new(talc::source::Manual));

    unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
        // SAFETY: the pool is the heap's alone.
        unsafe { self.0.claim(pool.cast().as_ptr(), pool.len()) }.is_some()
    }

    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { self.0.alloc(layout) })
    }

    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { GlobalAlloc::dealloc(&self.0, block.as_ptr(), layout) }
    }

    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        NonNull::new(unsafe { GlobalAlloc::realloc(&self.0, block.as_ptr(), layout, new_size) })
    }
}

/// `talc` depends on the crate `alloc`, so a program needs a heap of its own, which nobody asks.
#[cfg(target_os = "none")]
mod no_global_heap {
    use core::alloc::{GlobalAlloc, Layout};

    struct None;

    #[global_allocator]
    static NONE: None = None;

    // SAFETY: there are no blocks.
    unsafe impl GlobalAlloc for None {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            core::ptr::null_mut()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }
}
