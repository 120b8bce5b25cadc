//! How much stays live in a pool.
//!
//! The state of a heap counts as part of its pool: a heap of 16 KiB with a state of 160 bytes gets a pool of 16,224 bytes.

use core::ptr::NonNull;

use crate::heap::Heap;
use crate::live::{Block, Live};

/// How often a live block is replaced in a trial.
const REPLACEMENTS: usize = 20_000;
/// The live set is found to so many bytes.
const STEP: usize = 16;
/// Pools begin at a multiple of this, and so do their ends.
const POOL_ALIGN: usize = 16;

/// The memory for heaps, one after the other.
pub struct Machine<'t> {
    pool: NonNull<[u8]>,
    blocks: &'t mut [Block],
}

/// The bytes live in a full pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// At the first refusal.
    pub first: usize,
    /// At the refusals that follow, on average, before each of which a block was freed.
    pub brink: usize,
}

impl<'t> Machine<'t> {
    /// A machine with this memory for a heap and its state, and a table of live blocks that is not part of it.
    ///
    /// # Safety
    ///
    /// The pool may be read and written as long as the machine is there, and nothing else uses it; its provenance is exposed.
    pub unsafe fn new(pool: NonNull<[u8]>, blocks: &'t mut [Block]) -> Self {
        Self { pool, blocks }
    }

    /// The bytes of a heap and its state.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.pool.len()
    }

    /// A program with a fresh heap, `None` where the heap cannot use a pool of this size.
    fn start<H: Heap>(&mut self, seed: u32) -> Option<Live<'_, H>> {
        let size = self.pool.len().checked_sub(size_of::<H>())? & !(POOL_ALIGN - 1);
        let pool = NonNull::slice_from_raw_parts(self.pool.cast(), size);
        let mut heap = H::EMPTY;
        // SAFETY: the heap of the program before is gone; `new` has promised the rest.
        let usable = unsafe { heap.init(pool) };
        usable.then(|| Live::new(heap, seed, self.blocks))
    }

    /// Whether a program with this live set runs without a refusal: it takes blocks until so many bytes are live, and again
    /// each time that it has freed one.
    fn runs<H: Heap>(&mut self, live_set: usize, seed: u32) -> Option<bool> {
        let mut live = self.start::<H>(seed)?;
        for _ in 0..=REPLACEMENTS {
            while live.bytes() < live_set {
                if !live.take() {
                    return Some(false);
                }
            }
            live.free_one();
        }
        Some(true)
    }

    /// The largest live set in bytes with which 20,000 replacements run without a refusal, found by bisection; `None` where
    /// the heap cannot use a pool of this size.
    pub fn survives<H: Heap>(&mut self, seed: u32) -> Option<usize> {
        self.start::<H>(seed)?;
        // Without a live set a program runs, as it asks for nothing.
        let (mut runs, mut fails) = (0, self.size() / STEP + 1);
        while fails - runs > 1 {
            let middle = usize::midpoint(runs, fails);
            if self.runs::<H>(middle * STEP, seed)? { runs = middle } else { fails = middle }
        }
        Some(runs * STEP)
    }

    /// How full the pool gets; `None` where the heap cannot use one of this size.
    pub fn fill<H: Heap>(&mut self, seed: u32) -> Option<Fill> {
        let mut live = self.start::<H>(seed)?;
        while live.take() {}
        let first = live.bytes();
        // So many that most of the blocks that filled it in order are gone.
        let refusals = 4 * live.count().max(1);
        let mut sum = 0;
        for _ in 0..refusals {
            live.free_one();
            while live.take() {}
            sum += live.bytes();
        }
        Some(Fill { first, brink: sum / refusals })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::alloc::Layout;
    use std::vec;

    use super::*;

    /// A heap that hands out each byte once, and only counts what comes back.
    struct Once {
        next: usize,
        end: usize,
    }

    // SAFETY: the blocks are apart, and inside of the pool.
    unsafe impl Heap for Once {
        const NAME: &'static str = "once";
        const EMPTY: Self = Self { next: 0, end: 0 };

        unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
            self.next = pool.cast::<u8>().as_ptr().expose_provenance();
            self.end = self.next + pool.len();
            true
        }

        fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
            let start = self.next.next_multiple_of(layout.align());
            let end = start + layout.size();
            if end > self.end {
                return None;
            }
            self.next = end;
            NonNull::new(core::ptr::with_exposed_provenance_mut(start))
        }

        unsafe fn dealloc(&mut self, _: NonNull<u8>, _: Layout) {}
    }

    #[test]
    fn a_heap_that_gets_nothing_back_fills_once_and_survives_nothing() {
        let (mut memory, mut blocks) = (vec![0_u64; 2048], vec![Block::NONE; 2048]);
        memory.as_mut_ptr().expose_provenance();
        let pool = NonNull::slice_from_raw_parts(NonNull::new(memory.as_mut_ptr()).unwrap().cast(), 16 << 10);
        // SAFETY: the memory is the machine's alone.
        let mut machine = unsafe { Machine::new(pool, &mut blocks) };
        for seed in 0..4 {
            let Fill { first, brink } = machine.fill::<Once>(seed).unwrap();
            assert!(first > (16 << 10) - 2048 && brink < first / 4, "{first} {brink}");
            assert!(machine.survives::<Once>(seed).unwrap() <= STEP);
        }
    }

    #[test]
    fn a_pool_that_is_smaller_than_the_state_is_refused() {
        let mut blocks = [Block::NONE; 1];
        let mut memory = [0_u64; 1];
        let pool = NonNull::slice_from_raw_parts(NonNull::from(&mut memory).cast(), 8);
        // SAFETY: the memory is the machine's alone.
        let mut machine = unsafe { Machine::new(pool, &mut blocks) };
        assert_eq!((machine.survives::<Once>(0), machine.fill::<Once>(0)), (None, None));
    }
}
