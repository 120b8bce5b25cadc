//! Where the parts of a section's metadata lie.
//!
//! Above the leaves stands a tree of fan-out 8. Its nodes are numbered by address: node `i` of level `l` covers the leaves
//! `i << 3l .. (i + 1) << 3l` of the address space, so that a block that is aligned lies in one node, or is made of whole
//! ones. A section has the nodes that its leaves need, level by level, up to the first level of one node, or of two that
//! have different parents:
//!
//! ```text
//!   level 2                                  │ node 0                                    │
//!   level 1        │ node 0                  │ node 1                    │ node 2        │
//!   level 0        │ 5 │ 6 │ 7 │ 8 │ 9 │ 10 │ 11 │ 12 │ 13 │ 14 │ 15 │ 16 │ 17 │     leaves 5..=17
//! ```

use crate::leaf::{LEAF_ORDER, LEAF_PAGES};

/// The most levels that a tree can have.
pub(crate) const LEVELS: usize = (usize::BITS as usize - LEAF_ORDER).div_ceil(3) + 1;

/// The words of a leaf's bits.
pub(crate) const LEAF_WORDS: usize = LEAF_PAGES / 64;

/// Nodes of one level with successive numbers; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The number of the first.
    pub first: usize,
    /// How many there are.
    pub len: usize,
}

impl Span {
    /// The leaves that the pages `first..end`, at least one, lie in.
    #[must_use]
    pub(crate) const fn of_pages(first: usize, end: usize) -> Self {
        let first_chunk = first / LEAF_PAGES;
        Self { first: first_chunk, len: (end - 1) / LEAF_PAGES - first_chunk + 1 }
    }

    /// The node behind the last.
    #[must_use]
    pub(crate) const fn end(self) -> usize {
        self.first + self.len
    }

    /// The nodes one level up.
    #[must_use]
    pub(crate) const fn parents(self) -> Self {
        self.ancestors(1)
    }

    /// The nodes `levels` levels up.
    #[must_use]
    pub(crate) const fn ancestors(self, levels: usize) -> Self {
        let first = self.first >> (3 * levels);
        Self { first, len: ((self.end() - 1) >> (3 * levels)) - first + 1 }
    }

    /// Whether no level above is needed: no two nodes have the same parent.
    const fn is_top(self) -> bool {
        self.len == 1 || self.len == 2 && self.first % 8 == 7
    }
}

/// The number of words that the tree and the bits of `leaves` take, if every node of level `l` has `node_words[l]` words
/// beside the byte of its order. `None` where that is too many.
const fn words_of(leaves: Span, node_words: &[usize; LEVELS]) -> Option<usize> {
    let Some(mut words) = leaves.len.checked_mul(LEAF_WORDS) else { return None };
    let (mut level, mut span) = (0, leaves);
    loop {
        // The orders of eight siblings share a word.
        let row = span.parents().len + span.len * node_words[level];
        words = match words.checked_add(row) {
            Some(words) => words,
            None => return None,
        };
        if span.is_top() {
            return Some(words);
        }
        level += 1;
        span = span.parents();
    }
}

/// The most words that `num_pages` pages can need, wherever they lie: those of the span that reaches into the most nodes
/// at each level.
#[must_use]
pub(crate) const fn most_words(num_pages: usize, node_words: &[usize; LEVELS]) -> usize {
    let mut len = (num_pages.saturating_add(LEAF_PAGES - 2)) / LEAF_PAGES + 1;
    let mut words = len.saturating_mul(LEAF_WORDS);
    let mut level = 0;
    loop {
        let parents = (len + 6) / 8 + 1;
        words = words.saturating_add(parents + len * node_words[level]);
        if len == 1 {
            return words;
        }
        // A span of two nodes ends in one parent, or needs none.
        len = if len == 2 { 1 } else { parents };
        level += 1;
    }
}

/// The parts of a section's metadata: the bits of its leaves, then the tree: for each level the orders of the nodes, one byte
/// each, then for each level what else is known of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) leaves: Span,
    pub(crate) levels: usize,
    /// Where the levels are, in words from the start of the tree.
    pub(crate) orders_at: [u32; LEVELS],
    pub(crate) nodes_at: [u32; LEVELS],
    /// Where the tree ends, in words from the start of the metadata.
    pub(crate) end: usize,
}

impl Shape {
    /// The parts, the first of them `start` words into the metadata. `None` where they would end behind word `limit`.
    pub(crate) fn new(leaves: Span, node_words: &[usize; LEVELS], start: usize, limit: usize) -> Option<Self> {
        let end = words_of(leaves, node_words)?.checked_add(start)?;
        if end > limit || u32::try_from(end).is_err() {
            return None;
        }
        let mut shape = Self { leaves, levels: 0, orders_at: [0; LEVELS], nodes_at: [0; LEVELS], end };
        let mut at = 0;
        loop {
            let span = shape.span(shape.levels);
            shape.orders_at[shape.levels] = at as u32;
            at += span.parents().len;
            shape.levels += 1;
            if span.is_top() {
                break;
            }
        }
        for (level, words) in node_words.iter().enumerate().take(shape.levels) {
            shape.nodes_at[level] = at as u32;
            at += shape.span(level).len * words;
        }
        debug_assert_eq!(start + leaves.len * LEAF_WORDS + at, end);
        Some(shape)
    }

    /// The nodes of a level.
    #[inline]
    pub(crate) fn span(&self, level: usize) -> Span {
        self.leaves.ancestors(level)
    }

    /// The level of the roots.
    pub(crate) fn top(&self) -> usize {
        self.levels - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE_WORDS: [usize; LEVELS] = [1; LEVELS];

    #[test]
    fn the_most_words_are_enough_wherever_the_pages_lie_and_needed_somewhere() {
        let bases = [0, 1, 511, 512, 8 * 512 - 1, 64 * 512 - 1, 7 * 512 + 3, (1 << 30) - 1, (1 << 30) - 77];
        for pages in [1, 2, 3, 511, 512, 513, 1024, 4096, 4097, 32768, 32769, 100_000, 262_144, 262_145, 1 << 20] {
            let most = most_words(pages, &NODE_WORDS);
            let mut needed = 0;
            for base in bases.into_iter().chain((0..20_000).step_by(if cfg!(miri) { 15_003 } else { 7 })) {
                let words = words_of(Span::of_pages(base, base + pages), &NODE_WORDS).unwrap();
                assert!(words <= most, "{pages} pages from {base}: {words} words, not {most}");
                needed = needed.max(words);
            }
            assert!(most - needed <= 3, "{pages} pages: {needed} words, never {most}");
        }
    }

    #[test]
    fn the_parts_lie_one_behind_the_other() {
        for (first, end) in [(0, 1), (511, 513), (0, 1 << 20), (12345, 9_876_543), (4095 * 512, 4097 * 512)] {
            let shape = Shape::new(Span::of_pages(first, end), &NODE_WORDS, 10, usize::MAX).unwrap();
            let mut at = 0;
            for level in 0..shape.levels {
                assert_eq!(shape.orders_at[level] as usize, at);
                at += shape.span(level).parents().len;
            }
            for level in 0..shape.levels {
                assert_eq!(shape.nodes_at[level] as usize, at);
                at += shape.span(level).len;
            }
            assert_eq!(shape.end, 10 + shape.leaves.len * LEAF_WORDS + at);
            assert!(shape.span(shape.top()).is_top());
            assert!(Shape::new(shape.leaves, &NODE_WORDS, 10, shape.end - 1).is_none());
        }
    }
}
