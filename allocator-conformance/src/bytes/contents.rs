//! [`Contents`], the bytes that the suite writes into blocks to see whether they stay there.

use core::ptr::NonNull;
use std::vec::Vec;

use rand::Rng;
use rand::rngs::SmallRng;

/// Random bytes that repeat after a prime number of them, so that bytes which moved are not taken for those that
/// belong there. A pattern is a place in them to start from.
#[derive(Clone)]
pub(super) struct Contents {
    /// The period, twice.
    bytes: Vec<u8>,
}

impl Contents {
    const PERIOD: usize = 1021;

    pub(super) fn new(rng: &mut SmallRng) -> Self {
        let mut bytes = std::vec![0; Self::PERIOD];
        rng.fill(&mut bytes[..]);
        bytes.extend_from_within(..);
        Self { bytes }
    }

    fn period_of(&self, pattern: usize) -> &[u8] {
        &self.bytes[pattern % Self::PERIOD..][..Self::PERIOD]
    }

    /// Writes the pattern over a block.
    ///
    /// # Safety
    ///
    /// `size` bytes may be written at `block`.
    pub(super) unsafe fn fill(&self, block: NonNull<u8>, size: usize, pattern: usize) {
        let period = self.period_of(pattern);
        for at in (0..size).step_by(Self::PERIOD) {
            let length = Self::PERIOD.min(size - at);
            // SAFETY: `at + length <= size`, and the caller's block is not part of the pattern.
            unsafe { block.add(at).copy_from_nonoverlapping(NonNull::from(period).cast(), length) };
        }
    }

    /// Where the block first differs from the pattern.
    ///
    /// # Safety
    ///
    /// `size` initialised bytes may be read at `block`.
    pub(super) unsafe fn first_difference(&self, block: NonNull<u8>, size: usize, pattern: usize) -> Option<usize> {
        // SAFETY: passed on from the caller.
        unsafe { first_difference(block, size, self.period_of(pattern)) }
    }

    /// Where the block first holds something other than zero.
    ///
    /// # Safety
    ///
    /// `size` initialised bytes may be read at `block`.
    pub(super) unsafe fn first_nonzero(block: NonNull<u8>, size: usize) -> Option<usize> {
        // SAFETY: passed on from the caller.
        unsafe { first_difference(block, size, &[0; Self::PERIOD]) }
    }
}

/// Where the block first differs from what repeats with the period.
///
/// The block is copied out piece by piece: a slice of it would be a borrow more for Miri to keep track of each time.
///
/// # Safety
///
/// `size` initialised bytes may be read at `block`.
unsafe fn first_difference(block: NonNull<u8>, size: usize, period: &[u8]) -> Option<usize> {
    let mut piece = [0; Contents::PERIOD];
    for at in (0..size).step_by(period.len()) {
        let length = period.len().min(size - at);
        // SAFETY: `at + length <= size`, and `length` is at most the length of the piece.
        unsafe { block.add(at).copy_to_nonoverlapping(NonNull::from(&mut piece).cast(), length) };
        if piece[..length] != period[..length] {
            let inside = piece.iter().zip(period).position(|(is, should)| is != should);
            return Some(at + inside.unwrap_or(0));
        }
    }
    None
}
