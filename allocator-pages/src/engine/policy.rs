//! Which run of pages an engine takes: a [`Policy`], and the [`View`] of a section that it looks at.

use core::ops::Range;

use crate::leaf::LeafBits;
use crate::section::Section;
use crate::tree::Node;
use crate::tree::shape::Span;

/// Which run of pages a page allocator takes.
///
/// The trait is public for the bounds of [`PageEngine`](super::PageEngine) only: its module is private, so no code outside
/// of this crate can name it, or implement it.
///
/// # Safety
///
/// [`find`](Self::find) returns the first page of a run that the section shows to be free, of `num_pages` pages, at a
/// multiple of `align`; [`block_order`](Self::block_order) an order whose blocks are such runs.
pub unsafe trait Policy {
    /// The name of the engine with this policy.
    const NAME: &'static str;

    /// What the tree knows beside orders.
    type Node: Node;

    /// The order of the aligned free block that serves a request, in pages, at its start; `None` where no block will do.
    fn block_order(num_pages: usize, align: usize) -> Option<usize>;

    /// Whether of several blocks the one with the lowest address must be taken.
    const LOWEST_FIRST: bool;

    /// The first page of a free run of `num_pages` that is a multiple of `align`, where there is no such block; unless a
    /// block of whole leaves is what was asked for.
    fn find(section: View<'_, Self::Node>, num_pages: usize, align: usize) -> Option<usize>;
}

/// Pages in a row, for a [`Policy`] to look at.
pub struct View<'z, N> {
    pub(super) section: &'z Section<N>,
}

impl<N> Clone for View<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for View<'_, N> {}

impl<N: Node> View<'_, N> {
    /// The pages that can be managed.
    #[must_use]
    pub(crate) fn window(self) -> Range<usize> {
        self.section.window.clone()
    }

    /// The nodes of the highest level, and that level.
    #[must_use]
    pub(crate) fn roots(self) -> (usize, Span) {
        let shape = self.section.tree().shape;
        (shape.top(), shape.span(shape.top()))
    }

    /// What is known of a node.
    #[must_use]
    #[inline]
    pub(crate) fn node(self, level: usize, node: usize) -> N {
        self.section.tree().node(level, node)
    }

    /// The bits of a leaf.
    #[must_use]
    pub(crate) fn leaf(self, leaf: usize) -> LeafBits {
        *self.section.leaf(leaf)
    }

    /// The first page in `pages` that is free. O(pages).
    #[must_use]
    pub(crate) fn next_free(self, pages: Range<usize>) -> Option<usize> {
        self.section.next(pages.start, pages.end, true)
    }

    /// The first page in `pages` that is not free. O(pages).
    #[must_use]
    pub(crate) fn next_taken(self, pages: Range<usize>) -> Option<usize> {
        self.section.next(pages.start, pages.end, false)
    }
}
