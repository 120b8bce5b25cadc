//! Tests of the table: beside a map, and of its tree by itself.

extern crate std;

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use allocator_buddy::BuddyByteAllocator;
use allocator_conformance::{seed, steps};
use allocator_core::{AllocError, BaseAllocator};
use core::alloc::Layout;
use core::ptr;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::chunk::ClassIndex;

const CLASSES: usize = 3;
/// What the starts of the chunks of these tests are multiples of. They are never read.
const DISTANCE: usize = 64;

struct Fixture {
    table: ChunkTable,
    slabs: [Slab; CLASSES],
    backing: Backing<BuddyByteAllocator>,
    _memory: Vec<u64>,
}

impl Fixture {
    /// A table over a backing with blocks of entries of so many bytes.
    fn new(bytes: usize) -> Self {
        let mut memory = vec![0u64; bytes / 4];
        let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(bytes);
        let mut backing = BuddyByteAllocator::new();
        // SAFETY: the memory is the backing's, and stays where it is when the vector moves.
        unsafe { backing.init(start, bytes).unwrap() };
        let slabs = Slab::for_sizes([64; CLASSES]);
        Self { table: ChunkTable::new(), slabs, backing: Backing::new(backing), _memory: memory }
    }

    fn add(&mut self, start: usize, class: usize) -> AllocResult {
        let chunk = Chunk::new(NonNull::new(ptr::without_provenance_mut(start)).unwrap(), ClassIndex::new(class), 1);
        self.table.add(chunk, &mut self.slabs[class], &mut self.backing)
    }

    fn remove(&mut self, start: usize) -> Chunk {
        let link = self.table.find(start).unwrap().id;
        self.table.remove(link, &mut self.slabs, &mut self.backing)
    }

    /// That the table has these chunks, and no others: in the tree, and in the rings.
    fn check(&self, expected: &BTreeMap<usize, usize>) {
        assert_eq!(self.table.validate(), Ok(()));
        let mut in_rings = BTreeMap::new();
        for (class, slab) in self.slabs.iter().enumerate() {
            for chunk in self.table.of_slab(slab) {
                assert_eq!(chunk.class.get(), class);
                assert_eq!(in_rings.insert(chunk.address(), class), None);
            }
        }
        assert_eq!(in_rings, *expected);
        assert_eq!(self.table.iter().count(), expected.len());
    }

    /// That `address` finds what a map finds.
    fn check_find(&self, address: usize, expected: &BTreeMap<usize, usize>) {
        let found = self.table.find(address);
        let at_or_below = expected.range(..=address).next_back();
        assert_eq!(found.map(|found| self.table.get(found.id).address()), at_or_below.map(|(&start, _)| start));
        let at_or_above = self.table.at_or_above(address).map(|id| self.table.get(id).address());
        assert_eq!(at_or_above, expected.range(address..).next().map(|(&start, _)| start));
        if let Some(found) = found {
            let above = expected.range(address + 1..).next().map_or(usize::MAX, |(&start, _)| start);
            assert!(found.is_at(address) && found.is_at(above - 1) && !found.is_at(above));
        }
    }
}

#[test]
fn a_random_program_agrees_with_a_map() {
    let mut rng = SmallRng::seed_from_u64(seed());
    let mut fixture = Fixture::new(64 << 10);
    let mut expected = BTreeMap::new();
    let most = if cfg!(miri) { 100 } else { 400 };
    let mut had_blocks = false;
    for step in 0..steps(if cfg!(miri) { 240 } else { 20_000 }) {
        // It grows and shrinks by turns, past what the store has room for in itself.
        let growing = step / (2 * most) % 2 == 0;
        let start = DISTANCE * rng.random_range(1..=most);
        if expected.contains_key(&start) && rng.random_range(0..4) >= u8::from(growing) * 3 {
            let class = expected.remove(&start);
            assert_eq!(Some(fixture.remove(start).class.get()), class);
        } else if !expected.contains_key(&start) && rng.random_range(0..4) >= u8::from(!growing) * 3 {
            let class = rng.random_range(0..CLASSES);
            fixture.add(start, class).unwrap();
            expected.insert(start, class);
        }
        if !cfg!(miri) || step % 40 == 0 {
            fixture.check(&expected);
        }
        fixture.check_find(rng.random_range(1..DISTANCE * most * 2), &expected);
        had_blocks |= fixture.table.block_bytes() > 0;
    }
    assert!(had_blocks);
    for start in expected.keys().copied().collect::<Vec<_>>() {
        fixture.remove(start);
        expected.remove(&start);
    }
    fixture.check(&expected);
    assert_eq!((fixture.backing.own_bytes(), fixture.table.block_bytes()), (0, 0));
}

#[test]
fn ascending_and_descending_chunks_keep_the_tree_low() {
    let count = if cfg!(miri) { 80 } else { 500 };
    for descending in [false, true] {
        let mut fixture = Fixture::new(64 << 10);
        let mut expected = BTreeMap::new();
        for index in 0..count {
            let start = DISTANCE * (1 + if descending { count - index } else { index });
            fixture.add(start, 0).unwrap();
            expected.insert(start, 0);
        }
        fixture.check(&expected);
        // And from one end only.
        for index in 0..count / 2 {
            let start = DISTANCE * (1 + index + usize::from(descending));
            fixture.remove(start);
            expected.remove(&start);
            if !cfg!(miri) || index % 16 == 0 {
                fixture.check(&expected);
            }
        }
        fixture.check(&expected);
    }
}

#[test]
fn a_table_that_moves_knows_its_chunks() {
    let mut fixture = Fixture::new(4096);
    for index in 1..=3 {
        fixture.add(DISTANCE * index, index % CLASSES).unwrap();
    }
    let mut moved = std::boxed::Box::new(fixture);
    moved.check(&[(DISTANCE, 1), (2 * DISTANCE, 2), (3 * DISTANCE, 0)].into());
    moved.remove(2 * DISTANCE);
    moved.check(&[(DISTANCE, 1), (3 * DISTANCE, 0)].into());
}

#[test]
fn without_memory_for_a_block_of_entries_nothing_changes() {
    let mut fixture = Fixture::new(4096);
    let block = fixture.backing.alloc_own(Layout::from_size_align(4096, 8).unwrap()).unwrap();
    let mut expected = BTreeMap::new();
    for index in 1..=ChunkStore::INLINE {
        fixture.add(DISTANCE * index, 0).unwrap();
        expected.insert(DISTANCE * index, 0);
    }
    let one_more = DISTANCE * (ChunkStore::INLINE + 1);
    assert_eq!(fixture.add(one_more, 0), Err(AllocError::NoMemory));
    fixture.check(&expected);
    // SAFETY: the block was taken with this layout.
    unsafe { fixture.backing.dealloc_own(block, Layout::from_size_align(4096, 8).unwrap()) };
    fixture.add(one_more, 0).unwrap();
    expected.insert(one_more, 0);
    fixture.check(&expected);
}
