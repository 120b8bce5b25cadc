//! [`GlobalAlloc`] for [`Locked`].

use core::alloc::{GlobalAlloc, Layout};
use core::mem;
use core::ptr::{self, NonNull};

use allocator_core::{AllocResult, ByteAllocator};
use lock_api::RawMutex;

use crate::locked::Locked;

// SAFETY: the methods are those of the reference, whose promises are those of the engine, behind a lock that lets one call in
// at a time. No call unwinds: the engine's methods do not, and where the lock does, the program ends.
unsafe impl<A: ByteAllocator, R: RawMutex> GlobalAlloc for Locked<A, R> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        without_unwinding(|| or_null(ByteAllocator::alloc(&mut &*self, layout)))
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(block) = NonNull::new(block) else { return };
        // SAFETY: passed on from the caller.
        without_unwinding(|| unsafe { ByteAllocator::dealloc(&mut &*self, block, layout) });
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        without_unwinding(|| or_null(ByteAllocator::alloc_zeroed(&mut &*self, layout)))
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(block) = NonNull::new(block) else { return ptr::null_mut() };
        // SAFETY: passed on from the caller.
        without_unwinding(|| or_null(unsafe { ByteAllocator::realloc(&mut &*self, block, layout, new_size) }))
    }
}

/// The pointer of a block, or null.
#[inline]
fn or_null(block: AllocResult<NonNull<u8>>) -> *mut u8 {
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Calls `call`, and ends the program if it unwinds: a global allocator must not, and a lock that panics would.
#[inline]
fn without_unwinding<T>(call: impl FnOnce() -> T) -> T {
    struct AbortWhenDropped;

    impl Drop for AbortWhenDropped {
        #[cold]
        fn drop(&mut self) {
            // A panic while another one unwinds ends the program.
            panic!("the lock of a global allocator has panicked");
        }
    }

    let abort = AbortWhenDropped;
    let result = call();
    mem::forget(abort);
    result
}
