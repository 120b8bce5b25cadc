//! The table of regions: which memory an engine has, so that it can refuse an overlap.
//!
//! # Layout
//!
//! The first [`RegionTable::INLINE`] disjoint extents are remembered in the table itself, so the memory they describe
//! stays whole (one power-of-two pool is one block for a buddy). When those are taken, the next region pays for a
//! segment of [`RegionTable::SEGMENT_SIZE`] bytes at its own start, which has room for further ones:
//!
//! ```text
//!   RegionTable                       region 9                            region 12
//!   ┌──────────────────────────┐      ┌─────────┬──────────────────┐      ┌─────────┬───────────┐
//!   │ extent 1 ... extent 8    │  ┌──>│ segment │ usable           │  ┌──>│ segment │ usable    │
//!   │ overflow ────────────────┼──┘   │ next ───┼──────────────────┼──┘   │ next: - │           │
//!   └──────────────────────────┘      │ 9 10 11 │                  │      │ 12 _ _  │           │
//!                                     └─────────┴──────────────────┘      └─────────┴───────────┘
//! ```
//!
//! An *extent* is a maximal stretch of memory as far as the table knows: a region that touches one is merged with it.
//! An extent covers the segments in it too, so that no overlap with those goes unnoticed.
//!
//! # Invariants
//!
//! - Extents are disjoint.
//! - An extent is unused iff its `start == end`.
//! - Every segment lies inside an extent.

use core::fmt;
use core::mem::{self, align_of, size_of};
use core::ptr::NonNull;

use crate::address::{Region, pointer_at};
use crate::error::{AllocError, AllocResult};

/// A stretch of memory, or (`start == end`) room for one.
#[derive(Clone, Copy)]
struct Extent {
    start: usize,
    end: usize,
}

impl Extent {
    const UNUSED: Self = Self { start: 0, end: 0 };

    const fn is_used(self) -> bool {
        self.start != self.end
    }

    fn region(self) -> Option<Region> {
        Region::between(self.start, self.end).ok()
    }
}

/// Further extents, at the start of one of the regions.
#[repr(C)]
struct Segment {
    next: Option<NonNull<Segment>>,
    extents: [Extent; RegionTable::PER_SEGMENT],
}

const _: () = assert!(size_of::<Segment>() <= RegionTable::SEGMENT_SIZE, "a segment must fit its place");

/// The regions an engine was given.
///
/// # Examples
///
/// ```
/// use allocator_core::{AllocError, Region, RegionTable};
///
/// let mut table = RegionTable::new();
/// let low = Region::new(0x1000, 0x1000)?;
/// // SAFETY: the first few regions are not touched.
/// unsafe {
///     assert_eq!(table.insert(low, 64)?, low);
///     assert_eq!(table.insert(Region::new(0x1fff, 0x1000)?, 64), Err(AllocError::MemoryOverlap));
/// }
/// # Ok::<(), AllocError>(())
/// ```
pub struct RegionTable {
    inline: [Extent; Self::INLINE],
    overflow: Option<NonNull<Segment>>,
}

// SAFETY: the segments belong to the table, as the memory they lie in was handed over to it.
unsafe impl Send for RegionTable {}
// SAFETY: a shared table is only read.
unsafe impl Sync for RegionTable {}

impl RegionTable {
    /// How many disjoint extents are remembered in the table itself.
    pub const INLINE: usize = 8;

    /// What a segment for further extents takes from the start of a region, in bytes.
    pub const SEGMENT_SIZE: usize = 64;

    const PER_SEGMENT: usize = (Self::SEGMENT_SIZE - size_of::<usize>()) / size_of::<Extent>();

    /// A table without regions.
    #[must_use]
    pub const fn new() -> Self {
        Self { inline: [Extent::UNUSED; Self::INLINE], overflow: None }
    }

    /// Whether there are no regions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.extents().next().is_none()
    }

    /// The memory under management, merged where regions touch, in no order.
    pub fn extents(&self) -> impl Iterator<Item = Region> + '_ {
        self.slots().filter_map(Extent::region)
    }

    /// Remembers `region` and returns the part of it that the engine may use: all of it, save where a segment had to be
    /// put at its start.
    ///
    /// # Time complexity
    ///
    /// O(number of extents).
    ///
    /// # Errors
    ///
    /// - [`AllocError::MemoryOverlap`]: the region overlaps one in the table;
    /// - [`AllocError::InvalidParam`]: a segment is needed and fewer than `min_usable` bytes would be left.
    ///
    /// # Safety
    ///
    /// If more than [`INLINE`](Self::INLINE) extents have been inserted, the start of the region may be written: the
    /// region is readable and writable, its provenance exposed, and nobody but the table uses what is left out of the
    /// returned region, for as long as the table is used.
    pub unsafe fn insert(&mut self, region: Region, min_usable: usize) -> AllocResult<Region> {
        if self.extents().any(|extent| extent.overlaps(region)) {
            return Err(AllocError::MemoryOverlap);
        }
        let below = self.slots().position(|extent| extent.is_used() && extent.end == region.start());
        let above = self.slots().position(|extent| extent.is_used() && extent.start == region.end());
        let mut extent = Extent { start: region.start(), end: region.end() };
        if let Some(slot) = above {
            extent.end = mem::replace(self.slot_mut(slot), Extent::UNUSED).end;
        }
        if let Some(slot) = below {
            extent.start = mem::replace(self.slot_mut(slot), Extent::UNUSED).start;
        }
        let unused = self.slots().position(|extent| !extent.is_used());
        if let Some(slot) = unused {
            *self.slot_mut(slot) = extent;
            return Ok(region);
        }
        // SAFETY: the table is full, so `INLINE` extents have been inserted; passed on from the caller.
        unsafe { self.push_segment(extent, min_usable) }
    }

    /// Puts a segment with `extent` in it at the start of `extent`, and returns what is left.
    ///
    /// # Safety
    ///
    /// As for [`insert`](Self::insert).
    unsafe fn push_segment(&mut self, extent: Extent, min_usable: usize) -> AllocResult<Region> {
        let place = crate::address::align_up(extent.start.max(1), align_of::<Segment>());
        let place = place.ok_or(AllocError::InvalidParam)?;
        let usable =
            Region::between(place.checked_add(Self::SEGMENT_SIZE).ok_or(AllocError::InvalidParam)?, extent.end)?;
        if usable.size() < min_usable {
            return Err(AllocError::InvalidParam);
        }
        let mut extents = [Extent::UNUSED; Self::PER_SEGMENT];
        extents[0] = extent;
        let segment = pointer_at(place).ok_or(AllocError::InvalidParam)?.cast::<Segment>();
        // SAFETY: the caller hands over the start of the region; the place is aligned, and `SEGMENT_SIZE` bytes of the
        // region are there.
        unsafe { segment.write(Segment { next: self.overflow, extents }) };
        self.overflow = Some(segment);
        Ok(usable)
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> + '_ {
        // SAFETY: segments were written by `push_segment`, belong to the table and change only through `&mut self`.
        let at = |segment: NonNull<Segment>| unsafe { segment.as_ref() };
        core::iter::successors(self.overflow.map(at), move |segment| segment.next.map(at))
    }

    /// All extents, the unused ones too, in the order that [`slot_mut`](Self::slot_mut) counts them in.
    fn slots(&self) -> impl Iterator<Item = Extent> + '_ {
        self.inline.iter().copied().chain(self.segments().flat_map(|segment| segment.extents))
    }

    /// The extent with number `slot`, one that [`slots`](Self::slots) has shown to exist.
    fn slot_mut(&mut self, slot: usize) -> &mut Extent {
        let Some(mut further) = slot.checked_sub(Self::INLINE) else {
            return &mut self.inline[slot];
        };
        let mut next = self.overflow;
        while let Some(mut segment) = next {
            // SAFETY: segments were written by `push_segment`, and belong to the table, which is borrowed mutably.
            let segment = unsafe { segment.as_mut() };
            if further < Self::PER_SEGMENT {
                return &mut segment.extents[further];
            }
            further -= Self::PER_SEGMENT;
            next = segment.next;
        }
        unreachable!("slots are numbered by walking the same segments")
    }
}

impl Default for RegionTable {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RegionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.extents()).finish()
    }
}

#[cfg(test)]
mod tests;
