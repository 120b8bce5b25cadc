//! The search for the first run that is long enough.

use crate::engine::policy::View;
use crate::leaf::{LEAF_PAGES, find_run};
use crate::tree::node_pages;
use allocator_core::address::align_up;

use super::node::Runs;

/// The first page of the lowest free run of at least `num_pages` pages. O(levels).
pub(super) fn first_run(view: View<'_, Runs>, num_pages: usize) -> Option<usize> {
    first_run_from(view, num_pages, 0)
}

/// The first page of the lowest run of `num_pages` free pages that is a multiple of `align`.
///
/// O(levels) for each run that is long enough and has no such page in the right place, or for each multiple of `align`,
/// whichever are fewer.
pub(super) fn first_aligned_run(view: View<'_, Runs>, num_pages: usize, align: usize) -> Option<usize> {
    let end = view.window().end;
    let mut from = 0;
    loop {
        let page = align_up(first_run_from(view, num_pages, from)?, align)?;
        let behind = page.checked_add(num_pages).filter(|&behind| behind <= end)?;
        match view.next_taken(page..behind) {
            None => return Some(page),
            // No run with that page in it will do, and the next place to start one is a multiple of `align`.
            Some(taken) => from = align_up(taken + 1, align)?,
        }
    }
}

/// A search from left to right.
struct Search<'z> {
    view: View<'z, Runs>,
    num_pages: usize,
    /// Pages below are not looked at.
    from: usize,
    /// The free pages in front of where the search is.
    carry: usize,
}

/// The first page of the lowest run of at least `num_pages` pages that are free and not below `from`. O(levels).
fn first_run_from(view: View<'_, Runs>, num_pages: usize, from: usize) -> Option<usize> {
    let (top, roots) = view.roots();
    let mut search = Search { view, num_pages, from, carry: 0 };
    (roots.first..roots.end()).find_map(|root| search.node(top, root, view.node(top, root)))
}

impl Search<'_> {
    /// Looks at a node, and at the run that reaches into it.
    #[inline]
    fn node(&mut self, level: usize, node: usize, runs: Runs) -> Option<usize> {
        let pages = node_pages(level);
        let first = node.checked_mul(pages)?;
        if self.from > first {
            return if self.from < first.saturating_add(pages) { self.inside(level, node) } else { None };
        }
        if self.carry + runs.start >= self.num_pages {
            return Some(first - self.carry);
        }
        if runs.longest >= self.num_pages {
            return self.inside(level, node);
        }
        self.carry = if runs.start == pages { self.carry + pages } else { runs.end };
        None
    }

    /// Looks at the children of a node, or at the bits of a leaf.
    fn inside(&mut self, level: usize, node: usize) -> Option<usize> {
        if level == 0 {
            return self.leaf(node);
        }
        (8 * node..8 * node + 8).find_map(|child| self.node(level - 1, child, self.view.node(level - 1, child)))
    }

    /// A leaf that holds a run that is long enough, or whose first pages are not to be looked at.
    fn leaf(&mut self, leaf: usize) -> Option<usize> {
        let bits = self.view.leaf(leaf);
        let from = self.from.saturating_sub(leaf * LEAF_PAGES);
        let found = find_run(&bits, self.num_pages, from);
        let whole = bits.iter().rev().take_while(|&&word| word == u64::MAX).count();
        let rest = bits.iter().rev().nth(whole).map_or(0, |word| word.leading_ones() as usize);
        self.carry = (64 * whole + rest).min(LEAF_PAGES - from);
        found.map(|page| leaf * LEAF_PAGES + page)
    }
}
