//! Static engines take no space in the executable: their empty state is all zero bytes, so that they lie in `.bss`.
//!
//! The packages below allow it for all three: the lists of `rlsf` and `buddy_system_allocator` are null pointers at first, and
//! the bitmaps of `bitmap-allocator` have no bit set.

#![cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]

use std::hint::black_box;

use allocator_bitmap::{BitmapIdAllocator, BitmapPageAllocator};
use allocator_buddy::BuddyByteAllocator;
use allocator_core::{ByteAllocator, IdAllocator, PageAllocator};
use allocator_shared::Locked;
use allocator_tlsf::TlsfByteAllocator;

unsafe extern "C" {
    /// The linker puts this symbol where `.bss` begins.
    safe static __bss_start: u8;
    /// And this one where it ends.
    safe static _end: u8;
}

/// Whether all of a static lies in `.bss`.
fn in_bss<T>(engine: &'static T) -> bool {
    let (start, size) = ((&raw const *engine).addr(), size_of::<T>());
    let bss = (&raw const __bss_start).addr()..(&raw const _end).addr();
    bss.contains(&start) && start + size <= bss.end
}

#[test]
fn what_is_not_zero_is_not_in_bss() {
    static ONE: Locked<[usize; 100]> = Locked::new([1; 100]);
    static ZERO: Locked<[usize; 100]> = Locked::new([0; 100]);
    assert!(!in_bss(black_box(&ONE)) && in_bss(black_box(&ZERO)));
    // SAFETY: nobody has blocks of an array.
    unsafe { ZERO.with_mut(|array| array[0] = ONE.with(|one| one[0])) };
}

#[test]
fn a_static_tlsf_heap_is_zero() {
    static HEAP: Locked<TlsfByteAllocator> = Locked::new(TlsfByteAllocator::new());
    assert!(in_bss(black_box(&HEAP)));
    assert_eq!(HEAP.with(|heap| heap.total_bytes()), 0);
}

#[test]
fn a_static_buddy_heap_is_zero() {
    static HEAP: Locked<BuddyByteAllocator> = Locked::new(BuddyByteAllocator::new());
    assert!(in_bss(black_box(&HEAP)));
    assert_eq!(HEAP.with(|heap| heap.total_bytes()), 0);
}

#[test]
fn static_page_frames_out_of_a_bitmap_are_zero() {
    static FRAMES: Locked<BitmapPageAllocator<4096>> = Locked::new(BitmapPageAllocator::new());
    assert!(in_bss(black_box(&FRAMES)));
    assert_eq!(FRAMES.with(|frames| frames.total_pages()), 0);
}

#[test]
fn static_ids_out_of_a_bitmap_are_zero() {
    static IDS: Locked<BitmapIdAllocator> = Locked::new(BitmapIdAllocator::new());
    assert!(in_bss(black_box(&IDS)));
    assert_eq!(IDS.with(|ids| ids.used()), 0);
}
