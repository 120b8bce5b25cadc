//! [`masked_words`], the words of a bitmap that a range of bits lies in, each with a mask of these bits.

use core::ops::Range;

/// The index of each word of 64 bits that has bits of `range`, with a mask of these bits. The range must not be empty.
/// O(words in the range).
///
/// # Examples
///
/// ```
/// use allocator_core::words::masked_words;
///
/// let mut bitmap = [0_u64; 3];
/// for (word, mask) in masked_words(60..130) {
///     bitmap[word] |= mask;
/// }
/// assert_eq!(bitmap, [0xf << 60, u64::MAX, 0b11]);
/// ```
#[inline]
pub fn masked_words(range: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    debug_assert!(!range.is_empty(), "no bits to mask");
    (range.start / 64..range.end.div_ceil(64)).map(move |word| {
        let from = range.start.saturating_sub(word * 64);
        let to = (range.end - word * 64).min(64);
        (word, (u64::MAX >> (64 - (to - from))) << from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masks_of_every_range_of_three_words_are_its_bits() {
        let step = if cfg!(miri) { 21 } else { 1 };
        for start in (0..192).step_by(step) {
            for end in (start + 1..=192).step_by(step) {
                let mut bitmap = [0_u64; 3];
                for (word, mask) in masked_words(start..end) {
                    assert!(bitmap[word] == 0 && mask != 0, "{start}..{end}: word {word} comes once, with a bit");
                    bitmap[word] = mask;
                }
                let is_set = |bit: usize| bitmap[bit / 64] >> (bit % 64) & 1 == 1;
                assert!((0..192).all(|bit| is_set(bit) == (start..end).contains(&bit)), "{start}..{end}: {bitmap:x?}");
            }
        }
    }
}
