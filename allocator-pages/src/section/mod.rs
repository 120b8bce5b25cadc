//! [`Section`], pages in a row, and the metadata that say which of them are managed and which are free.
//!
//! [`layout`] draws the metadata.
//!
//! # Invariants
//!
//! - A bit is set iff its page is managed and free.
//! - The tree is what follows from the bits, less the pages in the engine's caches: see [`crate::engine`].

use core::marker::PhantomData;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;

use allocator_core::error::AllocResult;
use allocator_core::words::masked_words;

mod extents;
mod layout;
pub(crate) mod list;

use extents::Extents;
use layout::{Parts, most_words};

use crate::leaf::{
    LEAF_ORDER, LEAF_PAGES, LEAF_WORDS, LeafBits, LeafIndex, PageInLeaf, find_block, largest_order, order_around,
};
use crate::page::{Order, PageNumber, PageRange, PageState};
use crate::tree::shape::{NodeIndex, NodeRange};
use crate::tree::{Node, Tree, TreeMut, code_of};

/// The header of a section; the other parts of its metadata lie behind it.
#[derive(Debug)]
pub(crate) struct Section<N> {
    /// The section with the next higher pages.
    pub(crate) next: Option<NonNull<Self>>,
    /// The pages right below `window` that hold the metadata; empty where the metadata lie in the caller's words.
    own: PageRange,
    /// The pages that the metadata can describe, at least one.
    window: PageRange,
    /// The pages that are managed.
    extents: Extents,
    /// One past the highest leaf that ever held a managed page. Extents never take the words of lower leaves.
    reached: NodeIndex,
    /// One past the highest leaf that has bits: the extents may take the words of higher leaves. `reached <= bits_end`.
    bits_end: NodeIndex,
    parts: Parts,
    /// The metadata from their start, `parts.words` words.
    words: NonNull<u64>,
    node: PhantomData<N>,
}

impl<N: Node> Section<N> {
    const HEADER_WORDS: usize = {
        assert!(align_of::<Self>() <= align_of::<u64>(), "the header of a section lies at the start of words");
        size_of::<Self>().div_ceil(size_of::<u64>())
    };

    /// The most words that the metadata of `num_pages` pages can need.
    pub(crate) const fn most_words(num_pages: usize) -> usize {
        most_words(num_pages, &N::WORDS, Self::HEADER_WORDS)
    }

    /// The number of pages from `first` that `words` words can describe, at most `limit`. O(log² of it).
    pub(crate) fn capacity(first: PageNumber, words: usize, limit: usize) -> usize {
        let fits = |num_pages: usize| {
            let window = PageRange::from_len(first, num_pages);
            Parts::new(window, &N::WORDS, Self::HEADER_WORDS, words).is_some()
        };
        let (mut low, mut high) = (0, limit.min(usize::MAX - first.get()));
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

    /// Writes the metadata of a section for `window`, at least one page, to `words`, with no page managed. `None` where the
    /// words do not suffice. O(words).
    ///
    /// # Safety
    ///
    /// The words may be written, and are the section's, for as long as it is used.
    pub(crate) unsafe fn create(words: NonNull<[u64]>, window: PageRange, own: PageRange) -> Option<NonNull<Self>> {
        let parts = Parts::new(window, &N::WORDS, Self::HEADER_WORDS, words.len())?;
        let start = words.cast::<u64>();
        // SAFETY: as many words as the caller lends, the end of which is no extent's.
        let end = unsafe { start.add(parts.words) };
        let leaves = parts.shape.leaves;
        let section = Self {
            next: None,
            own,
            window,
            extents: Extents::new(end.cast()),
            reached: leaves.first,
            bits_end: leaves.end(),
            parts,
            words: start,
            node: PhantomData,
        };
        let header = start.cast::<Self>();
        // SAFETY: the caller's words have room for the header, as for all of the layout, and are aligned for it, as asserted
        // in `HEADER_WORDS`.
        unsafe {
            start.write_bytes(0, parts.words);
            header.write(section);
        }
        Some(header)
    }

    /// The pages that the metadata lie in; empty where they lie elsewhere.
    pub(crate) fn own(&self) -> PageRange {
        self.own
    }

    /// The pages that the metadata can describe, where no extents lie in the way.
    #[inline]
    pub(crate) fn window(&self) -> PageRange {
        self.window
    }

    /// The pages of the window that have bits.
    #[inline]
    pub(crate) fn pages(&self) -> PageRange {
        let end = self.bits_end.leaf().first_page();
        PageRange::new(self.window.start, self.window.end.min(end))
    }

    pub(crate) fn extents(&self) -> &Extents {
        &self.extents
    }

    /// Adds pages of the window, none of which is managed; they are free. O(pages / 512), O(words) where there were many
    /// extents and are fewer now.
    ///
    /// # Errors
    ///
    /// [`NoMemory`](allocator_core::AllocError::NoMemory) when there is no room for so many extents; nothing has changed.
    pub(crate) fn add(&mut self, pages: PageRange) -> AllocResult {
        let reached = NodeRange::of_pages(pages).end().max(self.reached);
        let most = self.parts.extents_behind(self.parts.shape.leaves.place_of(reached));
        // SAFETY: the words of so many extents lie behind the bits of leaves that are reached; no other leaf has a bit set.
        unsafe { self.extents.insert(pages, most)? };
        self.reached = reached;
        self.place_bits_end();
        self.set_bits(pages, PageState::Free);
        self.summarize_run(pages);
        Ok(())
    }

    /// Takes pages out, which lie in one extent. O(pages / 512), O(words) as for [`add`](Self::add).
    ///
    /// # Errors
    ///
    /// [`NoMemory`](allocator_core::AllocError::NoMemory) when there is no room for so many extents; nothing has changed.
    pub(crate) fn remove(&mut self, pages: PageRange) -> AllocResult {
        let most = self.parts.extents_behind(self.parts.shape.leaves.place_of(self.reached));
        // SAFETY: as in `add`.
        unsafe { self.extents.remove(pages, most)? };
        self.place_bits_end();
        self.set_bits(pages, PageState::Taken);
        self.summarize_run(pages);
        Ok(())
    }

    /// Sets `bits_end` to where the extents leave room for bits. Clears the bits that come back.
    fn place_bits_end(&mut self) {
        let leaves = self.parts.shape.leaves;
        let (before, now) = (leaves.place_of(self.bits_end), self.parts.leaves_before(self.extents.len()));
        self.bits_end = NodeRange { first: leaves.first, len: now }.end();
        if now > before {
            self.bits_mut()[before * LEAF_WORDS..].fill(0);
        }
    }

    /// The page of bit 0: the first of the first leaf.
    #[inline]
    pub(crate) fn first_page(&self) -> PageNumber {
        self.parts.shape.leaves.first.leaf().first_page()
    }

    /// Where the bits are.
    pub(crate) fn bits_ptr(&self) -> NonNull<u64> {
        // SAFETY: the bits lie in the section's words.
        unsafe { self.words.add(self.parts.bits_at) }
    }

    /// The number of words of the bits.
    #[inline]
    fn bits_words(&self) -> usize {
        self.parts.shape.leaves.place_of(self.bits_end) * LEAF_WORDS
    }

    /// The bits of all leaves that have bits.
    #[inline]
    pub(crate) fn bits(&self) -> &[u64] {
        // SAFETY: these words are the section's, and initialised; shared, as the section is.
        unsafe { slice::from_raw_parts(self.words.as_ptr().add(self.parts.bits_at), self.bits_words()) }
    }

    #[inline]
    fn bits_mut(&mut self) -> &mut [u64] {
        // SAFETY: these words are the section's, and initialised; mutably borrowed, as the section is.
        unsafe { slice::from_raw_parts_mut(self.words.as_ptr().add(self.parts.bits_at), self.bits_words()) }
    }

    /// The tree. The header is at the start of the same words, which are never part of a slice.
    #[inline]
    pub(crate) fn tree(&self) -> Tree<'_> {
        // SAFETY: as for `bits`.
        let words =
            unsafe { slice::from_raw_parts(self.words.as_ptr().add(self.parts.tree_at), self.parts.shape.words) };
        Tree { shape: &self.parts.shape, words }
    }

    #[inline]
    fn tree_mut(&mut self) -> TreeMut<'_> {
        // SAFETY: as for `bits_mut`.
        let words =
            unsafe { slice::from_raw_parts_mut(self.words.as_ptr().add(self.parts.tree_at), self.parts.shape.words) };
        TreeMut { shape: &self.parts.shape, words }
    }

    /// The bits of a leaf; none set where it has no bits.
    #[inline]
    pub(crate) fn leaf(&self, leaf: LeafIndex) -> &LeafBits {
        let at = self.parts.shape.leaves.place_of(NodeIndex::of_leaf(leaf)) * LEAF_WORDS;
        self.bits().get(at..).and_then(<[u64]>::first_chunk).unwrap_or(&[0; LEAF_WORDS])
    }

    /// Whether a page that has a bit is free.
    #[inline]
    pub(crate) fn is_free(&self, page: PageNumber) -> bool {
        let bit = page - self.first_page();
        self.bits()[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// The indexes of the bits of `pages`.
    #[inline]
    fn bits_of(&self, pages: PageRange) -> Range<usize> {
        pages.start - self.first_page()..pages.end - self.first_page()
    }

    /// Whether all of `pages` are in this state by their bits. O(pages / 64).
    pub(crate) fn all_are(&self, pages: PageRange, state: PageState) -> bool {
        let bits = self.bits();
        masked_words(self.bits_of(pages)).all(|(word, mask)| bits[word] & mask == state.word() & mask)
    }

    /// Sets the bits of `pages` to this state. O(pages / 64).
    pub(crate) fn set_bits(&mut self, pages: PageRange, state: PageState) {
        let Range { start, end } = self.bits_of(pages);
        if start.is_multiple_of(64) && end.is_multiple_of(64) {
            self.bits_mut()[start / 64..end / 64].fill(state.word());
            return;
        }
        let bits = self.bits_mut();
        for (word, mask) in masked_words(start..end) {
            bits[word] = bits[word] & !mask | state.word() & mask;
        }
    }

    /// The first of `pages` that is in this state. O(pages / 64).
    pub(crate) fn first_in_state(&self, pages: PageRange, state: PageState) -> Option<PageNumber> {
        if pages.is_empty() {
            return None;
        }
        let flip = !state.word();
        let bits = self.bits();
        let Range { start, end } = self.bits_of(pages);
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
        (bit < end).then_some(self.first_page() + bit)
    }

    /// The part in `pages` of the first free run that begins there. O(pages / 64).
    pub(crate) fn first_free_run(&self, pages: PageRange) -> Option<PageRange> {
        let start = self.first_in_state(pages, PageState::Free)?;
        let rest = PageRange::new(start, pages.end);
        Some(PageRange::new(start, self.first_in_state(rest, PageState::Taken).unwrap_or(pages.end)))
    }

    /// The run of free pages that the free page `page` lies in. O(length / 64).
    pub(crate) fn free_run_around(&self, page: PageNumber) -> PageRange {
        let from_page = PageRange::new(page, self.pages().end);
        let end = self.first_in_state(from_page, PageState::Taken).unwrap_or(from_page.end);
        PageRange::new(self.free_run_start(page), end)
    }

    /// Where the run of free pages that ends in front of `page` starts. O(length / 64).
    fn free_run_start(&self, page: PageNumber) -> PageNumber {
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
                return first + (end - free);
            }
            end = word * 64;
        }
        first
    }

    /// The first page of the lowest free block of `order` that the tree knows. O(levels).
    pub(crate) fn find_block(&self, order: Order) -> Option<PageNumber> {
        let leaf = self.tree().find_block(order)?;
        self.block_in_leaf(leaf, order)
    }

    /// As [`find_block`](Self::find_block), for a block that starts with page `from`, which has a bit, or above it.
    pub(crate) fn find_block_from(&self, order: Order, from: PageNumber) -> Option<PageNumber> {
        if order >= LEAF_ORDER {
            let leaf = self.tree().find_block_from(order, LeafIndex::of(from.align_up(order)?))?;
            return Some(leaf.first_page());
        }
        let edge = LeafIndex::of(from);
        if let Some(place) = find_block(self.leaf(edge), order, PageInLeaf::of(from)) {
            return Some(edge.page(place));
        }
        let behind = NodeIndex::of_leaf(edge).next().leaf();
        let leaf = self.tree().find_block_from(order, behind)?;
        self.block_in_leaf(leaf, order)
    }

    /// The first page of the lowest block of `order` that starts in `leaf`. The tree says that there is one.
    fn block_in_leaf(&self, leaf: LeafIndex, order: Order) -> Option<PageNumber> {
        let first = PageInLeaf::FIRST;
        let place = if order < LEAF_ORDER { find_block(self.leaf(leaf), order, first)? } else { first };
        Some(leaf.page(place))
    }

    /// Makes the tree have a page as free that it has as taken. O(levels).
    #[inline]
    pub(crate) fn summarize_page(&mut self, page: PageNumber) {
        let leaf = LeafIndex::of(page);
        let bits = *self.leaf(leaf);
        let order = order_around(&bits, PageInLeaf::of(page));
        let mut tree = self.tree_mut();
        tree.raise_code(leaf, code_of(Some(order)));
        tree.set_node(leaf, N::of_leaf(&bits));
    }

    /// Updates the tree from the bits of a leaf. O(levels).
    pub(crate) fn summarize_leaf(&mut self, leaf: LeafIndex, bits: &LeafBits) {
        let mut tree = self.tree_mut();
        tree.set_code(leaf, code_of(largest_order(bits)));
        tree.set_node(leaf, N::of_leaf(bits));
    }

    /// Updates the tree after the bits of all `pages` have changed to the same state. O(leaves).
    pub(crate) fn summarize_run(&mut self, pages: PageRange) {
        let (mut first, mut end) = (pages.start.get() / LEAF_PAGES, pages.end.get().div_ceil(LEAF_PAGES));
        if !pages.start.is_aligned(LEAF_ORDER) {
            self.summarize_leaf_from_bits(LeafIndex::new(first));
            first += 1;
        }
        if !pages.end.is_aligned(LEAF_ORDER) && first < end {
            end -= 1;
            self.summarize_leaf_from_bits(LeafIndex::new(end));
        }
        if first < end {
            let (first, end) = (LeafIndex::new(first), LeafIndex::new(end));
            let state = if self.is_free(first.first_page()) { PageState::Free } else { PageState::Taken };
            self.tree_mut().set_leaves::<N>(first, end, state);
        }
    }

    fn summarize_leaf_from_bits(&mut self, leaf: LeafIndex) {
        let bits = *self.leaf(leaf);
        self.summarize_leaf(leaf, &bits);
    }

    /// Whether the parts of the section fit together: its extents, its window, its bits' end.
    pub(crate) fn validate_extents(&self) -> Result<(), &'static str> {
        let mut at = self.window.start;
        for &extent in self.extents.as_slice() {
            if extent.start < at || extent.is_empty() || extent.end > self.pages().end {
                return Err("the extents of a section are not in order");
            }
            at = extent.end + 1;
        }
        let leaves = self.parts.shape.leaves;
        if leaves.place_of(self.bits_end) != self.parts.leaves_before(self.extents.len()) {
            return Err("the bits of a section do not end where its extents leave room for them");
        }
        if self.reached > self.bits_end {
            return Err("extents lie where the bits of pages are");
        }
        Ok(())
    }
}
