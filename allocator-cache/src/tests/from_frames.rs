use core::ptr::NonNull;
use std::vec::Vec;

use allocator_core::PageAllocator;
use allocator_pages::RadixPageAllocator;
use allocator_shared::Locked;

use crate::locks::NoLock;
use crate::sources::PageSource;
use crate::*;

const PAGE: usize = 4096;
type Frames = Locked<RadixPageAllocator<'static, PAGE>>;

/// Frames that are memory, of which the first is taken.
fn frames(num_pages: usize) -> Frames {
    #[repr(align(65536))]
    struct Aligned;

    let layout = core::alloc::Layout::from_size_align(num_pages * PAGE, align_of::<Aligned>()).unwrap();
    // SAFETY: the size is not 0. It is never given back.
    let pool = NonNull::new(unsafe { std::alloc::alloc(layout) }).unwrap();
    let words = std::vec![0; RadixPageAllocator::<PAGE>::metadata_words(num_pages)].leak();
    let frames = Locked::new(RadixPageAllocator::with_metadata(words));
    // SAFETY: nothing else uses the pool, which lives for ever.
    unsafe { frames.init(pool.as_ptr().expose_provenance(), layout.size()) }.unwrap();
    (&frames).alloc_pages(1, PAGE).unwrap();
    frames
}

fn source(frames: &Frames) -> PageSource<&Frames> {
    // SAFETY: the frames are memory, nobody replaces them, and where a test gives back a page that is not its own, the cache
    // does not use it until it is taken again.
    unsafe { PageSource::new(frames) }
}

#[test]
fn slabs_of_several_pages_are_aligned_to_their_size() {
    let frames = frames(64);
    let cache = SlabCache::<[u64; 64], NoLock, 16_384, _>::with_source(source(&frames)).unwrap();
    let boxes: Vec<_> = core::iter::from_fn(|| cache.alloc_with([7; 64]).ok()).collect();
    // One of the sixteen aligned runs lacks the page that was taken.
    assert_eq!((cache.statistics().slabs, frames.with(|frames| frames.used_pages())), (15, 61));
    assert!(boxes.iter().all(|numbers| **numbers == [7; 64]));
    cache.validate().unwrap();
    drop((boxes, cache));
    assert_eq!(frames.with(|frames| frames.used_pages()), 1);
}

#[test]
fn a_slab_smaller_than_a_page_takes_one() {
    let frames = frames(16);
    let cache = SlabCache::<u64, NoLock, 512, _>::with_source(source(&frames)).unwrap();
    let number = cache.alloc_with(7).unwrap();
    assert_eq!(frames.with(|frames| frames.used_pages()), 2);
    drop((number, cache));
    assert_eq!(frames.with(|frames| frames.used_pages()), 1);
}

#[test]
fn a_slab_whose_pages_are_free_already_is_not_taken_back() {
    let frames = frames(16);
    let cache = SlabCache::<u64, NoLock, 4096, _>::with_source(source(&frames)).unwrap();
    let mut boxes: Vec<_> = Vec::new();
    while cache.statistics().slabs < 2 {
        boxes.push(cache.alloc_with(7).unwrap());
    }
    let second = boxes.pop().unwrap();
    let page = second.as_ptr().addr() & !(PAGE - 1);
    drop(second);
    // This breaks the contract of `PageSource::new`.
    (&frames).dealloc_pages(page, 1).unwrap();
    assert_eq!((cache.shrink(), cache.statistics().refused_slabs), (0, 1));
    (&frames).alloc_pages_at(page, 1, PAGE).unwrap();
    assert_eq!(cache.shrink(), 1);
}
