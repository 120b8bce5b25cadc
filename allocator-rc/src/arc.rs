//! [`AllocatorArc`], the handle for many threads.

use core::mem::MaybeUninit;

use allocator_core::{AllocResult, ByteAllocator};
use allocator_shared::count::AtomicCount;
use allocator_shared::lock_api::RawMutex;
use allocator_shared::{DefaultLock, Locked};

use crate::handle::Handle;

/// A shared handle to an engine and its pool, for collections on many threads.
///
/// Clones share the engine: any of them may free what another one has allocated, on any thread. The pool stays borrowed until
/// the last handle, and with it the last collection, is gone; the last handle drops the engine. A handle is one pointer.
///
/// The engine is behind a lock `R`, held for one call of the engine at a time. A block that has to move is copied, and new
/// memory zeroed, while the lock is free. The handle is `Send` and `Sync` where [`Locked<A, R>`](Locked) is both, that is,
/// where the engine can be sent and the lock is one between threads.
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
pub struct AllocatorArc<'pool, A, R = DefaultLock>(pub(crate) Handle<'pool, AtomicCount, Locked<A, R>>);

// SAFETY: a handle gives every thread that has one access to `Locked`, and lets the last of them drop it, wherever that is:
// it must be `Sync` and `Send`. The table of regions is used under its lock, and is `Send`. The count is atomic. The pool is
// reached through the engine only.
unsafe impl<A, R> Send for AllocatorArc<'_, A, R> where Locked<A, R>: Send + Sync {}
// SAFETY: as for `Send`, for a shared handle can be cloned.
unsafe impl<A, R> Sync for AllocatorArc<'_, A, R> where Locked<A, R>: Send + Sync {}

impl<'pool, A: ByteAllocator + 'static> AllocatorArc<'pool, A> {
    /// Moves the engine into the pool, behind a spin lock, and gives it the rest of the pool.
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
    /// On an error the engine is dropped.
    pub fn new(inner: A, pool: &'pool mut [MaybeUninit<u8>]) -> AllocResult<Self> {
        Self::with_lock(inner, pool)
    }
}

impl<'pool, A: ByteAllocator + 'static, R: RawMutex> AllocatorArc<'pool, A, R> {
    /// Moves the engine into the pool, behind a lock of the caller's choice, and gives it the rest of the pool.
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
        Handle::new(Locked::with_lock(R::INIT, inner), pool).map(Self)
    }
}

impl<A: ByteAllocator, R: RawMutex> AllocatorArc<'_, A, R> {
    /// Calls `look` with the engine, under the lock: for statistics that it has beyond the trait, or several of one moment.
    ///
    /// # Panics
    ///
    /// As `look` and the lock do. A `look` that allocates from this engine waits for itself, or panics, as the lock does.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    ///
    /// use allocator_core::ByteAllocator;
    /// use allocator_rc::AllocatorArc;
    /// use allocator_tlsf::TlsfByteAllocator;
    ///
    /// let mut pool = [MaybeUninit::uninit(); 16 * 1024];
    /// let heap = AllocatorArc::new(TlsfByteAllocator::new(), &mut pool)?;
    /// let (total, used) = heap.with(|engine| (engine.total_bytes(), engine.used_bytes()));
    /// assert!(used < total);
    /// # Ok::<(), allocator_core::AllocError>(())
    /// ```
    pub fn with<T>(&self, look: impl FnOnce(&A) -> T) -> T {
        self.0.engine().with(look)
    }

    /// Calls `call` with the engine that a reference to the locked one is, each of whose methods takes the lock by itself.
    ///
    /// # Safety
    ///
    /// As for `AllocatorRc::with_engine`, though nothing here relies on it.
    #[inline]
    pub(crate) unsafe fn with_engine<T>(&self, call: impl FnOnce(&mut &Locked<A, R>) -> T) -> T {
        call(&mut self.0.engine())
    }
}

impl<A, R> Clone for AllocatorArc<'_, A, R> {
    /// Another handle to the same engine. O(1): one atomic addition.
    #[inline]
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
