//! [`BuddyPageAllocator`], page frames in power-of-two blocks that merge with their buddies, never by a scan.

use crate::engine::PageEngine;
use crate::engine::policy::{Policy, View};
use allocator_core::address::align_up;

/// Page frames in blocks of power-of-two orders.
///
/// A run of `num_pages` pages at an alignment takes a free block of the order that holds both, from its start; what it
/// does not need of the block stays free. So a request succeeds whenever an aligned free block of its rounded order
/// exists, and any part of a run can be given back, in any order.
///
/// # Layout
///
/// One bit a page, set iff it is free; the free blocks of every order are those that the bits make up, so buddies merge
/// by being free both, and no list is kept. Above the bits stands a tree with one byte for each node: one more than the
/// order of the largest free block in it. Sixteen pages, drawn with nodes of four instead of 512 pages and a fan-out of
/// two instead of eight; the pages 1, 6 and 7 are allocated:
///
/// ```text
///   level 2                     4
///   level 1          2                   4             1 + order of the largest free block
///   level 0      2        2         3         3
///   bits       1 0 1 1  1 1 0 0   1 1 1 1   1 1 1 1
///   page       0        4         8         12
/// ```
///
/// # Invariants
///
/// With `free(n)` the order of the largest aligned block in node `n` whose bits are all set: `byte(n) = free(n) + 1`, and 0
/// where no bit is set; apart from the pages in stock (see [`crate::engine`]), which the tree counts as taken.
///
/// # Time complexity
///
/// With n the pages of a region:
///
/// | request | cost |
/// | --- | --- |
/// | a block | O(log n), one word for each step up or down the tree |
/// | a single page, or a run of fewer than 512 pages, that is in stock | O(1) |
/// | a run that is not one block | O(log n), and O(length / 64) for its bits |
/// | an alignment above the run, where no block as large as the alignment is free | O(n / alignment) at worst, or O(free runs) |
/// | giving back | O(log n), and O(length / 64) for the bits |
///
/// With several regions that keep their metadata themselves, O(regions) more.
///
/// On x86-64, `alloc_pages` of a page that is in stock takes 26 instructions, and `dealloc_pages` 28 where there is room in
/// the stock. In 4 GiB with half of the pages live, to fill the stock took about 1900 at worst, to empty half of it 7200,
/// of the calls counted (`cargo run --release -p allocator-benches --bin instructions -- --only pages/churn-half/4g`).
///
/// # Drawbacks
///
/// - A run of 33 pages needs a free block of 64, though the other 31 stay free.
/// - Of several free blocks that would do, the one with the lowest address is split, not the smallest.
///
/// # Examples
///
/// ```
/// use allocator_pages::BuddyPageAllocator;
/// use allocator_core::{AllocError, BaseAllocator, PageAllocator};
///
/// const PAGES: usize = 16 << 10;
/// let mut words = vec![0; BuddyPageAllocator::<4096>::metadata_words(PAGES)];
/// let mut frames = BuddyPageAllocator::<4096>::with_metadata(&mut words);
/// // SAFETY: page frames are numbers here; nobody else hands out these.
/// unsafe { frames.init(0x8000_0000, PAGES * 4096)? };
/// let huge = frames.alloc_pages(512, 2 << 20)?;
/// assert_eq!(huge % (2 << 20), 0);
/// frames.dealloc_pages(huge + 4096, 511)?; // all but the first
/// assert_eq!(frames.used_pages(), 1);
/// assert_eq!(frames.dealloc_pages(huge, 2), Err(AllocError::NotAllocated));
/// # Ok::<(), AllocError>(())
/// ```
pub type BuddyPageAllocator<'m, const PAGE_SIZE: usize> = PageEngine<'m, PowerOfTwo, PAGE_SIZE>;

/// Every request is served by a block.
pub struct PowerOfTwo;

// SAFETY: `find` looks at the bits of the run; a block is at least as long as the run, and aligned to its length.
unsafe impl Policy for PowerOfTwo {
    const NAME: &'static str = "BuddyPageAllocator";

    type Node = ();

    const LOWEST_FIRST: bool = false;

    #[inline]
    fn block_order(num_pages: usize, align: usize) -> Option<usize> {
        let pages = num_pages.checked_next_power_of_two()?.max(align);
        Some(pages.trailing_zeros() as usize)
    }

    fn find(view: View<'_, ()>, num_pages: usize, align: usize) -> Option<usize> {
        let pages = num_pages.checked_next_power_of_two()?;
        if align <= pages {
            return None;
        }
        // No block as large as the alignment is free; the start of one may be.
        let end = view.window().end;
        let mut from = view.window().start;
        loop {
            let page = align_up(view.next_free(from..end)?, align)?;
            let behind = page.checked_add(pages).filter(|&behind| behind <= end)?;
            match view.next_taken(page..behind) {
                None => return Some(page),
                Some(taken) => from = align_up(taken + 1, align)?,
            }
        }
    }
}

impl<const PAGE_SIZE: usize> BuddyPageAllocator<'_, PAGE_SIZE> {
    /// The length of the longest run of free pages, in pages, across blocks. O(pages / 64).
    #[must_use]
    pub fn largest_free_run(&self) -> usize {
        self.free_runs().map(|run| run.num_pages).max().unwrap_or(0)
    }
}
