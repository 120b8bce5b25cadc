//! The live blocks of a program with the firmware mix.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::heap::Heap;
use crate::mix::{KindIndex, draw};
use crate::random::Random;

/// A live block.
#[derive(Clone, Copy)]
pub struct Block {
    start: NonNull<u8>,
    size: u16,
    kind: KindIndex,
    /// What the first and the last byte of the block hold.
    mark: u8,
}

impl Block {
    /// No block, for a table of them that is to be filled.
    pub const NONE: Self = Self { start: NonNull::dangling(), size: 0, kind: KindIndex::FIRST, mark: 0 };

    fn layout(&self) -> Layout {
        Layout::from_size_align(self.size as usize, self.kind.align()).expect("it was one when the block was taken")
    }

    fn last(&self) -> NonNull<u8> {
        // SAFETY: a live block has so many bytes, at least one.
        unsafe { self.start.add(self.size as usize - 1) }
    }
}

/// The live blocks of a heap, which are freed and replaced.
pub struct Live<'t, H> {
    heap: H,
    random: Random,
    /// The first `count` are live.
    blocks: &'t mut [Block],
    count: usize,
    /// The sum of their sizes.
    bytes: usize,
}

impl<'t, H: Heap> Live<'t, H> {
    /// No blocks of a heap yet. There can be as many as the table has room for.
    pub fn new(heap: H, seed: u32, blocks: &'t mut [Block]) -> Self {
        Self { heap, random: Random::new(seed), blocks, count: 0, bytes: 0 }
    }

    /// How many bytes were asked for with the live blocks.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many blocks are live.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Takes a block of the mix. Returns whether the heap had one.
    ///
    /// # Panics
    ///
    /// Where the heap hands out a block that is not aligned as asked for, or the table is full.
    pub fn take(&mut self) -> bool {
        let (kind, layout) = draw(&mut self.random);
        let Some(start) = self.heap.alloc(layout) else { return false };
        assert!(start.addr().get().is_multiple_of(layout.align()), "a block is not aligned");
        let block = Block { start, size: layout.size() as u16, kind, mark: self.count as u8 };
        // SAFETY: the block is live.
        unsafe {
            block.start.write(block.mark);
            block.last().write(block.mark);
        }
        self.blocks[self.count] = block;
        self.count += 1;
        self.bytes += layout.size();
        true
    }

    /// Frees one of the blocks, by the lifetimes of the mix; nothing where there is none.
    ///
    /// # Panics
    ///
    /// Where the contents of the block have changed.
    pub fn free_one(&mut self) {
        while self.count > 0 {
            let chosen = self.random.below(self.count as u32) as usize;
            let block = self.blocks[chosen];
            if !block.kind.ends(&mut self.random) {
                continue;
            }
            // SAFETY: the block is live, and was written to when it was taken.
            let marks = unsafe { [block.start.read(), block.last().read()] };
            assert!(marks == [block.mark; 2], "a live block has changed");
            // SAFETY: the block is live, and is one for that layout; it leaves the table.
            unsafe { self.heap.dealloc(block.start, block.layout()) };
            self.count -= 1;
            self.blocks[chosen] = self.blocks[self.count];
            self.bytes -= block.size as usize;
            return;
        }
    }
}
