use core::alloc::Layout;
use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::{String, ToString};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::vec::Vec;

use super::support::*;
use crate::locks::{LockTrait, NoLock, SpinLock};
use crate::*;

fn boxes_outlive_all_handles<L: LockTrait>() {
    let heap = Heap::default();
    let cache = SlabCache::<String, L, 512, _>::with_source(&heap).unwrap();
    let clone = cache.clone();
    let mut boxes: Vec<_> = (0..200).map(|n: u32| cache.alloc_with(n.to_string()).unwrap()).collect();
    drop(cache);
    drop(clone);
    let slabs = heap.live();
    assert!(slabs > 3);
    while boxes.len() > 1 {
        boxes.remove(boxes.len() / 3);
    }
    assert_eq!(*boxes[0], "199");
    assert!(heap.live() > 0 && heap.live() < slabs);
    drop(boxes);
    assert_eq!(heap.live(), 0);
}

#[test]
fn the_last_box_gives_all_slabs_back() {
    boxes_outlive_all_handles::<NoLock>();
    boxes_outlive_all_handles::<SpinLock>();
    boxes_outlive_all_handles::<AnyLock>();
}

fn handles_keep_the_primary<L: LockTrait>() {
    let heap = Heap::default();
    let cache = SlabCache::<u64, L, 512, _>::with_source(&heap).unwrap();
    let clones: Vec<_> = (0..10).map(|_| cache.clone()).collect();
    drop(cache);
    for clone in clones {
        assert_eq!(heap.live(), 1);
        drop(clone.alloc_with(1).unwrap());
    }
    assert_eq!(heap.live(), 0);
}

#[test]
fn the_last_handle_gives_the_primary_back() {
    handles_keep_the_primary::<NoLock>();
    handles_keep_the_primary::<SpinLock>();
    handles_keep_the_primary::<AnyLock>();
}

#[test]
fn each_value_is_dropped_once() {
    let (drops, heap) = (AtomicUsize::new(0), Heap::default());
    let cache = SlabCache::<Counted, NoLock, 512, _>::with_source(&heap).unwrap();
    let boxes: Vec<_> = (0..100).map(|_| cache.alloc_with(Counted(&drops)).unwrap()).collect();
    assert_eq!(drops.load(SeqCst), 0);
    drop(boxes);
    assert_eq!(drops.load(SeqCst), 100);
    let value = SlabBox::into_inner(cache.alloc_with(Counted(&drops)).unwrap());
    assert_eq!((drops.load(SeqCst), cache.statistics().used_slots), (100, 0));
    drop(value);
    assert_eq!(drops.load(SeqCst), 101);
    let mut uninit = cache.alloc_uninit().unwrap();
    uninit.write(Counted(&drops));
    drop(uninit);
    assert_eq!(drops.load(SeqCst), 101, "a box of `MaybeUninit` drops nothing");
    drop(SlabBox::write(cache.alloc_uninit().unwrap(), Counted(&drops)));
    let mut uninit = cache.alloc_uninit().unwrap();
    *uninit = MaybeUninit::new(Counted(&drops));
    // SAFETY: just written.
    drop(unsafe { uninit.assume_init() });
    assert_eq!((drops.load(SeqCst), cache.statistics().used_slots), (103, 0));
    heap.gives_nothing.store(true, SeqCst);
    let full: Vec<_> = core::iter::from_fn(|| cache.alloc_uninit().ok()).collect();
    assert!(cache.alloc_with(Counted(&drops)).is_err());
    assert_eq!(drops.load(SeqCst), 104, "a value that got no slot");
    drop(full);
}

#[test]
fn a_pointer_out_of_a_box_keeps_the_slabs_until_it_is_one_again() {
    let (drops, heap) = (AtomicUsize::new(0), Heap::default());
    let cache = SlabCache::<Counted, SpinLock, 512, _>::with_source(&heap).unwrap();
    let pointer = SlabBox::into_raw(cache.alloc_with(Counted(&drops)).unwrap());
    drop(cache);
    assert_eq!((heap.live(), drops.load(SeqCst)), (1, 0));
    // A pointer that is good for the object only is enough.
    // SAFETY: the object is live, and nobody else uses it.
    let narrow = core::ptr::NonNull::from(unsafe { &mut *pointer.as_ptr() });
    // SAFETY: it is that of a box, which there is not any more.
    drop(unsafe { SlabBox::<Counted, SpinLock, 512, &Heap>::from_raw(narrow) }.unwrap());
    assert_eq!((heap.live(), drops.load(SeqCst)), (0, 1));
}

/// Panics when it is dropped, having used the cache.
struct Bomb<'a, L: LockTrait> {
    cache: Option<SlabCache<Bomb<'a, L>, L, 512, &'a Heap>>,
    armed: bool,
}

impl<L: LockTrait> Drop for Bomb<'_, L> {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.take() {
            let other = cache.alloc_with(Bomb { cache: None, armed: false }).unwrap();
            cache.validate().unwrap();
            drop(other);
            cache.shrink();
        }
        assert!(!self.armed, "as intended");
    }
}

fn destructors_that_panic_and_use_the_cache<L: LockTrait>() {
    let heap = Heap::default();
    let cache = SlabCache::<Bomb<L>, L, 512, _>::with_source(&heap).unwrap();
    for armed in [false, true] {
        let mut boxes: Vec<_> =
            (0..20).map(|_| cache.alloc_with(Bomb { cache: Some(cache.clone()), armed }).unwrap()).collect();
        while let Some(object) = boxes.pop() {
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(object)));
            assert_eq!(dropped.is_err(), armed);
            assert_eq!(cache.statistics().used_slots, boxes.len());
            cache.validate().unwrap();
        }
    }
    // The last box of all.
    let last = cache.alloc_with(Bomb { cache: Some(cache.clone()), armed: true }).unwrap();
    drop(cache);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(last))).is_err());
    assert_eq!(heap.live(), 0);
}

#[test]
fn destructors_can_panic_and_use_the_cache() {
    destructors_that_panic_and_use_the_cache::<NoLock>();
    destructors_that_panic_and_use_the_cache::<SpinLock>();
    destructors_that_panic_and_use_the_cache::<AnyLock>();
}

#[test]
fn a_default_can_panic() {
    #[derive(Debug)]
    struct Never;
    impl Default for Never {
        fn default() -> Self {
            panic!("as intended");
        }
    }
    let heap = Heap::default();
    let cache = SlabCache::<Never, SpinLock, 512, _>::with_source(&heap).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| cache.alloc())).is_err());
    let mut batch = [const { None }; 3];
    assert!(catch_unwind(AssertUnwindSafe(|| cache.alloc_batch(&mut batch))).is_err());
    assert!(batch.iter().all(Option::is_none));
    assert_eq!(cache.statistics().used_slots, 0);
    cache.validate().unwrap();
}

/// A lock of one thread that counts in `DROPS` when it is dropped.
struct Mortal<const RELEASE_IS_LAST: bool>(PhantomData<*const ()>);

std::thread_local! {
    static DROPS: Cell<usize> = const { Cell::new(0) };
}

impl<const RELEASE_IS_LAST: bool> Drop for Mortal<RELEASE_IS_LAST> {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
    }
}

// SAFETY: it is of one thread, as it is not `Sync`.
unsafe impl<const LAST: bool> LockTrait for Mortal<LAST> {
    type Guard<'a> = ();

    const RELEASE_IS_LAST: bool = LAST;

    fn init() -> Self {
        Self(PhantomData)
    }

    fn lock(&self) {}
}

/// The program's heap, as long as somebody has the other reference.
struct Owner(Arc<()>);

// SAFETY: that of the program's heap.
unsafe impl SlabSource for Owner {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        assert_eq!(Arc::strong_count(&self.0), 2);
        sources::StdSource.alloc_slab(layout)
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        assert_eq!(Arc::strong_count(&self.0), 2);
        // SAFETY: passed on.
        unsafe { sources::StdSource.free_slab(slab, layout) }
    }
}

fn lock_and_source_end_once<const LAST: bool>() {
    for box_is_last in [false, true] {
        let source = Arc::new(());
        DROPS.set(0);
        let cache = SlabCache::<u64, Mortal<LAST>, 512, _>::with_source(Owner(Arc::clone(&source))).unwrap();
        let boxes: Vec<_> = (0..200).map(|number| cache.alloc_with(number).unwrap()).collect();
        let handle = cache.clone();
        drop(cache);
        if box_is_last {
            drop(handle);
            assert_eq!(DROPS.get(), 0);
            drop(boxes);
        } else {
            drop(boxes);
            assert_eq!(DROPS.get(), 0);
            drop(handle);
        }
        assert_eq!((DROPS.get(), Arc::strong_count(&source)), (1, 1));
    }
}

#[test]
fn lock_and_source_end_with_the_slabs() {
    lock_and_source_end_once::<false>();
    lock_and_source_end_once::<true>();
}

#[test]
fn a_cache_can_own_the_engine_that_its_slabs_come_from() {
    use allocator_shared::Locked;
    use allocator_slab::SlabByteAllocator;

    let mut pool = std::vec![0_u64; 16 * 1024];
    let heap: Locked<SlabByteAllocator> = Locked::new(SlabByteAllocator::new());
    // SAFETY: nothing else uses the pool, which outlives cache and boxes.
    unsafe { heap.init(pool.as_mut_ptr().expose_provenance(), 128 * 1024) }.unwrap();
    // The cache moves the heap into a slab that came from it, and out again when it gives that slab back.
    let cache = SlabCache::<[u64; 16], SpinLock, 8192, _>::with_source(heap).unwrap();
    let boxes: Vec<_> = (0..300).map(|number| cache.alloc_with([number; 16]).unwrap()).collect();
    assert!(cache.statistics().slabs > 2);
    cache.validate().unwrap();
    drop(cache);
    assert!(boxes.iter().map(|numbers| numbers[15]).eq(0..300));
    drop(boxes);
}
