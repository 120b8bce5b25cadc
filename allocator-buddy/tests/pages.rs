//! Random programs at sizes where the tree has levels, and the statistics that are not in the traits.

use allocator_buddy::BuddyPageAllocator;
use allocator_core::conformance::frames::{NativeOptions, NativePages, native_program};
use allocator_core::frames::Run;
use allocator_core::{AllocError, AllocResult, BaseAllocator, PageAllocator};

const PAGE: usize = 4096;

type Frames<'m> = BuddyPageAllocator<'m, PAGE>;

/// The engine, for the suite.
struct Native<'m>(Frames<'m>);

impl BaseAllocator for Native<'_> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.add_memory(start, size) }
    }
}

// SAFETY: the methods of the engine.
unsafe impl PageAllocator for Native<'_> {
    const PAGE_SIZE: usize = PAGE;

    fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        self.0.alloc_pages(num_pages, align_pow2)
    }

    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        self.0.alloc_pages_at(base, num_pages, align_pow2)
    }

    fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        self.0.dealloc_pages(pos, num_pages)
    }

    fn total_pages(&self) -> usize {
        self.0.total_pages()
    }

    fn used_pages(&self) -> usize {
        self.0.used_pages()
    }

    fn available_pages(&self) -> usize {
        self.0.available_pages()
    }
}

impl NativePages for Native<'_> {
    unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.remove_memory(start, size) }
    }

    fn free_runs(&self) -> Vec<Run> {
        self.0.free_runs().collect()
    }

    fn largest_free_run(&self) -> usize {
        self.0.largest_free_run()
    }

    fn validate(&self) -> Result<(), &'static str> {
        self.0.validate()
    }
}

fn options(first: usize, pages: usize) -> NativeOptions {
    let steps = if cfg!(miri) { 15 } else { 700 };
    NativeOptions { pages: first..first + pages, metadata_in_regions: false, first_fit: false, any_run: false, steps }
}

#[test]
fn windows_of_all_sizes_wherever_they_start() {
    let windows: &[(usize, usize)] = if cfg!(miri) {
        &[(511, 1200), (4095 * 512 - 3, 900)]
    } else {
        &[(0, 5000), (511, 1200), (8 * 512 - 1, 9000), (4095 * 512 - 3, 3000), (1 << 30, 40_000), (77, 20_000)]
    };
    for &(first, pages) in windows {
        let mut words = vec![0xdead_beef_dead_beef; Frames::metadata_words(pages)];
        let engine = Native(Frames::with_metadata(&mut words));
        native_program(engine, &options(first, pages)).unwrap();
    }
}

#[test]
fn metadata_in_the_regions() {
    let pages = if cfg!(miri) { 80 } else { 6000 };
    let mut memory = vec![0u64; (pages + 1) * PAGE / 8];
    let first = memory.as_mut_ptr().expose_provenance().div_ceil(PAGE);
    let options = NativeOptions { metadata_in_regions: true, first_fit: false, ..options(first, pages) };
    native_program(Native(Frames::new()), &options).unwrap();
}

#[test]
fn words_for_so_many_pages_suffice_wherever_they_lie_and_fewer_do_not() {
    let step = if cfg!(miri) { 3 } else { 1 };
    for pages in [1, 513, 5000, 63, 512, 1 << 16].into_iter().step_by(step) {
        let needed = Frames::metadata_words(pages);
        for first in [0, 1, 511, 513, 4095, 8 * 512 - 1, 64 * 512 - 1, (1 << 19) - 1].into_iter().step_by(step) {
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
fn more_extents_than_can_be_told_apart_are_refused() {
    let mut words = vec![0; Frames::metadata_words(400)];
    let mut frames = Frames::with_metadata(&mut words);
    // SAFETY: page frames are numbers here.
    let mut add = |page: usize| unsafe { frames.add_memory(page * PAGE, PAGE) };
    for index in 0..64 {
        assert_eq!(add(2 * index), Ok(()), "{index}");
    }
    assert_eq!(add(200), Err(AllocError::NoMemory));
    assert_eq!(add(1), Ok(()), "joins two");
    assert_eq!(add(200), Ok(()));
    assert_eq!(add(202), Err(AllocError::NoMemory));
    frames.validate().unwrap();
    assert_eq!(frames.total_pages(), 66);
    // SAFETY: as above.
    unsafe {
        assert_eq!(frames.remove_memory(PAGE, PAGE), Err(AllocError::NoMemory), "would part two");
        assert_eq!(frames.remove_memory(200 * PAGE, PAGE), Ok(()));
        assert_eq!(frames.remove_memory(PAGE, PAGE), Ok(()));
    }
    frames.validate().unwrap();
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
        frames.validate().unwrap();
    }
}
