//! The table of regions: which memory an engine has, so that it can refuse an overlap.
//!
//! # Layout
//!
//! The first [`RegionTable::INLINE`] disjoint extents are remembered in the table itself, so the memory they describe
//! stays whole (one power-of-two pool is one block for a buddy). When those are taken, the next region pays for a
//! segment of [`RegionTable::SEGMENT_SIZE`] bytes at its own start, which has room for further ones:
//!
//! ```text
//!   RegionTable                       region 12                           region 9
//!   ┌──────────────────────────┐      ┌─────────┬──────────────────┐      ┌─────────┬───────────┐
//!   │ extent 1 ... extent 8    │  ┌──>│ segment │ usable           │  ┌──>│ segment │ usable    │
//!   │ overflow ────────────────┼──┘   │ next ───┼──────────────────┼──┘   │ next: - │           │
//!   └──────────────────────────┘      │ 12 _ _  │                  │      │ 9 10 11 │           │
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

use crate::address::{Region, align_up, pointer_at};
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
///     assert_eq!(table.insert(low, 64, 64)?, low);
///     assert_eq!(table.insert(Region::new(0x1fff, 0x1000)?, 64, 64), Err(AllocError::MemoryOverlap));
///     let high = table.insert(Region::new(0x8001, 0x1000)?, 64, 64)?;
///     assert_eq!((high.start(), high.end()), (0x8040, 0x9000));
/// }
/// # Ok::<(), AllocError>(())
/// ```
pub struct RegionTable {
    /// The first entries; any of them may be unused.
    inline: [Extent; Self::INLINE],
    /// The segment made last, if `inline` has ever been too small.
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
        self.entries().filter_map(Extent::region)
    }

    /// Whether the table has any byte of `region`. O(number of extents).
    #[must_use]
    pub fn overlaps(&self, region: Region) -> bool {
        self.extents().any(|extent| extent.overlaps(region))
    }

    /// The part of `region` that [`insert`](Self::insert) would leave to the engine: its ends trimmed to multiples of
    /// `granule` (bytes, a power of two) and off address 0, less a segment where the table has to put one there.
    ///
    /// An engine that can refuse a region for reasons of its own asks here first, and inserts what it has accepted.
    ///
    /// # Time complexity
    ///
    /// O(number of extents).
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: fewer than `min_usable` bytes are left; `granule` is no power of two;
    /// - [`AllocError::MemoryOverlap`]: the region, as it is before it is trimmed, overlaps one in the table.
    pub fn usable_part(&self, region: Region, granule: usize, min_usable: usize) -> AllocResult<Region> {
        let trimmed = region.trim_for_bytes(granule)?;
        if trimmed.size() < min_usable {
            return Err(AllocError::InvalidParam);
        }
        if self.overlaps(region) {
            return Err(AllocError::MemoryOverlap);
        }
        if !self.needs_segment(trimmed) {
            return Ok(trimmed);
        }
        let behind = Self::segment_place(trimmed).and_then(|place| place.checked_add(Self::SEGMENT_SIZE));
        let usable = Region::between(behind.ok_or(AllocError::InvalidParam)?, trimmed.end())?.trim(granule)?;
        if usable.size() < min_usable { Err(AllocError::InvalidParam) } else { Ok(usable) }
    }

    /// Remembers `region`, trimmed to `granule`, and returns its [usable part](Self::usable_part).
    ///
    /// # Time complexity
    ///
    /// O(number of extents).
    ///
    /// # Errors
    ///
    /// Those of [`usable_part`](Self::usable_part); nothing has changed then.
    ///
    /// # Safety
    ///
    /// Where the table has [`INLINE`](Self::INLINE) extents or more, the start of the region may be written: the region
    /// is readable and writable, its provenance exposed, and nobody but the table uses what is left out of the returned
    /// part, for as long as the table is used.
    pub unsafe fn insert(&mut self, region: Region, granule: usize, min_usable: usize) -> AllocResult<Region> {
        let usable = self.usable_part(region, granule, min_usable)?;
        let trimmed = region.trim_for_bytes(granule)?;
        let extent = self.take_neighbours(trimmed);
        let unused = self.entries().position(|extent| !extent.is_used());
        match unused {
            Some(index) => *self.entry_mut(index) = extent,
            // SAFETY: all entries are used, so no neighbour was taken and a segment was left room for in front of the
            // usable part; passed on from the caller.
            None => unsafe { self.push_segment(trimmed)? },
        }
        Ok(usable)
    }

    /// Whether `region`, new to the table, joins no extent and finds no unused entry.
    fn needs_segment(&self, region: Region) -> bool {
        let touches = |extent: Extent| extent.end == region.start() || extent.start == region.end();
        self.entries().all(|extent| extent.is_used() && !touches(extent))
    }

    /// `region` joined with the extents that touch it, which leave the table.
    fn take_neighbours(&mut self, region: Region) -> Extent {
        let mut joined = Extent { start: region.start(), end: region.end() };
        let above = self.entries().position(|extent| extent.is_used() && extent.start == region.end());
        if let Some(index) = above {
            joined.end = mem::replace(self.entry_mut(index), Extent::UNUSED).end;
        }
        let below = self.entries().position(|extent| extent.is_used() && extent.end == region.start());
        if let Some(index) = below {
            joined.start = mem::replace(self.entry_mut(index), Extent::UNUSED).start;
        }
        joined
    }

    /// Where a segment goes in a region that has room for one.
    fn segment_place(region: Region) -> Option<usize> {
        align_up(region.start(), align_of::<Segment>())
    }

    /// Puts a segment that knows `region` at its start.
    ///
    /// # Safety
    ///
    /// As for [`insert`](Self::insert); the region has room for a segment.
    unsafe fn push_segment(&mut self, region: Region) -> AllocResult {
        let place = Self::segment_place(region).and_then(pointer_at).ok_or(AllocError::InvalidParam)?;
        let segment = place.cast::<Segment>();
        let mut extents = [Extent::UNUSED; Self::PER_SEGMENT];
        extents[0] = Extent { start: region.start(), end: region.end() };
        // SAFETY: the caller hands over the start of the region; the place is aligned, and `SEGMENT_SIZE` bytes of the
        // region are there.
        unsafe { segment.write(Segment { next: self.overflow, extents }) };
        self.overflow = Some(segment);
        Ok(())
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> + '_ {
        // SAFETY: segments were written by `push_segment`, belong to the table and change only through `&mut self`.
        let at = |segment: NonNull<Segment>| unsafe { segment.as_ref() };
        core::iter::successors(self.overflow.map(at), move |segment| segment.next.map(at))
    }

    /// All entries, the unused ones too, in the order that [`entry_mut`](Self::entry_mut) counts them in.
    fn entries(&self) -> impl Iterator<Item = Extent> + '_ {
        self.inline.iter().copied().chain(self.segments().flat_map(|segment| segment.extents))
    }

    /// The entry with number `index`, one that [`entries`](Self::entries) has shown to exist.
    fn entry_mut(&mut self, index: usize) -> &mut Extent {
        let Some(mut further) = index.checked_sub(Self::INLINE) else {
            return &mut self.inline[index];
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
        unreachable!("entries are numbered by walking the same segments")
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
