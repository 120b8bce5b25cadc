//! [`AllocatorRc`], the handle for one thread.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use allocator_core::{AllocResult, ByteAllocator};

use crate::count::LocalCount;
use crate::handle::{Access, Handle, Pools};

/// A shared handle to an engine and its pool, for collections on one thread.
///
/// Clones share the engine: what one has allocated another may free. The pool stays borrowed until the last handle, and
/// with it the last collection, is gone; then the engine is dropped. A handle is one pointer.
///
/// What a handle adds to a call of the engine is a test of the size for 0 (`cargo bench -p allocator-benches --bench
/// handles` measures it).
///
/// # Examples
///
/// ```
/// use core::mem::MaybeUninit;
///
/// use allocator_api2::vec::Vec;
/// use allocator_rc::AllocatorRc;
/// use allocator_tlsf::TlsfByteAllocator;
///
/// let mut pool = [MaybeUninit::uninit(); 16 * 1024];
/// let heap = AllocatorRc::new(TlsfByteAllocator::new(), &mut pool)?;
///
/// let mut squares = Vec::new_in(heap.clone());
/// squares.extend((0..100_u32).map(|n| n * n));
/// assert_eq!(squares[99], 9801);
/// assert!(heap.used_bytes() >= 400);
///
/// drop(squares);
/// assert_eq!(heap.used_bytes(), 0);
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub struct AllocatorRc<'pool, A>(pub(crate) Handle<'pool, LocalCount, OneThread<A>>);

/// An engine that only one thread can reach.
#[derive(Debug)]
pub(crate) struct OneThread<A>(UnsafeCell<Pools<A>>);

impl<A: ByteAllocator> Access for OneThread<A> {
    type Engine = A;

    #[inline]
    unsafe fn with<T>(&self, call: impl FnOnce(&mut Pools<A>) -> T) -> T {
        // SAFETY: a cell is not `Sync`, so there is no other thread here; and `call` does not come back, so there is no
        // other reference on this one.
        call(unsafe { &mut *self.0.get() })
    }
}

impl<'pool, A: ByteAllocator + 'static> AllocatorRc<'pool, A> {
    /// Moves the engine into the pool, and gives it what is left of the pool.
    ///
    /// The engine must be `'static`, which keeps out a mere `&mut` to one: that is a [`ByteAllocator`] too, and the
    /// engine behind it would outlive the handle and still point into the pool after its borrow has ended.
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
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    ///
    /// use allocator_core::AllocError;
    /// use allocator_rc::AllocatorRc;
    /// use allocator_tlsf::TlsfByteAllocator;
    ///
    /// let mut tiny = [MaybeUninit::uninit(); 100];
    /// let refused = AllocatorRc::new(TlsfByteAllocator::new(), &mut tiny);
    /// assert_eq!(refused.err(), Some(AllocError::InvalidParam));
    /// ```
    pub fn new(inner: A, pool: &'pool mut [MaybeUninit<u8>]) -> AllocResult<Self> {
        Handle::new(inner, pool, |pools| OneThread(UnsafeCell::new(pools))).map(Self)
    }
}

impl<A> Clone for AllocatorRc<'_, A> {
    /// Another handle to the same engine. O(1).
    #[inline]
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
