//! [`AtomicCount`], the number of handles on many threads.
//!
//! The module uses nothing of the crate but the trait, so that `tests/loom.rs` can model it alone.

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

use crate::count::Count;

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

    #[test]
    fn the_last_to_leave_is_told() {
        crate::count::tests::last_is_last::<AtomicCount>();
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
