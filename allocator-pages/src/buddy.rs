//! [`BuddyPageAllocator`]: page frames in power-of-two blocks that merge with their buddies, never by a scan.

use crate::engine::PageEngine;
use crate::engine::policy::{Policy, View};
use crate::page::{Order, PageNumber, PageRange};

/// Page frames in blocks of power-of-two orders.
///
/// A run of `num_pages` pages at an alignment takes the first pages of a free block that is as long and as aligned; the rest
/// of the block stays free. So a request succeeds whenever there is an aligned free block of its rounded order, and any part
/// of a run can be given back, in any order.
///
/// # Layout
///
/// One bit a page, set iff it is free. The free blocks of every order are those that the bits make up: two buddies merge as
/// soon as both are free, and no list is kept. Above the bits stands a tree with one byte for each node: one more than the
/// order of the largest free block in it. Sixteen pages, drawn with leaves of four instead of 512 pages and a fan-out of two
/// instead of eight; the pages 1, 6 and 7 are allocated:
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
/// where no bit is set; apart from cached pages, which the tree has as taken.
///
/// # Time complexity
///
/// With n the pages of a region:
///
/// | request | cost |
/// | --- | --- |
/// | a block | O(log n), one word for each step up or down the tree |
/// | a single page, or a run of fewer than 512 pages, that is cached | O(1) |
/// | a run that is not one block | O(log n), and O(length / 64) for its bits |
/// | an alignment above the run, where no block as large as the alignment is free | O(n / alignment) at worst, or O(free runs) |
/// | any of these within a range of addresses | the same, and flushing the caches |
/// | giving back | O(log n), and O(length / 64) for the bits |
///
/// With several regions that keep their metadata themselves, O(regions) more.
///
/// On x86-64, `alloc_pages` of a page that is cached takes 26 instructions, and `dealloc_pages` 27 where there is room in the
/// cache. In 4 GiB with half of the pages live, refilling the cache took about 2000 at worst, flushing it 7900, of
/// the calls counted (`cargo run --release -p allocator-benches --bin instructions -- --only pages/churn-half/4g`).
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

/// The policy of [`BuddyPageAllocator`]: the first pages of a free block.
pub struct PowerOfTwo;

// SAFETY: `find` looks at the bits of the run; every page of a block is free.
unsafe impl Policy for PowerOfTwo {
    const NAME: &'static str = "BuddyPageAllocator";

    type Node = ();

    const LOWEST_FIRST: bool = false;

    #[inline]
    fn block_order(num_pages: usize, align: Order) -> Option<Order> {
        Some(Order::of_pages(num_pages.checked_next_power_of_two()?).max(align))
    }

    fn find(section: View<'_, ()>, within: PageRange, num_pages: usize, align: Order) -> Option<PageNumber> {
        let block = Order::of_pages(num_pages.checked_next_power_of_two()?);
        if align <= block {
            return None;
        }
        // No block as large as the alignment is free; the first pages of one may be.
        let pages = section.pages();
        let within = within.intersection(pages);
        let mut from = within.start;
        loop {
            let first = section.first_free(PageRange::new(from, within.end))?.align_up(align)?;
            let behind = first.checked_add(block.pages()).filter(|&behind| behind <= pages.end)?;
            match section.first_taken(PageRange::new(first, behind)) {
                None => return (first + num_pages <= within.end).then_some(first),
                Some(taken) => from = (taken + 1).align_up(align)?,
            }
        }
    }

    fn longest_run(_: View<'_, ()>) -> Option<usize> {
        None
    }
}
