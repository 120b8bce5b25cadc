//! [`SpinLock`], one byte between threads.

use core::fmt;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::LockTrait;
use crate::sync::{AtomicBool, spin_loop};

/// A lock that spins until it is free.
///
/// It neither masks interrupts nor knows who waits: an interrupt handler that locks it while the code below it has it
/// waits for ever, and under contention nobody is promised a turn. Where either matters, bring your own.
///
/// # Time complexity
///
/// Where nobody else wants it, `lock` is one atomic exchange, and the drop of the guard a store.
#[repr(transparent)]
pub struct SpinLock(AtomicBool);

impl SpinLock {
    /// How often a waiting thread pauses at most before it looks again: long enough to leave the cache line to the one
    /// that works, short against a slab fetched or a time slice.
    const MAX_PAUSES: u32 = 64;

    /// A lock that nobody has.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// A lock that nobody has.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Takes the lock, if nobody has it. Who fails writes nothing: loom does not order such a write with the store that
    /// releases.
    #[inline(always)]
    fn try_lock(&self) -> bool {
        self.0.compare_exchange(false, true, Acquire, Relaxed).is_ok()
    }

    /// Waits for the lock, looking at it less and less often.
    #[cold]
    fn wait(&self) {
        let mut pauses = 1;
        loop {
            // In a model each look is a branch more, and a look that may be at a stale value has no end.
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

// SAFETY: whoever exchanges `false` for `true` is alone until the guard's store, which its acquire sees. That store is the
// only thing that the release does.
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

/// Keeps a [`SpinLock`] locked until it is dropped.
#[derive(Debug)]
pub struct SpinGuard<'a>(&'a SpinLock);

impl Drop for SpinGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.0.store(false, Release);
    }
}
