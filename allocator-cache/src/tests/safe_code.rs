//! What safe code can do with boxes, handles and sources, for Miri: swaps, moves and leaks do no harm.

use core::alloc::Layout;
use core::mem;
use core::ptr::NonNull;
use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use allocator_core::ByteAllocator;
use allocator_shared::Locked;
use allocator_slab::SlabByteAllocator;

use super::support::*;
use crate::locks::{NoLock, RawLock, SpinLock};
use crate::sources::{ByteSource, StdSource};
use crate::*;

#[test]
fn boxes_and_handles_of_two_caches_can_be_swapped() {
    let heap = Heap::default();
    let mut caches = [(); 2].map(|()| SlabCache::<String, SpinLock, 512, _>::with_source(&heap).unwrap());
    let [mut first, mut second] = [0, 1].map(|index| caches[index].alloc_with(std::format!("{index}")).unwrap());
    mem::swap(&mut first, &mut second);
    assert_eq!((first.as_str(), second.as_str()), ("1", "0"));
    mem::swap(&mut *first, &mut *second);
    assert_eq!((first.as_str(), second.as_str()), ("0", "1"));
    caches.swap(0, 1);
    let mut batch = [Some(first), Some(second), None];
    caches[0].alloc_batch_with(&mut batch, |index| std::format!("{index}")).unwrap();
    let (other, cache) = (caches[1].statistics(), caches[0].statistics());
    assert_eq!((other.used_slots, cache.used_slots), (0, 3));
    drop(caches);
    assert!(batch.iter().flatten().map(|text| text.as_str()).eq(["0", "1", "2"]));
    drop(batch);
    assert_eq!(heap.live(), 0);
}

#[test]
fn what_is_forgotten_keeps_its_slabs() {
    let heap = mem::ManuallyDrop::new(Heap::default());
    let cache = SlabCache::<u64, AnyLock, 512, _>::with_source(&*heap).unwrap();
    mem::forget(cache.clone());
    let boxes: Vec<_> = (0..100).map(|number| cache.alloc_with(number).unwrap()).collect();
    let number: &u64 = Box::leak(Box::new(cache.alloc_with(7).unwrap()));
    let slabs = cache.statistics().slabs;
    mem::forget(boxes);
    drop(cache);
    assert_eq!((heap.live(), *number), (slabs, 7));
}

#[test]
fn a_locked_engine_is_its_owners_again_once_no_cache_can_use_it() {
    let mut pool = std::vec![0_u64; 8 * 1024];
    let mut heap: Locked<SlabByteAllocator> = Locked::new(SlabByteAllocator::new());
    // SAFETY: nothing else uses the pool, which outlives the heap.
    unsafe { heap.init(pool.as_mut_ptr().expose_provenance(), 64 * 1024) }.unwrap();
    let cache = SlabCache::<u64, NoLock, 4096, _>::with_source(&heap).unwrap();
    let number = cache.alloc_with(7).unwrap();
    mem::forget((cache, number));
    // The slab is out for ever. Nothing uses it any more, as the types of cache and box have the lifetime of the borrow.
    assert!(heap.get_mut().used_bytes() >= 4096);
    *heap.get_mut() = SlabByteAllocator::new();
    assert_eq!(heap.into_inner().used_bytes(), 0);
}

#[test]
fn sources_give_nothing_or_memory_for_any_layout() {
    let mut pool = std::vec![0_u64; 8 * 1024];
    let heap: Locked<SlabByteAllocator> = Locked::new(SlabByteAllocator::new());
    // SAFETY: nothing else uses the pool, which outlives the heap.
    unsafe { heap.init(pool.as_mut_ptr().expose_provenance(), 64 * 1024) }.unwrap();
    // SAFETY: nobody replaces the heap, which does not use the source.
    let bytes = unsafe { ByteSource::new(&heap) };
    let sources: [&dyn SlabSource; 3] = [&heap, &bytes, &StdSource];
    for source in sources {
        for (size, align) in [(0, 1), (0, 4096), (1, 1), (1, 64), (24, 8), (4096, 16)] {
            let layout = Layout::from_size_align(size, align).unwrap();
            if let Some(slab) = source.alloc_slab(layout) {
                assert!(slab.addr().get().is_multiple_of(align));
                // SAFETY: the slab has that size.
                unsafe { slab.write_bytes(1, size) };
                // SAFETY: the source has just given it, with this layout.
                unsafe { source.free_slab(slab, layout) }.unwrap();
            } else {
                assert_eq!(size, 0);
            }
        }
    }
}

#[test]
fn lock_source_and_value_lie_aligned() {
    /// A source whose alignment is larger than that of anything else in a slab.
    #[repr(align(256))]
    struct Wide(u8);

    // SAFETY: that of the program's heap.
    unsafe impl SlabSource for Wide {
        fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
            StdSource.alloc_slab(layout)
        }

        unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
            // SAFETY: passed on from the caller.
            unsafe { StdSource.free_slab(slab, layout) }
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(128))]
    struct Value(u8);

    let cache = SlabCache::<Value, RawLock<spin::Mutex<()>>, 4096, _>::with_source(Wide(3)).unwrap();
    assert!(core::ptr::from_ref(cache.source()).addr().is_multiple_of(256));
    assert_eq!(cache.source().0, 3);
    let boxes: Vec<_> = (0..50).map(|number| cache.alloc_with(Value(number)).unwrap()).collect();
    assert!(boxes.iter().all(|value| value.as_ptr().is_aligned()));
    assert!((0..50).map(Value).eq(boxes.iter().map(|value| **value)));
    cache.validate().unwrap();
}
