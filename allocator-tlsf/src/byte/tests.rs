//! The bytes counted, against a walk over the blocks.

extern crate std;

use core::ptr::slice_from_raw_parts_mut;
use std::vec;
use std::vec::Vec;

use allocator_conformance::seed;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

/// `(size, live)` of every block in the pool, the sentinel left out.
fn walk(heap: &TlsfByteAllocator, pool: NonNull<[u8]>) -> Vec<(usize, bool)> {
    // SAFETY: the tests insert the pool as one region, aligned to granules.
    unsafe { heap.tlsf.iter_blocks(pool) }.map(|block| (block.as_ptr().len(), block.is_occupied())).collect()
}

/// The payload that a live block can have where it is, by the walk: up to the end of the block, or of a free one behind it.
fn room_in_place(heap: &TlsfByteAllocator, pool: NonNull<[u8]>, payload: NonNull<u8>, layout: Layout) -> usize {
    let mut end = pool.cast::<u8>().addr().get();
    for (size, live) in walk(heap, pool) {
        let payload = payload.addr().get();
        if end > payload {
            // This is the block behind the one looked for.
            return if live { end - payload } else { end + size - payload };
        }
        end += size;
        assert!(live || end <= payload, "{layout:?} is in a free block");
    }
    end - payload.addr().get()
}

fn assert_counts(heap: &TlsfByteAllocator, pool: NonNull<[u8]>, live: &[(NonNull<u8>, Layout)]) {
    let blocks = walk(heap, pool);
    let used: usize = blocks.iter().filter(|block| block.1).map(|block| block.0).sum();
    assert_eq!(heap.used_bytes(), used);
    assert_eq!(heap.total_bytes(), blocks.iter().map(|block| block.0).sum::<usize>());
    for &(block, layout) in live {
        // SAFETY: `live` holds live blocks.
        let usable = unsafe { Tlsf::<u32, u32, 28, 32>::allocation_usable_size(block) };
        assert_eq!(heap.usable_size(layout), (layout.size(), usable));
    }
    // SAFETY: `live` holds live blocks.
    let by_block = live.iter().map(|&(block, layout)| unsafe { heap.used_by(block, layout) });
    assert_eq!(by_block.sum::<usize>(), used, "what each block accounts for");
}

#[test]
fn counts_are_those_of_a_walk_over_the_blocks() {
    let mut rng = SmallRng::seed_from_u64(seed());
    let size = if cfg!(miri) { 1 << 13 } else { 1 << 17 };
    let mut memory = vec![0u128; size / 16 + 2];
    let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(GRANULARITY);
    let pool = NonNull::new(slice_from_raw_parts_mut(core::ptr::with_exposed_provenance_mut(start), size)).unwrap();
    let mut heap = TlsfByteAllocator::new();
    // SAFETY: `memory` is the heap's from here on.
    unsafe { heap.init(start, size).unwrap() };
    assert_eq!(heap.total_bytes(), size - GRANULARITY);

    let mut live: Vec<(NonNull<u8>, Layout)> = Vec::new();
    for _ in 0..if cfg!(miri) { 40 } else { 5_000 } {
        let largest = if rng.random() { 80 } else { 3000 };
        let new_size = rng.random_range(0..largest);
        let index = rng.random_range(0..=live.len());
        match (rng.random_range(0..4), live.get(index).copied()) {
            (0, Some((block, layout))) => {
                live.swap_remove(index);
                // SAFETY: `live` holds live blocks.
                unsafe { heap.dealloc(block, layout) };
            }
            (1, Some((block, layout))) => {
                let before = heap.used_bytes();
                let room = room_in_place(&heap, pool, block, layout);
                // SAFETY: `live` holds live blocks.
                match unsafe { heap.realloc_in_place(block, layout, new_size) } {
                    Ok(resized) => {
                        assert_eq!(resized.addr(), block.addr());
                        assert!(new_size <= room);
                        live[index] = (resized, Layout::from_size_align(new_size, layout.align()).unwrap());
                    }
                    Err(error) => {
                        assert_eq!((error, heap.used_bytes()), (AllocError::NoMemory, before));
                        assert!(new_size > room, "{new_size} bytes would have fitted into {room}");
                    }
                }
            }
            (2, Some((block, layout))) => {
                // SAFETY: `live` holds live blocks.
                if let Ok(block) = unsafe { heap.realloc(block, layout, new_size) } {
                    live[index] = (block, Layout::from_size_align(new_size, layout.align()).unwrap());
                }
            }
            _ => {
                let layout = Layout::from_size_align(new_size, 1 << rng.random_range(0..11)).unwrap();
                live.extend(heap.alloc(layout).map(|block| (block, layout)));
            }
        }
        assert_counts(&heap, pool, &live);
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
#[cfg_attr(miri, ignore = "needs 20 GiB of address space")]
fn a_region_above_the_largest_pool_becomes_several() {
    const GIB: usize = 1 << 30;
    let reserved = Layout::from_size_align(20 * GIB, 16).unwrap();
    // SAFETY: the size is not 0.
    let Some(memory) = NonNull::new(unsafe { std::alloc::alloc(reserved) }) else {
        std::println!("SKIPPED: no 20 GiB of address space to be had");
        return;
    };
    let mut heap = TlsfByteAllocator::new();
    // SAFETY: `memory` is the heap's until it goes. Only a few of its pages are touched, so the others take no memory.
    unsafe { heap.init(memory.as_ptr().expose_provenance(), 20 * GIB).unwrap() };
    let lost = 20 * GIB - heap.total_bytes();
    assert!((3..=4).contains(&(lost / GRANULARITY)), "two pools of 8 GiB, one of 4, and at most a granule trimmed");
    let layout = Layout::from_size_align(7 * GIB, 16).unwrap();
    let blocks = [heap.alloc(layout).unwrap(), heap.alloc(layout).unwrap()];
    assert_eq!(heap.alloc(layout), Err(AllocError::NoMemory));
    for block in blocks {
        // SAFETY: the blocks are live.
        unsafe { heap.dealloc(block, layout) };
    }
    assert_eq!(heap.used_bytes(), 0);
    // SAFETY: the heap is not used any more.
    unsafe { std::alloc::dealloc(memory.as_ptr(), reserved) };
}

#[test]
fn the_largest_alignment_there_is_with_size_zero() {
    let mut heap = TlsfByteAllocator::new();
    let layout = Layout::from_size_align(0, 1 << (usize::BITS - 1)).unwrap();
    assert_eq!(heap.alloc(layout), Err(AllocError::NoMemory));
    assert_eq!(heap.usable_size(layout).0, 0);
}

#[test]
fn a_region_for_a_request_serves_it_and_there_is_none_for_hopeless_ones() {
    let sizes = (1..300).chain([1000, 4095, 4096, 4097, 8191, 65_000, 65_537, 1_000_000]);
    for size in sizes.step_by(if cfg!(miri) { 101 } else { 1 }) {
        for align in [1, 8, 16, 32, 64, 256, 4096] {
            if cfg!(miri) && ![8, 256].contains(&align) {
                continue;
            }
            let layout = Layout::from_size_align(size, align).unwrap();
            // The table has no room for a ninth extent.
            for regions in [0, 8] {
                let mut heap = TlsfByteAllocator::new();
                for _ in 0..regions {
                    let small = vec![0_u64; 16].leak();
                    // SAFETY: the memory is never given back.
                    unsafe { heap.add_memory(small.as_mut_ptr().expose_provenance(), 128).unwrap() };
                }
                let region = heap.region_for(layout).unwrap();
                // The worst place: aligned as asked for, and no better.
                let room = Layout::from_size_align(region.size() + region.align(), 2 * region.align()).unwrap();
                // SAFETY: the size is not 0.
                let start = unsafe { std::alloc::alloc(room) };
                let place = start.expose_provenance() + region.align();
                // SAFETY: the memory outlives the heap.
                unsafe { heap.add_memory(place, region.size()).unwrap() };
                assert!(heap.alloc(layout).is_ok(), "{layout:?} in {region:?}");
                // SAFETY: the heap is not used any more.
                unsafe { std::alloc::dealloc(start, room) };
            }
        }
    }
    let heap = TlsfByteAllocator::new();
    // More than the largest pool has, or at a larger alignment.
    // On 32 bits, a pool can be as large as an object; on 64, it cannot by far.
    let hopeless = [(isize::MAX as usize - 4095, 4096), (8, 1 << (usize::BITS - 2)), (isize::MAX as usize / 4 * 3, 1)];
    for (size, align) in hopeless.into_iter().take(if usize::BITS == 64 { 3 } else { 1 }) {
        assert_eq!(heap.region_for(Layout::from_size_align(size, align).unwrap()), None, "{size}, {align}");
    }
    assert_eq!(heap.region_for(Layout::from_size_align(isize::MAX as usize, 1).unwrap()), None);
}
