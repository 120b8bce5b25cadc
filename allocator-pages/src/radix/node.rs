//! [`Runs`], the lengths of three runs of free pages, which the radix engine keeps for each node.

use crate::leaf::{LEAF_PAGES, LeafBits, starts_of_runs};
use crate::tree::Node;
use crate::tree::shape::{LEVELS, node_pages};

/// The lengths of three runs of free pages in a node, in pages.
///
/// ```text
///   │ 1 1 1 0 0 1 1 1 1 1 0 1 1 │      start = 3   longest = 5   end = 2
/// ```
///
/// For a parent whose children `c0 ... c7` have `n` pages each:
///
/// ```text
///   start   = c0.start                        if c0 is not wholly free
///           = n + (start of c1 ... c7)        otherwise; end likewise, from the other side
///   longest = max of all ci.longest, and of all ci.end + (start of c(i+1) ... c7)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// The run that starts with the first page.
    pub(super) start: usize,
    /// The longest run.
    pub(super) longest: usize,
    /// The run that ends with the last page.
    pub(super) end: usize,
}

/// The lowest level at which three lengths do not fit in one word. The nodes of the levels below have at most 2^18 pages.
const TWO_WORDS_FROM: usize = 4;

/// The bits of a length, in a word that holds all three, and in two.
const NARROW: u32 = 19;
const WIDE: u32 = 42;

impl Node for Runs {
    const WORDS: [usize; LEVELS] = {
        let mut words = [2; LEVELS];
        let mut level = 0;
        while level < TWO_WORDS_FROM {
            words[level] = 1;
            level += 1;
        }
        words
    };

    const TAKEN: Self = Self { start: 0, longest: 0, end: 0 };

    fn free(num_pages: usize) -> Self {
        Self { start: num_pages, longest: num_pages, end: num_pages }
    }

    fn of_leaf(bits: &LeafBits) -> Self {
        let (mut start, mut longest, mut current) = (None, 0, 0);
        for &word in bits {
            if word == u64::MAX {
                current += 64;
                continue;
            }
            current += word.trailing_ones() as usize;
            start.get_or_insert(current);
            longest = longest_in_word(word, longest.max(current));
            current = word.leading_ones() as usize;
        }
        Self { start: start.unwrap_or(LEAF_PAGES), longest: longest.max(current), end: current }
    }

    fn join(level: usize, children: &[u64]) -> Self {
        let (pages, words) = (node_pages(level), Self::WORDS[level]);
        let (mut start, mut longest, mut current) = (None, 0, 0);
        for child in children.chunks_exact(words) {
            let child = Self::load(level, child);
            current += child.start;
            if child.start < pages {
                start.get_or_insert(current);
                longest = longest.max(current).max(child.longest);
                current = child.end;
            }
        }
        Self { start: start.unwrap_or(8 * pages), longest: longest.max(current), end: current }
    }

    #[inline]
    fn changed(self, level: usize, old: Self, new: Self) -> Option<Self> {
        if (old.start, old.end) != (new.start, new.end) || old.start == node_pages(level) {
            return None;
        }
        // No run that reaches out of the child has changed, so only its longest can matter.
        if new.longest >= self.longest {
            return Some(Self { longest: new.longest, ..self });
        }
        (old.longest < self.longest).then_some(self)
    }

    #[inline]
    fn load(level: usize, words: &[u64]) -> Self {
        if level < TWO_WORDS_FROM {
            let length = |index: u32| (words[0] >> (index * NARROW) & ((1 << NARROW) - 1)) as usize;
            return Self { start: length(0), longest: length(1), end: length(2) };
        }
        let word = u128::from(words[0]) | u128::from(words[1]) << 64;
        let length = |index: u32| (word >> (index * WIDE) & ((1 << WIDE) - 1)) as usize;
        Self { start: length(0), longest: length(1), end: length(2) }
    }

    fn store(self, level: usize, words: &mut [u64]) {
        let lengths = [self.start, self.longest, self.end];
        if level < TWO_WORDS_FROM {
            words[0] = lengths.iter().rev().fold(0, |word, &length| word << NARROW | length as u64);
            return;
        }
        let word = lengths.iter().rev().fold(0, |word, &length| word << WIDE | length as u128);
        words[0] = word as u64;
        words[1] = (word >> 64) as u64;
    }
}

/// The length of the longest run of set bits in `word`, or `at_least` where that is longer.
fn longest_in_word(word: u64, at_least: usize) -> usize {
    if word.count_ones() as usize <= at_least {
        return at_least;
    }
    let mut length = at_least.max(1);
    let mut runs = starts_of_runs(word, length);
    while runs != 0 {
        runs &= runs >> 1;
        length += 1;
    }
    // One step too far, if there was one.
    (length - 1).max(at_least)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// The three runs of a list of flags.
    fn runs_of(free: &[bool]) -> Runs {
        let lengths: Vec<usize> = free.split(|free| !free).map(<[bool]>::len).collect();
        Runs {
            start: lengths[0],
            longest: lengths.iter().copied().max().unwrap_or(0),
            end: lengths.last().copied().unwrap_or(0),
        }
    }

    #[test]
    fn the_runs_of_leaves_and_of_their_parent_are_those_of_the_flags() {
        let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
        for round in 0..if cfg!(miri) { 1 } else { 300 } {
            let density = 1 << (round % 11);
            let flags: Vec<bool> = (0..8 * LEAF_PAGES)
                .map(
                    |page| if rng.random_ratio(1, 9) { page / 700 % 2 == 0 } else { rng.random_range(0..density) != 0 },
                )
                .collect();
            let flags: Vec<bool> = if round % 5 == 0 {
                flags.iter().enumerate().map(|(page, &free)| (page / LEAF_PAGES).is_multiple_of(3) || free).collect()
            } else {
                flags
            };
            let children: [Runs; 8] = core::array::from_fn(|index| {
                let flags = &flags[index * LEAF_PAGES..][..LEAF_PAGES];
                let bits: LeafBits = core::array::from_fn(|word| {
                    (0..64).fold(0, |word_bits, bit| word_bits | u64::from(flags[word * 64 + bit]) << bit)
                });
                let runs = Runs::of_leaf(&bits);
                assert_eq!(runs, runs_of(flags));
                runs
            });
            let mut words = [0; 8];
            for (runs, word) in children.iter().zip(words.chunks_exact_mut(1)) {
                runs.store(0, word);
            }
            assert_eq!(Runs::join(0, &words), runs_of(&flags));
        }
    }

    #[test]
    fn lengths_survive_their_words() {
        for level in (0..15).filter(|level| 9 + 3 * level + 1 < usize::BITS as usize) {
            let pages = LEAF_PAGES << (3 * level);
            for runs in [Runs::TAKEN, Runs::free(pages), Runs { start: 1, longest: pages / 2 + 1, end: pages / 3 }] {
                let mut words = [u64::MAX; 2];
                let words = &mut words[..Runs::WORDS[level.min(LEVELS - 1)]];
                if (runs.longest as u64) < 1 << WIDE {
                    runs.store(level, words);
                    assert_eq!(Runs::load(level, words), runs, "level {level}");
                }
            }
        }
    }
}
