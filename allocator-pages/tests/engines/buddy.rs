//! The conformance suite over `BuddyPageAllocator`, and random programs at sizes where its tree has levels.

use allocator_conformance::{PageOptions, Runs};
use allocator_pages::BuddyPageAllocator;

/// Metadata for `num_pages` pages, dirty, and never given back.
fn words(num_pages: usize) -> &'static mut [u64] {
    vec![0xdead_beef_dead_beef; BuddyPageAllocator::<4096>::metadata_words(num_pages)].leak()
}

fn window_options() -> PageOptions {
    PageOptions { runs: Runs::PowerOfTwo, memory_untouched: true, covers_below_first: false, ..PageOptions::default() }
}

allocator_conformance::page_conformance!(
    pages_of_4k,
    BuddyPageAllocator::<4096>::with_metadata(words(512)),
    window_options()
);

native_page_conformance!(buddy, BuddyPageAllocator, NativeRun::Block);
