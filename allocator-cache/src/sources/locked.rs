//! [`Shared`], allocators behind locks, and [`Locked`], one of ours.

use core::cell::{Cell, UnsafeCell};
use core::fmt;

use crate::locks::LockTrait;
#[cfg(target_has_atomic = "8")]
use crate::locks::SpinLock;

/// A value that is used by one at a time.
///
/// # Safety
///
/// [`with`](Self::with) always hands out the value in the same place, until the end of whoever implements this, and to one
/// caller at a time. That the caller puts no other value there is the caller's business.
pub unsafe trait Shared {
    /// The value.
    type Inner;

    /// Calls `call` with the value, while nobody else has it.
    fn with<R>(&self, call: impl FnOnce(&mut Self::Inner) -> R) -> R;
}

// SAFETY: passed on.
unsafe impl<M: Shared> Shared for &M {
    type Inner = M::Inner;

    fn with<R>(&self, call: impl FnOnce(&mut Self::Inner) -> R) -> R {
        (**self).with(call)
    }
}

// SAFETY: a mutex has one place for its value, and lets one in at a time.
#[cfg(feature = "lock_api")]
unsafe impl<R: lock_api::RawMutex, A> Shared for lock_api::Mutex<R, A> {
    type Inner = A;

    fn with<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        call(&mut self.lock())
    }
}

// SAFETY: a mutex has one place for its value, and lets one in at a time.
#[cfg(feature = "std")]
unsafe impl<A> Shared for std::sync::Mutex<A> {
    type Inner = A;

    fn with<R>(&self, call: impl FnOnce(&mut A) -> R) -> R {
        // The allocators of the family do not panic halfway.
        call(&mut self.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// The default lock, where there is one.
#[cfg(target_has_atomic = "8")]
type DefaultLock = SpinLock;
#[cfg(not(target_has_atomic = "8"))]
type DefaultLock = crate::locks::NoLock;

/// A value behind a lock of [`locks`](crate::locks): without any feature, and as a `static`.
///
/// # Examples
///
/// ```
/// use allocator_core::{BaseAllocator, ByteAllocator};
/// use allocator_slab::SlabByteAllocator;
/// use allocator_cache::sources::{Locked, Shared};
///
/// static HEAP: Locked<SlabByteAllocator> = Locked::new(SlabByteAllocator::new());
/// assert_eq!(HEAP.with(|heap| heap.total_bytes()), 0);
/// ```
pub struct Locked<A, L = DefaultLock> {
    lock: L,
    /// Whether someone has the value; changed under the lock. A lock need not keep out the thread that has it, be it
    /// [`NoLock`](crate::locks::NoLock) or one that masks interrupts.
    busy: Cell<bool>,
    inner: UnsafeCell<A>,
}

// SAFETY: `with` hands the value, and `busy`, to one thread at a time, as a lock that is `Sync` ensures; that may be any
// thread.
unsafe impl<A: Send, L: Sync> Sync for Locked<A, L> {}

#[cfg(target_has_atomic = "8")]
impl<A> Locked<A> {
    /// Puts a value behind a spin lock. O(1).
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self::with_lock(SpinLock::new(), inner)
    }
}

impl<A, L> Locked<A, L> {
    /// Puts a value behind a lock, which nobody has. O(1).
    #[must_use]
    pub const fn with_lock(lock: L, inner: A) -> Self {
        Self { lock, busy: Cell::new(false), inner: UnsafeCell::new(inner) }
    }

    /// The value, without its lock. O(1).
    #[must_use]
    pub fn into_inner(self) -> A {
        self.inner.into_inner()
    }
}

/// Says that the value is nobody's again, also where `call` has panicked.
struct Busy<'a>(&'a Cell<bool>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

// SAFETY: `LockTrait` keeps other threads out, and `busy` a call from within `call`.
unsafe impl<A, L: LockTrait> Shared for Locked<A, L> {
    type Inner = A;

    /// # Panics
    ///
    /// When called from within `call`, unless the lock waits for itself then.
    fn with<R>(&self, call: impl FnOnce(&mut A) -> R) -> R {
        let _guard = self.lock.lock();
        assert!(!self.busy.replace(true), "a locked value is used from within its own use");
        let _busy = Busy(&self.busy);
        // SAFETY: nobody else is between here and the drop of `_busy`, which comes before that of the guard.
        call(unsafe { &mut *self.inner.get() })
    }
}

impl<A, L> fmt::Debug for Locked<A, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}
