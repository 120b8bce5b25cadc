//! [`ByteSource`] and [`PageSource`], slabs from the allocators of the family.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use allocator_core::{ByteAllocator, PageAllocator};

use super::{Shared, SlabSource};
use crate::error::Result;

/// Slabs from a byte allocator behind a lock.
///
/// # Examples
///
/// ```
/// use allocator_core::{BaseAllocator, ByteAllocator};
/// use allocator_cache::locks::SpinLock;
/// use allocator_cache::sources::{ByteSource, Locked, Shared};
/// use allocator_slab::SlabByteAllocator;
/// use allocator_cache::SlabCache;
///
/// let heap = Locked::new(SlabByteAllocator::new());
/// let mut pool = vec![0_u64; 32 * 1024];
/// let start = pool.as_mut_ptr().expose_provenance();
/// // SAFETY: the pool is the heap's for as long as both live.
/// heap.with(|heap| unsafe { heap.init(start, 256 * 1024) }).unwrap();
///
/// // SAFETY: the heap is never replaced, and outlives the cache.
/// let source = unsafe { ByteSource::new(&heap) };
/// let cache = SlabCache::<u32, SpinLock, 4096, _>::with_source(source)?;
/// let number = cache.alloc_with(7)?;
/// assert!(heap.with(|heap| heap.used_bytes()) >= 4096);
/// drop((cache, number));
/// assert_eq!(heap.with(|heap| heap.used_bytes()), 0);
/// # Ok::<(), allocator_cache::SlabError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ByteSource<M>(M);

impl<M> ByteSource<M> {
    /// Slabs from `heap`, which can be a reference to what others use, too.
    ///
    /// # Safety
    ///
    /// As long as a slab is out, the allocator behind `heap` is not replaced, swapped with another or moved out of its
    /// place: whoever has a `&mut` to it could do that in safe code. That its memory is its own for as long is promised with
    /// [`init`](allocator_core::BaseAllocator::init).
    #[must_use]
    pub const unsafe fn new(heap: M) -> Self {
        Self(heap)
    }
}

// SAFETY: a byte allocator promises blocks of the size and alignment asked for that stay apart and stay where they are;
// that it is always the same one, `Shared` and whoever made the source.
unsafe impl<M: Shared<Inner: ByteAllocator>> SlabSource for ByteSource<M> {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.with(|heap| heap.alloc(layout)).ok()
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: passed on from the caller.
        self.0.with(|heap| unsafe { heap.dealloc(slab, layout) });
        Ok(())
    }
}

/// Slabs from a page allocator behind a lock: whole pages, so slabs smaller than a page waste the rest of it. A run of
/// pages at address 0 is never used: it stays taken.
///
/// # Examples
///
/// ```
/// use allocator_pages::RadixPageAllocator;
/// use allocator_core::{BaseAllocator, PageAllocator};
/// use allocator_cache::SlabCache;
/// use allocator_cache::locks::SpinLock;
/// use allocator_cache::sources::{Locked, PageSource, Shared};
///
/// const PAGE: usize = 4096;
/// static FRAMES: Locked<RadixPageAllocator<PAGE>> = Locked::new(RadixPageAllocator::new());
///
/// let pool = vec![0_u64; 32 * 1024].leak();
/// let start = pool.as_mut_ptr().expose_provenance();
/// // SAFETY: the pool lives for ever, and is the page allocator's from here on.
/// FRAMES.with(|frames| unsafe { frames.add_memory(start, 256 * 1024) }).unwrap();
///
/// // SAFETY: the frames are memory that may be written to, and the allocator is never replaced.
/// let source = unsafe { PageSource::new(&FRAMES) };
/// let cache = SlabCache::<u32, SpinLock, { 4 * PAGE }, _>::with_source(source)?;
/// let number = cache.alloc_with(7)?;
/// assert_eq!(FRAMES.with(|frames| frames.used_pages()), 4);
/// drop((cache, number));
/// assert_eq!(FRAMES.with(|frames| frames.used_pages()), 0);
/// # Ok::<(), allocator_cache::SlabError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PageSource<M>(M);

impl<M> PageSource<M> {
    /// Slabs from `pages`, which can be a reference to what others use, too.
    ///
    /// # Safety
    ///
    /// - The pages are memory that may be read and written at their address, whose provenance is exposed; a page allocator
    ///   by itself hands out numbers.
    /// - As for [`ByteSource::new`]: as long as a slab is out, the allocator is not replaced.
    #[must_use]
    pub const unsafe fn new(pages: M) -> Self {
        Self(pages)
    }
}

impl<M: Shared<Inner: PageAllocator>> PageSource<M> {
    const PAGE_SIZE: usize = <M::Inner as PageAllocator>::PAGE_SIZE;

    fn pages(layout: Layout) -> usize {
        layout.size().div_ceil(Self::PAGE_SIZE)
    }
}

// SAFETY: a page allocator promises runs of the size and alignment asked for that stay apart, and whoever made the source
// that they are memory.
unsafe impl<M: Shared<Inner: PageAllocator>> SlabSource for PageSource<M> {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        let align = layout.align().max(Self::PAGE_SIZE);
        let address = self.0.with(|pages| pages.alloc_pages(Self::pages(layout), align)).ok()?;
        let slab = NonNull::new(ptr::with_exposed_provenance_mut(address));
        if slab.is_none() {
            // A page at address 0 is no slab; it stays taken, so that the next request gets another.
            return self.alloc_slab(layout);
        }
        slab
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        let address = slab.addr().get();
        Ok(self.0.with(|pages| pages.dealloc_pages(address, Self::pages(layout)))?)
    }
}
