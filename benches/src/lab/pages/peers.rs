//! Page allocators of others, each called as its documents say.

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

use axallocator::{BaseAllocator as _, PageAllocator as _};
use bitmap_allocator::BitAlloc;

use super::ours::{BASE, too_small_for};
use super::{PAGE_SIZE, PageHeap};

const PAGE_BYTES: usize = PAGE_SIZE as usize;

/// `bitmap-allocator` itself, of one of its capacities.
pub(super) struct Bits<B>(Box<B>);

impl<B: BitAlloc> PageHeap for Bits<B> {
    const NAME: &'static str = "bitmap-allocator";

    fn new(pages: usize) -> Result<Self, String> {
        // SAFETY: all integers, of which none is set in `B::DEFAULT`; large ones do not fit a stack.
        let mut bits = unsafe { Box::<B>::new_zeroed().assume_init() };
        bits.insert(0..pages);
        Ok(Self(bits))
    }

    #[inline]
    fn alloc(&mut self, pages: usize, align_log2: u8) -> Option<usize> {
        if pages == 1 && align_log2 == 0 {
            self.0.alloc()
        } else {
            self.0.alloc_contiguous(None, pages, align_log2.into())
        }
    }

    #[inline]
    fn dealloc(&mut self, first: usize, pages: usize, _: u8) {
        let given_back = if pages == 1 { self.0.dealloc(first) } else { self.0.dealloc_contiguous(first, pages) };
        debug_assert!(given_back);
    }
}

/// The `FrameAllocator` of `buddy_system_allocator`, which keeps its blocks in B-trees on the program's own heap.
pub(super) struct BuddySystem(buddy_system_allocator::FrameAllocator<33>);

impl BuddySystem {
    fn layout(pages: usize, align_log2: u8) -> Layout {
        // It counts in pages, the alignment, too.
        Layout::from_size_align(pages, 1 << align_log2).expect("a small alignment")
    }
}

impl PageHeap for BuddySystem {
    const NAME: &'static str = "buddy_system_allocator";

    fn new(pages: usize) -> Result<Self, String> {
        let mut frames = buddy_system_allocator::FrameAllocator::new();
        frames.add_frame(0, pages);
        Ok(Self(frames))
    }

    #[inline]
    fn alloc(&mut self, pages: usize, align_log2: u8) -> Option<usize> {
        self.0.alloc_aligned(Self::layout(pages, align_log2))
    }

    #[inline]
    fn dealloc(&mut self, first: usize, pages: usize, align_log2: u8) {
        self.0.dealloc_aligned(first, Self::layout(pages, align_log2));
    }
}

/// The `Heap` of `buddy_system_allocator`, which keeps a list of the free blocks of each order in those blocks: as many
/// pages of address space are its own, and those in use or in a list are backed by memory.
pub(super) struct BuddyHeap {
    heap: buddy_system_allocator::Heap<33>,
    start: NonNull<u8>,
    layout: Layout,
}

impl BuddyHeap {
    /// The largest space that takes little of the machine's memory, and little time.
    const MOST_BYTES: usize = 1 << 30;

    fn layout(pages: usize, align_log2: u8) -> Layout {
        Layout::from_size_align(pages * PAGE_BYTES, PAGE_BYTES << align_log2).expect("a small alignment")
    }
}

impl PageHeap for BuddyHeap {
    const NAME: &'static str = "buddy_system_allocator-heap";

    fn new(pages: usize) -> Result<Self, String> {
        let bytes = pages * PAGE_BYTES;
        if bytes > Self::MOST_BYTES {
            return Err("it writes into the pages, which are more than this machine should give".to_owned());
        }
        let layout = Layout::from_size_align(bytes, bytes.next_power_of_two().min(1 << 30))
            .expect("a size that the address space has room for");
        // SAFETY: the size is not 0.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or("there is not so much memory")?;
        let mut heap = buddy_system_allocator::Heap::new();
        // SAFETY: the memory is the heap's until it is dropped.
        unsafe { heap.init(start.as_ptr().expose_provenance(), bytes) };
        Ok(Self { heap, start, layout })
    }

    #[inline]
    fn alloc(&mut self, pages: usize, align_log2: u8) -> Option<usize> {
        let block = self.heap.alloc(Self::layout(pages, align_log2)).ok()?;
        Some((block.addr().get() - self.start.addr().get()) / PAGE_BYTES)
    }

    #[inline]
    fn dealloc(&mut self, first: usize, pages: usize, align_log2: u8) {
        // SAFETY: the trials give back what they were given, once, as it was asked for.
        unsafe { self.heap.dealloc(self.start.add(first * PAGE_BYTES), Self::layout(pages, align_log2)) };
    }
}

impl Drop for BuddyHeap {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// The number of pages that `axallocator`'s bitmap has room for in this build.
const AX_CAPACITY: usize = if cfg!(feature = "page-alloc-1t") { 1 << 28 } else { 1 << 16 };

/// `axallocator`'s bitmap of pages.
pub(super) struct AxBitmap(Box<axallocator::BitmapPageAllocator<PAGE_BYTES>>);

impl PageHeap for AxBitmap {
    const NAME: &'static str = "ax-bitmap";

    fn new(pages: usize) -> Result<Self, String> {
        if pages > AX_CAPACITY {
            return Err(too_small_for(AX_CAPACITY, pages));
        }
        // SAFETY: three numbers and a bitmap of integers, all of them 0 in `new()`; large ones do not fit a stack.
        let mut engine = unsafe { Box::<axallocator::BitmapPageAllocator<PAGE_BYTES>>::new_zeroed().assume_init() };
        engine.init(BASE, pages * PAGE_BYTES);
        Ok(Self(engine))
    }

    #[inline]
    fn alloc(&mut self, pages: usize, align_log2: u8) -> Option<usize> {
        let address = self.0.alloc_pages(pages, PAGE_BYTES << align_log2).ok()?;
        Some((address - BASE) / PAGE_BYTES)
    }

    #[inline]
    fn dealloc(&mut self, first: usize, pages: usize, _: u8) {
        self.0.dealloc_pages(BASE + first * PAGE_BYTES, pages);
    }
}
