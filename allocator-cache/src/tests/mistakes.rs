use core::ptr::NonNull;
use std::boxed::Box;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::vec::Vec;

use super::support::*;
use crate::locks::{NoLock, SpinLock};
use crate::*;

type Object<'a> = SlabBox<u64, NoLock, 512, &'a Heap>;

#[test]
fn a_slot_that_is_free_is_no_box() {
    let heap = Heap::default();
    let cache = SlabCache::<u64, NoLock, 512, _>::with_source(&heap).unwrap();
    let pointer = SlabBox::into_raw(cache.alloc_with(5).unwrap());
    // SAFETY: the pointer is that of a box.
    drop(unsafe { Object::from_raw(pointer) }.unwrap());
    // SAFETY: a mistake that is found; the cache keeps the slab.
    let twice = unsafe { Object::from_raw(pointer) };
    assert_eq!(twice.err(), Some(SlabError::InvalidPointer));
    cache.validate().unwrap();
}

#[test]
fn of_two_boxes_of_one_pointer_the_second_drops_nothing() {
    let (drops, heap) = (AtomicUsize::new(0), Heap::default());
    let cache = SlabCache::<Counted, SpinLock, 512, _>::with_source(&heap).unwrap();
    let plain = SlabCache::<u64, NoLock, 512, _>::with_source(&heap).unwrap();
    let pointer = SlabBox::into_raw(cache.alloc_with(Counted(&drops)).unwrap());
    // SAFETY: the first is right; the second is a mistake that is found at its drop.
    let boxes = [(); 2].map(|()| unsafe { SlabBox::<Counted, SpinLock, 512, &Heap>::from_raw(pointer) }.unwrap());
    drop(boxes);
    assert_eq!((drops.load(SeqCst), cache.statistics().used_slots, cache.statistics().faults), (1, 0, 1));
    cache.validate().unwrap();

    let pointer = SlabBox::into_raw(plain.alloc_with(1).unwrap());
    // SAFETY: as above.
    drop([(); 2].map(|()| unsafe { Object::from_raw(pointer) }.unwrap()));
    assert_eq!((plain.statistics().used_slots, plain.statistics().faults), (0, 1));
    plain.validate().unwrap();
    let again: BTreeSet<_> = (0..5).map(|number| SlabBox::into_raw(plain.alloc_with(number).unwrap())).collect();
    assert_eq!(again.len(), 5, "the slot that was freed twice was handed out once");
    for pointer in again {
        // SAFETY: pointers of boxes.
        drop(unsafe { Object::from_raw(pointer) }.unwrap());
    }
}

#[test]
fn of_two_boxes_of_one_pointer_the_second_has_no_value() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::string::String;

    fn twice<T>(value: T) {
        let heap = Heap::default();
        let cache = SlabCache::<T, NoLock, 512, _>::with_source(&heap).unwrap();
        let pointer = SlabBox::into_raw(cache.alloc_with(value).unwrap());
        // SAFETY: the first is right; the second is a mistake that is found when its value is wanted.
        let boxes = [(); 2].map(|()| unsafe { SlabBox::<T, NoLock, 512, &Heap>::from_raw(pointer) }.unwrap());
        let [first, second] = boxes;
        drop(first);
        assert!(catch_unwind(AssertUnwindSafe(|| SlabBox::into_inner(second))).is_err());
        assert_eq!((cache.statistics().used_slots, cache.statistics().faults), (0, 1));
        cache.validate().unwrap();
    }
    twice(String::from("some"));
    twice(1_u64);
}

#[test]
fn foreign_pointers_are_no_boxes() {
    #[repr(align(512))]
    struct Aligned([u64; 64]);

    let heap = Heap::default();
    let cache = SlabCache::<u64, NoLock, 512, _>::with_source(&heap).unwrap();
    let others = SlabCache::<u32, NoLock, 512, _>::with_source(&heap).unwrap();
    let larger = SlabCache::<u64, NoLock, 1024, _>::with_source(&heap).unwrap();
    let object = cache.alloc_with(1).unwrap();
    let (other, large) = (others.alloc_with(2).unwrap(), larger.alloc_with(3).unwrap());
    let mut foreign = Box::new(Aligned([7; 64]));
    let foreign = NonNull::from(&mut foreign.0).cast::<u64>();
    foreign.as_ptr().expose_provenance();
    let slab = SlabBox::into_raw(object);
    let start = slab.as_ptr().map_addr(|address| address & !511);
    let at = |offset: usize| NonNull::new(start.wrapping_byte_add(offset)).unwrap();
    let from_raw = |pointer: NonNull<u64>| {
        // SAFETY: a mistake that is found; all these can be read.
        unsafe { Object::from_raw(pointer) }.err()
    };
    for index in 0..64 {
        // SAFETY: the array has 64 elements.
        assert_eq!(from_raw(unsafe { foreign.add(index) }), Some(SlabError::InvalidPointer));
    }
    for offset in (0..512).filter(|&offset| at(offset) != slab) {
        let expected =
            if offset % align_of::<u64>() == 0 { SlabError::InvalidPointer } else { SlabError::AlignmentMismatch };
        assert_eq!(from_raw(at(offset)), Some(expected), "at {offset}");
    }
    assert_eq!(from_raw(NonNull::new(core::ptr::without_provenance_mut(8)).unwrap()), Some(SlabError::InvalidPointer));
    let narrow = NonNull::new(other.as_ptr().map_addr(|address| address & !7).cast_mut()).unwrap().cast();
    assert_eq!(from_raw(narrow), Some(SlabError::InvalidPointer));
    assert_eq!(from_raw(NonNull::new(large.as_ptr().cast_mut()).unwrap()), Some(SlabError::InvalidPointer));
    // A slab that was moved elsewhere as bytes is none.
    // SAFETY: both are so long, and apart.
    unsafe { foreign.copy_from_nonoverlapping(NonNull::new(start).unwrap().cast(), 64) };
    let offset = slab.addr().get() % 512 / 8;
    // SAFETY: as above.
    assert_eq!(from_raw(unsafe { foreign.add(offset) }), Some(SlabError::InvalidPointer));
    // SAFETY: the pointer of a box.
    assert_eq!(*unsafe { Object::from_raw(slab) }.unwrap(), 1);
}

#[test]
fn an_address_between_slots_of_an_odd_size_is_no_slot() {
    type Odd<'a> = SlabBox<[u8; 5], NoLock, 512, &'a Heap>;
    let heap = Heap::default();
    let cache = SlabCache::<[u8; 5], NoLock, 512, _>::with_source(&heap).unwrap();
    let boxes: Vec<_> = (0..10).map(|number| SlabBox::into_raw(cache.alloc_with([number; 5]).unwrap())).collect();
    for pointer in boxes {
        for offset in 1..5 {
            // SAFETY: a mistake that is found, within the slab.
            let between = unsafe { Odd::from_raw(pointer.byte_add(offset)) };
            assert_eq!(between.err(), Some(SlabError::InvalidPointer));
        }
        // SAFETY: the pointer of a box.
        drop(unsafe { Odd::from_raw(pointer) }.unwrap());
    }
}

/// Writes a number to a free slot, and allocates until the cache finds it.
fn overwrite<const SLAB_SIZE: usize>(free: usize, victim: usize, overwritten_with: u32) {
    type Cache<'a, const SLAB_SIZE: usize> = SlabCache<u64, NoLock, SLAB_SIZE, &'a Heap>;
    let heap = Heap::default();
    let cache = Cache::<SLAB_SIZE>::with_source(&heap).unwrap();
    let pointers: Vec<_> = (0..10).map(|n| SlabBox::into_raw(cache.alloc_with(1000 + n).unwrap())).collect();
    let (to_free, live) = pointers.split_at(free);
    for &pointer in to_free {
        // SAFETY: pointers of boxes.
        drop(unsafe { SlabBox::<u64, NoLock, SLAB_SIZE, &Heap>::from_raw(pointer) }.unwrap());
    }
    // SAFETY: the memory is the slab's; that nobody else writes to it is the rule that is broken here.
    unsafe { to_free[victim].cast::<u32>().write(overwritten_with) };
    let was_in_order = cache.validate().is_ok();
    let (mut taken, mut faults) = (Vec::new(), 0);
    // In the smaller slab that is all there are.
    for _ in 0..cache.statistics().available_slots().min(100) + 1 {
        if cache.statistics().available_slots() == 0 {
            break;
        }
        match cache.alloc_with(taken.len() as u64) {
            Ok(object) => taken.push(object),
            Err(error) => {
                assert_eq!(error, SlabError::FatalError);
                faults += 1;
                cache.validate().unwrap();
                assert!(faults < 3);
            }
        }
    }
    assert_eq!(faults, cache.statistics().faults);
    // A free list that was only cut short is found when the slab is full, for which the larger slab is too large here.
    let found = was_in_order || faults > 0;
    if SLAB_SIZE == 512 {
        assert_eq!(faults == 0, was_in_order, "{overwritten_with:#x} in slot {victim} of {free} free ones");
    }
    // Nothing live was handed out, nothing twice, and nothing beside the slots.
    assert!(taken.iter().enumerate().all(|(number, object)| **object == number as u64));
    assert_eq!(heap.live(), 1);
    for (number, &pointer) in live.iter().enumerate() {
        // SAFETY: pointers of boxes.
        let object = unsafe { SlabBox::<u64, NoLock, SLAB_SIZE, &Heap>::from_raw(pointer) }.unwrap();
        assert_eq!(*object, 1000 + (free + number) as u64);
    }
    drop(taken);
    assert_eq!(cache.validate().is_ok(), found);
}

#[test]
fn whatever_is_written_to_free_memory_is_found_before_it_spreads() {
    let indexes = if cfg!(miri) { 5 } else { 70 };
    for free in if cfg!(miri) { 1..3 } else { 1..5 } {
        for victim in 0..free {
            for overwritten_with in (0..indexes).chain([0xffff, 0xffff_ffff, 0x5a5a_5a5a, 0x8000]) {
                overwrite::<512>(free, victim, overwritten_with);
                // Indexes of 4 bytes.
                if !cfg!(miri) {
                    overwrite::<262_144>(free, victim, overwritten_with);
                }
            }
        }
    }
}
