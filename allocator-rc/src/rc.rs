//! [`AllocatorRc`], the handle for one thread.

use core::mem::MaybeUninit;

use allocator_core::{AllocResult, ByteAllocator};
use allocator_shared::count::LocalCount;
use allocator_shared::{Access, Local};

use crate::handle::Handle;

/// A shared handle to an engine and its pool, for collections on one thread.
///
/// Clones share the engine: any of them may free what another one has allocated. The pool stays borrowed until the last
/// handle, and with it the last collection, is gone; the last handle drops the engine. A handle is one pointer.
///
/// A handle adds a test of the size for 0 to a call of the engine (`cargo bench -p allocator-benches --bench handles`
/// measures it).
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
pub struct AllocatorRc<'pool, A>(pub(crate) Handle<'pool, LocalCount, Local<A>>);

impl<'pool, A: ByteAllocator + 'static> AllocatorRc<'pool, A> {
    /// Moves the engine into the pool, and gives it the rest of the pool.
    ///
    /// The engine must be `'static`, which keeps out a `&mut` to one: that is a [`ByteAllocator`] too, and the engine
    /// behind it would outlive the handle and still point into the pool after its borrow has ended. A `&'static Locked` is
    /// refused, as a reference to a shared engine takes no memory.
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
        Handle::new(Local::new(inner), pool).map(Self)
    }
}

impl<A: ByteAllocator> AllocatorRc<'_, A> {
    /// Calls `look` with the engine: for statistics that it has beyond the trait.
    ///
    /// # Safety
    ///
    /// `look` uses neither a handle to this engine nor a collection that allocates from one: nothing keeps it from changing
    /// the engine that it looks at. ([`AllocatorArc`](crate::AllocatorArc) has a lock for that, and a safe `with`.)
    pub unsafe fn with<T>(&self, look: impl FnOnce(&A) -> T) -> T {
        // SAFETY: the caller's `look` does not come back to the engine, and a shared reference does not replace it.
        unsafe { self.0.engine().with_mut(|engine| look(engine)) }
    }

    /// Calls `call` with the engine.
    ///
    /// # Safety
    ///
    /// `call` calls nothing but methods of the engine.
    #[inline]
    pub(crate) unsafe fn with_engine<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        // SAFETY: passed on from the caller; the methods of a byte allocator call nothing back.
        unsafe { self.0.engine().with_mut(call) }
    }
}

impl<A> Clone for AllocatorRc<'_, A> {
    /// Another handle to the same engine. O(1).
    #[inline]
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
