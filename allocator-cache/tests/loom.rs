//! Every interleaving of a few threads that give up handles and boxes: the cache itself, with loom's atomics and cells.
//!
//! What it guards: the release and acquire of `SpinLock`; that of the count of references, for locks whose release may not
//! be over when the next thread is let in; that all slabs are freed once, by whoever is last, after all else. Run it with
//! `RUSTFLAGS="--cfg loom" cargo test -p allocator-cache --release --test loom`.

#![cfg(loom)]

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Mutex;

use allocator_cache::locks::{LockTrait, SpinLock};
use allocator_cache::{Result, SlabCache, SlabSource};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

/// Where slabs come from and go to; what was given back is freed after the run of the model, so that a late touch of it
/// is loom's to find.
struct Source {
    given: Arc<Given>,
    /// Dropped with the source; loom reports a call that comes after that, or races with it.
    own: loom::cell::UnsafeCell<()>,
}

// SAFETY: the cell is only looked at.
unsafe impl Sync for Source {}

impl Clone for Source {
    fn clone(&self) -> Self {
        Self { given: self.given.clone(), own: loom::cell::UnsafeCell::new(()) }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.own.with_mut(|_| ());
    }
}

struct Given {
    out: AtomicUsize,
    back: Mutex<Vec<(usize, Layout)>>,
}

impl Source {
    fn new() -> Self {
        let given = Arc::new(Given { out: AtomicUsize::new(0), back: Mutex::new(Vec::new()) });
        Self { given, own: loom::cell::UnsafeCell::new(()) }
    }

    fn out(&self) -> usize {
        self.given.out.load(Ordering::SeqCst)
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        for (slab, layout) in self.back.get_mut().unwrap().drain(..) {
            // SAFETY: it was given with this layout, and came back.
            unsafe { std::alloc::dealloc(std::ptr::with_exposed_provenance_mut(slab), layout) }
        }
    }
}

// SAFETY: the program's heap gives what the layout says.
unsafe impl SlabSource for Source {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.own.with(|_| ());
        self.given.out.fetch_add(1, Ordering::SeqCst);
        // SAFETY: slabs are not empty.
        NonNull::new(unsafe { std::alloc::alloc(layout) })
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        self.own.with(|_| ());
        self.given.out.fetch_sub(1, Ordering::SeqCst);
        self.given.back.lock().unwrap().push((slab.as_ptr().expose_provenance(), layout));
        Ok(())
    }
}

/// A lock that touches itself after it has let the next thread in.
struct Tardy {
    locked: AtomicBool,
    /// Dropped with the lock; loom reports a touch that comes after that, or races with it.
    own: loom::cell::UnsafeCell<()>,
}

// SAFETY: the cell is only looked at.
unsafe impl Sync for Tardy {}

struct TardyGuard<'a>(&'a Tardy);

impl Drop for TardyGuard<'_> {
    fn drop(&mut self) {
        self.0.locked.store(false, Ordering::Release);
        self.0.own.with(|_| ());
    }
}

impl Drop for Tardy {
    fn drop(&mut self) {
        self.own.with_mut(|_| ());
    }
}

// SAFETY: who exchanges `false` for `true` is alone until the guard's store.
unsafe impl LockTrait for Tardy {
    type Guard<'a> = TardyGuard<'a>;

    fn init() -> Self {
        Self { locked: AtomicBool::new(false), own: loom::cell::UnsafeCell::new(()) }
    }

    fn lock(&self) -> TardyGuard<'_> {
        while self.locked.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            loom::hint::spin_loop();
        }
        TardyGuard(self)
    }
}

/// Large enough for loom's atomics, with the fewest words of state.
const SLAB_SIZE: usize = 4096;
type Value = [u64; 48];
type Cache<L> = SlabCache<Value, L, SLAB_SIZE, Source>;

fn model<L: LockTrait + Send + Sync + 'static>(run: fn(Cache<L>)) {
    let mut builder = loom::model::Builder::new();
    // Three threads at one spin lock, two of which yield to each other, have no end in a model; so each has two.
    builder.preemption_bound = Some(3);
    builder.max_branches = 20_000;
    builder.check(move || {
        let source = Source::new();
        run(Cache::<L>::with_source(source.clone()).unwrap());
        assert_eq!(source.out(), 0);
    });
}

fn last_box_frees_all<L: LockTrait + Send + Sync + 'static>(cache: Cache<L>) {
    let boxes = [1, 2].map(|number| cache.alloc_with([number; 48]).unwrap());
    drop(cache);
    let threads = boxes.map(|object| thread::spawn(move || drop(object)));
    for thread in threads {
        thread.join().unwrap();
    }
}

fn handle_races_with_box<L: LockTrait + Send + Sync + 'static>(cache: Cache<L>) {
    let clone = cache.clone();
    let thread = thread::spawn(move || {
        let object = clone.alloc_with([3; 48]).unwrap();
        drop(clone);
        assert_eq!(*object, [3; 48]);
    });
    drop(cache.alloc_with([4; 48]).unwrap());
    drop(cache);
    thread.join().unwrap();
}

/// The primary and one secondary slab are full; two slabs become empty at once, of which one goes back.
fn slabs_go_back_while_others_leave<L: LockTrait + Send + Sync + 'static>(cache: Cache<L>) {
    let primary: Vec<_> = (0..cache.statistics().total_slots).map(|_| cache.alloc_with([5; 48]).unwrap()).collect();
    let mut further = vec![cache.alloc_with([6; 48]).unwrap()];
    while cache.statistics().slabs < 3 {
        further.push(cache.alloc_with([6; 48]).unwrap());
    }
    let third = further.pop().unwrap();
    let second = further.pop().unwrap();
    drop((primary, further, cache));
    let thread = thread::spawn(move || drop(third));
    drop(second);
    thread.join().unwrap();
}

#[test]
fn the_last_box_frees_all() {
    model::<SpinLock>(last_box_frees_all);
}

#[test]
fn the_last_box_frees_all_whatever_the_lock() {
    model::<Tardy>(last_box_frees_all);
}

#[test]
fn a_handle_races_with_a_box() {
    model::<SpinLock>(handle_races_with_box);
}

#[test]
fn a_handle_races_with_a_box_whatever_the_lock() {
    model::<Tardy>(handle_races_with_box);
}

#[test]
fn slabs_go_back_while_the_hierarchy_ends() {
    model::<SpinLock>(slabs_go_back_while_others_leave);
}

#[test]
fn slabs_go_back_while_the_hierarchy_ends_whatever_the_lock() {
    model::<Tardy>(slabs_go_back_while_others_leave);
}
