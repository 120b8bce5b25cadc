//! [`Refs`], how many references keep a hierarchy.

use core::sync::atomic::Ordering::Relaxed;
#[cfg(target_has_atomic = "ptr")]
use core::sync::atomic::Ordering::{Acquire, Release};

use super::sync::AtomicUsize;

/// The number of references to a hierarchy that are counted one by one.
///
/// Which they are, and how, depends on the lock; one hierarchy counts in one way only:
///
/// | [`RELEASE_IS_LAST`](super::locks::LockTrait::RELEASE_IS_LAST) | counted here | how |
/// | --- | --- | --- |
/// | true | handles, and boxes on their way out that still have to call the source | plain steps under the lock |
/// | false | handles and boxes | atomic steps outside of it |
///
/// Safe code can forget as many handles as it likes. So that the count does not wrap, it saturates: the hierarchy then
/// stays for ever.
///
/// ```text
///   0         1 ... LIMIT           LIMIT + 1 ... SATURATED ... usize::MAX
///   the last  number of references  saturated: every step puts it back to SATURATED
///   is gone
/// ```
///
/// Several threads may step past the limit before the first has put the count back; `SATURATED` is a quarter of the
/// address space away from either end, and each thread needs a stack.
pub(super) struct Refs(AtomicUsize);

impl Refs {
    const LIMIT: usize = usize::MAX / 2;
    const SATURATED: usize = Self::LIMIT + usize::MAX / 4;

    /// The count with the first handle.
    pub(super) fn one() -> Self {
        Self(AtomicUsize::new(1))
    }

    /// What a plain step makes of the count.
    const fn stepped(count: usize, up: bool) -> usize {
        match (count, up) {
            (Self::LIMIT.., _) => Self::SATURATED,
            (count, true) => count + 1,
            (count, false) => count - 1,
        }
    }

    /// One more, under the lock.
    #[inline]
    pub(super) fn join_locked(&self) {
        self.0.store(Self::stepped(self.0.load(Relaxed), true), Relaxed);
    }

    /// One less, under the lock.
    #[inline]
    pub(super) fn leave_locked(&self) {
        self.0.store(Self::stepped(self.0.load(Relaxed), false), Relaxed);
    }

    /// Whether there is none left, under the lock.
    #[inline]
    pub(super) fn is_zero_locked(&self) -> bool {
        self.0.load(Relaxed) == 0
    }

    /// How many there are, at some moment.
    pub(super) fn count(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// One more, outside of the lock, by someone who has one.
    #[cfg(target_has_atomic = "ptr")]
    #[inline]
    pub(super) fn join(&self) {
        // Relaxed: the reference that the caller has keeps the count up, and whoever sends the new one to another thread
        // synchronises with it.
        if self.0.fetch_add(1, Relaxed) >= Self::LIMIT {
            self.0.store(Self::SATURATED, Relaxed);
        }
    }

    /// One less, outside of the lock: whether it was the last. Then nobody else has access to the hierarchy, and all that
    /// others did to it has happened before. After `false` the caller has no access any more.
    #[cfg(target_has_atomic = "ptr")]
    #[inline]
    #[must_use]
    pub(super) fn leave(&self) -> bool {
        // Release: what this thread did happens before the last one's acquire. Steps between them carry it on, being
        // read-modify-writes.
        match self.0.fetch_sub(1, Release) {
            1 => {
                // A load, not a fence, for ThreadSanitizer knows no fences. The memory is still there: this was the last
                // reference.
                let _ = self.0.load(Acquire);
                true
            }
            count => {
                // Past the limit there is always someone who keeps the hierarchy.
                if count > Self::LIMIT {
                    self.0.store(Self::SATURATED, Relaxed);
                }
                false
            }
        }
    }

    // Where there is no read-modify-write, the locks that would need these do not compile: see `grid`.
    #[cfg(not(target_has_atomic = "ptr"))]
    pub(super) fn join(&self) {
        unreachable!("the lock's RELEASE_IS_LAST is true");
    }

    #[cfg(not(target_has_atomic = "ptr"))]
    pub(super) fn leave(&self) -> bool {
        unreachable!("the lock's RELEASE_IS_LAST is true");
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_to_leave_is_told() {
        let refs = Refs::one();
        refs.join();
        assert!(!refs.leave());
        assert!(refs.leave());
        let refs = Refs::one();
        refs.join_locked();
        refs.leave_locked();
        assert!(!refs.is_zero_locked());
        refs.leave_locked();
        assert!(refs.is_zero_locked());
    }

    #[test]
    fn past_the_limit_a_count_stays() {
        for at in [Refs::LIMIT, Refs::LIMIT + 1, Refs::SATURATED - 100, Refs::SATURATED, usize::MAX - 1] {
            let refs = Refs(AtomicUsize::new(at));
            refs.join();
            assert_eq!(refs.count(), Refs::SATURATED, "{at}");
            assert!((0..1000).all(|_| !refs.leave()));
            assert_eq!(refs.count(), Refs::SATURATED);
            for step in [Refs::join_locked, Refs::leave_locked] {
                let refs = Refs(AtomicUsize::new(at));
                step(&refs);
                assert_eq!(refs.count(), Refs::SATURATED);
            }
        }
    }
}
