//! [`Policy`], which run of pages an engine takes, and [`View`], the section that it looks at.

use crate::leaf::{LeafBits, LeafIndex};
use crate::page::{Order, PageNumber, PageRange, PageState};
use crate::section::Section;
use crate::tree::Node;
use crate::tree::shape::{NodeIndex, NodeRange};

/// Which run of pages a page engine takes.
///
/// The trait is public for the bounds of [`PageEngine`](crate::PageEngine) only: its module is private, so no code outside
/// of this crate can name it, or implement it.
///
/// # Safety
///
/// - [`find`](Self::find) returns the first page of a run of `num_pages` pages that lie in `within` and whose bits are set,
///   at a multiple of `align`.
/// - The first `num_pages` pages of every free block of the order that [`block_order`](Self::block_order) returns are a run
///   of that length, at a multiple of `align`.
pub unsafe trait Policy {
    /// The name of the engine with this policy.
    const NAME: &'static str;

    /// What the tree keeps beside orders.
    type Node: Node;

    /// Whether of several blocks the one with the lowest address must be taken.
    const LOWEST_FIRST: bool;

    /// The order of the aligned free block whose first pages serve a request; `None` where no block will do.
    fn block_order(num_pages: usize, align: Order) -> Option<Order>;

    /// The first page of a free run of `num_pages` in `within`, at a multiple of `align`. The engine calls it where no free
    /// block of [`block_order`](Self::block_order) serves the request.
    fn find(section: View<'_, Self::Node>, within: PageRange, num_pages: usize, align: Order) -> Option<PageNumber>;

    /// The length of the longest run of free pages in a section, as far as its tree knows, in pages; `None` where the policy
    /// keeps no lengths.
    fn longest_run(section: View<'_, Self::Node>) -> Option<usize>;
}

/// A section, for a [`Policy`] to look at.
pub struct View<'s, N> {
    pub(super) section: &'s Section<N>,
}

impl<N> Clone for View<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for View<'_, N> {}

impl<N: Node> View<'_, N> {
    /// The pages that have bits.
    #[must_use]
    pub(crate) fn pages(self) -> PageRange {
        self.section.pages()
    }

    /// The nodes of the highest level, and that level.
    #[must_use]
    pub(crate) fn roots(self) -> (usize, NodeRange) {
        let shape = self.section.tree().shape;
        (shape.top(), shape.nodes(shape.top()))
    }

    /// What the tree keeps of a node.
    #[must_use]
    #[inline]
    pub(crate) fn node(self, level: usize, node: NodeIndex) -> N {
        self.section.tree().node(level, node)
    }

    /// The bits of a leaf.
    #[must_use]
    pub(crate) fn leaf(self, leaf: LeafIndex) -> LeafBits {
        *self.section.leaf(leaf)
    }

    /// The first of `pages`, which have bits, that is free. O(pages / 64).
    #[must_use]
    pub(crate) fn first_free(self, pages: PageRange) -> Option<PageNumber> {
        self.section.first_in_state(pages, PageState::Free)
    }

    /// The first of `pages`, which have bits, that is not free. O(pages / 64).
    #[must_use]
    pub(crate) fn first_taken(self, pages: PageRange) -> Option<PageNumber> {
        self.section.first_in_state(pages, PageState::Taken)
    }
}
