//! An iterator over the free blocks of a store.

use core::ptr::NonNull;

use allocator_core::address::pointer_at;

use super::DenseByteAllocator;
use crate::occupancy::{Occupancy, SecondLevel};

impl<const GRANULE: usize, const FL: usize, const SL: usize> DenseByteAllocator<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    /// The free blocks, with their sizes in bytes: by class, the smallest first, in no order within a class. O(1) each.
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_core::{BaseAllocator, ByteAllocator};
    /// use allocator_dense::DenseByteAllocator;
    ///
    /// let mut pool = vec![0u64; 512];
    /// let mut heap = DenseByteAllocator::new();
    /// // SAFETY: nothing else uses the pool while the heap does.
    /// unsafe { heap.init(pool.as_mut_ptr() as usize, 4096)? };
    /// assert_eq!(heap.free_blocks().map(|(_, size)| size).collect::<Vec<_>>(), [heap.total_bytes()]);
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    pub fn free_blocks(&self) -> impl Iterator<Item = (NonNull<u8>, usize)> + '_ {
        let blocks = self.lists.occupied().flat_map(|class| self.lists.blocks_of(class));
        blocks.filter_map(|found| Some((pointer_at(found.block)?, found.size)))
    }
}
