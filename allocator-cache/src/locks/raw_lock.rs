//! [`RawLock`], any lock of `lock_api`.

use core::fmt;
use core::marker::PhantomData;

use allocator_shared::lock_api::RawMutex;

use super::LockTrait;

/// A lock of `lock_api`: a kernel can bring the one it has, be it one that masks interrupts or one that sleeps.
///
/// A `RawMutex` may touch its memory after it has let the next thread in, so
/// [`RELEASE_IS_LAST`](LockTrait::RELEASE_IS_LAST) is false here. For a lock whose release is one store, implement
/// [`LockTrait`] with `RELEASE_IS_LAST = true`: such a cache is faster.
///
/// # Examples
///
/// ```
/// use allocator_cache::locks::RawLock;
/// use allocator_cache::sources::StdSource;
/// use allocator_cache::SlabCache;
///
/// let cache = SlabCache::<u64, RawLock<spin::Mutex<()>>, 4096, _>::with_source(StdSource)?;
/// let number = cache.alloc_with(7)?;
/// let doubled = std::thread::spawn(move || *number * 2).join().unwrap();
/// assert_eq!(doubled, 14);
/// # Ok::<(), allocator_cache::SlabError>(())
/// ```
pub struct RawLock<R>(R);

impl<R: RawMutex> RawLock<R> {
    /// Makes a lock that nobody has.
    #[must_use]
    pub const fn new() -> Self {
        Self(R::INIT)
    }
}

impl<R: RawMutex> Default for RawLock<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> fmt::Debug for RawLock<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawLock").finish_non_exhaustive()
    }
}

// SAFETY: a `RawMutex` excludes other threads, and the same one, and may be moved while it is unlocked.
unsafe impl<R: RawMutex> LockTrait for RawLock<R> {
    type Guard<'a>
        = RawGuard<'a, R>
    where
        R: 'a;

    #[inline]
    fn init() -> Self {
        Self::new()
    }

    #[inline]
    fn lock(&self) -> RawGuard<'_, R> {
        self.0.lock();
        RawGuard { lock: &self.0, marker: PhantomData }
    }
}

/// The guard of a [`RawLock`].
pub struct RawGuard<'a, R: RawMutex> {
    lock: &'a R,
    /// Decides whether the guard may be sent to another thread.
    marker: PhantomData<R::GuardMarker>,
}

impl<R: RawMutex> fmt::Debug for RawGuard<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawGuard").finish_non_exhaustive()
    }
}

impl<R: RawMutex> Drop for RawGuard<'_, R> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard was made when this thread, or one that was allowed to send the guard here, took the lock.
        unsafe { self.lock.unlock() }
    }
}
