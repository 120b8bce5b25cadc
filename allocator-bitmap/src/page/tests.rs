//! The window: its ring, its full capacity, and what lies outside.

extern crate std;

use core::alloc::Layout;
use core::ptr::NonNull;
use std::alloc::alloc_zeroed;
use std::boxed::Box;
use std::sync::Mutex;
use std::vec::Vec;

use allocator_conformance::seed;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

const PAGE: usize = 4096;

type Frames = BitmapPageAllocator<PAGE>;

/// An empty allocator that is never on the stack.
fn empty<const PAGE_SIZE: usize>() -> Box<BitmapPageAllocator<PAGE_SIZE>> {
    let layout = Layout::new::<BitmapPageAllocator<PAGE_SIZE>>();
    // SAFETY: the size is not 0.
    let memory = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
    // SAFETY: the memory is the box's, and all bytes zero is an empty allocator.
    unsafe { Box::from_raw(memory.cast().as_ptr()) }
}

/// Adds the pages numbered `pages`.
fn add(frames: &mut Frames, pages: Range<usize>) -> AllocResult {
    // SAFETY: page frames are numbers here.
    unsafe { frames.add_memory(pages.start * PAGE, pages.len() * PAGE) }
}

/// A page number from which a window of full capacity crosses the end of the ring, and still fits 32 bits of address
/// where that is all there is.
const START: usize = if usize::BITS > 32 { CAPACITY + 100 } else { 100 };

#[test]
fn a_static_at_full_capacity() {
    static FRAMES: Mutex<Frames> = Mutex::new(Frames::new());
    let most = match () {
        // Filling a bitmap bit by bit takes minutes there.
        () if cfg!(miri) => 3000,
        () if usize::BITS == 32 => (1 << 20) - 200,
        () => CAPACITY,
    };
    let pages = CAPACITY.min(most);
    let mut frames = FRAMES.lock().unwrap();
    add(&mut frames, START..START + pages).unwrap();
    assert_eq!(frames.total_pages(), pages);
    let last = (START + pages - 1) * PAGE;
    assert_eq!(frames.alloc_pages_at(last, 1, PAGE), Ok(last));
    assert_eq!(frames.alloc_pages_at(START * PAGE, 1, PAGE), Ok(START * PAGE));
    let mut runs = Vec::new();
    let count = (pages / 512 - 2).min(20);
    for _ in 0..count {
        let run = frames.alloc_pages(512, 512 * PAGE).unwrap();
        assert!(is_aligned(run, 512 * PAGE) && run > START * PAGE && run + 512 * PAGE <= last);
        runs.push(run);
    }
    assert_eq!(frames.used_pages(), 2 + count * 512);
    runs.iter().for_each(|&run| frames.dealloc_pages(run, 512).unwrap());
    assert_eq!(frames.dealloc_pages(START * PAGE, 2), Err(AllocError::NotAllocated));
    frames.dealloc_pages(START * PAGE, 1).unwrap();
    frames.dealloc_pages(last, 1).unwrap();
    assert_eq!(frames.available_pages(), pages);
    assert_eq!(add(&mut frames, START + pages..START + pages + 1).is_ok(), pages < CAPACITY);
}

#[test]
#[cfg(feature = "page-alloc-1t")]
#[cfg_attr(miri, ignore = "the executable is Miri's own")]
fn a_static_takes_no_space_in_the_executable() {
    static FRAMES: Mutex<Frames> = Mutex::new(Frames::new());
    assert_eq!(FRAMES.lock().unwrap().total_pages(), 0);
    let executable = std::env::current_exe().and_then(std::fs::metadata).unwrap().len() as usize;
    let frames = size_of::<Frames>();
    assert!(executable < frames, "{executable} bytes, with a static of {frames}");
}

#[test]
fn regions_below_the_first_as_long_as_the_span_fits() {
    let mut frames = empty();
    let first = CAPACITY..CAPACITY + 10;
    add(&mut frames, first.clone()).unwrap();
    assert_eq!(add(&mut frames, 5..7), Err(AllocError::InvalidParam), "the span would not fit");
    assert_eq!(add(&mut frames, 2 * CAPACITY - 6..2 * CAPACITY), Ok(()));
    assert_eq!(add(&mut frames, 3 * CAPACITY..3 * CAPACITY + 1), Err(AllocError::InvalidParam));
    assert_eq!(add(&mut frames, CAPACITY - 1..CAPACITY), Err(AllocError::InvalidParam), "one page too many");
    assert_eq!(frames.total_pages(), 16);

    let mut frames = empty();
    add(&mut frames, first).unwrap();
    add(&mut frames, CAPACITY - 20..CAPACITY - 10).unwrap();
    assert_eq!(add(&mut frames, CAPACITY - 11..CAPACITY), Err(AllocError::MemoryOverlap));
    assert_eq!(frames.alloc_pages(11, PAGE), Err(AllocError::NoMemory));
    add(&mut frames, CAPACITY - 10..CAPACITY).unwrap();
    assert_eq!(frames.alloc_pages(30, PAGE), Ok((CAPACITY - 20) * PAGE), "one run across the end of the ring");
}

#[test]
fn an_overlap_of_one_byte_is_refused() {
    let mut frames = empty::<PAGE>();
    add(&mut frames, 100..110).unwrap();
    let (start, end) = (100 * PAGE, 110 * PAGE);
    for (from, to, expected) in [
        (start - 5 * PAGE, start + 1, Err(AllocError::MemoryOverlap)),
        (end - 1, end + 5 * PAGE, Err(AllocError::MemoryOverlap)),
        (start - 5 * PAGE - 7, start + 7, Err(AllocError::MemoryOverlap)),
        (start - 5 * PAGE, start, Ok(())),
        (end, end + 5 * PAGE + 1, Ok(())),
    ] {
        // SAFETY: page frames are numbers here.
        assert_eq!(unsafe { frames.add_memory(from, to - from) }, expected, "{from:#x}..{to:#x}");
    }
    assert_eq!(frames.total_pages(), 20);
}

#[test]
fn a_first_region_above_the_capacity_is_refused() {
    let mut frames = empty::<1>();
    // SAFETY: page frames are numbers here.
    assert_eq!(unsafe { frames.init(1, CAPACITY + 1) }, Err(AllocError::InvalidParam));
    assert_eq!((frames.total_pages(), frames.alloc_pages(1, 1)), (0, Err(AllocError::NoMemory)));
    // SAFETY: as above.
    assert_eq!(unsafe { frames.init(1, CAPACITY) }, Ok(()));
    assert_eq!(frames.total_pages(), CAPACITY);
}

#[test]
fn pages_of_one_byte_at_the_end_of_the_address_space() {
    let mut frames = empty::<1>();
    let start = usize::MAX - 20;
    // SAFETY: page frames are numbers here.
    unsafe { frames.init(start, 20).unwrap() };
    assert_eq!(frames.alloc_pages(20, 1), Ok(start));
    assert_eq!(frames.alloc_pages(1, 2), Err(AllocError::NoMemory));
    assert_eq!(frames.dealloc_pages(start, 20), Ok(()));
    let aligned = start.next_multiple_of(4);
    assert_eq!(frames.alloc_pages(3, 4), Ok(aligned));
    assert_eq!(frames.alloc_pages_at(usize::MAX - 1, 1, 1), Ok(usize::MAX - 1));
    assert_eq!(frames.dealloc_pages(usize::MAX - 1, 2), Err(AllocError::NotAllocated));
}

#[test]
fn the_two_ends_of_a_full_window_are_not_adjacent() {
    let mut frames = empty();
    let ends = [CAPACITY + 100, 2 * CAPACITY + 99];
    ends.iter().for_each(|&page| add(&mut frames, page..page + 1).unwrap());
    assert_eq!(frames.alloc_pages(2, PAGE), Err(AllocError::NoMemory), "their bits are side by side");
    let mut pages = [frames.alloc_pages(1, PAGE).unwrap(), frames.alloc_pages(1, PAGE).unwrap()];
    pages.sort_unstable();
    assert_eq!(pages, ends.map(|page| page * PAGE));
}

#[test]
fn page_zero_and_the_highest_pages() {
    let mut frames = empty();
    add(&mut frames, 0..3).unwrap();
    assert_eq!(frames.alloc_pages(3, 4 * PAGE), Ok(0));
    assert_eq!(frames.alloc_pages(1, PAGE), Err(AllocError::NoMemory));

    let mut frames = empty();
    let top = usize::MAX / PAGE - 10..usize::MAX / PAGE;
    add(&mut frames, top.clone()).unwrap();
    assert_eq!(frames.alloc_pages(10, PAGE), Ok(top.start * PAGE));
    assert_eq!(frames.alloc_pages(1, 1 << (usize::BITS - 1)), Err(AllocError::NoMemory));
    assert_eq!(frames.dealloc_pages(top.start * PAGE, usize::MAX), Err(AllocError::NotAllocated));
    assert_eq!(frames.alloc_pages_at(top.start * PAGE, usize::MAX, PAGE), Err(AllocError::InvalidParam));
}

#[test]
#[cfg(target_pointer_width = "64")]
fn alignments_above_a_gigabyte_for_one_page_as_for_many() {
    const HUGE: usize = 2 << 20;
    const GIB: usize = 1 << 30;
    let mut frames = empty::<HUGE>();
    // SAFETY: page frames are numbers here.
    unsafe { frames.init(3 * GIB + HUGE, 20 * GIB).unwrap() };
    assert_eq!(frames.alloc_pages(1, 4 * GIB), Ok(4 * GIB));
    assert_eq!(frames.alloc_pages(600, 8 * GIB), Ok(8 * GIB));
    assert_eq!(frames.alloc_pages(1, 16 * GIB), Ok(16 * GIB));
    assert_eq!(frames.alloc_pages(1, 16 * GIB), Err(AllocError::NoMemory));
    assert_eq!(frames.alloc_pages(1, 64 * GIB), Err(AllocError::NoMemory));
}

#[test]
fn runs_within_addresses_are_those_that_trying_every_place_finds() {
    let mut rng = SmallRng::seed_from_u64(seed());
    for _ in 0..if cfg!(miri) { 2 } else { 300 } {
        let mut frames = empty();
        let start = if rng.random() { CAPACITY - 20 } else { rng.random_range(0..9) };
        add(&mut frames, start..start + 15).unwrap();
        add(&mut frames, start + 20..start + 40).unwrap();
        for _ in 0..rng.random_range(0..30) {
            let _ = frames.alloc_pages_at((start + rng.random_range(0..40)) * PAGE, 1, PAGE);
        }
        for _ in 0..if cfg!(miri) { 5 } else { 50 } {
            let first = (start * PAGE + rng.random_range(0..41 * PAGE)).saturating_sub(PAGE);
            let within = first..=first + rng.random_range(0..45) * PAGE - rng.random_range(0..=1).min(first);
            let num_pages = rng.random_range(1..5);
            let align = PAGE << rng.random_range(0..4);
            let expected = (start..start + 40).map(|page| page * PAGE).find(|&base| {
                let pages = base / PAGE..base / PAGE + num_pages;
                is_aligned(base, align)
                    && within.contains(&base)
                    && within.contains(&(base + num_pages * PAGE - 1))
                    && frames.managed_pages(base, num_pages).is_some()
                    && first_taken(pages, |page| frames.next_free(page)).is_none()
            });
            let used = frames.used_pages();
            let found = frames.alloc_pages_in(within.clone(), num_pages, align);
            if within.is_empty() {
                assert_eq!(found, Err(AllocError::InvalidParam));
                continue;
            }
            assert_eq!(found, expected.ok_or(AllocError::NoMemory), "{within:x?} {num_pages} {align:#x}");
            if let Ok(run) = found {
                assert_eq!(frames.used_pages(), used + num_pages);
                frames.dealloc_pages(run, num_pages).unwrap();
            }
        }
    }
}

#[test]
fn a_range_of_all_addresses_and_pages_at_its_ends() {
    let mut frames = empty::<1>();
    let start = usize::MAX - 20;
    assert_eq!(frames.alloc_pages_in(0..=usize::MAX, 1, 1), Err(AllocError::NoMemory));
    // SAFETY: page frames are numbers here.
    unsafe { frames.init(start, 20).unwrap() };
    assert_eq!(frames.span(), start..=usize::MAX - 1);
    assert_eq!(frames.alloc_pages_in(0..=usize::MAX, 20, 1), Ok(start));
    frames.dealloc_pages(start, 20).unwrap();
    assert_eq!(frames.alloc_pages_in(usize::MAX..=usize::MAX, 1, 1), Err(AllocError::NoMemory));
    assert_eq!(frames.alloc_pages_in(usize::MAX - 1..=usize::MAX, 1, 1), Ok(usize::MAX - 1));
    assert_eq!(frames.alloc_pages_in(0..=start - 1, 1, 1), Err(AllocError::NoMemory));
    assert_eq!(frames.alloc_pages_in(0..=start, usize::MAX, 1), Err(AllocError::NoMemory));
    assert_eq!(frames.alloc_pages_in(0..=start, 1, 1), Ok(start));
}

#[test]
fn a_span_has_all_pages_and_no_more() {
    let mut frames = empty();
    assert!(frames.span().is_empty());
    add(&mut frames, 100..110).unwrap();
    assert_eq!(frames.span(), 100 * PAGE..=110 * PAGE - 1);
    add(&mut frames, 50..51).unwrap();
    assert_eq!(frames.span(), 50 * PAGE..=110 * PAGE - 1);
    let mut frames = empty();
    add(&mut frames, 0..1).unwrap();
    assert_eq!(frames.span(), 0..=PAGE - 1);
    let bad = RangeInclusive::new(1, 0);
    assert_eq!(frames.alloc_pages_in(bad, 1, PAGE), Err(AllocError::InvalidParam));
    for (num_pages, align) in [(0, PAGE), (1, 0), (1, 3 * PAGE), (1, PAGE / 2)] {
        assert_eq!(frames.alloc_pages_in(0..=usize::MAX, num_pages, align), Err(AllocError::InvalidParam));
    }
    assert_eq!(frames.used_pages(), 0);
}

#[test]
fn a_bit_stands_for_one_page_of_the_window() {
    for low in [0, 5, CAPACITY - 1, CAPACITY, 3 * CAPACITY + 7] {
        for page in [low, low + 1, low + CAPACITY / 2, low + CAPACITY - 1] {
            assert_eq!(Bit::of(page).page_from(low), page);
        }
    }
    assert_eq!(std::format!("{:?}", Bit::of(CAPACITY + 5)), "bit 5");
}
