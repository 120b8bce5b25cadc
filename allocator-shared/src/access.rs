//! [`Access`], exclusive access to a value that several hold, and [`Local`], that of one thread.

use core::cell::UnsafeCell;
use core::fmt;

/// A shared place for a value, which one caller uses at a time.
///
/// # Safety
///
/// - [`with_mut`](Self::with_mut) hands out the value of one and the same place for as long as the implementor is there,
///   and lets one caller have it at a time, provided that the callers keep its contract.
/// - Nothing but the callers of `with_mut` puts another value there, unless the documentation of whatever relies on this
///   implementation forbids it to its user.
pub unsafe trait Access {
    /// The value.
    type Inner;

    /// Calls `call` with the value, while nobody else has it.
    ///
    /// # Safety
    ///
    /// `call`
    ///
    /// - neither replaces, swaps nor moves the value, nor any part of it that others hold blocks of;
    /// - calls nothing that comes back to this same place: for an engine, its own methods alone.
    unsafe fn with_mut<T>(&self, call: impl FnOnce(&mut Self::Inner) -> T) -> T;
}

// SAFETY: passed on.
unsafe impl<M: Access + ?Sized> Access for &M {
    type Inner = M::Inner;

    #[inline]
    unsafe fn with_mut<T>(&self, call: impl FnOnce(&mut Self::Inner) -> T) -> T {
        // SAFETY: passed on from the caller.
        unsafe { (**self).with_mut(call) }
    }
}

/// The value of a mutex can be replaced by whoever locks it; what relies on this implementation (an `unsafe` constructor)
/// forbids that.
// SAFETY: a mutex has one place for its value, and lets one in at a time.
unsafe impl<R: lock_api::RawMutex, A> Access for lock_api::Mutex<R, A> {
    type Inner = A;

    #[inline]
    unsafe fn with_mut<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        call(&mut self.lock())
    }
}

/// As for a `lock_api` mutex. A poisoned one is used all the same, as engines do not panic halfway.
// SAFETY: a mutex has one place for its value, and lets one in at a time.
#[cfg(feature = "std")]
unsafe impl<A> Access for std::sync::Mutex<A> {
    type Inner = A;

    #[inline]
    unsafe fn with_mut<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        call(&mut self.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// A value that several hold on one thread. Access to it costs nothing.
pub struct Local<A>(UnsafeCell<A>);

impl<A> Local<A> {
    /// Puts a value in a place that can be shared by one thread. O(1).
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self(UnsafeCell::new(inner))
    }
}

// SAFETY: the type is not `Sync`, so all callers are on one thread; as the callers' `call` does not come back here, no two
// have the value at once. There is no other way to the value.
unsafe impl<A> Access for Local<A> {
    type Inner = A;

    #[inline]
    unsafe fn with_mut<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        // SAFETY: nobody else has the value, as said above.
        call(unsafe { &mut *self.0.get() })
    }
}

impl<A> fmt::Debug for Local<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}
