//! The engine below, with a count of what it has handed out to this heap.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use allocator_core::{AllocResult, ByteAllocator};

/// The engine below the lists.
///
/// Others may use the engine, too, where it is a reference to one. So the heap counts the blocks that it takes, one by one,
/// and never looks at what the engine has in use.
///
/// # Invariants
///
/// - `bytes` is the sum of [`used_by`](ByteAllocator::used_by) over the blocks that the engine has handed out and not got back:
///   live ones, and those that the lists keep.
pub(crate) struct Taken<A> {
    pub(crate) engine: A,
    bytes: usize,
}

impl<A> Taken<A> {
    pub(crate) const fn new(engine: A) -> Self {
        Self { engine, bytes: 0 }
    }

    /// What the engine has handed out, in bytes as it counts them.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What several blocks take.
trait UsedByAll: ByteAllocator {
    /// # Safety
    ///
    /// As for [`used_by`](ByteAllocator::used_by) of each of the blocks.
    unsafe fn used_by_all(&self, blocks: &[NonNull<u8>], layout: Layout) -> usize {
        match self.used_by_each(layout) {
            Some(each) => each * blocks.len(),
            // SAFETY: passed on from the caller.
            None => blocks.iter().map(|&block| unsafe { self.used_by(block, layout) }).sum(),
        }
    }
}

impl<A: ByteAllocator> UsedByAll for A {}

impl<A: ByteAllocator> Taken<A> {
    /// Takes a block with `request`, which allocates it from the engine for `layout`.
    pub(crate) fn take(
        &mut self,
        layout: Layout,
        request: impl FnOnce(&mut A, Layout) -> AllocResult<NonNull<u8>>,
    ) -> AllocResult<NonNull<u8>> {
        let block = request(&mut self.engine, layout)?;
        // SAFETY: the engine handed the block out just now, for this layout.
        self.bytes += unsafe { self.engine.used_by(block, layout) };
        Ok(block)
    }

    /// Takes blocks, as many as there are and as `out` has entries.
    pub(crate) fn take_batch<'o>(
        &mut self,
        layout: Layout,
        out: &'o mut [MaybeUninit<NonNull<u8>>],
    ) -> &'o mut [NonNull<u8>] {
        let blocks = self.engine.alloc_batch(layout, out);
        // SAFETY: the engine handed the blocks out just now, for this layout.
        self.bytes += unsafe { self.engine.used_by_all(blocks, layout) };
        blocks
    }

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// As for [`dealloc`](ByteAllocator::dealloc) of the engine.
    pub(crate) unsafe fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe {
            self.bytes -= self.engine.used_by(block, layout);
            self.engine.dealloc(block, layout);
        }
    }

    /// Gives blocks back.
    ///
    /// # Safety
    ///
    /// As for [`dealloc_batch`](ByteAllocator::dealloc_batch) of the engine.
    pub(crate) unsafe fn give_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe {
            self.bytes -= self.engine.used_by_all(blocks, layout);
            self.engine.dealloc_batch(blocks, layout);
        }
    }

    /// Resizes a block where it is.
    ///
    /// # Safety
    ///
    /// As for [`realloc_in_place`](ByteAllocator::realloc_in_place) of the engine; the block fits `old`.
    pub(crate) unsafe fn resize_in_place(
        &mut self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        unsafe { self.resize_by(block, old, new, |engine| engine.realloc_in_place(block, old, new.size())) }
    }

    /// Resizes a block, and moves it where it has to.
    ///
    /// # Safety
    ///
    /// As for [`realloc`](ByteAllocator::realloc) of the engine; the block fits `old`.
    pub(crate) unsafe fn resize(&mut self, block: NonNull<u8>, old: Layout, new: Layout) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        unsafe { self.resize_by(block, old, new, |engine| engine.realloc(block, old, new.size())) }
    }

    /// # Safety
    ///
    /// The block is live and fits `old`; where `request` succeeds, the block that it returns fits `new`.
    unsafe fn resize_by(
        &mut self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        request: impl FnOnce(&mut A) -> AllocResult<NonNull<u8>>,
    ) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        let before = unsafe { self.engine.used_by(block, old) };
        let block = request(&mut self.engine)?;
        // SAFETY: the engine has made the block fit this layout just now.
        self.bytes = self.bytes - before + unsafe { self.engine.used_by(block, new) };
        Ok(block)
    }
}
