//! The backing, and what the heap itself holds of it.

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_core::{AllocResult, ByteAllocator};

/// A backing that keeps apart what the heap takes for itself (chunks, its table of chunks) from what it passes on to
/// callers, so that no byte is counted twice.
///
/// Invariant: `backing.used_bytes() - held` is what callers' large blocks take.
#[derive(Debug)]
pub(crate) struct Supply<B> {
    pub(crate) backing: B,
    /// What the backing counts as used for the blocks of `take`.
    held: usize,
}

impl<B> Supply<B> {
    pub(crate) const fn new(backing: B) -> Self {
        Self { backing, held: 0 }
    }
}

impl<B: ByteAllocator> Supply<B> {
    /// What callers' large blocks take of the backing, in bytes.
    pub(crate) fn passed_on_bytes(&self) -> usize {
        self.backing.used_bytes() - self.held
    }

    /// What the backing counts as used for the heap itself, in bytes.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// Takes a block for the heap itself.
    pub(crate) fn take(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let before = self.backing.used_bytes();
        let block = self.backing.alloc(layout)?;
        self.held += self.backing.used_bytes() - before;
        Ok(block)
    }

    /// Gives a block of [`take`](Self::take) back.
    ///
    /// # Safety
    ///
    /// The block came from `take` with this layout, and is not used any more.
    pub(crate) unsafe fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        let before = self.backing.used_bytes();
        // SAFETY: passed on from the caller.
        unsafe { self.backing.dealloc(block, layout) };
        self.held -= before - self.backing.used_bytes();
    }
}
