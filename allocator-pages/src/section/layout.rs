//! [`Parts`], where the parts of a section's metadata lie.
//!
//! ```text
//!   ┌────────┬─────────────────┬────────────────────────────────┬─────────┬─────────────────┐
//!   │ header │ tree            │ bits, one for each page        │ unused  │ extents         │
//!   │        │                 │ of the section's leaves      ──┼─►     ◄─┼── 64, or more   │
//!   └────────┴─────────────────┴────────────────────────────────┴─────────┴─────────────────┘
//!   0        tree_at           bits_at                                                  words
//! ```
//!
//! There is always room for 64 extents. Further ones take the words that are unused, and then those of the bits of leaves
//! at the end of the section that no region has reached yet.

use crate::leaf::{LEAF_PAGES, LEAF_WORDS};
use crate::page::PageRange;
use crate::tree::shape::{LEVELS, NodeRange, Shape, most_tree_words};

/// The words of one extent.
pub(super) const EXTENT_WORDS: usize = size_of::<PageRange>() / size_of::<u64>();

/// The number of extents for which there is always room.
pub(super) const LEAST_EXTENTS: usize = 64;

const _: () = assert!(
    size_of::<PageRange>().is_multiple_of(size_of::<u64>()) && align_of::<PageRange>() <= align_of::<u64>(),
    "extents lie in words"
);

/// The parts of a section's metadata.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(super) shape: Shape,
    /// Where the tree starts, in words from the start of the metadata, and where the bits do.
    pub(super) tree_at: usize,
    pub(super) bits_at: usize,
    /// Where the metadata end.
    pub(super) words: usize,
}

impl Parts {
    /// The metadata of a section that has the leaves which `window`, at least one page, lies in, in so many words, of which
    /// the header takes `header_words`. `None` where they do not suffice.
    pub(super) fn new(
        window: PageRange,
        node_words: &[usize; LEVELS],
        header_words: usize,
        words: usize,
    ) -> Option<Self> {
        let shape = Shape::new(NodeRange::of_pages(window), node_words)?;
        let parts = Self { shape, tree_at: header_words, bits_at: header_words.checked_add(shape.words)?, words };
        let bits_end = shape.leaves.len.checked_mul(LEAF_WORDS)?.checked_add(parts.bits_at)?;
        (bits_end.checked_add(LEAST_EXTENTS * EXTENT_WORDS)? <= words).then_some(parts)
    }

    /// The number of extents for which there is room behind the bits of the first `num_leaves` leaves.
    pub(super) fn extents_behind(&self, num_leaves: usize) -> usize {
        (self.words - self.bits_at - num_leaves * LEAF_WORDS) / EXTENT_WORDS
    }

    /// The number of leaves for whose bits there is room in front of `num_extents` extents.
    pub(super) fn leaves_before(&self, num_extents: usize) -> usize {
        let leaves = (self.words - self.bits_at - num_extents * EXTENT_WORDS) / LEAF_WORDS;
        leaves.min(self.shape.leaves.len)
    }
}

/// The most words that [`Parts::new`] can need for `num_pages` pages in a row, wherever they lie.
#[must_use]
pub(super) const fn most_words(num_pages: usize, node_words: &[usize; LEVELS], header_words: usize) -> usize {
    let num_leaves = num_pages.saturating_add(LEAF_PAGES - 2) / LEAF_PAGES + 1;
    let tree = most_tree_words(num_leaves, node_words);
    let bits = num_leaves.saturating_mul(LEAF_WORDS);
    tree.saturating_add(bits).saturating_add(header_words + LEAST_EXTENTS * EXTENT_WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PageNumber;

    const NODE_WORDS: [usize; LEVELS] = [1; LEVELS];

    /// The fewest words that suffice.
    fn needed(window: PageRange) -> usize {
        let parts = Parts::new(window, &NODE_WORDS, 10, usize::MAX).unwrap();
        parts.bits_at + parts.shape.leaves.len * LEAF_WORDS + LEAST_EXTENTS * EXTENT_WORDS
    }

    #[test]
    fn the_most_words_are_enough_wherever_the_pages_lie_and_needed_somewhere() {
        let bases = [0, 1, 511, 512, 8 * 512 - 1, 64 * 512 - 1, 7 * 512 + 3, (1 << 30) - 1, (1 << 30) - 77];
        for pages in [1, 2, 3, 511, 512, 513, 1024, 4096, 4097, 32768, 32769, 100_000, 262_144, 262_145, 1 << 20] {
            let most = most_words(pages, &NODE_WORDS, 10);
            let mut most_needed = 0;
            for base in bases.into_iter().chain((0..20_000).step_by(if cfg!(miri) { 15_003 } else { 7 })) {
                let words = needed(PageRange::from_len(PageNumber::new(base), pages));
                assert!(words <= most, "{pages} pages from {base}: {words} words, not {most}");
                most_needed = most_needed.max(words);
            }
            assert!(most - most_needed <= 3, "{pages} pages: {most_needed} words, never {most}");
        }
    }

    #[test]
    fn extents_and_leaves_share_the_words_between_them() {
        let window = PageRange::from_len(PageNumber::new(77), 10_000);
        let words = needed(window);
        assert!(Parts::new(window, &NODE_WORDS, 10, words - 1).is_none());
        let parts = Parts::new(window, &NODE_WORDS, 10, words + 5 * EXTENT_WORDS).unwrap();
        let leaves = parts.shape.leaves.len;
        assert_eq!(parts.extents_behind(leaves), LEAST_EXTENTS + 5);
        assert_eq!(parts.leaves_before(LEAST_EXTENTS + 5), leaves);
        assert_eq!(parts.leaves_before(LEAST_EXTENTS + 6), leaves - 1);
        assert_eq!(parts.leaves_before(parts.extents_behind(3)), 3);
    }
}
