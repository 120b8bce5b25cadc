//! Two threads and more in one engine, by every way to it.

use std::alloc::GlobalAlloc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use allocator_buddy::BuddyByteAllocator;
use allocator_conformance::seed;
use allocator_core::{ByteAllocator, PageAllocator};
use allocator_pages::RadixPageAllocator;
use allocator_shared::Locked;
use allocator_slab::SlabByteAllocator;
use allocator_tlsf::TlsfByteAllocator;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::support::{POOL, give_memory, layout};

const THREADS: usize = if cfg!(miri) { 2 } else { 4 };
const ROUNDS: usize = if cfg!(miri) { 12 } else { 3000 };

/// A block all of whose bytes are `mark`.
#[derive(Clone, Copy)]
struct Block {
    address: *mut u8,
    size: usize,
    mark: u8,
}

impl Block {
    fn fill(self) -> Self {
        // SAFETY: the block is live, and this large.
        unsafe { self.address.write_bytes(self.mark, self.size) };
        self
    }

    fn check(self, size: usize) {
        // SAFETY: the block is live, and was written.
        let bytes = unsafe { std::slice::from_raw_parts(self.address, size) };
        assert!(bytes.iter().all(|&byte| byte == self.mark), "another thread has written here");
    }
}

/// Allocates, resizes, checks and frees blocks, all of which hold the thread's own mark.
fn hammer<A: ByteAllocator>(heap: &Locked<A>, seed: u64, mark: u8) {
    let mut random = SmallRng::seed_from_u64(seed ^ u64::from(mark));
    let mut live: Vec<Block> = Vec::new();
    for _ in 0..ROUNDS {
        let size = random.random_range(1..300);
        if live.len() < 8 {
            // SAFETY: the size is not 0.
            let address = unsafe { GlobalAlloc::alloc(heap, layout(size, 8)) };
            if !address.is_null() {
                live.push(Block { address, size, mark }.fill());
            }
            continue;
        }
        let index = random.random_range(0..live.len());
        let block = live[index];
        block.check(block.size);
        if random.random() {
            live.swap_remove(index);
            // SAFETY: the block is live, with this layout.
            unsafe { GlobalAlloc::dealloc(heap, block.address, layout(block.size, 8)) };
        } else {
            // SAFETY: the block is live, with this layout.
            let address = unsafe { GlobalAlloc::realloc(heap, block.address, layout(block.size, 8), size) };
            if !address.is_null() {
                let resized = Block { address, size, ..block };
                resized.check(size.min(block.size));
                live[index] = resized.fill();
            }
        }
    }
    for block in live {
        block.check(block.size);
        // SAFETY: the block is live, with this layout.
        unsafe { GlobalAlloc::dealloc(heap, block.address, layout(block.size, 8)) };
    }
}

fn threads_hammer<A: ByteAllocator + Send>(engine: A) {
    let heap = Locked::new(engine);
    let seed = seed();
    give_memory(&heap, POOL);
    thread::scope(|scope| {
        for mark in 0..THREADS {
            let heap = &heap;
            scope.spawn(move || hammer(heap, seed, mark as u8));
        }
    });
    assert_eq!(heap.with(|heap| heap.used_bytes()), 0);
}

#[test]
fn threads_hammer_tlsf() {
    threads_hammer(TlsfByteAllocator::new());
}

#[test]
fn threads_hammer_buddy() {
    threads_hammer(BuddyByteAllocator::new());
}

#[test]
fn threads_hammer_slab() {
    threads_hammer(SlabByteAllocator::new());
}

#[test]
fn no_page_is_handed_out_twice() {
    const PAGES: usize = if cfg!(miri) { 4 } else { 60 };
    let frames = Locked::new(RadixPageAllocator::<'static, 4096>::new());
    let lowest = give_memory(&frames, (PAGES + 4) * 4096) / 4096;
    let total = frames.with(|frames| frames.total_pages());
    let owners: Vec<AtomicUsize> = (0..PAGES + 4).map(|_| AtomicUsize::new(0)).collect();
    thread::scope(|scope| {
        for thread in 1..=THREADS {
            let (mut frames, owners) = (&frames, &owners);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let num_pages = 1 + (round + thread) % 3;
                    let Ok(run) = frames.alloc_pages(num_pages, 4096) else { continue };
                    let owned = &owners[run / 4096 - lowest..][..num_pages];
                    owned.iter().for_each(|owner| assert_eq!(owner.swap(thread, Ordering::Relaxed), 0));
                    owned.iter().for_each(|owner| assert_eq!(owner.swap(0, Ordering::Relaxed), thread));
                    frames.dealloc_pages(run, num_pages).unwrap();
                }
            });
        }
    });
    assert_eq!(frames.with(|frames| (frames.total_pages(), frames.used_pages())), (total, 0));
}
