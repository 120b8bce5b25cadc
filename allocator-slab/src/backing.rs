//! The backing of a slab heap, with a count of what the heap has of it.

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_core::{AllocResult, ByteAllocator};

/// The engine below a slab heap.
///
/// Others may use the engine, too, where it is a reference to one. So the heap counts the blocks that it takes, one by one,
/// and never looks at what the engine has in use.
///
/// # Invariants
///
/// - `own_bytes` is the sum of [`used_by`](ByteAllocator::used_by) over the blocks that the heap took for itself: its chunks,
///   and the blocks of its table of chunks.
/// - `large_bytes` is that sum over the live blocks that callers have, which are too large for any class.
#[derive(Debug)]
pub(crate) struct Backing<B> {
    pub(crate) engine: B,
    own_bytes: usize,
    large_bytes: usize,
}

impl<B> Backing<B> {
    pub(crate) const fn new(engine: B) -> Self {
        Self { engine, own_bytes: 0, large_bytes: 0 }
    }

    /// What the heap has for itself, in bytes as the engine counts them.
    pub(crate) const fn own_bytes(&self) -> usize {
        self.own_bytes
    }

    /// What the large blocks of callers take, in bytes as the engine counts them.
    pub(crate) const fn large_bytes(&self) -> usize {
        self.large_bytes
    }
}

impl<B: ByteAllocator> Backing<B> {
    /// Takes a block for the heap itself.
    pub(crate) fn alloc_own(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let block = self.engine.alloc(layout)?;
        // SAFETY: the engine handed the block out just now, for this layout.
        self.own_bytes += unsafe { self.engine.used_by(block, layout) };
        Ok(block)
    }

    /// Gives a block of [`alloc_own`](Self::alloc_own) back.
    ///
    /// # Safety
    ///
    /// The block came from `alloc_own` with this layout, and is not used any more.
    pub(crate) unsafe fn dealloc_own(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        self.own_bytes -= unsafe { self.engine.used_by(block, layout) };
        // SAFETY: passed on from the caller.
        unsafe { self.engine.dealloc(block, layout) };
    }

    /// Resizes a block of [`alloc_own`](Self::alloc_own) where it is.
    ///
    /// # Errors
    ///
    /// [`NoMemory`](allocator_core::AllocError::NoMemory): the engine has no memory behind the block, or no way to do it; the
    /// block is as it was.
    ///
    /// # Safety
    ///
    /// The block came from `alloc_own`, and fits `old`.
    pub(crate) unsafe fn resize_own(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> AllocResult {
        debug_assert_eq!(old.align(), new.align());
        // SAFETY: passed on from the caller.
        let before = unsafe { self.engine.used_by(block, old) };
        // SAFETY: as above.
        let block = unsafe { self.engine.realloc_in_place(block, old, new.size())? };
        // SAFETY: the engine has made the block fit this layout just now.
        self.own_bytes = self.own_bytes - before + unsafe { self.engine.used_by(block, new) };
        Ok(())
    }

    /// Takes a large block for a caller with `request`, which allocates it from the engine for `layout`.
    pub(crate) fn alloc_large(
        &mut self,
        layout: Layout,
        request: impl FnOnce(&mut B) -> AllocResult<NonNull<u8>>,
    ) -> AllocResult<NonNull<u8>> {
        let block = request(&mut self.engine)?;
        // SAFETY: the engine handed the block out just now, for this layout.
        self.large_bytes += unsafe { self.engine.used_by(block, layout) };
        Ok(block)
    }

    /// Gives a large block of a caller back.
    ///
    /// # Safety
    ///
    /// As for [`ByteAllocator::dealloc`] of the engine.
    pub(crate) unsafe fn dealloc_large(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        self.large_bytes -= unsafe { self.engine.used_by(block, layout) };
        // SAFETY: passed on from the caller.
        unsafe { self.engine.dealloc(block, layout) };
    }

    /// Resizes a large block of a caller with `request`, a method of the engine that does so.
    ///
    /// # Safety
    ///
    /// The block is live and fits `old`; where `request` succeeds, the block that it returns fits `new`.
    pub(crate) unsafe fn resize_large(
        &mut self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        request: impl FnOnce(&mut B) -> AllocResult<NonNull<u8>>,
    ) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        let before = unsafe { self.engine.used_by(block, old) };
        let block = request(&mut self.engine)?;
        // SAFETY: the engine has made the block fit this layout just now.
        self.large_bytes = self.large_bytes - before + unsafe { self.engine.used_by(block, new) };
        Ok(block)
    }
}
