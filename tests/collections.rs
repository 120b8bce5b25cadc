//! Real collections out of a real pool, through `AllocatorRc` on every byte engine: four workloads, whose contents are
//! checked, and after which nothing is left allocated.

#![cfg_attr(feature = "nightly", feature(allocator_api, btreemap_alloc))]

use std::mem::MaybeUninit;

use allocator::{AllocatorRc, BuddyByteAllocator, ByteAllocator, SlabByteAllocator, TlsfByteAllocator};
use allocator_api2::vec::Vec as PoolVec;
use allocator_conformance::seed;
use hashbrown::{DefaultHashBuilder, HashMap};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

const POOL_SIZE: usize = 128 << 20;
const MAP_KEYS: usize = 50_000;

/// Runs `workload` with a handle to a fresh heap, and checks that it leaves nothing behind.
fn with_heap<A: ByteAllocator + 'static>(engine: A, workload: impl FnOnce(&AllocatorRc<'_, A>)) {
    let mut pool = Box::<[u8]>::new_uninit_slice(POOL_SIZE);
    let pool: &mut [MaybeUninit<u8>] = &mut pool;
    let heap = AllocatorRc::new(engine, pool).unwrap();
    workload(&heap);
    assert_eq!(heap.used_bytes(), 0, "everything was given back");
    assert_eq!(heap.available_bytes(), heap.total_bytes());
}

fn push_three_million<A: ByteAllocator>(heap: &AllocatorRc<'_, A>) {
    let mut numbers = PoolVec::new_in(heap.clone());
    (0..3_000_000_u32).for_each(|n| numbers.push(n));
    assert!(numbers.iter().copied().eq(0..3_000_000));
}

/// `count` vectors of `len` numbers each, freed in random order.
fn many_vectors<A: ByteAllocator>(heap: &AllocatorRc<'_, A>, count: usize, len: usize) {
    let contents = |index: usize| (0..len as u64).map(move |n| n ^ index as u64);
    let mut vectors: Vec<_> = (0..count)
        .map(|index| {
            let mut vector = PoolVec::with_capacity_in(len, heap.clone());
            vector.extend(contents(index));
            (index, vector)
        })
        .collect();
    vectors.shuffle(&mut SmallRng::seed_from_u64(seed()));
    for (index, vector) in vectors {
        assert!(vector.iter().copied().eq(contents(index)));
    }
}

/// A vector that becomes smaller while the pool is full keeps its block, so nothing aborts for want of memory.
fn shrink_in_a_full_pool<A: ByteAllocator>(heap: &AllocatorRc<'_, A>) {
    let mut vector = PoolVec::<u8, _>::with_capacity_in(100, heap.clone());
    vector.extend(0..70);
    let mut filling = Vec::new();
    for size in [1 << 20, 4096, 128, 8, 1] {
        let mut block = PoolVec::<u8, _>::new_in(heap.clone());
        while block.try_reserve_exact(size).is_ok() {
            filling.push(std::mem::replace(&mut block, PoolVec::new_in(heap.clone())));
        }
    }
    let address = vector.as_ptr();
    vector.shrink_to_fit();
    assert_eq!((vector.as_ptr(), vector.capacity()), (address, 70));
    assert!(vector.iter().copied().eq(0..70));
}

/// The decimal digits of a number, in the pool.
fn key<'pool, A: ByteAllocator>(heap: &AllocatorRc<'pool, A>, number: u32) -> PoolVec<u8, AllocatorRc<'pool, A>> {
    let mut key = PoolVec::new_in(heap.clone());
    key.extend(number.to_string().bytes());
    key
}

/// String keys inserted at random into a hash map, then removed one by one.
fn hash_map<A: ByteAllocator>(heap: &AllocatorRc<'_, A>) {
    let mut rng = SmallRng::seed_from_u64(seed());
    let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), heap.clone());
    let mut numbers: Vec<u32> = (0..MAP_KEYS).map(|_| rng.random()).collect();
    for &number in &numbers {
        map.insert(key(heap, number), number);
    }
    numbers.shuffle(&mut rng);
    for number in numbers {
        // The same number may have come up twice.
        assert!(map.remove(&key(heap, number)).is_none_or(|removed| removed == number));
    }
    assert!(map.is_empty());
}

/// The same in a B-tree of the standard library's strings of bytes, smallest first.
#[cfg(feature = "nightly")]
fn btree_map<A: ByteAllocator>(heap: &AllocatorRc<'_, A>) {
    let mut rng = SmallRng::seed_from_u64(seed());
    let mut map = std::collections::BTreeMap::new_in(heap.clone());
    for _ in 0..MAP_KEYS {
        let number: u32 = rng.random();
        let mut key = std::vec::Vec::<u8, _>::new_in(heap.clone());
        key.extend_from_slice(number.to_string().as_bytes());
        map.insert(key, number);
    }
    let mut last = Vec::new();
    while let Some((key, number)) = map.pop_first() {
        assert_eq!(key, number.to_string().as_bytes());
        assert!(last < key[..].to_vec(), "in order");
        last = key[..].to_vec();
    }
}

macro_rules! workloads {
    ($($name:ident: $engine:expr;)*) => {
        $(mod $name {
            use super::*;

            #[test]
            fn push_three_million_numbers() {
                with_heap($engine, push_three_million);
            }

            #[test]
            fn vectors_of_64() {
                with_heap($engine, |heap| many_vectors(heap, 25_000, 64));
            }

            #[test]
            fn vectors_of_520() {
                with_heap($engine, |heap| many_vectors(heap, 7_500, 520));
            }

            #[test]
            fn a_vector_that_shrinks_in_a_full_pool() {
                with_heap($engine, shrink_in_a_full_pool);
            }

            #[test]
            fn hash_map_of_strings() {
                with_heap($engine, hash_map);
            }

            #[test]
            #[cfg(feature = "nightly")]
            fn btree_map_of_strings() {
                with_heap($engine, btree_map);
            }
        })*
    };
}

workloads! {
    tlsf: TlsfByteAllocator::new();
    slab: SlabByteAllocator::new();
    buddy: BuddyByteAllocator::new();
}
