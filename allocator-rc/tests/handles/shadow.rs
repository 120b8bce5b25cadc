//! Random calls of the `Allocator` trait against a model that knows what every block holds.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};
use allocator_conformance::{seed, steps};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::support::{Handle, Kind, Memory, POOL, all_are, for_all_handles};

for_all_handles! {
    a_random_program_finds_every_block_as_it_left_it,
}

/// A live block, all of whose bytes are `content`.
struct Block {
    address: NonNull<u8>,
    layout: Layout,
    content: u8,
}

impl Block {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the block is live and has been written.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.layout.size()) }
    }

    /// Takes what the allocator returned for `layout`, and fills it behind the first `kept` bytes, which hold
    /// `content` already.
    fn take(block: NonNull<[u8]>, layout: Layout, content: u8, kept: usize) -> Self {
        let address = block.cast::<u8>();
        assert_eq!(block.len(), layout.size());
        assert!(address.addr().get().is_multiple_of(layout.align()));
        // SAFETY: inside the block.
        unsafe { address.add(kept).write_bytes(content, layout.size() - kept) };
        Self { address, layout, content }
    }

    fn check(&self) {
        assert!(all_are(self.bytes(), self.content), "{:?} changed", self.layout);
    }
}

struct Shadow<'heap, H> {
    heap: &'heap H,
    random: SmallRng,
    live: Vec<Block>,
}

impl<H: Allocator> Shadow<'_, H> {
    fn layout(&mut self, sizes: std::ops::RangeInclusive<usize>) -> Layout {
        let align = 1
            << if self.random.random_range(0..8) == 0 {
                self.random.random_range(0..10)
            } else {
                self.random.random_range(0..4)
            };
        Layout::from_size_align(self.random.random_range(sizes), align).unwrap()
    }

    fn some_size(&mut self) -> usize {
        match self.random.random_range(0..10) {
            0 => 0,
            1 => 5000,
            2..=4 => 700,
            _ => 64,
        }
    }

    fn allocate(&mut self) {
        let size = self.some_size();
        let layout = self.layout(size / 2..=size);
        let content = self.random.random();
        let block = if self.random.random() {
            self.heap.allocate(layout)
        } else {
            // SAFETY: zeroed memory can be read.
            self.heap.allocate_zeroed(layout).inspect(|block| unsafe {
                assert!(all_are(block.as_ref(), 0));
            })
        };
        self.live.extend(block.map(|block| Block::take(block, layout, content, 0)));
    }

    fn deallocate(&mut self) {
        if let Some(block) = self.pick() {
            // SAFETY: the block is live, and forgotten now.
            unsafe { self.heap.deallocate(block.address, block.layout) };
        }
    }

    fn resize(&mut self) {
        let Some(old) = self.pick() else { return };
        let size = self.some_size();
        let old_size = old.layout.size();
        let mut new = self.layout(size / 2..=size);
        if self.random.random_range(0..3) > 0 {
            new = Layout::from_size_align(new.size(), old.layout.align()).unwrap();
        }
        let zeroed = new.size() >= old_size && self.random.random();
        // SAFETY: the block is live, with this layout.
        let resized: Result<_, AllocError> = unsafe {
            match new.size() {
                size if size < old_size => self.heap.shrink(old.address, old.layout, new),
                _ if zeroed => self.heap.grow_zeroed(old.address, old.layout, new),
                _ => self.heap.grow(old.address, old.layout, new),
            }
        };
        let Ok(resized) = resized else {
            old.check();
            self.live.push(old);
            return;
        };
        if zeroed {
            // SAFETY: what was kept has been written, and the rest is zero.
            assert!(all_are(unsafe { &resized.as_ref()[old_size..] }, 0));
        }
        let block = Block::take(resized, new, old.content, old_size.min(new.size()));
        block.check();
        self.live.push(block);
    }

    /// A live block, out of the list, as it was left.
    fn pick(&mut self) -> Option<Block> {
        let index = self.random.random_range(0..self.live.len().max(1));
        let block = (index < self.live.len()).then(|| self.live.swap_remove(index))?;
        block.check();
        Some(block)
    }
}

fn a_random_program_finds_every_block_as_it_left_it<K: Kind>() {
    let (mut memory, mut further) = (Memory::misaligned(POOL / 2, 5), Memory::misaligned(POOL / 4, 3));
    let heap = K::create(memory.pool());
    let mut shadow = Shadow { heap: &heap, random: SmallRng::seed_from_u64(seed()), live: Vec::new() };
    let mut further = Some(further.pool());
    let steps = steps(if cfg!(miri) { 40 } else { 20_000 });
    for step in 0..steps {
        match shadow.random.random_range(0..8) {
            0..=2 => shadow.allocate(),
            3..=4 => shadow.deallocate(),
            _ => shadow.resize(),
        }
        if step == steps / 2
            && let Some(pool) = further.take()
        {
            heap.add_memory(pool).unwrap();
        }
        assert_eq!(heap.used_bytes() + heap.available_bytes(), heap.total_bytes());
        assert!(heap.used_bytes() >= shadow.live.iter().map(|block| block.layout.size()).sum());
    }
    while !shadow.live.is_empty() {
        shadow.deallocate();
    }
    assert_eq!(heap.used_bytes(), 0);
}
