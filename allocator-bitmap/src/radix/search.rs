//! The search for the first run that is long enough.

use allocator_core::address::align_up;
use allocator_core::frames::View;
use allocator_core::frames::chunk::CHUNK_PAGES;
use allocator_core::frames::tree::node_pages;

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
    (roots.first..roots.end()).find_map(|root| search.node(top, root))
}

impl Search<'_> {
    /// Looks at a node, and at the run that reaches into it.
    fn node(&mut self, level: usize, node: usize) -> Option<usize> {
        let pages = node_pages(level);
        let first = node.checked_mul(pages)?;
        if self.from >= first.saturating_add(pages) {
            return None;
        }
        if self.from > first {
            return self.cut_node(level, node, first);
        }
        let runs = self.view.node(level, node);
        if self.carry + runs.start >= self.num_pages {
            return Some(first - self.carry);
        }
        if runs.longest >= self.num_pages {
            self.carry = 0;
            return self.inside(level, node, first);
        }
        self.carry = if runs.start == pages { self.carry + pages } else { runs.end };
        None
    }

    /// A node of which the first pages are not to be looked at.
    fn cut_node(&mut self, level: usize, node: usize, first: usize) -> Option<usize> {
        if level == 0 {
            let end = (first + CHUNK_PAGES).min(self.view.window().end);
            return self.chunk(self.from..end);
        }
        (8 * node..8 * node + 8).find_map(|child| self.node(level - 1, child))
    }

    /// A node that is known to hold a run that is long enough.
    fn inside(&mut self, level: usize, node: usize, first: usize) -> Option<usize> {
        if level == 0 {
            let window = self.view.window();
            return self.chunk(first.max(window.start)..(first + CHUNK_PAGES).min(window.end));
        }
        (8 * node..8 * node + 8).find_map(|child| self.node(level - 1, child))
    }

    /// Pages of one chunk, looked at run by run.
    fn chunk(&mut self, pages: core::ops::Range<usize>) -> Option<usize> {
        let mut at = pages.start;
        while let Some(start) = self.view.next_free(at..pages.end) {
            let end = self.view.next_taken(start..pages.end).unwrap_or(pages.end);
            if end - start >= self.num_pages {
                return Some(start);
            }
            self.carry = if end == pages.end { end - start } else { 0 };
            at = end;
        }
        if at < pages.end {
            self.carry = 0;
        }
        None
    }
}
