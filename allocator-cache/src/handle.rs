//! [`SlabCache`], the handle of a cache.

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::boxed::{Owns, SlabBox};
use crate::error::Result;
use crate::locks::LockTrait;
use crate::pool::Pool;
use crate::sources::{HookSource, SlabSource};
use crate::state::Parameters;
use crate::statistics::SlabStatistics;

/// A cache of objects of type `T`. Each object lies in a slot of a slab of `SLAB_SIZE` bytes; to allocate one and to free
/// one takes O(1).
///
/// A value of this type is a handle. Clones of it share the slabs, and boxes may outlive all handles. The
/// [crate's documentation](crate) shows how the cache works.
///
/// | parameter | is |
/// | --- | --- |
/// | `T` | the type of the objects, of any size (0, too) and alignment of which two fit in a slab |
/// | `L` | the lock; see [`locks`](crate::locks) |
/// | `SLAB_SIZE` | the size of a slab and its alignment, a power of two, in bytes |
/// | `S` | where the slabs come from; see [`sources`](crate::sources) |
///
/// Parameters that do not fit do not compile:
///
/// ```compile_fail,E0080
/// # use allocator_cache::{SlabCache, locks::NoLock, sources::StdSource};
/// // error[E0080]: evaluation panicked: SLAB_SIZE is not a power of two
/// let cache = SlabCache::<u64, NoLock, 5000, _>::with_source(StdSource);
/// ```
///
/// ```compile_fail,E0080
/// # use allocator_cache::{SlabCache, locks::NoLock, sources::StdSource};
/// // error[E0080]: evaluation panicked: SLAB_SIZE is too small for the header and two slots
/// let cache = SlabCache::<[u8; 2048], NoLock, 4096, _>::with_source(StdSource);
/// ```
///
/// # Drawbacks
///
/// - All threads share one lock: threads that allocate at the same time wait for each other.
/// - A slab with one live slot is not given back.
/// - All slots have one size, for one type.
///
/// # Examples
///
/// ```
/// use allocator_cache::locks::SpinLock;
/// use allocator_cache::sources::StdSource;
/// use allocator_cache::{Result, SlabBox, SlabCache};
///
/// #[derive(Default)]
/// struct Task {
///     id: u64,
///     name: [u8; 16],
/// }
///
/// type Tasks = SlabCache<Task, SpinLock, 4096, StdSource>;
/// type TaskBox = SlabBox<Task, SpinLock, 4096, StdSource>;
///
/// let tasks = Tasks::with_source(StdSource)?;
/// let mut first: TaskBox = tasks.alloc()?;
/// first.id = 1;
/// let second = tasks.alloc_with(Task { id: 2, name: *b"idle............" })?;
/// assert_eq!(tasks.statistics().used_slots, 2);
///
/// // A box goes to another thread, and outlives the last handle.
/// drop(tasks);
/// let id = std::thread::spawn(move || second.id).join().unwrap();
/// assert_eq!((first.id, id), (1, 2));
/// # Ok::<(), allocator_cache::SlabError>(())
/// ```
pub struct SlabCache<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource = HookSource> {
    pool: Pool<Parameters<T, L, SLAB_SIZE, S>>,
    owns: Owns<T, L, S>,
}

// SAFETY: handles on several threads share the lock, the source, which several threads may call at once, and the slabs,
// which they use under the lock. The last handle or box drops lock and source, on whatever thread it is. A value is made on
// the thread that allocates it; `T: Send` is asked for all the same, as a channel does.
unsafe impl<T: Send, L: LockTrait + Send + Sync, const SLAB_SIZE: usize, S: SlabSource + Send + Sync> Send
    for SlabCache<T, L, SLAB_SIZE, S>
{
}

// SAFETY: as for `Send`: a shared handle can be cloned.
unsafe impl<T: Send, L: LockTrait + Send + Sync, const SLAB_SIZE: usize, S: SlabSource + Send + Sync> Sync
    for SlabCache<T, L, SLAB_SIZE, S>
{
}

impl<T, L: LockTrait, const SLAB_SIZE: usize> SlabCache<T, L, SLAB_SIZE> {
    /// Makes a cache with one slab, from the [hooks](crate::define_allocation_hooks) of the program. O(1), but for the hook.
    ///
    /// # Errors
    ///
    /// As for [`with_source`](Self::with_source).
    pub fn new() -> Result<Self> {
        Self::with_source(HookSource)
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> SlabCache<T, L, SLAB_SIZE, S> {
    /// Makes a cache with one slab, from this source. O(1), but for the source.
    ///
    /// # Errors
    ///
    /// - [`OutOfMemory`](crate::SlabError::OutOfMemory): the source has no slab;
    /// - [`AlignmentMismatch`](crate::SlabError::AlignmentMismatch): it gives one that is not aligned to its size.
    pub fn with_source(source: S) -> Result<Self> {
        Ok(Self { pool: Pool::create(source)?, owns: PhantomData })
    }

    /// The source of the slabs.
    #[must_use]
    pub fn source(&self) -> &S {
        self.pool.source()
    }

    /// Allocates an object with its default value. `T::default` runs without the lock, and may use the cache.
    ///
    /// # Time complexity
    ///
    /// O(1). Where no slot is free, the time of the source besides; and O(slots of a slab) for a call that finds free memory
    /// overwritten.
    ///
    /// # Errors
    ///
    /// - [`OutOfMemory`](crate::SlabError::OutOfMemory): no slot is free, and the source has no further slab;
    /// - [`AlignmentMismatch`](crate::SlabError::AlignmentMismatch): it gives one that is not aligned to its size;
    /// - [`FatalError`](crate::SlabError::FatalError): free memory was overwritten. The call has taken no slot, and has
    ///   repaired the slab: the next one finds it in order.
    #[inline]
    pub fn alloc(&self) -> Result<SlabBox<T, L, SLAB_SIZE, S>>
    where
        T: Default,
    {
        // The slot comes first, so that no value is made where there is none.
        self.alloc_uninit().map(|slot| SlabBox::write(slot, T::default()))
    }

    /// Allocates an object with this value. Where that fails, the value is dropped.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc).
    #[inline]
    pub fn alloc_with(&self, value: T) -> Result<SlabBox<T, L, SLAB_SIZE, S>> {
        self.alloc_uninit().map(|slot| SlabBox::write(slot, value))
    }

    /// Allocates a slot for an object. Its contents are not initialised.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc).
    ///
    /// # Examples
    ///
    /// ```
    /// # use allocator_cache::{SlabBox, SlabCache, locks::NoLock, sources::StdSource};
    /// let cache = SlabCache::<[u64; 8], NoLock, 4096, _>::with_source(StdSource)?;
    /// let mut object = cache.alloc_uninit()?;
    /// object.write([7; 8]);
    /// // SAFETY: just written.
    /// let object = unsafe { object.assume_init() };
    /// assert_eq!(object[7], 7);
    /// # Ok::<(), allocator_cache::SlabError>(())
    /// ```
    #[inline]
    pub fn alloc_uninit(&self) -> Result<SlabBox<MaybeUninit<T>, L, SLAB_SIZE, S>> {
        let slot = self.pool.take()?;
        // SAFETY: the pool has just handed out the slot, which is for a value of this type.
        Ok(unsafe { SlabBox::of_slot(slot.cast()) })
    }

    /// Allocates an object all of whose bytes are 0.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc).
    ///
    /// # Examples
    ///
    /// ```
    /// # use allocator_cache::{SlabCache, locks::NoLock, sources::StdSource};
    /// let cache = SlabCache::<[u64; 8], NoLock, 4096, _>::with_source(StdSource)?;
    /// assert_eq!(*cache.alloc_zeroed()?, [0; 8]);
    /// # Ok::<(), allocator_cache::SlabError>(())
    /// ```
    #[cfg(feature = "zerocopy")]
    pub fn alloc_zeroed(&self) -> Result<SlabBox<T, L, SLAB_SIZE, S>>
    where
        T: zerocopy::FromZeros,
    {
        let mut slot = self.alloc_uninit()?;
        // In place, so that a large value does not go over the stack.
        // SAFETY: the slot has space for one value, and `FromZeros` says that zero bytes are one.
        unsafe {
            slot.as_mut_ptr().write_bytes(0, 1);
            Ok(slot.assume_init())
        }
    }

    /// Fills the slice with objects with their default value. All free slots that there are are taken under one lock. What
    /// is in the slice is dropped first.
    ///
    /// # Time complexity
    ///
    /// O(length of the slice). The lock is held while slots are taken. Where no slot is free, the cache calls the source for
    /// one slab after the other, without the lock.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc). Then the slice is all `None`: the call has freed all slots that it took, and has given
    /// the slabs that it got for them back, but for one that the cache may keep.
    ///
    /// # Examples
    ///
    /// ```
    /// # use allocator_cache::{SlabCache, locks::NoLock, sources::StdSource};
    /// let cache = SlabCache::<u64, NoLock, 4096, _>::with_source(StdSource)?;
    /// let mut numbers = [const { None }; 1000];
    /// cache.alloc_batch(&mut numbers)?;
    /// assert!(numbers.iter().flatten().all(|number| **number == 0));
    /// assert_eq!(cache.statistics().used_slots, 1000);
    /// # Ok::<(), allocator_cache::SlabError>(())
    /// ```
    pub fn alloc_batch(&self, boxes: &mut [Option<SlabBox<T, L, SLAB_SIZE, S>>]) -> Result<()>
    where
        T: Default,
    {
        self.alloc_batch_with(boxes, |_| T::default())
    }

    /// Fills the slice as [`alloc_batch`](Self::alloc_batch) does, each object with the value that `value` returns for its
    /// index. `value` runs without the lock.
    ///
    /// # Errors
    ///
    /// As for [`alloc_batch`](Self::alloc_batch).
    pub fn alloc_batch_with(
        &self,
        boxes: &mut [Option<SlabBox<T, L, SLAB_SIZE, S>>],
        mut value: impl FnMut(usize) -> T,
    ) -> Result<()> {
        boxes.fill_with(|| None);
        let mut batch = Unwritten { boxes, written: 0, taken: 0 };
        if batch.boxes.is_empty() {
            return Ok(());
        }
        self.pool.take_many(|slot| {
            // SAFETY: the pool has just handed out the slot, which is for a value of this type. Until the value is written,
            // `batch` sees to it that the value is not dropped.
            batch.boxes[batch.taken] = Some(unsafe { SlabBox::of_slot(slot.cast()) });
            batch.taken += 1;
            batch.taken < batch.boxes.len()
        })?;
        while batch.written < batch.taken {
            let value = value(batch.written);
            if let Some(slot) = &mut batch.boxes[batch.written] {
                // SAFETY: the slot is the box's. It holds no value yet, so none is dropped.
                unsafe { slot.as_mut_ptr().write(value) };
            }
            batch.written += 1;
        }
        Ok(())
    }

    /// Gives slabs without live slots back to the source. Stops when there is none left, or the source refuses one. Returns
    /// how many the source took.
    ///
    /// There are such slabs because the cache keeps one of them, so that a program that goes back and forth over its edge
    /// does not call the source each time, and keeps those that the source refused. The primary slab stays.
    ///
    /// # Time complexity
    ///
    /// O(slabs given back), but for the source.
    pub fn shrink(&self) -> usize {
        self.pool.shrink()
    }

    /// What the cache has, and how much of it is used. O(1).
    #[must_use]
    pub fn statistics(&self) -> SlabStatistics {
        self.pool.statistics()
    }

    /// Recounts everything under the lock, for tests. O(slots).
    ///
    /// # Errors
    ///
    /// The first invariant that does not hold.
    pub fn validate(&self) -> core::result::Result<(), &'static str> {
        self.pool.validate()
    }
}

/// Boxes without values. The drop frees their slots and leaves `None`, also where the source panics meanwhile; where the
/// source panics a second time, the program ends.
struct Valueless<'b, T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource>(
    &'b mut [Option<SlabBox<T, L, SLAB_SIZE, S>>],
);

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Valueless<'_, T, L, SLAB_SIZE, S> {
    fn free_all(&mut self) {
        while let Some((slot, rest)) = core::mem::take(&mut self.0).split_first_mut() {
            self.0 = rest;
            drop(slot.take().map(SlabBox::into_uninit));
        }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Drop for Valueless<'_, T, L, SLAB_SIZE, S> {
    fn drop(&mut self) {
        self.free_all();
    }
}

/// A batch whose boxes from `written` to `taken` have no values yet.
struct Unwritten<'b, T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> {
    boxes: &'b mut [Option<SlabBox<T, L, SLAB_SIZE, S>>],
    written: usize,
    taken: usize,
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Drop for Unwritten<'_, T, L, SLAB_SIZE, S> {
    /// Where the batch is not complete, frees all of it: the slots without values, and the boxes with values.
    fn drop(&mut self) {
        if self.written < self.boxes.len() {
            // To free a slot may call the source, which may panic: then the unwinding frees the others.
            let mut valueless = Valueless(&mut self.boxes[self.written..self.taken]);
            valueless.free_all();
            drop(valueless);
            self.boxes.fill_with(|| None);
        }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Clone for SlabCache<T, L, SLAB_SIZE, S> {
    /// Another handle to the same slabs. O(1).
    fn clone(&self) -> Self {
        self.pool.acquire();
        Self { pool: self.pool, owns: PhantomData }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Drop for SlabCache<T, L, SLAB_SIZE, S> {
    /// The drop of the last handle gives all slabs back, if there is no box. Where there is one, the last box does.
    fn drop(&mut self) {
        // SAFETY: the reference is this handle's, which is gone then.
        unsafe { self.pool.release() }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> fmt::Debug for SlabCache<T, L, SLAB_SIZE, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlabCache").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}
