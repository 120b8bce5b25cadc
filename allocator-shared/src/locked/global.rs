//! [`GlobalAlloc`] for [`Locked`].

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use allocator_core::{AllocResult, ByteAllocator};
use lock_api::RawMutex;

use crate::locked::Locked;

// SAFETY: the methods are those of the reference, whose promises are those of the engine, behind a lock that lets one call in
// at a time. No call unwinds: the engine's methods do not, and where the lock does, the program ends.
unsafe impl<A: ByteAllocator, R: RawMutex> GlobalAlloc for Locked<A, R> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        or_null(ByteAllocator::alloc(&mut &*self, layout))
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else { return };
        // SAFETY: passed on from the caller.
        unsafe { ByteAllocator::dealloc(&mut &*self, block, layout) };
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        or_null(ByteAllocator::alloc_zeroed(&mut &*self, layout))
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(block) = NonNull::new(block) else { return ptr::null_mut() };
        // SAFETY: passed on from the caller.
        or_null(unsafe { ByteAllocator::realloc(&mut &*self, block, layout, new_size) })
    }
}

/// The pointer of a block, or null.
#[inline]
fn or_null(block: AllocResult<NonNull<u8>>) -> *mut u8 {
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}
