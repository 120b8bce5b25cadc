//! [`Meter`], a wrapper around an engine that keeps how much of it was in use at most.

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::Rc;

use allocator::{AllocResult, BaseAllocator, ByteAllocator};

/// The most bytes at a time, looked at after every call.
#[derive(Debug, Default)]
pub(crate) struct Peaks {
    /// What callers have asked for and not given back.
    requested: Cell<usize>,
    pub(crate) peak_requested: Cell<usize>,
    /// What that took: the engine's own `used_bytes`.
    pub(crate) peak_used: Cell<usize>,
}

impl Peaks {
    /// Begins anew with what is in use now, which is to be nothing.
    pub(crate) fn forget(&self) {
        self.peak_requested.set(self.requested.get());
        self.peak_used.set(self.requested.get());
    }
}

/// An engine with its peaks, which can be read after the engine has moved into its pool.
#[derive(Debug)]
pub(crate) struct Meter<A> {
    engine: A,
    peaks: Rc<Peaks>,
}

impl<A: ByteAllocator> Meter<A> {
    pub(crate) fn new(engine: A) -> Self {
        Self { engine, peaks: Rc::default() }
    }

    pub(crate) fn peaks(&self) -> Rc<Peaks> {
        Rc::clone(&self.peaks)
    }

    fn record(&self, given_back: usize, asked_for: usize) {
        let peaks = &self.peaks;
        peaks.requested.set(peaks.requested.get() - given_back + asked_for);
        peaks.peak_requested.set(peaks.peak_requested.get().max(peaks.requested.get()));
        peaks.peak_used.set(peaks.peak_used.get().max(self.engine.used_bytes()));
    }
}

impl<A: ByteAllocator> BaseAllocator for Meter<A> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.engine.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.engine.add_memory(start, size) }
    }
}

// SAFETY: every block is the engine's, whose promises these are; the meter only counts.
unsafe impl<A: ByteAllocator> ByteAllocator for Meter<A> {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.engine.alloc(layout).inspect(|_| self.record(0, layout.size()))
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.engine.dealloc(ptr, layout) };
        self.record(layout.size(), 0);
    }

    fn total_bytes(&self) -> usize {
        self.engine.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.engine.used_bytes()
    }

    fn available_bytes(&self) -> usize {
        self.engine.available_bytes()
    }

    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.engine.alloc_zeroed(layout).inspect(|_| self.record(0, layout.size()))
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        let block = unsafe { self.engine.realloc(ptr, layout, new_size) }?;
        self.record(layout.size(), new_size);
        Ok(block)
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        self.engine.usable_size(layout)
    }
}
