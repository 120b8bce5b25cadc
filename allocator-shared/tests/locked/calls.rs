//! Which calls of the engine a call of a reference becomes, and what is done while the lock is free.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use allocator_bitmap::BitmapIdAllocator;
use allocator_buddy::BuddyByteAllocator;
use allocator_core::{AllocError, BaseAllocator, ByteAllocator, IdAllocator, PageAllocator};
use allocator_pages::RadixPageAllocator;
use allocator_shared::Locked;
use allocator_shared::lock_api::RawMutex;
use allocator_tlsf::TlsfByteAllocator;

use crate::support::{Call, CountingLock, Logging, POOL, calls, give_memory, layout, locks};

type Heap<A> = Locked<Logging<A>, CountingLock>;

fn heap<A: ByteAllocator>(engine: A) -> Heap<A> {
    let heap = Locked::with_lock(CountingLock::INIT, Logging(engine));
    give_memory(&heap, POOL);
    heap
}

#[test]
fn a_reference_takes_no_memory() {
    static HEAP: Locked<TlsfByteAllocator> = Locked::new(TlsfByteAllocator::new());
    static FRAMES: Locked<RadixPageAllocator<'static, 4096>> = Locked::new(RadixPageAllocator::new());
    let mut pool = [0_u64; 512];
    let start = pool.as_mut_ptr().expose_provenance();
    // SAFETY: the references are expected to refuse the memory.
    unsafe {
        assert_eq!(BaseAllocator::init(&mut &HEAP, start, 4096), Err(AllocError::InvalidParam));
        assert_eq!(BaseAllocator::add_memory(&mut &HEAP, start, 4096), Err(AllocError::InvalidParam));
        assert_eq!(BaseAllocator::init(&mut &FRAMES, start, 4096), Err(AllocError::InvalidParam));
        assert_eq!(BaseAllocator::add_memory(&mut &FRAMES, start, 4096), Err(AllocError::InvalidParam));
    }
    assert_eq!((HEAP.with(|heap| heap.total_bytes()), FRAMES.with(|frames| frames.total_pages())), (0, 0));
    assert_eq!((&HEAP).alloc(layout(1, 1)), Err(AllocError::NoMemory));
}

#[test]
fn realloc_that_has_to_move_copies_while_the_lock_is_free() {
    // This engine has nothing to grow into: a block of 64 bytes is followed by its live neighbour.
    let heap = heap(BuddyByteAllocator::new());
    let (block, neighbour) = ((&heap).alloc(layout(64, 8)).unwrap(), (&heap).alloc(layout(64, 8)).unwrap());
    // SAFETY: both blocks are 64 bytes large.
    unsafe {
        block.write_bytes(7, 64);
        neighbour.write_bytes(8, 64);
    }
    let mut moved = block;
    let mut log = Vec::new();
    // SAFETY: the block is live, with this layout.
    let taken = locks(|| log = calls(|| moved = unsafe { (&heap).realloc(block, layout(64, 8), 1000) }.unwrap()));
    // No call copies, so the copy was made between two of them, each of which has the lock for itself; and it was made when
    // the old block came back, of which it cannot have been made later.
    assert_eq!(log, [Call::ReallocInPlace, Call::Alloc, Call::Dealloc(7)]);
    assert_eq!(taken, 3);
    // SAFETY: the block is live, and so many of its bytes were written.
    assert_eq!(unsafe { std::slice::from_raw_parts(moved.as_ptr(), 64) }, [7; 64]);
    // SAFETY: the blocks come back once.
    unsafe {
        (&heap).dealloc(moved, layout(1000, 8));
        (&heap).dealloc(neighbour, layout(64, 8));
    }
    assert_eq!(heap.with(|heap| heap.used_bytes()), 0);
}

#[test]
fn realloc_in_place_takes_the_lock_once() {
    let heap = heap(BuddyByteAllocator::new());
    let block = (&heap).alloc(layout(100, 8)).unwrap();
    let mut log = Vec::new();
    let taken = locks(|| {
        // SAFETY: the block is live, with the layout that it has by then.
        log = calls(|| unsafe {
            assert_eq!((&heap).realloc(block, layout(100, 8), 120), Ok(block));
            assert_eq!((&heap).realloc_in_place(block, layout(120, 8), 128), Ok(block));
            assert_eq!((&heap).realloc_in_place(block, layout(128, 8), 129), Err(AllocError::NoMemory));
        })
    });
    assert_eq!((log, taken), (vec![Call::ReallocInPlace; 3], 3));
}

#[test]
fn realloc_that_finds_no_second_block_leaves_it_to_the_engine() {
    let heap = heap(BuddyByteAllocator::new());
    let block = (&heap).alloc(layout(64, 8)).unwrap();
    // SAFETY: the block is 64 bytes large.
    unsafe { block.write_bytes(7, 64) };
    let log = calls(|| {
        // SAFETY: the block is live, with this layout.
        let refused = unsafe { (&heap).realloc(block, layout(64, 8), 2 * POOL) };
        assert_eq!(refused, Err(AllocError::NoMemory));
    });
    assert_eq!(log, [Call::ReallocInPlace, Call::Alloc, Call::Realloc]);
    // SAFETY: the block is live, and was written.
    assert_eq!(unsafe { std::slice::from_raw_parts(block.as_ptr(), 64) }, [7; 64]);
    // SAFETY: the block is live, with this layout; a size beyond all addresses is an error as well.
    let refused = unsafe { (&heap).realloc(block, layout(64, 8), usize::MAX) };
    assert_eq!(refused, Err(AllocError::NoMemory));
}

#[test]
fn alloc_zeroed_zeroes_while_the_lock_is_free() {
    let heap = heap(TlsfByteAllocator::new());
    let mut block = NonNull::dangling();
    let mut log = Vec::new();
    let taken = locks(|| log = calls(|| block = (&heap).alloc_zeroed(layout(5000, 8)).unwrap()));
    assert_eq!((log, taken), (vec![Call::Alloc], 1));
    // SAFETY: the block is live, and zeroed.
    assert!(unsafe { std::slice::from_raw_parts(block.as_ptr(), 5000) }.iter().all(|&byte| byte == 0));
}

#[test]
fn a_batch_takes_the_lock_once() {
    let heap = heap(TlsfByteAllocator::new());
    let mut out = [MaybeUninit::uninit(); 20];
    let mut blocks = Vec::new();
    let mut log = Vec::new();
    let taken = locks(|| log = calls(|| blocks = (&heap).alloc_batch(layout(48, 16), &mut out).to_vec()));
    assert_eq!((&log[..], taken, blocks.len()), (&[Call::AllocBatch(20)][..], 1, 20));
    // SAFETY: the blocks are live, and come back once.
    let taken = locks(|| log = calls(|| unsafe { (&heap).dealloc_batch(&blocks, layout(48, 16)) }));
    assert_eq!((log, taken), (vec![Call::DeallocBatch(20)], 1));
    assert_eq!(heap.with(|heap| heap.used_bytes()), 0);
}

#[test]
fn a_batch_of_more_than_there_is_gives_what_there_is() {
    let heap = heap(TlsfByteAllocator::new());
    let mut out = [MaybeUninit::uninit(); 100];
    let count = (&heap).alloc_batch(layout(POOL / 50, 16), &mut out).len();
    assert!((40..100).contains(&count), "{count}");
    assert!((&heap).alloc(layout(POOL / 50, 16)).is_err());
}

#[test]
fn every_other_call_takes_the_lock_once() {
    let heap = heap(TlsfByteAllocator::new());
    let mut engine = &heap;
    assert_eq!(locks(|| assert_eq!(engine.total_bytes(), engine.used_bytes() + engine.available_bytes())), 3);
    assert_eq!(locks(|| assert!(engine.usable_size(layout(9, 1)).1 >= 9)), 1);
    assert_eq!(locks(|| assert!(engine.region_for(layout(9, 1)).is_some())), 1);
    assert_eq!(locks(|| assert_eq!(engine.trim(), 0)), 1);
    assert_eq!(locks(|| assert_eq!(engine.release_region(), None)), 0);
    assert_eq!(locks(|| assert_eq!(heap.with(|engine| engine.used_bytes()), 0)), 1);

    let frames = Locked::with_lock(CountingLock::INIT, RadixPageAllocator::<'static, 4096>::new());
    give_memory(&frames, 16 * 4096);
    let mut engine = &frames;
    let mut page = 0;
    assert_eq!(locks(|| page = engine.alloc_pages(1, 4096).unwrap()), 1);
    assert_eq!(locks(|| engine.dealloc_pages(page, 1).unwrap()), 1);
    assert_eq!(locks(|| assert!(engine.span().contains(&page))), 1);
    assert_eq!(locks(|| assert_eq!(engine.alloc_pages_in(page..=page + 4095, 1, 4096), Ok(page))), 1);

    let ids = Locked::with_lock(CountingLock::INIT, BitmapIdAllocator::new());
    let mut engine = &ids;
    assert_eq!(locks(|| assert_eq!(engine.alloc_id(3, 1), Ok(0))), 1);
    assert_eq!(locks(|| assert!(engine.is_allocated(2) && !engine.is_allocated(3))), 2);
}

#[test]
fn an_engine_taken_out_has_what_was_in_it() {
    let mut heap = heap(TlsfByteAllocator::new());
    let block = (&heap).alloc(layout(10, 1)).unwrap();
    let used = heap.get_mut().used_bytes();
    assert!(used >= 10);
    let mut engine = heap.into_inner().0;
    // SAFETY: the engine is the one that the block came from.
    unsafe { engine.dealloc(block, layout(10, 1)) };
    assert_eq!(engine.used_bytes(), 0);
}
