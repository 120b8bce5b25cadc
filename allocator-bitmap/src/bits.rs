//! [`Bits`], a bitmap of fixed size whose operations work on ranges, a word at a time.

use core::ops::Range;

use allocator_core::words::masked_words;

/// A bitmap of `WORDS * 64` bits, all zero at first.
pub(crate) struct Bits<const WORDS: usize> {
    words: [u64; WORDS],
}

impl<const WORDS: usize> Bits<WORDS> {
    pub(crate) const fn new() -> Self {
        Self { words: [0; WORDS] }
    }

    /// Sets the bits of `range`. O(words in the range).
    pub(crate) fn set(&mut self, range: Range<usize>) {
        for (word, mask) in masked_words(range) {
            self.words[word] |= mask;
        }
    }

    /// Whether any bit of `range` is set. O(words in the range).
    pub(crate) fn any(&self, range: Range<usize>) -> bool {
        masked_words(range).any(|(word, mask)| self.words[word] & mask != 0)
    }

    /// Whether every bit of `range` is set. O(words in the range).
    pub(crate) fn all(&self, range: Range<usize>) -> bool {
        masked_words(range).all(|(word, mask)| self.words[word] & mask == mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_of_three_words() {
        let step = if cfg!(miri) { 21 } else { 1 };
        for start in (0..192).step_by(step) {
            for end in (start + 1..=192).step_by(step) {
                let mut bits = Bits::<3>::new();
                assert!(!bits.any(0..192));
                bits.set(start..end);
                let set: u32 = bits.words.iter().map(|word| word.count_ones()).sum();
                assert_eq!(set as usize, end - start);
                assert!(bits.all(start..end) && bits.any(start..end));
                assert!(start == 0 || !bits.any(0..start) && !bits.all(start - 1..end));
                assert!(end == 192 || !bits.any(end..192) && !bits.all(start..end + 1));
            }
        }
    }
}
