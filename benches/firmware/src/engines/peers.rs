//! Heaps of others, each called as its documents say.

#[cfg(any(feature = "talc", feature = "embedded-llff", feature = "embedded-tlsf"))]
use core::alloc::GlobalAlloc;
#[cfg_attr(not(feature = "all"), expect(unused_imports, reason = "there may be no peer"))]
use core::{alloc::Layout, ptr::NonNull};

#[cfg_attr(not(feature = "all"), expect(unused_imports, reason = "there may be no peer"))]
use crate::heap::Heap;

/// `linked_list_allocator`.
#[cfg(feature = "linked-list")]
pub struct LinkedList(linked_list_allocator::Heap);

#[cfg(feature = "linked-list")]
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

/// `talc`, as the cell for one thread that it offers, without a source of further memory. Its lists of free blocks are in the
/// pool, not in its state.
#[cfg(feature = "talc")]
pub struct Talc(talc::TalcCell<talc::source::Manual>);

#[cfg(feature = "talc")]
// SAFETY: `talc` keeps blocks apart and inside of the pool.
unsafe impl Heap for Talc {
    const NAME: &'static str = "talc";
    #[expect(clippy::declare_interior_mutable_const, reason = "each use is a heap of its own")]
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
#[cfg(all(feature = "talc", target_os = "none"))]
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

/// `rlsf`, with the parameters that this family's TLSF engine has here, and the smallest bitmaps for them.
#[cfg(feature = "rlsf")]
pub struct Rlsf(rlsf::Tlsf<'static, u16, u8, 12, 4>);

#[cfg(feature = "rlsf")]
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

/// A heap of `embedded-alloc`, which is for a global allocator: each call is a critical section.
#[cfg(any(feature = "embedded-llff", feature = "embedded-tlsf"))]
macro_rules! embedded {
    ($(#[$doc:meta])* $feature:literal $name:ident $heap:ident) => {
        $(#[$doc])*
        #[cfg(feature = $feature)]
        pub struct $name(embedded_alloc::$heap);

        #[cfg(feature = $feature)]
        // SAFETY: the package keeps blocks apart and inside of the pool.
        unsafe impl Heap for $name {
            const NAME: &'static str = $feature;
            #[expect(clippy::declare_interior_mutable_const, reason = "each use is a heap of its own")]
            const EMPTY: Self = Self(embedded_alloc::$heap::empty());

            unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
                // SAFETY: the pool is the heap's alone.
                unsafe { self.0.init(super::start_of(pool), pool.len()) };
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

#[cfg(any(feature = "embedded-llff", feature = "embedded-tlsf"))]
embedded! {
    /// The list of holes of `embedded-alloc`: `linked_list_allocator` in a critical section.
    "embedded-llff" EmbeddedLlff LlffHeap
}
#[cfg(any(feature = "embedded-llff", feature = "embedded-tlsf"))]
embedded! {
    /// The TLSF heap of `embedded-alloc`: `rlsf` with all levels in a critical section.
    "embedded-tlsf" EmbeddedTlsf TlsfHeap
}

/// One thread without interrupts: all of it is a critical section.
#[cfg(any(feature = "embedded-llff", feature = "embedded-tlsf"))]
mod one_thread {
    struct OneThread;

    critical_section::set_impl!(OneThread);

    // SAFETY: the programs of this package have one thread that uses a heap, and no interrupts.
    unsafe impl critical_section::Impl for OneThread {
        unsafe fn acquire() -> critical_section::RawRestoreState {}

        unsafe fn release((): critical_section::RawRestoreState) {}
    }
}

/// `buddy_system_allocator`, with orders for blocks of up to 64 KiB.
#[cfg(feature = "buddy-system")]
pub struct BuddySystem(buddy_system_allocator::Heap<17>);

#[cfg(feature = "buddy-system")]
// SAFETY: the package keeps blocks apart and inside of the pool.
unsafe impl Heap for BuddySystem {
    const NAME: &'static str = "buddy-system";
    const EMPTY: Self = Self(buddy_system_allocator::Heap::new());

    unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
        // SAFETY: the pool is the heap's alone.
        unsafe { self.0.init(super::start_of(pool), pool.len()) };
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
