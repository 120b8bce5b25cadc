//! Where the engine, the count and the regions lie in a pool, and when the engine comes and goes.

use std::alloc::Layout;
use std::mem::{MaybeUninit, size_of};

use crate::support::{Arc, Engine, Handle, Kind, Memory, POOL, Pool, Rc, Watched, for_all_handles};
use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_buddy::BuddyByteAllocator;
use allocator_core::AllocError;
use allocator_rc::{AllocatorArc, AllocatorRc};

for_all_handles! {
    any_misalignment_of_the_pool_will_do,
    a_pool_too_small_is_refused,
    statistics_add_up_and_leave_the_engine_out,
    a_further_pool_adds_to_the_total,
    a_further_pool_too_small_changes_nothing,
    refused_pools_leave_no_trace,
    debug_shows_the_statistics,
}

fn any_misalignment_of_the_pool_will_do<K: Kind>() {
    let step = if cfg!(miri) { 13 } else { 1 };
    for misalignment in (0..64).step_by(step) {
        let mut memory = Memory::misaligned(POOL, misalignment);
        let heap = K::create(memory.pool());
        let layout = Layout::new::<[u64; 8]>();
        let block = heap.allocate(layout).unwrap();
        // SAFETY: the block is 64 bytes large, and comes back once.
        unsafe {
            block.cast::<u8>().write_bytes(0xff, layout.size());
            heap.deallocate(block.cast(), layout);
        }
        assert_eq!(heap.used_bytes(), 0);
    }
}

fn a_pool_too_small_is_refused<K: Kind>() {
    let step = if cfg!(miri) { 331 } else { 1 };
    for size in (0..2048).step_by(step) {
        let mut memory = Memory::misaligned(size, size % 64);
        match K::with_engine(K::Engine::fresh(), memory.pool()) {
            Err(error) => assert_eq!(error, AllocError::InvalidParam),
            Ok(heap) => {
                assert!(size > size_of::<K::Engine>());
                assert!(heap.total_bytes() < size - size_of::<K::Engine>());
            }
        }
    }
    assert_eq!(K::with_engine(K::Engine::fresh(), &mut []).err(), Some(AllocError::InvalidParam));
}

fn statistics_add_up_and_leave_the_engine_out<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let pool = memory.pool();
    let range = pool.as_ptr_range();
    let heap = K::create(pool);
    let total = heap.total_bytes();
    assert!(total > 0);
    assert!(total <= POOL - size_of::<K::Engine>());
    assert_eq!((heap.used_bytes(), heap.available_bytes()), (0, total));

    let layout = Layout::new::<[u8; 100]>();
    let block = heap.allocate(layout).unwrap();
    assert!(range.contains(&block.as_ptr().cast::<MaybeUninit<u8>>().cast_const()));
    assert!(heap.used_bytes() >= 100);
    assert_eq!(heap.used_bytes() + heap.available_bytes(), total);
    assert_eq!(heap.total_bytes(), total);
    // SAFETY: the block comes back once.
    unsafe { heap.clone().deallocate(block.cast(), layout) };
    assert_eq!((heap.used_bytes(), heap.available_bytes()), (0, total));
}

fn a_further_pool_adds_to_the_total<K: Kind>() {
    let (mut memory, mut further) = (Memory::new(POOL), Memory::new(POOL));
    let further = further.pool();
    let range = further.as_ptr_range();
    let heap = K::create(memory.pool());
    let before = heap.total_bytes();
    heap.clone().add_memory(further).unwrap();
    assert!(heap.total_bytes() >= before + POOL / 2);

    let layout = Layout::array::<u64>(if cfg!(miri) { 500 } else { 64 }).unwrap();
    let blocks: Vec<_> = std::iter::from_fn(|| heap.allocate(layout).ok()).collect();
    assert!(blocks.iter().any(|block| range.contains(&block.as_ptr().cast::<MaybeUninit<u8>>().cast_const())));
    for block in blocks {
        // SAFETY: every block comes back once.
        unsafe { heap.deallocate(block.cast(), layout) };
    }
    assert_eq!(heap.used_bytes(), 0);
}

fn a_further_pool_too_small_changes_nothing<K: Kind>() {
    let (mut memory, mut further) = (Memory::new(POOL), Memory::new(1));
    let heap = K::create(memory.pool());
    let before = heap.total_bytes();
    assert_eq!(heap.add_memory(&mut []), Err(AllocError::InvalidParam));
    assert_eq!(heap.add_memory(further.pool()), Err(AllocError::InvalidParam));
    assert_eq!((heap.total_bytes(), heap.used_bytes()), (before, 0));
}

/// Were they remembered, they would fill the entries of the handle's table of regions, and the small pool that comes
/// after them would lose most of itself to an overflow with more entries.
fn refused_pools_leave_no_trace<K: Kind>() {
    let gain = |scraps: &mut [Memory]| {
        let (mut memory, mut small) = (Memory::new(POOL), Memory::new(96));
        let heap = K::create(memory.pool());
        let before = heap.total_bytes();
        for scrap in scraps {
            assert_eq!(heap.add_memory(scrap.pool()), Err(AllocError::InvalidParam));
        }
        assert_eq!(heap.total_bytes(), before);
        heap.add_memory(small.pool()).unwrap();
        heap.total_bytes() - before
    };
    let mut scraps: [Memory; 20] = std::array::from_fn(|_| Memory::misaligned(4, 2));
    assert_eq!(gain(&mut scraps), gain(&mut []));
}

fn debug_shows_the_statistics<K: Kind>() {
    let mut memory = Memory::new(POOL);
    let heap = K::create(memory.pool());
    let shown = format!("{heap:?}");
    assert!(shown.starts_with("Allocator"), "{shown}");
    assert!(shown.contains(&format!("total_bytes: {}, used_bytes: 0", heap.total_bytes())), "{shown}");
}

type Buddy = Watched<BuddyByteAllocator>;

/// Runs `check` for both handles.
fn both(check: impl Fn(fn(Buddy, &mut Pool) -> bool)) {
    check(|engine, pool| AllocatorRc::new(engine, pool).is_ok());
    check(|engine, pool| AllocatorArc::new(engine, pool).is_ok());
}

#[test]
fn the_engine_is_dropped_once_with_the_last_handle() {
    fn check<K: Kind<Engine = Buddy>>() {
        let mut memory = Memory::new(POOL);
        let (engine, journal) = Buddy::new();
        let first = K::with_engine(engine, memory.pool()).unwrap();
        let second = first.clone();
        let third = second.clone();
        drop(first);
        drop(third);
        let vec = allocator_api2::vec::Vec::<u8, _>::with_capacity_in(10, second);
        assert_eq!((journal.frees(), journal.drops()), (0, 0));
        drop(vec);
        assert_eq!((journal.frees(), journal.drops()), (1, 1));
    }
    check::<Rc<Buddy>>();
    check::<Arc<Buddy>>();
}

#[test]
fn an_engine_that_finds_no_room_is_dropped_once() {
    both(|create| {
        // From no room for the engine, over no room beside it, to just enough.
        let mut outcomes = [0; 2];
        for size in (0..size_of::<Buddy>() + 512).step_by(if cfg!(miri) { 61 } else { 1 }) {
            let (engine, journal) = Buddy::new();
            let mut memory = Memory::new(size);
            let created = create(engine, memory.pool());
            assert_eq!(journal.drops(), 1, "in {size} bytes");
            assert_eq!(journal.regions().len(), usize::from(created));
            outcomes[usize::from(created)] += 1;
        }
        assert!(outcomes.iter().all(|&outcome| outcome > 0), "{outcomes:?}");
    });
}

#[test]
fn the_memory_of_a_forgotten_handle_stays_valid() {
    let mut memory = Memory::new(POOL);
    let heap = AllocatorRc::new(BuddyByteAllocator::new(), memory.pool()).unwrap();
    let leaked = Box::leak(Box::new_in(7, heap.clone()));
    drop(heap);
    *leaked += 1;
    assert_eq!(*leaked, 8);
}

#[test]
fn the_engine_gets_what_is_behind_it_up_to_the_end() {
    let mut memory = Memory::misaligned(POOL, 3);
    let pool = memory.pool();
    let (start, end) = (pool.as_ptr().addr(), pool.as_ptr_range().end.addr());
    let (engine, journal) = Buddy::new();
    let heap = AllocatorRc::new(engine, pool).unwrap();
    let [(first, last)] = journal.regions()[..] else { panic!("one region") };
    assert!(start + size_of::<Buddy>() <= first);
    assert!(first <= start + size_of::<Buddy>() + 256, "the count and the regions are small");
    assert_eq!(last, end);
    drop(heap);
}

#[test]
fn pools_side_by_side_are_kept_apart() {
    let mut memory = Memory::new(POOL);
    let (engine, journal) = Buddy::new();
    {
        let (low, rest) = memory.pool().split_at_mut(POOL / 2);
        let (middle, rest) = rest.split_at_mut(POOL / 8);
        let (high, rest) = rest.split_at_mut(POOL / 8);
        let heap = AllocatorRc::new(engine, low).unwrap();
        // With a gap, then touching above it, then between two.
        heap.add_memory(high).unwrap();
        heap.add_memory(rest).unwrap();
        heap.add_memory(middle).unwrap();
    }
    let mut regions = journal.regions();
    assert_eq!(regions.len(), 4);
    regions.sort_unstable();
    assert!(regions.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{regions:x?}");
}

#[test]
fn more_pools_than_are_remembered_in_the_handle() {
    let mut memory = Memory::new(POOL);
    let (engine, journal) = Buddy::new();
    let further = if cfg!(miri) { 12 } else { 40 };
    let mut memories: Vec<_> = (0..further).map(|_| Memory::new(512)).collect();
    {
        let heap = AllocatorArc::new(engine, memory.pool()).unwrap();
        let before = heap.total_bytes();
        for memory in &mut memories {
            heap.add_memory(memory.pool()).unwrap();
        }
        assert!(heap.total_bytes() >= before + further * 256);
    }
    assert_eq!((journal.regions().len(), journal.drops()), (1 + further, 1));
}
