//! What the tests share: memory, a lock that counts, and an engine that writes down what it is asked.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use allocator_core::{AllocResult, BaseAllocator, ByteAllocator, Region};
use allocator_shared::Locked;
use allocator_shared::lock_api::{GuardSend, RawMutex};

/// How much memory the tests give an engine.
pub(crate) const POOL: usize = if cfg!(miri) { 32 } else { 256 } * 1024;

/// The layout of `size` bytes at `align`.
pub(crate) fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// Gives the engine memory that lasts for ever, and returns its address.
pub(crate) fn give_memory<A: BaseAllocator, R: RawMutex>(locked: &Locked<A, R>, size: usize) -> usize {
    let words = vec![[0xa5a5_a5a5_u64; 8]; size / 64].leak();
    let start = words.as_mut_ptr().expose_provenance();
    // SAFETY: the memory lasts for ever, and nothing else uses it.
    unsafe { locked.add_memory(start, size) }.unwrap();
    start
}

thread_local! {
    static LOCKS: Cell<usize> = const { Cell::new(0) };
    static LOG: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) };
}

/// How often this thread takes a [`CountingLock`] while `run` runs.
pub(crate) fn locks(run: impl FnOnce()) -> usize {
    let before = LOCKS.get();
    run();
    LOCKS.get() - before
}

/// The calls that engines get from this thread while `run` runs.
pub(crate) fn calls(run: impl FnOnce()) -> Vec<Call> {
    LOG.take();
    run();
    LOG.take()
}

/// A lock that counts how often each thread takes it, and panics where its holder takes it again.
pub(crate) struct CountingLock(AtomicBool);

thread_local!(static HELD: Cell<bool> = const { Cell::new(false) });

// SAFETY: the flag is set by one thread at a time, and cleared by the one that has set it.
unsafe impl RawMutex for CountingLock {
    const INIT: Self = Self(AtomicBool::new(false));
    type GuardMarker = GuardSend;

    fn lock(&self) {
        assert!(!HELD.get(), "a call under the lock comes back to the lock");
        while !self.try_lock() {
            std::hint::spin_loop();
        }
    }

    fn try_lock(&self) -> bool {
        let locked = !self.0.swap(true, Ordering::Acquire);
        if locked {
            LOCKS.set(LOCKS.get() + 1);
            HELD.set(true);
        }
        locked
    }

    unsafe fn unlock(&self) {
        HELD.set(false);
        self.0.store(false, Ordering::Release);
    }
}

/// A call that an engine gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Alloc,
    AllocZeroed,
    /// With the first byte of the block.
    Dealloc(u8),
    Realloc,
    ReallocInPlace,
    AllocBatch(usize),
    DeallocBatch(usize),
    Trim,
}

/// Writes down the calls of the engine inside.
pub(crate) struct Logging<A>(pub(crate) A);

impl<A: BaseAllocator> BaseAllocator for Logging<A> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.add_memory(start, size) }
    }
}

fn note(call: Call) {
    assert!(HELD.get(), "{call:?} without the lock");
    LOG.with_borrow_mut(|log| log.push(call));
}

// SAFETY: every method is that of the engine inside. A test that fails may unwind.
unsafe impl<A: ByteAllocator> ByteAllocator for Logging<A> {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        note(Call::Alloc);
        self.0.alloc(layout)
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: the block is live, and the tests have written to its first byte.
        note(Call::Dealloc(unsafe { ptr.read() }));
        // SAFETY: passed on from the caller.
        unsafe { self.0.dealloc(ptr, layout) };
    }

    fn total_bytes(&self) -> usize {
        self.0.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.0.used_bytes()
    }

    fn available_bytes(&self) -> usize {
        self.0.available_bytes()
    }

    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        note(Call::AllocZeroed);
        self.0.alloc_zeroed(layout)
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        note(Call::Realloc);
        // SAFETY: passed on from the caller.
        unsafe { self.0.realloc(ptr, layout, new_size) }
    }

    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        note(Call::ReallocInPlace);
        // SAFETY: passed on from the caller.
        unsafe { self.0.realloc_in_place(ptr, layout, new_size) }
    }

    fn alloc_batch<'o>(&mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]) -> &'o mut [NonNull<u8>] {
        note(Call::AllocBatch(out.len()));
        self.0.alloc_batch(layout, out)
    }

    unsafe fn dealloc_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        note(Call::DeallocBatch(blocks.len()));
        // SAFETY: passed on from the caller.
        unsafe { self.0.dealloc_batch(blocks, layout) };
    }

    fn trim(&mut self) -> usize {
        note(Call::Trim);
        self.0.trim()
    }

    fn release_region(&mut self) -> Option<Region> {
        self.0.release_region()
    }
}
