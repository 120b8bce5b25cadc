//! Where a static heap lies in the image of a program.
#![cfg(all(target_os = "linux", not(miri)))]

use std::sync::Mutex;

use allocator_slab::{FineSlabByteAllocator, SlabByteAllocator};

static DEFAULT: Mutex<SlabByteAllocator> = Mutex::new(SlabByteAllocator::new());
static FINE: Mutex<FineSlabByteAllocator> = Mutex::new(SlabByteAllocator::fine());
static INITIALIZED: Mutex<u8> = Mutex::new(1);

/// Whether the linker put a value where the program's file has no bytes for it.
fn takes_no_room<T>(value: &'static T) -> bool {
    unsafe extern "C" {
        static __bss_start: u8;
        static _end: u8;
    }
    let (start, end) = (&raw const __bss_start, &raw const _end);
    (start.addr()..end.addr()).contains(&(&raw const *value).addr())
}

#[test]
fn a_static_heap_was_as_large_in_the_file_as_in_memory() {
    assert!(!takes_no_room(&INITIALIZED), "what is not zero is in the file");
    assert!(takes_no_room(&DEFAULT) && size_of_val(&DEFAULT) > 3000);
    assert!(takes_no_room(&FINE) && size_of_val(&FINE) > 10_000);
    for heap in [DEFAULT.lock().unwrap().statistics().total_bytes, FINE.lock().unwrap().statistics().total_bytes] {
        assert_eq!(heap, 0);
    }
}
