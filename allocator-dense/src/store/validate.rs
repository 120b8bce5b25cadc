//! The self-check of a store.

use allocator_core::error::ensure;

use super::DenseByteAllocator;
use crate::block::FreeBlock;
use crate::classes::Class;
use crate::lists::Found;
use crate::occupancy::{Occupancy, SecondLevel};
use crate::region::RegionStart;

impl<const GRANULE: usize, const FL: usize, const SL: usize> DenseByteAllocator<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    /// Recounts everything: lists, sizes, bitmaps, regions, statistics. For tests, and for who suspects that a caller wrote to
    /// memory that was free.
    ///
    /// # Time complexity
    ///
    /// O((free blocks + regions) × log(regions)), and a word for each 64 granules.
    ///
    /// # Errors
    ///
    /// What does not hold. A free block that was overwritten may also be followed to an address that is none.
    pub fn validate(&self) -> Result<(), &'static str> {
        let (in_regions, set) = self.validate_regions()?;
        ensure(in_regions == self.total, "the regions have not the bytes that the store counts")?;
        ensure(
            self.lists.with_heads().eq(self.lists.occupied()),
            "a class has a list and no bit, or a bit and no list",
        )?;
        let (mut free, mut ends) = (0_usize, 0);
        for class in self.lists.occupied() {
            let mut prev = 0;
            for found in self.lists.blocks_of(class) {
                self.validate_block(class, found, prev)?;
                prev = found.block;
                free += found.size;
                ends += 2;
                ensure(free <= self.total, "the free blocks are more than there is, or a list is a circle")?;
            }
        }
        ensure(self.used.checked_add(free) == Some(self.total), "what is not used is not what is free")?;
        ensure(ends == set, "a bit is set where no free block begins or ends, or two free blocks touch")
    }

    /// The bytes for blocks in all regions, and the set bits of their bitmaps.
    fn validate_regions(&self) -> Result<(usize, usize), &'static str> {
        ensure(self.regions.is_at_hand_sound(), "the region at hand is none")?;
        let (mut bytes, mut set, mut last_end, mut wholly_free) = (0, 0, 0, 0);
        for region in self.regions.iter() {
            // SAFETY: what is in the tree are regions.
            let (size, first, bounds) = unsafe { (region.size(), region.first_or_odd(), region.bounds()) };
            ensure(region.address() >= last_end, "two regions overlap")?;
            last_end = region.address() + size;
            let overhead = RegionStart::<GRANULE>::overhead(size);
            ensure(first & !1 == region.address() + overhead, "a region's first block is not where its bitmap ends")?;
            bytes += size - overhead;
            set += bounds;
            // SAFETY: what is in the tree are regions.
            wholly_free += usize::from(unsafe { Self::is_wholly_free(region) });
        }
        if !self.regions.tracks_wholly_free() {
            ensure(self.regions.iter().count() <= 1, "there are regions whose state is not tracked")?;
            return Ok((bytes, set));
        }
        let mut prev = 1;
        let mut in_list = 0;
        for region in self.regions.wholly_free() {
            // SAFETY: what is in the list are regions.
            let (size, first, before) = unsafe { (region.size(), region.first_or_odd(), region.prev()) };
            // SAFETY: the region is one free block, so one begins at the first granule.
            let block = unsafe { FreeBlock::<GRANULE>::size_from_start(first) };
            ensure(first + block == region.address() + size, "a region in the list is not one free block")?;
            ensure(before == prev, "the list of wholly free regions is not linked both ways")?;
            prev = region.address();
            in_list += 1;
            ensure(in_list <= wholly_free, "more regions are in the list than are wholly free")?;
        }
        ensure(in_list == wholly_free, "a wholly free region is not in the list")?;
        Ok((bytes, set))
    }

    /// Whether a block of a list is what it says.
    fn validate_block(&self, class: Class, found: Found, prev: usize) -> Result<(), &'static str> {
        let Found { block, size } = found;
        ensure(block % GRANULE == 0 && size % GRANULE == 0, "a free block is not whole granules")?;
        ensure(Class::of::<SL>(size / GRANULE) == class, "a free block is in the list of another class")?;
        let region = self.regions.at_or_below(block).ok_or("a free block lies in no region")?;
        // SAFETY: what is in the tree are regions.
        let (first, end) = unsafe { (region.first_or_odd() & !1, region.address() + region.size()) };
        ensure(block >= first && size <= end - block, "a free block does not lie in its region")?;
        // SAFETY: the block lies in the region, and is in a list.
        unsafe {
            ensure(FreeBlock::<GRANULE>::prev(block) == prev, "a list is not linked both ways")?;
            ensure(FreeBlock::<GRANULE>::size_from_end(block + size) == size, "a block has two sizes")?;
            // Where two free blocks touch, the bit is set once, and so not as often as there are ends.
            ensure(region.is_bound(block) && region.is_bound(block + size), "an end of a free block has no bit")
        }
    }
}
