use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;

use super::{ByteHeap, HeapVisitor, is_aligned, visit_heaps};
use crate::lab::memory::Memory;
use crate::lab::operations::{self, Action, Change, Operation, OperationList, sizes};

const SEED: u64 = 0x5eed;

/// Blocks with their contents, filled with a byte of their own.
#[derive(Default)]
struct Shadow {
    live: BTreeMap<u32, (NonNull<u8>, Layout, u8)>,
    filled: u8,
    misaligned: usize,
}

impl Shadow {
    fn fill(&mut self, slot: u32, block: NonNull<u8>, layout: Layout) {
        self.filled = self.filled.wrapping_add(1);
        self.misaligned += usize::from(!is_aligned(block, layout));
        // SAFETY: the block is live and so large.
        unsafe { block.write_bytes(self.filled, layout.size()) };
        self.live.insert(slot, (block, layout, self.filled));
    }

    fn check(block: NonNull<u8>, len: usize, filled: u8, name: &str) {
        // SAFETY: the block is live, was filled, and is so large.
        let contents = unsafe { std::slice::from_raw_parts(block.as_ptr(), len) };
        assert!(contents == vec![filled; len], "{name} let a block be overwritten");
    }

    fn step<H: ByteHeap>(&mut self, heap: &mut H, operation: Operation) {
        if operation.action == Action::Alloc {
            let layout = Layout::from_size_align(operation.size as usize, 1 << operation.align_log2).unwrap();
            if let Some(block) = heap.alloc(layout) {
                self.fill(operation.slot, block, layout);
            }
            return;
        }
        let Some((block, layout, filled)) = self.live.remove(&operation.slot) else { return };
        Self::check(block, layout.size(), filled, H::NAME);
        if operation.action == Action::Free {
            // SAFETY: the block is live, with this layout.
            return unsafe { heap.dealloc(block, layout) };
        }
        // SAFETY: the block is live, with this layout.
        match unsafe { heap.realloc(block, layout, operation.size as usize) } {
            Some(moved) => {
                let resized = Layout::from_size_align(operation.size as usize, layout.align()).unwrap();
                Self::check(moved, layout.size().min(resized.size()), filled, H::NAME);
                self.fill(operation.slot, moved, resized);
            }
            None => drop(self.live.insert(operation.slot, (block, layout, filled))),
        }
    }
}

struct Correct(OperationList);

impl HeapVisitor for Correct {
    fn visit<H: ByteHeap + 'static>(&mut self) {
        let mut memory = Memory::new(8 << 20);
        // SAFETY: the memory outlives the heap, and is not used otherwise.
        let mut heap = unsafe { H::new(memory.pool()) }.expect("8 MiB are enough for any heap");
        let mut shadow = Shadow::default();
        for &operation in self.0.prelude.iter().chain(&self.0.timed) {
            shadow.step(&mut heap, operation);
        }
        assert_eq!(shadow.misaligned, 0, "blocks of {} that are not aligned as asked for", H::NAME);
        assert_eq!(shadow.live.len(), self.0.slots, "{} has room for all blocks", H::NAME);
        for slot in 0..u32::try_from(self.0.slots).unwrap() {
            shadow.step(&mut heap, Operation { slot, size: 0, align_log2: 0, action: Action::Free });
        }
    }
}

#[test]
fn heaps_keep_contents_and_alignments() {
    visit_heaps(&mut Correct(operations::changing(300, sizes::to_1_kib, Change::Replace, 5_000, SEED)));
    visit_heaps(&mut Correct(operations::changing(100, sizes::highly_aligned, Change::Replace, 5_000, SEED)));
    visit_heaps(&mut Correct(operations::changing(30, sizes::to_64_kib, Change::Replace, 2_000, SEED)));
}

#[test]
fn heaps_keep_contents_when_blocks_are_resized() {
    visit_heaps(&mut Correct(operations::changing(300, sizes::to_1_kib, Change::ReplaceOrResize, 5_000, SEED)));
    visit_heaps(&mut Correct(operations::changing(30, sizes::to_64_kib, Change::ReplaceOrResize, 2_000, SEED)));
}
