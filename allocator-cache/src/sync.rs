//! Atomics and cells: those of `core`, or those of loom when it runs the tests in all orders.

#[cfg(not(loom))]
pub(super) use core::cell::UnsafeCell;
#[cfg(all(target_has_atomic = "8", not(loom)))]
pub(super) use core::hint::spin_loop;
#[cfg(all(target_has_atomic = "8", not(loom)))]
pub(super) use core::sync::atomic::AtomicBool;
#[cfg(not(loom))]
pub(super) use core::sync::atomic::AtomicUsize;

#[cfg(loom)]
pub(super) use loom::cell::UnsafeCell;
#[cfg(loom)]
pub(super) use loom::hint::spin_loop;
#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize};

/// A field that is only used under the lock of its hierarchy, or by whoever alone has access to the hierarchy.
#[cfg_attr(not(loom), repr(transparent))]
pub(super) struct Guarded<T>(UnsafeCell<T>);

impl<T: Copy> Guarded<T> {
    pub(super) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// # Safety
    ///
    /// The caller has the lock of the hierarchy, or nobody else has access to it.
    #[inline(always)]
    pub(super) unsafe fn get(&self) -> T {
        #[cfg(not(loom))]
        let value = self.0.get();
        // SAFETY: as the caller promises, nobody writes meanwhile.
        #[cfg(not(loom))]
        return unsafe { value.read() };
        // SAFETY: as the caller promises, nobody writes meanwhile; loom looks whether that holds.
        #[cfg(loom)]
        self.0.with(|value| unsafe { value.read() })
    }

    /// # Safety
    ///
    /// As for [`get`](Self::get).
    #[inline(always)]
    pub(super) unsafe fn set(&self, value: T) {
        #[cfg(not(loom))]
        let place = self.0.get();
        // SAFETY: as the caller promises, nobody else reads or writes meanwhile.
        #[cfg(not(loom))]
        unsafe {
            place.write(value);
        }
        // SAFETY: as the caller promises, nobody else reads or writes meanwhile; loom looks whether that holds.
        #[cfg(loom)]
        self.0.with_mut(|place| unsafe { place.write(value) });
    }
}
