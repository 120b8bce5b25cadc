//! [`Locked`], an engine behind a lock.

use core::fmt;

use allocator_core::{AllocResult, BaseAllocator};
use lock_api::{Mutex, RawMutex};

use crate::access::Access;

/// The lock of a [`Locked`] that names none: it spins.
#[cfg(target_has_atomic = "ptr")]
pub type DefaultLock = spin::Mutex<()>;

/// This target has no compare-and-swap, so there is no default lock: name one, `Locked<A, MyLock>`.
#[cfg(not(target_has_atomic = "ptr"))]
#[derive(Debug)]
pub enum DefaultLock {}

/// An engine behind a lock, for all who have a reference to it.
///
/// - By reference it is an engine again: `&Locked<A>` implements the traits that `A` does, so that one static of page
///   frames serves a heap, page tables and object caches at once. Given memory through the traits, a reference answers
///   [`InvalidParam`](allocator_core::AllocError::InvalidParam); memory comes in through [`init`](Self::init) and
///   [`add_memory`](Self::add_memory), whose callers say how long it lasts.
/// - By value it is a [`GlobalAlloc`].
///
/// There is no safe way to a `&mut A` while the value is shared: safe code could swap the engine for another, and blocks
/// would go back to the wrong one.
///
/// # Time complexity
///
/// That of the engine, and one lock and unlock a call, a batch included. [`realloc`](GlobalAlloc::realloc) that has to
/// move copies while the lock is free, and zeroing is done while it is free.
///
/// # Drawbacks
///
/// - One lock: all that use the engine wait for each other.
/// - Whether an interrupt handler may use it is up to the lock `R`: the default lock would wait for ever for the code that
///   the handler has interrupted.
/// - A program that forks while another thread is in a call leaves the lock held in the child.
///
/// # Examples
///
/// ```
/// use allocator_core::{BaseAllocator, PageAllocator};
/// use allocator_pages::RadixPageAllocator;
/// use allocator_shared::Locked;
///
/// static FRAMES: Locked<RadixPageAllocator<'static, 4096>> = Locked::new(RadixPageAllocator::new());
///
/// let memory = vec![0u64; 32 * 1024].leak();
/// // SAFETY: the memory lives for ever, and nothing else uses it.
/// unsafe { FRAMES.init(memory.as_mut_ptr().expose_provenance(), 256 * 1024)? };
/// let mut frames = &FRAMES;
/// let page = frames.alloc_pages(1, 4096)?;
/// assert_eq!(FRAMES.with(|frames| frames.used_pages()), 1);
/// frames.dealloc_pages(page, 1)?;
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
pub struct Locked<A, R = DefaultLock>(Mutex<R, A>);

#[cfg(target_has_atomic = "ptr")]
impl<A> Locked<A> {
    /// Puts an engine behind the default lock. O(1).
    #[must_use]
    pub const fn new(engine: A) -> Self {
        Self::with_lock(<DefaultLock as RawMutex>::INIT, engine)
    }
}

impl<A, R: RawMutex> Locked<A, R> {
    /// Puts an engine behind `lock`, which nobody holds. O(1).
    #[must_use]
    pub const fn with_lock(lock: R, engine: A) -> Self {
        Self(Mutex::from_raw(lock, engine))
    }

    /// Calls `look` with the engine, under the lock: for statistics.
    ///
    /// # Panics
    ///
    /// As `look` and the lock do. A `look` that comes back to this same value waits for itself, or panics, as the lock
    /// does.
    pub fn with<T>(&self, look: impl FnOnce(&A) -> T) -> T {
        look(&self.0.lock())
    }

    /// Calls `change` with the engine, under the lock: for what it can do beyond the traits.
    ///
    /// # Panics
    ///
    /// As for [`with`](Self::with).
    ///
    /// # Safety
    ///
    /// - `change` does not replace the engine, whole or in part: no swap, no assignment, of it or of an engine inside it.
    /// - `change` gives the engine no memory that does not last as long as any way to the engine, a leaked one included.
    /// - Whatever `change` gives back is given back once.
    pub unsafe fn with_mut<T>(&self, change: impl FnOnce(&mut A) -> T) -> T {
        change(&mut self.0.lock())
    }

    /// The engine, of a value that nobody shares. O(1), no lock.
    pub fn get_mut(&mut self) -> &mut A {
        self.0.get_mut()
    }

    /// The engine, without its lock. O(1).
    #[must_use]
    pub fn into_inner(self) -> A {
        self.0.into_inner()
    }
}

impl<A: BaseAllocator, R: RawMutex> Locked<A, R> {
    /// Hands over the first region, `size` bytes from address `start`: as [`BaseAllocator::init`] of the engine.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As there; and the memory lasts as long as any way to the engine, a leaked one included.
    pub unsafe fn init(&self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.lock().init(start, size) }
    }

    /// Hands over a further region, `size` bytes from address `start`: as [`BaseAllocator::add_memory`] of the engine.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As for [`init`](Self::init).
    pub unsafe fn add_memory(&self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.lock().add_memory(start, size) }
    }
}

// SAFETY: the mutex has one place for the engine, and lets one in at a time; a shared reference has no way to replace it
// but `with_mut`, whose contract forbids it.
unsafe impl<A, R: RawMutex> Access for Locked<A, R> {
    type Inner = A;

    #[inline]
    unsafe fn with_mut<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        call(&mut self.0.lock())
    }
}

impl<A, R> fmt::Debug for Locked<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}
