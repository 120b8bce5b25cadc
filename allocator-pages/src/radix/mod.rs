//! [`RadixPageAllocator`]: page frames out of a bitmap under a radix tree of run lengths.

mod node;
mod search;

use node::Runs;

use crate::engine::PageEngine;
use crate::engine::policy::{Policy, View};
use crate::page::{Order, PageNumber, PageRange};

/// Page frames at any scale, in runs of any length, each the first that fits.
///
/// # Layout
///
/// One bit a page, set iff it is free, under a tree that keeps three lengths for each node: of the run of free pages at its
/// start, of the longest, of the run at its end. A leaf, a node of the lowest level, has 512 pages, each node above it 8
/// times as many. Sixteen pages, drawn with leaves of four pages and a fan-out of two:
///
/// ```text
///   level 2                  1,8,8
///   level 1        1,4,0                8,8,8          start, longest, end
///   level 0    1,2,2     2,2,0     4,4,4     4,4,4
///   bits      1 0 1 1   1 1 0 0   1 1 1 1   1 1 1 1
///   page      0         4         8         12
/// ```
///
/// Beside the lengths each node has the order of its largest aligned block of a power of two pages, in one byte.
///
/// The idea of the three lengths is that of the page allocator of the Go runtime (`mpagealloc.go`, 2019). What is new here
/// are the orders, which find or refuse an aligned block without looking at runs that lie across its borders; and the caches
/// of single pages, short runs and large blocks, which serve most calls without the tree.
///
/// # Invariants
///
/// The three lengths of a parent follow from those of its children, `c0` to `c7`, of `n` pages each; apart from cached
/// pages, which the tree has as taken:
///
/// ```text
///   start   = c0.start                          if c0.start < n
///           = n + start of c1 ... c7            otherwise
///   end     = c7.end                            if c7.end < n
///           = n + end of c0 ... c6              otherwise
///   longest = max over i of ci.longest, and of ci.end + start of c(i+1) ... c7
/// ```
///
/// In the drawing: `4 = 2 + 2` on level 1, across the border of two nodes.
///
/// # Time complexity
///
/// With n the pages of a region:
///
/// | request | cost |
/// | --- | --- |
/// | one page | O(1) from the cache; a cache of up to 64 is refilled in O(log n) |
/// | a run of any length, at page alignment | O(log n), and O(length / 64) for its bits; refused in O(log n) |
/// | a power of two of pages, aligned to its length | the same |
/// | any other alignment | O(log n) for each run that is long enough but lies wrong, or for each multiple of the alignment, whichever are fewer |
/// | any of these within a range of addresses | the same, and flushing the caches |
///
/// On x86-64, `alloc_pages` of a page that is cached takes 26 instructions, and `dealloc_pages` 27 where there is room in the
/// cache. In 4 GiB with half of the pages live, refilling the cache took about 4200 at worst, flushing it 61,000, of
/// the calls counted (`cargo run --release -p allocator-benches --bin instructions -- --only pages/churn-half/4g`).
///
/// Giving back is O(log n), and O(length / 64) for the bits. A run of the length that was freed last and of the alignment
/// that was asked for last takes no search where the cached one is known to be the lowest. Any other request for a run first
/// flushes the caches, at most 64 pages and 8 runs. With several regions that keep their metadata themselves, O(regions)
/// more.
///
/// # Drawbacks
///
/// - A run never reaches across two regions that keep their metadata themselves, even if they are adjacent.
/// - Single pages come from the cache, so that the page with the lowest address is not always the next.
///
/// # Examples
///
/// ```
/// use allocator_pages::RadixPageAllocator;
/// use allocator_core::{AllocError, BaseAllocator, PageAllocator};
///
/// const PAGES: usize = 16 << 10;
/// let mut words = vec![0; RadixPageAllocator::<4096>::metadata_words(PAGES)];
/// let mut frames = RadixPageAllocator::<4096>::with_metadata(&mut words);
/// // SAFETY: page frames are numbers here; nobody else hands out these.
/// unsafe { frames.init(0x8000_0000, PAGES * 4096)? };
/// let buffer = frames.alloc_pages(700, 4096)?;
/// assert_eq!(frames.largest_free_run(), PAGES - 700);
/// frames.dealloc_pages(buffer + 4096, 699)?; // all but the first
/// assert_eq!(frames.dealloc_pages(buffer, 2), Err(AllocError::NotAllocated));
/// # Ok::<(), AllocError>(())
/// ```
pub type RadixPageAllocator<'m, const PAGE_SIZE: usize> = PageEngine<'m, FirstFit, PAGE_SIZE>;

/// The policy of [`RadixPageAllocator`]: the run with the lowest address.
pub struct FirstFit;

// SAFETY: `find` returns what the lengths and the bits show to be such a run; every page of a block is free.
unsafe impl Policy for FirstFit {
    const NAME: &'static str = "RadixPageAllocator";

    type Node = Runs;

    const LOWEST_FIRST: bool = true;

    #[inline]
    fn block_order(num_pages: usize, align: Order) -> Option<Order> {
        (num_pages == align.pages()).then_some(align)
    }

    fn find(section: View<'_, Runs>, within: PageRange, num_pages: usize, align: Order) -> Option<PageNumber> {
        if num_pages == align.pages() {
            // There would have been a block.
            return None;
        }
        if align == Order::new(0) {
            search::first_run(section, within, num_pages)
        } else {
            search::first_aligned_run(section, within, num_pages, align)
        }
    }

    fn longest_run(section: View<'_, Runs>) -> Option<usize> {
        let (top, roots) = section.roots();
        let [first, second] = [roots.first, roots.first.next()].map(|root| section.node(top, root));
        Some(first.longest.max(second.longest).max(first.end + second.start))
    }
}
