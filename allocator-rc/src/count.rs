//! How many handles there are: [`LocalCount`] for one thread, [`AtomicCount`] for many.
//!
//! Both saturate. A handle that is forgotten rather than dropped never comes off its count, so safe code can count as
//! far as it likes; were the count to wrap, the engine would be dropped under the handles that are left. A count that
//! has come too far instead stays there, and the engine is never dropped: it lives in the pool, so nothing else is lost.
//!
//! The module uses nothing of the crate, so that `tests/loom.rs` can model it alone.

use core::cell::Cell;

#[cfg(not(loom))]
use core::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
#[cfg(loom)]
use loom::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// A count of handles.
pub(crate) trait Count {
    /// The count of the first handle.
    fn one() -> Self;

    /// Counts one more handle, a clone of one that is counted. O(1).
    fn join(&self);

    /// Counts one handle less, and tells whether it was the last one. O(1).
    ///
    /// After `true`, which comes at most once, nobody else has access to what is counted, and all that other handles
    /// did to it has happened before.
    #[must_use]
    fn leave(&self) -> bool;
}

/// A count for handles that share a thread.
///
/// It is the number of handles; or `usize::MAX`, once there have been so many, for ever.
#[derive(Debug)]
pub(crate) struct LocalCount(Cell<usize>);

impl Count for LocalCount {
    fn one() -> Self {
        Self(Cell::new(1))
    }

    #[inline]
    fn join(&self) {
        self.0.set(self.0.get().saturating_add(1));
    }

    #[inline]
    fn leave(&self) -> bool {
        match self.0.get() {
            usize::MAX => false,
            count => {
                self.0.set(count - 1);
                count == 1
            }
        }
    }
}

/// A count for handles on many threads, on the plan of Linux' `refcount_t`.
///
/// ```text
///   0         1 ... LIMIT        LIMIT + 1 ... SATURATED ... usize::MAX
///   the last  number of handles  saturated: every step puts it back to SATURATED
///   is gone
/// ```
///
/// A step is one instruction that cannot fail, and a look at what it found. Several threads may step past the limit
/// before the first of them has put the count back, so [`SATURATED`](Self::SATURATED) is a quarter of the address space
/// away from either end: as many threads there cannot be, for each needs a stack.
#[derive(Debug)]
pub(crate) struct AtomicCount(AtomicUsize);

impl AtomicCount {
    /// The largest number of handles that is still counted.
    const LIMIT: usize = usize::MAX / 2;

    /// Where the count stays once it has passed the limit.
    const SATURATED: usize = Self::LIMIT + usize::MAX / 4;

    #[cold]
    fn saturate(&self) {
        self.0.store(Self::SATURATED, Relaxed);
    }
}

impl Count for AtomicCount {
    fn one() -> Self {
        Self(AtomicUsize::new(1))
    }

    #[inline]
    fn join(&self) {
        // Relaxed: the handle that is cloned keeps the count up, and whoever sends the clone to another thread
        // synchronises with it.
        if self.0.fetch_add(1, Relaxed) >= Self::LIMIT {
            self.saturate();
        }
    }

    #[inline]
    fn leave(&self) -> bool {
        // Release: what this handle did happens before the last one's fence. Later steps, being read-modify-writes,
        // carry the release on.
        match self.0.fetch_sub(1, Release) {
            1 => {
                fence(Acquire);
                true
            }
            count => {
                if count > Self::LIMIT {
                    self.saturate();
                }
                false
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Clones and drops a handle or two, and finds the last drop exactly once.
    fn last_is_last<C: Count>() {
        let count = C::one();
        count.join();
        count.join();
        assert!(!count.leave());
        count.join();
        assert!(!count.leave());
        assert!(!count.leave());
        assert!(count.leave());
    }

    #[test]
    fn the_last_to_leave_is_told() {
        last_is_last::<LocalCount>();
        last_is_last::<AtomicCount>();
    }

    #[test]
    fn a_local_count_counts_up_to_its_end_and_then_stays() {
        let count = LocalCount(Cell::new(usize::MAX - 2));
        count.join();
        assert!(!count.leave());
        assert_eq!(count.0.get(), usize::MAX - 2);
        for _ in 0..3 {
            count.join();
        }
        for _ in 0..1000 {
            assert!(!count.leave());
        }
        assert_eq!(count.0.get(), usize::MAX);
    }

    #[test]
    fn an_atomic_count_counts_up_to_its_limit_and_then_stays() {
        let count = AtomicCount(AtomicUsize::new(AtomicCount::LIMIT - 1));
        count.join();
        assert!(!count.leave());
        assert_eq!(count.0.load(Relaxed), AtomicCount::LIMIT - 1);
        count.join();
        count.join();
        assert_eq!(count.0.load(Relaxed), AtomicCount::SATURATED);
        for _ in 0..1000 {
            assert!(!count.leave());
        }
        count.join();
        assert_eq!(count.0.load(Relaxed), AtomicCount::SATURATED);
    }

    #[test]
    fn a_step_that_was_under_way_when_an_atomic_count_saturated_does_no_harm() {
        // Others have stepped down past the limit or up from it, and not yet put the count back.
        for at in [AtomicCount::LIMIT + 1, AtomicCount::SATURATED - 100, AtomicCount::SATURATED + 100, usize::MAX - 1] {
            let count = AtomicCount(AtomicUsize::new(at));
            assert!(!count.leave());
            assert_eq!(count.0.load(Relaxed), AtomicCount::SATURATED);
            let count = AtomicCount(AtomicUsize::new(at));
            count.join();
            assert_eq!(count.0.load(Relaxed), AtomicCount::SATURATED);
        }
    }
}
