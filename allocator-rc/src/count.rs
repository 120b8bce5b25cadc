//! How many handles there are, and [`LocalCount`], for those of one thread.
//!
//! Counts saturate. A handle that is forgotten rather than dropped never comes off its count, so safe code can count as
//! far as it likes; were the count to wrap, the engine would be dropped under the handles that are left. A count that
//! has come too far instead stays there, and the engine is never dropped: it lives in the pool, so nothing else is lost.
//!
//! The module uses nothing of the crate, so that `tests/loom.rs` can model the counts alone.

use core::cell::Cell;

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

#[cfg(all(test, not(loom)))]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn the_last_to_leave_is_told() {
        last_is_last::<LocalCount>();
    }

    /// Clones and drops a handle or two, and finds the last drop exactly once.
    pub(crate) fn last_is_last<C: Count>() {
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
}
