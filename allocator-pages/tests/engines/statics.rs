//! Engines as statics.

use core::ptr::addr_of;
use std::sync::Mutex;

use allocator_pages::{BuddyPageAllocator, RadixPageAllocator};

static RADIX: Mutex<RadixPageAllocator<'static, 4096>> = Mutex::new(RadixPageAllocator::new());
static BUDDY: Mutex<BuddyPageAllocator<'static, 4096>> = Mutex::new(BuddyPageAllocator::new());

unsafe extern "C" {
    /// The first byte of the memory that is zero from the start, and takes no place in the program's file.
    static __bss_start: u8;
    /// The byte behind it.
    static _end: u8;
}

#[test]
fn a_static_engine_took_place_in_the_programs_file() {
    let zeroed = addr_of!(__bss_start).addr()..addr_of!(_end).addr();
    for (engine, address) in [("radix", addr_of!(RADIX).addr()), ("buddy", addr_of!(BUDDY).addr())] {
        assert!(zeroed.contains(&address), "{engine}: {address:#x} is not within {zeroed:x?}");
    }
    assert!(RADIX.lock().unwrap().free_runs().next().is_none());
    assert!(BUDDY.lock().unwrap().free_runs().next().is_none());
}
