//! [`AllocatorArc`], the handle for many threads.

use core::mem::MaybeUninit;

use allocator_core::{AllocResult, ByteAllocator};
use lock_api::{Mutex, RawMutex};

use crate::atomic_count::AtomicCount;
use crate::handle::{Access, Handle, Pools};

/// The lock of an [`AllocatorArc`] that names none: it spins.
pub type DefaultLock = spin::Mutex<()>;

/// A shared handle to an engine and its pool, for collections on many threads.
///
/// Clones share the engine: what one has allocated another may free, on whatever thread it is. The pool stays borrowed
/// until the last handle, and with it the last collection, is gone; then the engine is dropped. A handle is one pointer.
///
/// The engine is behind a lock `R`, held for one call of the engine at a time. It is `Send` and `Sync` where
/// `lock_api::Mutex<R, A>` is both, that is, where the engine can be sent and the lock is one between threads.
///
/// # Examples
///
/// ```
/// use core::mem::MaybeUninit;
/// use std::thread;
///
/// use allocator_api2::vec::Vec;
/// use allocator_rc::AllocatorArc;
/// use allocator_tlsf::TlsfByteAllocator;
///
/// let mut pool = [MaybeUninit::uninit(); 16 * 1024];
/// let heap = AllocatorArc::new(TlsfByteAllocator::new(), &mut pool)?;
///
/// thread::scope(|scope| {
///     for _ in 0..2 {
///         let heap = heap.clone();
///         scope.spawn(move || {
///             let mut numbers = Vec::new_in(heap);
///             numbers.extend(0..100_u32);
///             assert_eq!(numbers.iter().sum::<u32>(), 4950);
///         });
///     }
/// });
/// assert_eq!(heap.used_bytes(), 0);
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub struct AllocatorArc<'pool, A, R = DefaultLock>(pub(crate) Handle<'pool, AtomicCount, Mutex<R, Pools<A>>>);

// SAFETY: a handle gives every thread that has one access to the mutex, and lets the last of them drop it, wherever that
// is: the mutex must be `Sync` and `Send`, and it is where `Mutex<R, A>` is, for the table of regions beside the engine
// is `Send`. The count is atomic. The pool is reached through the engine only.
unsafe impl<A, R> Send for AllocatorArc<'_, A, R> where Mutex<R, A>: Send + Sync {}
// SAFETY: as for `Send`, for a shared handle can be cloned.
unsafe impl<A, R> Sync for AllocatorArc<'_, A, R> where Mutex<R, A>: Send + Sync {}

impl<R: RawMutex, A: ByteAllocator> Access for Mutex<R, Pools<A>> {
    type Engine = A;

    #[inline]
    unsafe fn with<T>(&self, call: impl FnOnce(&mut Pools<A>) -> T) -> T {
        call(&mut self.lock())
    }
}

impl<'pool, A: ByteAllocator + 'static> AllocatorArc<'pool, A> {
    /// Moves the engine into the pool, behind a spin lock, and gives it what is left of the pool.
    ///
    /// The engine must be `'static`, as for [`AllocatorRc::new`](crate::AllocatorRc::new).
    ///
    /// # Time complexity
    ///
    /// O(1), plus the `init` of the engine.
    ///
    /// # Errors
    ///
    /// - [`InvalidParam`](allocator_core::AllocError::InvalidParam): the pool has no room for the engine and something
    ///   to manage;
    /// - those of [`init`](allocator_core::BaseAllocator::init); `InvalidParam` if the engine has memory already.
    ///
    /// The engine is dropped then.
    pub fn new(inner: A, pool: &'pool mut [MaybeUninit<u8>]) -> AllocResult<Self> {
        Self::with_lock(inner, pool)
    }
}

impl<'pool, A: ByteAllocator + 'static, R: RawMutex> AllocatorArc<'pool, A, R> {
    /// Moves the engine into the pool, behind a lock of the caller's choice, and gives it what is left of the pool.
    ///
    /// The engine must be `'static`, as for [`AllocatorRc::new`](crate::AllocatorRc::new).
    ///
    /// # Time complexity
    ///
    /// O(1), plus the `init` of the engine.
    ///
    /// # Errors
    ///
    /// As for [`new`](AllocatorArc::new).
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    ///
    /// use allocator_rc::AllocatorArc;
    /// use allocator_tlsf::TlsfByteAllocator;
    ///
    /// // A kernel would name its own: one that masks interrupts, or sleeps.
    /// type BusyLock = spin::mutex::Mutex<(), spin::relax::Loop>;
    ///
    /// let mut pool = [MaybeUninit::uninit(); 16 * 1024];
    /// let heap = AllocatorArc::<_, BusyLock>::with_lock(TlsfByteAllocator::new(), &mut pool)?;
    /// assert_eq!(heap.used_bytes(), 0);
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    pub fn with_lock(inner: A, pool: &'pool mut [MaybeUninit<u8>]) -> AllocResult<Self> {
        Handle::new(inner, pool, Mutex::new).map(Self)
    }
}

impl<A, R> Clone for AllocatorArc<'_, A, R> {
    /// Another handle to the same engine. O(1): one atomic addition.
    #[inline]
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
