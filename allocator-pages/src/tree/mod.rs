//! The tree above the leaves of a section: for each node the order of its largest free block, and what an engine wants to
//! know besides.
//!
//! # The order of a node
//!
//! A byte: 0 if no page of the node is free, else one more than the order of the largest aligned block that is free. A
//! node of level `l` is a block of order `9 + 3l` itself, so with `full = 10 + 3l`
//!
//! ```text
//!   order(parent) = full + 3              if all eight children are full,
//!                   full + 2              if four siblings, the first or the last, are,
//!                   full + 1              if two buddies are,
//!                   max of the children   otherwise.
//! ```
//!
//! The bytes of eight siblings are one word, so a step up or down the tree is one load and some arithmetic.

use core::ops::Range;

use crate::leaf::{LEAF_ORDER, LeafBits};
use shape::{LEVELS, Shape, Span};

pub(crate) mod shape;

/// What a tree knows of a node beside the order of its largest block.
pub trait Node: Copy + PartialEq {
    /// The number of words of a node of each level, at most 2.
    const WORDS: [usize; LEVELS];

    /// A node none of whose pages is free. Its words are zero.
    const TAKEN: Self;

    /// A node of `pages` pages, all free.
    fn free(pages: usize) -> Self;

    /// A leaf.
    fn of_leaf(leaf: &LeafBits) -> Self;

    /// The parent of eight nodes of this level, whose words these are.
    fn join(level: usize, children: &[u64]) -> Self;

    /// The parent, of which one child of this level has become `new` instead of `old`, if that follows without looking at
    /// the other children.
    fn changed(self, level: usize, old: Self, new: Self) -> Option<Self>;

    /// Reads a node from the words of its level.
    fn load(level: usize, words: &[u64]) -> Self;

    /// Writes a node to the words of its level.
    fn store(self, level: usize, words: &mut [u64]);
}

/// Nothing.
impl Node for () {
    const WORDS: [usize; LEVELS] = [0; LEVELS];
    const TAKEN: Self = ();

    fn free(_: usize) -> Self {}

    fn of_leaf(_: &LeafBits) -> Self {}

    fn join(_: usize, _: &[u64]) -> Self {}

    fn changed(self, _: usize, (): Self, (): Self) -> Option<Self> {
        Some(())
    }

    fn load(_: usize, _: &[u64]) -> Self {}

    fn store(self, _: usize, _: &mut [u64]) {}
}

/// Room for the words of eight nodes.
pub(crate) type Siblings = [u64; 16];

/// The number of pages of a node.
#[must_use]
#[inline]
pub(crate) const fn node_pages(level: usize) -> usize {
    1 << (LEAF_ORDER + 3 * level)
}

/// The byte of a node of this level whose pages are all free.
const fn full(level: usize) -> u8 {
    (LEAF_ORDER + 3 * level + 1) as u8
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Bit 7 of each byte of `siblings` that is at least `code`; all are below 128.
#[inline]
const fn at_least(siblings: u64, code: u8) -> u64 {
    ((siblings | HIGH) - ONES * code as u64) & HIGH
}

/// One bit for each byte whose bit 7 is set in `high`.
#[inline]
const fn gather(high: u64) -> u8 {
    ((high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// The largest of the bytes of `siblings`.
#[inline]
const fn largest(siblings: u64) -> u8 {
    let mut word = siblings;
    let mut shift = 32;
    while shift >= 8 {
        let other = word >> shift;
        let keep = (((word | HIGH) - other) & HIGH) >> 7;
        let mask = keep.wrapping_mul(0xff);
        word = word & mask | other & !mask;
        shift /= 2;
    }
    word as u8
}

/// Which of eight siblings are aligned groups of `count` (1, 2, 4 or 8) whose bits in `free` are all set: a bit for the
/// first of each.
#[inline]
const fn groups(free: u8, count: usize) -> u8 {
    match count {
        1 => free,
        2 => free & free >> 1 & 0x55,
        4 => free & free >> 1 & free >> 2 & free >> 3 & 0x11,
        _ => (free == u8::MAX) as u8,
    }
}

/// The byte of the parent of `siblings`, which are of this level.
#[inline]
const fn join_orders(siblings: u64, level: usize) -> u8 {
    let full = full(level);
    let free = at_least(siblings, full);
    if free == 0 {
        return largest(siblings);
    }
    let free = gather(free);
    full + (groups(free, 8) != 0) as u8 + (groups(free, 4) != 0) as u8 + (groups(free, 2) != 0) as u8
}

/// A section's tree, for reading.
#[derive(Clone, Copy)]
pub(crate) struct Tree<'z> {
    pub(crate) shape: &'z Shape,
    pub(crate) words: &'z [u64],
}

impl Tree<'_> {
    /// The bytes of node `8 * parent` and its siblings.
    #[inline]
    pub(crate) fn siblings(&self, level: usize, parent: usize) -> u64 {
        let first = self.shape.span(level).first >> 3;
        self.words[self.shape.orders_at[level] as usize + (parent - first)]
    }

    /// The byte of a node; 0 where it is none of this tree's.
    pub(crate) fn order(&self, level: usize, node: usize) -> u8 {
        let span = self.shape.span(level);
        if node < span.first || node >= span.end() {
            return 0;
        }
        (self.siblings(level, node >> 3) >> (8 * (node & 7))) as u8
    }

    /// What else is known of a node; [`Node::TAKEN`] where it is none of this tree's.
    #[inline]
    pub(crate) fn node<N: Node>(&self, level: usize, node: usize) -> N {
        let span = self.shape.span(level);
        if node < span.first || node >= span.end() {
            return N::TAKEN;
        }
        let at = self.shape.nodes_at[level] as usize + (node - span.first) * N::WORDS[level];
        N::load(level, &self.words[at..at + N::WORDS[level]])
    }

    /// What else is known of the children of a node, which are of this level: their words. Those that are none of this
    /// tree's are zero, in a copy that is made in `edge`.
    #[inline]
    pub(crate) fn children<'w, N: Node>(&'w self, level: usize, parent: usize, edge: &'w mut Siblings) -> &'w [u64] {
        let span = self.shape.span(level);
        let (first, words) = (8 * parent, N::WORDS[level]);
        let row = &self.words[self.shape.nodes_at[level] as usize..];
        if first >= span.first && first + 8 <= span.end() {
            return &row[(first - span.first) * words..][..8 * words];
        }
        let (from, to) = (first.max(span.first), (first + 8).min(span.end()));
        edge[..8 * words].fill(0);
        edge[(from - first) * words..(to - first) * words]
            .copy_from_slice(&row[(from - span.first) * words..(to - span.first) * words]);
        &edge[..8 * words]
    }

    /// Computes every node above the leaves again.
    pub(crate) fn validate<N: Node>(&self) -> Result<(), &'static str> {
        for level in 1..self.shape.levels {
            let span = self.shape.span(level);
            for node in span.first..span.end() {
                if self.order(level, node) != join_orders(self.siblings(level - 1, node), level - 1) {
                    return Err("the order of a node does not follow from its children");
                }
                if self.node::<N>(level, node) != N::join(level - 1, self.children::<N>(level - 1, node, &mut [0; 16]))
                {
                    return Err("what is known of a node does not follow from its children");
                }
            }
        }
        Ok(())
    }

    /// The lowest leaf that has a free block of `order`, or is the first of those that make it up. O(levels).
    pub(crate) fn find_block(&self, order: usize) -> Option<usize> {
        let code = order as u8 + 1;
        let top = self.shape.top();
        let roots = self.shape.span(top);
        let mut node = (roots.first..roots.end()).find(|&node| self.order(top, node) >= code)?;
        for level in (0..top).rev() {
            let siblings = self.siblings(level, node);
            let node_order = LEAF_ORDER + 3 * level;
            let index = if order > node_order {
                // The block is the node itself, or a group of its children.
                let free = gather(at_least(siblings, full(level)));
                groups(free, 1 << (order - node_order).min(3)).trailing_zeros()
            } else {
                at_least(siblings, code).trailing_zeros() / 8
            };
            debug_assert!(index < 8, "the order of a node is that of a block in it");
            node = 8 * node + index as usize;
        }
        Some(node)
    }
}

/// A section's tree, for writing.
pub(crate) struct TreeMut<'z> {
    pub(crate) shape: &'z Shape,
    pub(crate) words: &'z mut [u64],
}

impl TreeMut<'_> {
    pub(crate) fn read(&self) -> Tree<'_> {
        Tree { shape: self.shape, words: self.words }
    }

    #[inline]
    fn siblings_mut(&mut self, level: usize, parent: usize) -> &mut u64 {
        let first = self.shape.span(level).first >> 3;
        &mut self.words[self.shape.orders_at[level] as usize + (parent - first)]
    }

    /// Sets the byte of a leaf, and those of its ancestors where they change. O(levels).
    pub(crate) fn set_order(&mut self, leaf: usize, code: u8) {
        let (mut node, mut code) = (leaf, code);
        for level in 0..self.shape.levels {
            let siblings = self.siblings_mut(level, node >> 3);
            let shift = 8 * (node & 7);
            let old = (*siblings >> shift) as u8;
            if old == code {
                return;
            }
            *siblings ^= u64::from(old ^ code) << shift;
            code = join_orders(*siblings, level);
            node >>= 3;
        }
    }

    /// Makes the byte of a leaf at least `code`.
    pub(crate) fn raise_order(&mut self, leaf: usize, code: u8) {
        let siblings = *self.siblings_mut(0, leaf >> 3);
        if ((siblings >> (8 * (leaf & 7))) as u8) < code {
            self.set_order(leaf, code);
        }
    }

    fn store<N: Node>(&mut self, level: usize, node: usize, value: N) {
        let at = self.shape.nodes_at[level] as usize + (node - self.shape.span(level).first) * N::WORDS[level];
        value.store(level, &mut self.words[at..at + N::WORDS[level]]);
    }

    fn join<N: Node>(&self, level: usize, parent: usize) -> N {
        N::join(level, self.read().children::<N>(level, parent, &mut [0; 16]))
    }

    /// Sets what else is known of a leaf, and of its ancestors where it changes. O(levels).
    pub(crate) fn set_node<N: Node>(&mut self, leaf: usize, value: N) {
        let (mut node, mut new) = (leaf, value);
        for level in 0..self.shape.levels {
            let old = self.read().node::<N>(level, node);
            if old == new {
                return;
            }
            self.store(level, node, new);
            if level < self.shape.top() {
                node >>= 3;
                let parent = self.read().node::<N>(level + 1, node);
                new = parent.changed(level, old, new).unwrap_or_else(|| self.join(level, node));
            }
        }
    }

    /// Sets `leaves` to all free or all taken, and their ancestors. O(leaves), a few bytes for each.
    pub(crate) fn set_all<N: Node>(&mut self, leaves: Range<usize>, free: bool) {
        if leaves.is_empty() {
            return;
        }
        // At each level, the nodes all of which are set, and around them those that some of it is set of.
        let (mut whole, mut touched) = (leaves.clone(), Span { first: leaves.start, len: leaves.len() });
        for level in 0..self.shape.levels {
            if level > 0 {
                touched = touched.parents();
                whole = whole.start.div_ceil(8)..whole.end / 8;
            }
            let whole = if whole.is_empty() { touched.end()..touched.end() } else { whole.clone() };
            for node in (touched.first..whole.start).chain(whole.end.max(touched.first)..touched.end()) {
                self.join_up::<N>(level, node);
            }
            self.fill::<N>(level, whole, free);
        }
    }

    /// Computes a node from its children.
    fn join_up<N: Node>(&mut self, level: usize, node: usize) {
        let code = join_orders(self.read().siblings(level - 1, node), level - 1);
        let shift = 8 * (node & 7);
        let siblings = self.siblings_mut(level, node >> 3);
        *siblings = *siblings & !(0xff << shift) | u64::from(code) << shift;
        let value: N = self.join(level - 1, node);
        self.store(level, node, value);
    }

    /// Sets nodes of a level to all free or all taken.
    fn fill<N: Node>(&mut self, level: usize, nodes: Range<usize>, free: bool) {
        if nodes.is_empty() {
            return;
        }
        let code = if free { full(level) } else { 0 };
        for parent in nodes.start >> 3..=(nodes.end - 1) >> 3 {
            let from = nodes.start.saturating_sub(8 * parent);
            let to = (nodes.end - 8 * parent).min(8);
            let mask = (u64::MAX >> (64 - 8 * (to - from))) << (8 * from);
            let siblings = self.siblings_mut(level, parent);
            *siblings = *siblings & !mask | (ONES * u64::from(code)) & mask;
        }
        let words = N::WORDS[level];
        let value = if free { N::free(node_pages(level)) } else { N::TAKEN };
        if words > 0 {
            let at = self.shape.nodes_at[level] as usize + (nodes.start - self.shape.span(level).first) * words;
            let mut pattern = [0; 2];
            value.store(level, &mut pattern[..words]);
            let row = &mut self.words[at..at + nodes.len() * words];
            match words {
                1 => row.fill(pattern[0]),
                _ => row.chunks_exact_mut(2).for_each(|node| node.copy_from_slice(&pattern)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn bytes_side_by_side_are_compared_like_bytes_alone() {
        let mut rng = fastrand::Rng::with_seed(allocator_conformance::seed());
        for _ in 0..if cfg!(miri) { 50 } else { 20_000 } {
            let ceiling = rng.u8(1..128);
            let bytes: [u8; 8] = core::array::from_fn(|_| rng.u8(0..ceiling));
            let word = u64::from_le_bytes(bytes);
            assert_eq!(largest(word), bytes.into_iter().max().unwrap());
            let code = rng.u8(0..128);
            let expected = (0..8).fold(0, |bits, index| bits | u8::from(bytes[index] >= code) << index);
            assert_eq!(gather(at_least(word, code)), expected, "{bytes:?} at least {code}");
        }
    }

    #[test]
    fn the_order_of_a_parent_is_that_of_its_largest_block() {
        for free in 0..=u8::MAX {
            let bytes: [u8; 8] = core::array::from_fn(|index| if free >> index & 1 == 1 { full(2) } else { 3 });
            let run = |count: usize| {
                (0..8).step_by(count).any(|first| (first..first + count).all(|index| free >> index & 1 == 1))
            };
            let expected = [(8, 3), (4, 2), (2, 1), (1, 0)].into_iter().find(|&(count, _)| run(count));
            let expected = expected.map_or(3, |(_, more)| full(2) + more);
            assert_eq!(join_orders(u64::from_le_bytes(bytes), 2), expected, "{free:#010b}");
        }
    }
}
