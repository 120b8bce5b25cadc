//! The table of regions: which memory an engine has, so that it can refuse an overlap.
//!
//! # Layout
//!
//! An *extent* is memory without a gap: one region, or several that touch. The table itself has room for
//! [`RegionTable::INLINE`] extents, so the memory of so many stays whole (one power-of-two pool is one block for a buddy).
//! Where those are taken, the table puts an *overflow*, an array of further extents, at the start of the next region. It
//! takes [`RegionTable::OVERFLOW_SIZE`] bytes of that region:
//!
//! ```text
//!   RegionTable                       region 12                           region 9
//!   ┌──────────────────────────┐      ┌──────────┬─────────────────┐      ┌──────────┬──────────┐
//!   │ extent 1 ... extent 8    │  ┌──>│ overflow │ usable          │  ┌──>│ overflow │ usable   │
//!   │ overflow ────────────────┼──┘   │ next ────┼─────────────────┼──┘   │ next: -  │          │
//!   └──────────────────────────┘      │ 12 _ _   │                 │      │ 9 10 11  │          │
//!                                     └──────────┴─────────────────┘      └──────────┴──────────┘
//! ```
//!
//! # Invariants
//!
//! - Extents are disjoint, and none touches another.
//! - An entry is unused iff its `start == end`.
//! - Every overflow lies inside an extent, so that no region overlaps one unnoticed.

use core::fmt;
use core::mem::{self, align_of, size_of};
use core::ptr::{self, NonNull};

use crate::address::{Region, align_up, pointer_at};
use crate::error::{AllocError, AllocResult};

/// An entry: an extent, or (`start == end`) room for one.
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
struct Overflow {
    next: Option<NonNull<Overflow>>,
    extents: [Extent; RegionTable::PER_OVERFLOW],
}

const _: () = assert!(size_of::<Overflow>() <= RegionTable::OVERFLOW_SIZE, "an overflow must fit its place");

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
    /// The overflow made last, if `inline` has ever been too small.
    overflow: Option<NonNull<Overflow>>,
}

// SAFETY: the overflows belong to the table, as the memory they lie in was handed over to it.
unsafe impl Send for RegionTable {}
// SAFETY: a shared table is only read.
unsafe impl Sync for RegionTable {}

impl RegionTable {
    /// How many disjoint extents are remembered in the table itself.
    pub const INLINE: usize = 8;

    /// What an overflow for further extents takes from the start of a region, in bytes.
    pub const OVERFLOW_SIZE: usize = 64;

    const PER_OVERFLOW: usize = (Self::OVERFLOW_SIZE - size_of::<usize>()) / size_of::<Extent>();

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
    /// `granule` (bytes, a power of two) and off address 0, less an overflow where the table has to put one there.
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
        if !self.needs_overflow(trimmed) {
            return Ok(trimmed);
        }
        let behind = Self::overflow_place(trimmed).and_then(|place| place.checked_add(Self::OVERFLOW_SIZE));
        let usable = Region::between(behind.ok_or(AllocError::InvalidParam)?, trimmed.end())?.trim(granule)?;
        if usable.size() < min_usable { Err(AllocError::InvalidParam) } else { Ok(usable) }
    }

    /// What [`insert`](Self::insert) takes of the start of the next region at most, beyond trimming, in bytes: 0 or
    /// [`OVERFLOW_SIZE`](Self::OVERFLOW_SIZE). O(number of extents).
    #[must_use]
    pub fn overhead_of_next(&self) -> usize {
        if self.entries().all(Extent::is_used) { Self::OVERFLOW_SIZE } else { 0 }
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
            // SAFETY: all entries are used, so no neighbour was taken and an overflow was left room for in front of the
            // usable part; passed on from the caller.
            None => unsafe { self.push_overflow(trimmed)? },
        }
        Ok(usable)
    }

    /// Forgets `region`, memory that the engine no longer has. Returns whether the table did.
    ///
    /// It returns `false`, and changes nothing, if
    ///
    /// - the region lies in no extent,
    /// - the table has an overflow in the region or right in front of it, or
    /// - the region is in the middle of an extent, which would become two, and no entry is unused.
    ///
    /// # Time complexity
    ///
    /// O(number of extents).
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_core::{AllocError, Region, RegionTable};
    ///
    /// let mut table = RegionTable::new();
    /// let region = Region::new(0x1000, 0x1000)?;
    /// // SAFETY: the first few regions are not touched.
    /// unsafe { table.insert(region, 64, 64)? };
    /// assert!(table.remove(region) && table.is_empty() && !table.remove(region));
    /// # Ok::<(), AllocError>(())
    /// ```
    pub fn remove(&mut self, region: Region) -> bool {
        let has_overflow = self.overflows().any(|overflow| {
            let place = ptr::from_ref(overflow).addr();
            place < region.end() && region.start() <= place + Self::OVERFLOW_SIZE
        });
        let whole = self.entries().position(|extent| extent.region().is_some_and(|extent| extent.contains(region)));
        let Some(index) = whole.filter(|_| !has_overflow) else { return false };
        let Extent { start, end } = *self.entry_mut(index);
        let below = Extent { start, end: region.start() };
        let above = Extent { start: region.end(), end };
        if below.is_used() && above.is_used() {
            let Some(unused) = self.entries().position(|extent| !extent.is_used()) else { return false };
            *self.entry_mut(unused) = above;
        }
        *self.entry_mut(index) = if below.is_used() { below } else { above };
        true
    }

    /// Whether `region`, new to the table, joins no extent and finds no unused entry.
    fn needs_overflow(&self, region: Region) -> bool {
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

    /// Where an overflow goes in a region that has room for one.
    fn overflow_place(region: Region) -> Option<usize> {
        align_up(region.start(), align_of::<Overflow>())
    }

    /// Puts an overflow that knows `region` at its start.
    ///
    /// # Safety
    ///
    /// As for [`insert`](Self::insert); the region has room for an overflow.
    unsafe fn push_overflow(&mut self, region: Region) -> AllocResult {
        let place = Self::overflow_place(region).and_then(pointer_at).ok_or(AllocError::InvalidParam)?;
        let overflow = place.cast::<Overflow>();
        let mut extents = [Extent::UNUSED; Self::PER_OVERFLOW];
        extents[0] = Extent { start: region.start(), end: region.end() };
        // SAFETY: the caller hands over the start of the region; the place is aligned, and `OVERFLOW_SIZE` bytes of the
        // region are there.
        unsafe { overflow.write(Overflow { next: self.overflow, extents }) };
        self.overflow = Some(overflow);
        Ok(())
    }

    fn overflows(&self) -> impl Iterator<Item = &Overflow> + '_ {
        // SAFETY: overflows were written by `push_overflow`, belong to the table and change only through `&mut self`.
        let at = |overflow: NonNull<Overflow>| unsafe { overflow.as_ref() };
        core::iter::successors(self.overflow.map(at), move |overflow| overflow.next.map(at))
    }

    /// All entries, the unused ones too, in the order that [`entry_mut`](Self::entry_mut) counts them in.
    fn entries(&self) -> impl Iterator<Item = Extent> + '_ {
        self.inline.iter().copied().chain(self.overflows().flat_map(|overflow| overflow.extents))
    }

    /// The entry with number `index`, one that [`entries`](Self::entries) has shown to exist.
    fn entry_mut(&mut self, index: usize) -> &mut Extent {
        let Some(mut further) = index.checked_sub(Self::INLINE) else {
            return &mut self.inline[index];
        };
        let mut next = self.overflow;
        while let Some(mut overflow) = next {
            // SAFETY: overflows were written by `push_overflow`, and belong to the table, which is borrowed mutably.
            let overflow = unsafe { overflow.as_mut() };
            if further < Self::PER_OVERFLOW {
                return &mut overflow.extents[further];
            }
            further -= Self::PER_OVERFLOW;
            next = overflow.next;
        }
        unreachable!("entries are numbered by walking the same overflows")
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
