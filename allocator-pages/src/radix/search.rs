//! The radix engine's search for the lowest run that is long enough.

use super::node::Runs;
use crate::engine::policy::View;
use crate::leaf::{LEAF_PAGES, PageInLeaf, find_run};
use crate::page::{Order, PageNumber, PageRange};
use crate::tree::shape::{NodeIndex, node_pages};

/// The first page of the lowest run of `num_pages` free pages in `within`. O(levels).
pub(super) fn first_run(view: View<'_, Runs>, within: PageRange, num_pages: usize) -> Option<PageNumber> {
    let first = first_run_from(view, num_pages, within.start)?;
    (first.checked_add(num_pages)? <= within.end).then_some(first)
}

/// The first page of the lowest run of `num_pages` free pages in `within`, at a multiple of `align`.
///
/// O(levels) for each run that is long enough and has no such page in the right place, or for each multiple of `align`,
/// whichever are fewer.
pub(super) fn first_aligned_run(
    view: View<'_, Runs>,
    within: PageRange,
    num_pages: usize,
    align: Order,
) -> Option<PageNumber> {
    let end = within.end.min(view.pages().end);
    let mut from = within.start;
    loop {
        let first = first_run_from(view, num_pages, from)?.align_up(align)?;
        let run = PageRange::new(first, first.checked_add(num_pages).filter(|&behind| behind <= end)?);
        match view.first_taken(run) {
            None => return Some(first),
            // No run with that page in it will do, and the next place to start one is a multiple of `align`.
            Some(taken) => from = (taken + 1).align_up(align)?,
        }
    }
}

/// A search from left to right.
struct Search<'s> {
    view: View<'s, Runs>,
    num_pages: usize,
    /// The search skips all pages below.
    from: PageNumber,
    /// The number of free pages right in front of the next node.
    carry: usize,
}

/// The first page of the lowest run of at least `num_pages` pages that are free and not below `from`. O(levels).
fn first_run_from(view: View<'_, Runs>, num_pages: usize, from: PageNumber) -> Option<PageNumber> {
    let (top, roots) = view.roots();
    let mut search = Search { view, num_pages, from, carry: 0 };
    roots.iter().find_map(|root| search.node(top, root, view.node(top, root)))
}

impl Search<'_> {
    /// Looks at a node, and at the run that reaches into it.
    #[inline]
    fn node(&mut self, level: usize, node: NodeIndex, runs: Runs) -> Option<PageNumber> {
        let pages = node_pages(level);
        let first = node.first_page(level)?;
        if self.from > first {
            return if self.from.get() < first.get().saturating_add(pages) { self.inside(level, node) } else { None };
        }
        if self.carry + runs.start >= self.num_pages {
            return Some(PageNumber::new(first.get() - self.carry));
        }
        if runs.longest >= self.num_pages {
            return self.inside(level, node);
        }
        self.carry = if runs.start == pages { self.carry + pages } else { runs.end };
        None
    }

    /// Looks at the children of a node, or at the bits of a leaf.
    fn inside(&mut self, level: usize, node: NodeIndex) -> Option<PageNumber> {
        if level == 0 {
            return self.leaf(node);
        }
        (0..8).find_map(|sibling| {
            let child = node.child(sibling);
            self.node(level - 1, child, self.view.node(level - 1, child))
        })
    }

    /// Searches the bits of a leaf. The leaf has a run that is long enough, or starts below `from`.
    fn leaf(&mut self, node: NodeIndex) -> Option<PageNumber> {
        let leaf = node.leaf();
        let bits = self.view.leaf(leaf);
        let from = PageInLeaf::new(self.from.get().saturating_sub(leaf.first_page().get()));
        let found = find_run(&bits, self.num_pages, from);
        let whole = bits.iter().rev().take_while(|&&word| word == u64::MAX).count();
        let rest = bits.iter().rev().nth(whole).map_or(0, |word| word.leading_ones() as usize);
        self.carry = (64 * whole + rest).min(LEAF_PAGES - from.get());
        found.map(|place| leaf.page(place))
    }
}
