use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::vec::Vec;

use super::support::*;
use crate::locks::{LockTrait, NoLock, SpinLock};
use crate::*;

/// More objects than five slabs hold.
const MANY: usize = if cfg!(miri) { 5 * 512 / size_of::<Counted<'static>>() } else { 1000 };

fn none<T>(length: usize) -> Vec<Option<T>> {
    (0..length).map(|_| None).collect()
}

fn batches_of_all_lengths<L: LockTrait>() {
    let heap = Heap::default();
    let cache = SlabCache::<u64, L, 512, _>::with_source(&heap).unwrap();
    // Two slabs and more; many.
    let lengths: &[usize] = if cfg!(miri) { &[0, 1, 41, 100] } else { &[0, 1, 2, 40, 41, 42, 100, 1000] };
    for &length in lengths {
        let mut batch = none(length);
        cache.alloc_batch_with(&mut batch, |index| index as u64).unwrap();
        assert!(batch.iter().flatten().map(|number| **number).eq(0..length as u64));
        assert_eq!(cache.statistics().used_slots, length);
        cache.validate().unwrap();
        // What is in the slice goes first.
        cache.alloc_batch(&mut batch).unwrap();
        assert!(batch.iter().flatten().all(|number| **number == 0));
        assert_eq!(cache.statistics().used_slots, length);
    }
}

#[test]
fn a_batch_is_as_many_objects() {
    batches_of_all_lengths::<NoLock>();
    batches_of_all_lengths::<SpinLock>();
    batches_of_all_lengths::<AnyLock>();
}

#[test]
fn a_batch_for_which_there_is_no_memory_is_none() {
    let (drops, heap) = (AtomicUsize::new(0), Heap::default());
    let cache = SlabCache::<Counted, SpinLock, 512, _>::with_source(&heap).unwrap();
    let _held = cache.alloc_with(Counted(&drops)).unwrap();
    for from in 2..6 {
        heap.fails_from.store(heap.calls() + from, SeqCst);
        let mut batch = none(MANY);
        let taken = cache.alloc_batch_with(&mut batch, |_| Counted(&drops));
        assert_eq!(taken, Err(SlabError::OutOfMemory));
        assert!(batch.iter().all(Option::is_none));
        assert_eq!((cache.statistics().used_slots, drops.load(SeqCst)), (1, 0), "no value was made");
        cache.validate().unwrap();
        heap.fails_from.store(0, SeqCst);
        cache.shrink();
    }
}

#[test]
fn a_batch_whose_slots_cannot_be_given_back_is_none() {
    use super::failing::Panicking;

    let (drops, source) = (AtomicUsize::new(0), Panicking::default());
    let cache = SlabCache::<Counted, SpinLock, 512, _>::with_source(&source).unwrap();
    let mut batch = none(1000);
    // At its end the source has no more slabs; it panics when the third of them comes back.
    source.heap.fails_at.store(7, SeqCst);
    source.panics_at.store(3, SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| cache.alloc_batch_with(&mut batch, |_| Counted(&drops)))).is_err());
    assert!(batch.iter().all(Option::is_none), "a box without a value");
    assert_eq!((cache.statistics().used_slots, drops.load(SeqCst)), (0, 0));
    cache.validate().unwrap();
}

#[test]
fn a_batch_whose_values_panic_halfway_is_none() {
    let (drops, heap) = (AtomicUsize::new(0), Heap::default());
    let cache = SlabCache::<Counted, AnyLock, 512, _>::with_source(&heap).unwrap();
    let mut batch = none(100);
    let value = |index| {
        // The values are made without the lock.
        assert_eq!(cache.statistics().used_slots, 100);
        assert!(index < 60, "as intended");
        Counted(&drops)
    };
    assert!(catch_unwind(AssertUnwindSafe(|| cache.alloc_batch_with(&mut batch, value))).is_err());
    assert_eq!((drops.load(SeqCst), cache.statistics().used_slots), (60, 0));
    assert!(batch.iter().all(Option::is_none));
    cache.validate().unwrap();
}
