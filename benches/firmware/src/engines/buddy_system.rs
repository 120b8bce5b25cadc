//! [`BuddySystem`].

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::heap::Heap;

/// `buddy_system_allocator`, with orders for blocks of up to 64 KiB.
pub struct BuddySystem(buddy_system_allocator::Heap<17>);

// SAFETY: the package keeps blocks apart and inside of the pool.
unsafe impl Heap for BuddySystem {
    const NAME: &'static str = "buddy-system";
    const EMPTY: Self = Self(buddy_system_allocator::Heap::new());

    unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
        // SAFETY: the pool is the heap's alone.
        unsafe { self.0.init(pool.cast::<u8>().as_ptr().expose_provenance(), pool.len()) };
        true
    }

    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.alloc(layout).ok()
    }

    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.0.dealloc(block, layout) }
    }
}
