//! [`AllocatorArc`] on several threads.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use allocator_buddy::BuddyByteAllocator;
use allocator_conformance::seed;
use allocator_rc::{AllocatorArc, DefaultLock};
use allocator_slab::SlabByteAllocator;
use allocator_tlsf::TlsfByteAllocator;
use hashbrown::HashMap;
use lock_api::{GuardSend, RawMutex};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::support::{Engine, Exclusive, Memory, POOL, Watched, all_are};

const THREADS: usize = if cfg!(miri) { 3 } else { 4 };
const ROUNDS: usize = if cfg!(miri) { 8 } else { 2000 };

/// Allocates, fills, resizes and checks blocks, and frees half of them only when many are there. What is in the blocks,
/// and the random numbers, are the thread's own.
fn hammer(heap: &impl Allocator, seed: u64, mark: u8) {
    let mut random = SmallRng::seed_from_u64(seed ^ u64::from(mark));
    let mut blocks: std::vec::Vec<Vec<u8, _>> = std::vec::Vec::new();
    for _ in 0..ROUNDS {
        let mut block = Vec::new_in(heap);
        if block.try_reserve_exact(random.random_range(1..400)).is_ok() {
            block.resize(block.capacity(), mark);
            blocks.push(block);
        }
        if blocks.len() > 8 {
            for _ in 0..4 {
                let block = blocks.swap_remove(random.random_range(0..blocks.len()));
                assert!(all_are(&block, mark));
            }
        }
        if let Some(block) = blocks.last_mut() {
            block.truncate(10);
            block.shrink_to_fit();
        }
    }
}

fn threads_hammer_one_engine<A: Engine, R: RawMutex + Send + Sync>() {
    let mut memory = Memory::new(POOL);
    let seed = seed();
    let heap = AllocatorArc::<Exclusive<A>, R>::with_lock(Exclusive::fresh(), memory.pool()).unwrap();
    thread::scope(|scope| {
        for mark in 0..THREADS {
            let heap = heap.clone();
            scope.spawn(move || hammer(&heap, seed, mark as u8));
        }
    });
    assert_eq!(heap.used_bytes(), 0);
}

#[test]
fn threads_hammer_tlsf() {
    threads_hammer_one_engine::<TlsfByteAllocator, DefaultLock>();
}

#[test]
fn threads_hammer_buddy() {
    threads_hammer_one_engine::<BuddyByteAllocator, DefaultLock>();
}

#[test]
fn threads_hammer_slab() {
    threads_hammer_one_engine::<SlabByteAllocator, DefaultLock>();
}

/// A lock of somebody's own, which counts.
struct CountingLock(AtomicBool);

static LOCKED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the flag is set by one thread at a time, and cleared by the one that has set it.
unsafe impl RawMutex for CountingLock {
    const INIT: Self = Self(AtomicBool::new(false));
    type GuardMarker = GuardSend;

    fn lock(&self) {
        while !self.try_lock() {
            thread::yield_now();
        }
    }

    fn try_lock(&self) -> bool {
        let locked = !self.0.swap(true, Ordering::Acquire);
        LOCKED.fetch_add(usize::from(locked), Ordering::Relaxed);
        locked
    }

    unsafe fn unlock(&self) {
        self.0.store(false, Ordering::Release);
    }
}

#[test]
fn threads_hammer_an_engine_behind_a_lock_of_their_own() {
    threads_hammer_one_engine::<BuddyByteAllocator, CountingLock>();
    assert!(LOCKED.load(Ordering::Relaxed) > THREADS * ROUNDS);
}

#[test]
fn handles_are_cloned_and_dropped_everywhere_and_the_engine_goes_once() {
    for _ in 0..if cfg!(miri) { 5 } else { 200 } {
        let mut memory = Memory::new(8192);
        let (engine, journal) = Watched::<BuddyByteAllocator>::new();
        let heap = AllocatorArc::new(engine, memory.pool()).unwrap();
        thread::scope(|scope| {
            for _ in 0..THREADS {
                let heap = heap.clone();
                scope.spawn(move || {
                    let boxed = Box::new_in(7_u64, heap.clone());
                    let clones: std::vec::Vec<_> = (0..10).map(|_| heap.clone()).collect();
                    drop(heap);
                    assert_eq!(*boxed, 7);
                    drop(clones);
                });
            }
            // The last handle may be one of a thread.
            drop(heap);
        });
        assert_eq!((journal.frees(), journal.drops()), (THREADS, 1));
    }
}

#[test]
fn what_one_thread_allocates_another_frees() {
    let mut memory = Memory::new(POOL);
    let heap = AllocatorArc::new(TlsfByteAllocator::new(), memory.pool()).unwrap();
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel::<Vec<usize, AllocatorArc<'_, TlsfByteAllocator>>>(4);
        let source = heap.clone();
        scope.spawn(move || {
            for round in 0..ROUNDS {
                let mut numbers = Vec::new_in(source.clone());
                numbers.extend(std::iter::repeat_n(round, 20));
                sender.send(numbers).unwrap();
            }
        });
        scope.spawn(move || {
            for (round, mut numbers) in receiver.into_iter().enumerate() {
                assert!(numbers.iter().all(|&n| n == round));
                numbers.push(round);
            }
        });
    });
    assert_eq!(heap.used_bytes(), 0);
}

#[test]
fn threads_share_one_handle_by_reference() {
    let mut memory = Memory::new(POOL);
    let heap = AllocatorArc::new(SlabByteAllocator::new(), memory.pool()).unwrap();
    thread::scope(|scope| {
        for mark in 0..THREADS {
            let heap = &heap;
            scope.spawn(move || {
                let mut map = HashMap::new_in(heap);
                map.extend((0..20).map(|n| (n, mark)));
                assert!(map.values().all(|&value| value == mark));
            });
        }
    });
    assert_eq!(heap.used_bytes(), 0);
}

#[test]
fn pools_are_added_while_others_allocate() {
    let mut memory = Memory::new(POOL / 4);
    let mut further: std::vec::Vec<_> = (0..THREADS).map(|_| Memory::new(POOL / 4)).collect();
    let heap = AllocatorArc::new(Exclusive::<BuddyByteAllocator>::fresh(), memory.pool()).unwrap();
    let (seed, before) = (seed(), heap.total_bytes());
    thread::scope(|scope| {
        for (mark, further) in further.iter_mut().enumerate() {
            let heap = heap.clone();
            scope.spawn(move || {
                hammer(&heap, seed, mark as u8);
                heap.add_memory(further.pool()).unwrap();
                hammer(&heap, seed, mark as u8);
            });
        }
    });
    assert!(heap.total_bytes() > before * THREADS);
    assert_eq!(heap.used_bytes(), 0);
}

#[test]
fn a_block_travels_as_an_address() {
    let mut memory = Memory::new(POOL);
    let heap = AllocatorArc::new(BuddyByteAllocator::new(), memory.pool()).unwrap();
    let layout = Layout::new::<[u8; 48]>();
    let address = heap.allocate(layout).unwrap().cast::<u8>().as_ptr().expose_provenance();
    thread::scope(|scope| {
        let heap = heap.clone();
        scope.spawn(move || {
            let block = NonNull::new(std::ptr::with_exposed_provenance_mut::<u8>(address)).unwrap();
            // SAFETY: the block is live, and comes back once.
            unsafe {
                block.write_bytes(1, layout.size());
                heap.deallocate(block, layout);
            }
        });
    });
    assert_eq!(heap.used_bytes(), 0);
}
