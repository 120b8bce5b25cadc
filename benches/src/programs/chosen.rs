//! [`ChosenHeap`], a global allocator that is one of several heaps.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::CStr;
use std::sync::OnceLock;

use nix::libc;

use super::heaps::{Global, HEAPS, Heap, SYSTEM};

/// The variable of the environment that names the heap.
pub(super) const VARIABLE: &CStr = c"ALLOCATOR_PROGRAMS_HEAP";

/// A global allocator that is the heap that the environment names, for as long as the process: the first request looks there,
/// so every block is of the same heap. It is the system's allocator where none is named, or the heap cannot be made.
///
/// A request costs one test and one call through a pointer more than one to the heap itself, whichever that is.
#[derive(Debug)]
pub struct ChosenHeap {
    chosen: OnceLock<Chosen>,
}

struct Chosen {
    name: &'static str,
    heap: Global,
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl ChosenHeap {
    /// None is chosen yet.
    #[expect(clippy::new_without_default, reason = "a static needs a const fn")]
    #[must_use]
    pub const fn new() -> Self {
        Self { chosen: OnceLock::new() }
    }

    /// The name of the heap.
    pub(super) fn name(&self) -> &'static str {
        self.chosen.get_or_init(choose).name
    }

    #[inline]
    fn heap(&self) -> Global {
        self.chosen.get_or_init(choose).heap
    }
}

/// The heap that the environment names. Allocates nothing, as the first request of the process waits for it.
#[cold]
fn choose() -> Chosen {
    // SAFETY: the name ends with 0. What the environment has stays there, as nothing in this program changes it.
    let named = unsafe {
        let value = libc::getenv(VARIABLE.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
    };
    let start = |heap: &'static Heap| Some(Chosen { name: heap.name, heap: (heap.start)()? });
    let found = HEAPS.iter().find(|heap| Some(heap.name.as_bytes()) == named).and_then(start);
    found.unwrap_or(Chosen { name: SYSTEM.name, heap: &std::alloc::System })
}

// SAFETY: every call goes to one and the same heap, whose promises these are.
unsafe impl GlobalAlloc for ChosenHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on from the caller.
        unsafe { self.heap().alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.heap().dealloc(block, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on from the caller.
        unsafe { self.heap().alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: passed on from the caller.
        unsafe { self.heap().realloc(block, layout, new_size) }
    }
}
