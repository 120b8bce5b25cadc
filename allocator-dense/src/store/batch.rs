//! Many blocks of one layout in one call.

use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use allocator_core::address::pointer_at;

use super::DenseByteAllocator;
use crate::occupancy::{Occupancy, SecondLevel};

impl<const GRANULE: usize, const FL: usize, const SL: usize> DenseByteAllocator<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    /// Takes blocks until all of `out` are written, or there is none: side by side, as many as a free block has room for. O(1)
    /// for each free block, and each block.
    pub(super) fn take_batch<'o>(
        &mut self,
        layout: Layout,
        out: &'o mut [MaybeUninit<NonNull<u8>>],
    ) -> &'o mut [NonNull<u8>] {
        let mut len = 0;
        // Side by side they are aligned only where the size is a multiple of the alignment.
        if let Some(size) = Self::rounded(layout.size()) {
            let together = if size % layout.align() == 0 || layout.align() <= GRANULE { usize::MAX } else { 1 };
            while len < out.len()
                && let Some((found, gap)) = self.take(size, layout.align())
            {
                let count = ((found.size - gap) / size).min(out.len() - len).min(together);
                // SAFETY: the block has room for at least one, and is in no list now.
                let first = unsafe { self.occupy_part(found, gap, count * size) };
                for index in 0..count {
                    let Some(block) = pointer_at(first + index * size) else { break };
                    out[len].write(block);
                    len += 1;
                }
            }
        }
        let written = &mut out[..len];
        // SAFETY: `MaybeUninit<T>` has the layout of `T`, the entries were written, and are borrowed mutably.
        unsafe { &mut *(core::ptr::from_mut(written) as *mut [NonNull<u8>]) }
    }
}
