//! Sources that count and fail, values that count their drops, a lock that promises nothing.

use core::alloc::Layout;
use core::ptr::NonNull;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::locks::LockTrait;
use crate::{Result, SlabError, SlabSource};

/// A source out of the program's heap that knows what it gave, and fails when told to.
#[derive(Debug, Default)]
pub(super) struct Heap {
    live: Mutex<BTreeSet<usize>>,
    calls: AtomicUsize,
    /// Whether it gives, and takes back, nothing.
    pub(super) gives_nothing: AtomicBool,
    pub(super) takes_nothing: AtomicBool,
    /// From which call on it fails, counting both kinds; 0 for never.
    pub(super) fails_from: AtomicUsize,
    /// At which call alone it fails; 0 for none.
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
        // SAFETY: slabs are not empty.
        let slab = NonNull::new(unsafe { std::alloc::alloc(layout) })?;
        // What was there before is no help.
        // SAFETY: so large it is.
        unsafe { slab.write_bytes(0xa5, layout.size()) };
        assert!(self.slabs().insert(slab.addr().get()));
        Some(slab)
    }

    unsafe fn free_slab(&self, slab: NonNull<u8>, layout: Layout) -> Result<()> {
        if self.fails(&self.takes_nothing) {
            return Err(SlabError::FatalError);
        }
        assert!(self.slabs().remove(&slab.addr().get()), "a slab that is not out");
        // SAFETY: a slab begins with its header, and that with the magic.
        assert_eq!(unsafe { slab.cast::<usize>().read() }, 0, "who finds it later would take it for a slab");
        // SAFETY: it was given with this layout.
        unsafe {
            slab.write_bytes(0x5a, layout.size());
            std::alloc::dealloc(slab.as_ptr(), layout);
        }
        Ok(())
    }
}

/// A spin lock of which it is not known when its release is over.
pub(super) struct AnyLock(AtomicBool);

pub(super) struct AnyGuard<'a>(&'a AnyLock);

impl Drop for AnyGuard<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, SeqCst);
        // As locks do that then look who waits: the memory must still be there.
        let _ = self.0.0.load(SeqCst);
    }
}

// SAFETY: who exchanges `false` for `true` is alone until the guard is dropped.
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

/// How many steps a random test takes, and its seed, both of which the environment can set.
pub(super) fn steps_and_seed(steps: usize) -> (usize, u64) {
    let from_env = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = from_env("ALLOCATOR_SEED").unwrap_or_else(|| if cfg!(miri) { 1 } else { fastrand::u64(..) });
    (from_env("ALLOCATOR_STEPS").map_or(steps, |steps| steps as usize), seed)
}
