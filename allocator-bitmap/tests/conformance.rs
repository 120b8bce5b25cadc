//! The conformance suites over `BitmapPageAllocator` and `BitmapIdAllocator`.

use allocator_bitmap::{BitmapIdAllocator, BitmapPageAllocator, RadixPageAllocator};
use allocator_core::conformance::PageOptions;

/// An empty allocator in zeroed memory of its own, which is never given back: at the larger capacities it is too large
/// for a stack.
fn zeroed<const PAGE_SIZE: usize>() -> &'static mut BitmapPageAllocator<PAGE_SIZE> {
    // SAFETY: all bytes zero is an empty allocator, as its documentation says.
    Box::leak(unsafe { Box::<BitmapPageAllocator<PAGE_SIZE>>::new_zeroed().assume_init() })
}

fn options() -> PageOptions {
    PageOptions { memory_untouched: true, ..PageOptions::default() }
}

allocator_core::page_conformance!(pages_of_4k, zeroed::<4096>(), options());
allocator_core::page_conformance!(pages_of_64k, zeroed::<65536>(), options());
allocator_core::id_conformance!(ids, BitmapIdAllocator::new());

/// Metadata for `num_pages` pages, dirty, and never given back.
fn words<const PAGE_SIZE: usize>(num_pages: usize) -> &'static mut [u64] {
    vec![0xdead_beef_dead_beef; RadixPageAllocator::<PAGE_SIZE>::metadata_words(num_pages)].leak()
}

fn window_options() -> PageOptions {
    PageOptions { covers_below_first: false, ..options() }
}

allocator_core::page_conformance!(
    radix_4k,
    RadixPageAllocator::<4096>::with_metadata(words::<4096>(512)),
    window_options()
);
allocator_core::page_conformance!(
    radix_64k,
    RadixPageAllocator::<65536>::with_metadata(words::<65536>(2048)),
    window_options()
);
