//! The atomics and cells that the crate uses: those of `core`, or those of loom in a model test.

#[cfg(not(loom))]
use core::cell::UnsafeCell;
#[cfg(all(target_has_atomic = "8", not(loom)))]
pub(crate) use core::hint::spin_loop;
#[cfg(all(target_has_atomic = "8", not(loom)))]
pub(crate) use core::sync::atomic::AtomicBool;
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::AtomicUsize;

#[cfg(loom)]
use loom::cell::UnsafeCell;
#[cfg(loom)]
pub(crate) use loom::hint::spin_loop;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize};

/// A field that is only read and written under the lock of its pool, or by a thread that alone has access to the pool.
#[cfg_attr(not(loom), repr(transparent))]
pub(crate) struct Guarded<T>(UnsafeCell<T>);

impl<T: Copy> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// # Safety
    ///
    /// The caller has the lock of the pool, or nobody else has access to the pool.
    #[inline(always)]
    pub(crate) unsafe fn get(&self) -> T {
        #[cfg(not(loom))]
        let value = self.0.get();
        // SAFETY: nobody writes meanwhile, by this function's contract.
        #[cfg(not(loom))]
        return unsafe { value.read() };
        // SAFETY: nobody writes meanwhile, by this function's contract; loom checks that.
        #[cfg(loom)]
        self.0.with(|value| unsafe { value.read() })
    }

    /// # Safety
    ///
    /// As for [`get`](Self::get).
    #[inline(always)]
    pub(crate) unsafe fn set(&self, value: T) {
        #[cfg(not(loom))]
        let place = self.0.get();
        // SAFETY: nobody else reads or writes meanwhile, by this function's contract.
        #[cfg(not(loom))]
        unsafe {
            place.write(value);
        }
        // SAFETY: nobody else reads or writes meanwhile, by this function's contract; loom checks that.
        #[cfg(loom)]
        self.0.with_mut(|place| unsafe { place.write(value) });
    }
}
