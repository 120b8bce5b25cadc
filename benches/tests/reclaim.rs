//! What it takes a slab heap to find its memory again: a time, so for release builds; debug builds check the rest.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use allocator::{
    BaseAllocator, BuddyByteAllocator, ByteAllocator, FineClasses, PowerOfTwoClasses, SizeClasses, SlabByteAllocator,
    TlsfByteAllocator,
};
use allocator_benches::lab::memory::Memory;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

// Without optimisation 64 MiB take minutes.
const POOL: usize = if cfg!(debug_assertions) { 4 << 20 } else { 64 << 20 };
const SMALL: Layout = Layout::new::<[u64; 8]>();

fn heap<C: SizeClasses, B: ByteAllocator>(memory: &mut Memory, backing: B) -> SlabByteAllocator<C, B> {
    let pool = memory.pool();
    let mut heap = SlabByteAllocator::with_backing(backing);
    // SAFETY: the memory is the heap's as long as the caller keeps it.
    unsafe {
        heap.init(pool.cast::<u8>().as_ptr().expose_provenance(), pool.len()).expect("a pool of a sensible size")
    };
    heap
}

/// Blocks of 64 bytes until there are no more, in random order.
fn fill<C: SizeClasses, B: ByteAllocator>(heap: &mut SlabByteAllocator<C, B>) -> Vec<NonNull<u8>> {
    let mut blocks: Vec<_> = std::iter::from_fn(|| heap.alloc(SMALL).ok()).collect();
    blocks.shuffle(&mut SmallRng::seed_from_u64(1));
    blocks
}

fn free<C: SizeClasses, B: ByteAllocator>(heap: &mut SlabByteAllocator<C, B>, blocks: &[NonNull<u8>]) {
    for &block in blocks {
        // SAFETY: the blocks are live, and are given back once.
        unsafe { heap.dealloc(block, SMALL) };
    }
}

fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let begun = Instant::now();
    let result = work();
    (begun.elapsed(), result)
}

/// The time that the first request takes after a pool of small blocks was freed: for the largest block of the fresh heap,
/// with nothing live, at most `most`; and with a block live, for one of 1 MiB, before and after `reclaim` ran ahead.
fn check<C: SizeClasses, B: ByteAllocator>(name: &str, most: Duration, backing: impl Fn() -> B) {
    let mut memory = Memory::new(POOL);
    let (mut least, mut count) = (Duration::MAX, 0);
    for _ in 0..5 {
        let mut heap = heap::<C, B>(&mut memory, backing());
        let largest = Layout::from_size_align(heap.find_largest_block(), 8).expect("less than the pool");
        let blocks = fill(&mut heap);
        free(&mut heap, &blocks);
        let (took, block) = timed(|| heap.alloc(largest));
        assert!(block.is_ok(), "the largest block of the fresh heap fits again");
        (least, count) = (least.min(took), blocks.len());
    }
    println!("{name}: {count} blocks of 64 bytes freed, nothing live: the largest block fits again after {least:?}");
    assert!(cfg!(debug_assertions) || least < most, "{least:?}");

    let large = Layout::from_size_align(1 << 20, 8).expect("a sensible size");
    let mut heap = heap::<C, B>(&mut memory, backing());
    let blocks = fill(&mut heap);
    free(&mut heap, &blocks[1..]);
    let (unprepared, block) = timed(|| heap.alloc(large));
    println!("{name}: one of them live: a block of 1 MiB after {unprepared:?}, {} slots left", heap.reclaim(0));
    assert!(block.is_ok());
    let mut slowest = Duration::ZERO;
    loop {
        let (took, left) = timed(|| heap.reclaim(64));
        slowest = slowest.max(took);
        if left == 0 {
            break;
        }
    }
    let (prepared, block) = timed(|| heap.alloc(large));
    println!(
        "{name}: another after {prepared:?}, reclaim having run ahead in steps of 64 slots of at most {slowest:?}"
    );
    assert!(block.is_ok() && (cfg!(debug_assertions) || prepared < unprepared));
}

#[test]
fn fine_heap() {
    check::<FineClasses, _>("fine classes over TLSF", Duration::from_millis(10), TlsfByteAllocator::new);
}

#[test]
fn default_heap() {
    // The package behind `BuddyByteAllocator` walks a list of free blocks for each chunk that comes back.
    check::<PowerOfTwoClasses, _>("the default heap", Duration::from_secs(1), BuddyByteAllocator::new);
}
