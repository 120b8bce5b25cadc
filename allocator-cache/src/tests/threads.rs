use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::vec::Vec;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::support::*;
use crate::locks::{LockTrait, SpinLock};
use crate::*;

const THREADS: u64 = if cfg!(miri) { 3 } else { 20 };
const STEPS: usize = if cfg!(miri) { 60 } else { 100_000 };

/// Each thread allocates and frees at random, checks its objects, and passes some on to the next thread.
fn random_on_many_threads<L: LockTrait + Send + Sync>() {
    let (steps, seed) = steps_and_seed(STEPS);
    let heap = Heap::default();
    let cache = SlabCache::<[u64; 2], L, 512, _>::with_source(&heap).unwrap();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
    thread::scope(|scope| {
        for (thread, receiver) in (0..).zip(receivers) {
            let (cache, next) = (cache.clone(), senders[(thread as usize + 1) % senders.len()].clone());
            scope.spawn(move || {
                let mut random = SmallRng::seed_from_u64(seed ^ thread);
                let mut live = Vec::new();
                let check = |object: &SlabBox<[u64; 2], L, 512, &Heap>, value| {
                    assert_eq!(**object, [object.as_ptr().addr() as u64, value], "ALLOCATOR_SEED={seed}");
                };
                for _ in 0..steps {
                    match random.random_range(0..8) {
                        0..4 => {
                            let value = random.random::<u64>();
                            let mut object = cache.alloc().unwrap();
                            *object = [object.as_ptr().addr() as u64, value];
                            live.push((object, value));
                        }
                        4..6 if !live.is_empty() => {
                            let (object, value) = live.swap_remove(random.random_range(..live.len()));
                            check(&object, value);
                        }
                        6 if !live.is_empty() => {
                            let _ = next.send(live.swap_remove(random.random_range(..live.len())));
                        }
                        7 if random.random_ratio(1, 64) => {
                            cache.shrink();
                        }
                        _ => {
                            for (object, value) in receiver.try_iter() {
                                check(&object, value);
                            }
                            live.truncate(300);
                        }
                    }
                }
                drop((cache, next));
                live.iter().for_each(|(object, value)| check(object, *value));
            });
        }
        drop(senders);
        cache.validate().unwrap();
        drop(cache);
    });
    assert_eq!(heap.live(), 0);
}

#[test]
fn many_threads_take_and_give_at_random() {
    random_on_many_threads::<SpinLock>();
    random_on_many_threads::<AnyLock>();
}

/// Threads drop their boxes and handles at the same time, over and over: one of them is the last.
fn all_release_at_once<L: LockTrait + Send + Sync>() {
    let drops = AtomicUsize::new(0);
    let (threads, rounds) = if cfg!(miri) { (3, 5) } else { (4, 1000) };
    let heap = Heap::default();
    let barrier = Arc::new(Barrier::new(threads));
    thread::scope(|scope| {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..threads).map(|_| mpsc::channel()).unzip();
        for receiver in receivers {
            let barrier = barrier.clone();
            scope.spawn(move || {
                for held in receiver {
                    barrier.wait();
                    drop(held);
                    barrier.wait();
                }
            });
        }
        for round in 0..rounds {
            let cache = SlabCache::<Counted, L, 512, _>::with_source(&heap).unwrap();
            for sender in &senders {
                let boxes: Vec<_> = (0..round % 40).map(|_| cache.alloc_with(Counted(&drops)).unwrap()).collect();
                sender.send((boxes, (round % 3 == 0).then(|| cache.clone()))).unwrap();
            }
        }
    });
    assert_eq!(drops.load(SeqCst), (0..rounds).map(|round| round % 40 * threads).sum());
    assert_eq!(heap.live(), 0);
}

#[test]
fn the_last_of_many_threads_frees_everything() {
    all_release_at_once::<SpinLock>();
    all_release_at_once::<AnyLock>();
}

#[test]
fn what_may_be_sent_and_shared() {
    fn sent<T: Send>(_: &T) {}
    fn shared<T: Sync>(_: &T) {}
    let heap = Heap::default();
    let cache = SlabCache::<u64, SpinLock, 512, _>::with_source(&heap).unwrap();
    let object = cache.alloc().unwrap();
    sent(&cache);
    shared(&cache);
    sent(&object);
    shared(&object);
    let cell = SlabCache::<core::cell::Cell<u64>, AnyLock, 512, _>::with_source(&heap).unwrap();
    sent(&cell.alloc().unwrap());
}
