//! The tests of a native page engine: the random program of [`program`](crate::program), and one test for each thing that
//! once went wrong.

use allocator_core::{AllocResult, PageAllocator};
use allocator_pages::{BuddyPageAllocator, RadixPageAllocator, Run};

/// A page engine that can give memory back and look at itself.
pub(crate) trait NativePages: PageAllocator {
    /// As the engine's method.
    fn metadata_words(num_pages: usize) -> usize;

    /// As the engine's method.
    ///
    /// # Safety
    ///
    /// As there.
    unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult;

    /// The free runs, by address.
    fn free_runs(&self) -> Vec<Run>;

    /// The length of the longest of them in pages.
    fn largest_free_run(&self) -> usize;

    /// Recounts everything.
    fn validate(&self) -> Result<(), &'static str>;
}

macro_rules! native_pages {
    ($($engine:ident),+) => {$(
        impl<const PAGE_SIZE: usize> NativePages for $engine<'_, PAGE_SIZE> {
            fn metadata_words(num_pages: usize) -> usize {
                Self::metadata_words(num_pages)
            }

            unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult {
                // SAFETY: the same contract.
                unsafe { self.remove_memory(start, size) }
            }

            fn free_runs(&self) -> Vec<Run> {
                self.free_runs().collect()
            }

            fn largest_free_run(&self) -> usize {
                self.largest_free_run()
            }

            fn validate(&self) -> Result<(), &'static str> {
                self.validate()
            }
        }
    )+};
}

native_pages!(RadixPageAllocator, BuddyPageAllocator);

/// Memory of so many pages for an engine that keeps its metadata in regions, and the number of the first.
pub(crate) fn memory(num_pages: usize, page_size: usize) -> (Vec<u64>, usize) {
    let mut memory = vec![0xdead_beef_dead_beef_u64; (num_pages + 1) * page_size / 8];
    let first = memory.as_mut_ptr().expose_provenance().div_ceil(page_size);
    (memory, first)
}

/// The tests of a native page engine, in a module of the given name: `$engine<'m, PAGE_SIZE>` is the engine, and the
/// [`NativeRun`](crate::program::NativeRun) says which run of several pages it must take.
macro_rules! native_page_conformance {
    ($name:ident, $engine:ident, $run:expr) => {
        #[cfg(test)]
        mod $name {
            use super::$engine;
            use allocator_core::{AllocError, BaseAllocator, PageAllocator};
            use $crate::native::memory;
            use $crate::program::{Metadata, NativeOptions, NativeRun, native_program};

            const PAGE: usize = 4096;

            /// The words that suffice for one more range of managed pages.
            const RANGE_WORDS: usize = 3;

            type Frames<'m> = $engine<'m, PAGE>;

            /// Adds pages, which are numbers, or memory of the test.
            fn add(frames: &mut Frames<'_>, first: usize, num_pages: usize) -> Result<(), AllocError> {
                // SAFETY: page frames are numbers here, or memory that outlives the engine.
                let answer = unsafe { frames.add_memory(first * PAGE, num_pages * PAGE) };
                frames.validate().unwrap();
                answer
            }

            /// Removes pages.
            fn remove(frames: &mut Frames<'_>, first: usize, num_pages: usize) -> Result<(), AllocError> {
                // SAFETY: nobody uses the pages.
                let answer = unsafe { frames.remove_memory(first * PAGE, num_pages * PAGE) };
                frames.validate().unwrap();
                answer
            }

            /// The page that the engine allocates within the pages `from..to`.
            fn alloc_in(
                frames: &mut Frames<'_>,
                from: usize,
                to: usize,
                num_pages: usize,
                align: usize,
            ) -> Result<usize, AllocError> {
                let answer = frames.alloc_pages_in(from * PAGE..=to * PAGE - 1, num_pages, align * PAGE);
                frames.validate().unwrap();
                answer.map(|address| address / PAGE)
            }

            fn options(first: usize, pages: usize, metadata: Metadata) -> NativeOptions {
                let steps = allocator_conformance::steps(if cfg!(miri) { 10 } else { 500 });
                NativeOptions { pages: first..first + pages, metadata, run: $run, steps }
            }

            /// Aligned to every node of the trees; the pages below lie in the other half of the highest one.
            const HIGH: usize = usize::MAX / PAGE / 8 + 1;

            /// Far above the windows.
            const FAR: usize = if usize::BITS > 32 { 1 << 30 } else { 1 << 18 };

            #[test]
            fn windows_of_all_sizes_wherever_they_start() {
                let windows: &[(usize, usize)] = if cfg!(miri) {
                    &[(HIGH - 515, 530)]
                } else {
                    &[(0, 5000), (511, 1200), (8 * 512 - 1, 9000), (HIGH - 515, 3000), (HIGH, 12_000), (77, 20_000)]
                };
                for &(first, pages) in windows {
                    let mut words = vec![0xdead_beef_dead_beef; Frames::metadata_words(pages)];
                    let options = options(first, pages, Metadata::FromFirstRegion);
                    native_program(Frames::with_metadata(&mut words), &options).unwrap();
                }
            }

            #[test]
            fn windows_with_a_base_take_a_map_in_any_order() {
                let windows: &[(usize, usize)] =
                    if cfg!(miri) { &[(511, 600)] } else { &[(0, 3000), (511, 6000), (HIGH - 515, 3000)] };
                for &(first, pages) in windows {
                    let mut words = vec![0xdead_beef_dead_beef; Frames::metadata_words(pages)];
                    let options = options(first, pages, Metadata::FromBase);
                    native_program(Frames::with_window(&mut words, first * PAGE), &options).unwrap();
                }
            }

            #[test]
            fn metadata_in_the_regions() {
                let pages = if cfg!(miri) { 80 } else { 6000 };
                let (_memory, first) = memory(pages, PAGE);
                native_program(Frames::new(), &options(first, pages, Metadata::InRegions)).unwrap();
            }

            #[test]
            fn words_for_so_many_pages_suffice_wherever_they_lie_and_fewer_do_not() {
                let step = if cfg!(miri) { 3 } else { 1 };
                for pages in [1, 513, 5000, 63, 512, 1 << 16].into_iter().step_by(step) {
                    let needed = Frames::metadata_words(pages);
                    for first in
                        [0, 1, 511, 513, 4095, 8 * 512 - 1, 64 * 512 - 1, (1 << 19) - 1].into_iter().step_by(step)
                    {
                        let mut words = vec![u64::MAX; needed];
                        let mut frames = Frames::with_metadata(&mut words);
                        // SAFETY: page frames are numbers here.
                        unsafe { frames.init(first * PAGE, pages * PAGE).unwrap() };
                        assert_eq!((frames.total_pages(), frames.largest_free_run()), (pages, pages));
                        frames.validate().unwrap();
                    }
                    let mut words = vec![u64::MAX; Frames::metadata_words(pages) / 2];
                    let mut frames = Frames::with_metadata(&mut words);
                    // SAFETY: as above.
                    let refused = unsafe { frames.init(511 * PAGE, 2 * pages * PAGE) };
                    assert_eq!(refused, Err(AllocError::InvalidParam), "{pages}");
                    assert_eq!((frames.total_pages(), frames.alloc_pages(1, PAGE)), (0, Err(AllocError::NoMemory)));
                }
            }

            #[test]
            #[cfg_attr(miri, ignore = "recounts hundreds of pages after each step")]
            fn words_beyond_the_window_hold_ranges_beyond_64() {
                const PAGES: usize = 2000;
                for more in [0, 1, 50, 700] {
                    let mut words = vec![u64::MAX; Frames::metadata_words(PAGES) + more * RANGE_WORDS];
                    let mut frames = Frames::with_window(&mut words, 0);
                    // The end of the window is reached, so that none of its words are to be had for ranges.
                    assert_eq!(add(&mut frames, PAGES - 1, 1), Ok(()));
                    let mut count = 1;
                    let refused = (0..).map(|index| 2 * index).find(|&page| {
                        let answer = add(&mut frames, page, 1);
                        assert!(answer == Ok(()) || answer == Err(AllocError::NoMemory), "page {page}: {answer:?}");
                        count += usize::from(answer.is_ok());
                        answer.is_err()
                    });
                    let refused = refused.unwrap();
                    assert!((64 + more..=64 + 4 * more + 50).contains(&count), "{count} ranges, {more} more than 64");
                    assert_eq!((frames.total_pages(), add(&mut frames, 1, 1)), (count, Ok(())), "joins two");
                    assert_eq!(add(&mut frames, refused, 1), Ok(()));
                    assert_eq!(add(&mut frames, refused + 2, 1), Err(AllocError::NoMemory));
                    assert_eq!(remove(&mut frames, 1, 1), Err(AllocError::NoMemory), "would part two");
                    assert_eq!(remove(&mut frames, refused, 1), Ok(()));
                    assert_eq!(remove(&mut frames, 1, 1), Ok(()));
                }
            }

            #[test]
            #[cfg_attr(miri, ignore = "recounts hundreds of pages after each step")]
            fn ranges_take_the_words_of_pages_that_no_region_has_reached_and_give_them_back() {
                let mut words = vec![u64::MAX; Frames::metadata_words(100_000)];
                let mut frames = Frames::with_window(&mut words, 0);
                for index in 0..500 {
                    assert_eq!(add(&mut frames, 2 * index, 1), Ok(()), "range {index}");
                }
                assert_eq!(add(&mut frames, 99_999, 1), Err(AllocError::NoMemory), "its bits are ranges");
                assert_eq!(add(&mut frames, 200_000, 1), Err(AllocError::InvalidParam), "outside of the window");
                assert_eq!((frames.total_pages(), frames.span()), (500, 0..=999 * PAGE - 1));
                for index in 0..450 {
                    assert_eq!(add(&mut frames, 2 * index + 1, 1), Ok(()));
                }
                assert_eq!(add(&mut frames, 99_000, 1000), Ok(()));
                assert_eq!((frames.total_pages(), frames.largest_free_run()), (1950, 1000));
            }

            #[test]
            fn what_was_all_taken_out_can_be_given_anew() {
                let mut words = vec![0; Frames::metadata_words(1000)];
                let mut frames = Frames::with_metadata(&mut words);
                for first in [100_000, 5, 511] {
                    // SAFETY: page frames are numbers here.
                    unsafe {
                        frames.init(first * PAGE, 1000 * PAGE).unwrap();
                        assert_eq!(frames.init(0, PAGE), Err(AllocError::InvalidParam));
                        let page = frames.alloc_pages(1, PAGE).unwrap();
                        assert_eq!(frames.remove_memory(first * PAGE, 1000 * PAGE), Err(AllocError::NoMemory));
                        frames.dealloc_pages(page, 1).unwrap();
                        assert_eq!(frames.remove_memory(first * PAGE + 1, PAGE), Err(AllocError::InvalidParam));
                        assert_eq!(frames.remove_memory(first * PAGE, 1001 * PAGE), Err(AllocError::InvalidParam));
                        assert_eq!(frames.remove_memory(first * PAGE, 1000 * PAGE), Ok(()));
                    }
                    assert_eq!((frames.total_pages(), frames.alloc_pages(1, PAGE)), (0, Err(AllocError::NoMemory)));
                    assert!(frames.span().is_empty());
                    frames.validate().unwrap();
                }
            }

            #[test]
            fn a_region_below_the_first_was_refused_without_a_base() {
                let mut words = vec![u64::MAX; Frames::metadata_words(3000)];
                let mut frames = Frames::with_window(&mut words, 1000 * PAGE - 1);
                assert_eq!((frames.total_pages(), frames.span().is_empty()), (0, true));
                for (first, num_pages) in [(3000, 1000), (1000, 100), (2000, 1000), (1500, 1)] {
                    assert_eq!(add(&mut frames, first, num_pages), Ok(()));
                }
                assert_eq!(add(&mut frames, 999, 2), Err(AllocError::MemoryOverlap));
                assert_eq!(add(&mut frames, 998, 1), Err(AllocError::InvalidParam), "below the base");
                assert_eq!(add(&mut frames, FAR, 1), Err(AllocError::InvalidParam), "above the window");
                assert_eq!((frames.total_pages(), frames.largest_free_run()), (2101, 2000));
                assert_eq!(frames.span(), 1000 * PAGE..=4000 * PAGE - 1);
            }

            #[test]
            fn a_window_without_words_or_at_the_last_address_refuses_all() {
                for base in [0, 1, usize::MAX - PAGE, usize::MAX] {
                    for num_words in [0, 10, 1000] {
                        let mut words = vec![0; num_words];
                        let mut frames = Frames::with_window(&mut words, base);
                        assert_eq!(add(&mut frames, FAR, 1), Err(AllocError::InvalidParam));
                        assert_eq!(alloc_in(&mut frames, 0, 10, 1, 1), Err(AllocError::NoMemory));
                        assert_eq!(frames.total_pages(), 0);
                    }
                }
            }

            #[test]
            #[cfg_attr(miri, ignore = "recounts hundreds of pages after each step")]
            fn a_region_that_held_its_metadata_could_not_be_removed_whole() {
                let (_memory, first) = memory(700, PAGE);
                let mut frames = Frames::new();
                for _ in 0..3 {
                    assert_eq!(add(&mut frames, first + 300, 400), Ok(()));
                    assert_eq!(add(&mut frames, first, 300), Ok(()));
                    let total = frames.total_pages();
                    let page = frames.alloc_pages(1, PAGE).unwrap();
                    let region = if page / PAGE < first + 300 { (first, 300) } else { (first + 300, 400) };
                    assert_eq!(remove(&mut frames, region.0, region.1), Err(AllocError::NoMemory), "a page is in use");
                    assert_eq!(remove(&mut frames, region.0, 1), Err(AllocError::NoMemory), "metadata in use");
                    assert_eq!(remove(&mut frames, first, 701), Err(AllocError::InvalidParam));
                    frames.dealloc_pages(page, 1).unwrap();
                    assert_eq!(remove(&mut frames, region.0, 2), Err(AllocError::NoMemory), "metadata in use");
                    assert_eq!((frames.total_pages(), frames.available_pages()), (total, total));
                    assert_eq!(remove(&mut frames, first, 300), Ok(()));
                    assert_eq!(remove(&mut frames, first, 300), Err(AllocError::InvalidParam), "gone already");
                    assert_eq!(remove(&mut frames, first + 300, 400), Ok(()));
                    assert_eq!((frames.total_pages(), frames.span().is_empty()), (0, true));
                }
                // Both at once, though they came apart.
                add(&mut frames, first, 300).unwrap();
                add(&mut frames, first + 300, 400).unwrap();
                assert_eq!((remove(&mut frames, first, 700), frames.total_pages()), (Ok(()), 0));
            }

            #[test]
            fn a_region_with_unaligned_ends_could_not_be_removed_as_it_came() {
                let (_memory, first) = memory(100, PAGE);
                let mut words = vec![0; Frames::metadata_words(200)];
                for mut frames in [Frames::new(), Frames::with_metadata(&mut words)] {
                    let (start, size) = (first * PAGE + 100, 90 * PAGE + 200);
                    for _ in 0..2 {
                        // SAFETY: the region lies in the memory of the test, and nobody uses its pages.
                        unsafe {
                            assert_eq!(frames.add_memory(start, size), Ok(()));
                            assert_eq!(frames.remove_memory(start, size), Ok(()));
                        }
                        assert_eq!(frames.total_pages(), 0);
                    }
                }
            }

            #[test]
            #[cfg_attr(miri, ignore = "recounts hundreds of pages after each step")]
            fn pages_of_a_balloon_could_not_come_back_to_a_region_with_its_metadata() {
                let (_memory, first) = memory(600, PAGE);
                let mut frames = Frames::new();
                add(&mut frames, first, 600).unwrap();
                let total = frames.total_pages();
                let lowest = frames.span().start() / PAGE;
                // All of them, from both ends and the middle, though the metadata stay.
                let order = (0..total).map(|index| if index % 2 == 0 { index / 2 } else { total - 1 - index / 2 });
                for page in order.clone() {
                    assert_eq!(remove(&mut frames, lowest + page, 1), Ok(()));
                }
                assert_eq!((frames.total_pages(), frames.alloc_pages(1, PAGE)), (0, Err(AllocError::NoMemory)));
                let mut left = total;
                while left > 0 {
                    let portion = (left / 3).max(1);
                    left -= portion;
                    assert_eq!(add(&mut frames, lowest + left, portion), Ok(()), "{portion} of {left}");
                }
                assert_eq!((frames.total_pages(), frames.largest_free_run()), (total, total));
                // The metadata can follow the pages later, and a region can take the place of all.
                assert_eq!(remove(&mut frames, lowest, total), Ok(()));
                assert_eq!(remove(&mut frames, lowest, 1), Err(AllocError::InvalidParam));
                assert_eq!(add(&mut frames, first, 600), Ok(()));
                assert_eq!(remove(&mut frames, lowest, total), Ok(()));
                assert_eq!(remove(&mut frames, first, lowest - first), Ok(()));
                assert_eq!(add(&mut frames, lowest, 1), Err(AllocError::InvalidParam), "no room for metadata");
            }

            #[test]
            #[cfg_attr(miri, ignore = "recounts hundreds of pages after each step")]
            fn pages_of_a_balloon_moved_a_window_that_had_none_left() {
                let mut words = vec![0; Frames::metadata_words(1000)];
                let mut frames = Frames::with_metadata(&mut words);
                add(&mut frames, 5000, 1000).unwrap();
                for page in 5000..6000 {
                    assert_eq!(remove(&mut frames, page, 1), Ok(()));
                }
                for page in (5000..6000).rev() {
                    assert_eq!(add(&mut frames, page, 1), Ok(()));
                }
                assert_eq!((frames.total_pages(), frames.largest_free_run()), (1000, 1000));
            }

            #[test]
            #[cfg_attr(miri, ignore = "recounts hundreds of pages after each step")]
            fn a_region_that_begins_with_pages_of_a_balloon_was_refused() {
                let (_memory, first) = memory(900, PAGE);
                let mut frames = Frames::new();
                add(&mut frames, first, 300).unwrap();
                let total = frames.total_pages();
                assert_eq!(remove(&mut frames, first + 250, 50), Ok(()));
                assert_eq!(add(&mut frames, first + 250, 51), Err(AllocError::InvalidParam), "no room for metadata");
                assert_eq!(frames.total_pages(), total - 50);
                assert_eq!(add(&mut frames, first + 250, 650), Ok(()));
                assert!(frames.total_pages() > total + 590);
                assert_eq!(remove(&mut frames, first + 250, 650), Ok(()), "as it came");
                assert_eq!(frames.total_pages(), total - 50);
                assert_eq!(add(&mut frames, first + 250, 50), Ok(()));
                assert_eq!(remove(&mut frames, first, 300), Ok(()));
            }

            #[test]
            #[cfg_attr(miri, ignore = "recounts hundreds of pages after each step")]
            fn a_range_of_addresses_was_searched_place_by_place() {
                let mut words = vec![0; Frames::metadata_words(1 << 17)];
                let mut frames = Frames::with_metadata(&mut words);
                add(&mut frames, 0, 1 << 17).unwrap();
                // Every other page is in use.
                for page in (1..1 << 17).step_by(2) {
                    frames.alloc_pages_at(page * PAGE, 1, PAGE).unwrap();
                }
                // So refused at once, which place by place takes a minute.
                for _ in 0..1000 {
                    let answer = frames.alloc_pages_in(PAGE..=(1 << 16) * PAGE - 1, 2, PAGE);
                    assert_eq!(answer, Err(AllocError::NoMemory));
                }
                assert_eq!(alloc_in(&mut frames, 4097, 5000, 1, 1), Ok(4098));
                assert_eq!(alloc_in(&mut frames, 4097, 4098, 1, 1), Err(AllocError::NoMemory));
            }

            #[test]
            fn within_a_range_runs_at_its_ends_count_and_no_others() {
                let mut words = vec![0; Frames::metadata_words(4096)];
                let mut frames = Frames::with_metadata(&mut words);
                add(&mut frames, 0, 4096).unwrap();
                assert_eq!(alloc_in(&mut frames, 512, 514, 2, 2), Ok(512));
                assert_eq!(alloc_in(&mut frames, 512, 514, 1, 1), Err(AllocError::NoMemory));
                assert_eq!(alloc_in(&mut frames, 1000, 1536, 512, 512), Ok(1024));
                assert_eq!(alloc_in(&mut frames, 1000, 1536, 512, 512), Err(AllocError::NoMemory));
                assert_eq!(alloc_in(&mut frames, 1030, 1600, 64, 64), Ok(1536));
                assert_eq!(alloc_in(&mut frames, 4095, FAR, 1, 1), Ok(4095));
                assert_eq!(alloc_in(&mut frames, 4095, FAR, 1, 1), Err(AllocError::NoMemory));
                // A range that ends below the page is not one that begins there.
                assert_eq!(alloc_in(&mut frames, 0, 2, 2, 2), Ok(0));
                assert_eq!(alloc_in(&mut frames, 1, 2, 1, 1), Err(AllocError::NoMemory));
            }

            #[test]
            fn a_range_of_no_address_or_of_parts_of_pages() {
                let mut words = vec![0; Frames::metadata_words(64)];
                let mut frames = Frames::with_metadata(&mut words);
                add(&mut frames, 8, 64).unwrap();
                let empty = core::ops::RangeInclusive::new(9 * PAGE, 8 * PAGE);
                assert_eq!(frames.alloc_pages_in(empty, 1, PAGE), Err(AllocError::InvalidParam));
                let all = 0..=usize::MAX;
                for (num_pages, align) in [(0, PAGE), (1, 0), (1, PAGE / 2), (1, PAGE + 1)] {
                    let answer = frames.alloc_pages_in(all.clone(), num_pages, align);
                    assert_eq!(answer, Err(AllocError::InvalidParam), "{num_pages} at {align}");
                }
                for parts in [8 * PAGE + 1..=9 * PAGE + PAGE - 2, 8 * PAGE..=9 * PAGE - 2, 0..=8 * PAGE] {
                    assert_eq!(frames.alloc_pages_in(parts, 1, PAGE), Err(AllocError::NoMemory));
                }
                assert_eq!(frames.alloc_pages_in(all.clone(), usize::MAX, PAGE), Err(AllocError::NoMemory));
                let page = frames.alloc_pages_in(8 * PAGE + 1..=usize::MAX, 1, PAGE);
                assert_eq!(page, Ok(9 * PAGE));
                assert!(frames.alloc_pages_in(all, 1, PAGE).is_ok());
            }

            #[test]
            fn cached_pages_runs_and_blocks_are_found_within_a_range() {
                let mut words = vec![0; Frames::metadata_words(2048)];
                let mut frames = Frames::with_metadata(&mut words);
                add(&mut frames, 0, 2048).unwrap();
                // Blocks of the order that was asked for last are cached.
                (0..4).for_each(|_| assert!(frames.alloc_pages(512, 512 * PAGE).is_ok()));
                for (first, num_pages) in [(7, 1), (100, 4), (1024, 512)] {
                    frames.dealloc_pages(first * PAGE, num_pages).unwrap();
                    frames.validate().unwrap();
                    assert_eq!(alloc_in(&mut frames, 1, 2048, num_pages, 1), Ok(first));
                }
                assert_eq!(frames.available_pages(), 0);
            }
        }
    };
}
