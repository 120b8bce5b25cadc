//! What the lock of an object cache costs where nobody else wants it: hardly more than the atomic instructions of two
//! locks. A time, so for release builds; debug builds check nothing of it.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use allocator::cache::locks::{LockTrait, NoLock, SpinLock};
use allocator::cache::sources::StdSource;
use allocator::cache::{self, SlabCache};

const ROUNDS: usize = 20;
/// So few that some of their runs are not disturbed.
const PAIRS: u32 = 10_000;

/// The time of so many pairs.
fn time(mut pair: impl FnMut()) -> Duration {
    let begun = Instant::now();
    for _ in 0..PAIRS {
        pair();
    }
    begun.elapsed()
}

fn pair<L: LockTrait>(cache: &SlabCache<[u64; 8], L, 65536, StdSource>) {
    drop(black_box(cache.alloc_uninit()));
}

/// What a lock does at least: an exchange that is waited for, and a store.
fn atomic_pair(flag: &AtomicBool) {
    assert!(flag.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok());
    flag.store(false, Ordering::Release);
}

#[test]
fn a_lock_that_nobody_else_wants_costs_two_pairs_of_atomics() -> cache::Result<()> {
    let (none, spin) = (SlabCache::<_, NoLock, _, _>::with_source(StdSource)?, SlabCache::with_source(StdSource)?);
    let flag = AtomicBool::new(false);
    let [mut without, mut with, mut atomics] = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        without = without.min(time(|| pair(&none)));
        with = with.min(time(|| pair::<SpinLock>(&spin)));
        atomics = atomics.min(time(|| {
            atomic_pair(black_box(&flag));
            atomic_pair(black_box(&flag));
        }));
    }
    let [without, with, atomics] = [without, with, atomics].map(|time| time.as_secs_f64() * 1e9 / f64::from(PAIRS));
    println!("ns a pair: {without:.2} without a lock, {with:.2} with one, {atomics:.2} for the atomics alone");
    // Without optimisation everything costs more than atomics do.
    assert!(cfg!(debug_assertions) || with <= 1.05 * (without + atomics), "the lock costs more than its atomics");
    Ok(())
}
