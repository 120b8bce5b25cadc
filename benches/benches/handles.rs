//! What a shared handle adds to a pair of `alloc` and `dealloc` of the engine below it.
//!
//! For each engine, in one group: the engine itself, the same through `AllocatorRc`, the same through `AllocatorArc`
//! (whose lock is not contended). After the groups, the bench times engine and handles in turn, round by round, so that a
//! machine whose speed drifts hurts all alike, and in new pools each round, so that no lucky address decides; it prints
//! the medians of the differences.

use std::alloc::Layout;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;
use std::time::{Duration, Instant};

use allocator::{AllocatorArc, AllocatorRc, BuddyByteAllocator, ByteAllocator, SlabByteAllocator, TlsfByteAllocator};
use allocator_api2::alloc::Allocator;
use criterion::{Criterion, criterion_group};

const POOL_SIZE: usize = 1 << 20;
const LAYOUT: Layout = Layout::new::<[u64; 8]>();

/// A page-aligned pool that is never given back.
fn pool() -> &'static mut [MaybeUninit<u8>] {
    #[repr(align(4096))]
    struct Aligned(#[expect(dead_code, reason = "only its bytes are used")] [MaybeUninit<u8>; POOL_SIZE]);
    let pool = NonNull::from(Box::leak(Box::<Aligned>::new_uninit())).cast::<MaybeUninit<u8>>();
    // SAFETY: so many bytes were allocated, are leaked, and need not be initialised.
    unsafe { slice::from_raw_parts_mut(pool.as_ptr(), POOL_SIZE) }
}

/// The engine alone, at the start of a pool, as a handle would put it: where its data lie relative to its blocks makes
/// a difference, too, and is not what is measured here.
fn alone<A: ByteAllocator>(engine: A) -> &'static mut A {
    let (home, rest) = pool().split_at_mut((size_of::<A>() + size_of::<usize>()).next_multiple_of(64));
    // SAFETY: the start of a page is aligned for the engine, which fits; it is leaked with the pool.
    let engine = unsafe {
        let home = home.as_mut_ptr().cast::<usize>().add(1).cast::<A>();
        home.write(engine);
        &mut *home
    };
    // SAFETY: the pool is leaked, so it is the engine's for good.
    unsafe { engine.init(rest.as_mut_ptr() as usize, rest.len()) }.expect("the pool is large enough");
    engine
}

/// One pair, by the engine's own methods.
#[inline]
fn engine_pair(engine: &mut impl ByteAllocator) {
    let block = engine.alloc(black_box(LAYOUT)).expect("the pool is empty");
    // SAFETY: the block is live, with this layout.
    unsafe { engine.dealloc(black_box(block), black_box(LAYOUT)) };
}

/// One pair, through a handle.
#[inline]
fn handle_pair(handle: &impl Allocator) {
    let block = handle.allocate(black_box(LAYOUT)).expect("the pool is empty");
    // SAFETY: the block is live, with this layout.
    unsafe { handle.deallocate(black_box(block.cast()), black_box(LAYOUT)) };
}

fn compare<A: ByteAllocator + Send + 'static>(c: &mut Criterion, name: &str, make: impl Fn() -> A) {
    let mut group = c.benchmark_group(format!("handles/{name}"));
    let engine = alone(make());
    group.bench_function("engine", |b| b.iter(|| engine_pair(engine)));
    let rc = AllocatorRc::new(make(), pool()).expect("the pool is large enough");
    group.bench_function("AllocatorRc", |b| b.iter(|| handle_pair(&rc)));
    let arc = AllocatorArc::new(make(), pool()).expect("the pool is large enough");
    group.bench_function("AllocatorArc", |b| b.iter(|| handle_pair(&arc)));
    group.finish();
}

fn handles(c: &mut Criterion) {
    compare(c, "tlsf", TlsfByteAllocator::new);
    compare(c, "slab", SlabByteAllocator::new);
    compare(c, "buddy", BuddyByteAllocator::new);
}

const ROUNDS: usize = 25;
const PAIRS: u32 = 500_000;

/// Nanoseconds a pair, over [`PAIRS`] of them.
fn time(mut pair: impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..PAIRS {
        pair();
    }
    begun.elapsed().max(Duration::from_nanos(1)).as_secs_f64() * 1e9 / f64::from(PAIRS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times engine and handles in turn, each round in new pools, and prints what the handles add.
fn added<A: ByteAllocator + Send + 'static>(name: &str, make: impl Fn() -> A) {
    let rounds: Vec<[f64; 3]> = (0..=ROUNDS)
        .map(|_| {
            let engine = alone(make());
            let rc = AllocatorRc::new(make(), pool()).expect("the pool is large enough");
            let arc = AllocatorArc::new(make(), pool()).expect("the pool is large enough");
            [time(|| engine_pair(engine)), time(|| handle_pair(&rc)), time(|| handle_pair(&arc))]
        })
        .skip(1)
        .collect();
    let added_by = |handle: usize| median(rounds.iter().map(|round| round[handle] - round[0]).collect());
    println!(
        "{name:<6} engine {:6.2} ns   AllocatorRc {:+.2} ns   AllocatorArc {:+.2} ns   (a pair; median of {ROUNDS} rounds)",
        median(rounds.iter().map(|round| round[0]).collect()),
        added_by(1),
        added_by(2),
    );
}

criterion_group!(benches, handles);

fn main() {
    benches();
    added("tlsf", TlsfByteAllocator::new);
    added("slab", SlabByteAllocator::new);
    added("buddy", BuddyByteAllocator::new);
    Criterion::default().configure_from_args().final_summary();
}
