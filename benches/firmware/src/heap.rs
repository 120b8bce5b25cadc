//! [`Heap`], what this package asks of a heap.

use core::alloc::Layout;
use core::ptr::NonNull;

/// A heap that lives in one pool.
///
/// # Safety
///
/// - A block has the size and alignment that were asked for, and lies in the pool, apart from other live blocks.
/// - `realloc` keeps the contents up to the smaller size, and leaves the block alone where it is refused.
pub unsafe trait Heap {
    /// The name of the heap: that of its feature.
    const NAME: &'static str;
    /// A heap without memory.
    const EMPTY: Self;

    /// Hands the pool over. Returns whether the heap can use it.
    ///
    /// # Safety
    ///
    /// - The heap is empty.
    /// - Nothing else uses the pool as long as the heap is there; it may be read and written, and its provenance is exposed.
    unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool;

    /// A block for `layout`, whose size is not 0; `None` where that is refused.
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>>;

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// The block is live, and is one for `layout`.
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout);

    /// Makes a block `new_size` bytes large, not 0, and moves it where it has to; `None` where that is refused.
    ///
    /// # Safety
    ///
    /// As for [`dealloc`](Self::dealloc).
    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).ok()?;
        let moved = self.alloc(new_layout)?;
        // SAFETY: both blocks are live, apart, and have so many bytes; the old one is the caller's to give back.
        unsafe {
            moved.copy_from_nonoverlapping(block, layout.size().min(new_size));
            self.dealloc(block, layout);
        }
        Some(moved)
    }
}
