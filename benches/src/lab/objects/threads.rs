//! Objects that one thread takes and another gives back, and two threads at work in one cache.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Instant;

use super::{FreedAnywhere, SharedCache};
use crate::lab::{Measurement, stopwatch};

/// How many objects are handed over at a time: enough that what the channel costs is spread thin.
const BATCH: usize = 1000;
/// How many batches may be under way, so that neither thread runs far ahead of the other.
const UNDER_WAY: usize = 16;

/// Takes `objects` on this thread while another gives them back. The time for each object runs until the last is back;
/// where both threads have a core, that is the time of the slower side.
pub(super) fn freed_elsewhere<O: FreedAnywhere>(objects: usize) -> Measurement {
    let Some(mut cache) = O::new() else {
        return Measurement::none("it has no memory to begin with");
    };
    let (sender, receiver) = mpsc::sync_channel::<Vec<O::Held>>(UNDER_WAY);
    let (emptied, empty) = mpsc::channel::<Vec<O::Held>>();
    let freeing = thread::spawn(move || {
        let mut sum = 0_u64;
        for mut batch in receiver {
            sum = batch.drain(..).fold(sum, |sum, held| sum.wrapping_add(O::free_here(held)));
            // Nobody wants it where the other side is done.
            let _ = emptied.send(batch);
        }
        sum
    });
    let begun = Instant::now();
    let (mut sum, mut refused) = (0_u64, 0);
    for _ in 0..objects / BATCH {
        let mut batch = empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH));
        for number in 0..BATCH as u64 {
            match cache.alloc(number) {
                Some(held) => {
                    batch.push(held);
                    sum += number;
                }
                None => refused += 1,
            }
        }
        sender.send(batch).expect("the other thread frees until the channel is closed");
    }
    drop(sender);
    let freed = freeing.join().expect("freeing does not panic");
    let elapsed = begun.elapsed();
    assert_eq!(freed, sum, "objects came through as they were written");
    Measurement::Time { ns_per_op: stopwatch::ns_per_op(elapsed, objects / BATCH * BATCH), refused }
}

/// How many objects each of two threads holds.
const HELD: usize = 100;

/// Two threads, each of which gives back the oldest of its objects and takes another, over and over. The time for each call
/// of one thread, both being at it from the first to the last.
pub(super) fn both_at_once<O: SharedCache>(objects: usize) -> Measurement {
    let Some(cache) = O::new() else {
        return Measurement::none("it has no memory to begin with");
    };
    let barrier = Arc::new(Barrier::new(2));
    let work = |mut cache: O, barrier: Arc<Barrier>| {
        move || {
            let mut held: Vec<Option<O::Held>> = (0..HELD as u64).map(|number| cache.alloc(number)).collect();
            barrier.wait();
            let begun = Instant::now();
            let (mut sum, mut refused) = (0_u64, 0);
            for _ in 0..objects / HELD {
                for (number, held) in held.iter_mut().enumerate() {
                    match held.take() {
                        Some(object) => sum += O::free_here(object),
                        None => refused += 1,
                    }
                    *held = cache.alloc(number as u64);
                }
            }
            let elapsed = begun.elapsed();
            // No object was the other thread's meanwhile.
            let once = (HELD * (HELD - 1) / 2) as u64;
            assert!(refused > 0 || sum == once * (objects / HELD) as u64, "objects came back as they were written");
            (elapsed, refused)
        }
    };
    let other = thread::spawn(work(cache.handle(), Arc::clone(&barrier)));
    let (here, refused_here) = work(cache, barrier)();
    let (there, refused_there) = other.join().expect("nobody panics");
    let calls = 2 * (objects / HELD * HELD);
    Measurement::Time { ns_per_op: stopwatch::ns_per_op(here.max(there), calls), refused: refused_here + refused_there }
}
