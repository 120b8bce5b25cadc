//! [`StdSource`], slabs from the program's heap.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::SlabSource;
use crate::error::Result;

/// Slabs from the program's heap.
///
/// # Examples
///
/// ```
/// use allocator_cache::SlabCache;
/// use allocator_cache::locks::NoLock;
/// use allocator_cache::sources::StdSource;
///
/// let cache = SlabCache::<u64, NoLock, 4096, _>::with_source(StdSource)?;
/// assert_eq!(*cache.alloc_with(1)?, 1);
/// # Ok::<(), allocator_cache::SlabError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StdSource;

// SAFETY: a block of the program's heap is as its layout says, and belongs to its owner until it is given back. Size 0 is
// refused.
unsafe impl SlabSource for StdSource {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() == 0 {
            return None;
        }
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { std::alloc::alloc(layout) })
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: `alloc_slab` gave the slab with this layout, as the caller promises.
        unsafe { std::alloc::dealloc(slab.as_ptr(), layout) };
        Ok(())
    }
}
