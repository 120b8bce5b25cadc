//! The conformance suite over `RadixPageAllocator`, and random programs at sizes where its tree has levels.

use allocator_conformance::PageOptions;
use allocator_core::{BaseAllocator, PageAllocator};
use allocator_pages::RadixPageAllocator;

/// Metadata for `num_pages` pages, dirty, and never given back.
fn words<const PAGE_SIZE: usize>(num_pages: usize) -> &'static mut [u64] {
    vec![0xdead_beef_dead_beef; RadixPageAllocator::<PAGE_SIZE>::metadata_words(num_pages)].leak()
}

fn window_options() -> PageOptions {
    PageOptions { memory_untouched: true, covers_below_first: false, ..PageOptions::default() }
}

allocator_conformance::page_conformance!(
    radix_4k,
    RadixPageAllocator::<4096>::with_metadata(words::<4096>(512)),
    window_options()
);
allocator_conformance::page_conformance!(
    radix_64k,
    RadixPageAllocator::<65536>::with_metadata(words::<65536>(2048)),
    window_options()
);
native_page_conformance!(radix, RadixPageAllocator, NativeRun::FirstFit);

#[test]
fn a_run_freed_last_is_taken_again_only_where_none_is_lower() {
    const PAGE: usize = 4096;
    const PAGES: usize = if cfg!(miri) { 1024 } else { 4096 };
    let mut words = vec![0; RadixPageAllocator::<PAGE>::metadata_words(PAGES)];
    let mut frames = RadixPageAllocator::<PAGE>::with_metadata(&mut words);
    // SAFETY: page frames are numbers here.
    unsafe { frames.init(0, PAGES * PAGE).unwrap() };
    let alloc = |frames: &mut RadixPageAllocator<'_, PAGE>, num_pages: usize, align: usize| {
        let page = frames.alloc_pages(num_pages, align * PAGE).unwrap() / PAGE;
        frames.validate().unwrap();
        page
    };
    let free = |frames: &mut RadixPageAllocator<'_, PAGE>, page: usize, num_pages: usize| {
        frames.dealloc_pages(page * PAGE, num_pages).unwrap();
        frames.validate().unwrap();
    };
    // A cached block lies below.
    assert_eq!((alloc(&mut frames, 512, 512), alloc(&mut frames, 2, 1), alloc(&mut frames, 2, 1)), (0, 512, 514));
    free(&mut frames, 0, 512);
    free(&mut frames, 514, 2);
    assert_eq!(alloc(&mut frames, 2, 1), 0);
    free(&mut frames, 512, 2);
    // Pages below became free, and were flushed into the tree meanwhile.
    assert_eq!((alloc(&mut frames, 3, 1), alloc(&mut frames, 2, 1)), (2, 5));
    (2..4).for_each(|page| free(&mut frames, page, 1));
    assert_eq!(alloc(&mut frames, 512, 512), 512);
    free(&mut frames, 5, 2);
    assert_eq!(alloc(&mut frames, 2, 1), 2);
    // One page below and the cached run make a lower run together.
    assert_eq!((alloc(&mut frames, 2, 1), alloc(&mut frames, 2, 1)), (5, 7));
    free(&mut frames, 4, 1);
    assert_eq!(alloc(&mut frames, 2, 1), 9);
    free(&mut frames, 5, 2);
    assert_eq!(alloc(&mut frames, 2, 1), 4);
    // Two cached single pages lie below.
    (0..2).for_each(|page| free(&mut frames, page, 1));
    free(&mut frames, 4, 2);
    assert_eq!(alloc(&mut frames, 2, 1), 0);
}

#[test]
fn a_run_freed_last_was_taken_again_though_lower_memory_had_come() {
    const PAGE: usize = 4096;
    for num_pages in [2, 512] {
        let mut words = vec![0; RadixPageAllocator::<PAGE>::metadata_words(4096)];
        let mut frames = RadixPageAllocator::<PAGE>::with_window(&mut words, 0);
        let align = if num_pages == 512 { 512 * PAGE } else { PAGE };
        // SAFETY: page frames are numbers here.
        unsafe { frames.add_memory(2048 * PAGE, 2048 * PAGE).unwrap() };
        let high = frames.alloc_pages(num_pages, align).unwrap();
        // SAFETY: as above.
        unsafe { frames.add_memory(0, 1024 * PAGE).unwrap() };
        frames.dealloc_pages(high, num_pages).unwrap();
        assert_eq!((high, frames.alloc_pages(num_pages, align)), (2048 * PAGE, Ok(0)), "{num_pages} pages");
        frames.validate().unwrap();
    }
}

#[test]
fn metadata_for_absurdly_many_pages_ended_in_a_panic() {
    for pages in [usize::MAX, usize::MAX / 2 + 3, usize::MAX - 511] {
        assert!(RadixPageAllocator::<4096>::metadata_words(pages) > pages / 512);
        assert!(allocator_pages::BuddyPageAllocator::<64>::metadata_words(pages) > pages / 512);
    }
}
