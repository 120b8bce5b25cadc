//! Memory that byte heaps live in: aligned, written before anything is timed, and used again by the next trial.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ptr::NonNull;

/// The granularity of [`Memory`], and what all of it is aligned to at least.
pub const PAGE_SIZE: usize = 4096;

/// A power of two of bytes, aligned to their number, each page of which has been written.
///
/// The alignment is the one under which a buddy allocator has a single block; with any other, how full a pool gets would
/// depend on where it happens to lie.
pub struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

impl Memory {
    /// Fresh memory of at least `size` bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        let size = size.next_power_of_two().max(PAGE_SIZE);
        let layout = Layout::from_size_align(size, size).expect("a pool that the address space has room for");
        // SAFETY: the size is not 0.
        let start = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: so many bytes were just allocated.
        unsafe { start.write_bytes(1, size) };
        Self { start, layout }
    }

    /// The memory, for one user at a time, as an address and a length to give to an allocator.
    pub fn pool(&mut self) -> NonNull<[u8]> {
        // Those who are given an address make a pointer of it again.
        let _ = self.start.as_ptr().expose_provenance();
        NonNull::slice_from_raw_parts(self.start, self.layout.size())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// Memory by size, lent to one trial after the other, so that all of them have the same page faults and addresses.
#[derive(Default)]
pub struct Pools {
    free: RefCell<BTreeMap<usize, Memory>>,
}

impl Pools {
    /// Calls `borrower` with memory of at least `size` bytes.
    pub fn lend<R>(&self, size: usize, borrower: impl FnOnce(NonNull<[u8]>) -> R) -> R {
        let size = size.next_power_of_two().max(PAGE_SIZE);
        let lent = self.free.borrow_mut().remove(&size);
        let mut memory = lent.unwrap_or_else(|| Memory::new(size));
        let result = borrower(memory.pool());
        self.free.borrow_mut().insert(size, memory);
        result
    }
}
