//! Tests of what the cache promises, on one thread and on several.

extern crate std;

mod batches;
mod failing;
mod from_frames;
mod mistakes;
mod ownership;
mod random;
mod safe_code;
mod support;
mod threads;

use std::vec::Vec;

use super::locks::{NoLock, SpinLock};
use super::*;
use support::*;

/// So many slabs suffice for one that is full between the primary and the last one.
const SLABS: usize = if cfg!(miri) { 3 } else { 4 };

/// A slab that holds many of the smallest values.
const SMALL_SLAB: usize = if cfg!(miri) { 256 } else { 512 };

/// Fills slabs to their edges and empties them again, with everything recounted after each step.
fn fill_and_empty<T: PartialEq + Clone + core::fmt::Debug, L: locks::LockTrait, const SLAB_SIZE: usize>(value: &T) {
    let heap = Heap::default();
    let cache = SlabCache::<T, L, SLAB_SIZE, _>::with_source(&heap).unwrap();
    let per_primary = cache.statistics().total_slots;
    let mut boxes = Vec::new();
    while cache.statistics().slabs < SLABS {
        boxes.push(cache.alloc_with(value.clone()).unwrap());
        if (boxes.len() < 100 && !cfg!(miri)) || boxes.len().is_multiple_of(1 + SLAB_SIZE / 8) {
            cache.validate().unwrap();
        }
    }
    let statistics = cache.statistics();
    assert_eq!(statistics.used_slots, boxes.len());
    assert_eq!(statistics.bytes, SLABS * SLAB_SIZE);
    let per_slab = (statistics.total_slots - per_primary) / (SLABS - 1);
    assert_eq!(boxes.len(), per_primary + (SLABS - 2) * per_slab + 1);
    assert!(per_primary >= 2 && per_primary <= per_slab);
    let mut addresses: Vec<_> = boxes.iter().map(|object| object.as_ptr().addr()).collect();
    addresses.sort_unstable();
    for pair in addresses.windows(2) {
        assert!(pair[0] + size_of::<T>().max(1) <= pair[1], "objects overlap");
    }
    assert!(addresses.iter().all(|address| address.is_multiple_of(align_of::<T>())));
    let boxes_per_step = if cfg!(miri) { 97 } else { 7 + SLAB_SIZE / 64 };
    while !boxes.is_empty() {
        for _ in 0..boxes_per_step.min(boxes.len()) {
            let object = boxes.swap_remove(boxes.len() / 2);
            assert_eq!(*object, *value);
        }
        cache.validate().unwrap();
    }
    // One empty slab is kept, and given back when asked.
    assert_eq!((cache.statistics().used_slots, cache.statistics().slabs), (0, 2));
    assert_eq!((cache.shrink(), cache.shrink()), (1, 0));
    assert_eq!(
        cache.statistics(),
        SlabStatistics { total_slots: per_primary, slabs: 1, bytes: SLAB_SIZE, ..Default::default() }
    );
    drop(cache);
    assert_eq!(heap.live(), 0);
}

#[test]
fn any_size_of_value_fills_slabs_to_the_edge() {
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(64))]
    struct Wide(u8);

    fill_and_empty::<(), NoLock, SMALL_SLAB>(&());
    fill_and_empty::<u8, NoLock, SMALL_SLAB>(&7);
    fill_and_empty::<u16, SpinLock, SMALL_SLAB>(&7);
    fill_and_empty::<[u8; 5], AnyLock, 512>(&[1; 5]);
    fill_and_empty::<Wide, NoLock, 1024>(&Wide(3));
    fill_and_empty::<[u64; 0], NoLock, SMALL_SLAB>(&[]);
    if !cfg!(miri) {
        fill_and_empty::<[u8; 3], NoLock, 512>(&[1, 2, 3]);
        fill_and_empty::<u32, NoLock, 256>(&7);
        fill_and_empty::<u64, SpinLock, 512>(&7);
        fill_and_empty::<u128, NoLock, 512>(&7);
        fill_and_empty::<[u64; 8], AnyLock, 1024>(&[7; 8]);
        fill_and_empty::<u8, NoLock, 131_072>(&7);
        fill_and_empty::<u8, NoLock, 262_144>(&7);
        fill_and_empty::<[u8; 5], NoLock, 262_144>(&[7; 5]);
        fill_and_empty::<[u8; 1000], SpinLock, 65_536>(&[7; 1000]);
    }
}

#[test]
fn the_slot_given_back_last_is_handed_out_first() {
    let heap = Heap::default();
    let cache = SlabCache::<u64, NoLock, 512, _>::with_source(&heap).unwrap();
    let boxes: Vec<_> = (0..5).map(|number| cache.alloc_with(number).unwrap()).collect();
    let addresses: Vec<_> = boxes.iter().map(SlabBox::as_ptr).collect();
    drop(boxes);
    let again: Vec<_> = (0..5).map(|number| cache.alloc_with(number).unwrap()).collect();
    assert!(again.iter().map(SlabBox::as_ptr).eq(addresses.into_iter().rev()));
}

#[test]
fn going_back_and_forth_over_the_edge_of_a_slab_does_not_call_the_source() {
    let heap = Heap::default();
    let cache = SlabCache::<u64, NoLock, 512, _>::with_source(&heap).unwrap();
    let _full: Vec<_> = (0..cache.statistics().total_slots as u64).map(|n| cache.alloc_with(n).unwrap()).collect();
    drop(cache.alloc_with(1).unwrap());
    let calls = heap.calls();
    for number in 0..100 {
        drop(cache.alloc_with(number).unwrap());
        cache.validate().unwrap();
    }
    assert_eq!(heap.calls(), calls);
}

#[test]
fn a_partial_slab_is_preferred_to_an_empty_one() {
    let heap = Heap::default();
    let cache = SlabCache::<u64, NoLock, 512, _>::with_source(&heap).unwrap();
    let mut boxes: Vec<_> = (0..cache.statistics().total_slots as u64).map(|n| cache.alloc_with(n).unwrap()).collect();
    drop(cache.alloc_with(1).unwrap());
    assert_eq!(cache.statistics().slabs, 2);
    let hole = boxes.remove(3);
    let address = hole.as_ptr();
    drop(hole);
    assert_eq!(cache.alloc_with(9).unwrap().as_ptr(), address);
}

#[test]
fn the_same_calls_work_through_any_handle() {
    let heap = Heap::default();
    #[expect(unused_mut, reason = "as callers may hold it")]
    let mut cache = SlabCache::<u64, SpinLock, 512, _>::with_source(&heap).unwrap();
    let clone = cache.clone();
    let mut object = cache.alloc().unwrap();
    *object += 5;
    assert_eq!((*object, clone.statistics().used_slots), (5, 1));
    assert_eq!(*clone.alloc_zeroed().unwrap(), 0);
    assert!(std::ptr::eq(*cache.source(), *clone.source()));
    assert_eq!(std::format!("{object} {object:?}"), "5 5");
    assert!(std::format!("{cache:?}").contains("used_slots: 1"));
}

#[test]
fn a_handle_and_a_box_are_one_pointer_and_have_a_niche() {
    type Cache = SlabCache<u64, SpinLock, 512, &'static Heap>;
    type Object = Option<SlabBox<u64, SpinLock, 512, &'static Heap>>;
    assert_eq!((size_of::<Cache>(), size_of::<Object>()), (size_of::<usize>(), size_of::<usize>()));
}

#[test]
fn any_lock_of_lock_api_protects_a_cache() {
    const { assert!(!<locks::RawLock<spin::Mutex<()>> as locks::LockTrait>::RELEASE_IS_LAST) };
    fill_and_empty::<u64, locks::RawLock<spin::Mutex<()>>, 512>(&7);
    let cache = SlabCache::<u64, locks::RawLock<spin::Mutex<()>>, 512, _>::with_source(sources::StdSource).unwrap();
    let object = cache.alloc_with(3).unwrap();
    drop(cache);
    assert_eq!(SlabBox::into_inner(object), 3);
}

#[test]
fn memory_beyond_the_slots_is_a_bit_for_each_and_128_bytes_a_slab() {
    let heap = Heap::default();
    // Slots that leave no remainder, so that nothing else is lost.
    let cache = SlabCache::<[u8; 64], SpinLock, 65_536, _>::with_source(&heap).unwrap();
    let objects = if cfg!(miri) { 1500 } else { 10_000 };
    let boxes: Vec<_> = (0..objects).map(|_| cache.alloc_with([1; 64]).unwrap()).collect();
    let statistics = cache.statistics();
    let own = statistics.bytes - 64 * statistics.total_slots;
    let allowed = statistics.total_slots.div_ceil(8) + 128 * statistics.slabs;
    assert!(own <= allowed, "{own} bytes beside the slots, {allowed} allowed");
    drop(boxes);
}
