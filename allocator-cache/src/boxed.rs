//! [`SlabBox`], an object in a slot.

use core::borrow::{Borrow, BorrowMut};
use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit, align_of, needs_drop};
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use crate::error::{Result, SlabError};
use crate::layout::SlotIndex;
use crate::locks::LockTrait;
use crate::pool::Pool;
use crate::slab::SlabRef;
use crate::sources::{HookSource, SlabSource};
use crate::state::{Config, Parameters};

/// An object in a slot of a [`SlabCache`](crate::SlabCache), owned like a `Box`.
///
/// A box is one pointer. Its drop drops the object and frees the slot, on whatever thread it happens. The drop of the last
/// box gives all slabs back to the source if the cache has no handle any more. The object is dropped without the lock: its
/// `Drop` may use the cache, and if it panics, the slot is freed all the same.
///
/// A box is `Send` and `Sync` where `T` is and where lock and source are both: the drop of a box uses lock and source, and
/// may drop them.
///
/// ```compile_fail,E0277
/// # use allocator_cache::{SlabCache, locks::SpinLock, sources::StdSource};
/// let cache = SlabCache::<_, SpinLock, 4096, _>::with_source(StdSource).unwrap();
/// let shared = cache.alloc_with(std::rc::Rc::new(1)).unwrap();
/// std::thread::spawn(move || drop(shared));
/// ```
///
/// # Time complexity
///
/// The drop takes O(1), plus the time of the object's drop and of the source.
pub struct SlabBox<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource = HookSource> {
    /// A live slot, which this box alone owns. The pointer may be used for all of the slab.
    slot: NonNull<T>,
    owns: Owns<T, L, S>,
}

/// What a handle and a box own: an object, a lock, a source. Boxes are covariant in `T`, as `Box` is. They are invariant in
/// `L` and `S`: a subtype of either may implement its trait in another way, and the slabs would go to another source.
pub(crate) type Owns<T, L, S> = PhantomData<(T, L, S, fn(L, S) -> (L, S))>;

// SAFETY: a box owns its object. Its drop uses lock and source on the thread where it happens, and may drop them there.
unsafe impl<T: Send, L: LockTrait + Send + Sync, const SLAB_SIZE: usize, S: SlabSource + Send + Sync> Send
    for SlabBox<T, L, SLAB_SIZE, S>
{
}

// SAFETY: a shared box gives shared access to its object, and to nothing else.
unsafe impl<T: Sync, L: LockTrait + Send + Sync, const SLAB_SIZE: usize, S: SlabSource + Send + Sync> Sync
    for SlabBox<T, L, SLAB_SIZE, S>
{
}

/// Boxes that are not `Send` or not `Sync`, besides the example above: with a lock or a source of one thread, or with an
/// object that must not be shared.
///
/// ```compile_fail,E0277
/// # use allocator_cache::{SlabCache, locks::NoLock, sources::StdSource};
/// let object = SlabCache::<_, NoLock, 4096, _>::with_source(StdSource).unwrap().alloc_with(1).unwrap();
/// std::thread::spawn(move || drop(object));
/// ```
///
/// ```compile_fail,E0277
/// # use allocator_cache::{SlabBox, locks::SpinLock, sources::PageSource};
/// # use allocator_shared::Local;
/// fn send(_: impl Send) {}
/// type Source = PageSource<Local<allocator_pages::RadixPageAllocator<'static, 4096>>>;
/// fn one(object: SlabBox<u64, SpinLock, 4096, Source>) {
///     send(object);
/// }
/// ```
///
/// ```compile_fail,E0277
/// # use allocator_cache::{SlabCache, locks::SpinLock, sources::StdSource};
/// let cache = SlabCache::<_, SpinLock, 4096, _>::with_source(StdSource).unwrap();
/// let object = cache.alloc_with(std::cell::Cell::new(1)).unwrap();
/// std::thread::scope(|scope| drop(scope.spawn(|| object.set(2))));
/// ```
///
/// ```compile_fail,E0277
/// # use allocator_cache::{SlabBox, locks::NoLock, sources::StdSource};
/// fn share(_: impl Sync) {}
/// fn one(object: SlabBox<u64, NoLock, 4096, StdSource>) {
///     share(object);
/// }
/// ```
#[cfg(doctest)]
struct NeitherSentNorShared;

/// Neither a box nor a handle becomes one with another lock or source, be it a supertype:
///
/// ```compile_fail
/// # use allocator_cache::{SlabBox, locks::NoLock, sources::StdSource};
/// fn shorten<'a>(object: SlabBox<u64, NoLock, 4096, &'static StdSource>) -> SlabBox<u64, NoLock, 4096, &'a StdSource> {
///     object // error: lifetime may not live long enough
/// }
/// ```
///
/// ```compile_fail
/// # use allocator_cache::{SlabCache, locks::NoLock, sources::StdSource};
/// fn shorten<'a>(cache: SlabCache<u64, NoLock, 4096, &'static StdSource>) -> SlabCache<u64, NoLock, 4096, &'a StdSource> {
///     cache // error: lifetime may not live long enough
/// }
/// ```
///
/// ```compile_fail
/// # use allocator_cache::{SlabBox, locks::{LockTrait, NoLock}, sources::StdSource};
/// struct Lock<'a>(NoLock, std::marker::PhantomData<&'a ()>);
/// // SAFETY: that of `NoLock`.
/// unsafe impl LockTrait for Lock<'_> {
///     type Guard<'g> = () where Self: 'g;
///     fn init() -> Self {
///         Self(NoLock::new(), std::marker::PhantomData)
///     }
///     fn lock(&self) {}
/// }
/// fn shorten<'a>(object: SlabBox<u64, Lock<'static>, 4096, StdSource>) -> SlabBox<u64, Lock<'a>, 4096, StdSource> {
///     object // error: lifetime may not live long enough
/// }
/// ```
///
/// It may become one with a supertype of the object, as `Box` may:
///
/// ```
/// # use allocator_cache::{SlabBox, locks::NoLock, sources::StdSource};
/// # type Object<T> = SlabBox<T, NoLock, 4096, StdSource>;
/// fn shorten<'a>(object: Object<&'static str>) -> Object<&'a str> {
///     object
/// }
/// ```
#[cfg(doctest)]
struct InvariantInLockAndSource;

/// The slot of a box that is given up. Its drop frees the slot, after a panic, too.
struct Slot<C: Config> {
    slab: SlabRef<C>,
    index: SlotIndex,
}

impl<C: Config> Slot<C> {
    /// # Safety
    ///
    /// - The slot is one of a slab of a cache with these parameters, and the pool has a reference: the slot's, if it is live.
    /// - The pointer may be used for all of the slab.
    #[inline(always)]
    unsafe fn of(slot: NonNull<u8>) -> Self {
        // SAFETY: passed on from the caller.
        let slab = unsafe { SlabRef::of_slot(slot) };
        Self { slab, index: slab.index_of(slot) }
    }

    /// Finds out whether the slot is live. It is not if two boxes were made of one pointer, against the contract of
    /// `from_raw`, and the other one has freed it: then this counts the fault, and returns no slot to free.
    #[inline(always)]
    fn check_live(self) -> Option<Self> {
        if self.slab.is_live(self.index) {
            return Some(self);
        }
        Pool::of(ManuallyDrop::new(self).slab).refuse_free();
        None
    }
}

impl<C: Config> Drop for Slot<C> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the box gave the slot up, and no value is in it any more.
        unsafe { Pool::of(self.slab).free(self.slab, self.index) }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> SlabBox<T, L, SLAB_SIZE, S> {
    /// # Safety
    ///
    /// - The slot is a live one of a cache with these parameters, and becomes the box's.
    /// - The pointer may be used for all of the slab.
    /// - The slot holds a value.
    #[inline(always)]
    pub(crate) unsafe fn of_slot(slot: NonNull<T>) -> Self {
        Self { slot, owns: PhantomData }
    }

    /// The slot's pointer. The slot is not the box's any more.
    #[inline(always)]
    fn into_slot(self) -> NonNull<T> {
        ManuallyDrop::new(self).slot
    }

    /// The slot of a box, to be freed.
    ///
    /// # Safety
    ///
    /// The slot is that of a box, which is given up.
    #[inline(always)]
    unsafe fn give_up(slot: NonNull<T>) -> Slot<Parameters<T, L, SLAB_SIZE, S>> {
        // SAFETY: the slot of a box is a live one of a cache with these parameters, and its pointer may be used for all of
        // the slab.
        unsafe { Slot::of(slot.cast()) }
    }

    /// The box as one without a value: the value is not dropped with it.
    pub(crate) fn into_uninit(self) -> SlabBox<MaybeUninit<T>, L, SLAB_SIZE, S> {
        // SAFETY: the slot is the box's; a `MaybeUninit` has the size and the alignment of its value, and needs no value.
        unsafe { SlabBox::of_slot(self.into_slot().cast()) }
    }

    /// The object's pointer. It stays valid for as long as the box lives, wherever the box is moved.
    #[must_use]
    #[inline]
    pub fn as_ptr(&self) -> *const T {
        self.slot.as_ptr()
    }

    /// The object's pointer, to write through.
    #[must_use]
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.slot.as_ptr()
    }

    /// Turns the box into a pointer, for [`from_raw`](Self::from_raw). Until then the slot stays live, and is a reference to
    /// the cache: the slabs stay. O(1).
    ///
    /// # Examples
    ///
    /// ```
    /// # use allocator_cache::{SlabBox, SlabCache, SlabError, locks::SpinLock, sources::StdSource};
    /// let cache = SlabCache::<u64, SpinLock, 4096, _>::with_source(StdSource)?;
    /// let pointer = SlabBox::into_raw(cache.alloc_with(5)?);
    ///
    /// // SAFETY: `into_raw` of this very type gave the pointer, and no box was made of it since.
    /// let number = unsafe { SlabBox::<u64, SpinLock, 4096, StdSource>::from_raw(pointer) }?;
    /// assert_eq!(SlabBox::into_inner(number), 5);
    ///
    /// // SAFETY: this is a mistake that is found: the slot is free, and the handle `cache` keeps the slab.
    /// let again = unsafe { SlabBox::<u64, SpinLock, 4096, StdSource>::from_raw(pointer) };
    /// assert_eq!(again.err(), Some(SlabError::InvalidPointer));
    /// # Ok::<(), SlabError>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn into_raw(b: Self) -> NonNull<T> {
        b.into_slot()
    }

    /// Turns a pointer that [`into_raw`](Self::into_raw) gave into a box again. O(1).
    ///
    /// # Errors
    ///
    /// - [`AlignmentMismatch`](SlabError::AlignmentMismatch): the pointer is not aligned for `T`;
    /// - [`InvalidPointer`](SlabError::InvalidPointer): the pointer does not point into a slab of a cache with these type
    ///   parameters, or not to the start of a slot, or the slot is free.
    ///
    /// # Safety
    ///
    /// Either the pointer is right:
    ///
    /// - `into_raw` of this type gave it: the same `T`, `L`, `SLAB_SIZE` and `S`, lifetimes included. (`MaybeUninit<T>` and
    ///   `T` may stand for each other, provided that the slot holds a value where `T` is named here.)
    /// - No box was made of it since.
    /// - The source that `S` refers to is still there, and is the same.
    ///
    /// Or it is wrong, and this function finds that and gives an error, under two conditions:
    ///
    /// - The `SLAB_SIZE` bytes around the pointer, aligned to their size, can be read, and those of a header are initialised.
    ///   If the pointer points into a slab of a cache, a handle or another box of that cache ensures that. For a pointer to
    ///   elsewhere it holds where memory is mapped in pieces of at least `SLAB_SIZE` bytes.
    /// - The address is not that of a live slot: neither of an object that the cache has put there since, nor of an object
    ///   of another cache whose `T`, `L` and `S` have the same sizes and alignments.
    pub unsafe fn from_raw(pointer: NonNull<T>) -> Result<Self> {
        if !pointer.addr().get().is_multiple_of(align_of::<T>()) {
            return Err(SlabError::AlignmentMismatch);
        }
        // The caller's pointer may have been narrowed to the object. The pointer that `find` makes is good for the slab.
        // SAFETY: passed on from the caller.
        let slot = unsafe { SlabRef::<Parameters<T, L, SLAB_SIZE, S>>::find(pointer.addr().get()) };
        let slot = slot.ok_or(SlabError::InvalidPointer)?;
        // SAFETY: the slot is live; the caller promises that it is this type's and that no box owns it.
        Ok(unsafe { Self::of_slot(slot.cast()) })
    }

    /// Moves the object out of its slot, and frees the slot. O(1), but for the move and the source.
    ///
    /// # Panics
    ///
    /// If two boxes were made of one pointer, and the other one has freed the slot: there is no object any more.
    #[must_use]
    #[inline]
    pub fn into_inner(b: Self) -> T {
        let pointer = b.into_slot();
        // SAFETY: the slot was this box's.
        let Some(_slot) = unsafe { Self::give_up(pointer) }.check_live() else { panic!("two boxes of one object") };
        // SAFETY: the slot holds the value, which is moved out of it here.
        unsafe { pointer.read() }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> SlabBox<MaybeUninit<T>, L, SLAB_SIZE, S> {
    /// Turns the box into one with a value, as [`MaybeUninit::assume_init`] does.
    ///
    /// # Safety
    ///
    /// The slot holds a value.
    #[must_use]
    #[inline]
    pub unsafe fn assume_init(self) -> SlabBox<T, L, SLAB_SIZE, S> {
        // SAFETY: the slot is the box's; the caller promises that it holds a value.
        unsafe { SlabBox::of_slot(self.into_slot().cast()) }
    }

    /// Writes a value, which makes the box one with a value.
    #[inline]
    pub fn write(b: Self, value: T) -> SlabBox<T, L, SLAB_SIZE, S> {
        let slot = b.into_slot().cast::<T>();
        // SAFETY: the slot is the box's, and has space for a value, which is written first.
        unsafe {
            slot.write(value);
            SlabBox::of_slot(slot)
        }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Drop for SlabBox<T, L, SLAB_SIZE, S> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the slot is this box's, which is gone then.
        let slot = unsafe { Self::give_up(self.slot) };
        if !needs_drop::<T>() {
            // `Pool::free` finds out if the slot is free already.
            return drop(slot);
        }
        // If two boxes were made of one pointer, the other one may have dropped the value.
        if let Some(_slot) = slot.check_live() {
            // SAFETY: the slot holds the box's value, which nobody uses any more. `_slot` is dropped after it.
            unsafe { ptr::drop_in_place(self.slot.as_ptr()) };
        }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Deref for SlabBox<T, L, SLAB_SIZE, S> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the slot holds the box's value.
        unsafe { self.slot.as_ref() }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> DerefMut for SlabBox<T, L, SLAB_SIZE, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the slot holds the box's value, and the box is borrowed as a whole.
        unsafe { self.slot.as_mut() }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> AsRef<T> for SlabBox<T, L, SLAB_SIZE, S> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> AsMut<T> for SlabBox<T, L, SLAB_SIZE, S> {
    fn as_mut(&mut self) -> &mut T {
        self
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Borrow<T> for SlabBox<T, L, SLAB_SIZE, S> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> BorrowMut<T> for SlabBox<T, L, SLAB_SIZE, S> {
    fn borrow_mut(&mut self) -> &mut T {
        self
    }
}

impl<T: fmt::Debug, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> fmt::Debug for SlabBox<T, L, SLAB_SIZE, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> fmt::Display
    for SlabBox<T, L, SLAB_SIZE, S>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> fmt::Pointer for SlabBox<T, L, SLAB_SIZE, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.slot.fmt(f)
    }
}
