//! The locks of a cache: [`LockTrait`], [`SpinLock`], [`NoLock`], and [`RawLock`] for any lock of `lock_api`.
//!
//! | lock | size | for |
//! | --- | --- | --- |
//! | [`NoLock`] | 0 | one thread: caches and boxes with it are neither `Send` nor `Sync` |
//! | [`SpinLock`] | 1 | many threads, where no interrupt handler uses the cache |
//! | [`RawLock<R>`](RawLock) | that of `R` | the locks that a kernel has: locks that mask interrupts, or sleep |
//! | your own, with [`LockTrait`] | up to 16 | the same, where its release is its last touch of its memory |

mod no_lock;
mod raw_lock;
#[cfg(target_has_atomic = "8")]
mod spin_lock;

pub use no_lock::NoLock;
pub use raw_lock::{RawGuard, RawLock};
#[cfg(target_has_atomic = "8")]
pub use spin_lock::{SpinGuard, SpinLock};

/// The size of the largest lock that a cache can have, in bytes.
pub const MAX_LOCK_SIZE: usize = 16;

/// A lock that lies in the primary slab of a cache.
///
/// At most [`MAX_LOCK_SIZE`] bytes; a larger one does not compile:
///
/// ```compile_fail,E0080
/// use allocator_cache::locks::LockTrait;
/// use allocator_cache::sources::StdSource;
/// use allocator_cache::SlabCache;
///
/// struct Large([*const (); 3]);
/// // SAFETY: the type is not `Sync`, so there is but one thread.
/// unsafe impl LockTrait for Large {
///     type Guard<'a> = ();
///     fn init() -> Self {
///         Self([core::ptr::null(); 3])
///     }
///     fn lock(&self) {}
/// }
/// // error[E0080]: evaluation panicked: the lock is larger than 16 bytes
/// let cache = SlabCache::<u64, Large, 4096, _>::with_source(StdSource);
/// ```
///
/// # Safety
///
/// - Mutual exclusion: from when [`lock`](Self::lock) returns until the guard is dropped, `lock` returns to no other thread.
///   What a thread does under a guard happens before what the next one does under the next guard. A type that is not `Sync`
///   has but one thread, and fulfils this without doing anything.
/// - `lock` is a safe method: called on the thread that has a guard, it may wait for ever, panic or return, without
///   undefined behaviour. The cache does not call it so.
/// - The lock may be moved while no guard of it is there.
/// - [`RELEASE_IS_LAST`](Self::RELEASE_IS_LAST) is true only if the drop of a guard does what is said there.
///
/// # Examples
///
/// A lock that masks interrupts, in a kernel for one core:
///
/// ```
/// use core::marker::PhantomData;
/// use allocator_cache::locks::LockTrait;
/// # fn disable_interrupts() -> bool { true }
/// # fn enable_interrupts() {}
///
/// struct InterruptLock;
/// struct Masked {
///     were_enabled: bool,
///     not_sent: PhantomData<*const ()>,
/// }
///
/// impl Drop for Masked {
///     fn drop(&mut self) {
///         if self.were_enabled {
///             enable_interrupts();
///         }
///     }
/// }
///
/// // SAFETY: with interrupts disabled, nobody else runs on the only core. The lock has no memory of its own.
/// unsafe impl LockTrait for InterruptLock {
///     type Guard<'a> = Masked;
///     const RELEASE_IS_LAST: bool = true;
///
///     fn init() -> Self {
///         Self
///     }
///
///     fn lock(&self) -> Masked {
///         Masked { were_enabled: disable_interrupts(), not_sent: PhantomData }
///     }
/// }
/// ```
pub unsafe trait LockTrait {
    /// The guard, whose drop releases the lock.
    type Guard<'a>
    where
        Self: 'a;

    /// Whether the step with which the drop of a guard lets the next thread in is the last time that it touches the lock.
    ///
    /// A spin lock whose release is one store does that. Then the cache counts its references under the lock, without any
    /// atomic instruction.
    ///
    /// Other locks touch their memory later, for instance to wake a thread that waits; the next thread might end the cache,
    /// and with it the lock, before that. For such locks, the cache counts references in an atomic of its own. That costs
    /// one more atomic instruction for each object allocated and each freed, and does not compile on a target without
    /// atomic read-modify-write instructions.
    const RELEASE_IS_LAST: bool = false;

    /// Makes a lock that nobody has.
    fn init() -> Self;

    /// Waits until nobody has the lock, then takes it.
    fn lock(&self) -> Self::Guard<'_>;
}
