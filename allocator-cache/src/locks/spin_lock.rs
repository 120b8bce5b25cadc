//! [`SpinLock`], a lock of one byte.

use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::LockTrait;
use crate::sync::{AtomicBool, spin_loop};

/// A lock that waits in a loop until it is free.
///
/// # Time complexity
///
/// Where nobody else wants the lock, `lock` is one atomic exchange, and the drop of the guard one store.
///
/// # Drawbacks
///
/// - It does not mask interrupts. An interrupt handler that wants the lock while the interrupted code has it waits for ever.
/// - It is not fair: under contention, a thread may wait for as long as others take the lock.
#[repr(transparent)]
pub struct SpinLock(AtomicBool);

impl SpinLock {
    /// The largest number of pauses between two looks of a waiting thread: enough to leave the cache line to the thread
    /// that has the lock, and few against the time that a call of the source takes.
    const MAX_PAUSES: u32 = 64;

    /// Makes a lock that nobody has.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Makes a lock that nobody has.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Takes the lock, if nobody has it. An exchange that fails writes nothing: loom would not order such a write with the
    /// store that releases the lock.
    #[inline(always)]
    fn try_lock(&self) -> bool {
        self.0.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }

    /// Waits for the lock, looking at it less and less often.
    #[cold]
    fn wait(&self) {
        let mut pauses = 1;
        loop {
            // For loom each load is one more branch, and a loop of loads that may be stale has no end.
            if cfg!(loom) {
                spin_loop();
            }
            while !cfg!(loom) && self.0.load(Relaxed) {
                for _ in 0..pauses {
                    spin_loop();
                }
                pauses = Self::MAX_PAUSES.min(2 * pauses);
            }
            if self.try_lock() {
                return;
            }
        }
    }
}

impl Default for SpinLock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SpinLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpinLock").field("locked", &self.0.load(Relaxed)).finish()
    }
}

// SAFETY: a thread that exchanges `false` for `true` is alone until the store of its guard's drop, with which the acquire of
// the next thread synchronises. The drop of a guard does nothing but that store.
unsafe impl LockTrait for SpinLock {
    type Guard<'a> = SpinGuard<'a>;

    const RELEASE_IS_LAST: bool = true;

    #[inline]
    fn init() -> Self {
        Self::new()
    }

    #[inline]
    fn lock(&self) -> SpinGuard<'_> {
        if !self.try_lock() {
            self.wait();
        }
        SpinGuard(self)
    }
}

/// The guard of a [`SpinLock`].
#[derive(Debug)]
pub struct SpinGuard<'a>(&'a SpinLock);

impl Drop for SpinGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.0.store(false, Release);
    }
}
