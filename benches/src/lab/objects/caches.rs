//! The allocators of objects, ours and others', all of which take their chunks from [`chunks`].

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use allocator::Slab;
use allocator::cache::{self, SlabSource, locks as our_locks};
use attachable_slab_allocator::locks::{LockTrait, NoLock, SpinLock};
use attachable_slab_allocator::{SlabBox, SlabCache};

use super::chunks::{self, CHUNK_SIZE};
use super::{FreedAnywhere, Object, ObjectCache, SharedCache};

const OBJECT_SIZE: usize = size_of::<Object>();
const OBJECTS_PER_CHUNK: usize = CHUNK_SIZE / OBJECT_SIZE;

/// Writes to a fresh slot.
///
/// # Safety
///
/// The slot has room for an object, and is the caller's alone.
#[inline(always)]
unsafe fn write_first(slot: NonNull<u8>, first: u64) {
    // SAFETY: as promised.
    unsafe { slot.cast::<u64>().write(first) };
}

/// Reads what [`write_first`] wrote.
///
/// # Safety
///
/// It was written, and the slot is the caller's alone.
#[inline(always)]
unsafe fn read_first(slot: NonNull<u8>) -> u64 {
    // SAFETY: as promised.
    unsafe { slot.cast::<u64>().read() }
}

/// The chunks that a cache has taken, given back when it is dropped.
#[derive(Default)]
struct Taken(Vec<NonNull<u8>>);

impl Taken {
    #[inline]
    fn take(&mut self) -> NonNull<u8> {
        let chunk = chunks::take();
        self.0.push(chunk);
        chunk
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // The last one first, so that the next cache gets them in the same order.
        for chunk in self.0.drain(..).rev() {
            // SAFETY: the chunk came from `chunks::take`; the cache that used it is dropped, too.
            unsafe { chunks::give(chunk) };
        }
    }
}

/// The slots of the family's `Slab`, which grows by a chunk.
pub(super) struct SlabSlots {
    slab: Slab,
    chunks: Taken,
}

impl SlabSlots {
    #[cold]
    fn grow(&mut self) -> Option<NonNull<u8>> {
        // SAFETY: the chunk has room for so many slots, and is the slab's until both are dropped.
        unsafe { self.slab.grow(self.chunks.take(), OBJECTS_PER_CHUNK) };
        self.slab.alloc()
    }
}

impl ObjectCache for SlabSlots {
    const NAME: &'static str = "slab";
    type Held = NonNull<u8>;

    fn new() -> Option<Self> {
        Some(Self { slab: Slab::new(OBJECT_SIZE), chunks: Taken::default() })
    }

    #[inline]
    fn alloc(&mut self, first: u64) -> Option<NonNull<u8>> {
        let slot = match self.slab.alloc() {
            Some(slot) => slot,
            None => self.grow()?,
        };
        // SAFETY: a fresh slot of this size.
        unsafe { write_first(slot, first) };
        Some(slot)
    }

    #[inline]
    fn free(&mut self, slot: NonNull<u8>) -> u64 {
        // SAFETY: the slot is live, and was written when it was taken.
        unsafe {
            let first = read_first(slot);
            self.slab.dealloc(slot);
            first
        }
    }
}

/// The cache of `attachable-slab-allocator`, with slabs of the size of a chunk.
pub(super) struct AttachableCache<L: LockTrait>(SlabCache<Object, L, CHUNK_SIZE>);

/// The cache for one thread.
pub(super) type Attachable = AttachableCache<NoLock>;
/// The cache for many threads.
pub(super) type AttachableShared = AttachableCache<SpinLock>;

impl<L: LockTrait> ObjectCache for AttachableCache<L> {
    const NAME: &'static str = "attachable-slab-allocator";
    type Held = SlabBox<Object, L, CHUNK_SIZE>;

    fn new() -> Option<Self> {
        SlabCache::new().ok().map(Self)
    }

    #[inline]
    fn alloc(&mut self, first: u64) -> Option<Self::Held> {
        let held = self.0.alloc().ok()?;
        // SAFETY: a fresh object; the box has not been looked into, as what it holds is not initialised.
        unsafe { held.as_ptr().cast::<u64>().write(first) };
        Some(held)
    }

    #[inline]
    fn free(&mut self, held: Self::Held) -> u64 {
        // SAFETY: the object is live, and was written when it was taken.
        unsafe { held.as_ptr().cast::<u64>().read() }
    }
}

impl FreedAnywhere for AttachableShared {
    fn free_here(held: Self::Held) -> u64 {
        // SAFETY: the object is live, and was written when it was taken.
        unsafe { held.as_ptr().cast::<u64>().read() }
    }
}

impl SharedCache for AttachableShared {
    fn handle(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A source of slabs that takes them from [`chunks`].
pub(super) struct Supply;

// SAFETY: chunks are aligned to their size, and do not overlap.
unsafe impl SlabSource for Supply {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        chunks::fits(layout).then(chunks::take)
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, _: Layout) -> cache::Result<()> {
        // SAFETY: passed on.
        unsafe { chunks::give(slab) };
        Ok(())
    }
}

/// A lock under which the family's cache has a name.
pub(super) trait NamedLock: our_locks::LockTrait {
    const NAME: &'static str;
}

impl NamedLock for our_locks::NoLock {
    const NAME: &'static str = "slab-cache";
}

impl NamedLock for our_locks::SpinLock {
    const NAME: &'static str = "slab-cache-spin";
}

/// The family's cache, with slabs of the size of a chunk.
pub(super) struct OurCache<L: NamedLock>(cache::SlabCache<Object, L, CHUNK_SIZE, Supply>);

/// An object of which only the first word is written, as of the others'.
type OurHeld<L> = cache::SlabBox<MaybeUninit<Object>, L, CHUNK_SIZE, Supply>;

/// The cache for one thread.
pub(super) type Cache = OurCache<our_locks::NoLock>;
/// The cache for many threads.
pub(super) type CacheShared = OurCache<our_locks::SpinLock>;

impl<L: NamedLock> ObjectCache for OurCache<L> {
    const NAME: &'static str = L::NAME;
    type Held = OurHeld<L>;

    fn new() -> Option<Self> {
        cache::SlabCache::with_source(Supply).ok().map(Self)
    }

    #[inline]
    fn alloc(&mut self, first: u64) -> Option<OurHeld<L>> {
        let mut held = self.0.alloc_uninit().ok()?;
        // SAFETY: the object is the box's.
        unsafe { held.as_mut_ptr().cast::<u64>().write(first) };
        Some(held)
    }

    #[inline]
    fn free(&mut self, held: OurHeld<L>) -> u64 {
        // SAFETY: the object is live, and its first word was written when it was taken.
        unsafe { held.as_ptr().cast::<u64>().read() }
    }
}

impl FreedAnywhere for CacheShared {
    #[inline]
    fn free_here(held: Self::Held) -> u64 {
        // SAFETY: the object is live, and its first word was written when it was taken.
        unsafe { held.as_ptr().cast::<u64>().read() }
    }
}

impl SharedCache for CacheShared {
    fn handle(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A bump pointer and a bare list.
pub(super) struct Floor {
    free: Option<NonNull<FreeObject>>,
    next: usize,
    chunks: Taken,
}

struct FreeObject {
    next: Option<NonNull<FreeObject>>,
}

impl Floor {
    #[inline(never)]
    fn bump(&mut self) -> NonNull<u8> {
        if self.next == OBJECTS_PER_CHUNK || self.chunks.0.is_empty() {
            self.chunks.take();
            self.next = 0;
        }
        let chunk = self.chunks.0[self.chunks.0.len() - 1];
        // SAFETY: the chunk has room for one more object.
        let object = unsafe { chunk.add(self.next * OBJECT_SIZE) };
        self.next += 1;
        object
    }
}

impl ObjectCache for Floor {
    const NAME: &'static str = "floor";
    type Held = NonNull<u8>;

    fn new() -> Option<Self> {
        Some(Self { free: None, next: 0, chunks: Taken::default() })
    }

    #[inline]
    fn alloc(&mut self, first: u64) -> Option<NonNull<u8>> {
        let object = match self.free {
            Some(object) => {
                // SAFETY: an object on the list is free and holds its successor.
                self.free = unsafe { object.read() }.next;
                object.cast()
            }
            None => self.bump(),
        };
        // SAFETY: a fresh object.
        unsafe { write_first(object, first) };
        Some(object)
    }

    #[inline]
    fn free(&mut self, object: NonNull<u8>) -> u64 {
        // SAFETY: the object is live, was written when it was taken, and is nobody's from now on.
        unsafe {
            let first = read_first(object);
            object.cast::<FreeObject>().write(FreeObject { next: self.free });
            self.free = Some(object.cast());
            first
        }
    }
}
