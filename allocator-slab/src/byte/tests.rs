//! Growth, reclaim, and the table of chunks.

extern crate std;

use std::vec;
use std::vec::Vec;

use allocator_core::ByteAllocator;

use super::*;

/// A heap over memory of its own, aligned to its size.
struct Owned {
    memory: Vec<u8>,
    heap: SlabByteAllocator,
}

impl Owned {
    fn new(size: usize) -> Self {
        let mut memory = vec![0u8; 2 * size];
        let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(size);
        let mut heap = SlabByteAllocator::new();
        // SAFETY: the memory is the heap's, and stays where it is when the vector moves.
        unsafe { heap.init(start, size).unwrap() };
        assert_eq!(heap.total_bytes(), size);
        Self { memory, heap }
    }

    fn alloc(&mut self, size: usize) -> AllocResult<NonNull<u8>> {
        self.heap.alloc(Layout::from_size_align(size, 1).unwrap())
    }

    /// Blocks of `size` bytes until there are no more.
    fn fill(&mut self, size: usize) -> Vec<NonNull<u8>> {
        core::iter::from_fn(|| self.alloc(size).ok()).collect()
    }

    fn free(&mut self, blocks: impl IntoIterator<Item = NonNull<u8>>, size: usize) {
        for block in blocks {
            // SAFETY: the tests give back blocks of this size, once.
            unsafe { self.heap.dealloc(block, Layout::from_size_align(size, 1).unwrap()) };
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        assert!(self.heap.total_bytes() <= self.memory.len());
    }
}

#[test]
fn growth_is_at_most_an_eighth_of_what_is_free_while_one_slot_fits_in_that() {
    for slot_size in [8, 48, 64, 640, 4096] {
        for free in (0..2_000_000).step_by(if cfg!(miri) { 99_991 } else { 997 }) {
            let slots = growth(slot_size, free);
            assert!(slots.is_power_of_two() && slots <= SET_SIZE);
            assert!(slots == 1 || slots * slot_size <= free / 8, "{slots} of {slot_size} out of {free}");
            assert!(2 * slots > SET_SIZE || 2 * slots * slot_size > free / 8, "no smaller than need be");
        }
    }
}

#[test]
fn a_heap_of_32_kib_serves_all_classes_at_once() {
    let ascending: Vec<usize> = PowerOfTwoClasses::SLOT_SIZES.to_vec();
    let descending = ascending.iter().rev().copied().collect();
    for sizes in [ascending, descending] {
        let mut owned = Owned::new(32 << 10);
        let blocks: Vec<_> = sizes.iter().map(|&size| (size, owned.alloc(size).unwrap())).collect();
        assert_eq!(owned.heap.used_bytes(), sizes.iter().sum::<usize>());
        blocks.into_iter().for_each(|(size, block)| owned.free([block], size));
        assert_eq!(owned.heap.used_bytes(), 0);
        let whole = owned.alloc(32 << 10).expect("the heap is one block again");
        owned.free([whole], 32 << 10);
    }
}

#[test]
fn a_pool_is_filled_to_the_last_byte_where_no_table_is_needed() {
    for (slot_size, pool) in [(4096, 32 << 10), (64, 32 << 10), (1024, 64 << 10)] {
        let mut owned = Owned::new(pool);
        let blocks = owned.fill(slot_size);
        assert_eq!(blocks.len(), pool / slot_size);
        assert_eq!(owned.heap.available_bytes(), 0);
        owned.free(blocks, slot_size);
    }
}

#[test]
fn memory_moves_from_class_to_class_and_to_large_blocks() {
    let pool = if cfg!(miri) { 32 << 10 } else { 1 << 20 };
    let mut owned = Owned::new(pool);
    let first: Vec<usize> =
        PowerOfTwoClasses::SLOT_SIZES.iter().map(|&size| Owned::new(pool).fill(size).len()).collect();
    for (class, &size) in PowerOfTwoClasses::SLOT_SIZES.iter().enumerate().chain([(0, &64), (6, &4096), (1, &128)]) {
        let blocks = owned.fill(size);
        assert_eq!(blocks.len(), first[class], "as many blocks of {size} bytes as in a fresh heap");
        owned.free(blocks, size);
        let whole = owned.alloc(pool).expect("the largest block fits again");
        owned.free([whole], pool);
    }
}

#[test]
fn a_chunk_with_a_live_slot_stays_and_the_others_go() {
    let pool = if cfg!(miri) { 64 << 10 } else { 256 << 10 };
    let mut owned = Owned::new(pool);
    let mut blocks = owned.fill(64);
    // One block of each 8 KiB stays.
    let mut survivors = Vec::new();
    for index in (0..blocks.len()).rev().filter(|index| index % 128 == 5) {
        survivors.push(blocks.swap_remove(index));
    }
    owned.free(blocks, 64);
    for (index, block) in survivors.iter().enumerate() {
        // SAFETY: the block is live.
        unsafe { block.write_bytes(index as u8, 64) };
    }
    let large = owned.fill(4096);
    assert!(large.len() > pool >> 14, "{} blocks of 4096", large.len());
    for (index, block) in survivors.iter().enumerate() {
        // SAFETY: the block is live.
        assert_eq!(unsafe { block.cast::<[u8; 64]>().read() }, [index as u8; 64]);
    }
    owned.free(large, 4096);
    owned.free(survivors, 64);
    let whole = owned.alloc(pool).expect("one block again");
    owned.free([whole], pool);
}

#[test]
fn more_chunks_than_the_table_has_room_for_inline() {
    let pool = if cfg!(miri) { 256 << 10 } else { 1 << 20 };
    let mut owned = Owned::new(pool);
    let blocks = owned.fill(64);
    assert!(owned.heap.chunks.moved_out(), "the table has moved to the backing");
    assert!(owned.heap.available_bytes() <= pool / 64, "only the table is left");
    owned.free(blocks, 64);
    assert_eq!(owned.heap.used_bytes(), 0);
    let whole = owned.alloc(pool).expect("the table has gone back, too");
    assert!(!owned.heap.chunks.moved_out());
    owned.free([whole], pool);
}

#[test]
fn free_slots_are_not_walked_again_before_one_is_freed() {
    let mut owned = Owned::new(64 << 10);
    let blocks = owned.fill(64);
    owned.free(blocks.iter().copied().skip(1), 64);
    assert!(owned.alloc(64 << 10).is_err(), "one slot is live");
    assert!(!owned.heap.slabs().iter().any(Slab::needs_count));
    assert!(!owned.heap.reclaim());
    owned.free([blocks[0]], 64);
    assert!(owned.heap.slabs()[0].needs_count());
    assert!(owned.alloc(64 << 10).is_ok());
}

#[test]
fn usable_sizes() {
    let owned = Owned::new(32 << 10);
    let usable = |size, align| owned.heap.usable_size(Layout::from_size_align(size, align).unwrap());
    assert_eq!(usable(0, 1), (0, 64));
    assert_eq!(usable(65, 1), (65, 128));
    assert_eq!(usable(4096, 4096), (4096, 4096));
    assert_eq!(usable(4097, 1), (4097, 8192));
    assert_eq!(usable(1, 16384), (1, 16384));
    assert_eq!(usable(isize::MAX as usize, 1).0, isize::MAX as usize);
}
