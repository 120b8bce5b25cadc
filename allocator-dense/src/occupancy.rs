//! Which classes have free blocks: a bit for each class, and where a word does not hold so many, a bit for each doubling.

use crate::classes::Class;

/// How many classes divide a doubling: 1, 2, 4, 8, 16 or 32.
///
/// # Examples
///
/// ```
/// use allocator_dense::DenseByteAllocator;
/// use allocator_dense::occupancy::{Occupancy, SecondLevel};
///
/// /// The bytes that a store takes itself.
/// fn state<const GRANULE: usize, const FL: usize, const SL: usize>(_: &DenseByteAllocator<GRANULE, FL, SL>) -> usize
/// where
///     SecondLevel<SL>: Occupancy,
/// {
///     size_of::<DenseByteAllocator<GRANULE, FL, SL>>()
/// }
/// assert!(state(&DenseByteAllocator::new()) > state(&DenseByteAllocator::small()));
/// ```
#[derive(Debug)]
pub struct SecondLevel<const SL: usize>(());

mod sealed {
    pub trait Sealed {}
    impl<const SL: usize> Sealed for super::SecondLevel<SL> {}
}

/// How a store keeps the bits of `SL` classes for each of its doublings. Implemented for each number that
/// [`SecondLevel`] may have, and for nothing else.
pub trait Occupancy: sealed::Sealed {
    /// The bits of the classes of one doubling.
    #[doc(hidden)]
    type Bits: Copy + PartialEq;
    #[doc(hidden)]
    const EMPTY: Self::Bits;
    /// The most doublings that there can be.
    #[doc(hidden)]
    const MOST_LEVELS: usize;
    #[doc(hidden)]
    fn insert(levels: &mut usize, bits: &mut [Self::Bits], class: Class);
    #[doc(hidden)]
    fn remove(levels: &mut usize, bits: &mut [Self::Bits], class: Class);
    /// The lowest class with a block, from `class` on.
    #[doc(hidden)]
    fn first_from(levels: usize, bits: &[Self::Bits], class: Class) -> Option<Class>;
    /// The highest class with a block.
    #[doc(hidden)]
    fn last(levels: usize, bits: &[Self::Bits]) -> Option<Class>;
}

/// One word has a bit for each class.
macro_rules! one_word {
    ($($sl:literal)*) => {$(
        impl Occupancy for SecondLevel<$sl> {
            type Bits = ();
            const EMPTY: () = ();
            const MOST_LEVELS: usize = usize::BITS as usize / $sl;

            #[inline]
            fn insert(levels: &mut usize, _: &mut [()], class: Class) {
                *levels |= 1_usize.unbounded_shl(class.get() as u32);
            }

            #[inline]
            fn remove(levels: &mut usize, _: &mut [()], class: Class) {
                *levels &= !1_usize.unbounded_shl(class.get() as u32);
            }

            #[inline]
            fn first_from(levels: usize, _: &[()], class: Class) -> Option<Class> {
                let above = levels.checked_shr(class.get() as u32)?;
                (above != 0).then(|| Class::new(class.get() + above.trailing_zeros() as usize))
            }

            fn last(levels: usize, _: &[()]) -> Option<Class> {
                levels.checked_ilog2().map(|class| Class::new(class as usize))
            }
        }
    )*};
}

/// A word has a bit for each doubling, set iff that has a class with a block; a further word for each doubling has a bit for
/// each class.
macro_rules! two_levels {
    ($($sl:literal $bits:ty)*) => {$(
        impl Occupancy for SecondLevel<$sl> {
            type Bits = $bits;
            const EMPTY: $bits = 0;
            const MOST_LEVELS: usize = usize::BITS as usize;

            #[inline]
            fn insert(levels: &mut usize, bits: &mut [$bits], class: Class) {
                let (level, within) = (class.get() / $sl, class.get() % $sl);
                if let Some(bits) = bits.get_mut(level) {
                    *bits |= 1 << within;
                    *levels |= 1 << level;
                }
            }

            #[inline]
            fn remove(levels: &mut usize, bits: &mut [$bits], class: Class) {
                let (level, within) = (class.get() / $sl, class.get() % $sl);
                if let Some(bits) = bits.get_mut(level) {
                    *bits &= !(1 << within);
                    if *bits == 0 {
                        *levels &= !(1 << level);
                    }
                }
            }

            #[inline]
            fn first_from(levels: usize, bits: &[$bits], class: Class) -> Option<Class> {
                let (level, within) = (class.get() / $sl, class.get() % $sl);
                let here = bits.get(level)? >> within;
                if here != 0 {
                    return Some(Class::new(class.get() + here.trailing_zeros() as usize));
                }
                let above = levels.checked_shr(level as u32 + 1)?;
                if above == 0 {
                    return None;
                }
                let level = level + 1 + above.trailing_zeros() as usize;
                Some(Class::new(level * $sl + bits.get(level)?.trailing_zeros() as usize))
            }

            fn last(levels: usize, bits: &[$bits]) -> Option<Class> {
                let level = levels.checked_ilog2()? as usize;
                Some(Class::new(level * $sl + bits.get(level)?.checked_ilog2()? as usize))
            }
        }
    )*};
}

one_word!(1 2);
two_levels!(4 u8 8 u8 16 u16 32 u32);

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;
    use std::vec;

    use super::*;

    fn check<const SL: usize>(levels_there: usize)
    where
        SecondLevel<SL>: Occupancy,
    {
        let mut levels = 0;
        let mut bits = vec![<SecondLevel<SL> as Occupancy>::EMPTY; levels_there];
        let mut model = BTreeSet::new();
        let classes = levels_there * SL;
        for step in 0..if cfg!(miri) { 30 } else { 4 * classes } {
            let class = Class::new(step * 7919 % classes);
            if model.remove(&class) {
                <SecondLevel<SL>>::remove(&mut levels, &mut bits, class);
            } else {
                model.insert(class);
                <SecondLevel<SL>>::insert(&mut levels, &mut bits, class);
            }
            let from = Class::new(step * 31 % (classes + 2 * SL));
            assert_eq!(<SecondLevel<SL>>::first_from(levels, &bits, from), model.range(from..).next().copied());
            assert_eq!(<SecondLevel<SL>>::last(levels, &bits), model.last().copied());
        }
    }

    #[test]
    fn finds_the_next_class_as_a_set_does() {
        check::<1>(usize::BITS as usize);
        check::<2>(usize::BITS as usize / 2);
        check::<4>(9);
        check::<8>(usize::BITS as usize);
        check::<16>(3);
        check::<32>(1);
    }
}
