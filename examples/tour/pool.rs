//! The memory that all of the tour happens in.

use std::mem::MaybeUninit;

/// How large the pool is, in bytes, and what it is aligned to: with a whole power of two a buddy allocator is at its
/// best, and its largest block does not depend on where the system happens to put the pool.
pub(crate) const POOL_BYTES: usize = 32 << 20;

/// One piece of memory, lent to one engine after the other.
pub(crate) struct Pool {
    memory: Box<[MaybeUninit<u8>]>,
    /// Where in `memory` the aligned part starts.
    offset: usize,
}

impl Pool {
    pub(crate) fn new() -> Self {
        let memory = Box::<[u8]>::new_uninit_slice(2 * POOL_BYTES);
        let offset = memory.as_ptr().addr().next_multiple_of(POOL_BYTES) - memory.as_ptr().addr();
        let mut pool = Self { memory, offset };
        // The system hands memory out page by page, at the first write: not in the time of the engine that comes first.
        pool.bytes().fill(MaybeUninit::new(0));
        pool
    }

    pub(crate) fn bytes(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.memory[self.offset..][..POOL_BYTES]
    }
}
