//! What is left of a pool after the same churn.

use std::ptr::NonNull;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

use super::bytes::{ByteHeap, HeapVisitor, Slots, largest_block, visit_heaps};
use super::memory::Memory;
use super::operations::{self, Change, OperationList, sizes};
use super::{Options, Selection};
use crate::results::HeapMap;

const POOL_SIZE: usize = 4 << 20;
const CELLS: usize = 1024;
const CELL_SIZE: usize = POOL_SIZE / CELLS;
/// About half of the pool.
const LIVE: usize = 4096;

/// The maps of those heaps that are wanted and live in a pool: blocks of 4 bytes to 1 KiB were replaced at random for a
/// while, then half of them, chosen at random, were freed.
#[must_use]
pub(super) fn heap_maps(options: &Options, wanted: &Selection<'_>) -> Vec<HeapMap> {
    let churn = operations::changing(LIVE, sizes::to_1_kib, Change::Replace, 10 * LIVE, options.seed);
    let mut freed: Vec<usize> = (0..LIVE).collect();
    freed.shuffle(&mut SmallRng::seed_from_u64(options.seed));
    freed.truncate(LIVE / 2);
    let mut draw = Draw { churn, freed, wanted, memory: Memory::new(POOL_SIZE), maps: Vec::new() };
    visit_heaps(&mut draw);
    draw.maps
}

struct Draw<'a> {
    churn: OperationList,
    /// The slots whose blocks are freed in the end.
    freed: Vec<usize>,
    wanted: &'a Selection<'a>,
    memory: Memory,
    maps: Vec<HeapMap>,
}

impl HeapVisitor for Draw<'_> {
    fn visit<H: ByteHeap + 'static>(&mut self) {
        if !H::IN_POOL || !self.wanted.allocator(H::NAME) {
            return;
        }
        let pool = self.memory.pool();
        // SAFETY: the memory is this heap's until the end of the function.
        let Some(mut heap) = (unsafe { H::new(pool) }) else { return };
        let mut slots = Slots::new(self.churn.slots);
        for &operation in self.churn.prelude.iter().chain(&self.churn.timed) {
            slots.step(&mut heap, operation);
        }
        self.freed.iter().for_each(|&slot| slots.free(&mut heap, slot));
        let cells = cells(&slots, pool);
        let largest_free = if H::MERGES { largest_block(&mut heap, POOL_SIZE) } else { heap.untouched() };
        self.maps.push(HeapMap {
            allocator: H::NAME.to_owned(),
            pool_bytes: POOL_SIZE as u64,
            cells,
            largest_free: largest_free as u64,
        });
    }
}

/// How much of each stretch of the pool is live.
fn cells(slots: &Slots, pool: NonNull<[u8]>) -> Vec<u8> {
    let mut live = vec![0_usize; CELLS];
    for (_, block, layout) in slots.live() {
        let start = block.addr().get() - pool.addr().get();
        let end = (start + layout.size()).min(POOL_SIZE);
        (start / CELL_SIZE..end.div_ceil(CELL_SIZE)).for_each(|cell| {
            live[cell] += (start.max(cell * CELL_SIZE)..end.min((cell + 1) * CELL_SIZE)).len();
        });
    }
    live.into_iter().map(|bytes| (bytes * 255 / CELL_SIZE).min(255) as u8).collect()
}
