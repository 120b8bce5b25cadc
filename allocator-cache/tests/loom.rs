//! Models of a few threads that release handles and boxes, in every interleaving: the cache itself, with loom's atomics and
//! cells.
//!
//! What they check: the release and acquire of `SpinLock`; those of the count of references, for locks that may touch their
//! memory after they have let the next thread in; that the last thread frees all slabs, once, after all else. Run them with
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

/// A source that frees the slabs that came back only after the run of the model, so that loom finds a late touch of one.
struct Source {
    given: Arc<Given>,
    /// Dropped with the source. Loom reports a call of the source after that, and one that races with it.
    own: loom::cell::UnsafeCell<()>,
}

// SAFETY: the cell is written in the drop only; loom checks the accesses.
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
            // SAFETY: `alloc_slab` allocated it with this layout, and it came back once.
            unsafe { std::alloc::dealloc(std::ptr::with_exposed_provenance_mut(slab), layout) }
        }
    }
}

// SAFETY: the program's heap gives what the layout says.
unsafe impl SlabSource for Source {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.own.with(|_| ());
        assert!(layout.size() > 0);
        self.given.out.fetch_add(1, Ordering::SeqCst);
        // SAFETY: the size is not 0.
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
struct Late {
    locked: AtomicBool,
    /// Dropped with the lock. Loom reports a touch of the lock after that, and one that races with it.
    own: loom::cell::UnsafeCell<()>,
}

// SAFETY: the cell is written in the drop only; loom checks the accesses.
unsafe impl Sync for Late {}

struct LateGuard<'a>(&'a Late);

impl Drop for LateGuard<'_> {
    fn drop(&mut self) {
        self.0.locked.store(false, Ordering::Release);
        self.0.own.with(|_| ());
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.own.with_mut(|_| ());
    }
}

// SAFETY: a thread that exchanges `false` for `true` is alone until the store of its guard's drop.
unsafe impl LockTrait for Late {
    type Guard<'a> = LateGuard<'a>;

    fn init() -> Self {
        Self { locked: AtomicBool::new(false), own: loom::cell::UnsafeCell::new(()) }
    }

    fn lock(&self) -> LateGuard<'_> {
        while self.locked.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            loom::hint::spin_loop();
        }
        LateGuard(self)
    }
}

/// Large enough for loom's atomics, with the fewest words of live bits.
const SLAB_SIZE: usize = 4096;
type Value = [u64; 48];
type Cache<L> = SlabCache<Value, L, SLAB_SIZE, Source>;

fn model<L: LockTrait + Send + Sync + 'static>(run: fn(Cache<L>)) {
    let mut builder = loom::model::Builder::new();
    // Each model has two threads: of three at one spin lock, two could yield to each other for ever.
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

/// Two slabs become empty at the same time, and one of them goes back.
fn slabs_go_back_while_others_release<L: LockTrait + Send + Sync + 'static>(cache: Cache<L>) {
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
    model::<Late>(last_box_frees_all);
}

#[test]
fn a_handle_races_with_a_box() {
    model::<SpinLock>(handle_races_with_box);
}

#[test]
fn a_handle_races_with_a_box_whatever_the_lock() {
    model::<Late>(handle_races_with_box);
}

#[test]
fn slabs_go_back_while_the_pool_ends() {
    model::<SpinLock>(slabs_go_back_while_others_release);
}

#[test]
fn slabs_go_back_while_the_pool_ends_whatever_the_lock() {
    model::<Late>(slabs_go_back_while_others_release);
}
