//! Every interleaving of a few threads that clone and drop references to something counted by an `AtomicCount`.
//!
//! The tests guard the `Release` of `release`, without which what a thread did to the shared thing may come after its drop; and
//! the `Acquire` of the last `release`, for the same reason. Run them with
//! `RUSTFLAGS="--cfg loom" cargo test -p allocator-shared --release --test loom`.

#![cfg(loom)]

use allocator_shared::count::{AtomicCount, Count};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use loom::thread;

/// What handles point to. Loom's `Arc` only keeps the model's memory; it is dropped after all threads have ended.
struct Shared {
    count: AtomicCount,
    /// Written by whoever is last, read by all others: what is not ordered before that is a race that loom reports.
    engine: UnsafeCell<bool>,
    drops: AtomicUsize,
}

struct Handle(Arc<Shared>);

impl Handle {
    fn new() -> (Self, Arc<Shared>) {
        let shared =
            Arc::new(Shared { count: AtomicCount::one(), engine: UnsafeCell::new(true), drops: AtomicUsize::new(0) });
        (Self(shared.clone()), shared)
    }

    fn use_engine(&self) {
        // SAFETY: loom checks it.
        assert!(self.0.engine.with(|alive| unsafe { *alive }), "used after the drop");
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        self.0.count.acquire();
        Self(self.0.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.0.count.release() {
            // SAFETY: loom checks it.
            self.0.engine.with_mut(|alive| assert!(std::mem::replace(unsafe { &mut *alive }, false), "dropped twice"));
            self.0.drops.fetch_add(1, SeqCst);
        }
    }
}

/// Runs the threads in all orders, and looks that one of them had the last handle.
fn model<const N: usize>(threads: [fn(Handle); N]) {
    loom::model(move || {
        let (handle, shared) = Handle::new();
        let running = threads.map(|run| {
            let handle = handle.clone();
            thread::spawn(move || run(handle))
        });
        drop(handle);
        for thread in running {
            thread.join().unwrap();
        }
        assert_eq!(shared.drops.load(SeqCst), 1);
    });
}

#[test]
fn all_use_happens_before_the_one_last_drop() {
    model([|handle| handle.use_engine(), |handle| handle.use_engine()]);
}

#[test]
fn a_clone_races_with_the_drop_of_another_handle() {
    model([
        |handle| {
            let clone = handle.clone();
            drop(handle);
            clone.use_engine();
        },
        drop,
    ]);
}

#[test]
fn a_clone_that_is_sent_on_outlives_the_one_it_was_made_of() {
    model([|handle| {
        let clone = handle.clone();
        let thread = thread::spawn(move || clone.use_engine());
        handle.use_engine();
        drop(handle);
        thread.join().unwrap();
    }]);
}
