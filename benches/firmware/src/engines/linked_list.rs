//! [`LinkedList`].

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::heap::Heap;

/// `linked_list_allocator`.
pub struct LinkedList(linked_list_allocator::Heap);

// SAFETY: the package keeps blocks apart and inside of the pool.
unsafe impl Heap for LinkedList {
    const NAME: &'static str = "linked-list";
    const EMPTY: Self = Self(linked_list_allocator::Heap::empty());

    unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
        // SAFETY: the pool is the heap's alone; it is used for no longer than the heap lives.
        unsafe { self.0.init(pool.cast().as_ptr(), pool.len()) };
        true
    }

    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.allocate_first_fit(layout).ok()
    }

    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.0.deallocate(block, layout) }
    }
}
