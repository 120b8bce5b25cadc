//! What protects a hierarchy of slabs: [`LockTrait`], [`SpinLock`], [`NoLock`], and any lock of `lock_api`.
//!
//! | lock | size | for |
//! | --- | --- | --- |
//! | [`NoLock`] | 0 | one thread: caches and boxes with it are neither `Send` nor `Sync` |
//! | [`SpinLock`] | 1 | many threads, where no interrupt handler uses the cache |
//! | `RawLock<R>` (feature `lock_api`) | that of `R` | whatever a kernel has: locks that mask interrupts, or sleep |
//! | your own, with [`LockTrait`] | up to 16 | the same without `lock_api` |

mod no_lock;
#[cfg(feature = "lock_api")]
mod raw_lock;
#[cfg(target_has_atomic = "8")]
mod spin_lock;

pub use no_lock::NoLock;
#[cfg(feature = "lock_api")]
pub use raw_lock::{RawGuard, RawLock};
#[cfg(target_has_atomic = "8")]
pub use spin_lock::{SpinGuard, SpinLock};

/// The largest lock that a hierarchy takes, in bytes.
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
/// struct Large([u64; 3]);
/// // SAFETY: a lock of one thread, for it is not `Sync`.
/// unsafe impl LockTrait for Large {
///     type Guard<'a> = ();
///     fn init() -> Self {
///         Self([0; 3])
///     }
///     fn lock(&self) {}
/// }
/// // error[E0080]: evaluation panicked: the lock is larger than 16 bytes
/// let cache = SlabCache::<u64, Large, 4096, _>::with_source(StdSource);
/// ```
///
/// # Safety
///
/// - From when [`lock`](Self::lock) returns until its guard is dropped, it returns to no other thread: what was done under
///   one guard happens before what is done under the next. A type that is not `Sync` has to do nothing for that.
/// - It is a safe method: called again on the thread that has a guard, it may wait for ever, panic or return, but do nothing
///   undefined. The cache does not call it so.
/// - Moving the lock while nobody has a guard does no harm.
/// - [`RELEASE_IS_LAST`](Self::RELEASE_IS_LAST) is true only where it says the truth.
///
/// # Examples
///
/// A lock that masks interrupts, of a kernel for one core:
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
    /// What keeps the lock locked until it is dropped.
    type Guard<'a>
    where
        Self: 'a;

    /// Whether a thread that drops a guard touches the lock for the last time when it lets the next one in.
    ///
    /// Where that holds, as for a spin lock whose release is one store, the cache counts its references under the lock,
    /// with no atomic instruction. Where it does not, or nobody knows, the next thread in could find that it has the last
    /// box and free the lock under the hands of the one before it. Then the cache counts references in an atomic of its
    /// own, which costs one more atomic instruction for each allocation and each free, and does not compile on targets
    /// that have no such instruction.
    const RELEASE_IS_LAST: bool = false;

    /// A lock that nobody has.
    fn init() -> Self;

    /// Waits until nobody has the lock, and takes it.
    fn lock(&self) -> Self::Guard<'_>;
}
