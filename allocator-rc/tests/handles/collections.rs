//! Collections of `allocator-api2` and `hashbrown`, which narrow their pointers, shrink and move blocks.

use std::fmt::Display;
use std::mem::MaybeUninit;

use allocator_api2::boxed::Box;
use allocator_api2::unsize_box;
use allocator_api2::vec::Vec;
use allocator_buddy::BuddyByteAllocator;
use allocator_rc::{AllocatorArc, AllocatorRc};
use hashbrown::HashMap;

use crate::support::{Handle, Kind, Memory, POOL, Pool, for_all_handles};

/// How many elements the tests put into a collection.
const COUNT: u32 = if cfg!(miri) { 40 } else { 1000 };

for_all_handles! {
    vectors_grow_shrink_and_move,
    boxes_of_all_kinds,
    maps_grow_and_empty,
    collections_of_collections,
    a_vector_that_cannot_grow_says_so,
}

fn vectors_grow_shrink_and_move<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let mut numbers = Vec::new_in(heap.clone());
    for n in 0..COUNT {
        numbers.push(n);
    }
    numbers.shrink_to_fit();
    assert_eq!(numbers.capacity(), COUNT as usize);
    numbers.truncate(10);
    numbers.shrink_to(20);
    let copy = numbers.clone();
    let boxed = numbers.into_boxed_slice();
    assert_eq!(*boxed, copy[..]);
    assert_eq!(boxed.iter().sum::<u32>(), 45);
    let mut empty = copy;
    empty.clear();
    empty.shrink_to_fit();
    empty.extend_from_slice(&boxed);
    drop((empty, boxed));
    let units: Vec<(), _> = std::iter::repeat_n((), 100).fold(Vec::new_in(heap.clone()), |mut units, unit| {
        units.push(unit);
        units
    });
    assert_eq!((units.len(), heap.used_bytes()), (100, 0));
}

#[repr(align(256))]
struct Aligned(u8);

fn boxes_of_all_kinds<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    {
        let byte = Box::new_in(1_u8, heap.clone());
        let three = Box::new_in([2_u8; 3], heap.clone());
        let unit = Box::new_in((), heap.clone());
        let aligned = Box::new_in(Aligned(3), heap.clone());
        let object: Box<dyn Display, K::Handle<'_>> = unsize_box!(Box::new_in(String::from("four"), heap.clone()));
        let slice: Box<[u16], K::Handle<'_>> = unsize_box!(Box::new_in([5_u16; 5], heap.clone()));
        let () = *unit;
        assert_eq!((*byte, *three, aligned.0), (1, [2; 3], 3));
        assert_eq!((&raw const *aligned).addr() % 256, 0);
        assert_eq!((object.to_string().as_str(), slice.len()), ("four", 5));
        // Freed in another order than allocated, next to live ones.
        drop(three);
        let again = Box::new_in([6_u8; 3], heap.clone());
        drop((object, byte, aligned));
        assert_eq!(*again, [6; 3]);
        // A box whose pointer has been through a reference.
        let (raw, allocator) = Box::into_raw_with_allocator(again);
        // SAFETY: the pointer comes from the box, and the reference ends here.
        let raw = &raw mut *unsafe { &mut *raw };
        // SAFETY: as above; back into a box once.
        drop(unsafe { Box::from_raw_in(raw, allocator) });
    }
    assert_eq!(heap.used_bytes(), 0);
}

fn maps_grow_and_empty<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let mut map = HashMap::new_in(heap.clone());
    for n in 0..COUNT {
        map.insert(n, [n; 2]);
    }
    for n in (0..COUNT).step_by(2) {
        assert_eq!(map.remove(&n), Some([n; 2]));
    }
    map.shrink_to_fit();
    assert_eq!(map.len(), COUNT as usize / 2);
    assert!(map.iter().all(|(&key, &value)| key % 2 == 1 && value == [key; 2]));
    let copy = map.clone();
    drop(map);
    assert_eq!(copy.get(&1), Some(&[1; 2]));
    drop(copy);
    assert_eq!(heap.used_bytes(), 0);
}

fn collections_of_collections<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let mut map = HashMap::new_in(heap.clone());
    for n in 0..COUNT / 4 {
        map.entry(n % 7).or_insert_with(|| Vec::new_in(heap.clone())).push(Box::new_in(n, heap.clone()));
    }
    assert_eq!(map.values().flatten().map(|n| **n).sum::<u32>(), (0..COUNT / 4).sum());
    drop(map);
    assert_eq!(heap.used_bytes(), 0);
}

fn a_vector_that_cannot_grow_says_so<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let mut bytes = Vec::new_in(heap.clone());
    bytes.extend_from_slice(b"as before");
    assert!(bytes.try_reserve(POOL).is_err());
    assert!(Box::try_new_in([0_u8; POOL], heap.clone()).is_err());
    assert_eq!(*bytes, *b"as before");
    drop(bytes);
    assert_eq!(heap.used_bytes(), 0);
}

#[test]
fn a_pool_that_is_a_static_serves_collections_without_a_lifetime() {
    fn numbers() -> Option<Vec<u32, AllocatorRc<'static, BuddyByteAllocator>>> {
        static mut MEMORY: [MaybeUninit<u8>; 4096] = [MaybeUninit::uninit(); 4096];
        // SAFETY: the only reference, for the function is called once.
        let pool: &'static mut Pool = unsafe { (&raw mut MEMORY).as_mut() }?;
        let mut numbers = Vec::new_in(AllocatorRc::new(BuddyByteAllocator::new(), pool).ok()?);
        numbers.extend([1, 2, 3]);
        Some(numbers)
    }
    assert_eq!(*numbers().unwrap(), [1, 2, 3]);
}

#[test]
fn handles_are_one_pointer() {
    assert_eq!(size_of::<AllocatorRc<'_, BuddyByteAllocator>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<AllocatorArc<'_, BuddyByteAllocator>>>(), size_of::<usize>());
}
