//! [`SlabCache`], the handle.

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::boxed::{Owns, SlabBox};
use super::error::Result;
use super::grid::Shape;
use super::hierarchy::Hierarchy;
use super::locks::LockTrait;
use super::sources::{HookSource, SlabSource};
use super::statistics::SlabStatistics;

/// A cache of objects of type `T`: each takes a slot of a slab of `SLAB_SIZE` bytes, in O(1) both ways.
///
/// This is a handle; clones share the slabs, and boxes outlive all handles. The [module](crate) says how it works.
///
/// | parameter | is |
/// | --- | --- |
/// | `T` | the type of the objects; of any size, 0 included, and any alignment up to a part of a slab |
/// | `L` | the lock; see [`locks`](crate::locks) |
/// | `SLAB_SIZE` | the size of a slab and its alignment, a power of two, in bytes |
/// | `S` | where the slabs come from; see [`sources`](crate::sources) |
///
/// What does not fit is refused when compiling:
///
/// ```compile_fail,E0080
/// # use allocator_cache::{SlabCache, locks::NoLock, sources::StdSource};
/// // error[E0080]: evaluation panicked: SLAB_SIZE is not a power of two
/// let cache = SlabCache::<u64, NoLock, 5000, _>::with_source(StdSource);
/// ```
///
/// ```compile_fail,E0080
/// # use allocator_cache::{SlabCache, locks::NoLock, sources::StdSource};
/// // error[E0080]: evaluation panicked: SLAB_SIZE has no room for the header and two slots
/// let cache = SlabCache::<[u8; 2048], NoLock, 4096, _>::with_source(StdSource);
/// ```
///
/// # Drawbacks
///
/// - One lock for all threads: where many allocate at once, it is what they wait for.
/// - A slab with one live slot stays.
/// - Slots are for one type and one size.
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
    hierarchy: Hierarchy<Shape<T, L, SLAB_SIZE, S>>,
    owns: Owns<T, L, S>,
}

// SAFETY: handles on several threads share the lock, which may be any thread's then, the source, which is called outside
// of the lock, and the slabs, which are used under it. The last of them, or the last box, drops lock and source, wherever
// it is. Values are made where they are used; that they may be sent is asked for all the same, as of a channel.
unsafe impl<T: Send, L: LockTrait + Send + Sync, const SLAB_SIZE: usize, S: SlabSource + Send + Sync> Send
    for SlabCache<T, L, SLAB_SIZE, S>
{
}

// SAFETY: as for `Send`, for a shared handle can be cloned.
unsafe impl<T: Send, L: LockTrait + Send + Sync, const SLAB_SIZE: usize, S: SlabSource + Send + Sync> Sync
    for SlabCache<T, L, SLAB_SIZE, S>
{
}

impl<T, L: LockTrait, const SLAB_SIZE: usize> SlabCache<T, L, SLAB_SIZE> {
    /// A cache with one slab, from the [hooks](crate::define_allocation_hooks) of the program. O(1).
    ///
    /// # Errors
    ///
    /// As for [`with_source`](Self::with_source).
    pub fn new() -> Result<Self> {
        Self::with_source(HookSource)
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> SlabCache<T, L, SLAB_SIZE, S> {
    /// A cache with one slab, from this source. O(1), but for the source.
    ///
    /// # Errors
    ///
    /// - [`OutOfMemory`](super::SlabError::OutOfMemory): the source gives no slab;
    /// - [`AlignmentMismatch`](super::SlabError::AlignmentMismatch): it gives one that is not aligned to its size.
    pub fn with_source(source: S) -> Result<Self> {
        Ok(Self { hierarchy: Hierarchy::create(source)?, owns: PhantomData })
    }

    /// Where the slabs come from.
    #[must_use]
    pub fn source(&self) -> &S {
        self.hierarchy.source()
    }

    /// An object with its default value. The value is made outside of the lock, and may use the cache.
    ///
    /// # Time complexity
    ///
    /// O(1), but for the source, which is asked when no slot is free; and O(slots of a slab) for the call that finds free
    /// memory overwritten.
    ///
    /// # Errors
    ///
    /// - [`OutOfMemory`](super::SlabError::OutOfMemory): no slot is free, and the source gives no slab;
    /// - [`AlignmentMismatch`](super::SlabError::AlignmentMismatch): it gives one that is not aligned to its size;
    /// - [`FatalError`](super::SlabError::FatalError): free memory was found overwritten. Nothing was taken; the slab is put
    ///   in order again, so the next request is served.
    #[inline]
    pub fn alloc(&self) -> Result<SlabBox<T, L, SLAB_SIZE, S>>
    where
        T: Default,
    {
        // In this order nothing is made that has no place.
        self.alloc_uninit().map(|slot| SlabBox::write(slot, T::default()))
    }

    /// An object with this value, which is dropped where there is an error.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc).
    #[inline]
    pub fn alloc_with(&self, value: T) -> Result<SlabBox<T, L, SLAB_SIZE, S>> {
        self.alloc_uninit().map(|slot| SlabBox::write(slot, value))
    }

    /// Room for an object. What is in it is not initialised.
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
        let slot = self.hierarchy.take()?;
        // SAFETY: the slot was just taken, for a value of this type.
        Ok(unsafe { SlabBox::of_slot(slot.cast()) })
    }

    /// An object all of whose bytes are 0.
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
        // In place: a large value does not go over the stack.
        // SAFETY: the slot has room for one value, and `FromZeros` says that zero bytes are one.
        unsafe {
            slot.as_mut_ptr().write_bytes(0, 1);
            Ok(slot.assume_init())
        }
    }

    /// Fills the slice with objects with their default value, their slots taken under one lock while slots last. What is
    /// in the slice is dropped first.
    ///
    /// # Time complexity
    ///
    /// O(length of the slice). Only the slots are taken under the lock; the source is asked outside of it, for one slab
    /// after the other, when no slot is free.
    ///
    /// # Errors
    ///
    /// As for [`alloc`](Self::alloc); the slice is all `None` then, and all slots taken for it are given back, as are the
    /// slabs that came for them, but for one that the cache may keep.
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

    /// Fills the slice with objects, each with the value that `value` gives for its index, as
    /// [`alloc_batch`](Self::alloc_batch). The values are made outside of the lock.
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
        self.hierarchy.take_many(|slot| {
            // SAFETY: the slot was just taken, for a value of this type; until that is written, `batch` keeps it from
            // being dropped.
            batch.boxes[batch.taken] = Some(unsafe { SlabBox::of_slot(slot.cast()) });
            batch.taken += 1;
            batch.taken < batch.boxes.len()
        })?;
        while batch.written < batch.taken {
            let value = value(batch.written);
            if let Some(slot) = &mut batch.boxes[batch.written] {
                // SAFETY: the slot is the box's. Nothing is dropped: there was no value yet.
                unsafe { slot.as_mut_ptr().write(value) };
            }
            batch.written += 1;
        }
        Ok(())
    }

    /// Gives slabs without live slots back to the source, one after the other, until there is none left or the source does
    /// not take one: how many it took.
    ///
    /// The cache keeps one such slab, so that a program that goes back and forth over its edge does not call the source
    /// each time; and those that the source did not take. The primary slab stays.
    ///
    /// # Time complexity
    ///
    /// O(slabs given back), but for the source.
    pub fn shrink(&self) -> usize {
        self.hierarchy.shrink()
    }

    /// What there is, and what of it is used. O(1).
    #[must_use]
    pub fn statistics(&self) -> SlabStatistics {
        self.hierarchy.statistics()
    }

    /// Recounts everything under the lock: for tests. O(slots).
    ///
    /// # Errors
    ///
    /// What was found not to hold, the first of it.
    pub fn validate(&self) -> core::result::Result<(), &'static str> {
        self.hierarchy.validate()
    }
}

/// Boxes without values, whose slots are given back when this is dropped. None of them is left where a source panics; where
/// it does so twice, the program ends.
struct GiveBack<'b, T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource>(
    &'b mut [Option<SlabBox<T, L, SLAB_SIZE, S>>],
);

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> GiveBack<'_, T, L, SLAB_SIZE, S> {
    fn give_back(&mut self) {
        while let Some((slot, rest)) = core::mem::take(&mut self.0).split_first_mut() {
            self.0 = rest;
            drop(slot.take().map(SlabBox::into_uninit));
        }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Drop for GiveBack<'_, T, L, SLAB_SIZE, S> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A batch whose boxes from `written` to `taken` have no values yet.
struct Unwritten<'b, T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> {
    boxes: &'b mut [Option<SlabBox<T, L, SLAB_SIZE, S>>],
    written: usize,
    taken: usize,
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Drop for Unwritten<'_, T, L, SLAB_SIZE, S> {
    /// Where the batch is not complete, there is no batch: gives back the slots without dropping values that there are not,
    /// and drops those that there are.
    fn drop(&mut self) {
        if self.written < self.boxes.len() {
            // To give a slot back may call the source, which may panic: then the others go while that unwinds.
            let mut unwritten = GiveBack(&mut self.boxes[self.written..self.taken]);
            unwritten.give_back();
            drop(unwritten);
            self.boxes.fill_with(|| None);
        }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Clone for SlabCache<T, L, SLAB_SIZE, S> {
    /// Another handle to the same slabs. O(1).
    fn clone(&self) -> Self {
        self.hierarchy.join();
        Self { hierarchy: self.hierarchy, owns: PhantomData }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Drop for SlabCache<T, L, SLAB_SIZE, S> {
    /// Boxes keep the slabs; where there is none, the last handle gives them back.
    fn drop(&mut self) {
        // SAFETY: the reference is this handle's, which is not used any more.
        unsafe { self.hierarchy.leave() }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> fmt::Debug for SlabCache<T, L, SLAB_SIZE, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlabCache").field("statistics", &self.statistics()).finish_non_exhaustive()
    }
}
