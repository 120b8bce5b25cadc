//! All regions: which one an address lies in, and which ones are wholly free.

use allocator_core::{AllocError, AllocResult, Region};

use crate::region::RegionStart;
use crate::region_tree::RegionTree;

/// The regions of an engine.
///
/// # Invariants
///
/// - `tree` has all regions; no two share an address.
/// - The region at hand, of `size` bytes at `start`, is one of them, or there are none and `size` is 0.
/// - `wholly_free` is [`UNTRACKED`] as long as there has never been a second region, and the only one is looked at when one is
///   asked for. After that it is the first of the regions, not pieces, that are one free block, which form a list, or
///   [`NONE`].
pub(crate) struct Regions<const GRANULE: usize> {
    start: usize,
    size: usize,
    tree: RegionTree<GRANULE>,
    wholly_free: usize,
}

const UNTRACKED: usize = 0;
/// No address of a region, which are even.
const NONE: usize = 1;

impl<const GRANULE: usize> Regions<GRANULE> {
    pub(crate) const EMPTY: Self = Self { start: 0, size: 0, tree: RegionTree::EMPTY, wholly_free: UNTRACKED };

    pub(crate) const fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// The region that `address` lies in: one test where that is the region at hand, else O(log(regions)). An address that
    /// lies in none gives one that does not have it.
    #[inline]
    pub(crate) fn find(&mut self, address: usize) -> RegionStart<GRANULE> {
        if address.wrapping_sub(self.start) < self.size { RegionStart::new(self.start) } else { self.search(address) }
    }

    #[cold]
    #[inline(never)]
    fn search(&mut self, address: usize) -> RegionStart<GRANULE> {
        if let Some(region) = self.tree.at_or_below(address) {
            self.keep_at_hand(region);
        }
        RegionStart::new(self.start)
    }

    fn keep_at_hand(&mut self, region: RegionStart<GRANULE>) {
        // SAFETY: the region is in the tree.
        (self.start, self.size) = (region.address(), unsafe { region.size() });
    }

    /// That `region` overlaps none of the regions, and that blocks in it are no further from others than `reach` bytes.
    /// O(log(regions)).
    pub(crate) fn check(&self, region: Region, reach: usize) -> AllocResult {
        // SAFETY: what is in the tree are regions.
        let end_of = |region: RegionStart<GRANULE>| region.address() + unsafe { region.size() };
        let below = self.tree.at_or_below(region.end() - 1);
        if below.is_some_and(|below| end_of(below) > region.start()) {
            return Err(AllocError::MemoryOverlap);
        }
        let lowest = self.tree.at_or_above(0).map_or(region.start(), RegionStart::address).min(region.start());
        let highest = self.tree.at_or_below(usize::MAX).map_or(region.end(), end_of).max(region.end());
        if highest - lowest > reach { Err(AllocError::InvalidParam) } else { Ok(()) }
    }

    /// The region with the highest start that is not above `address`. O(log(regions)).
    pub(crate) fn at_or_below(&self, address: usize) -> Option<RegionStart<GRANULE>> {
        self.tree.at_or_below(address)
    }

    /// All regions, from the lowest. O(log(regions)) each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RegionStart<GRANULE>> + '_ {
        self.tree.iter()
    }

    /// # Safety
    ///
    /// The region overlaps none of the others, and stays as long as it is here.
    pub(crate) unsafe fn insert(&mut self, region: RegionStart<GRANULE>) {
        // SAFETY: passed on from the caller.
        unsafe { self.tree.insert(region) };
        if self.size == 0 {
            self.keep_at_hand(region);
        }
    }

    /// # Safety
    ///
    /// The region is one of these, and not in the list of wholly free ones.
    pub(crate) unsafe fn remove(&mut self, region: RegionStart<GRANULE>) {
        // SAFETY: passed on from the caller.
        unsafe { self.tree.remove(region) };
        if region.address() == self.start {
            (self.start, self.size) = (0, 0);
            if let Some(other) = self.tree.at_or_above(0) {
                self.keep_at_hand(other);
            }
        }
    }

    /// Whether the list of wholly free regions is kept.
    #[inline]
    pub(crate) const fn tracks_wholly_free(&self) -> bool {
        self.wholly_free != UNTRACKED
    }

    /// The only region there has ever been, for which the list of wholly free regions is not kept.
    pub(crate) fn only_untracked(&self) -> Option<RegionStart<GRANULE>> {
        (!self.tracks_wholly_free() && self.size > 0).then(|| RegionStart::new(self.start))
    }

    /// Begins the list of wholly free regions, none so far.
    pub(crate) const fn track_wholly_free(&mut self) {
        self.wholly_free = NONE;
    }

    /// A region of the list of wholly free ones. O(1).
    pub(crate) fn first_wholly_free(&self) -> Option<RegionStart<GRANULE>> {
        (self.wholly_free > NONE).then(|| RegionStart::new(self.wholly_free))
    }

    /// Notes that a region is one free block. O(1).
    ///
    /// # Safety
    ///
    /// The region is one of these, and not in the list of wholly free ones.
    pub(crate) unsafe fn link_wholly_free(&mut self, region: RegionStart<GRANULE>) {
        let next = core::mem::replace(&mut self.wholly_free, region.address());
        // SAFETY: passed on from the caller; what is in the list are regions.
        unsafe {
            region.set_next(next);
            region.set_prev(NONE);
            if next != NONE {
                RegionStart::<GRANULE>::new(next).set_prev(region.address());
            }
        }
    }

    /// Notes that a region is no longer one free block. O(1).
    ///
    /// # Safety
    ///
    /// The region is in the list of wholly free ones.
    pub(crate) unsafe fn unlink_wholly_free(&mut self, region: RegionStart<GRANULE>) {
        // SAFETY: passed on from the caller; what is in the list are regions.
        unsafe {
            let (next, prev) = (region.next(), region.prev());
            if next != NONE {
                RegionStart::<GRANULE>::new(next).set_prev(prev);
            }
            if prev == NONE {
                self.wholly_free = next;
            } else {
                RegionStart::<GRANULE>::new(prev).set_next(next);
            }
        }
    }

    /// The regions that are one free block, in the order of their list.
    pub(crate) fn wholly_free(&self) -> impl Iterator<Item = RegionStart<GRANULE>> + '_ {
        core::iter::successors(self.first_wholly_free(), |region| {
            // SAFETY: what is in the list are regions.
            let next = unsafe { region.next() };
            (next != NONE).then(|| RegionStart::new(next))
        })
    }

    /// Whether the region at hand is one of these.
    pub(crate) fn is_at_hand_sound(&self) -> bool {
        if self.is_empty() {
            return self.size == 0;
        }
        let Some(region) = self.tree.at_or_below(self.start) else { return false };
        // SAFETY: what is in the tree are regions.
        region.address() == self.start && unsafe { region.size() } == self.size
    }
}
