//! The conformance suites over `BitmapPageAllocator` and `BitmapIdAllocator`.

use std::alloc::{Layout, alloc_zeroed};
use std::ptr::NonNull;

use allocator_bitmap::{BitmapIdAllocator, BitmapPageAllocator};
use allocator_conformance::PageOptions;

/// An empty allocator in zeroed memory of its own, which is never given back: at the larger capacities it is too large
/// for a stack.
fn zeroed<const PAGE_SIZE: usize>() -> &'static mut BitmapPageAllocator<PAGE_SIZE> {
    // SAFETY: the size is not 0.
    let memory = NonNull::new(unsafe { alloc_zeroed(Layout::new::<BitmapPageAllocator<PAGE_SIZE>>()) }).unwrap();
    // SAFETY: nothing else refers to the memory, and all bytes zero is an empty allocator, as its documentation says.
    unsafe { memory.cast().as_mut() }
}

fn options() -> PageOptions {
    PageOptions { memory_untouched: true, ..PageOptions::default() }
}

allocator_conformance::page_conformance!(pages_of_4k, zeroed::<4096>(), options());
allocator_conformance::page_conformance!(pages_of_64k, zeroed::<65536>(), options());
allocator_conformance::id_conformance!(ids, BitmapIdAllocator::new());
