//! A leaf: 512 pages, one bit each, and what can be read off the bits.

/// The number of pages in a leaf.
pub(crate) const LEAF_PAGES: usize = 1 << LEAF_ORDER;

/// A leaf is a block of this order.
pub(crate) const LEAF_ORDER: usize = 9;

/// The words of a leaf; bit `p % 64` of word `p / 64` is set iff page `p` of the leaf is free.
pub(crate) type LeafBits = [u64; LEAF_PAGES / 64];

/// All pages free.
pub(crate) const FREE_LEAF: LeafBits = [u64::MAX; LEAF_PAGES / 64];

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

/// The first page of the first aligned free block of `order`, at most that of a leaf.
#[must_use]
pub(crate) fn find_block(leaf: &LeafBits, order: usize) -> Option<usize> {
    if order < 6 {
        let (word, starts) =
            leaf.iter().map(|&word| starts_in_word(word, order)).enumerate().find(|found| found.1 != 0)?;
        return Some(word * 64 + starts.trailing_zeros() as usize);
    }
    let words = 1 << (order - 6);
    let group = leaf.chunks_exact(words).position(|group| group.iter().all(|&word| word == u64::MAX))?;
    Some(group * words * 64)
}

/// The order of the largest aligned free block, if any page is free.
#[must_use]
pub(crate) fn largest_order(leaf: &LeafBits) -> Option<usize> {
    let any = |words: &LeafBits| words.iter().fold(0, |any, word| any | word) != 0;
    if !any(leaf) {
        return None;
    }
    let full = leaf.iter().enumerate().fold(0, |full, (index, &word)| full | u8::from(word == u64::MAX) << index);
    if full != 0 {
        let pairs = full & full >> 1 & 0x55;
        let quads = pairs & pairs >> 2 & 0x11;
        return Some(6 + usize::from(pairs != 0) + usize::from(quads != 0) + usize::from(full == u8::MAX));
    }
    // The bits at which blocks of the next order start, in all words at once.
    let (mut starts, mut order) = (*leaf, 0);
    while order < 5 {
        let next = starts.map(|word| word & word >> (1 << order) & ALIGNED[order + 1]);
        if !any(&next) {
            break;
        }
        (starts, order) = (next, order + 1);
    }
    Some(order)
}

/// The first page of the first run of at least `num_pages` free pages, from page `from` on. O(words).
#[must_use]
pub(crate) fn find_run(leaf: &LeafBits, num_pages: usize, from: usize) -> Option<usize> {
    let mut carry = 0;
    for (index, &word) in leaf.iter().enumerate().skip(from / 64) {
        let word = if index == from / 64 { word & (u64::MAX << (from % 64)) } else { word };
        let first = index * 64;
        let leading = word.trailing_ones() as usize;
        if carry + leading >= num_pages {
            return Some(first - carry);
        }
        if num_pages < 64 {
            let starts = starts_of_runs(word, num_pages);
            if starts != 0 {
                return Some(first + starts.trailing_zeros() as usize);
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

/// The order of the largest aligned free block that holds the free page `page`: its buddy is free, that of the two
/// together, and so on.
#[must_use]
pub(crate) fn order_around(leaf: &LeafBits, page: usize) -> usize {
    let word = leaf[page / 64];
    if word == u64::MAX {
        let mut order = 6;
        while order < LEAF_ORDER {
            let buddies = 1 << (order + 1 - 6);
            let first = (page / 64) & !(buddies - 1);
            if leaf[first..first + buddies].iter().any(|&word| word != u64::MAX) {
                break;
            }
            order += 1;
        }
        return order;
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
    order
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    fn is_free(leaf: &LeafBits, page: usize) -> bool {
        leaf[page / 64] >> (page % 64) & 1 == 1
    }

    fn by_hand(leaf: &LeafBits, order: usize) -> Option<usize> {
        let pages = 1 << order;
        (0..LEAF_PAGES).step_by(pages).find(|&first| (first..first + pages).all(|page| is_free(leaf, page)))
    }

    #[test]
    fn blocks_are_found_where_looking_at_every_page_finds_them() {
        let mut rng = fastrand::Rng::with_seed(allocator_conformance::seed());
        let (rounds, stride) = if cfg!(miri) { (1, 73) } else { (200, 1) };
        for round in 0..rounds {
            let mut leaf = FREE_LEAF;
            for _ in 0..rng.usize(0..1 << (round % 8)) {
                let page = rng.usize(0..LEAF_PAGES);
                leaf[page / 64] &= !(1 << (page % 64));
            }
            if round % 3 == 0 {
                leaf[rng.usize(0..8)] = 0;
            }
            for order in 0..=LEAF_ORDER {
                assert_eq!(find_block(&leaf, order), by_hand(&leaf, order), "order {order} of {leaf:x?}");
            }
            assert_eq!(largest_order(&leaf), (0..=9).rev().find(|&order| by_hand(&leaf, order).is_some()));
            for (length, from) in [(1, 0), (2, 100), (3, 64), (17, 63), (63, 0), (64, 1), (65, 0), (200, 300), (512, 0)]
            {
                let expected = (from..=LEAF_PAGES.saturating_sub(length).max(from)).find(|&first| {
                    first + length <= LEAF_PAGES && (first..first + length).all(|page| is_free(&leaf, page))
                });
                assert_eq!(find_run(&leaf, length, from), expected, "{length} from {from} of {leaf:x?}");
            }
            for page in (0..LEAF_PAGES).step_by(stride).filter(|&page| is_free(&leaf, page)) {
                let largest = (0..=LEAF_ORDER).rev().find(|&order| {
                    let first = page >> order << order;
                    (first..first + (1 << order)).all(|page| is_free(&leaf, page))
                });
                assert_eq!(Some(order_around(&leaf, page)), largest, "page {page} of {leaf:x?}");
            }
        }
    }
}
