//! Which sizes of slots a slab heap has.

use core::alloc::Layout;
use core::hint::assert_unchecked;

use crate::slab::Slab;

/// How many slots a slab grows by, while memory is plentiful.
pub const SET_SIZE: usize = 64;

/// A set of size classes, each with slots of one size.
///
/// A slot of a class is aligned to the largest power of two that divides its size, but to no more than
/// [`MOST_ALIGNED`](Self::MOST_ALIGNED).
///
/// # Safety
///
/// The heap hands out slots of the class that `class_of` names, so an implementation promises:
///
/// - [`SLOT_SIZES`](Self::SLOT_SIZES) ascend; each is a multiple of the size of a pointer;
/// - [`SLABS`](Self::SLABS) has a slab for each, in the same order, of that size or of [none yet](Slab::unsized_slab);
/// - `class_of(layout)` is the index of one whose slots have at least `layout.size()` bytes and at least the alignment
///   of the layout; it is the same for every layout of that alignment and a size from the one asked for to that of the
///   slot.
pub unsafe trait SizeClasses {
    /// One slab for each class.
    type Slabs: AsRef<[Slab]> + AsMut<[Slab]>;

    /// The slabs, without memory. Where all are [`Slab::unsized_slab`], a heap is all zero bytes at first, so a `static` one
    /// takes no room in the program's file; with [`Slab::for_sizes`] the sizes are in that file.
    const SLABS: Self::Slabs;

    /// The sizes of slots in bytes.
    const SLOT_SIZES: &'static [usize];

    /// A class grows by at most one part in so many of what the backing has left, while one slot, and 256 bytes, fit in
    /// that: more than 0; the default is 8. The more classes, the more such parts wait half used for others of
    /// their class.
    const GROWTH_SHARE: usize = 8;

    /// A class may grow by `its slots / GROWTH_OF_ITS_OWN` even beyond the share. The default, `usize::MAX`, never allows it;
    /// 0 is not allowed. With a small number, a class that takes most of the memory has few chunks, and so few headers of
    /// the backing.
    const GROWTH_OF_ITS_OWN: usize = usize::MAX;

    /// How large a chunk may become, in bytes, where the backing gives a chunk the memory behind it: so that the class needs
    /// no further chunk, with a further header and a further entry in the table. The default, 0, never asks the backing: for
    /// one that has no headers, or that gives no block the memory behind it.
    const LARGEST_CHUNK: usize = 0;

    /// To how many bytes, a power of two, slots are aligned at most: the default sets no limit. A backing with headers
    /// loses about as much for each chunk.
    const MOST_ALIGNED: usize = 1 << (usize::BITS - 2);

    /// How many slots a class grows by, while memory is plentiful: from 1 to 65,535, by default
    /// [`SET_SIZE`]. Fewer where memory is short; as many more as the backing gives anyway.
    #[must_use]
    fn growth(class: usize) -> usize {
        let _ = class;
        SET_SIZE
    }

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

    /// The class of what ends in each multiple of the smallest size.
    const CLASSES: &'static [u8; 1 << (Self::SIZES.len() - 1)] = &table(&Self::SIZES, Self::SMALLEST);
}

// SAFETY: the sizes ascend, the slabs are made from them, and the class is the first whose size is at least both the
// size and the alignment of the layout; a slot of a power of two is aligned to its size.
unsafe impl SizeClasses for PowerOfTwoClasses {
    type Slabs = [Slab; Self::SIZES.len()];
    const SLABS: Self::Slabs = [const { Slab::unsized_slab() }; Self::SLOT_SIZES.len()];
    const SLOT_SIZES: &'static [usize] = &Self::SIZES;

    #[inline]
    fn class_of(layout: Layout) -> Option<usize> {
        // The larger of size and alignment, less one, or more, but not beyond the same power of two.
        let last = layout.size().saturating_sub(1) | (layout.align() - 1);
        let class = usize::from(*Self::CLASSES.get(last / Self::SMALLEST)?);
        // SAFETY: so the table is made.
        unsafe { assert_unchecked(class < Self::SIZES.len()) };
        Some(class)
    }
}

/// For each block of `granule` bytes up to the largest of the ascending sizes, the first class whose slots reach its end.
const fn table<const BLOCKS: usize>(sizes: &[usize], granule: usize) -> [u8; BLOCKS] {
    let mut classes = [0; BLOCKS];
    let (mut block, mut class) = (0, 0);
    while block < BLOCKS {
        if (block + 1) * granule > sizes[class] {
            class += 1;
        }
        classes[block] = class as u8;
        block += 1;
    }
    assert!(class + 1 == sizes.len() && sizes[class] == BLOCKS * granule && class <= u8::MAX as usize);
    classes
}

/// Eight classes for each doubling: every multiple of 8 up to 128 bytes, then eight sizes at equal distances up to each
/// power of two, up to 64 KiB.
///
/// Above 128 bytes at most an eighth of what was asked for is lost to rounding (a slot of 144 bytes for 129), on average
/// at most 4.2 % for sizes spread evenly up to 1 KiB or a larger power of two, 5 % up to any other limit above that. A
/// size is rounded up to its alignment first; then the slot that holds it is aligned enough by itself, since the slots of
/// a doubling lie at multiples of their distance. Alignments above 128 bytes are left to the backing.
///
/// The class is looked up in a table with a byte for each 8 bytes of size, 8 KiB, of which a program uses as much as its
/// sizes need: for up to 1 KiB that is 128 bytes. There is no branch that mixed sizes could make mispredict. To find the
/// highest bit of a size instead would take more instructions.
///
/// ```text
///   n = size - 1, size a multiple of its alignment      n           distance   class
///                                                       0 ..= 127       8      n / 8
///   class = table[n / 8]                                128 ..= 255    16      8 + n / 16
///                                                       256 ..= 511    32      16 + n / 32
/// ```
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_slab::{FineClasses, SizeClasses};
///
/// let slot_size = |size, align| {
///     let class = FineClasses::class_of(Layout::from_size_align(size, align).unwrap())?;
///     Some(FineClasses::SLOT_SIZES[class])
/// };
/// assert_eq!(slot_size(65, 8), Some(72));
/// assert_eq!(slot_size(1025, 8), Some(1152));
/// assert_eq!(slot_size(130, 64), Some(192), "a multiple of the alignment");
/// assert_eq!(slot_size(65_537, 1), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FineClasses;

impl FineClasses {
    /// The log2 of the number of classes for each doubling.
    const PER_DOUBLING_LOG2: u32 = 3;
    /// The log2 of the size below which sizes are not split any finer.
    const FLAT_LOG2: u32 = 6;
    /// The log2 of the largest size.
    const LARGEST_LOG2: u32 = 16;
    const COUNT: usize = ((Self::LARGEST_LOG2 - Self::FLAT_LOG2 + 1) << Self::PER_DOUBLING_LOG2) as usize;

    const SIZES: [usize; Self::COUNT] = {
        let mut sizes = [0; Self::COUNT];
        let mut class = 0;
        while class < Self::COUNT {
            let per_doubling = 1 << Self::PER_DOUBLING_LOG2;
            let doubling = (class / per_doubling).saturating_sub(1);
            let distance = 1 << ((Self::FLAT_LOG2 - Self::PER_DOUBLING_LOG2) as usize + doubling);
            sizes[class] = (class - doubling * per_doubling + 1) * distance;
            class += 1;
        }
        sizes
    };

    /// The log2 of what all sizes are multiples of.
    const GRANULE_LOG2: u32 = 3;
    /// The class of what ends in each multiple of that.
    const CLASSES: &'static [u8; 1 << (Self::LARGEST_LOG2 - Self::GRANULE_LOG2)] =
        &table(&Self::SIZES, 1 << Self::GRANULE_LOG2);
}

// SAFETY: the sizes ascend, and are multiples of 8. The slots of each doubling are the multiples of its distance, and the
// class is that of the first of them above `n`, the size rounded up to its alignment less one. An alignment of at most the
// distance divides every multiple of it; where the alignment is larger, the rounded size is such a multiple, and the slot
// has just that size. A size up to that of the slot, rounded up, is no larger than the slot, as the alignment divides the
// slot; so it has the same class, or the size asked for would have a smaller one.
unsafe impl SizeClasses for FineClasses {
    type Slabs = [Slab; Self::COUNT];
    const SLABS: Self::Slabs = [const { Slab::unsized_slab() }; Self::SLOT_SIZES.len()];
    const SLOT_SIZES: &'static [usize] = &Self::SIZES;

    const GROWTH_SHARE: usize = 256;
    const GROWTH_OF_ITS_OWN: usize = 16;
    const LARGEST_CHUNK: usize = 32 << 10;
    const MOST_ALIGNED: usize = 128;

    /// 32 KiB of slots, at most 256 of them: so that a table of chunks is small beside them, and the `alloc` that links the
    /// slots of a new chunk stays bounded.
    fn growth(class: usize) -> usize {
        ((32 << 10) / Self::SIZES[class]).clamp(1, 256)
    }

    #[inline]
    fn class_of(layout: Layout) -> Option<usize> {
        let mask = layout.align() - 1;
        // The last byte of the size rounded up to its alignment; where the size is 0, of as much as the alignment.
        let last = layout.size().saturating_sub(1) | mask;
        // One comparison for both: all bits of the mask of the largest alignment, and not one more, go below the limit.
        const { assert!(Self::MOST_ALIGNED.is_power_of_two() && Self::MOST_ALIGNED <= 1 << Self::LARGEST_LOG2) };
        if last | mask << (Self::LARGEST_LOG2 - Self::MOST_ALIGNED.ilog2()) >= 1 << Self::LARGEST_LOG2 {
            return None;
        }
        let class = usize::from(Self::CLASSES[last >> Self::GRANULE_LOG2]);
        // SAFETY: so the table is made.
        unsafe { assert_unchecked(class < Self::COUNT) };
        Some(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_and_alignment_gets_the_smallest_fine_slot_that_holds_it() {
        let sizes = FineClasses::SLOT_SIZES;
        assert_eq!(sizes[..17], [8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 144]);
        assert_eq!((sizes.len(), sizes.last()), (88, Some(&65_536)));
        assert!(sizes.is_sorted());
        for align in (0..=17).map(|shift| 1 << shift) {
            // The smallest slot that will do for a size goes up with the size.
            let mut expected = sizes.iter().position(|slot| slot % align == 0).filter(|_| align <= 128);
            for size in (0..=70_000).step_by(if cfg!(miri) { 1009 } else { 1 }) {
                while expected.is_some_and(|class| sizes[class] < size) {
                    let above = expected.map_or(0, |class| class + 1);
                    expected = sizes[above..].iter().position(|slot| slot % align == 0).map(|more| above + more);
                }
                let layout = Layout::from_size_align(size, align).unwrap();
                assert_eq!(FineClasses::class_of(layout), expected, "{layout:?}");
            }
        }
    }

    #[test]
    fn a_block_keeps_its_fine_class_up_to_the_size_of_its_slot() {
        for (class, &slot) in FineClasses::SLOT_SIZES.iter().enumerate() {
            for align in (0..=slot.trailing_zeros().min(7)).map(|shift| 1 << shift) {
                let layout = Layout::from_size_align(slot, align).unwrap();
                assert_eq!(FineClasses::class_of(layout), Some(class), "{layout:?}");
            }
        }
    }

    #[test]
    fn fine_slots_waste_little() {
        let slot_of =
            |size| FineClasses::SLOT_SIZES[FineClasses::class_of(Layout::from_size_align(size, 1).unwrap()).unwrap()];
        for &most in if cfg!(miri) { &[1024][..] } else { &[1024, 4096, 65_536] } {
            let (mut asked, mut wasted) = (0_u64, 0_u64);
            for size in 1..=most {
                let waste = slot_of(size) - size;
                assert!(size <= 128 || 8 * waste <= size, "{size} bytes get {}", size + waste);
                asked += size as u64;
                wasted += waste as u64;
                assert!(size < 1024 || wasted * 1000 <= 50 * asked, "{wasted} bytes lost for {asked} up to {size}");
            }
            assert!(wasted * 1000 <= 42 * asked, "{wasted} bytes lost for {asked} up to {most}");
        }
    }

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
        for (size, align) in [(isize::MAX as usize, 1), (1, 1 << (usize::BITS - 2))] {
            let layout = Layout::from_size_align(size, align).unwrap();
            assert_eq!((PowerOfTwoClasses::class_of(layout), FineClasses::class_of(layout)), (None, None));
        }
        let nothing = Layout::from_size_align(0, 1 << (usize::BITS - 1)).unwrap();
        assert_eq!((PowerOfTwoClasses::class_of(nothing), FineClasses::class_of(nothing)), (None, None));
    }
}
