//! The conformance suite over `BuddyByteAllocator`.

use allocator_buddy::{BuddyByteAllocator, BuddyPageAllocator};
use allocator_core::conformance::{ByteOptions, PageOptions, Runs};

/// A region larger than the largest block starts out as many of them.
fn at_most(largest_block: usize) -> ByteOptions {
    ByteOptions { largest_block, ..ByteOptions::default() }
}

allocator_core::byte_conformance!(default_order, BuddyByteAllocator::new());
allocator_core::byte_conformance!(few_orders, BuddyByteAllocator::<17>::with_order(), at_most(1 << 16));

/// Metadata for `num_pages` pages, dirty, and never given back.
fn words(num_pages: usize) -> &'static mut [u64] {
    vec![0xdead_beef_dead_beef; BuddyPageAllocator::<4096>::metadata_words(num_pages)].leak()
}

fn window_options() -> PageOptions {
    PageOptions { runs: Runs::PowerOfTwo, memory_untouched: true, covers_below_first: false, ..PageOptions::default() }
}

allocator_core::page_conformance!(pages_of_4k, BuddyPageAllocator::<4096>::with_metadata(words(512)), window_options());
