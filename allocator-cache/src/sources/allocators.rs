//! [`ByteSource`], [`PageSource`] and [`Locked`] as a source: slabs from the allocators of the family.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use allocator_core::{ByteAllocator, PageAllocator};
use allocator_shared::lock_api::RawMutex;
use allocator_shared::{Access, Locked};

use super::SlabSource;
use crate::error::Result;

/// Slabs from the byte allocator in a [`Locked`]. Several caches, and other users, share it by reference:
///
/// ```
/// use allocator_cache::SlabCache;
/// use allocator_cache::locks::SpinLock;
/// use allocator_shared::Locked;
/// use allocator_slab::SlabByteAllocator;
///
/// static HEAP: Locked<SlabByteAllocator> = Locked::new(SlabByteAllocator::new());
///
/// let pool = vec![0_u64; 32 * 1024].leak();
/// // SAFETY: the pool lives for ever, and nothing else uses it.
/// unsafe { HEAP.init(pool.as_mut_ptr().expose_provenance(), 256 * 1024) }.unwrap();
///
/// let cache = SlabCache::<u32, SpinLock, 4096, _>::with_source(&HEAP)?;
/// let number = cache.alloc_with(7)?;
/// assert!(HEAP.with(|heap| heap.used_bytes()) >= 4096);
/// drop((cache, number));
/// assert_eq!(HEAP.with(|heap| heap.used_bytes()), 0);
/// # use allocator_core::ByteAllocator;
/// # Ok::<(), allocator_cache::SlabError>(())
/// ```
///
/// This needs no `unsafe` constructor, unlike [`ByteSource`]. Whoever shares a `Locked` has no safe way to its engine but
/// `with`, which lends it shared: the engine cannot be replaced while a slab is out. Whoever owns it (`get_mut`,
/// `into_inner`) shares it with no cache, because the type of a cache and of its boxes has the lifetime of the reference. A
/// cache that owns its `Locked` does not lend it mutably.
// SAFETY: a byte allocator promises blocks as the layout says, apart from each other, that stay where they are when the
// allocator is moved, and serves a request of size 0. The regions last for as long as any way to the engine: whoever called
// `Locked::init` or `Locked::add_memory` has promised that. The engine is not replaced, as said above; `Locked::with_mut`
// makes its callers promise that.
unsafe impl<A: ByteAllocator, R: RawMutex> SlabSource for Locked<A, R> {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        ByteAllocator::alloc(&mut &*self, layout).ok()
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: `alloc_slab` took the block from the engine with this layout; the caller gives it back once.
        unsafe { ByteAllocator::dealloc(&mut &*self, slab, layout) };
        Ok(())
    }
}

/// Slabs from a byte allocator behind any kind of lock. For a [`Locked`] none of this is needed: it is a source itself.
///
/// # Examples
///
/// ```
/// use std::sync::Mutex;
///
/// use allocator_cache::SlabCache;
/// use allocator_cache::locks::SpinLock;
/// use allocator_cache::sources::ByteSource;
/// use allocator_core::{BaseAllocator, ByteAllocator};
/// use allocator_slab::SlabByteAllocator;
///
/// let heap = Mutex::new(SlabByteAllocator::new());
/// let mut pool = vec![0_u64; 32 * 1024];
/// let start = pool.as_mut_ptr().expose_provenance();
/// // SAFETY: nothing else uses the pool, which lives for as long as the heap.
/// unsafe { heap.lock().unwrap().init(start, 256 * 1024) }.unwrap();
///
/// // SAFETY: nothing replaces the heap, whole or in part, and the heap does not use the cache.
/// let source = unsafe { ByteSource::new(&heap) };
/// let cache = SlabCache::<u32, SpinLock, 4096, _>::with_source(source)?;
/// let number = cache.alloc_with(7)?;
/// assert!(heap.lock().unwrap().used_bytes() >= 4096);
/// drop((cache, number));
/// assert_eq!(heap.lock().unwrap().used_bytes(), 0);
/// # Ok::<(), allocator_cache::SlabError>(())
/// ```
///
/// Whoever made a source made the promises of [`new`](Self::new) for one value. So there is no `Default`, and only a source
/// whose value is `Copy`, such as a reference, can be cloned:
///
/// ```compile_fail,E0277
/// # use allocator_cache::sources::ByteSource;
/// # use allocator_slab::SlabByteAllocator;
/// fn default<T: Default>() {}
/// default::<ByteSource<std::sync::Mutex<SlabByteAllocator>>>();
/// ```
///
/// ```compile_fail,E0277
/// # use allocator_cache::sources::ByteSource;
/// #[derive(Clone)]
/// struct Handle;
/// fn clone<T: Clone>() {}
/// clone::<ByteSource<Handle>>();
/// ```
#[derive(Debug)]
pub struct ByteSource<M>(M);

impl<M> ByteSource<M> {
    /// Slabs from `heap`, which can be a reference to an allocator that others use, too.
    ///
    /// # Safety
    ///
    /// For as long as a slab is out, a leaked one included:
    ///
    /// - Nobody replaces the allocator behind `heap`, whole or in part: no swap with another one, no assignment, no move out
    ///   of its place, neither of it nor of an allocator inside it (such as the heap inside a
    ///   [`Growing`](allocator_core::Growing)). Safe code that has a `&mut` to it could do that.
    /// - The memory of the allocator lasts, as the caller of its [`init`](allocator_core::BaseAllocator::init) promised.
    ///
    /// And for as long as the source is there:
    ///
    /// - The methods of the allocator use neither this source nor a cache with it.
    #[must_use]
    pub const unsafe fn new(heap: M) -> Self {
        Self(heap)
    }
}

impl<M: Copy> Clone for ByteSource<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Copy> Copy for ByteSource<M> {}

// SAFETY: a byte allocator promises blocks as the layout says, apart from each other, that stay where they are, and serves a
// request of size 0. `Access` and the contract of `new` say that it is the same allocator all the time.
unsafe impl<M: Access<Inner: ByteAllocator>> SlabSource for ByteSource<M> {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the closure calls one method of the allocator, which does not come back here, by the contract of `new`.
        unsafe { self.0.with_mut(|heap| heap.alloc(layout)) }.ok()
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: as for `alloc_slab`; which took the block from this allocator with this layout. The caller gives it back
        // once.
        unsafe { self.0.with_mut(|heap| heap.dealloc(slab, layout)) };
        Ok(())
    }
}

/// Slabs from a page allocator behind any kind of lock.
///
/// A slab takes whole pages: a slab smaller than a page wastes the rest of its page. The source never gives a run of pages
/// at address 0; the run stays taken.
///
/// # Examples
///
/// ```
/// use allocator_cache::SlabCache;
/// use allocator_cache::locks::SpinLock;
/// use allocator_cache::sources::PageSource;
/// use allocator_core::PageAllocator;
/// use allocator_pages::RadixPageAllocator;
/// use allocator_shared::Locked;
///
/// const PAGE: usize = 4096;
/// static FRAMES: Locked<RadixPageAllocator<PAGE>> = Locked::new(RadixPageAllocator::new());
///
/// let pool = vec![0_u64; 32 * 1024].leak();
/// // SAFETY: the pool lives for ever, and nothing else uses it.
/// unsafe { FRAMES.init(pool.as_mut_ptr().expose_provenance(), 256 * 1024) }.unwrap();
///
/// // SAFETY: the frames are memory that can be written to. Nobody gives back frames that are not his, and nobody replaces
/// // the page allocator.
/// let source = unsafe { PageSource::new(&FRAMES) };
/// let cache = SlabCache::<u32, SpinLock, { 4 * PAGE }, _>::with_source(source)?;
/// let number = cache.alloc_with(7)?;
/// assert_eq!(FRAMES.with(|frames| frames.used_pages()), 4);
/// drop((cache, number));
/// assert_eq!(FRAMES.with(|frames| frames.used_pages()), 0);
/// # Ok::<(), allocator_cache::SlabError>(())
/// ```
///
/// A page allocator behind a lock is no source by itself, and safe code makes no source of it:
///
/// ```compile_fail,E0277
/// # use allocator_cache::{SlabCache, locks::SpinLock};
/// # use allocator_pages::RadixPageAllocator;
/// # use allocator_shared::Locked;
/// static FRAMES: Locked<RadixPageAllocator<4096>> = Locked::new(RadixPageAllocator::new());
/// let cache = SlabCache::<u32, SpinLock, 4096, _>::with_source(&FRAMES);
/// ```
///
/// ```compile_fail,E0133
/// # use allocator_cache::sources::PageSource;
/// # use allocator_pages::RadixPageAllocator;
/// # use allocator_shared::Locked;
/// static FRAMES: Locked<RadixPageAllocator<4096>> = Locked::new(RadixPageAllocator::new());
/// let source = PageSource::new(&FRAMES);
/// ```
#[derive(Debug)]
pub struct PageSource<M>(M);

impl<M> PageSource<M> {
    /// Slabs from `pages`, which can be a reference to a page allocator that others use, too.
    ///
    /// # Safety
    ///
    /// - The pages are readable and writable memory at their addresses, with exposed provenance. (To a page allocator, pages
    ///   are numbers.)
    /// - For as long as the source, or a slab of it, is there, a leaked one included, whoever else can reach the page
    ///   allocator gives back only pages that it got itself, and neither replaces nor moves the page allocator, whole or in
    ///   part. (`dealloc_pages` is safe: safe code could give back the pages of a slab.)
    /// - For as long as the source is there, the methods of the page allocator use neither this source nor a cache with it.
    #[must_use]
    pub const unsafe fn new(pages: M) -> Self {
        Self(pages)
    }
}

impl<M: Copy> Clone for PageSource<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Copy> Copy for PageSource<M> {}

impl<M: Access<Inner: PageAllocator>> PageSource<M> {
    const PAGE_SIZE: usize = <M::Inner as PageAllocator>::PAGE_SIZE;

    fn num_pages(layout: Layout) -> usize {
        layout.size().div_ceil(Self::PAGE_SIZE)
    }
}

// SAFETY: a page allocator promises runs of the size and the alignment asked for, apart from each other, and refuses a run of
// no pages. The contract of `new` says that they are memory, and that nobody else gives them back.
unsafe impl<M: Access<Inner: PageAllocator>> SlabSource for PageSource<M> {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        let align = layout.align().max(Self::PAGE_SIZE);
        // SAFETY: the closure calls one method of the page allocator, which does not come back here, by the contract of
        // `new`.
        let address = unsafe { self.0.with_mut(|pages| pages.alloc_pages(Self::num_pages(layout), align)) }.ok()?;
        let slab = NonNull::new(ptr::with_exposed_provenance_mut(address));
        if slab.is_none() {
            // The run at address 0 stays taken, so the next request gets another one.
            return self.alloc_slab(layout);
        }
        slab
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        let address = slab.addr().get();
        // SAFETY: as for `alloc_slab`.
        Ok(unsafe { self.0.with_mut(|pages| pages.dealloc_pages(address, Self::num_pages(layout))) }?)
    }
}
