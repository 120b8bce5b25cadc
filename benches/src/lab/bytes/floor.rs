//! The floor of byte heaps: the least that any general one has to do.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::ByteHeap;

/// The alignment that every block has.
const USUAL_ALIGN: usize = 16;

/// A bump pointer, and one bare list of free blocks for each power of two, from which blocks never return to others.
///
/// ```text
///   pool   │ 16 │ 64 │ 16 │ 128 │                   │
///                               └ next              └ end
///   free[class] ──> block ──> block        (last freed, first reused)
/// ```
///
/// Blocks with more than the usual alignment have lists of their own, and are aligned to their size.
pub(super) struct Floor {
    next: NonNull<u8>,
    /// The bytes between `next` and the end of the pool.
    left: usize,
    /// The free blocks of 2^n bytes: of the usual alignment first, then those aligned to their size.
    free: [Option<NonNull<FreeBlock>>; 2 * CLASSES],
}

const CLASSES: usize = usize::BITS as usize;

struct FreeBlock {
    next: Option<NonNull<FreeBlock>>,
}

impl Floor {
    /// Which list serves a layout, and the log2 of the size of its blocks.
    #[inline]
    fn class(layout: Layout) -> (usize, u32) {
        let size = layout.size().max(USUAL_ALIGN);
        if layout.align() <= USUAL_ALIGN {
            let log2 = usize::BITS - (size - 1).leading_zeros();
            (log2 as usize, log2)
        } else {
            let log2 = usize::BITS - (size.max(layout.align()) - 1).leading_zeros();
            (CLASSES + log2 as usize, log2)
        }
    }

    #[inline(never)]
    fn bump(&mut self, layout: Layout, log2: u32) -> Option<NonNull<u8>> {
        let size = 1_usize << log2;
        let align = if layout.align() <= USUAL_ALIGN { USUAL_ALIGN } else { size };
        let padding = self.next.addr().get().wrapping_neg() & (align - 1);
        let taken = padding.checked_add(size).filter(|&taken| taken <= self.left)?;
        // SAFETY: so much is left in the pool.
        let block = unsafe { self.next.add(padding) };
        // SAFETY: as above.
        self.next = unsafe { self.next.add(taken) };
        self.left -= taken;
        Some(block)
    }
}

// SAFETY: a block is cut from the pool once, and is on a list while it is free.
unsafe impl ByteHeap for Floor {
    const NAME: &'static str = "floor";
    const MERGES: bool = false;

    unsafe fn new(pool: NonNull<[u8]>) -> Option<Self> {
        Some(Self { next: pool.cast(), left: pool.len(), free: [None; 2 * CLASSES] })
    }

    fn untouched(&self) -> usize {
        self.left
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let (class, log2) = Self::class(layout);
        match self.free[class] {
            Some(block) => {
                // SAFETY: a block on the list is free and holds its successor.
                self.free[class] = unsafe { block.read() }.next;
                Some(block.cast())
            }
            None => self.bump(layout, log2),
        }
    }

    #[inline]
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        let (class, _) = Self::class(layout);
        let block = block.cast::<FreeBlock>();
        // SAFETY: the block is of 16 bytes or more, aligned to as much, and nobody's any more.
        unsafe { block.write(FreeBlock { next: self.free[class] }) };
        self.free[class] = Some(block);
    }

    #[inline]
    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align()).ok()?;
        if Self::class(layout) == Self::class(new_layout) {
            return Some(block);
        }
        // SAFETY: as promised.
        unsafe { super::move_block(self, block, layout, new_size) }
    }
}
