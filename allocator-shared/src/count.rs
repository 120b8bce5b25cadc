//! Counts of references to something shared: [`LocalCount`] for one thread, [`AtomicCount`] for many.
//!
//! Counts saturate. Safe code can raise a count as far as it likes, by forgetting references rather than dropping them. If the
//! count wrapped, the shared thing would be dropped while references are left. So a count that has come too far stays there,
//! and the shared thing stays for ever.

use core::cell::Cell;

#[cfg(not(loom))]
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;
#[cfg(target_has_atomic = "ptr")]
use core::sync::atomic::Ordering::{Acquire, Release};
#[cfg(loom)]
use loom::sync::atomic::AtomicUsize;

/// A count of references.
pub trait Count {
    /// The count of the first reference.
    fn one() -> Self;

    /// Counts one more reference, a clone of one that is counted. O(1).
    fn acquire(&self);

    /// Counts one reference less, and returns whether it was the last. O(1).
    ///
    /// After `true`, which comes at most once, nobody else has access to what is counted, and all that other references
    /// did to it has happened before. After `false` the caller has no access any more.
    #[must_use]
    fn release(&self) -> bool;
}

/// A count of references on one thread.
///
/// Its value is the number of references, or, once there have been `usize::MAX`, that for ever.
#[derive(Debug)]
pub struct LocalCount(Cell<usize>);

impl Count for LocalCount {
    fn one() -> Self {
        Self(Cell::new(1))
    }

    #[inline]
    fn acquire(&self) {
        self.0.set(self.0.get().saturating_add(1));
    }

    #[inline]
    fn release(&self) -> bool {
        match self.0.get() {
            usize::MAX => false,
            count => {
                self.0.set(count.saturating_sub(1));
                count == 1
            }
        }
    }
}

/// A count of references on many threads, on the plan of Linux' `refcount_t`.
///
/// ```text
///   0         1 ... LIMIT           LIMIT + 1 ... SATURATED ... usize::MAX
///   the last  number of references  saturated: every step puts it back to SATURATED
///   is gone
/// ```
///
/// A step is one atomic instruction that cannot fail, and a test of the value that it found. Several threads may step past the
/// limit before the first of them has put the count back to `SATURATED`, which is a quarter of the address space away from
/// either end: so many threads cannot exist, for each needs a stack.
///
/// A user that holds a lock around all steps takes the plain ones, `acquire_locked` and `release_locked`, and never the others.
#[derive(Debug)]
pub struct AtomicCount(AtomicUsize);

impl AtomicCount {
    /// The largest number of references that is still counted.
    const LIMIT: usize = usize::MAX / 2;

    /// Where the count stays once it has passed the limit.
    const SATURATED: usize = Self::LIMIT + usize::MAX / 4;

    /// The count of the first reference.
    #[must_use]
    pub fn one() -> Self {
        Self(AtomicUsize::new(1))
    }

    /// Counts one more reference, under the caller's lock. O(1), no atomic read-modify-write.
    #[inline]
    pub fn acquire_locked(&self) {
        let count = self.0.load(Relaxed);
        self.0.store(if count >= Self::LIMIT { Self::SATURATED } else { count + 1 }, Relaxed);
    }

    /// Counts one reference less, under the caller's lock. O(1), no atomic read-modify-write.
    #[inline]
    pub fn release_locked(&self) {
        let count = self.0.load(Relaxed);
        self.0.store(if count >= Self::LIMIT { Self::SATURATED } else { count.saturating_sub(1) }, Relaxed);
    }

    /// How many references there are, at some moment; more than there can be once the count has saturated.
    #[must_use]
    #[inline]
    pub fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

#[cfg(target_has_atomic = "ptr")]
impl AtomicCount {
    #[cold]
    fn saturate(&self) {
        self.0.store(Self::SATURATED, Relaxed);
    }
}

#[cfg(target_has_atomic = "ptr")]
impl Count for AtomicCount {
    fn one() -> Self {
        Self::one()
    }

    #[inline]
    fn acquire(&self) {
        // Relaxed: the reference that is cloned keeps the count up, and sending the clone to another thread synchronises with
        // that thread.
        if self.0.fetch_add(1, Relaxed) >= Self::LIMIT {
            self.saturate();
        }
    }

    #[inline]
    fn release(&self) -> bool {
        // Release: what this reference did happens before the last one's acquire. Later steps, being read-modify-writes,
        // carry the release on.
        match self.0.fetch_sub(1, Release) {
            1 => {
                // A load, not a fence, for ThreadSanitizer knows no fences. The count is still there: this was the last
                // reference to what it is part of.
                let _ = self.0.load(Acquire);
                true
            }
            count => {
                // A count past the limit is never released to 0, so the count is still there to be written.
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

    fn the_last_is_last<C: Count>() {
        let count = C::one();
        count.acquire();
        count.acquire();
        assert!(!count.release());
        count.acquire();
        assert!(!count.release());
        assert!(!count.release());
        assert!(count.release());
    }

    #[test]
    fn the_last_release_says_so_once() {
        the_last_is_last::<LocalCount>();
        the_last_is_last::<AtomicCount>();
        let count = AtomicCount::one();
        count.acquire_locked();
        count.release_locked();
        assert_eq!(count.get(), 1);
        count.release_locked();
        assert_eq!(count.get(), 0);
    }

    #[test]
    fn a_local_count_counts_up_to_its_end_and_then_stays() {
        let count = LocalCount(Cell::new(usize::MAX - 2));
        count.acquire();
        assert!(!count.release());
        assert_eq!(count.0.get(), usize::MAX - 2);
        for _ in 0..3 {
            count.acquire();
        }
        for _ in 0..1000 {
            assert!(!count.release());
        }
        assert_eq!(count.0.get(), usize::MAX);
    }

    #[test]
    fn an_atomic_count_counts_up_to_its_limit_and_then_stays() {
        let count = AtomicCount(AtomicUsize::new(AtomicCount::LIMIT - 1));
        count.acquire();
        assert!(!count.release());
        assert_eq!(count.get(), AtomicCount::LIMIT - 1);
        count.acquire();
        count.acquire();
        assert_eq!(count.get(), AtomicCount::SATURATED);
        for _ in 0..1000 {
            assert!(!count.release());
        }
        count.acquire();
        assert_eq!(count.get(), AtomicCount::SATURATED);
    }

    #[test]
    fn a_step_that_was_under_way_when_an_atomic_count_saturated_does_no_harm() {
        // Others have stepped down past the limit or up from it, and not yet put the count back.
        for at in [AtomicCount::LIMIT + 1, AtomicCount::SATURATED - 100, AtomicCount::SATURATED + 100, usize::MAX - 1] {
            let count = AtomicCount(AtomicUsize::new(at));
            assert!(!count.release());
            assert_eq!(count.get(), AtomicCount::SATURATED);
            let count = AtomicCount(AtomicUsize::new(at));
            count.acquire();
            assert_eq!(count.get(), AtomicCount::SATURATED);
            for step in [AtomicCount::acquire_locked, AtomicCount::release_locked] {
                let count = AtomicCount(AtomicUsize::new(at));
                step(&count);
                assert_eq!(count.get(), AtomicCount::SATURATED);
            }
        }
    }
}
