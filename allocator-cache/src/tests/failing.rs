use core::alloc::Layout;
use core::cell::{Cell, RefCell};
use core::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::vec::Vec;

use super::support::*;
use crate::locks::{LockTrait, NoLock, SpinLock};
use crate::*;

/// Some for each of a few slabs.
const OBJECTS: u64 = if cfg!(miri) { 110 } else { 450 };

/// Which calls of a source fail.
#[derive(Clone, Copy, PartialEq)]
enum Failing {
    One,
    AllFromOneOn,
}

/// Does the same work with a source that fails at its first call, at its second, and so on: all objects stay intact, and
/// the work can go on once the source does not fail any more.
fn fail_at_every_call<L: LockTrait>(failing: Failing) {
    let only_once = failing == Failing::One;
    for from in 1.. {
        let heap = Heap::default();
        if only_once { &heap.fails_at } else { &heap.fails_from }.store(from, SeqCst);
        let Ok(cache) = SlabCache::<u64, L, 512, _>::with_source(&heap) else {
            assert_eq!((from, heap.live()), (1, 0));
            continue;
        };
        let (mut boxes, mut failed) = (Vec::new(), 0);
        for number in 0..OBJECTS {
            let before = cache.statistics();
            let taken = cache.alloc_with(number).or_else(|error| {
                assert_eq!((error, cache.statistics()), (SlabError::OutOfMemory, before));
                failed += 1;
                if only_once { cache.alloc_with(number) } else { Err(error) }
            });
            assert!(taken.is_ok() || !only_once);
            boxes.extend(taken);
            if !cfg!(miri) || failed > 0 && number % 32 == 0 {
                cache.validate().unwrap();
            }
        }
        assert!(boxes.iter().map(|number| **number).eq(0..boxes.len() as u64));
        boxes.clear();
        let statistics = cache.statistics();
        assert_eq!((statistics.used_slots, statistics.slabs), (0, heap.live()));
        cache.validate().unwrap();
        // Slabs that the source did not take are used before it is asked.
        let calls = heap.calls();
        boxes.extend((0..statistics.total_slots as u64).map(|number| cache.alloc_with(number).unwrap()));
        assert_eq!(heap.calls(), calls);
        // The source works again, and takes all that it did not.
        heap.fails_from.store(0, SeqCst);
        heap.fails_at.store(0, SeqCst);
        boxes.clear();
        cache.shrink();
        assert_eq!((cache.statistics().slabs, heap.live()), (1, 1));
        let refused = cache.statistics().refused_slabs;
        cache.validate().unwrap();
        drop(cache);
        assert_eq!(heap.live(), 0);
        if failed == 0 && refused == 0 {
            assert!(from > OBJECTS as usize / 40, "the source was called for slabs");
            return;
        }
    }
}

#[test]
fn a_source_that_fails_at_any_call_loses_nothing() {
    for failing in [Failing::AllFromOneOn, Failing::One] {
        // The two ways of counting references.
        fail_at_every_call::<AnyLock>(failing);
        fail_at_every_call::<SpinLock>(failing);
        if !cfg!(miri) {
            fail_at_every_call::<NoLock>(failing);
        }
    }
}

#[test]
fn a_slab_that_is_not_taken_back_is_kept_and_counted() {
    let heap = Heap::default();
    let cache = SlabCache::<u64, NoLock, 512, _>::with_source(&heap).unwrap();
    let boxes: Vec<_> = (0..150).map(|number| cache.alloc_with(number).unwrap()).collect();
    let slabs = cache.statistics().slabs;
    heap.takes_nothing.store(true, SeqCst);
    drop(boxes);
    assert_eq!((cache.statistics().slabs, cache.statistics().refused_slabs), (slabs, slabs - 2));
    assert_eq!(cache.shrink(), 0);
    assert_eq!(cache.statistics().refused_slabs, slabs - 1);
    heap.takes_nothing.store(false, SeqCst);
    assert_eq!(cache.shrink(), slabs - 1);
}

/// A source whose slabs are not aligned to their size.
#[derive(Default)]
struct Crooked {
    out: AtomicUsize,
}

// SAFETY: this breaks the contract, for the alignment is wrong. The cache finds that, and does not touch the slab.
unsafe impl SlabSource for Crooked {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.out.fetch_add(1, SeqCst);
        NonNull::new(core::ptr::without_provenance_mut(layout.size() + 64))
    }

    unsafe fn free_slab(&self, _: NonNull<u8>, _: Layout) -> Result<()> {
        self.out.fetch_sub(1, SeqCst);
        Ok(())
    }
}

#[test]
fn a_slab_that_is_not_aligned_is_given_back() {
    let source = Crooked::default();
    let refused = SlabCache::<u64, NoLock, 4096, _>::with_source(&source);
    assert_eq!(refused.err(), Some(SlabError::AlignmentMismatch));
    assert_eq!(source.out.load(SeqCst), 0);
}

/// A source that panics where a test wants it to.
#[derive(Default)]
pub(super) struct Panicking {
    pub(super) heap: Heap,
    panics: core::sync::atomic::AtomicBool,
    /// The slab that comes back at which it panics, besides. 0: none.
    pub(super) panics_at: AtomicUsize,
    back: AtomicUsize,
}

// SAFETY: that of the heap.
unsafe impl SlabSource for Panicking {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        assert!(!self.panics.load(SeqCst), "as intended");
        self.heap.alloc_slab(layout)
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        // SAFETY: passed on.
        unsafe { self.heap.free_slab(slab, layout)? };
        let back = self.back.fetch_add(1, SeqCst) + 1;
        assert!(!self.panics.load(SeqCst) && back != self.panics_at.load(SeqCst), "as intended");
        Ok(())
    }
}

fn a_source_panics<L: LockTrait>() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let source = Panicking::default();
    let cache = SlabCache::<u64, L, 512, _>::with_source(&source).unwrap();
    let per_primary = cache.statistics().total_slots as u64;
    let _full: Vec<_> = (0..per_primary).map(|number| cache.alloc_with(number).unwrap()).collect();
    source.panics.store(true, SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| cache.alloc_with(1))).is_err());
    cache.validate().unwrap();
    source.panics.store(false, SeqCst);
    let more = if cfg!(miri) { 130 } else { 200 };
    let mut more: Vec<_> = (0..more).map(|number| cache.alloc_with(number).unwrap()).collect();
    source.panics.store(true, SeqCst);
    let mut panics = 0;
    while let Some(object) = more.pop() {
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(object))).is_err();
        panics += u32::from(panicked);
        if panicked || !cfg!(miri) {
            cache.validate().unwrap();
        }
    }
    assert!(panics > 1);
    source.panics.store(false, SeqCst);
    assert_eq!(cache.statistics().used_slots as u64, per_primary);
}

#[test]
fn a_source_that_panics_leaves_the_cache_in_order() {
    a_source_panics::<NoLock>();
    a_source_panics::<SpinLock>();
    a_source_panics::<AnyLock>();
}

/// A lock of one thread that panics if it is taken twice.
struct Panicky(Cell<bool>);

struct PanickyGuard<'a>(&'a Cell<bool>);

impl Drop for PanickyGuard<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

// SAFETY: it is of one thread, as it is not `Sync`.
unsafe impl LockTrait for Panicky {
    type Guard<'a> = PanickyGuard<'a>;

    const RELEASE_IS_LAST: bool = true;

    fn init() -> Self {
        Self(Cell::new(false))
    }

    fn lock(&self) -> PanickyGuard<'_> {
        assert!(!self.0.replace(true), "taken twice");
        PanickyGuard(&self.0)
    }
}

/// The program's heap; its calls use the cache that it serves.
struct Reentrant;

std::thread_local! {
    static CACHE: RefCell<Option<SlabCache<u64, Panicky, 512, Reentrant>>> = const { RefCell::new(None) };
    /// Dropped when a slab is wanted.
    static HELD: RefCell<Option<SlabBox<u64, Panicky, 512, Reentrant>>> = const { RefCell::new(None) };
    static GIVES: Cell<bool> = const { Cell::new(true) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

impl Reentrant {
    fn use_cache() {
        CALLS.set(CALLS.get() + 1);
        CACHE.with_borrow(|cache| cache.as_ref().map(|cache| cache.validate().unwrap()));
    }
}

// SAFETY: that of the program's heap.
unsafe impl SlabSource for Reentrant {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        Self::use_cache();
        drop(HELD.take());
        GIVES.get().then(|| sources::StdSource.alloc_slab(layout)).flatten()
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        Self::use_cache();
        // SAFETY: passed on.
        unsafe { sources::StdSource.free_slab(slab, layout) }
    }
}

#[test]
fn a_source_is_called_without_the_lock() {
    let cache = SlabCache::<u64, Panicky, 512, _>::with_source(Reentrant).unwrap();
    CACHE.set(Some(cache.clone()));
    let boxes: Vec<_> = (0..300).map(|number| cache.alloc_with(number).unwrap()).collect();
    drop(boxes);
    cache.shrink();
    assert!(CALLS.get() > 10);
    CACHE.set(None);
}

#[test]
fn where_the_source_gives_nothing_a_slot_freed_meanwhile_is_taken() {
    let cache = SlabCache::<u64, Panicky, 512, _>::with_source(Reentrant).unwrap();
    let mut full: Vec<_> =
        (0..cache.statistics().total_slots as u64).map(|number| cache.alloc_with(number).unwrap()).collect();
    GIVES.set(false);
    assert_eq!(cache.alloc_with(1).err(), Some(SlabError::OutOfMemory));
    HELD.set(full.pop());
    assert_eq!(*cache.alloc_with(77).unwrap(), 77);
    assert_eq!(HELD.take().map(SlabBox::into_inner), None);
    GIVES.set(true);
}

#[test]
fn a_source_can_use_another_cache() {
    /// Counts its slabs in objects of another cache.
    struct Nested<'a> {
        heap: &'a Heap,
        counters: SlabCache<u64, NoLock, 512, &'a Heap>,
    }
    // SAFETY: that of the heap.
    unsafe impl SlabSource for Nested<'_> {
        fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
            let _ = SlabBox::into_raw(self.counters.alloc_with(1).ok()?);
            self.heap.alloc_slab(layout)
        }
        unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
            assert!(self.counters.statistics().used_slots > 0);
            // SAFETY: passed on.
            unsafe { self.heap.free_slab(slab, layout) }
        }
    }
    let (heap, other) = (Heap::default(), std::mem::ManuallyDrop::new(Heap::default()));
    let counters = SlabCache::with_source(&*other).unwrap();
    let cache = SlabCache::<u64, NoLock, 512, _>::with_source(Nested { heap: &heap, counters }).unwrap();
    let boxes: Vec<_> = (0..300).map(|number| cache.alloc_with(number).unwrap()).collect();
    assert_eq!(cache.source().counters.statistics().used_slots, cache.statistics().slabs);
    drop((boxes, cache));
    assert_eq!(heap.live(), 0);
}
