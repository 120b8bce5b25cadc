//! The self-check of quick lists.

use allocator_core::ByteAllocator;
use allocator_core::error::ensure;

use super::QuickFit;
use crate::occupancy::{Occupancy, SecondLevel};
use crate::quick::classes::{LISTS, ListIndex};
use crate::store::DenseByteAllocator;

impl<A: ByteAllocator> QuickFit<A> {
    /// Recounts the lists: lengths, limits, and what they have against what the engine has handed out. For tests, and for who
    /// suspects that a caller wrote to memory that was free.
    ///
    /// # Time complexity
    ///
    /// O(kept blocks).
    ///
    /// # Errors
    ///
    /// What does not hold. A kept block that was overwritten may also be followed to an address that is none.
    pub fn validate_lists(&self) -> Result<(), &'static str> {
        let mut granted = 0;
        for index in (0..LISTS).filter_map(ListIndex::new) {
            let limit = self.lists.limit(index);
            ensure(self.lists.room(index) <= limit, "a list has more room than it may have blocks")?;
            let mut len = 0;
            for block in self.lists.blocks(index) {
                len += 1;
                ensure(len <= limit, "a list has more blocks than it may, or is a circle")?;
                let align = index.layout().align();
                ensure(block.addr().get().is_multiple_of(align), "a kept block is not aligned as its list is")?;
            }
            ensure(len == self.lists.len(index), "a list counts other blocks than it has")?;
            ensure(self.limits.is_active(index) == (limit > 0), "a list is active and may have no blocks, or not")?;
            granted += limit * index.size();
        }
        ensure(granted == self.limits.granted(), "the limits are not what is granted")?;
        ensure(self.kept_bytes() <= self.engine.bytes(), "the lists have more than the engine handed out")?;
        ensure(self.engine.bytes() <= self.engine.engine.used_bytes(), "more is counted than the engine handed out")
    }
}

impl<const GRANULE: usize, const FL: usize, const SL: usize> QuickFit<DenseByteAllocator<GRANULE, FL, SL>>
where
    SecondLevel<SL>: Occupancy,
{
    /// [`validate_lists`](Self::validate_lists), and [`validate`](DenseByteAllocator::validate) of the store.
    ///
    /// # Time complexity
    ///
    /// That of both.
    ///
    /// # Errors
    ///
    /// Those of both.
    pub fn validate(&self) -> Result<(), &'static str> {
        self.validate_lists()?;
        self.engine.engine.validate()
    }
}
