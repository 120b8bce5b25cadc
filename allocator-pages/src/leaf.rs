//! Leaves: 512 pages each, one bit a page, and searches in those bits.

use core::fmt;

use crate::page::{Order, PageNumber};

/// A leaf is a block of this order.
pub(crate) const LEAF_ORDER: Order = Order::new(9);

/// The number of pages in a leaf.
pub(crate) const LEAF_PAGES: usize = LEAF_ORDER.pages();

/// The number of words that the bits of a leaf take.
pub(crate) const LEAF_WORDS: usize = LEAF_PAGES / 64;

/// The bits of a leaf; bit `p % 64` of word `p / 64` is set iff page `p` of the leaf is free.
pub(crate) type LeafBits = [u64; LEAF_WORDS];

/// All pages free.
pub(crate) const FREE_LEAF: LeafBits = [u64::MAX; LEAF_WORDS];

/// The number of a leaf: that of its first page, divided by [`LEAF_PAGES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub(crate) struct LeafIndex(usize);

impl LeafIndex {
    #[inline]
    pub(crate) const fn new(index: usize) -> Self {
        Self(index)
    }

    /// The leaf that `page` lies in.
    #[inline]
    pub(crate) const fn of(page: PageNumber) -> Self {
        Self(page.get() / LEAF_PAGES)
    }

    #[inline]
    pub(crate) const fn get(self) -> usize {
        self.0
    }

    #[inline]
    pub(crate) const fn first_page(self) -> PageNumber {
        PageNumber::new(self.0 * LEAF_PAGES)
    }

    /// The page at this place in the leaf.
    #[inline]
    pub(crate) fn page(self, place: PageInLeaf) -> PageNumber {
        self.first_page() + place.0
    }
}

impl fmt::Debug for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leaf {}", self.0)
    }
}

/// The place of a page in its leaf, below [`LEAF_PAGES`]: the number of its bit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub(crate) struct PageInLeaf(usize);

impl PageInLeaf {
    /// The first page of a leaf.
    pub(crate) const FIRST: Self = Self(0);

    #[inline]
    pub(crate) const fn new(place: usize) -> Self {
        Self(place)
    }

    /// The place of `page` in the leaf that it lies in.
    #[inline]
    pub(crate) const fn of(page: PageNumber) -> Self {
        Self(page.get() % LEAF_PAGES)
    }

    #[inline]
    pub(crate) const fn get(self) -> usize {
        self.0
    }
}

impl fmt::Debug for PageInLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {} of its leaf", self.0)
    }
}

/// For each order below 6, the bits at which an aligned block of that order can start.
const ALIGNED: [u64; 6] = [
    u64::MAX,
    0x5555_5555_5555_5555,
    0x1111_1111_1111_1111,
    0x0101_0101_0101_0101,
    0x0001_0001_0001_0001,
    0x0000_0001_0000_0001,
];

/// The bits of `word` at which an aligned free block of `order` (below 6) starts.
const fn starts_in_word(word: u64, order: usize) -> u64 {
    let mut runs = word;
    let mut step = 0;
    while step < order {
        runs &= runs >> (1 << step);
        step += 1;
    }
    runs & ALIGNED[order]
}

/// The first page of the first aligned free block of `order`, at most that of a leaf, from page `from` on.
#[must_use]
pub(crate) fn find_block(bits: &LeafBits, order: Order, from: PageInLeaf) -> Option<PageInLeaf> {
    let PageInLeaf(from) = from;
    let order = order.get() as usize;
    if order < 6 {
        let mut word = from / 64;
        let mut mask = u64::MAX << (from % 64);
        while word < LEAF_WORDS {
            let starts = starts_in_word(bits[word], order) & mask;
            if starts != 0 {
                return Some(PageInLeaf(word * 64 + starts.trailing_zeros() as usize));
            }
            (word, mask) = (word + 1, u64::MAX);
        }
        return None;
    }
    let words = 1 << (order - 6);
    let is_free = |group: &[u64]| group.iter().all(|&word| word == u64::MAX);
    let first = from.div_ceil(words * 64);
    let group = bits.chunks_exact(words).skip(first).position(is_free)?;
    Some(PageInLeaf((first + group) * words * 64))
}

/// The order of the largest aligned free block, if any page is free.
#[must_use]
pub(crate) fn largest_order(bits: &LeafBits) -> Option<Order> {
    let any = |words: &LeafBits| words.iter().fold(0, |any, word| any | word) != 0;
    if !any(bits) {
        return None;
    }
    let full = bits.iter().enumerate().fold(0, |full, (index, &word)| full | u8::from(word == u64::MAX) << index);
    if full != 0 {
        let pairs = full & full >> 1 & 0x55;
        let quads = pairs & pairs >> 2 & 0x11;
        return Some(Order::new(6 + u32::from(pairs != 0) + u32::from(quads != 0) + u32::from(full == u8::MAX)));
    }
    // The bits at which blocks of the next order start, in all words at once.
    let (mut starts, mut order) = (*bits, 0);
    while order < 5 {
        let next = starts.map(|word| word & word >> (1 << order) & ALIGNED[order + 1]);
        if !any(&next) {
            break;
        }
        (starts, order) = (next, order + 1);
    }
    Some(Order::new(order as u32))
}

/// The first page of the first run of at least `num_pages` free pages, from page `from` on. O(words).
#[must_use]
pub(crate) fn find_run(bits: &LeafBits, num_pages: usize, from: PageInLeaf) -> Option<PageInLeaf> {
    let PageInLeaf(from) = from;
    let mut carry = 0;
    for (index, &word) in bits.iter().enumerate().skip(from / 64) {
        let word = if index == from / 64 { word & (u64::MAX << (from % 64)) } else { word };
        let first = index * 64;
        let leading = word.trailing_ones() as usize;
        if carry + leading >= num_pages {
            return Some(PageInLeaf(first - carry));
        }
        if num_pages < 64 {
            let starts = starts_of_runs(word, num_pages);
            if starts != 0 {
                return Some(PageInLeaf(first + starts.trailing_zeros() as usize));
            }
        }
        carry = if leading == 64 { carry + 64 } else { word.leading_ones() as usize };
    }
    None
}

/// The bits of `word` that begin a run of at least `length` (1 to 64) set bits.
#[must_use]
pub(crate) const fn starts_of_runs(word: u64, length: usize) -> u64 {
    let (mut runs, mut reached) = (word, 1);
    while reached < length {
        let step = if reached < length - reached { reached } else { length - reached };
        runs &= runs >> step;
        reached += step;
    }
    runs
}

/// The order of the largest aligned free block that the free page `page` lies in.
#[must_use]
pub(crate) fn order_around(bits: &LeafBits, page: PageInLeaf) -> Order {
    let PageInLeaf(page) = page;
    let word = bits[page / 64];
    if word == u64::MAX {
        let mut order = 6;
        while order < LEAF_ORDER.get() {
            let buddies = 1 << (order + 1 - 6);
            let first = (page / 64) & !(buddies - 1);
            if bits[first..first + buddies].iter().any(|&word| word != u64::MAX) {
                break;
            }
            order += 1;
        }
        return Order::new(order);
    }
    let mut order = 0;
    while order < 5 {
        let pages = 2 << order;
        let first = (page % 64) & !(pages - 1);
        if (word >> first) & (u64::MAX >> (64 - pages)) != u64::MAX >> (64 - pages) {
            break;
        }
        order += 1;
    }
    Order::new(order)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn is_free(bits: &LeafBits, page: usize) -> bool {
        bits[page / 64] >> (page % 64) & 1 == 1
    }

    /// The first block, by looking at every page.
    fn first_block(bits: &LeafBits, order: Order, from: usize) -> Option<usize> {
        let pages = order.pages();
        let mut starts = (0..LEAF_PAGES).step_by(pages).filter(|&first| first >= from);
        starts.find(|&first| (first..first + pages).all(|page| is_free(bits, page)))
    }

    fn first_run(bits: &LeafBits, length: usize, from: usize) -> Option<usize> {
        (from..(LEAF_PAGES + 1).saturating_sub(length))
            .find(|&first| (first..first + length).all(|page| is_free(bits, page)))
    }

    /// All pages free, but for up to so many and sometimes a word of them.
    fn random_leaf(rng: &mut SmallRng, round: usize) -> LeafBits {
        let mut bits = FREE_LEAF;
        for _ in 0..rng.random_range(0..1 << (round % 8)) {
            let page = rng.random_range(0..LEAF_PAGES);
            bits[page / 64] &= !(1 << (page % 64));
        }
        if round.is_multiple_of(3) {
            bits[rng.random_range(0..8)] = 0;
        }
        bits
    }

    #[test]
    fn blocks_and_runs_are_found_where_looking_at_every_page_finds_them() {
        let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
        let (rounds, stride) = if cfg!(miri) { (1, 73) } else { (200, 1) };
        let orders = || (0..=LEAF_ORDER.get()).map(Order::new);
        for round in 0..rounds {
            let bits = random_leaf(&mut rng, round);
            for order in orders() {
                for from in [0, 1, 63, 64, 100, 256, 511] {
                    let expected = first_block(&bits, order, from);
                    assert_eq!(
                        find_block(&bits, order, PageInLeaf(from)),
                        expected.map(PageInLeaf),
                        "{order:?} from {from} of {bits:x?}"
                    );
                }
            }
            let largest = orders().rev().find(|&order| first_block(&bits, order, 0).is_some());
            assert_eq!(largest_order(&bits), largest);
            for (length, from) in [(1, 0), (2, 100), (3, 64), (17, 63), (63, 0), (64, 1), (65, 0), (200, 300), (512, 0)]
            {
                let expected = first_run(&bits, length, from);
                assert_eq!(
                    find_run(&bits, length, PageInLeaf(from)),
                    expected.map(PageInLeaf),
                    "{length} from {from} of {bits:x?}"
                );
            }
            for page in (0..LEAF_PAGES).step_by(stride).filter(|&page| is_free(&bits, page)) {
                let largest = orders().rev().find(|order| {
                    let first = page >> order.get() << order.get();
                    (first..first + order.pages()).all(|page| is_free(&bits, page))
                });
                assert_eq!(Some(order_around(&bits, PageInLeaf(page))), largest, "page {page} of {bits:x?}");
            }
        }
    }
}
