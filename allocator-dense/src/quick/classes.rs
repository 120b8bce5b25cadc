//! Which requests share a quick list, and how large the blocks of a list are.
//!
//! | requests | blocks of a list have | lists |
//! | --- | --- | --- |
//! | up to 2 KiB, aligned to 16 bytes or less | multiples of 16 bytes | 128 |
//! | up to 4 KiB, aligned so | multiples of 64 bytes | 32 |
//! | up to 64 KiB, aligned so | sixteen sizes for each doubling | 64 |
//! | up to 1 KiB, aligned to 32 bytes up to 4 KiB | multiples of 64 bytes, for each alignment | 8 × 16 |

use core::alloc::Layout;

/// What every block is aligned to.
pub(crate) const GRANULE: usize = 16;
const EXACT: usize = 128;
const LARGEST_EXACT: usize = EXACT * GRANULE;
const LARGEST_FINE: usize = 2 * LARGEST_EXACT;
const FINE_STEP: usize = 64;
const FINE: usize = EXACT + LARGEST_EXACT / FINE_STEP;
const PER_DOUBLING: usize = 16;
/// The largest block of a list.
pub(crate) const LARGEST: usize = 64 << 10;
/// The lists before this one have blocks that are aligned to 16 bytes.
pub(crate) const COMMON: usize = FINE + PER_DOUBLING * (LARGEST / LARGEST_FINE).ilog2() as usize;

const LEAST_ALIGNED: usize = 32;
const MOST_ALIGNED: usize = 4096;
const ALIGNED_STEP: usize = 64;
const LARGEST_ALIGNED: usize = 1024;
const PER_ALIGNMENT: usize = LARGEST_ALIGNED / ALIGNED_STEP;
const ALIGNMENTS: usize = (MOST_ALIGNED / LEAST_ALIGNED).ilog2() as usize + 1;

/// How many lists there are.
pub(crate) const LISTS: usize = COMMON + ALIGNMENTS * PER_ALIGNMENT;

/// The number of a quick list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListIndex(u16);

/// The size of the blocks of each list.
const SIZES: [u32; LISTS] = {
    let mut sizes = [0; LISTS];
    let mut index = 0;
    while index < LISTS {
        let size = if index < EXACT {
            (index + 1) * GRANULE
        } else if index < FINE {
            LARGEST_EXACT + (index - EXACT + 1) * FINE_STEP
        } else if index < COMMON {
            let (doubling, part) = ((index - FINE) / PER_DOUBLING, (index - FINE) % PER_DOUBLING);
            (LARGEST_FINE << doubling) / PER_DOUBLING * (PER_DOUBLING + part + 1)
        } else {
            ((index - COMMON) % PER_ALIGNMENT + 1) * ALIGNED_STEP
        };
        sizes[index] = size as u32;
        index += 1;
    }
    sizes
};

/// The list for each number of granules, less one.
static COMMON_LISTS: [u8; LARGEST / GRANULE] = {
    let mut lists = [0; LARGEST / GRANULE];
    let (mut granules, mut list) = (1, 0);
    while granules <= LARGEST / GRANULE {
        if granules * GRANULE > SIZES[list] as usize {
            list += 1;
        }
        lists[granules - 1] = list as u8;
        granules += 1;
    }
    assert!(list == COMMON - 1 && COMMON <= u8::MAX as usize, "a list has a number of 8 bits");
    lists
};

impl ListIndex {
    /// The list for requests of a layout that is aligned to 16 bytes or less, and has from 1 byte to 64 KiB: those that are
    /// most.
    #[inline]
    pub(crate) fn common(layout: Layout) -> Option<Self> {
        if layout.align() > GRANULE {
            return None;
        }
        // No size is a size beyond all lists.
        let granules = layout.size().wrapping_sub(1) / GRANULE;
        COMMON_LISTS.get(granules).map(|&list| Self(list.into()))
    }

    /// The list for requests of a layout for which [`common`](Self::common) has none.
    pub(crate) fn uncommon(layout: Layout) -> Option<Self> {
        let (size, align) = (layout.size().max(1), layout.align());
        if align <= GRANULE {
            return (size == 1).then_some(Self(0));
        }
        if align > MOST_ALIGNED || size > LARGEST_ALIGNED {
            return None;
        }
        let alignment = (align / LEAST_ALIGNED).ilog2() as usize;
        Some(Self((COMMON + alignment * PER_ALIGNMENT + (size - 1) / ALIGNED_STEP) as u16))
    }

    /// The list for requests of a layout.
    #[inline]
    pub(crate) fn of(layout: Layout) -> Option<Self> {
        Self::common(layout).or_else(|| Self::uncommon(layout))
    }

    pub(crate) const fn new(index: usize) -> Option<Self> {
        if index < LISTS { Some(Self(index as u16)) } else { None }
    }

    #[inline]
    pub(crate) const fn get(self) -> usize {
        self.0 as usize
    }

    /// The size of the blocks in bytes.
    #[inline]
    pub(crate) fn size(self) -> usize {
        SIZES.get(self.get()).copied().unwrap_or(0) as usize
    }

    /// How large a block is that no list serves, for a request of `size` bytes: as large as those of the list for that size, where
    /// there is one. So whether a request is served does not depend on its alignment alone.
    pub(crate) fn rounded_beyond(size: usize) -> usize {
        match COMMON_LISTS.get((size.max(1) - 1) / GRANULE) {
            Some(&list) => Self(list.into()).size(),
            None => size,
        }
    }

    /// What the engine below is asked for.
    pub(crate) fn layout(self) -> Layout {
        let align = match self.get().checked_sub(COMMON) {
            Some(aligned) => LEAST_ALIGNED << (aligned / PER_ALIGNMENT),
            None => GRANULE,
        };
        // An alignment is a power of two, and the sizes are small.
        Layout::from_size_align(self.size(), align).unwrap_or(Layout::new::<[u128; 1]>())
    }

    /// The first list whose blocks have at least `size` bytes; the number of lists where none does.
    pub(crate) fn first_with(size: usize) -> usize {
        COMMON_LISTS.get(size.saturating_sub(1) / GRANULE).map_or(COMMON, |&list| list.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_has_the_list_with_the_smallest_blocks_that_fit_it() {
        let (exact, all) = if cfg!(miri) { (211, 4999) } else { (1, 1) };
        let sizes = (0..3000).step_by(exact).chain((3000..=LARGEST + 2).step_by(all));
        for size in sizes {
            for align in (0..15).map(|log2| 1 << log2) {
                let layout = Layout::from_size_align(size, align).unwrap();
                let Some(list) = ListIndex::of(layout) else {
                    assert!(size > LARGEST || align > MOST_ALIGNED || (align > GRANULE && size > LARGEST_ALIGNED));
                    continue;
                };
                let block = list.layout();
                assert!(block.size() >= size.max(1) && block.align() >= align, "{layout:?}: {block:?}");
                assert!(block.align() == align.max(GRANULE));
                let step = match size {
                    _ if align > GRANULE => ALIGNED_STEP,
                    ..=LARGEST_EXACT => GRANULE,
                    _ if size <= LARGEST_FINE => FINE_STEP,
                    _ => block.size() / PER_DOUBLING,
                };
                assert!(
                    block.size() - size.max(1) < step && ListIndex::rounded_beyond(size) >= size,
                    "{layout:?}: {block:?}"
                );
                // The rest of the block belongs to the same list: it may come back with any size up to that.
                let largest = Layout::from_size_align(block.size(), align).unwrap();
                assert_eq!(ListIndex::of(largest), Some(list));
            }
        }
    }

    #[test]
    fn huge_layouts_have_none() {
        for (size, align) in [(isize::MAX as usize, 1), (1, 1 << (usize::BITS - 2)), (LARGEST + 1, 16)] {
            assert_eq!(ListIndex::of(Layout::from_size_align(size, align).unwrap()), None);
        }
    }
}
