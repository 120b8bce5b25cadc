//! [`SlabBox`], an object in a slot.

use core::borrow::{Borrow, BorrowMut};
use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit, align_of, needs_drop};
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use super::error::{Result, SlabError};
use super::grid::{Config, Shape};
use super::header::SlabRef;
use super::hierarchy::Hierarchy;
use super::locks::LockTrait;
use super::sources::{HookSource, SlabSource};

/// An object in a slot of a [`SlabCache`](super::SlabCache), owned like a `Box`.
///
/// It is one pointer. Dropped, wherever that is, it drops the object and gives the slot back; the last box gives all slabs
/// back if there is no handle any more. The drop of the object runs outside of the lock: it may use the cache, and if it
/// panics, the slot is given back all the same.
///
/// It is `Send` and `Sync` where `T` is, and where lock and source are both: whoever drops it uses them, and may be the one
/// that drops them.
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
/// To drop it is O(1), but for the drop of the object and for the source.
pub struct SlabBox<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource = HookSource> {
    /// The slot, live and this box's alone. The pointer may be used for all of the slab.
    slot: NonNull<T>,
    owns: Owns<T, L, S>,
}

/// What a handle and a box own: an object, a lock, a source. The last two are of exactly these types: as one of its
/// supertypes, either might answer differently.
pub(super) type Owns<T, L, S> = PhantomData<(T, L, S, fn(L, S) -> (L, S))>;

// SAFETY: a box owns its object. Dropped on another thread, it uses lock and source there, and may be the one to drop them.
unsafe impl<T: Send, L: LockTrait + Send + Sync, const SLAB_SIZE: usize, S: SlabSource + Send + Sync> Send
    for SlabBox<T, L, SLAB_SIZE, S>
{
}

// SAFETY: a shared box gives access to the shared object only.
unsafe impl<T: Sync, L: LockTrait + Send + Sync, const SLAB_SIZE: usize, S: SlabSource + Send + Sync> Sync
    for SlabBox<T, L, SLAB_SIZE, S>
{
}

/// What is not `Send` or `Sync`, besides the example above: a box with a lock or a source of one thread, and a box of what
/// must not be shared.
///
/// ```compile_fail,E0277
/// # use allocator_cache::{SlabCache, locks::NoLock, sources::StdSource};
/// let object = SlabCache::<_, NoLock, 4096, _>::with_source(StdSource).unwrap().alloc_with(1).unwrap();
/// std::thread::spawn(move || drop(object));
/// ```
///
/// ```compile_fail,E0277
/// # use allocator_cache::{SlabBox, SlabCache, locks::SpinLock, sources::{Locked, PageSource}, locks::NoLock};
/// fn send(_: impl Send) {}
/// type Source = PageSource<Locked<allocator_pages::RadixPageAllocator<'static, 4096>, NoLock>>;
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

/// Gives a slot back when it is dropped, be it by a panic.
struct Slot<C: Config>(NonNull<u8>, PhantomData<C>);

impl<C: Config> Drop for Slot<C> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: whoever made this gives the slot up, and no value is in it any more.
        unsafe { Hierarchy::<C>::put(self.0) }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> SlabBox<T, L, SLAB_SIZE, S> {
    /// # Safety
    ///
    /// The slot is a live one of such a cache and becomes the box's; its pointer may be used for all of the slab. It holds
    /// a value.
    #[inline(always)]
    pub(super) unsafe fn of_slot(slot: NonNull<T>) -> Self {
        Self { slot, owns: PhantomData }
    }

    /// The slot's, which is not the box's any more.
    #[inline(always)]
    fn release(self) -> NonNull<T> {
        ManuallyDrop::new(self).slot
    }

    /// Whether the slot of a box is live, as it should be.
    #[inline(always)]
    fn is_live(slot: NonNull<T>) -> bool {
        // SAFETY: the slot is one of such a cache.
        let slab = unsafe { SlabRef::<Shape<T, L, SLAB_SIZE, S>>::of_slot(slot.cast()) };
        slab.is_live(slab.index_of(slot.cast()))
    }

    /// What gives the slot back.
    #[inline(always)]
    fn returning(slot: NonNull<T>) -> Slot<Shape<T, L, SLAB_SIZE, S>> {
        Slot(slot.cast(), PhantomData)
    }

    /// The box without the knowledge that there is a value, which is not dropped with it.
    pub(super) fn into_uninit(self) -> SlabBox<MaybeUninit<T>, L, SLAB_SIZE, S> {
        // SAFETY: the slot is the box's; `MaybeUninit` has the size and the alignment of its value, and needs none.
        unsafe { SlabBox::of_slot(self.release().cast()) }
    }

    /// The object's pointer. It is good for as long as the box is, and is not moved.
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

    /// The object's pointer, to be made a box again with [`from_raw`](Self::from_raw). Until then the slot stays live, and
    /// keeps the slabs.
    ///
    /// # Examples
    ///
    /// ```
    /// # use allocator_cache::{SlabBox, SlabCache, SlabError, locks::SpinLock, sources::StdSource};
    /// let cache = SlabCache::<u64, SpinLock, 4096, _>::with_source(StdSource)?;
    /// let pointer = SlabBox::into_raw(cache.alloc_with(5)?);
    ///
    /// // SAFETY: the pointer is that of a box, which was not made a box again yet.
    /// let number = unsafe { SlabBox::<u64, SpinLock, 4096, StdSource>::from_raw(pointer) }?;
    /// assert_eq!(SlabBox::into_inner(number), 5);
    ///
    /// // SAFETY: the cache is there, so the slab can be read; the slot is free, which is found out.
    /// let again = unsafe { SlabBox::<u64, SpinLock, 4096, StdSource>::from_raw(pointer) };
    /// assert_eq!(again.err(), Some(SlabError::InvalidPointer));
    /// # Ok::<(), SlabError>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn into_raw(b: Self) -> NonNull<T> {
        b.release()
    }

    /// A box of a pointer that [`into_raw`](Self::into_raw) gave. O(1).
    ///
    /// # Errors
    ///
    /// - [`AlignmentMismatch`](SlabError::AlignmentMismatch): the pointer is not aligned for `T`;
    /// - [`InvalidPointer`](SlabError::InvalidPointer): it does not lie in a slab of such a cache, it is not the start of a
    ///   slot, or the slot is free.
    ///
    /// # Safety
    ///
    /// - The pointer is that of an object which a box of this type was for, and no box is now; or this is an error that is
    ///   found out, as above. None that is found out is a slot that is live again as another's object, nor a live slot of a
    ///   cache with other types of the same size and alignment: a header does not tell types apart.
    /// - The first bytes of the `SLAB_SIZE` bytes around it, aligned to their size, can be read, as many as a header has:
    ///   that is so as long as a handle or another box keeps the slab, and where memory is mapped in pieces of at least
    ///   that size.
    pub unsafe fn from_raw(pointer: NonNull<T>) -> Result<Self> {
        if !pointer.addr().get().is_multiple_of(align_of::<T>()) {
            return Err(SlabError::AlignmentMismatch);
        }
        // The caller's pointer may be good for the object only; that which is found is good for the slab.
        // SAFETY: passed on.
        let slot = unsafe { SlabRef::<Shape<T, L, SLAB_SIZE, S>>::find(pointer.addr().get()) };
        let slot = slot.ok_or(SlabError::InvalidPointer)?;
        // SAFETY: the slot is live, and no box has it, as the caller promises.
        Ok(unsafe { Self::of_slot(slot.cast()) })
    }

    /// The object, out of its slot, which is given back. O(1), but for moving it and for the source.
    ///
    /// # Panics
    ///
    /// If the slot is free, as two boxes were made of one pointer: there is no object any more.
    #[must_use]
    #[inline]
    pub fn into_inner(b: Self) -> T {
        let slot = b.release();
        if !Self::is_live(slot) {
            // SAFETY: the slot is one of such a cache.
            unsafe { Hierarchy::<Shape<T, L, SLAB_SIZE, S>>::refuse(slot.cast()) };
            panic!("two boxes of one object");
        }
        // SAFETY: the slot holds the value, which is not in it any more from here on.
        let value = unsafe { slot.read() };
        drop(Self::returning(slot));
        value
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> SlabBox<MaybeUninit<T>, L, SLAB_SIZE, S> {
    /// The box as one of an object. Like that of [`MaybeUninit`], but the box stays one.
    ///
    /// # Safety
    ///
    /// A value was written.
    #[must_use]
    #[inline]
    pub unsafe fn assume_init(self) -> SlabBox<T, L, SLAB_SIZE, S> {
        // SAFETY: the slot is the box's, and holds a value, as the caller promises.
        unsafe { SlabBox::of_slot(self.release().cast()) }
    }

    /// Writes the object: then it is one.
    #[inline]
    pub fn write(b: Self, value: T) -> SlabBox<T, L, SLAB_SIZE, S> {
        let slot = b.release().cast::<T>();
        // SAFETY: the slot is the box's, and has room for a value; then it holds it.
        unsafe {
            slot.write(value);
            SlabBox::of_slot(slot)
        }
    }
}

impl<T, L: LockTrait, const SLAB_SIZE: usize, S: SlabSource> Drop for SlabBox<T, L, SLAB_SIZE, S> {
    #[inline]
    fn drop(&mut self) {
        if needs_drop::<T>() && !Self::is_live(self.slot) {
            // Two boxes were made of one pointer. What the other has dropped is not dropped again.
            // SAFETY: the slot is one of such a cache.
            return unsafe { Hierarchy::<Shape<T, L, SLAB_SIZE, S>>::refuse(self.slot.cast()) };
        }
        let _slot = Self::returning(self.slot);
        // SAFETY: the slot holds the box's value, which nobody uses after this.
        unsafe { ptr::drop_in_place(self.slot.as_ptr()) };
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
