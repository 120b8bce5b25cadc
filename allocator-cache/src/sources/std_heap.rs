//! [`StdSource`], the program's heap.

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

// SAFETY: the program's heap gives what a layout says, to any thread, until it is given back.
unsafe impl SlabSource for StdSource {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() == 0 {
            return None;
        }
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { std::alloc::alloc(layout) })
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: the caller promises that it came from `alloc_slab` with this layout.
        unsafe { std::alloc::dealloc(slab.as_ptr(), layout) };
        Ok(())
    }
}
