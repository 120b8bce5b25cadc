//! Size classes: which sizes share a list.
//!
//! Sizes are counted in granules. `SL` classes divide each doubling evenly; below `2 * SL` granules each size has a class of
//! its own:
//!
//! ```text
//!   SL = 4     granules  1 2 3 4 5 6 7   8-9 10-11 12-13 14-15   16-19 20-23 ...
//!              class     1 2 3 4 5 6 7   8   9     10    11      12    13
//! ```
//!
//! Two-level segregated fit: Masmano, Ripoll, Crespo, Real, "TLSF: a new dynamic memory allocator for real-time systems",
//! 2004, section 3.

use core::fmt;

/// The number of a size class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class(usize);

impl Class {
    /// The class with this number.
    #[inline]
    pub(crate) const fn new(number: usize) -> Self {
        Self(number)
    }

    /// Its number, from 0.
    #[inline]
    pub(crate) const fn get(self) -> usize {
        self.0
    }

    /// The class of a block of `granules`, at least 1. O(1).
    #[inline]
    pub(crate) const fn of<const SL: usize>(granules: usize) -> Self {
        let shift = shift::<SL>(granules);
        Self((shift << SL.trailing_zeros()) + (granules >> shift))
    }

    /// The class of a block of `granules`, at least 1, and the first class whose blocks all have so many: the same one, or the
    /// next. O(1).
    #[inline]
    pub(crate) const fn own_and_sure<const SL: usize>(granules: usize) -> (Self, Self) {
        let shift = shift::<SL>(granules);
        let own = (shift << SL.trailing_zeros()) + (granules >> shift);
        let is_least = granules & ((1 << shift) - 1) == 0;
        (Self(own), Self(own + !is_least as usize))
    }

    /// The fewest granules that a block of the class has.
    pub(crate) const fn least<const SL: usize>(self) -> usize {
        let shift = (self.0 >> SL.trailing_zeros()).saturating_sub(1);
        (self.0 - (shift << SL.trailing_zeros())) << shift
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "class {}", self.0)
    }
}

/// log2 of the number of sizes in the class of `granules`.
#[inline]
const fn shift<const SL: usize>(granules: usize) -> usize {
    ((granules | SL).ilog2() - SL.trailing_zeros()) as usize
}

/// The most granules that a block of `FL * SL` classes has.
pub(crate) const fn most_granules(fl: usize, sl: usize) -> usize {
    match 1_usize.checked_shl(fl as u32 - 1) {
        Some(factor) => match sl.checked_mul(factor) {
            Some(beyond) => beyond - 1,
            None => usize::MAX,
        },
        None => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const SL: usize>() {
        let mut last = Class::of::<SL>(1);
        for granules in 1..if cfg!(miri) { 200 } else { 5000 } {
            let class = Class::of::<SL>(granules);
            assert!(class == last || class.get() == last.get() + 1, "{SL}: {granules}: no class is left out");
            assert!(class.least::<SL>() <= granules && Class::new(class.get() + 1).least::<SL>() > granules);
            let (own, sure) = Class::own_and_sure::<SL>(granules);
            assert_eq!(own, class);
            assert!(sure.least::<SL>() >= granules, "{SL}: {granules}: all of {sure:?} are large enough");
            assert!(sure == class || Class::new(sure.get() - 1).least::<SL>() < granules, "{SL}: {granules}");
            last = class;
        }
    }

    #[test]
    fn classes_follow_one_another_without_gaps() {
        check::<1>();
        check::<2>();
        check::<4>();
        check::<16>();
        check::<32>();
    }

    #[test]
    fn the_largest_sizes_have_the_last_classes() {
        for (fl, last) in [(1, 3), (2, 7), (8, 511)] {
            assert_eq!(most_granules(fl, 4), last);
            assert_eq!(Class::of::<4>(last).get(), fl * 4 - 1);
            assert_eq!(Class::of::<4>(last + 1).get(), fl * 4);
        }
        assert_eq!(most_granules(64, 16), usize::MAX);
        let (own, sure) = Class::own_and_sure::<16>(usize::MAX);
        assert!(sure > own);
    }
}
