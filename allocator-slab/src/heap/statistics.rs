//! What a slab heap looks like inside, in numbers and as a table.

use core::alloc::Layout;
use core::fmt;

use allocator_core::ByteAllocator;

use super::SlabByteAllocator;
use crate::classes::SizeClasses;
use crate::slab::{Slab, clamp_requested};

/// The numbers of one size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassStatistics {
    /// The size of a block in bytes.
    pub block_size: usize,
    /// How many blocks there are, live and free.
    pub total_blocks: usize,
    /// How many of them are live.
    pub used_blocks: usize,
    /// How many bytes were asked for with the live ones.
    pub requested_bytes: usize,
    /// In how many chunks the blocks lie.
    pub chunks: usize,
}

impl ClassStatistics {
    fn of(slab: &Slab, block_size: usize) -> Self {
        Self {
            block_size,
            total_blocks: slab.total_slots(),
            used_blocks: slab.used_slots(),
            requested_bytes: slab.requested_bytes(),
            chunks: slab.chunks(),
        }
    }

    /// What the live blocks take, in bytes.
    #[must_use]
    pub const fn used_bytes(&self) -> usize {
        self.used_blocks * self.block_size
    }

    /// What all blocks take, in bytes.
    #[must_use]
    pub const fn total_bytes(&self) -> usize {
        self.total_blocks * self.block_size
    }
}

/// The numbers of a heap, as [`SlabByteAllocator::statistics`](crate::SlabByteAllocator::statistics) finds them.
///
/// `Display` prints them as a table: a line for each class that has blocks, one for what is too large for any class, and
/// the sums. All sizes are in bytes.
///
/// ```text
///   block   total    used  chunks  requested      used      %
///      64     128       2       2        100       128   78.1
///     256      32       1       1        200       256   78.1
///   large                                 10000     16384   61.0
///     all                                 10300     16768   61.4
/// 48768 of 65536 bytes are free; no block can have more than 48768 bytes.
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'h> {
    slabs: &'h [Slab],
    slot_sizes: &'static [usize],
    /// All bytes of the heap.
    pub total_bytes: usize,
    /// What live blocks take, rounded up as they are.
    pub used_bytes: usize,
    /// What was asked for with the live blocks: `used_bytes - requested_bytes` is lost to rounding.
    pub requested_bytes: usize,
    /// What the live blocks take that are too large for any class.
    pub large_bytes: usize,
    /// The part of `requested_bytes` that was asked for with those.
    pub requested_large_bytes: usize,
    /// What chunks and the table of them take of the backing: free blocks, live ones, and bookkeeping.
    pub chunk_bytes: usize,
    /// An upper bound of the largest block that the heap serves now.
    pub largest_block: usize,
}

impl<'h> Statistics<'h> {
    /// The classes, in the order of their sizes.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = ClassStatistics> + use<'h> {
        self.slabs.iter().zip(self.slot_sizes).map(|(slab, &slot_size)| ClassStatistics::of(slab, slot_size))
    }

    /// What is not used, in bytes.
    #[must_use]
    pub const fn available_bytes(&self) -> usize {
        self.total_bytes - self.used_bytes
    }
}

impl<C: SizeClasses, B: ByteAllocator> SlabByteAllocator<C, B> {
    /// An upper bound of the largest block, in bytes: a request for more is refused. Asking changes nothing.
    ///
    /// It is what would be free in one piece if all that the heap does not use were: what the backing has left, and the
    /// chunks less their live slots. How much of that is in one piece only the backing knows, and only trying can tell:
    /// [`find_largest_block`](Self::find_largest_block) does.
    ///
    /// # Time complexity
    ///
    /// O(classes).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use allocator_core::{BaseAllocator, ByteAllocator};
    /// use allocator_slab::SlabByteAllocator;
    ///
    /// let mut pool = vec![0u64; 4096];
    /// let mut heap = SlabByteAllocator::new();
    /// // SAFETY: nothing else uses the pool while the heap does.
    /// unsafe { heap.init(pool.as_mut_ptr() as usize, 32 << 10)? };
    /// let at_most = heap.largest_block();
    /// assert!(heap.alloc(Layout::from_size_align(at_most + 1, 1).unwrap()).is_err());
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    #[must_use]
    pub fn largest_block(&self) -> usize {
        let in_slots = self.slabs().iter().map(Slab::used_bytes).sum::<usize>();
        self.backing.engine.available_bytes() + (self.backing.own_bytes() - in_slots)
    }

    /// The size of the largest block that the heap serves now, at the alignment of a word; 0 if it serves none.
    ///
    /// This looks by allocating, so it is no statistic: the heap gives what is wholly free back to the backing first, as for
    /// a request that finds memory short, then allocates and frees blocks of several sizes. A backing that grows by itself
    /// grows.
    ///
    /// # Time complexity
    ///
    /// That of [`trim`](Self::trim), and O(log(available bytes) + classes) requests.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use allocator_core::{BaseAllocator, ByteAllocator};
    /// use allocator_slab::SlabByteAllocator;
    ///
    /// let mut pool = vec![0u64; 4096];
    /// let mut heap = SlabByteAllocator::new();
    /// // SAFETY: nothing else uses the pool while the heap does.
    /// unsafe { heap.init(pool.as_mut_ptr() as usize, 32 << 10)? };
    /// let largest = heap.find_largest_block();
    /// assert!(heap.alloc(Layout::from_size_align(largest + 1, 8).unwrap()).is_err());
    /// assert!(heap.alloc(Layout::from_size_align(largest, 8).unwrap()).is_ok());
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    pub fn find_largest_block(&mut self) -> usize {
        self.give_back(usize::MAX);
        let by_class = C::SLOT_SIZES.last().copied().unwrap_or(0);
        // The largest size known to be served, beyond those of the classes, and the smallest known to be refused.
        let (mut served, mut refused) = (by_class, self.backing.engine.available_bytes().saturating_add(1));
        while refused.saturating_sub(served) > 1 {
            let size = served + (refused - served) / 2;
            if self.serves(size) { served = size } else { refused = size }
        }
        if served > by_class {
            return served;
        }
        let largest = C::SLOT_SIZES.iter().rev().copied().find(|&slot_size| self.serves(slot_size));
        // To try may have taken a chunk.
        self.give_back(usize::MAX);
        largest.unwrap_or(0)
    }

    /// Whether a request for so many bytes is served.
    fn serves(&mut self, size: usize) -> bool {
        let Ok(layout) = Layout::from_size_align(size, align_of::<usize>()) else { return false };
        let Ok(block) = self.alloc(layout) else { return false };
        // SAFETY: the block was taken just now, with this layout.
        unsafe { self.dealloc(block, layout) };
        true
    }

    /// What the heap looks like inside: numbers for each class, and what callers asked for beside what that takes. `Display`
    /// makes a table of it. Asking changes nothing.
    ///
    /// # Time complexity
    ///
    /// O(classes).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use allocator_core::{BaseAllocator, ByteAllocator};
    /// use allocator_slab::SlabByteAllocator;
    ///
    /// let mut pool = vec![0u64; 4096];
    /// let mut heap = SlabByteAllocator::new();
    /// // SAFETY: nothing else uses the pool while the heap does.
    /// unsafe { heap.init(pool.as_mut_ptr() as usize, 32 << 10)? };
    /// heap.alloc(Layout::new::<[u8; 100]>())?;
    /// heap.alloc(Layout::new::<[u8; 5000]>())?;
    ///
    /// let statistics = heap.statistics();
    /// assert_eq!((statistics.requested_bytes, statistics.used_bytes), (5100, 128 + 8192));
    /// let of_128 = statistics.classes().find(|class| class.block_size == 128).unwrap();
    /// assert_eq!((of_128.used_blocks, of_128.requested_bytes, of_128.chunks), (1, 100, 1));
    /// println!("{statistics}");
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    #[must_use]
    pub fn statistics(&self) -> Statistics<'_> {
        let large_bytes = self.backing.large_bytes();
        let requested_large_bytes = clamp_requested(self.requested_large, large_bytes);
        let by_class = self.slabs().iter().map(Slab::requested_bytes).sum::<usize>();
        Statistics {
            total_bytes: self.total_bytes(),
            used_bytes: self.used_bytes(),
            requested_bytes: by_class + requested_large_bytes,
            large_bytes,
            requested_large_bytes,
            chunk_bytes: self.backing.own_bytes(),
            largest_block: self.largest_block(),
            slabs: self.slabs(),
            slot_sizes: C::SLOT_SIZES,
        }
    }
}

/// Tenths of a percent that `part` is of `whole`; of nothing, all.
fn per_mille(part: usize, whole: usize) -> u128 {
    if whole == 0 { 1000 } else { (part as u128 * 1000 + whole as u128 / 2) / whole as u128 }
}

impl fmt::Display for Statistics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:>7} {:>9} {:>9} {:>7} {:>12} {:>12} {:>6}",
            "block", "total", "used", "chunks", "requested", "used", "%"
        )?;
        let share = |requested, used| {
            let tenths = per_mille(requested, used);
            (tenths / 10, tenths % 10)
        };
        for class in self.classes().filter(|class| class.total_blocks > 0) {
            let ClassStatistics { block_size, total_blocks, used_blocks, requested_bytes, chunks } = class;
            let used = class.used_bytes();
            let (percent, tenth) = share(requested_bytes, used);
            writeln!(
                f,
                "{block_size:>7} {total_blocks:>9} {used_blocks:>9} {chunks:>7} {requested_bytes:>12} {used:>12} {percent:>4}.{tenth}"
            )?;
        }
        let sums =
            [("large", self.requested_large_bytes, self.large_bytes), ("all", self.requested_bytes, self.used_bytes)];
        for (name, requested, used) in sums {
            let (percent, tenth) = share(requested, used);
            writeln!(f, "{name:>7} {:>9} {:>9} {:>7} {requested:>12} {used:>12} {percent:>4}.{tenth}", "", "", "")?;
        }
        write!(
            f,
            "{} of {} bytes are free; no block can have more than {} bytes.",
            self.available_bytes(),
            self.total_bytes,
            self.largest_block
        )
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::alloc::Layout;
    use std::string::ToString;
    use std::vec;
    use std::vec::Vec;

    use allocator_conformance::{seed, steps};
    use allocator_core::{BaseAllocator, ByteAllocator};
    use allocator_tlsf::TlsfByteAllocator;
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use crate::{FineClasses, PowerOfTwoClasses, SizeClasses, SlabByteAllocator};

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn the_table_has_a_line_for_each_class_that_has_blocks() {
        let mut memory = vec![0u64; 2 * 8192];
        let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(65_536);
        let mut heap = SlabByteAllocator::new();
        // SAFETY: the memory is the heap's until it goes.
        unsafe { heap.init(start, 65_536).unwrap() };
        let blocks = [50, 50, 200, 10_000].map(|size| (heap.alloc(layout(size)).unwrap(), layout(size)));
        let (block, old) = blocks[1];
        // SAFETY: the block is live.
        assert_eq!(unsafe { heap.realloc(block, old, 60) }, Ok(block));
        let statistics = heap.statistics();
        assert_eq!((statistics.total_bytes, statistics.available_bytes()), (65_536, 65_536 - 128 - 256 - 16_384));
        assert_eq!((statistics.chunk_bytes, statistics.largest_block), (4096 + 4096, 48_768));
        let table = statistics.to_string();
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["block", "total", "used", "chunks", "requested", "used", "%"]);
        assert_eq!(lines[1], ["64", "64", "2", "1", "110", "128", "85.9"]);
        assert_eq!(lines[2], ["256", "16", "1", "1", "200", "256", "78.1"]);
        assert_eq!(lines[3], ["large", "10000", "16384", "61.0"]);
        assert_eq!(lines[4], ["all", "10310", "16768", "61.5"]);
        let free = "48768 of 65536 bytes are free; no block can have more than 48768 bytes.";
        assert_eq!((table.lines().nth(5), lines.len()), (Some(free), 6));
        let width = |line: &str| line.chars().count();
        assert!(table.lines().take(5).all(|line| width(line) == width(table.lines().next().unwrap())), "{table}");
        for ((block, layout), size) in blocks.into_iter().zip([50, 60, 200, 10_000]) {
            // SAFETY: the blocks are live, and have these sizes now.
            unsafe { heap.dealloc(block, Layout::from_size_align(size, layout.align()).unwrap()) };
        }
        let statistics = heap.statistics();
        assert_eq!((statistics.requested_bytes, statistics.used_bytes, statistics.chunk_bytes), (0, 0, 8192));
        heap.trim();
        let statistics = heap.statistics();
        assert_eq!(statistics.chunk_bytes, 0);
        assert_eq!(statistics.largest_block, 65_536);
        assert!(statistics.to_string().contains("100.0"), "nothing is lost of nothing");
    }

    /// That the sums are those of the blocks, and that the largest block can be had, and none larger.
    fn random_program<C: SizeClasses, B: ByteAllocator>(backing: B) {
        let mut rng = SmallRng::seed_from_u64(seed());
        let mut memory = vec![0u64; 2 * 8192];
        let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(65_536);
        let mut heap = SlabByteAllocator::<C, B>::with_backing(backing);
        // SAFETY: the memory is the heap's until it goes.
        unsafe { heap.init(start, 65_536).unwrap() };
        let mut live = Vec::new();
        for step in 0..steps(if cfg!(miri) { 20 } else { 2000 }) {
            if rng.random::<bool>() && !live.is_empty() {
                let (block, size) = live.swap_remove(rng.random_range(0..live.len()));
                // SAFETY: the block is live.
                unsafe { heap.dealloc(block, layout(size)) };
            } else {
                let size = 1 << rng.random_range(0..15);
                let size = rng.random_range(1..=size);
                live.extend(heap.alloc(layout(size)).map(|block| (block, size)));
            }
            if step % 10 == 0 {
                let statistics = heap.statistics();
                assert_eq!(statistics.requested_bytes, live.iter().map(|&(_, size)| size).sum::<usize>());
                let by_class: usize = statistics.classes().map(|class| class.used_bytes()).sum();
                assert_eq!(statistics.used_bytes, by_class + statistics.large_bytes);
                assert!(statistics.classes().all(|class| class.requested_bytes <= class.used_bytes()));
                assert!(statistics.classes().map(|class| class.total_bytes()).sum::<usize>() <= statistics.chunk_bytes);
                let at_most = statistics.largest_block;
                let largest = heap.find_largest_block();
                assert!(largest <= at_most, "{largest} of {at_most} bytes");
                heap.validate().unwrap();
                assert!(heap.alloc(layout(largest + 1)).is_err());
                if largest > 0 {
                    let block = heap.alloc(layout(largest)).unwrap();
                    // SAFETY: just allocated.
                    unsafe { heap.dealloc(block, layout(largest)) };
                }
            }
        }
    }

    #[test]
    fn numbers_are_those_of_the_blocks_over_buddy() {
        random_program::<PowerOfTwoClasses, _>(allocator_buddy::BuddyByteAllocator::new());
    }

    #[test]
    fn numbers_are_those_of_the_blocks_over_tlsf() {
        random_program::<FineClasses, _>(TlsfByteAllocator::new());
    }

    #[test]
    fn blocks_given_back_with_other_sizes_do_no_harm() {
        let mut memory = vec![0u64; 4096];
        let mut heap = SlabByteAllocator::new();
        // SAFETY: the memory is the heap's until it goes.
        unsafe { heap.init(memory.as_mut_ptr().expose_provenance(), 32 << 10).unwrap() };
        let first = heap.alloc(layout(1)).unwrap();
        let second = heap.alloc(layout(1)).unwrap();
        // SAFETY: the block is live, and 64 bytes fit it, too.
        unsafe { heap.dealloc(first, layout(64)) };
        assert_eq!(heap.statistics().requested_bytes, 0);
        // SAFETY: the block is live.
        unsafe { heap.dealloc(second, layout(1)) };
    }
}
