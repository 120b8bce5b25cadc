//! Engines around engines, which watch what they are asked.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator};

/// An engine as it comes.
pub(crate) trait Engine: ByteAllocator + Send + 'static {
    fn fresh() -> Self;
}

macro_rules! engines {
    ($($engine:ty),+) => {
        $(
            impl Engine for $engine {
                fn fresh() -> Self {
                    Self::new()
                }
            }
        )+
    };
}

impl Engine for allocator_slab::FineSlabByteAllocator {
    fn fresh() -> Self {
        allocator_slab::SlabByteAllocator::fine()
    }
}

engines!(allocator_tlsf::TlsfByteAllocator, allocator_buddy::BuddyByteAllocator, allocator_slab::SlabByteAllocator);

impl<A: Engine> Engine for Checked<A> {
    fn fresh() -> Self {
        Self { inner: A::fresh(), live: BTreeMap::new() }
    }
}

/// Insists that blocks come back with the very layout that they were handed out for, and that no size is 0.
#[derive(Debug)]
pub(crate) struct Checked<A> {
    inner: A,
    live: BTreeMap<usize, Layout>,
}

impl<A> Checked<A> {
    fn enter(&mut self, block: NonNull<u8>, layout: Layout) {
        assert!(block.addr().get().is_multiple_of(layout.align()));
        assert_eq!(self.live.insert(block.addr().get(), layout), None, "a block handed out twice");
    }

    fn leave(&mut self, block: NonNull<u8>, layout: Layout) {
        assert_eq!(self.live.remove(&block.addr().get()), Some(layout), "a block that fits no such layout");
    }
}

impl<A: BaseAllocator> BaseAllocator for Checked<A> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.inner.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.inner.add_memory(start, size) }
    }
}

// SAFETY: every method is that of the engine inside. A test that fails may unwind.
unsafe impl<A: ByteAllocator> ByteAllocator for Checked<A> {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        assert_ne!(layout.size(), 0);
        let block = self.inner.alloc(layout)?;
        self.enter(block, layout);
        Ok(block)
    }

    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        assert_ne!(layout.size(), 0);
        let block = self.inner.alloc_zeroed(layout)?;
        self.enter(block, layout);
        Ok(block)
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        self.leave(ptr, layout);
        // SAFETY: passed on from the caller.
        unsafe { self.inner.dealloc(ptr, layout) };
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        assert_ne!(new_size, 0);
        assert_eq!(self.live.get(&ptr.addr().get()), Some(&layout));
        // SAFETY: passed on from the caller.
        let block = unsafe { self.inner.realloc(ptr, layout, new_size) }?;
        self.leave(ptr, layout);
        self.enter(block, Layout::from_size_align(new_size, layout.align()).unwrap());
        Ok(block)
    }

    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        assert_ne!(new_size, 0);
        assert_eq!(self.live.get(&ptr.addr().get()), Some(&layout));
        // SAFETY: passed on from the caller.
        let block = unsafe { self.inner.realloc_in_place(ptr, layout, new_size) }?;
        assert_eq!(block.addr(), ptr.addr(), "a block that moved where it must not");
        self.leave(ptr, layout);
        self.enter(block, Layout::from_size_align(new_size, layout.align()).unwrap());
        Ok(block)
    }

    fn total_bytes(&self) -> usize {
        self.inner.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.inner.used_bytes()
    }

    fn available_bytes(&self) -> usize {
        self.inner.available_bytes()
    }
}

impl<A: Engine> Engine for Stubborn<A> {
    fn fresh() -> Self {
        Self(A::fresh())
    }
}

/// Moves no block: `realloc` always fails, `realloc_in_place` where the block would get larger.
///
/// It never gives a block less than it had at first, so blocks come back to the engine inside with a layout of its own: all of
/// one size.
#[derive(Debug)]
pub(crate) struct Stubborn<A>(A);

/// The layout with which the engine inside knows every block.
fn one_size(layout: Layout) -> AllocResult<Layout> {
    let size = Some(Stubborn::<()>::SIZE).filter(|&size| layout.size() <= size).ok_or(AllocError::NoMemory)?;
    Layout::from_size_align(size, layout.align()).map_err(|_| AllocError::NoMemory)
}

impl<A> Stubborn<A> {
    /// The size of every block.
    pub(crate) const SIZE: usize = 1024;
}

impl<A: Engine> BaseAllocator for Stubborn<A> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.add_memory(start, size) }
    }
}

// SAFETY: every block is one of the engine inside, of at least the size asked for.
unsafe impl<A: Engine> ByteAllocator for Stubborn<A> {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.0.alloc(one_size(layout)?)
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: the block came from `alloc` above, with this layout.
        unsafe { self.0.dealloc(ptr, one_size(layout).unwrap()) };
    }

    unsafe fn realloc(&mut self, _: NonNull<u8>, _: Layout, _: usize) -> AllocResult<NonNull<u8>> {
        Err(AllocError::NoMemory)
    }

    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        if new_size <= layout.size() { Ok(ptr) } else { Err(AllocError::NoMemory) }
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
}

/// What became of a [`Watched`] engine; it outlives the engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<Entries>);

#[derive(Debug, Default)]
struct Entries {
    drops: AtomicUsize,
    frees: AtomicUsize,
    regions: Mutex<Vec<(usize, usize)>>,
}

impl Journal {
    /// How often the engine was dropped.
    pub(crate) fn drops(&self) -> usize {
        self.0.drops.load(Ordering::SeqCst)
    }

    /// How many blocks came back.
    pub(crate) fn frees(&self) -> usize {
        self.0.frees.load(Ordering::SeqCst)
    }

    /// The start and end of every region that the engine was given.
    pub(crate) fn regions(&self) -> Vec<(usize, usize)> {
        self.0.regions.lock().unwrap().clone()
    }
}

/// Writes a [`Journal`].
#[derive(Debug)]
pub(crate) struct Watched<A> {
    inner: A,
    journal: Journal,
}

impl<A: Engine> Watched<A> {
    pub(crate) fn new() -> (Self, Journal) {
        let journal = Journal::default();
        (Self { inner: A::fresh(), journal: journal.clone() }, journal)
    }

    fn note(&self, start: usize, size: usize) {
        self.journal.0.regions.lock().unwrap().push((start, start + size));
    }
}

impl<A> Drop for Watched<A> {
    fn drop(&mut self) {
        self.journal.0.drops.fetch_add(1, Ordering::SeqCst);
    }
}

impl<A: Engine> Engine for Watched<A> {
    fn fresh() -> Self {
        Self::new().0
    }
}

impl<A: Engine> BaseAllocator for Watched<A> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.inner.init(start, size) }.inspect(|()| self.note(start, size))
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.inner.add_memory(start, size) }.inspect(|()| self.note(start, size))
    }
}

// SAFETY: every method is that of the engine inside.
unsafe impl<A: Engine> ByteAllocator for Watched<A> {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.inner.alloc(layout)
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        self.journal.0.frees.fetch_add(1, Ordering::SeqCst);
        // SAFETY: passed on from the caller.
        unsafe { self.inner.dealloc(ptr, layout) };
    }

    fn total_bytes(&self) -> usize {
        self.inner.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.inner.used_bytes()
    }

    fn available_bytes(&self) -> usize {
        self.inner.available_bytes()
    }
}

/// Notices when two threads are in it at a time.
#[derive(Debug)]
pub(crate) struct Exclusive<A> {
    inner: A,
    busy: AtomicBool,
}

impl<A> Exclusive<A> {
    fn enter(&self) {
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two threads in one engine");
        // Time for another to come in. Not so long that it is worth a rest: others may be spinning.
        for _ in 0..20 {
            std::hint::spin_loop();
        }
    }

    fn alone<T>(&self, call: impl FnOnce(&A) -> T) -> T {
        self.enter();
        let result = call(&self.inner);
        self.busy.store(false, Ordering::SeqCst);
        result
    }

    fn alone_mut<T>(&mut self, call: impl FnOnce(&mut A) -> T) -> T {
        self.enter();
        let result = call(&mut self.inner);
        self.busy.store(false, Ordering::SeqCst);
        result
    }
}

impl<A: Engine> Engine for Exclusive<A> {
    fn fresh() -> Self {
        Self { inner: A::fresh(), busy: AtomicBool::new(false) }
    }
}

impl<A: Engine> BaseAllocator for Exclusive<A> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        self.alone_mut(|inner| unsafe { inner.init(start, size) })
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        self.alone_mut(|inner| unsafe { inner.add_memory(start, size) })
    }
}

// SAFETY: every method is that of the engine inside. A test that fails may unwind.
unsafe impl<A: Engine> ByteAllocator for Exclusive<A> {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.alone_mut(|inner| inner.alloc(layout))
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        self.alone_mut(|inner| unsafe { inner.dealloc(ptr, layout) });
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        self.alone_mut(|inner| unsafe { inner.realloc(ptr, layout, new_size) })
    }

    fn total_bytes(&self) -> usize {
        self.alone(A::total_bytes)
    }

    fn used_bytes(&self) -> usize {
        self.alone(A::used_bytes)
    }

    fn available_bytes(&self) -> usize {
        self.alone(A::available_bytes)
    }
}
