//! Checked address arithmetic, and the one place where an address becomes a pointer.
//!
//! [`Region::new`] and [`Region::trim`] check what callers pass in: they refuse regions that do not fit the address space,
//! and alignments that are no powers of two. The free functions leave these checks to their caller.

use core::ops::{Range, RangeInclusive};
use core::ptr::{self, NonNull};

use crate::error::{AllocError, AllocResult};

/// Rounds `address` (bytes) down to a multiple of `align` (bytes, a power of two; with any other, the result has no
/// meaning). O(1).
///
/// # Examples
///
/// ```
/// assert_eq!(allocator_core::address::align_down(0x1fff, 0x1000), 0x1000);
/// ```
#[must_use]
#[inline]
pub const fn align_down(address: usize, align: usize) -> usize {
    address & !align.wrapping_sub(1)
}

/// Rounds `address` (bytes) up to a multiple of `align` (bytes, a power of two; with any other, the result has no
/// meaning), or tells that the result would be past the end of the address space. O(1).
///
/// # Examples
///
/// ```
/// use allocator_core::address::align_up;
///
/// assert_eq!(align_up(0x1001, 0x1000), Some(0x2000));
/// assert_eq!(align_up(usize::MAX, 0x1000), None);
/// ```
#[must_use]
#[inline]
pub const fn align_up(address: usize, align: usize) -> Option<usize> {
    match address.checked_add(align.wrapping_sub(1)) {
        Some(sum) => Some(sum & !align.wrapping_sub(1)),
        None => None,
    }
}

/// Whether `address` (bytes) is a multiple of `align` (bytes, a power of two; with any other, the answer has no
/// meaning). O(1).
///
/// # Examples
///
/// ```
/// use allocator_core::address::is_aligned;
///
/// assert!(is_aligned(0x3000, 0x1000));
/// assert!(!is_aligned(0x3008, 0x1000));
/// ```
#[must_use]
#[inline]
pub const fn is_aligned(address: usize, align: usize) -> bool {
    address & align.wrapping_sub(1) == 0
}

/// The empty range of addresses: the [`span`](crate::PageAllocator::span) of a page allocator that has no pages.
///
/// # Examples
///
/// ```
/// assert!(allocator_core::address::NO_ADDRESSES.is_empty());
/// ```
pub const NO_ADDRESSES: RangeInclusive<usize> = RangeInclusive::new(1, 0);

/// The numbers (address over `page_size`) of the pages all of whose addresses lie within `within`; an empty range, maybe
/// with its start above its end, where there is none. O(1).
///
/// # Examples
///
/// ```
/// use allocator_core::address::whole_pages_within;
///
/// assert_eq!(whole_pages_within(0x1000..=0x3fff, 0x1000), 1..4);
/// assert_eq!(whole_pages_within(0x1001..=0x3ffe, 0x1000), 2..3);
/// assert!(whole_pages_within(0x1001..=0x2ffe, 0x1000).is_empty());
/// ```
#[must_use]
#[inline]
pub const fn whole_pages_within(within: RangeInclusive<usize>, page_size: usize) -> Range<usize> {
    let (first, last) = (*within.start(), *within.end());
    // The page that has the last address counts only if that is its own last one, too.
    let is_whole = last % page_size == page_size - 1;
    first.div_ceil(page_size)..(last / page_size).saturating_add(is_whole as usize)
}

/// The address of `ptr` in bytes, its provenance exposed, so that [`pointer_at`] finds it again. O(1), no instruction.
#[must_use]
#[inline]
pub fn address_of(ptr: NonNull<u8>) -> usize {
    ptr.as_ptr().expose_provenance()
}

/// A pointer to `address`, or `None` for address 0. O(1), no instruction but the test.
///
/// The pointer has the provenance that the caller exposed who handed the memory over (an `as usize` cast or
/// `expose_provenance` does that). So it reaches the whole of that memory, even where the address came from a pointer
/// that was narrowed to one object.
#[must_use]
#[inline]
pub fn pointer_at(address: usize) -> Option<NonNull<u8>> {
    NonNull::new(ptr::with_exposed_provenance_mut(address))
}

/// The pointer that a caller hands back, valid again for the whole memory that the block lies in. O(1), no instruction.
///
/// `Box` and references narrow a pointer to the object behind it. An engine that keeps its own data in or beside freed
/// blocks must not reach them through such a pointer.
#[must_use]
#[inline]
pub fn widen(ptr: NonNull<u8>) -> NonNull<u8> {
    let wide = ptr::with_exposed_provenance_mut(ptr.as_ptr().addr());
    // SAFETY: the address is that of a `NonNull`.
    unsafe { NonNull::new_unchecked(wide) }
}

/// A range of addresses that is not empty and ends before the last address.
///
/// `end` is one behind the last byte, and has to be an address too: the last byte of the address space is in no region.
///
/// ```text
///   start                end
///     |####################|        start < end <= usize::MAX
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    start: usize,
    end: usize,
}

impl Region {
    /// The region of `size` bytes from address `start`. O(1).
    ///
    /// # Errors
    ///
    /// [`AllocError::InvalidParam`] when `size` is 0 or `start + size` overflows, if only to 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_core::{AllocError, Region};
    ///
    /// assert_eq!(Region::new(0x1000, 0x800)?.end(), 0x1800);
    /// assert_eq!(Region::new(usize::MAX, 2), Err(AllocError::InvalidParam));
    /// # Ok::<(), AllocError>(())
    /// ```
    pub const fn new(start: usize, size: usize) -> AllocResult<Self> {
        match start.checked_add(size) {
            Some(end) if size > 0 => Ok(Self { start, end }),
            _ => Err(AllocError::InvalidParam),
        }
    }

    /// The region from address `start` up to, not including, address `end`. O(1).
    ///
    /// # Errors
    ///
    /// [`AllocError::InvalidParam`] when it would be empty.
    pub const fn between(start: usize, end: usize) -> AllocResult<Self> {
        if start < end { Ok(Self { start, end }) } else { Err(AllocError::InvalidParam) }
    }

    /// The largest part of the region whose ends are multiples of `align` (bytes, a power of two). O(1).
    ///
    /// # Errors
    ///
    /// [`AllocError::InvalidParam`] when nothing is left, or `align` is no power of two.
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_core::Region;
    ///
    /// let pages = Region::new(0x1001, 0x3000)?.trim(0x1000)?;
    /// assert_eq!((pages.start(), pages.end()), (0x2000, 0x4000));
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    pub const fn trim(self, align: usize) -> AllocResult<Self> {
        match align_up(self.start, align) {
            Some(start) if align.is_power_of_two() => Self::between(start, align_down(self.end, align)),
            _ => Err(AllocError::InvalidParam),
        }
    }

    /// [`trim`](Self::trim), and the start moved off address 0, which no byte allocator may hand out. O(1).
    ///
    /// # Errors
    ///
    /// Those of [`trim`](Self::trim).
    pub const fn trim_for_bytes(self, align: usize) -> AllocResult<Self> {
        let start = if self.start == 0 { align } else { self.start };
        match Self::between(start, self.end) {
            Ok(region) => region.trim(align),
            Err(error) => Err(error),
        }
    }

    /// The first address.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start
    }

    /// The address behind the last one.
    #[must_use]
    pub const fn end(self) -> usize {
        self.end
    }

    /// The size in bytes, at least 1.
    #[must_use]
    pub const fn size(self) -> usize {
        self.end - self.start
    }

    /// The numbers (address over `page_size`) of the pages that the region has a byte of, at least one. O(1).
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_core::Region;
    ///
    /// assert_eq!(Region::new(0x1fff, 2)?.overlapped_pages(0x1000), 1..3);
    /// assert_eq!(Region::new(0x1000, 0x1000)?.overlapped_pages(0x1000), 1..2);
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    #[must_use]
    pub const fn overlapped_pages(self, page_size: usize) -> Range<usize> {
        self.start / page_size..self.end.div_ceil(page_size)
    }

    /// Whether the two share an address. O(1).
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether all of `other` lies in `self`. O(1).
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_at_the_very_end_of_the_address_space() {
        let top = Region::new(usize::MAX - 0xfff, 0xfff).unwrap();
        assert_eq!(top.end(), usize::MAX);
        assert_eq!(top.trim(0x1000), Err(AllocError::InvalidParam));
        assert_eq!(Region::new(usize::MAX - 1, 1).unwrap().trim(0x1000), Err(AllocError::InvalidParam));
    }

    #[test]
    fn alignments_that_are_none_do_not_panic() {
        let region = Region::new(0x1001, 0x1_0000).unwrap();
        for align in [0, 3, 0x1800, usize::MAX] {
            assert_eq!(region.trim(align), Err(AllocError::InvalidParam));
            assert_eq!(region.trim_for_bytes(align), Err(AllocError::InvalidParam));
            assert_eq!(Region::new(0, 100).unwrap().trim_for_bytes(align), Err(AllocError::InvalidParam));
            let _ = (align_down(0x1001, align), align_up(0x1001, align), is_aligned(0x1001, align));
        }
    }

    #[test]
    fn whole_pages_at_both_ends_of_the_address_space() {
        let all = 0..=usize::MAX;
        assert_eq!(whole_pages_within(all.clone(), 0x1000), 0..(usize::MAX >> 12) + 1);
        assert_eq!(whole_pages_within(all, 1), 0..usize::MAX);
        assert_eq!(whole_pages_within(0..=usize::MAX - 1, 0x1000).end, usize::MAX >> 12);
        assert!(whole_pages_within(usize::MAX - 1..=usize::MAX, 0x1000).is_empty());
    }

    #[test]
    fn byte_regions_leave_address_zero_alone() {
        let low = Region::new(0, 0x1000).unwrap();
        assert_eq!(low.trim_for_bytes(64).unwrap().start(), 64);
        assert_eq!(low.trim(64).unwrap().start(), 0);
        assert_eq!(Region::new(0, 64).unwrap().trim_for_bytes(64), Err(AllocError::InvalidParam));
        assert_eq!(Region::new(0, 8).unwrap().trim_for_bytes(64), Err(AllocError::InvalidParam));
    }

    #[test]
    fn overlap_is_symmetric_and_excludes_touching() {
        let region = |start, size| Region::new(start, size).unwrap();
        for (a, b, overlap) in [
            (region(10, 10), region(20, 10), false),
            (region(10, 10), region(19, 1), true),
            (region(10, 10), region(1, 10), true),
            (region(10, 10), region(1, 9), false),
            (region(10, 10), region(5, 50), true),
        ] {
            assert_eq!(a.overlaps(b), overlap);
            assert_eq!(b.overlaps(a), overlap);
        }
    }
}
