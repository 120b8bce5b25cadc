//! [`NoLock`], for one thread.

use core::fmt;
use core::marker::PhantomData;

use super::LockTrait;

/// A lock that does nothing, for caches that stay on one thread.
///
/// It is neither `Send` nor `Sync`, so a cache with it is neither, nor is a box:
///
/// ```compile_fail,E0277
/// use allocator_cache::locks::NoLock;
/// use allocator_cache::sources::StdSource;
/// use allocator_cache::SlabCache;
///
/// let cache = SlabCache::<u64, NoLock, 4096, _>::with_source(StdSource).unwrap();
/// std::thread::spawn(move || drop(cache));
/// ```
pub struct NoLock(PhantomData<*const ()>);

impl NoLock {
    /// Makes a lock that does nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl Default for NoLock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for NoLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoLock")
    }
}

// SAFETY: the type is not `Sync`, so there is but one thread. A release touches no memory.
unsafe impl LockTrait for NoLock {
    type Guard<'a> = ();

    const RELEASE_IS_LAST: bool = true;

    #[inline]
    fn init() -> Self {
        Self::new()
    }

    #[inline(always)]
    fn lock(&self) {}
}
