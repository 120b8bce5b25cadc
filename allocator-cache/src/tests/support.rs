//! A source that counts and fails, a value that counts its drops, a lock whose release may not be its last touch.

use core::alloc::Layout;
use core::ptr::NonNull;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::locks::LockTrait;
use crate::{Result, SlabError, SlabSource};

/// A source from the program's heap that knows which slabs are out, and fails where a test wants it to.
#[derive(Debug, Default)]
pub(super) struct Heap {
    live: Mutex<BTreeSet<usize>>,
    calls: AtomicUsize,
    /// Whether it gives no slab.
    pub(super) gives_nothing: AtomicBool,
    /// Whether it refuses all slabs that come back.
    pub(super) takes_nothing: AtomicBool,
    /// The first call that fails, and all later ones do; both kinds of calls count. 0: none.
    pub(super) fails_from: AtomicUsize,
    /// The only call that fails. 0: none.
    pub(super) fails_at: AtomicUsize,
}

impl Heap {
    fn slabs(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many slabs it has given and not got back.
    pub(super) fn live(&self) -> usize {
        self.slabs().len()
    }

    /// How often it was called.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    fn fails(&self, always: &AtomicBool) -> bool {
        let call = self.calls.fetch_add(1, SeqCst) + 1;
        let from = self.fails_from.load(SeqCst);
        always.load(SeqCst) || (from > 0 && call >= from) || call == self.fails_at.load(SeqCst)
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.live(), 0, "slabs that never came back");
        }
    }
}

// SAFETY: the program's heap gives what the layout says, and takes back what it gave.
unsafe impl SlabSource for Heap {
    fn alloc_slab(&self, layout: Layout) -> Option<NonNull<u8>> {
        if self.fails(&self.gives_nothing) {
            return None;
        }
        assert!(layout.size() > 0);
        // SAFETY: the size is not 0.
        let slab = NonNull::new(unsafe { std::alloc::alloc(layout) })?;
        // The cache must not rely on what was there before.
        // SAFETY: the slab has that size.
        unsafe { slab.write_bytes(0xa5, layout.size()) };
        assert!(self.slabs().insert(slab.addr().get()));
        Some(slab)
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        if self.fails(&self.takes_nothing) {
            return Err(SlabError::FatalError);
        }
        assert!(self.slabs().remove(&slab.addr().get()), "a slab that is not out");
        // SAFETY: a slab begins with its header, which begins with the magic.
        assert_eq!(unsafe { slab.cast::<usize>().read() }, 0, "a magic is left");
        // SAFETY: it was given with this layout.
        unsafe {
            slab.write_bytes(0x5a, layout.size());
            std::alloc::dealloc(slab.as_ptr(), layout);
        }
        Ok(())
    }
}

/// A spin lock that touches its memory after it has let the next thread in.
pub(super) struct AnyLock(AtomicBool);

pub(super) struct AnyGuard<'a>(&'a AnyLock);

impl Drop for AnyGuard<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, SeqCst);
        // As locks do that wake a thread that waits. The memory must still be there.
        let _ = self.0.0.load(SeqCst);
    }
}

// SAFETY: a thread that exchanges `false` for `true` is alone until its guard is dropped.
unsafe impl LockTrait for AnyLock {
    type Guard<'a> = AnyGuard<'a>;

    fn init() -> Self {
        Self(AtomicBool::new(false))
    }

    fn lock(&self) -> AnyGuard<'_> {
        while self.0.swap(true, SeqCst) {
            std::thread::yield_now();
        }
        AnyGuard(self)
    }
}

/// Counts its drops.
pub(super) struct Counted<'a>(pub(super) &'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// How many steps a random test takes, and its seed. The environment can set both.
pub(super) fn steps_and_seed(steps: usize) -> (usize, u64) {
    (allocator_conformance::steps(steps), allocator_conformance::seed())
}
