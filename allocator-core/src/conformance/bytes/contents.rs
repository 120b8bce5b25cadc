//! What the suite writes into blocks, to see whether it stays there.

use core::ptr::NonNull;
use core::slice;
use std::vec::Vec;

use fastrand::Rng;

/// Random bytes that repeat after a prime number of them, so that bytes which moved are not taken for those that
/// belong there. A pattern is a place in them to start from.
#[derive(Clone)]
pub(super) struct Contents {
    /// The period, twice.
    bytes: Vec<u8>,
}

impl Contents {
    const PERIOD: usize = if cfg!(miri) { 1021 } else { 8191 };

    pub(super) fn new(rng: &mut Rng) -> Self {
        let mut bytes = std::vec![0; Self::PERIOD];
        rng.fill(&mut bytes);
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
        let period = self.period_of(pattern);
        // SAFETY: passed on from the caller.
        let bytes = unsafe { slice::from_raw_parts(block.as_ptr(), size) };
        let (index, chunk) =
            bytes.chunks(Self::PERIOD).enumerate().find(|(_, chunk)| **chunk != period[..chunk.len()])?;
        let inside = chunk.iter().zip(period).position(|(is, should)| is != should)?;
        Some(index * Self::PERIOD + inside)
    }

    /// Where the block first holds something other than zero.
    ///
    /// # Safety
    ///
    /// `size` initialised bytes may be read at `block`.
    pub(super) unsafe fn first_nonzero(block: NonNull<u8>, size: usize) -> Option<usize> {
        // SAFETY: passed on from the caller.
        let bytes = unsafe { slice::from_raw_parts(block.as_ptr(), size) };
        let zeroes = [0; 1024];
        let index = bytes.chunks(zeroes.len()).position(|chunk| *chunk != zeroes[..chunk.len()])?;
        bytes[index * zeroes.len()..].iter().position(|&byte| byte != 0).map(|inside| index * zeroes.len() + inside)
    }
}
