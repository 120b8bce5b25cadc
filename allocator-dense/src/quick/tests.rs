//! Random programs beside a model, shortage, and what the lists may keep.

extern crate std;

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use allocator_core::Growing;
use allocator_core::PageAllocator;
use allocator_core::address::{address_of, pointer_at};
use allocator_pages::RadixPageAllocator;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::quick::classes::LISTS;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// A heap over memory of its own.
struct Owned {
    heap: QuickByteAllocator,
    /// Not used but by the heap, which has its address.
    _memory: Vec<u128>,
}

impl Owned {
    fn new(size: usize) -> Self {
        let mut memory = vec![0_u128; size / 16];
        let mut heap = QuickFit::new();
        // SAFETY: the memory is the heap's, and stays where it is when the vector moves.
        unsafe { heap.init(memory.as_mut_ptr().expose_provenance(), size).unwrap() };
        Self { heap, _memory: memory }
    }

    /// Blocks of `size` bytes until there are no more.
    fn fill(&mut self, size: usize) -> Vec<NonNull<u8>> {
        core::iter::from_fn(|| self.heap.alloc(layout(size, 1)).ok()).collect()
    }

    fn free(&mut self, blocks: &[NonNull<u8>], size: usize) {
        for &block in blocks {
            // SAFETY: the blocks are live, and have this size.
            unsafe { self.heap.dealloc(block, layout(size, 1)) };
        }
    }

    fn kept_blocks(&self) -> usize {
        (0..LISTS).filter_map(ListIndex::new).map(|index| self.heap.lists.len(index)).sum()
    }
}

/// A heap beside a model of its live blocks.
struct Shadow {
    owned: Owned,
    /// By address: the layout, and what fills the block.
    live: BTreeMap<usize, (Layout, u8)>,
    rng: SmallRng,
}

impl Shadow {
    fn step(&mut self) {
        match self.rng.random_range(0..40) {
            0 => assert_eq!(self.owned.heap.trim(), 0, "there is nothing below the store"),
            1..3 => {
                let budget = self.rng.random_range(0..40);
                self.owned.heap.reclaim(budget);
            }
            3..6 => self.alloc_batch(),
            6..20 => self.alloc(),
            20..26 => self.realloc(),
            _ => self.dealloc(),
        }
    }

    fn any_layout(&mut self) -> Layout {
        let most = 70_000 >> self.rng.random_range(0..16);
        let size = self.rng.random_range(0..=most);
        let most_aligned = if self.rng.random_ratio(1, 4) { 14 } else { 5 };
        let align = 1 << self.rng.random_range(0..most_aligned);
        layout(size, align)
    }

    fn alloc(&mut self) {
        let layout = self.any_layout();
        if let Ok(block) = self.owned.heap.alloc(layout) {
            self.insert(block, layout);
        }
    }

    fn alloc_batch(&mut self) {
        let layout = self.any_layout();
        let mut out = [MaybeUninit::uninit(); 20];
        let blocks = self.owned.heap.alloc_batch(layout, &mut out).to_vec();
        // SAFETY: the blocks are live, and have this layout; the second half comes back at once.
        unsafe { self.owned.heap.dealloc_batch(&blocks[blocks.len() / 2..], layout) };
        for &block in &blocks[..blocks.len() / 2] {
            self.insert(block, layout);
        }
    }

    fn insert(&mut self, block: NonNull<u8>, layout: Layout) {
        let (address, usable) = (address_of(block), self.owned.heap.usable_size(layout).1);
        assert!(usable >= layout.size().max(1) && address.is_multiple_of(layout.align()));
        let below = self.live.range(..address + usable).next_back();
        let apart = below.is_none_or(|(&other, &(layout, _))| other + self.owned.heap.usable_size(layout).1 <= address);
        assert!(apart, "two blocks overlap");
        let pattern = self.rng.random();
        // SAFETY: all of the block may be used.
        unsafe { block.write_bytes(pattern, usable) };
        self.live.insert(address, (layout, pattern));
    }

    fn pick(&mut self) -> Option<(NonNull<u8>, Layout)> {
        let nth = self.rng.random_range(0..self.live.len().max(1));
        let (&address, &(layout, pattern)) = self.live.iter().nth(nth)?;
        let block = pointer_at(address)?;
        for offset in (0..layout.size()).step_by(97) {
            // SAFETY: the block is live.
            assert_eq!(unsafe { block.add(offset).read() }, pattern);
        }
        self.live.remove(&address);
        Some((block, layout))
    }

    fn dealloc(&mut self) {
        if let Some((block, layout)) = self.pick() {
            // SAFETY: the block was live, with this layout.
            unsafe { self.owned.heap.dealloc(block, layout) };
        }
    }

    fn realloc(&mut self) {
        let Some((block, old)) = self.pick() else { return };
        let new_size = self.any_layout().size();
        let new = layout(new_size, old.align());
        // SAFETY: the block was live, with this layout.
        match unsafe { self.owned.heap.realloc(block, old, new_size) } {
            Ok(block) => self.insert(block, new),
            Err(_) => {
                assert!(new_size > old.size(), "a block can always become smaller");
                self.insert(block, old);
            }
        }
    }

    fn check(&self) {
        self.owned.heap.validate().unwrap();
        let used = self.live.values().map(|&(layout, _)| self.owned.heap.used_by_each(layout).unwrap());
        assert_eq!(self.owned.heap.used_bytes(), used.sum::<usize>());
    }
}

#[test]
fn random_programs_with_memory_that_is_short_and_that_is_not() {
    let seed = allocator_conformance::seed();
    let steps = allocator_conformance::steps(if cfg!(miri) { 25 } else { 5000 });
    for size in [48 << 10, 1 << 20].into_iter().take(if cfg!(miri) { 1 } else { 2 }) {
        let mut shadow = Shadow { owned: Owned::new(size), live: BTreeMap::new(), rng: SmallRng::seed_from_u64(seed) };
        for _ in 0..steps {
            shadow.step();
            shadow.check();
        }
        while !shadow.live.is_empty() {
            shadow.dealloc();
        }
        shadow.check();
        let total = shadow.owned.heap.total_bytes();
        assert_eq!((shadow.owned.heap.used_bytes(), shadow.owned.heap.available_bytes()), (0, total));
        shadow.owned.heap.trim();
        assert_eq!(shadow.owned.heap.engine().largest_block(), total, "all of it is one block again");
    }
}

#[test]
fn blocks_in_lists_serve_requests_of_other_sizes_when_memory_is_short() {
    let (size, cases) = if cfg!(miri) { (24 << 10, 1) } else { (256 << 10, 6) };
    for (kept, wanted) in
        [(256, 192), (48, 64), (2048, 16), (16, 9000), (4096, 40_000), (100, 60_000)].into_iter().take(cases)
    {
        let mut owned = Owned::new(size);
        // The lists get their limits.
        for _ in 0..3 {
            let blocks = owned.fill(kept);
            owned.free(&blocks, kept);
        }
        let used = owned.heap.engine().used_bytes();
        assert!(owned.kept_blocks() > 0 && used > 0 && owned.heap.used_bytes() == 0);
        let served = owned.fill(wanted);
        let block = owned.heap.usable_size(layout(wanted, 1)).1;
        let total = owned.heap.total_bytes();
        assert!(
            served.len() * block > total - block - total / 50,
            "{kept}, {wanted}: {} of {total}",
            served.len() * block
        );
        owned.heap.validate().unwrap();
    }
}

#[test]
fn a_request_for_more_than_there_is_takes_nothing_from_the_lists() {
    let count = if cfg!(miri) { 40 } else { 500 };
    let mut owned = Owned::new(count * 400);
    for _ in 0..2 {
        let blocks: Vec<_> = (0..count).map(|_| owned.heap.alloc(layout(100, 1)).unwrap()).collect();
        owned.free(&blocks[count / 2..], 100);
    }
    let kept = owned.kept_blocks();
    assert!(kept > 0);
    let available = owned.heap.available_bytes();
    for size in [available + 1, owned.heap.total_bytes() + 1, isize::MAX as usize - 4096] {
        assert_eq!(owned.heap.alloc(layout(size, 1)), Err(AllocError::NoMemory));
        assert_eq!(owned.kept_blocks(), kept);
    }
}

#[test]
fn the_lists_have_no_more_than_their_part() {
    let mut owned = Owned::new(if cfg!(miri) { 32 << 10 } else { 1 << 20 });
    for parts in [64, 16, 2].into_iter().skip(if cfg!(miri) { 2 } else { 0 }) {
        owned.heap.set_kept_part(parts);
        owned.heap.trim();
        for size in [16, 100, 1000, 3000, 20_000].into_iter().skip(if cfg!(miri) { 2 } else { 0 }) {
            for _ in 0..3 {
                let blocks = owned.fill(size);
                owned.free(&blocks, size);
                owned.heap.validate().unwrap();
            }
            let kept = owned.heap.kept_bytes();
            assert!(kept <= owned.heap.total_bytes() / parts, "{parts}: {kept} bytes of blocks of {size}");
        }
    }
}

#[test]
fn reclaim_gives_back_as_much_as_its_budget() {
    let (size, counts) = if cfg!(miri) { (32 << 10, [10, 20, 40, 80]) } else { (256 << 10, [100, 200, 400, 800]) };
    let mut owned = Owned::new(size);
    for count in counts {
        let blocks: Vec<_> = (0..count).map(|_| owned.heap.alloc(layout(64, 1)).unwrap()).collect();
        owned.free(&blocks, 64);
    }
    let mut kept = owned.kept_blocks();
    assert!(kept > 10);
    while owned.heap.reclaim(7) > 0 {
        let now = owned.kept_blocks();
        assert!(now + 7 >= kept && now < kept.max(1) || kept == 0, "{kept}, then {now}");
        kept = now;
    }
    assert_eq!((owned.kept_blocks(), owned.heap.reclaim(7)), (0, 0));
    assert_eq!(owned.heap.engine().largest_block(), owned.heap.total_bytes());
}

#[test]
fn after_a_burst_the_pages_come_back() {
    let mut memory = vec![0_u128; (4 << 20) / 16];
    let mut frames = RadixPageAllocator::<4096>::new();
    // SAFETY: the memory is the frames', and outlives them.
    unsafe { frames.init(memory.as_mut_ptr().expose_provenance(), 4 << 20).unwrap() };
    let free = frames.available_pages();
    {
        // SAFETY: the frames are memory, and nobody else gives any back; the heap has no memory yet.
        let mut heap = unsafe { Growing::new(QuickByteAllocator::new(), &mut frames) };
        let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
        let count = if cfg!(miri) { 50 } else { 3000 };
        let blocks: Vec<_> = (0..count)
            .map(|_| {
                let layout = layout(rng.random_range(1..2000), 8);
                (heap.alloc(layout).unwrap(), layout)
            })
            .collect();
        assert!(heap.total_bytes() > count * 900);
        for (block, layout) in blocks {
            // SAFETY: the block is live.
            unsafe { heap.dealloc(block, layout) };
        }
        heap.trim();
        assert_eq!((heap.total_bytes(), heap.used_bytes()), (0, 0));
        // It grows again.
        let block = heap.alloc(layout(100, 8)).unwrap();
        // SAFETY: the block is live.
        unsafe { heap.dealloc(block, layout(100, 8)) };
        heap.trim();
    }
    assert_eq!(frames.available_pages(), free);
}

/// Blocks that come and go, however many at a time, soon come out of lists alone.
#[test]
fn lists_become_as_long_as_they_are_used() {
    let (step, rounds) = if cfg!(miri) { (20, 7) } else { (1, 30) };
    for depth in (2..=40).step_by(step) {
        for size in [16, 100, 1000] {
            let mut owned = Owned::new(1 << 20);
            let mut beyond_lists = 0;
            for round in 0..rounds {
                let blocks: Vec<_> = (0..depth)
                    .map(|_| {
                        let before = owned.heap.engine.bytes();
                        let block = owned.heap.alloc(layout(size, 1)).unwrap();
                        beyond_lists += usize::from(round >= rounds - 5 && owned.heap.engine.bytes() != before);
                        block
                    })
                    .collect();
                for block in blocks {
                    let before = owned.heap.engine.bytes();
                    owned.free(&[block], size);
                    beyond_lists += usize::from(round >= rounds - 5 && owned.heap.engine.bytes() != before);
                }
            }
            assert_eq!(beyond_lists, 0, "{depth} blocks of {size}");
        }
    }
}

/// A part that other sizes have filled goes to the size that is used.
#[test]
#[cfg_attr(miri, ignore = "16,000 requests")]
fn lists_that_nobody_uses_any_more_shrink_for_others() {
    let mut owned = Owned::new(1 << 20);
    owned.heap.set_kept_part(8);
    let mut rounds_of = |size: usize, rounds: usize| {
        let mut beyond_lists = 0;
        for _ in 0..rounds {
            let before = owned.heap.engine.bytes();
            let blocks: Vec<_> = (0..8).map(|_| owned.heap.alloc(layout(size, 1)).unwrap()).collect();
            beyond_lists += usize::from(owned.heap.engine.bytes() > before);
            owned.free(&blocks, size);
        }
        beyond_lists
    };
    for size in (16..=800).step_by(16) {
        rounds_of(size, 20);
    }
    rounds_of(1000, 40);
    assert_eq!(rounds_of(1000, 20), 0);
}

#[test]
fn resizing_to_more_than_there_is_takes_nothing_from_the_lists() {
    let mut owned = Owned::new(1 << 20);
    let small: Vec<_> = (0..100).map(|_| owned.heap.alloc(layout(1000, 1)).unwrap()).collect();
    let block = owned.heap.alloc(layout(100_000, 8)).unwrap();
    let behind = owned.heap.alloc(layout(300_000, 8)).unwrap();
    owned.free(&small, 1000);
    let kept = owned.kept_blocks();
    assert!(kept > 10);
    // SAFETY: the blocks are live.
    unsafe {
        assert_eq!(owned.heap.realloc(block, layout(100_000, 8), 2 << 20), Err(AllocError::NoMemory));
        assert_eq!(owned.kept_blocks(), kept);
        owned.heap.dealloc(behind, layout(300_000, 8));
        // A large part of what is asked for is in lists, side by side.
        let most = owned.heap.available_bytes() - 1000;
        assert!(most > owned.heap.engine().largest_block());
        let block = owned.heap.realloc(block, layout(100_000, 8), most).unwrap();
        owned.heap.dealloc(block, layout(most, 8));
    }
    owned.heap.validate().unwrap();
}

#[test]
fn a_block_stays_where_it_is_within_the_size_of_its_list() {
    let mut owned = Owned::new(256 << 10);
    for (align, old, new) in
        [(64, 10, 20), (64, 20, 10), (8, 0, 8), (8, 8, 0), (8, 97, 112), (4096, 1, 64), (32, 3000, 3010)]
    {
        let [block, other] = [(); 2].map(|()| owned.heap.alloc(layout(old, align)).unwrap());
        // SAFETY: the blocks are live.
        unsafe {
            owned.heap.dealloc(other, layout(old, align));
            assert_eq!(owned.heap.realloc(block, layout(old, align), new), Ok(block), "{old} to {new} at {align}");
            owned.heap.dealloc(block, layout(new, align));
        }
        owned.heap.validate().unwrap();
    }
}

#[test]
fn a_small_block_is_not_grown_in_place_and_a_large_one_is() {
    let mut owned = Owned::new(1 << 20);
    let (small, large) = (layout(64, 8), layout(4096, 8));
    let block = owned.heap.alloc(small).unwrap();
    let used = owned.heap.used_bytes();
    // SAFETY: the blocks are live, and fit these layouts; a refusal leaves the block as it was.
    unsafe {
        assert!(owned.heap.realloc_in_place(block, small, MOVED).is_err() && owned.heap.used_bytes() == used);
        assert_eq!(owned.heap.realloc_in_place(block, small, 60), Ok(block), "the same list");
        owned.heap.dealloc(block, small);
        owned.heap.trim();
        let block = owned.heap.alloc(large).unwrap();
        assert_eq!(owned.heap.realloc_in_place(block, large, 8192), Ok(block), "there is free memory behind it");
        owned.heap.dealloc(block, layout(8192, 8));
    }
    assert_eq!(owned.heap.used_bytes(), 0);
}
