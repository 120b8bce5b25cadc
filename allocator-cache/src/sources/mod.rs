//! Where a cache has its slabs from: [`SlabSource`], and ready ones.
//!
//! | source | slabs come from |
//! | --- | --- |
//! | [`HookSource`] | two functions that the program names once, with [`define_allocation_hooks!`](crate::define_allocation_hooks) |
//! | [`ByteSource`] | a byte allocator behind a lock |
//! | [`PageSource`] | a page allocator behind a lock |
//! | `StdSource` (feature `std`) | the program's heap |
//! | `&S` | a source that several caches share |
//!
//! A lock around an allocator is whatever is [`Shared`]: [`Locked`], a `lock_api::Mutex`, a `std::sync::Mutex`, or a
//! reference to one of these.

mod allocators;
mod hooks;
mod locked;
#[cfg(feature = "std")]
mod std_heap;

use core::alloc::Layout;
use core::ptr::NonNull;

pub use allocators::{ByteSource, PageSource};
pub use hooks::HookSource;
#[doc(hidden)]
pub use hooks::{AllocHook, FreeHook, Hook, NotSafe, SafeHook, UnsafeHook};
pub use locked::{Locked, Shared};
#[cfg(feature = "std")]
pub use std_heap::StdSource;

use super::error::Result;

/// Gives a cache its slabs, and takes them back.
///
/// The cache calls it outside of its lock, from whatever thread allocates or frees, several at once. It may use other
/// caches. A source that uses the cache that it serves is on its own: `alloc_slab` is called when there is no slot left,
/// so it would call itself.
///
/// # Safety
///
/// - A slab that [`alloc_slab`](Self::alloc_slab) gives has the size and the alignment asked for and may be read and
///   written; nobody else uses it until it is given back, and it stays where it is when the source is moved.
/// - It does not end before the source does: a source that borrows what it gives from has that lifetime in its type.
/// - If [`free_slab`](Self::free_slab) gives an error, the slab is still the caller's.
///
/// # Examples
///
/// One that never takes back more than it likes to:
///
/// ```
/// use core::alloc::Layout;
/// use core::ptr::NonNull;
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
///
/// use allocator_cache::locks::SpinLock;
/// use allocator_cache::{Result, SlabCache, SlabError, SlabSource};
///
/// /// At most so many slabs.
/// struct Quota(AtomicUsize);
///
/// // SAFETY: slabs come from the program's heap, which gives what the layout says.
/// unsafe impl SlabSource for Quota {
///     fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
///         self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).ok()?;
///         // SAFETY: a slab is not of size 0.
///         NonNull::new(unsafe { std::alloc::alloc(layout) })
///     }
///
///     unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
///         self.0.fetch_add(1, Relaxed);
///         // SAFETY: it comes from `alloc_slab`.
///         unsafe { std::alloc::dealloc(slab.as_ptr(), layout) };
///         Ok(())
///     }
/// }
///
/// let quota = Quota(AtomicUsize::new(1));
/// let cache = SlabCache::<[u8; 1000], SpinLock, 4096, _>::with_source(&quota)?;
/// let three = [(); 3].map(|()| cache.alloc_with([0; 1000]));
/// assert!(three.iter().all(|object| object.is_ok()));
/// assert_eq!(cache.alloc_with([0; 1000]).err(), Some(SlabError::OutOfMemory));
/// # Ok::<(), SlabError>(())
/// ```
pub unsafe trait SlabSource {
    /// A slab: memory of this size, aligned to its size. `None` where there is none.
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>>;

    /// Takes a slab back. Whatever the error, the cache keeps the slab, for its next use, and counts the refusal.
    ///
    /// # Errors
    ///
    /// The source's own.
    ///
    /// # Safety
    ///
    /// The slab came from this source with this layout, and nobody uses it any more, unless an error says otherwise.
    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()>;
}

// SAFETY: passed on.
unsafe impl<S: SlabSource + ?Sized> SlabSource for &S {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        (**self).alloc_slab(layout)
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: passed on.
        unsafe { (**self).free_slab(slab, layout) }
    }
}
