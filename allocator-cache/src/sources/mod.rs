//! The sources of slabs: [`SlabSource`], and ready ones.
//!
//! | source | its slabs come from |
//! | --- | --- |
//! | [`HookSource`] | two functions that the program names once, with [`define_allocation_hooks!`](crate::define_allocation_hooks) |
//! | [`Locked<A>`](allocator_shared::Locked), `&Locked<A>` | the byte allocator `A` |
//! | [`ByteSource<M>`](ByteSource) | the byte allocator behind another kind of lock |
//! | [`PageSource<M>`](PageSource) | the page allocator behind any kind of lock |
//! | `StdSource` (feature `std`) | the program's heap |
//! | `&S` | a source that several caches share |
//!
//! A kind of lock is a type that implements [`Access`](allocator_shared::Access): a `Locked`, a `lock_api::Mutex`, a
//! `std::sync::Mutex` (feature `std`), a `Local` for one thread, or a reference to one of these.

mod allocators;
mod hooks;
#[cfg(feature = "std")]
mod std_heap;

use core::alloc::Layout;
use core::ptr::NonNull;

pub use allocators::{ByteSource, PageSource};
pub use hooks::HookSource;
#[doc(hidden)]
pub use hooks::{AllocHook, FreeHook, Hook, IsUnsafe, NotSafe, SafeHook, UnsafeHook, must_be_unsafe};
#[cfg(feature = "std")]
pub use std_heap::StdSource;

use crate::error::Result;

/// A source of slabs: gives them to caches, and takes them back.
///
/// A cache calls its source without its lock, from any thread that allocates or frees, and several threads at once. A source
/// may use other caches. A source that uses the cache that it serves must expect to be called again from there: `alloc_slab`
/// is called when the cache has no free slot.
///
/// # Safety
///
/// - A slab that [`alloc_slab`](Self::alloc_slab) returns has the size and the alignment of the layout, and can be read and
///   written. Nobody else uses it until it is given back. It stays where it is when the source is moved.
/// - The slab stays valid for as long as the source is there. A source that borrows the memory it gives has that lifetime in
///   its type.
/// - If [`free_slab`](Self::free_slab) returns an error, the slab is still the caller's.
/// - `alloc_slab` is a safe method: a call of it with any layout, of size 0, too, does nothing undefined.
///
/// # Examples
///
/// A source that gives no more than so many slabs:
///
/// ```
/// use core::alloc::Layout;
/// use core::ptr::NonNull;
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
///
/// use allocator_cache::locks::SpinLock;
/// use allocator_cache::{Result, SlabCache, SlabError, SlabSource};
///
/// /// The number of slabs that are left.
/// struct Quota(AtomicUsize);
///
/// // SAFETY: slabs come from the program's heap, which gives what the layout says.
/// unsafe impl SlabSource for Quota {
///     fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
///         if layout.size() == 0 {
///             return None;
///         }
///         self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).ok()?;
///         // SAFETY: the size is not 0.
///         NonNull::new(unsafe { std::alloc::alloc(layout) })
///     }
///
///     unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
///         self.0.fetch_add(1, Relaxed);
///         // SAFETY: `alloc_slab` gave the slab with this layout, as the caller promises.
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
    /// Gives a slab: memory as the layout says. `None` where there is none. A cache asks for slabs that are aligned to
    /// their size.
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>>;

    /// Takes a slab back. On any error the cache keeps the slab, uses it next, and counts the refusal.
    ///
    /// # Errors
    ///
    /// The source's own.
    ///
    /// # Safety
    ///
    /// - `alloc_slab` of this source gave the slab, with this layout, and the slab has not been given back since.
    /// - Nobody uses the slab any more, unless the result is an error.
    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()>;
}

// SAFETY: all slabs are those of the source behind the reference, which stays there and is the same for as long as the
// reference is there; the lifetime is part of the type.
unsafe impl<S: SlabSource + ?Sized> SlabSource for &S {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        (**self).alloc_slab(layout)
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: passed on from the caller.
        unsafe { (**self).free_slab(slab, layout) }
    }
}
