//! What the `Allocator` trait promises of blocks: alignment, contents, sizes of 0, failures.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;

use crate::support::{Handle, Kind, Memory, POOL, all_are, for_all_handles};

for_all_handles! {
    the_slice_is_as_long_as_asked_for,
    a_clone_frees_what_another_allocated,
    blocks_of_size_0_are_aligned_and_cost_nothing,
    growing_from_size_0_and_shrinking_to_it,
    grow_and_shrink_keep_contents_whatever_the_alignment,
    zeroed_memory_is_zero_even_where_it_was_dirty,
    grow_zeroed_leaves_the_old_part_alone,
    a_grow_that_fails_leaves_the_block,
    a_shrink_that_fails_leaves_the_block,
    out_of_memory_is_an_error,
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// What every block that is filled holds, from its start. Written and compared in one go, for Miri is slow on loops.
static PATTERN: [u8; 8192] = {
    let mut bytes = [0; 8192];
    let mut index = 0;
    while index < bytes.len() {
        bytes[index] = (index % 251) as u8 + 1;
        index += 1;
    }
    bytes
};

fn fill(block: NonNull<[u8]>) {
    let pattern = &PATTERN[..block.len()];
    // SAFETY: the block is as long as that, and lies elsewhere.
    unsafe { block.cast::<u8>().copy_from_nonoverlapping(NonNull::from(pattern).cast(), pattern.len()) };
}

/// Asserts that the first `size` bytes of a block are as `fill` left them.
fn check(block: NonNull<u8>, size: usize) {
    // SAFETY: so many bytes of the block were written.
    let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
    assert!(bytes == &PATTERN[..size], "{bytes:?}");
}

fn the_slice_is_as_long_as_asked_for<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let sizes: &[usize] =
        if cfg!(miri) { &[1, 9, 64, 1000] } else { &[1, 2, 3, 7, 8, 9, 63, 64, 65, 1000, 4096, 5000] };
    for &size in sizes {
        for align in [1, 8, 64, 4096] {
            let layout = layout(size, align);
            for block in [heap.allocate(layout).unwrap(), heap.allocate_zeroed(layout).unwrap()] {
                assert_eq!(block.len(), size);
                assert!(block.cast::<u8>().addr().get().is_multiple_of(align));
                // SAFETY: the block comes back once.
                unsafe { heap.deallocate(block.cast(), layout) };
            }
        }
    }
    assert_eq!(heap.used_bytes(), 0);
}

fn a_clone_frees_what_another_allocated<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let layout = layout(100, 8);
    let block = {
        let clone = heap.clone();
        clone.allocate(layout).unwrap()
    };
    fill(block);
    // SAFETY: a clone has the same blocks; the block comes back once.
    let block = unsafe { heap.clone().grow(block.cast(), layout, self::layout(200, 8)) }.unwrap();
    check(block.cast(), 100);
    // SAFETY: as above.
    unsafe { heap.deallocate(block.cast(), self::layout(200, 8)) };
    assert_eq!(heap.used_bytes(), 0);
}

fn blocks_of_size_0_are_aligned_and_cost_nothing<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    for align in (0..usize::BITS - 1).map(|shift| 1 << shift) {
        let layout = layout(0, align);
        for block in [heap.allocate(layout).unwrap(), heap.allocate_zeroed(layout).unwrap()] {
            assert_eq!(block.len(), 0);
            assert!(block.cast::<u8>().addr().get().is_multiple_of(align));
            assert_eq!(heap.used_bytes(), 0);
            // SAFETY: the block comes back once.
            unsafe { heap.deallocate(block.cast(), layout) };
        }
    }
}

fn growing_from_size_0_and_shrinking_to_it<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    for (empty, full) in
        [(layout(0, 1), layout(100, 1)), (layout(0, 64), layout(100, 4)), (layout(0, 2), layout(9, 32))]
    {
        let block = heap.allocate(empty).unwrap();
        // SAFETY: the layouts are those of the blocks.
        unsafe {
            let block = heap.grow(block.cast(), empty, empty).unwrap();
            let block = heap.grow(block.cast(), empty, full).unwrap();
            assert!(block.cast::<u8>().addr().get().is_multiple_of(full.align()));
            assert!(heap.used_bytes() >= full.size());
            fill(block);
            let block = heap.shrink(block.cast(), full, empty).unwrap();
            assert_eq!((block.len(), heap.used_bytes()), (0, 0));
            assert!(block.cast::<u8>().addr().get().is_multiple_of(empty.align()));
            let block = heap.grow_zeroed(block.cast(), empty, full).unwrap();
            assert!(all_are(block.as_ref(), 0));
            let block = heap.shrink(block.cast(), full, empty).unwrap();
            let block = heap.shrink(block.cast(), empty, layout(0, 1 << 20)).unwrap();
            assert!(block.cast::<u8>().addr().get().is_multiple_of(1 << 20));
            heap.deallocate(block.cast(), layout(0, 1 << 20));
        }
        assert_eq!(heap.used_bytes(), 0);
    }
}

fn grow_and_shrink_keep_contents_whatever_the_alignment<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let aligns: &[usize] = if cfg!(miri) { &[4, 128] } else { &[1, 4, 16, 128, 1024] };
    let large = if cfg!(miri) { 200 } else { 3000 };
    for (from, to) in aligns.iter().flat_map(|&from| aligns.iter().map(move |&to| (from, to))) {
        for (small, large) in [(1, 1), (1, 40), (40, 40), (48, large)] {
            let (old, new) = (layout(small, from), layout(large, to));
            let block = heap.allocate(old).unwrap();
            fill(block);
            // SAFETY: the layouts are those of the blocks.
            unsafe {
                let grown = heap.grow(block.cast(), old, new).unwrap();
                assert_eq!(grown.len(), large);
                assert!(grown.cast::<u8>().addr().get().is_multiple_of(to));
                check(grown.cast(), small);
                fill(grown);
                let shrunk = heap.shrink(grown.cast(), new, old).unwrap();
                assert_eq!(shrunk.len(), small);
                assert!(shrunk.cast::<u8>().addr().get().is_multiple_of(from));
                check(shrunk.cast(), small);
                heap.deallocate(shrunk.cast(), old);
            }
            assert_eq!(heap.used_bytes(), 0, "{old:?} to {new:?}");
        }
    }
}

fn zeroed_memory_is_zero_even_where_it_was_dirty<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    for size in [1, 24, 500, 5000] {
        let layout = layout(size, 8);
        // SAFETY: the blocks come back once.
        unsafe {
            let dirty = heap.allocate(layout).unwrap();
            dirty.cast::<u8>().write_bytes(0xff, size);
            heap.deallocate(dirty.cast(), layout);
            let block = heap.allocate_zeroed(layout).unwrap();
            assert!(all_are(block.as_ref(), 0));
            heap.deallocate(block.cast(), layout);
        }
    }
}

fn grow_zeroed_leaves_the_old_part_alone<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    for (small, large, old_align, new_align) in
        [(1, 2, 1, 1), (10, 20, 8, 8), (30, 3000, 4, 4), (30, 3000, 4, 64), (30, 50, 64, 4), (5, 5, 1, 1), (5, 5, 8, 1)]
    {
        let (old, new) = (layout(small, old_align), layout(large, new_align));
        // SAFETY: the layouts are those of the blocks.
        unsafe {
            let dirty = heap.allocate(layout(5000, 8)).unwrap();
            dirty.cast::<u8>().write_bytes(0xff, 5000);
            heap.deallocate(dirty.cast(), layout(5000, 8));
            let block = heap.allocate(old).unwrap();
            block.cast::<u8>().write_bytes(0xee, small);
            let grown = heap.grow_zeroed(block.cast(), old, new).unwrap();
            let (kept, added) = grown.as_ref().split_at(small);
            assert!(all_are(kept, 0xee));
            assert!(all_are(added, 0));
            heap.deallocate(grown.cast(), new);
        }
    }
    assert_eq!(heap.used_bytes(), 0);
}

fn a_grow_that_fails_leaves_the_block<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let old = layout(100, 8);
    let block = heap.allocate(old).unwrap();
    fill(block);
    let used = heap.used_bytes();
    for too_large in [layout(POOL, 8), layout(POOL, 64), layout(POOL, 1), layout(isize::MAX as usize - 7, 8)] {
        // SAFETY: the layouts are those of the block, which stays.
        unsafe {
            assert!(heap.grow(block.cast(), old, too_large).is_err());
            assert!(heap.grow_zeroed(block.cast(), old, too_large).is_err());
        }
        check(block.cast(), 100);
        assert_eq!(heap.used_bytes(), used);
    }
    // SAFETY: the block comes back once.
    unsafe { heap.deallocate(block.cast(), old) };
    assert_eq!(heap.used_bytes(), 0);
}

fn a_shrink_that_fails_leaves_the_block<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let old = layout(100, 8);
    let block = heap.allocate(old).unwrap();
    fill(block);
    // No block of this alignment is in the pool, so the old one cannot move.
    let new = layout(50, 1 << 30);
    // SAFETY: the layouts are those of the block, which stays.
    assert!(unsafe { heap.shrink(block.cast(), old, new) }.is_err());
    check(block.cast(), 100);
    // SAFETY: the block comes back once.
    unsafe { heap.deallocate(block.cast(), old) };
    assert_eq!(heap.used_bytes(), 0);
}

fn out_of_memory_is_an_error<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    for hopeless in [layout(POOL, 1), layout(isize::MAX as usize, 1), layout(1, 1 << (usize::BITS - 2))] {
        assert!(heap.allocate(hopeless).is_err());
        assert!(heap.allocate_zeroed(hopeless).is_err());
    }
    let size = if cfg!(miri) { 4000 } else { 1000 };
    let layout = layout(size, 8);
    let blocks: Vec<_> = std::iter::from_fn(|| heap.allocate(layout).ok()).collect();
    assert!(blocks.len() >= POOL / (4 * size));
    for &block in &blocks {
        // SAFETY: every block comes back once.
        unsafe { heap.deallocate(block.cast(), layout) };
    }
    assert_eq!(heap.used_bytes(), 0);
    assert_eq!(std::iter::from_fn(|| heap.allocate(layout).ok()).count(), blocks.len());
}
