//! A slab heap over an engine that others use at the same time.

use std::alloc::Layout;

use allocator_core::{BaseAllocator, ByteAllocator, PageAllocator, PageBacked};
use allocator_pages::RadixPageAllocator;
use allocator_shared::Locked;
use allocator_slab::{FineClasses, PowerOfTwoClasses, SizeClasses, SlabByteAllocator};
use allocator_tlsf::TlsfByteAllocator;

const PAGE: usize = 4096;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

/// Memory that lasts, aligned to a page.
fn memory(size: usize) -> usize {
    vec![0_u8; size + PAGE].leak().as_mut_ptr().expose_provenance().next_multiple_of(PAGE)
}

/// Uses two heaps by turns, while `others` use the backing as well: each heap must count its own blocks alone.
fn two_heaps<C: SizeClasses, B: ByteAllocator>(mut backing: impl FnMut() -> B, mut others: impl FnMut(bool)) {
    let mut heaps = [(); 2].map(|()| SlabByteAllocator::<C, B>::with_backing(backing()));
    let mut live = [vec![], vec![]];
    for round in 0..if cfg!(miri) { 3 } else { 40 } {
        for (heap, live) in heaps.iter_mut().zip(&mut live) {
            for size in [24, 64, 300, 5000, 70_000].map(|size| size + 8 * round) {
                live.extend(heap.alloc(layout(size)).map(|block| (block, layout(size))));
            }
            others(round % 3 != 2);
        }
        for (heap, live) in heaps.iter_mut().zip(&mut live) {
            // SAFETY: the blocks are live.
            let by_block = live.iter().map(|&(block, layout)| unsafe { heap.used_by(block, layout) });
            assert_eq!(heap.used_bytes(), by_block.sum::<usize>());
            assert_eq!(heap.total_bytes(), heap.used_bytes() + heap.available_bytes());
            assert_eq!(heap.validate(), Ok(()));
            let half = live.len() / 2;
            for (block, layout) in live.drain(half..) {
                // SAFETY: the block is live.
                unsafe { heap.dealloc(block, layout) };
            }
            others(round % 2 == 0);
            heap.trim();
        }
    }
    for (heap, live) in heaps.iter_mut().zip(live) {
        for (block, layout) in live {
            // SAFETY: the block is live.
            unsafe { heap.dealloc(block, layout) };
        }
        heap.trim();
        assert_eq!((heap.used_bytes(), heap.statistics().chunk_bytes), (0, 0));
        assert_eq!(heap.validate(), Ok(()));
    }
}

#[test]
fn a_heap_over_bytes_that_others_use_counted_their_blocks() {
    let engine: &Locked<TlsfByteAllocator> = Box::leak(Box::new(Locked::new(TlsfByteAllocator::new())));
    // SAFETY: the memory is the engine's.
    unsafe { engine.init(memory(8 << 20), 8 << 20).unwrap() };
    let mut of_others = vec![];
    let mut others = |more: bool| {
        let mut engine = engine;
        if more {
            of_others.extend(engine.alloc(layout(10_000)));
        } else if let Some(block) = of_others.pop() {
            // SAFETY: the block is live.
            unsafe { engine.dealloc(block, layout(10_000)) };
        }
    };
    two_heaps::<PowerOfTwoClasses, _>(|| engine, &mut others);
    two_heaps::<FineClasses, _>(|| engine, &mut others);
    let left = of_others.len();
    // SAFETY: the blocks are live.
    of_others.drain(..).for_each(|block| unsafe { (&mut &*engine).dealloc(block, layout(10_000)) });
    assert!(left > 0 && engine.with(|engine| engine.used_bytes()) == 0, "all went back");
}

#[test]
fn a_heap_over_frames_that_others_use_counted_their_pages() {
    type Frames = Locked<RadixPageAllocator<'static, PAGE>>;
    let frames: &'static Frames = Box::leak(Box::new(Locked::new(RadixPageAllocator::new())));
    // SAFETY: the memory is the frames'.
    unsafe { frames.init(memory(8 << 20), 8 << 20).unwrap() };
    let mut of_others = vec![];
    let mut others = |more: bool| {
        let mut frames = frames;
        if more {
            of_others.extend(frames.alloc_pages(3, PAGE));
        } else if let Some(run) = of_others.pop() {
            frames.dealloc_pages(run, 3).unwrap();
        }
    };
    // SAFETY: the frames are memory, and others give back only what they took.
    two_heaps::<PowerOfTwoClasses, _>(|| unsafe { PageBacked::new(frames) }, &mut others);
    // SAFETY: as above.
    two_heaps::<FineClasses, _>(|| unsafe { PageBacked::new(frames) }, &mut others);
    let left = of_others.len();
    let mut engine = frames;
    of_others.drain(..).for_each(|run| engine.dealloc_pages(run, 3).unwrap());
    assert!(left > 0 && frames.with(|frames| frames.used_pages()) == 0, "all went back");
}

#[test]
fn a_reference_that_takes_no_memory_makes_a_heap_that_takes_none() {
    let engine: Locked<TlsfByteAllocator> = Locked::new(TlsfByteAllocator::new());
    let mut heap = SlabByteAllocator::<PowerOfTwoClasses, _>::with_backing(&engine);
    let start = memory(PAGE);
    // SAFETY: refused.
    unsafe { assert!(heap.init(start, PAGE).is_err() && heap.add_memory(start, PAGE).is_err()) };
    assert!(heap.alloc(layout(8)).is_err() && heap.total_bytes() == 0);
}
