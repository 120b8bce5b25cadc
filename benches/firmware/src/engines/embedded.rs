//! The heaps of `embedded-alloc`.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;

use crate::heap::Heap;

/// A heap of `embedded-alloc`, which is for a global allocator: each call is a critical section.
macro_rules! embedded {
    ($(#[$doc:meta])* $feature:literal $name:ident $heap:ident) => {
        $(#[$doc])*
        #[cfg(feature = $feature)]
        pub struct $name(embedded_alloc::$heap);

        #[cfg(feature = $feature)]
        // SAFETY: the package keeps blocks apart and inside of the pool.
        unsafe impl Heap for $name {
            const NAME: &'static str = $feature;
            const EMPTY: Self = Self(embedded_alloc::$heap::empty());

            unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
                // SAFETY: the pool is the heap's alone.
                unsafe { self.0.init(pool.cast::<u8>().as_ptr().expose_provenance(), pool.len()) };
                true
            }

            fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
                // SAFETY: the size is not 0.
                NonNull::new(unsafe { GlobalAlloc::alloc(&self.0, layout) })
            }

            unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
                // SAFETY: passed on from the caller.
                unsafe { GlobalAlloc::dealloc(&self.0, block.as_ptr(), layout) }
            }
        }
    };
}

embedded! {
    /// The list of holes of `embedded-alloc`: `linked_list_allocator` in a critical section.
    "embedded-llff" EmbeddedLlff LlffHeap
}
embedded! {
    /// The TLSF heap of `embedded-alloc`: `rlsf` with all levels in a critical section.
    "embedded-tlsf" EmbeddedTlsf TlsfHeap
}

/// One thread without interrupts: all of it is a critical section.
mod one_thread {
    struct OneThread;

    critical_section::set_impl!(OneThread);

    // SAFETY: the programs of this package have one thread that uses a heap, and no interrupts.
    unsafe impl critical_section::Impl for OneThread {
        unsafe fn acquire() -> critical_section::RawRestoreState {}

        unsafe fn release((): critical_section::RawRestoreState) {}
    }
}
