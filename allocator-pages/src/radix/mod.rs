//! [`RadixPageAllocator`], page frames out of a bitmap under a radix tree of run lengths.

use crate::engine::PageEngine;
use crate::engine::policy::{Policy, View};

mod node;
mod search;

use node::Runs;

/// Page frames at any scale, in runs of any length, each the first that fits.
///
/// # Layout
///
/// One bit a page, set iff it is free, under a tree that tells of each node three lengths: of the run of free pages at its
/// start, of the longest, of the run at its end. A node of the lowest level has 512 pages, each above it 8 times as many.
/// Sixteen pages, drawn with nodes of four pages and a fan-out of two:
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
/// are the orders, which find or refuse an aligned block without looking at runs that lie across; and that single pages,
/// short runs and large blocks that come and go do not touch the tree (see [`crate::engine`]).
///
/// # Invariants
///
/// The three lengths of a parent follow from those of its children, `c0` to `c7`, of `n` pages each; apart from the pages
/// in stock, which the tree counts as taken:
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
/// | one page | O(1) from the stock; a stock of up to 64 is filled in O(log n) |
/// | a run of any length, at page alignment | O(log n), and O(length / 64) for its bits; refused in O(log n) |
/// | a power of two of pages, aligned to its length | the same |
/// | any other alignment | O(log n) for each run that is long enough but lies wrong, or for each multiple of the alignment, whichever are fewer |
///
/// On x86-64, `alloc_pages` of a page that is in stock takes 26 instructions, and `dealloc_pages` 28 where there is room in
/// the stock. In 4 GiB with half of the pages live, to fill the stock took about 4000 at worst, to empty half of it 60,000,
/// of the calls counted (`cargo run --release -p allocator-benches --bin instructions -- --only pages/churn-half/4g`).
///
/// Giving back is O(log n), and O(length / 64) for the bits. A run of the length that was freed last and of the alignment
/// that was asked for last takes no search where the one in stock is known to be the lowest. Any other request for a run
/// first tells the tree of what is in stock, at most 64 pages and 8 runs. With several regions that keep their metadata
/// themselves, O(regions) more.
///
/// # Drawbacks
///
/// - A run never reaches across two regions that keep their metadata themselves, even if they are adjacent.
/// - Single pages come from the stock, so that the page with the lowest address is not always the next.
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

/// The run with the lowest address.
pub struct FirstFit;

// SAFETY: both searches return what the summaries and the bits show to be such a run.
unsafe impl Policy for FirstFit {
    const NAME: &'static str = "RadixPageAllocator";

    type Node = Runs;

    const LOWEST_FIRST: bool = true;

    #[inline]
    fn block_order(num_pages: usize, align: usize) -> Option<usize> {
        (num_pages == align).then(|| num_pages.trailing_zeros() as usize)
    }

    fn find(view: View<'_, Runs>, num_pages: usize, align: usize) -> Option<usize> {
        if num_pages == align {
            // There would have been a block.
            return None;
        }
        if align == 1 { search::first_run(view, num_pages) } else { search::first_aligned_run(view, num_pages, align) }
    }
}

impl<const PAGE_SIZE: usize> RadixPageAllocator<'_, PAGE_SIZE> {
    /// The length of the longest run of free pages, in pages.
    ///
    /// O(regions); while pages or blocks are in stock, O(length / 64) more for the runs that each of them is part of.
    #[must_use]
    pub fn largest_free_run(&self) -> usize {
        let known = self.views().map(|view| {
            let (top, roots) = view.roots();
            let runs = [0, 1].map(|index| view.node(top, roots.first + index));
            runs[0].longest.max(runs[1].longest).max(runs[0].end + runs[1].start)
        });
        known.chain(self.stocked_runs()).max().unwrap_or(0)
    }
}
