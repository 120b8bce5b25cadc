//! What the language asks of a global allocator.

use std::alloc::{GlobalAlloc, Layout};
use std::process::Command;
use std::ptr;

use allocator_core::ByteAllocator;
use allocator_shared::Locked;
use allocator_shared::lock_api::{GuardSend, RawMutex};
use allocator_slab::SlabByteAllocator;
use allocator_tlsf::TlsfByteAllocator;

use crate::support::{POOL, give_memory, layout};

fn bytes<'a>(block: *mut u8, size: usize) -> &'a [u8] {
    assert!(!block.is_null());
    // SAFETY: the tests ask for initialised blocks of at least this size, and look at the bytes before the next call.
    unsafe { std::slice::from_raw_parts(block, size) }
}

fn keeps_the_contract<A: ByteAllocator>(heap: &Locked<A>) {
    for refused in [layout(1, 1), layout(POOL, 8), layout(isize::MAX as usize, 1)] {
        // SAFETY: no layout has the size 0.
        assert_eq!(unsafe { GlobalAlloc::alloc(heap, refused) }, ptr::null_mut(), "{refused:?}");
    }
    // SAFETY: as above.
    assert!(unsafe { heap.alloc_zeroed(layout(1, 1)) }.is_null());

    give_memory(heap, POOL);
    for align in [1, 8, 64, 4096] {
        let (small, large) = (layout(100, align), layout(3000, align));
        // SAFETY: every block is live, of the size and alignment named, and comes back once.
        unsafe {
            let dirty = GlobalAlloc::alloc(heap, large);
            dirty.write_bytes(0xff, 3000);
            GlobalAlloc::dealloc(heap, dirty, large);
            let block = GlobalAlloc::alloc_zeroed(heap, small);
            assert!(block.addr().is_multiple_of(align));
            assert_eq!(bytes(block, 100), [0; 100]);
            block.write_bytes(1, 100);
            let block = GlobalAlloc::realloc(heap, block, small, 3000);
            assert!(block.addr().is_multiple_of(align));
            assert_eq!(bytes(block, 100), [1; 100]);
            block.write_bytes(2, 3000);
            for too_large in [2 * POOL, isize::MAX as usize - align] {
                assert!(GlobalAlloc::realloc(heap, block, large, too_large).is_null());
            }
            assert!(bytes(block, 3000).iter().all(|&byte| byte == 2), "a failed realloc leaves the block");
            let block = GlobalAlloc::realloc(heap, block, large, 100);
            assert_eq!(bytes(block, 100), [2; 100]);
            GlobalAlloc::dealloc(heap, block, small);
        }
    }
    assert_eq!(heap.with(|heap| heap.used_bytes()), 0);
}

#[test]
fn tlsf_is_a_global_allocator() {
    keeps_the_contract(&Locked::new(TlsfByteAllocator::new()));
}

#[test]
fn the_slab_heap_is_a_global_allocator() {
    keeps_the_contract(&Locked::new(SlabByteAllocator::new()));
}

/// Panics where it would have to wait, as a lock may do in an interrupt handler.
struct PanickingLock;

// SAFETY: nobody ever gets the lock.
unsafe impl RawMutex for PanickingLock {
    const INIT: Self = Self;
    type GuardMarker = GuardSend;

    fn lock(&self) {
        panic!("this lock cannot be had here");
    }

    fn try_lock(&self) -> bool {
        false
    }

    unsafe fn unlock(&self) {}
}

/// Unwinding out of a global allocator is undefined behaviour, and nothing here is `unsafe` but the call itself.
#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_lock_that_panics_does_not_unwind_out_of_a_global_allocator() {
    const CHILD: &str = "ALLOCATOR_SHARED_TEST_CHILD";
    static HEAP: Locked<TlsfByteAllocator, PanickingLock> =
        Locked::with_lock(PanickingLock::INIT, TlsfByteAllocator::new());
    if std::env::var_os(CHILD).is_some() {
        // SAFETY: the layout has a size.
        let unwound = std::panic::catch_unwind(|| unsafe { GlobalAlloc::alloc(&HEAP, Layout::new::<u8>()) });
        assert!(unwound.is_err());
        println!("the panic has been caught");
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "global::a_lock_that_panics_does_not_unwind_out_of_a_global_allocator", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(!child.status.success() && !out.contains("caught"), "{out}{err}");
    assert!(err.contains("the lock of an allocator has panicked"), "{err}");
}
