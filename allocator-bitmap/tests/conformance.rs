//! The conformance suites over `BitmapPageAllocator` and `BitmapIdAllocator`.

use allocator_bitmap::{BitmapIdAllocator, BitmapPageAllocator};
use allocator_conformance::PageOptions;

/// An empty allocator in zeroed memory of its own, which is never given back: at the larger capacities it is too large
/// for a stack.
fn zeroed<const PAGE_SIZE: usize>() -> &'static mut BitmapPageAllocator<PAGE_SIZE> {
    // SAFETY: all bytes zero is an empty allocator, as its documentation says.
    Box::leak(unsafe { Box::<BitmapPageAllocator<PAGE_SIZE>>::new_zeroed().assume_init() })
}

fn options() -> PageOptions {
    PageOptions { memory_untouched: true, ..PageOptions::default() }
}

allocator_conformance::page_conformance!(pages_of_4k, zeroed::<4096>(), options());
allocator_conformance::page_conformance!(pages_of_64k, zeroed::<65536>(), options());
allocator_conformance::id_conformance!(ids, BitmapIdAllocator::new());
