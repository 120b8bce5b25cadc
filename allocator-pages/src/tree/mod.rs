//! The tree above the leaves of a section: for each node a summary, the order of its largest free block and what a policy
//! adds.
//!
//! # The order of a node
//!
//! A byte, the node's code: 0 if no page of the node is free, else one more than the order of the largest aligned block that
//! is free. A node of level `l` is a block of order `9 + 3l` itself, so with `full = 10 + 3l`
//!
//! ```text
//!   code(parent) = full + 3              if all eight children are full,
//!                  full + 2              if four siblings, the first or the last, are,
//!                  full + 1              if two buddies are,
//!                  max of the children   otherwise.
//! ```
//!
//! The bytes of eight siblings are one word, so a step up or down the tree is one load and some arithmetic.

pub(crate) mod shape;

use shape::{LEVELS, NodeIndex, NodeRange, Shape, node_order, node_pages};

use crate::leaf::{LeafBits, LeafIndex};
use crate::page::{Order, PageState};

/// The words that a policy keeps for a node, beside the order of its largest free block.
pub trait Node: Copy + PartialEq {
    /// The number of words of a node of each level, at most 2.
    const WORDS: [usize; LEVELS];

    /// A node none of whose pages is free. Its words are zero.
    const TAKEN: Self;

    /// A node of `num_pages` pages, all free.
    fn free(num_pages: usize) -> Self;

    /// The node of a leaf with these bits.
    fn of_leaf(bits: &LeafBits) -> Self;

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

/// No words: for a policy that needs the orders only.
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
type Siblings = [u64; 16];

/// The code of a node whose largest free block is of this order; 0 where no page is free.
#[inline]
pub(crate) const fn code_of(largest: Option<Order>) -> u8 {
    match largest {
        Some(order) => order.get() as u8 + 1,
        None => 0,
    }
}

/// The code of a node of this level whose pages are all free.
const fn full(level: usize) -> u8 {
    code_of(Some(node_order(level)))
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

/// The code of the parent of `siblings`, which are of this level.
#[inline]
const fn join_codes(siblings: u64, level: usize) -> u8 {
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
pub(crate) struct Tree<'s> {
    pub(crate) shape: &'s Shape,
    pub(crate) words: &'s [u64],
}

impl Tree<'_> {
    /// The codes of the children of `parent`, which are of this level.
    #[inline]
    fn child_codes(&self, level: usize, parent: NodeIndex) -> u64 {
        let row = self.shape.nodes(level).parents();
        self.words[self.shape.orders_at[level] as usize + row.place_of(parent)]
    }

    /// The code of a node; 0 if the tree does not have the node.
    pub(crate) fn code(&self, level: usize, node: NodeIndex) -> u8 {
        if !self.shape.nodes(level).contains(node) {
            return 0;
        }
        (self.child_codes(level, node.parent()) >> (8 * node.sibling())) as u8
    }

    /// The policy's words of a node; [`Node::TAKEN`] if the tree does not have the node.
    #[inline]
    pub(crate) fn node<N: Node>(&self, level: usize, node: NodeIndex) -> N {
        let nodes = self.shape.nodes(level);
        if !nodes.contains(node) {
            return N::TAKEN;
        }
        let at = self.shape.nodes_at[level] as usize + nodes.place_of(node) * N::WORDS[level];
        N::load(level, &self.words[at..at + N::WORDS[level]])
    }

    /// The policy's words of the children of `parent`, which are of this level. If the tree does not have all of them, the words
    /// are a copy in `edge`, in which those of the others are zero.
    #[inline]
    fn children<'w, N: Node>(&'w self, level: usize, parent: NodeIndex, edge: &'w mut Siblings) -> &'w [u64] {
        let (nodes, words) = (self.shape.nodes(level), N::WORDS[level]);
        let children = NodeRange { first: parent.child(0), len: 8 };
        let row = &self.words[self.shape.nodes_at[level] as usize..];
        if children.first >= nodes.first && children.end() <= nodes.end() {
            return &row[nodes.place_of(children.first) * words..][..8 * words];
        }
        let (from, to) = (children.first.max(nodes.first), children.end().min(nodes.end()));
        edge[..8 * words].fill(0);
        edge[children.place_of(from) * words..children.place_of(to) * words]
            .copy_from_slice(&row[nodes.place_of(from) * words..nodes.place_of(to) * words]);
        &edge[..8 * words]
    }

    /// Computes every node above the leaves again.
    pub(crate) fn validate<N: Node>(&self) -> Result<(), &'static str> {
        for level in 1..self.shape.levels {
            for node in self.shape.nodes(level).iter() {
                if self.code(level, node) != join_codes(self.child_codes(level - 1, node), level - 1) {
                    return Err("the order of a node does not follow from its children");
                }
                if self.node::<N>(level, node) != N::join(level - 1, self.children::<N>(level - 1, node, &mut [0; 16]))
                {
                    return Err("what a policy keeps of a node does not follow from its children");
                }
            }
        }
        Ok(())
    }

    /// The leaf in which the lowest free block of `order` starts. O(levels).
    pub(crate) fn find_block(&self, order: Order) -> Option<LeafIndex> {
        let code = code_of(Some(order));
        let top = self.shape.top();
        let root = self.shape.nodes(top).iter().find(|&root| self.code(top, root) >= code)?;
        Some(self.descend(top, root, order))
    }

    /// The first leaf of the lowest free block of `order` in a node that has one.
    fn descend(&self, level: usize, node: NodeIndex, order: Order) -> LeafIndex {
        let mut node = node;
        for level in (0..level).rev() {
            let sibling = self.blocks_in(level, node, order).trailing_zeros();
            debug_assert!(sibling < 8, "the order of a node is that of a block in it");
            node = node.child(sibling as usize);
        }
        node.leaf()
    }

    /// The children of `parent`, which are of this level, in which a free block of `order` starts: a bit for each.
    #[inline]
    fn blocks_in(&self, level: usize, parent: NodeIndex, order: Order) -> u8 {
        let siblings = self.child_codes(level, parent);
        if order > node_order(level) {
            // The block is the parent itself, or a group of its children.
            let free = gather(at_least(siblings, full(level)));
            return groups(free, 1 << (order.get() - node_order(level).get()).min(3));
        }
        gather(at_least(siblings, code_of(Some(order))))
    }

    /// As [`find_block`](Self::find_block), for a block that starts with leaf `from` or above it. `from` is a multiple of
    /// the block's leaves. O(levels).
    pub(crate) fn find_block_from(&self, order: Order, from: LeafIndex) -> Option<LeafIndex> {
        let top = self.shape.top();
        self.shape.nodes(top).iter().find_map(|root| self.find_block_in(top, root, order, from))
    }

    fn find_block_in(&self, level: usize, node: NodeIndex, order: Order, from: LeafIndex) -> Option<LeafIndex> {
        if self.code(level, node) < code_of(Some(order)) || node.next().first_leaf(level) <= from {
            return None;
        }
        if node.first_leaf(level) >= from {
            return Some(self.descend(level, node, order));
        }
        if order >= node_order(level) {
            return None;
        }
        // `from` lies in the node, behind its first leaf. One child may lie on both sides of it.
        let child = NodeIndex::around(from, level - 1);
        let behind = if child.first_leaf(level - 1) < from {
            if let Some(found) = self.find_block_in(level - 1, child, order, from) {
                return Some(found);
            }
            child.sibling() + 1
        } else {
            child.sibling()
        };
        let blocks = u32::from(self.blocks_in(level - 1, node, order)) >> behind << behind;
        (blocks != 0).then(|| self.descend(level - 1, node.child(blocks.trailing_zeros() as usize), order))
    }
}

/// A section's tree, for writing.
pub(crate) struct TreeMut<'s> {
    pub(crate) shape: &'s Shape,
    pub(crate) words: &'s mut [u64],
}

impl TreeMut<'_> {
    fn read(&self) -> Tree<'_> {
        Tree { shape: self.shape, words: self.words }
    }

    #[inline]
    fn child_codes_mut(&mut self, level: usize, parent: NodeIndex) -> &mut u64 {
        let row = self.shape.nodes(level).parents();
        &mut self.words[self.shape.orders_at[level] as usize + row.place_of(parent)]
    }

    /// Sets the code of a leaf, and those of its ancestors where they change. O(levels).
    pub(crate) fn set_code(&mut self, leaf: LeafIndex, code: u8) {
        let (mut node, mut code) = (NodeIndex::of_leaf(leaf), code);
        for level in 0..self.shape.levels {
            let siblings = self.child_codes_mut(level, node.parent());
            let shift = 8 * node.sibling();
            let old = (*siblings >> shift) as u8;
            if old == code {
                return;
            }
            *siblings ^= u64::from(old ^ code) << shift;
            code = join_codes(*siblings, level);
            node = node.parent();
        }
    }

    /// Makes the code of a leaf at least `code`. O(levels).
    pub(crate) fn raise_code(&mut self, leaf: LeafIndex, code: u8) {
        let node = NodeIndex::of_leaf(leaf);
        let siblings = *self.child_codes_mut(0, node.parent());
        if ((siblings >> (8 * node.sibling())) as u8) < code {
            self.set_code(leaf, code);
        }
    }

    fn store<N: Node>(&mut self, level: usize, node: NodeIndex, value: N) {
        let place = self.shape.nodes(level).place_of(node);
        let at = self.shape.nodes_at[level] as usize + place * N::WORDS[level];
        value.store(level, &mut self.words[at..at + N::WORDS[level]]);
    }

    fn join<N: Node>(&self, level: usize, parent: NodeIndex) -> N {
        N::join(level, self.read().children::<N>(level, parent, &mut [0; 16]))
    }

    /// Sets the policy's words of a leaf, and those of its ancestors where they change. O(levels).
    pub(crate) fn set_node<N: Node>(&mut self, leaf: LeafIndex, value: N) {
        let (mut node, mut new) = (NodeIndex::of_leaf(leaf), value);
        for level in 0..self.shape.levels {
            let old = self.read().node::<N>(level, node);
            if old == new {
                return;
            }
            self.store(level, node, new);
            if level < self.shape.top() {
                node = node.parent();
                let parent = self.read().node::<N>(level + 1, node);
                new = parent.changed(level, old, new).unwrap_or_else(|| self.join(level, node));
            }
        }
    }

    /// Sets the nodes from leaf `first` up to, not including, leaf `end`, all of whose pages are in this state, and their
    /// ancestors. O(leaves), a few bytes for each.
    pub(crate) fn set_leaves<N: Node>(&mut self, first: LeafIndex, end: LeafIndex, state: PageState) {
        if end <= first {
            return;
        }
        // At each level: the nodes that lie wholly in the range, and around them those that lie in it in part.
        let mut whole = NodeRange::new(NodeIndex::of_leaf(first), NodeIndex::of_leaf(end));
        let mut touched = whole;
        for level in 0..self.shape.levels {
            if level > 0 {
                touched = touched.parents();
                whole = whole.whole_parents();
            }
            let whole = if whole.len == 0 { NodeRange::new(touched.end(), touched.end()) } else { whole };
            let below = NodeRange::new(touched.first, whole.first);
            let above = NodeRange::new(whole.end().max(touched.first), touched.end());
            for node in below.iter().chain(above.iter()) {
                self.join_up::<N>(level, node);
            }
            self.fill::<N>(level, whole, state);
        }
    }

    /// Computes a node from its children.
    fn join_up<N: Node>(&mut self, level: usize, node: NodeIndex) {
        let code = join_codes(self.read().child_codes(level - 1, node), level - 1);
        let shift = 8 * node.sibling();
        let siblings = self.child_codes_mut(level, node.parent());
        *siblings = *siblings & !(0xff << shift) | u64::from(code) << shift;
        let value: N = self.join(level - 1, node);
        self.store(level, node, value);
    }

    /// Sets nodes of a level whose pages are all in this state.
    fn fill<N: Node>(&mut self, level: usize, nodes: NodeRange, state: PageState) {
        if nodes.len == 0 {
            return;
        }
        let (code, value) = match state {
            PageState::Free => (full(level), N::free(node_pages(level))),
            PageState::Taken => (0, N::TAKEN),
        };
        for parent in nodes.parents().iter() {
            let children = NodeRange { first: parent.child(0), len: 8 };
            let from = children.place_of(nodes.first.max(children.first));
            let to = children.place_of(nodes.end().min(children.end()));
            let mask = (u64::MAX >> (64 - 8 * (to - from))) << (8 * from);
            let siblings = self.child_codes_mut(level, parent);
            *siblings = *siblings & !mask | (ONES * u64::from(code)) & mask;
        }
        let words = N::WORDS[level];
        if words > 0 {
            let at = self.shape.nodes_at[level] as usize + self.shape.nodes(level).place_of(nodes.first) * words;
            let mut pattern = [0; 2];
            value.store(level, &mut pattern[..words]);
            let row = &mut self.words[at..at + nodes.len * words];
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

    use std::vec;

    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::leaf::LEAF_ORDER;
    use crate::page::{PageNumber, PageRange};

    #[test]
    fn bytes_side_by_side_are_compared_like_bytes_alone() {
        let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
        for _ in 0..if cfg!(miri) { 50 } else { 20_000 } {
            let ceiling = rng.random_range(1..128_u8);
            let bytes: [u8; 8] = core::array::from_fn(|_| rng.random_range(0..ceiling));
            let word = u64::from_le_bytes(bytes);
            assert_eq!(largest(word), bytes.into_iter().max().unwrap());
            let code = rng.random_range(0..128_u8);
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
            assert_eq!(join_codes(u64::from_le_bytes(bytes), 2), expected, "{free:#010b}");
        }
    }

    #[test]
    fn a_block_from_a_leaf_on_is_the_first_of_those_that_looking_at_every_leaf_finds() {
        let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
        let (rounds, stride) = if cfg!(miri) { (1, 37) } else { (200, 1) };
        for round in 0..rounds {
            let first = rng.random_range(0..70);
            let count = rng.random_range(1..150);
            let pages = PageRange::from_len(PageNumber::new(first * 512), count * 512);
            let shape = Shape::new(NodeRange::of_pages(pages), &<() as Node>::WORDS).unwrap();
            let mut words = vec![0; shape.words];
            let mut tree = TreeMut { shape: &shape, words: &mut words };
            let mut free = vec![false; first + count];
            for (leaf, is_free) in free.iter_mut().enumerate().skip(first) {
                *is_free = round % 4 == 0 || rng.random_range(0..1 << (round % 5)) != 0;
                let state = if *is_free { PageState::Free } else { PageState::Taken };
                tree.set_leaves::<()>(LeafIndex::new(leaf), LeafIndex::new(leaf + 1), state);
            }
            let tree = tree.read();
            tree.validate::<()>().unwrap();
            for leaves in [1_usize, 2, 4, 8, 16, 32, 64, 128] {
                let order = Order::new(LEAF_ORDER.get() + leaves.trailing_zeros());
                for from in (0..first + count + 70).step_by(stride * leaves) {
                    let expected = (from..free.len().saturating_sub(leaves - 1))
                        .step_by(leaves)
                        .find(|&leaf| free[leaf..leaf + leaves].iter().all(|&free| free));
                    let found = tree.find_block_from(order, LeafIndex::new(from));
                    assert_eq!(found, expected.map(LeafIndex::new), "{leaves} leaves from {from} of {first}+{count}");
                }
            }
        }
    }
}
