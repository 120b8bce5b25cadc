//! [`Locked`], an engine behind a lock.

use core::fmt;
use core::marker::PhantomData;
use core::mem;

use allocator_core::{AllocResult, BaseAllocator};
use lock_api::{Mutex, RawMutex};

use crate::access::Access;

mod by_reference;
mod global;

/// The lock of a [`Locked`] that names no other: a spin lock.
#[cfg(target_has_atomic = "ptr")]
pub type DefaultLock = spin::Mutex<()>;

/// This target has no compare-and-swap, so there is no default lock: name one, `Locked<A, MyLock>`.
#[cfg(not(target_has_atomic = "ptr"))]
#[derive(Debug)]
pub enum DefaultLock {}

/// An engine behind a lock, for all that have a reference to it.
///
/// - A reference is an engine again: `&Locked<A>` implements the traits that `A` does, so that one static of page frames
///   serves a heap, page tables and object caches at once. Through the traits a reference takes no memory: it answers
///   [`InvalidParam`](allocator_core::AllocError::InvalidParam). Memory comes in through [`init`](Self::init) and
///   [`add_memory`](Self::add_memory), whose callers promise how long it lasts.
/// - The value is a [`GlobalAlloc`](core::alloc::GlobalAlloc), which answers null where the engine answers an error. Where the
///   lock panics, the program ends: a global allocator must not unwind.
/// - With the feature `allocator_api`, a reference is an `Allocator` for collections.
///
/// While the value is shared there is no safe way to a `&mut A`: with one, safe code could swap the engine for another, to
/// which blocks would come back that are not its own.
///
/// # Time complexity
///
/// - One lock and unlock a call, and the engine's own time. A batch is one call.
/// - A block that has to move takes the lock three times, and its contents are copied while the lock is free.
/// - New memory is zeroed while the lock is free.
///
/// # Drawbacks
///
/// - There is one lock: all that use the engine wait for each other.
/// - The lock `R` decides whether an interrupt handler may use the engine. With the default lock, the handler would wait for
///   ever for the code that it has interrupted.
/// - Two calls see two moments: `used_bytes` and `total_bytes` of a reference may not belong together. Take both in one
///   [`with`](Self::with).
/// - In a program that forks while another thread is in a call, the lock is held in the child for ever.
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
pub struct Locked<A, R = DefaultLock> {
    engine: Mutex<R, A>,
    /// Invariant in `R`, too: a lock may do different things for two types of which one can stand for the other, and then one
    /// engine would have two locks.
    lock: PhantomData<fn(R) -> R>,
}

#[cfg(target_has_atomic = "ptr")]
impl<A> Locked<A> {
    /// Puts an engine behind the default lock. O(1).
    #[must_use]
    pub const fn new(engine: A) -> Self {
        Self::with_lock(<DefaultLock as RawMutex>::INIT, engine)
    }
}

impl<A, R: RawMutex> Locked<A, R> {
    /// Puts an engine behind `lock`. A lock that is held already stays held, and every call waits. O(1).
    #[must_use]
    pub const fn with_lock(lock: R, engine: A) -> Self {
        Self { engine: Mutex::from_raw(lock, engine), lock: PhantomData }
    }

    /// Calls `look` with the engine, under the lock: for statistics.
    ///
    /// # Panics
    ///
    /// Where `look` or the lock panics. If `look` uses this same value, it waits for itself for ever, or panics, as the lock
    /// does.
    pub fn with<T>(&self, look: impl FnOnce(&A) -> T) -> T {
        look(&self.engine.lock())
    }

    /// Calls `change` with the engine, under the lock: for methods that the engine has beyond the traits.
    ///
    /// # Panics
    ///
    /// As for [`with`](Self::with).
    ///
    /// # Safety
    ///
    /// - `change` neither replaces nor moves the engine, nor an engine inside it: no assignment, no `mem::swap`.
    /// - Memory that `change` hands to the engine lasts as long as any way to the engine, a leaked one included.
    /// - Where `change` calls `unsafe` methods of the engine, their contracts hold.
    pub unsafe fn with_mut<T>(&self, change: impl FnOnce(&mut A) -> T) -> T {
        change(&mut self.engine.lock())
    }

    /// The engine, where nobody shares the value. O(1), no lock.
    ///
    /// Blocks that are still in use stay those of this engine: whoever swaps it for another gives them back to the one that
    /// they came from.
    pub fn get_mut(&mut self) -> &mut A {
        self.engine.get_mut()
    }

    /// Takes the engine out, where nobody shares the value. O(1).
    ///
    /// Blocks that are still in use stay those of this engine.
    #[must_use]
    pub fn into_inner(self) -> A {
        self.engine.into_inner()
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
    /// - As there.
    /// - The memory lasts as long as any way to the engine, a leaked reference included.
    pub unsafe fn init(&self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.engine.lock().init(start, size) }
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
        unsafe { self.engine.lock().add_memory(start, size) }
    }
}

// SAFETY: the mutex has one place for the engine, and lets one caller in at a time. While the value is shared, only `with_mut`
// could replace the engine, and its contract forbids that.
unsafe impl<A, R: RawMutex> Access for Locked<A, R> {
    type Inner = A;

    #[inline]
    unsafe fn with_mut<T>(&self, call: impl FnOnce(&mut A) -> T) -> T {
        without_unwinding(|| call(&mut self.engine.lock()))
    }
}

impl<A, R> fmt::Debug for Locked<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}

/// Calls `call`, and ends the program if it unwinds, as a lock that panics does: the traits of byte and page allocators promise
/// that no method unwinds, and their callers are halfway through a change.
#[inline]
fn without_unwinding<T>(call: impl FnOnce() -> T) -> T {
    struct AbortWhenDropped;

    impl Drop for AbortWhenDropped {
        #[cold]
        fn drop(&mut self) {
            // A panic while another one unwinds ends the program.
            panic!("the lock of an allocator has panicked");
        }
    }

    let abort = AbortWhenDropped;
    let result = call();
    mem::forget(abort);
    result
}
