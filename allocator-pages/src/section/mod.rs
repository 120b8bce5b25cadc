//! A section: pages in a row, and the metadata that tells which of them are managed and which are free.
//!
//! ```text
//!   metadata of a section, in words of 64 bits
//!   ┌────────┬─────────────────────────────┬──────────────────────────┬──────────────────────────┐
//!   │ header │ bits, one for each page     │ orders, a byte for each  │ nodes, what the engine   │
//!   │        │ of the section's leaves        │ node, level by level     │ adds, level by level     │
//!   └────────┴─────────────────────────────┴──────────────────────────┴──────────────────────────┘
//! ```
//!
//! # Invariants
//!
//! - A bit is set iff its page is managed and free.
//! - The tree is what follows from the bits, as it was when the tree was told last: see [`PageEngine`](crate::engine::PageEngine).

use core::marker::PhantomData;
use core::mem::size_of;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;

use crate::leaf::{LEAF_PAGES, LeafBits, largest_order, order_around};
use extents::Extents;

mod extents;
pub(crate) mod list;
use crate::tree::shape::{LEAF_WORDS, Shape, Span, most_words};
use crate::tree::{Node, Tree, TreeMut};

/// The header of a section; the other parts lie behind it.
#[derive(Debug)]
pub(crate) struct Section<N> {
    /// The section with the next higher pages.
    pub(crate) next: Option<NonNull<Self>>,
    /// The pages that the metadata themselves lie in, where they lie in the region; empty otherwise.
    pub(crate) own: Range<usize>,
    /// The pages that can be managed.
    pub(crate) window: Range<usize>,
    pub(crate) extents: Extents,
    shape: Shape,
    /// The metadata from their start, `shape.end` words.
    words: NonNull<u64>,
    node: PhantomData<N>,
}

impl<N: Node> Section<N> {
    const HEADER_WORDS: usize = size_of::<Self>().div_ceil(8);

    /// The most words that the metadata of `num_pages` pages can need.
    pub(crate) const fn most_words(num_pages: usize) -> usize {
        Self::HEADER_WORDS.saturating_add(most_words(num_pages, &N::WORDS))
    }

    /// The number of pages from `first` that `words` words can describe, at most `limit`. O(log² of it).
    pub(crate) fn capacity(first: usize, words: usize, limit: usize) -> usize {
        let fits = |pages: usize| {
            let leaves = Span::of_pages(first, first + pages);
            Shape::new(leaves, &N::WORDS, Self::HEADER_WORDS, words).is_some()
        };
        let (mut low, mut high) = (0, limit.min(usize::MAX - first));
        while low < high {
            let middle = high - (high - low) / 2;
            if fits(middle) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    }

    /// Writes the metadata of a section for `window` to `words`, with no page managed but `managed`, all of it free.
    ///
    /// `None` where the words do not suffice. O(words).
    ///
    /// # Safety
    ///
    /// The words may be written, and are the section's, for as long as it is used; they are aligned for a header.
    pub(crate) unsafe fn create(
        words: NonNull<[u64]>,
        window: Range<usize>,
        managed: Range<usize>,
        own: Range<usize>,
    ) -> Option<NonNull<Self>> {
        let leaves = Span::of_pages(window.start, window.end);
        let shape = Shape::new(leaves, &N::WORDS, Self::HEADER_WORDS, words.len())?;
        let mut extents = Extents::new();
        extents.insert(managed.clone()).ok()?;
        let start = words.cast::<u64>();
        let header = start.cast::<Self>();
        // SAFETY: the caller's words are aligned, and have room for the header.
        unsafe {
            header.write(Self { next: None, own, window, extents, shape, words: start, node: PhantomData });
        }
        // SAFETY: as above: the parts behind the header lie in the caller's words.
        unsafe {
            let behind = start.add(Self::HEADER_WORDS + leaves.len * LEAF_WORDS);
            behind.write_bytes(0, shape.end - Self::HEADER_WORDS - leaves.len * LEAF_WORDS);
            let section = &mut *header.as_ptr();
            section.fill_bits(start.add(Self::HEADER_WORDS), managed.clone());
            section.told_run(managed);
        }
        Some(header)
    }

    /// Writes every word of bits once: those of `free` set, all others not.
    ///
    /// # Safety
    ///
    /// The words of the bits start at `bits`, and may be written.
    unsafe fn fill_bits(&self, bits: NonNull<u64>, free: Range<usize>) {
        let first = self.shape.leaves.first * LEAF_PAGES;
        let words = self.shape.leaves.len * LEAF_WORDS;
        let (start, end) = (free.start - first, free.end - first);
        let (low, high) = (start.div_ceil(64), end / 64);
        // SAFETY: `low..high` and what is around it are words of the bits.
        unsafe {
            bits.write_bytes(0, low.min(words));
            if low < high {
                bits.add(low).write_bytes(0xff, high - low);
            }
            bits.add(high.max(low)).write_bytes(0, words - high.max(low));
            if low > high {
                // Both ends in one word.
                *bits.as_ptr().add(high) = u64::MAX << (start % 64) & !(u64::MAX << (end % 64));
                return;
            }
            if start % 64 > 0 {
                *bits.as_ptr().add(low - 1) = u64::MAX << (start % 64);
            }
            if end % 64 > 0 {
                *bits.as_ptr().add(high) = !(u64::MAX << (end % 64));
            }
        }
    }

    /// The first page of the first leaf: bit 0.
    #[inline]
    pub(crate) fn first_page(&self) -> usize {
        self.shape.leaves.first * LEAF_PAGES
    }

    pub(crate) fn leaves(&self) -> Span {
        self.shape.leaves
    }

    /// Where the bits are.
    pub(crate) fn bits_ptr(&self) -> NonNull<u64> {
        // SAFETY: the bits lie behind the header, in the section's words.
        unsafe { self.words.add(Self::HEADER_WORDS) }
    }

    /// The bits of all leaves.
    #[inline]
    pub(crate) fn bits(&self) -> &[u64] {
        // SAFETY: the words behind the header are the section's, and initialised; shared, as the section is.
        unsafe {
            slice::from_raw_parts(self.words.as_ptr().add(Self::HEADER_WORDS), self.shape.leaves.len * LEAF_WORDS)
        }
    }

    #[inline]
    fn bits_mut(&mut self) -> &mut [u64] {
        // SAFETY: the words behind the header are the section's, and initialised; mutably borrowed, as the section is.
        unsafe {
            let bits = self.words.as_ptr().add(Self::HEADER_WORDS);
            slice::from_raw_parts_mut(bits, self.shape.leaves.len * LEAF_WORDS)
        }
    }

    /// The tree. The header is at the start of the same words, which are never part of a slice.
    #[inline]
    pub(crate) fn tree(&self) -> Tree<'_> {
        // SAFETY: as for `bits`. The offsets of the shape count from the start of the metadata.
        let words = unsafe { slice::from_raw_parts(self.words.as_ptr().add(self.tree_at()), self.tree_words()) };
        Tree { shape: &self.shape, words }
    }

    #[inline]
    fn tree_mut(&mut self) -> TreeMut<'_> {
        // SAFETY: as for `bits_mut`.
        let words = unsafe { slice::from_raw_parts_mut(self.words.as_ptr().add(self.tree_at()), self.tree_words()) };
        TreeMut { shape: &self.shape, words }
    }

    /// The word at which the tree starts.
    #[inline]
    fn tree_at(&self) -> usize {
        Self::HEADER_WORDS + self.shape.leaves.len * LEAF_WORDS
    }

    #[inline]
    fn tree_words(&self) -> usize {
        self.shape.end - self.tree_at()
    }

    /// The bits of a leaf.
    #[inline]
    pub(crate) fn leaf(&self, leaf: usize) -> &LeafBits {
        let at = (leaf - self.shape.leaves.first) * LEAF_WORDS;
        self.bits()[at..].first_chunk().unwrap_or(&[0; LEAF_WORDS])
    }

    /// Whether a page of the section is free.
    #[inline]
    pub(crate) fn is_free(&self, page: usize) -> bool {
        let bit = page - self.first_page();
        self.bits()[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// The words that the bits of `pages` lie in, each with a mask of those.
    fn masks(&self, pages: Range<usize>) -> impl Iterator<Item = (usize, u64)> + use<N> {
        let first = self.first_page();
        let (start, end) = (pages.start - first, pages.end - first);
        (start / 64..end.div_ceil(64)).map(move |word| {
            let from = start.saturating_sub(word * 64);
            let to = (end - word * 64).min(64);
            (word, (u64::MAX >> (64 - (to - from))) << from)
        })
    }

    /// Whether all of `pages`, of this section, are free. O(words).
    pub(crate) fn all_free(&self, pages: Range<usize>) -> bool {
        let bits = self.bits();
        self.masks(pages).all(|(word, mask)| bits[word] & mask == mask)
    }

    /// Whether none of `pages`, of this section, is free. O(words).
    pub(crate) fn none_free(&self, pages: Range<usize>) -> bool {
        let bits = self.bits();
        self.masks(pages).all(|(word, mask)| bits[word] & mask == 0)
    }

    /// Sets or clears the bits of `pages`. O(words).
    pub(crate) fn set_run_free(&mut self, pages: Range<usize>, free: bool) {
        let first = self.first_page();
        if pages.start.is_multiple_of(64) && pages.end.is_multiple_of(64) {
            let words = (pages.start - first) / 64..(pages.end - first) / 64;
            self.bits_mut()[words].fill(if free { u64::MAX } else { 0 });
            return;
        }
        let masks = self.masks(pages);
        let bits = self.bits_mut();
        for (word, mask) in masks {
            bits[word] = if free { bits[word] | mask } else { bits[word] & !mask };
        }
    }

    /// The first page from `page` on, below `end`, whose bit is `free`. O(words).
    pub(crate) fn next(&self, page: usize, end: usize, free: bool) -> Option<usize> {
        if page >= end {
            return None;
        }
        let first = self.first_page();
        let flip = if free { 0 } else { u64::MAX };
        let bits = self.bits();
        let (start, end) = (page - first, end - first);
        let mut word = start / 64;
        let mut found = (bits[word] ^ flip) & (u64::MAX << (start % 64));
        while found == 0 {
            word += 1;
            if word * 64 >= end {
                return None;
            }
            found = bits[word] ^ flip;
        }
        let bit = word * 64 + found.trailing_zeros() as usize;
        (bit < end).then_some(first + bit)
    }

    /// Where the run of free pages that ends in front of `page` starts. O(words).
    pub(crate) fn run_start(&self, page: usize) -> usize {
        let first = self.first_page();
        let bits = self.bits();
        let mut end = page - first;
        while end > 0 {
            let word = (end - 1) / 64;
            // The bits in front of `end`, shifted to the top.
            let shift = (64 - end % 64) % 64;
            let free = (bits[word] << shift).leading_ones() as usize;
            let in_word = 64 - shift;
            if free < in_word {
                return first + end - free;
            }
            end = word * 64;
        }
        first
    }

    /// Tells the tree that a page is free, which it did not know. O(levels).
    pub(crate) fn told_page(&mut self, page: usize) {
        let leaf = page / LEAF_PAGES;
        let bits = *self.leaf(leaf);
        let order = order_around(&bits, page % LEAF_PAGES);
        let mut tree = self.tree_mut();
        tree.raise_order(leaf, order as u8 + 1);
        tree.set_node(leaf, N::of_leaf(&bits));
    }

    /// Tells the tree what `bits` say of a leaf. O(levels).
    pub(crate) fn told_leaf(&mut self, leaf: usize, bits: &LeafBits) {
        let mut tree = self.tree_mut();
        tree.set_order(leaf, largest_order(bits).map_or(0, |order| order as u8 + 1));
        tree.set_node(leaf, N::of_leaf(bits));
    }

    /// Tells the tree that the bits of `pages` have changed, all to the same. O(leaves).
    pub(crate) fn told_run(&mut self, pages: Range<usize>) {
        let (mut first, mut end) = (pages.start / LEAF_PAGES, pages.end.div_ceil(LEAF_PAGES));
        if !pages.start.is_multiple_of(LEAF_PAGES) {
            let bits = *self.leaf(first);
            self.told_leaf(first, &bits);
            first += 1;
        }
        if !pages.end.is_multiple_of(LEAF_PAGES) && first < end {
            end -= 1;
            let bits = *self.leaf(end);
            self.told_leaf(end, &bits);
        }
        if first < end {
            let free = self.is_free(first * LEAF_PAGES);
            self.tree_mut().set_all::<N>(first..end, free);
        }
    }
}
