//! Byte heaps under one trait, each called through its own methods, and the table of all of them.

mod floor;
#[cfg(feature = "hosted")]
mod hosted;
mod ours;
mod peers;
mod replay;
#[cfg(test)]
mod tests;
pub mod workloads;

use std::alloc::Layout;
use std::ptr::NonNull;

#[cfg(feature = "hosted")]
pub(crate) use hosted::Global;
pub(crate) use ours::Engine;
pub use replay::Slots;

/// What a trial does with a byte heap.
///
/// # Safety
///
/// Blocks lie in the pool (where there is one), do not overlap, and keep what is written to them. They may be misaligned:
/// those who use a heap look.
pub unsafe trait ByteHeap: Sized {
    /// Its name on the command line.
    const NAME: &'static str;
    /// Whether its blocks lie in the pool, so that it may be dropped with blocks still live.
    const IN_POOL: bool = true;

    /// Whether freed memory serves requests of other sizes, too, so that trying for the largest block leaves no trace.
    const MERGES: bool = true;

    /// A fresh heap, or `None` where the pool is too small or of no use to it.
    ///
    /// # Safety
    ///
    /// Until the heap is dropped, `pool` is its alone. The pool is a power of two of pages, aligned to its size.
    unsafe fn new(pool: NonNull<[u8]>) -> Option<Self>;

    /// The memory never handed out, for a heap that never merges.
    fn untouched(&self) -> usize {
        0
    }

    /// A block; `layout` is not of size 0.
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>>;

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// The block is live, with this layout.
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout);

    /// Does ahead of time what a request would do that finds memory short, for a heap that can.
    fn reclaim(&mut self) {}

    /// Another size, not 0, for a block; where it is refused, the block stays as it is. Heaps that have no method for it
    /// do what their users do: move the contents.
    ///
    /// # Safety
    ///
    /// The block is live, with this layout.
    #[inline]
    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        // SAFETY: as promised.
        unsafe { move_block(self, block, layout, new_size) }
    }
}

/// A resize that moves the contents to a new block.
///
/// # Safety
///
/// The block is live in this heap, with this layout.
#[inline]
unsafe fn move_block<H: ByteHeap>(
    heap: &mut H,
    block: NonNull<u8>,
    layout: Layout,
    new_size: usize,
) -> Option<NonNull<u8>> {
    let new_layout = Layout::from_size_align(new_size, layout.align()).ok()?;
    let moved = heap.alloc(new_layout)?;
    // SAFETY: two live blocks, which do not overlap; the old one has this layout.
    unsafe {
        moved.copy_from_nonoverlapping(block, layout.size().min(new_size));
        heap.dealloc(block, layout);
    }
    Some(moved)
}

/// Whether a block is aligned as it was asked for.
#[inline]
#[must_use]
pub fn is_aligned(block: NonNull<u8>, layout: Layout) -> bool {
    block.addr().get() & (layout.align() - 1) == 0
}

/// Something to do with each byte heap.
pub trait HeapVisitor {
    /// With this one.
    fn visit<H: ByteHeap + 'static>(&mut self);
}

/// The byte heaps that this build has, in the order of the report's tables.
pub fn visit_heaps(visitor: &mut impl HeapVisitor) {
    visitor.visit::<ours::Quick>();
    visitor.visit::<ours::Slab>();
    visitor.visit::<ours::SlabFine>();
    visitor.visit::<ours::Tlsf>();
    visitor.visit::<ours::Buddy>();
    visitor.visit::<ours::Dense>();
    visitor.visit::<peers::Rlsf>();
    visitor.visit::<peers::Talc>();
    visitor.visit::<peers::BuddySystem>();
    visitor.visit::<peers::LinkedList>();
    visitor.visit::<peers::AxSlab>();
    visitor.visit::<peers::AxTlsf>();
    #[cfg(feature = "hosted")]
    {
        visitor.visit::<hosted::Mimalloc>();
        visitor.visit::<hosted::Jemalloc>();
        visitor.visit::<hosted::Snmalloc>();
        visitor.visit::<hosted::System>();
    }
    visitor.visit::<floor::Floor>();
}

/// The largest block at the alignment of a word that a heap can give out right now, in bytes, found by trying.
pub fn largest_block(heap: &mut impl ByteHeap, pool_size: usize) -> usize {
    let mut fits = |size: usize| {
        let layout = Layout::from_size_align(size, 8).expect("a size below that of a pool");
        let block = heap.alloc(layout);
        if let Some(block) = block {
            // SAFETY: just allocated.
            unsafe { heap.dealloc(block, layout) };
        }
        block.is_some()
    };
    // `fitting` fits (or is 0), `pool_size` does not: all heaps but some of one block keep their books in the pool.
    let (mut fitting, mut refused) = (0, pool_size + 1);
    while refused - fitting > 1 {
        let middle = fitting + (refused - fitting) / 2;
        if fits(middle) { fitting = middle } else { refused = middle }
    }
    fitting
}
