//! The nodes of a section's tree: which there are, and where their summaries lie.
//!
//! Above the leaves stands a tree of fan-out 8. Its nodes are numbered by address: node `i` of level `l` covers the leaves
//! `i << 3l .. (i + 1) << 3l` of the address space, so that an aligned block lies in one node, or is made of whole ones. A
//! section has the nodes that its leaves need, level by level, up to the first level of one node, or of two that have
//! different parents:
//!
//! ```text
//!   level 2                                  │ node 0                                    │
//!   level 1        │ node 0                  │ node 1                    │ node 2        │
//!   level 0        │ 5 │ 6 │ 7 │ 8 │ 9 │ 10 │ 11 │ 12 │ 13 │ 14 │ 15 │ 16 │ 17 │     leaves 5..=17
//! ```
//!
//! The words of a tree:
//!
//! ```text
//!   ┌─────────────────────────────────┬──────────────────────────────────────────┐
//!   │ orders: a byte for each node,   │ nodes: for each node the words that a    │
//!   │ eight siblings a word, level by │ policy adds, level by level              │
//!   │ level                           │                                          │
//!   └─────────────────────────────────┴──────────────────────────────────────────┘
//! ```

use core::fmt;

use crate::leaf::{LEAF_ORDER, LeafIndex};
use crate::page::{Order, PageNumber, PageRange};

/// The most levels that a tree can have.
pub(crate) const LEVELS: usize = (usize::BITS - LEAF_ORDER.get()).div_ceil(3) as usize + 1;

/// The order of the block that a node of this level is.
#[must_use]
#[inline]
pub(crate) const fn node_order(level: usize) -> Order {
    Order::new(LEAF_ORDER.get() + 3 * level as u32)
}

/// The number of pages of a node of this level.
#[must_use]
#[inline]
pub(crate) const fn node_pages(level: usize) -> usize {
    node_order(level).pages()
}

/// The number of a node within its level.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub(crate) struct NodeIndex(usize);

impl NodeIndex {
    /// The node of level 0 that a leaf is.
    #[inline]
    pub(crate) const fn of_leaf(leaf: LeafIndex) -> Self {
        Self(leaf.get())
    }

    /// The node of this level that a leaf lies in.
    #[inline]
    pub(crate) const fn around(leaf: LeafIndex, level: usize) -> Self {
        Self(leaf.get() >> (3 * level))
    }

    /// The leaf that the node, of level 0, is.
    #[inline]
    pub(crate) const fn leaf(self) -> LeafIndex {
        LeafIndex::new(self.0)
    }

    /// The first leaf of the node, which is of this level.
    #[inline]
    pub(crate) const fn first_leaf(self, level: usize) -> LeafIndex {
        LeafIndex::new(self.0 << (3 * level))
    }

    /// The first page of the node, which is of this level; `None` where its number would be past all numbers.
    #[inline]
    pub(crate) fn first_page(self, level: usize) -> Option<PageNumber> {
        self.0.checked_mul(node_pages(level)).map(PageNumber::new)
    }

    #[inline]
    pub(crate) const fn parent(self) -> Self {
        Self(self.0 >> 3)
    }

    /// Which of its siblings the node is, below 8.
    #[inline]
    pub(crate) const fn sibling(self) -> usize {
        self.0 & 7
    }

    /// The children, by their [`sibling`](Self::sibling) numbers.
    #[inline]
    pub(crate) const fn child(self, sibling: usize) -> Self {
        Self(8 * self.0 + sibling)
    }

    #[inline]
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Debug for NodeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// Nodes of one level with successive numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeRange {
    pub(crate) first: NodeIndex,
    pub(crate) len: usize,
}

impl NodeRange {
    /// The leaves that `pages`, at least one, lie in.
    #[must_use]
    #[inline]
    pub(crate) const fn of_pages(pages: PageRange) -> Self {
        let first = LeafIndex::of(pages.start).get();
        let last = (pages.end.get() - 1) / LEAF_ORDER.pages();
        Self { first: NodeIndex(first), len: last - first + 1 }
    }

    /// The nodes from `first` up to, not including, `end`; none where `end` lies below.
    #[must_use]
    #[inline]
    pub(crate) const fn new(first: NodeIndex, end: NodeIndex) -> Self {
        Self { first, len: end.0.saturating_sub(first.0) }
    }

    /// The node behind the last.
    #[must_use]
    #[inline]
    pub(crate) const fn end(self) -> NodeIndex {
        NodeIndex(self.first.0 + self.len)
    }

    #[inline]
    pub(crate) fn contains(self, node: NodeIndex) -> bool {
        self.first <= node && node < self.end()
    }

    /// Where a node stands among these.
    #[inline]
    pub(crate) const fn place_of(self, node: NodeIndex) -> usize {
        node.0 - self.first.0
    }

    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = NodeIndex> {
        (self.first.0..self.end().0).map(NodeIndex)
    }

    /// The nodes one level up that these, at least one, lie in.
    #[must_use]
    #[inline]
    pub(crate) const fn parents(self) -> Self {
        self.ancestors(1)
    }

    /// The nodes one level up all of whose children are among these.
    #[must_use]
    #[inline]
    pub(crate) const fn whole_parents(self) -> Self {
        Self::new(NodeIndex(self.first.0.div_ceil(8)), self.end().parent())
    }

    /// The nodes `levels` levels up that these, at least one, lie in.
    #[must_use]
    #[inline]
    pub(crate) const fn ancestors(self, levels: usize) -> Self {
        let first = self.first.0 >> (3 * levels);
        Self { first: NodeIndex(first), len: ((self.first.0 + self.len - 1) >> (3 * levels)) - first + 1 }
    }

    /// Whether no level above is needed: no two nodes have the same parent.
    const fn is_top(self) -> bool {
        self.len == 1 || self.len == 2 && self.first.sibling() == 7
    }
}

/// The most words that the tree above `num_leaves` leaves in a row can take, wherever they lie, if every node of level `l`
/// has `node_words[l]` words beside the byte of its order: those of the leaves that reach into the most nodes at each level.
#[must_use]
pub(crate) const fn most_tree_words(num_leaves: usize, node_words: &[usize; LEVELS]) -> usize {
    let mut len = num_leaves;
    let (mut words, mut level) = (0_usize, 0);
    loop {
        // More leaves than there can be addresses for.
        if level == LEVELS {
            return usize::MAX;
        }
        let parents = len.saturating_add(6) / 8 + 1;
        words = words.saturating_add(len.saturating_mul(node_words[level]).saturating_add(parents));
        if len == 1 {
            return words;
        }
        // Two nodes have one parent, or need none.
        len = if len == 2 { 1 } else { parents };
        level += 1;
    }
}

/// The nodes of a tree, and where their summaries lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) leaves: NodeRange,
    pub(crate) levels: usize,
    /// Where the orders of each level start, in words from the start of the tree.
    pub(crate) orders_at: [u32; LEVELS],
    /// Where the nodes of each level start, in words from the start of the tree.
    pub(crate) nodes_at: [u32; LEVELS],
    /// The number of words that the tree takes.
    pub(crate) words: usize,
}

impl Shape {
    /// The tree above `leaves`, at least one; `None` where its offsets would not fit 32 bits.
    pub(crate) fn new(leaves: NodeRange, node_words: &[usize; LEVELS]) -> Option<Self> {
        let mut shape = Self { leaves, levels: 0, orders_at: [0; LEVELS], nodes_at: [0; LEVELS], words: 0 };
        let mut at = 0_usize;
        loop {
            let nodes = shape.nodes(shape.levels);
            shape.orders_at[shape.levels] = u32::try_from(at).ok()?;
            at = at.checked_add(nodes.parents().len)?;
            shape.levels += 1;
            if nodes.is_top() {
                break;
            }
        }
        for (level, words) in node_words.iter().enumerate().take(shape.levels) {
            shape.nodes_at[level] = u32::try_from(at).ok()?;
            at = at.checked_add(shape.nodes(level).len.checked_mul(*words)?)?;
        }
        shape.words = at;
        Some(shape)
    }

    /// The nodes of a level.
    #[inline]
    pub(crate) fn nodes(&self, level: usize) -> NodeRange {
        self.leaves.ancestors(level)
    }

    /// The level of the roots.
    #[inline]
    pub(crate) fn top(&self) -> usize {
        self.levels - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::LEAF_PAGES;

    const NODE_WORDS: [usize; LEVELS] = [1; LEVELS];

    #[test]
    fn the_parts_lie_one_behind_the_other() {
        let (low, high) = (4095 * LEAF_PAGES, 4097 * LEAF_PAGES);
        for (first, end) in [(0, 1), (511, 513), (0, 1 << 20), (12345, 9_876_543), (low, high)] {
            let pages = PageRange::new(PageNumber::new(first), PageNumber::new(end));
            let shape = Shape::new(NodeRange::of_pages(pages), &NODE_WORDS).unwrap();
            let mut at = 0;
            for level in 0..shape.levels {
                assert_eq!(shape.orders_at[level] as usize, at);
                at += shape.nodes(level).parents().len;
            }
            for level in 0..shape.levels {
                assert_eq!(shape.nodes_at[level] as usize, at);
                at += shape.nodes(level).len;
            }
            assert_eq!(shape.words, at);
            assert!(shape.nodes(shape.top()).is_top());
        }
    }
}
