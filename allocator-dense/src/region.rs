//! A region: its header, and its bitmap of the bounds of free blocks.
//!
//! ```text
//!   start                                                                            start + size
//!   ┌────────┬───────────────────────┬──────────┬──────────────┬──────────┬─────────────┐
//!   │ header │ bitmap                │ live     │ free         │ live     │ free        │
//!   └────────┴───────────────────────┴──────────┴──────────────┴──────────┴─────────────┘
//!     bits     0 ... 0                 0 ...      1 0 ...        1 0 ...    1 0 ...       1
//! ```
//!
//! The bitmap has a bit for each granule, and one for the end of the region: that of an address is set iff a free block begins
//! or ends there. Two free blocks never touch, so the bit at the start of a live block is set iff a free block ends there, the
//! bit at its end iff one begins there, and none between. To free a block, or to make one live, is to flip the bits at both of
//! its ends.

use core::mem::{offset_of, size_of};

use allocator_core::address::align_up;

use crate::memory::{read, write};

/// What a region has at its start.
#[repr(C)]
struct Header {
    /// The size of the region in bytes, whole granules.
    size: usize,
    /// Where the first block of the region begins; odd, so that no block begins there, where a caller handed over more than
    /// the region.
    first: usize,
    /// The regions below and above in the tree, 0 for none.
    below: usize,
    above: usize,
    /// The neighbours in the list of wholly free regions.
    next: usize,
    prev: usize,
}

/// A word of the bitmap.
type Word = usize;

/// Whether a region is all that a caller handed over in one call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// It is, so it can be released.
    Whole,
    /// It is one of the pieces of what a caller handed over.
    Piece,
}

/// The address of a region, for what lies at its start. Each method needs that there is a region.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RegionStart<const GRANULE: usize>(usize);

macro_rules! fields {
    ($($(#[$doc:meta])* $get:ident $set:ident $field:ident)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// A region of the engine starts here.
        #[inline]
        pub(crate) unsafe fn $get(self) -> usize {
            // SAFETY: passed on from the caller.
            unsafe { read(self.0 + offset_of!(Header, $field)) }
        }

        /// # Safety
        ///
        /// A region of the engine starts here.
        #[inline]
        pub(crate) unsafe fn $set(self, value: usize) {
            // SAFETY: passed on from the caller.
            unsafe { write(self.0 + offset_of!(Header, $field), value) };
        }
    )*};
}

impl<const GRANULE: usize> RegionStart<GRANULE> {
    #[inline]
    pub(crate) const fn new(start: usize) -> Self {
        Self(start)
    }

    #[inline]
    pub(crate) const fn address(self) -> usize {
        self.0
    }

    fields! {
        /// The size in bytes.
        size set_size size
        /// Where the first block begins; odd for a piece.
        first_or_odd set_first_or_odd first
        /// The region below in the tree, 0 for none.
        below set_below below
        /// The region above in the tree, 0 for none.
        above set_above above
        /// The next wholly free region.
        next set_next next
        /// The previous wholly free region.
        prev set_prev prev
    }

    /// Where the word is that has the field `below` of a region, or `above`.
    pub(crate) const fn place_below(self) -> usize {
        self.0 + offset_of!(Header, below)
    }

    pub(crate) const fn place_above(self) -> usize {
        self.0 + offset_of!(Header, above)
    }

    /// What the header and the bitmap of a region of `size` bytes take, whole granules.
    pub(crate) const fn overhead(size: usize) -> usize {
        let words = (size / GRANULE) / Word::BITS as usize + 1;
        (size_of::<Header>() + words * size_of::<Word>()).next_multiple_of(GRANULE)
    }

    /// The smallest region that has room for a block of `size` bytes, whole granules; `None` where that would be larger than
    /// the address space.
    pub(crate) fn size_for(size: usize) -> Option<usize> {
        let mut all = size;
        while let Some(missing) = (size + Self::overhead(all)).checked_sub(all).filter(|&missing| missing > 0) {
            all = align_up(all.checked_add(missing)?, GRANULE).filter(|&all| all < isize::MAX as usize)?;
        }
        Some(all)
    }

    /// Makes a region of `size` bytes, whole granules, without a block, and returns the address of its first block.
    /// O(`size / GRANULE / 64`): the bitmap is cleared.
    ///
    /// # Safety
    ///
    /// The memory is the engine's and not in use, aligned for granules and words, and larger than its
    /// [`overhead`](Self::overhead).
    pub(crate) unsafe fn create(self, size: usize, extent: Extent) -> usize {
        let overhead = Self::overhead(size);
        let first = self.0 + overhead;
        for word in (size_of::<Header>()..overhead).step_by(size_of::<Word>()) {
            // SAFETY: passed on from the caller; the overhead is at the start of the region.
            unsafe { write::<Word>(self.0 + word, 0) };
        }
        let shown = if extent == Extent::Whole { first } else { first | 1 };
        // SAFETY: as above; each field is a word.
        unsafe {
            self.set_size(size);
            self.set_first_or_odd(shown);
            self.set_below(0);
            self.set_above(0);
            self.set_next(0);
            self.set_prev(0);
        }
        first
    }

    /// The word that has the bit of `address`, and a mask of the bit.
    #[inline]
    const fn bit(self, address: usize) -> (usize, Word) {
        let granule = (address - self.0) / GRANULE;
        let word = self.0 + size_of::<Header>() + granule / Word::BITS as usize * size_of::<Word>();
        (word, 1 << (granule % Word::BITS as usize))
    }

    /// Whether a free block begins or ends at `address`.
    ///
    /// # Safety
    ///
    /// A region of the engine starts here; the address is a multiple of the granule in it, or its end.
    #[inline]
    pub(crate) unsafe fn is_bound(self, address: usize) -> bool {
        let (word, mask) = self.bit(address);
        // SAFETY: the word is one of the bitmap.
        unsafe { read::<Word>(word) & mask != 0 }
    }

    /// Flips whether a free block begins or ends at `address`. Returns whether one did.
    ///
    /// # Safety
    ///
    /// As for [`is_bound`](Self::is_bound).
    #[inline]
    pub(crate) unsafe fn flip_bound(self, address: usize) -> bool {
        let (word, mask) = self.bit(address);
        // SAFETY: the word is one of the bitmap.
        unsafe {
            let bits = read::<Word>(word);
            write(word, bits ^ mask);
            bits & mask != 0
        }
    }

    /// How many bits are set. O(`size / GRANULE / 64`).
    ///
    /// # Safety
    ///
    /// A region of the engine starts here.
    pub(crate) unsafe fn bounds(self) -> usize {
        // SAFETY: passed on from the caller.
        let overhead = Self::overhead(unsafe { self.size() });
        let words = (size_of::<Header>()..overhead).step_by(size_of::<Word>());
        // SAFETY: the words are those of the bitmap, and what rounds it up to granules; `create` cleared them.
        words.map(|word| unsafe { read::<Word>(self.0 + word) }.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_for_a_block_has_room_for_it_and_not_much_more() {
        for size in (1..2000).chain([1 << 20, (1 << 24) + 48]).map(|granules: usize| granules * 16) {
            let all = RegionStart::<16>::size_for(size).unwrap();
            assert!(all - RegionStart::<16>::overhead(all) >= size, "{size}");
            let less = all.saturating_sub(64);
            assert!(less < size + RegionStart::<16>::overhead(less), "{size}");
        }
        assert_eq!(RegionStart::<16>::size_for(isize::MAX as usize & !15), None);
    }
}
