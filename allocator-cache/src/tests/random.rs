use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::support::*;
use crate::locks::{LockTrait, NoLock, SpinLock};
use crate::*;

/// Runs a random program, and compares the cache with a map of what should be there.
fn random<T: From<u8> + PartialEq + core::fmt::Debug + Copy, L: LockTrait, const SLAB_SIZE: usize>() {
    let (steps, seed) = steps_and_seed(if cfg!(miri) { 140 } else { 20_000 });
    let mut random = SmallRng::seed_from_u64(seed);
    let heap = Heap::default();
    let cache = SlabCache::<T, L, SLAB_SIZE, _>::with_source(&heap).unwrap();
    let mut live = BTreeMap::new();
    let mut bound = 1;
    for step in 0..steps {
        if random.random_ratio(1, 500) {
            bound = random.random_range(1..600);
            heap.gives_nothing.store(random.random_ratio(1, 4), SeqCst);
            heap.takes_nothing.store(random.random_ratio(1, 4), SeqCst);
        }
        if live.len() < bound && random.random_ratio(7, 8) {
            let value = random.random::<u8>();
            match cache.alloc_with(T::from(value)) {
                Ok(object) => assert!(live.insert(object.as_ptr().addr(), (object, value)).is_none()),
                Err(error) => assert_eq!(error, SlabError::OutOfMemory),
            }
        } else if !live.is_empty() {
            let nth = random.random_range(..live.len());
            let (&address, _) = live.iter().nth(nth).unwrap();
            let (object, value) = live.remove(&address).unwrap();
            assert_eq!(*object, T::from(value));
        }
        assert_eq!(cache.statistics().used_slots, live.len());
        if step % 16 == 0 {
            cache.validate().unwrap();
            assert!(cache.statistics().slabs == heap.live());
        }
    }
    heap.takes_nothing.store(false, SeqCst);
    live.clear();
    cache.shrink();
    assert_eq!(cache.statistics().slabs, 1);
}

#[test]
fn random_programs_do_what_a_map_does() {
    random::<u8, NoLock, 256>();
    random::<u32, SpinLock, 512>();
    random::<u128, AnyLock, 512>();
    random::<u64, NoLock, 4096>();
}
