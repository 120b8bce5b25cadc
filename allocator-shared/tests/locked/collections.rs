//! Collections that allocate from a reference to a locked engine.

use std::thread;

use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use allocator_shared::{DefaultLock, Locked};
use allocator_slab::SlabByteAllocator;
use allocator_tlsf::TlsfByteAllocator;
use hashbrown::HashMap;

use crate::support::{POOL, give_memory};

/// How many elements the tests put into a collection.
const COUNT: u32 = if cfg!(miri) { 30 } else { 1000 };

#[test]
fn a_static_serves_collections_of_all_threads() {
    static HEAP: Locked<TlsfByteAllocator> = Locked::new(TlsfByteAllocator::new());
    give_memory(&HEAP, POOL);
    let mut primes: Vec<u32, &'static Locked<TlsfByteAllocator>> = Vec::new_in(&HEAP);
    primes.extend([2, 3, 5, 7]);
    let sums = thread::scope(|scope| {
        let threads = [0, 1].map(|mark| {
            let primes = &primes;
            scope.spawn(move || {
                let mut map = HashMap::new_in(&HEAP);
                map.extend((0..COUNT).map(|n| (n, n + mark)));
                let boxed = Box::new_in(primes.iter().sum::<u32>(), &HEAP);
                map.values().sum::<u32>() + *boxed
            })
        });
        threads.map(|thread| thread.join().unwrap())
    });
    let sum = COUNT * (COUNT - 1) / 2 + 17;
    assert_eq!(sums, [sum, sum + COUNT]);
    drop(primes);
    assert_eq!(HEAP.with(allocator_core::ByteAllocator::used_bytes), 0);
}

#[test]
fn a_full_heap_is_an_error() {
    let heap: Locked<SlabByteAllocator, DefaultLock> = Locked::new(SlabByteAllocator::new());
    assert!(Vec::<u8, _>::new_in(&heap).try_reserve(1).is_err());
    give_memory(&heap, POOL);
    let mut bytes = Vec::new_in(&heap);
    bytes.extend_from_slice(b"as before");
    assert!(bytes.try_reserve(POOL).is_err());
    assert!(Box::try_new_in([0_u8; POOL], &heap).is_err());
    assert_eq!(*bytes, *b"as before");
    bytes.truncate(2);
    bytes.shrink_to_fit();
    assert_eq!((bytes.capacity(), &*bytes), (2, &b"as"[..]));
}

#[cfg(feature = "nightly")]
#[test]
fn std_collections_allocate_from_a_static() {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    static HEAP: Locked<TlsfByteAllocator> = Locked::new(TlsfByteAllocator::new());
    give_memory(&HEAP, POOL);
    let mut map = BTreeMap::new_in(&HEAP);
    map.extend((0..COUNT).map(|n| (n, std::vec::Vec::from([n]).len())));
    let numbers = Arc::new_in(std::vec::Vec::with_capacity_in(10, &HEAP), &HEAP);
    thread::scope(|scope| {
        let numbers: Arc<std::vec::Vec<u8, _>, _> = numbers.clone();
        scope.spawn(move || assert_eq!(numbers.capacity(), 10));
    });
    assert_eq!(map.len(), COUNT as usize);
    drop((map, numbers));
    assert_eq!(HEAP.with(allocator_core::ByteAllocator::used_bytes), 0);
}
