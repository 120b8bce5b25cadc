//! What the heap is strict about.

extern crate std;

use std::vec;

use super::*;

#[test]
fn regions_are_strict_and_nothing_is_trimmed() {
    let mut memory = vec![0u8; 6 * MIN_HEAP_SIZE];
    let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(MIN_HEAP_SIZE);
    for (at, size) in [
        (start + 8, MIN_HEAP_SIZE),
        (start + 2048, MIN_HEAP_SIZE),
        (start, 0),
        (start, MIN_HEAP_SIZE - 1),
        (start, MIN_HEAP_SIZE + 4096),
        (start, 4096),
        (usize::MAX & !0xfff, MIN_HEAP_SIZE),
        (start, usize::MAX & !(MIN_HEAP_SIZE - 1)),
    ] {
        // SAFETY: refused, so not touched.
        assert_eq!(unsafe { Heap::try_new(at, size) }.err(), Some(AllocError::InvalidParam), "{at:#x} {size:#x}");
    }
    // SAFETY: the memory is the heap's from here on.
    let mut heap = unsafe { Heap::new(start, MIN_HEAP_SIZE) };
    assert_eq!((heap.total_bytes(), heap.used_bytes()), (MIN_HEAP_SIZE, 0));
    for (at, size, error) in [
        (start + 64, 4096, AllocError::InvalidParam),
        (start, 4095, AllocError::InvalidParam),
        (start, 0, AllocError::InvalidParam),
        (start, 4096, AllocError::MemoryOverlap),
        (start - 4096, 8192, AllocError::MemoryOverlap),
        (start + MIN_HEAP_SIZE - 4096, 8192, AllocError::MemoryOverlap),
    ] {
        // SAFETY: refused, so not touched.
        assert_eq!(unsafe { heap.add_memory(at, size) }, Err(error), "{at:#x} {size:#x}");
        assert_eq!(heap.total_bytes(), MIN_HEAP_SIZE);
    }
    // SAFETY: the memory is the heap's from here on.
    unsafe { heap.add_memory(start + MIN_HEAP_SIZE, 4096).unwrap() };
    assert_eq!(heap.total_bytes(), MIN_HEAP_SIZE + 4096);
}

#[test]
#[should_panic(expected = "no heap of 0x1000 bytes at 0x1000: invalid parameter")]
fn new_panics_where_try_new_gives_an_error() {
    // SAFETY: refused, so not touched.
    let _ = unsafe { Heap::new(0x1000, 0x1000) };
}

#[test]
fn sizes_and_alignments_above_4096_come_from_the_buddy() {
    let mut memory = vec![0u8; 2 << 18];
    let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(1 << 18);
    // SAFETY: the memory is the heap's from here on.
    let mut heap = unsafe { Heap::new(start, 1 << 18) };
    for size in [0, 1, 63, 64, 65, 4095, 4096, 4097, 40_000] {
        for align in (0..=16).map(|shift| 1 << shift) {
            let layout = Layout::from_size_align(size, align).unwrap();
            let address = heap.allocate(layout).unwrap();
            assert!(is_aligned(address, align), "{layout:?}");
            assert_eq!(heap.used_bytes(), heap.usable_size(layout).1);
            assert_eq!(heap.usable_size(layout).1, size.max(align).max(64).next_power_of_two());
            // SAFETY: the block is live.
            unsafe { heap.deallocate(address, layout) };
        }
    }
    let hostile = Layout::from_size_align(isize::MAX as usize - 4096, 4096).unwrap();
    assert_eq!(heap.allocate(hostile), Err(AllocError::NoMemory));
    assert_eq!(heap.used_bytes(), 0);
}
