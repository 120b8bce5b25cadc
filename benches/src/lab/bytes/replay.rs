//! Replaying the operations of a list on a byte heap.

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::NonNull;

use super::{ByteHeap, is_aligned};
use crate::lab::operations::{Action, Operation};

/// The blocks that a list's slots hold: empty where a request was refused.
pub struct Slots {
    blocks: Vec<Option<(NonNull<u8>, Layout)>>,
    /// How many requests were refused.
    pub refused: u64,
    /// How many blocks were not aligned as asked for.
    pub misaligned: u64,
    /// How many operations were about the block of a refused request.
    pub skipped: usize,
}

impl Slots {
    /// Empty slots.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self { blocks: vec![None; slots], refused: 0, misaligned: 0, skipped: 0 }
    }

    /// Keeps what a request for `slot` got, and writes to it, as those who ask for memory do.
    #[inline(always)]
    fn fill(&mut self, slot: usize, block: NonNull<u8>, layout: Layout) {
        if !is_aligned(block, layout) {
            self.misaligned += 1;
        }
        // SAFETY: the block is live and, as all sizes of the lists, of 4 bytes at least.
        unsafe { block.cast::<u32>().write_unaligned(slot as u32) };
        self.blocks[slot] = Some((block, layout));
    }

    /// One operation.
    #[inline(always)]
    pub fn step<H: ByteHeap>(&mut self, heap: &mut H, operation: Operation) {
        let slot = operation.slot as usize;
        if operation.action == Action::Alloc {
            // SAFETY: the recorder's sizes and alignments are powers of two below 2^32.
            let layout =
                unsafe { Layout::from_size_align_unchecked(operation.size as usize, 1 << operation.align_log2) };
            match heap.alloc(black_box(layout)) {
                Some(block) => self.fill(slot, block, layout),
                None => self.refused += 1,
            }
            return;
        }
        let Some((block, layout)) = self.blocks[slot] else {
            self.skipped += 1;
            return;
        };
        if operation.action == Action::Free {
            self.blocks[slot] = None;
            // SAFETY: the slot's block is live, with this layout.
            unsafe { heap.dealloc(block, black_box(layout)) };
            return;
        }
        // SAFETY: the slot's block is live, with this layout.
        match unsafe { heap.realloc(block, layout, operation.size as usize) } {
            Some(block) => {
                // SAFETY: as above.
                let layout = unsafe { Layout::from_size_align_unchecked(operation.size as usize, layout.align()) };
                self.fill(slot, block, layout);
            }
            None => self.refused += 1,
        }
    }

    /// The live blocks, with their slots and layouts.
    pub fn live(&self) -> impl Iterator<Item = (usize, NonNull<u8>, Layout)> + '_ {
        self.blocks.iter().enumerate().filter_map(|(slot, block)| block.map(|(block, layout)| (slot, block, layout)))
    }

    /// The bytes of the live blocks.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.live().map(|(_, _, layout)| layout.size() as u64).sum()
    }

    /// Gives the block of a slot back, if it has one.
    pub fn free<H: ByteHeap>(&mut self, heap: &mut H, slot: usize) {
        if let Some((block, layout)) = self.blocks[slot].take() {
            // SAFETY: the slot's block is live, with this layout.
            unsafe { heap.dealloc(block, layout) };
        }
    }

    /// Gives all blocks back.
    pub fn free_all<H: ByteHeap>(&mut self, heap: &mut H) {
        (0..self.blocks.len()).for_each(|slot| self.free(heap, slot));
    }
}
