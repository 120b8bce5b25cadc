//! Which sizes of slots a slab heap has.

use core::alloc::Layout;

use crate::slab::Slab;

/// A set of size classes, each with slots of one size.
///
/// A slot of a class is aligned to the largest power of two that divides its size.
///
/// # Safety
///
/// The heap hands out slots of the class it is told, so an implementation promises:
///
/// - [`SLOT_SIZES`](Self::SLOT_SIZES) ascend; each is a multiple of the size of a pointer;
/// - [`SLABS`](Self::SLABS) has a slab for each, in the same order;
/// - `class_of(layout)` is the index of one whose slots have at least `layout.size()` bytes and at least the alignment
///   of the layout; it is the same for every layout of that alignment and a size from the one asked for to that of the
///   slot.
pub unsafe trait SizeClasses {
    /// One slab for each class.
    type Slabs: AsRef<[Slab]> + AsMut<[Slab]>;

    /// The slabs, without memory.
    const SLABS: Self::Slabs;

    /// The sizes of slots in bytes.
    const SLOT_SIZES: &'static [usize];

    /// The class that serves `layout`; `None` where it is too large, in size or alignment, for any. O(1).
    fn class_of(layout: Layout) -> Option<usize>;
}

/// Seven classes, 64 to 4096 bytes, each twice the one before.
///
/// Up to half of a slot is lost to rounding, a quarter on average for sizes spread evenly. In return every slot is
/// aligned to its size, and a buddy allocator gives chunks without a remainder.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_slab::{PowerOfTwoClasses, SizeClasses};
///
/// let class_of = |size, align| PowerOfTwoClasses::class_of(Layout::from_size_align(size, align).unwrap());
/// assert_eq!(class_of(65, 8), Some(1));
/// assert_eq!(class_of(8, 1024), Some(4), "an alignment above the size decides");
/// assert_eq!(class_of(4097, 1), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PowerOfTwoClasses;

impl PowerOfTwoClasses {
    const SMALLEST: usize = 64;
    const SIZES: [usize; 7] = {
        let mut sizes = [0; 7];
        let mut class = 0;
        while class < sizes.len() {
            sizes[class] = Self::SMALLEST << class;
            class += 1;
        }
        sizes
    };
}

// SAFETY: the sizes ascend, the slabs are made from them, and the class is the first whose size is at least both the
// size and the alignment of the layout; a slot of a power of two is aligned to its size.
unsafe impl SizeClasses for PowerOfTwoClasses {
    type Slabs = [Slab; Self::SIZES.len()];
    const SLABS: Self::Slabs = Slab::for_sizes(Self::SIZES);
    const SLOT_SIZES: &'static [usize] = &Self::SIZES;

    #[inline]
    fn class_of(layout: Layout) -> Option<usize> {
        let needed = layout.size().max(layout.align());
        // The number of times that the smallest size must be doubled to hold what is needed.
        let class = (usize::BITS - ((needed - 1) / Self::SMALLEST).leading_zeros()) as usize;
        (class < Self::SIZES.len()).then_some(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_and_alignment_gets_the_smallest_slot_that_holds_it() {
        let sizes = PowerOfTwoClasses::SLOT_SIZES;
        assert_eq!(sizes, [64, 128, 256, 512, 1024, 2048, 4096]);
        for size in (0..=4200).step_by(if cfg!(miri) { 67 } else { 1 }) {
            for align in (0..=13).map(|shift| 1 << shift) {
                let layout = Layout::from_size_align(size, align).unwrap();
                let expected = sizes.iter().position(|&slot| slot >= size && slot % align == 0);
                assert_eq!(PowerOfTwoClasses::class_of(layout), expected, "{layout:?}");
            }
        }
    }

    #[test]
    fn absurd_layouts_have_no_class() {
        for (size, align) in [(isize::MAX as usize, 1), (0, 1 << (usize::BITS - 1)), (1, 1 << (usize::BITS - 2))] {
            assert_eq!(PowerOfTwoClasses::class_of(Layout::from_size_align(size, align).unwrap()), None);
        }
    }
}
