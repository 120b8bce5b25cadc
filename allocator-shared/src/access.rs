//! [`Access`], exclusive access to a shared value, and [`Local`], a value that one thread shares.

use core::cell::UnsafeCell;
use core::fmt;

/// A shared place for a value, which one caller uses at a time.
///
/// # Safety
///
/// The implementor promises, provided that the callers of [`with_mut`](Self::with_mut) keep its contract:
///
/// - `with_mut` hands out the value of one and the same place for as long as the implementor exists.
/// - One caller at a time has the value.
/// - While the implementor is shared, safe code has no other way to replace the value. An implementation that has one (a
///   mutex, whose `lock` is safe) says so, and what relies on it has an `unsafe` constructor whose contract forbids that.
pub unsafe trait Access {
    /// The value.
    type Inner;

    /// Calls `call` with the value, while nobody else has it.
    ///
    /// # Safety
    ///
    /// - `call` neither replaces nor moves the value, nor any part of it of which others hold blocks: no assignment, no
    ///   `mem::swap`.
    /// - `call` calls nothing that comes back to this same place: for an engine, only methods of the engine.
    /// - `call` does not unwind. (The implementor may: where its lock panics, it unwinds or ends the program, and says which.)
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

/// Safe code that locks the mutex can replace the value: what relies on this implementation has an `unsafe` constructor, whose
/// contract forbids that.
// SAFETY: a mutex has one place for its value, and lets one caller in at a time.
unsafe impl<R: lock_api::RawMutex, A> Access for lock_api::Mutex<R, A> {
    type Inner = A;

    #[inline]
    unsafe fn with_mut<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        call(&mut self.lock())
    }
}

/// As for the mutex of `lock_api`. A poisoned mutex is used all the same, as the methods of engines do not unwind.
// SAFETY: a mutex has one place for its value, and lets one caller in at a time.
#[cfg(feature = "std")]
unsafe impl<A> Access for std::sync::Mutex<A> {
    type Inner = A;

    #[inline]
    unsafe fn with_mut<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        call(&mut self.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// A value that one thread shares. Access to it costs nothing.
pub struct Local<A>(UnsafeCell<A>);

impl<A> Local<A> {
    /// Puts a value in a place that one thread can share. O(1).
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self(UnsafeCell::new(inner))
    }
}

// SAFETY: the type is not `Sync`, so all callers are on one thread; as `call` does not come back here, no two of them have the
// value at a time. There is no other way to the value.
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
