//! The page engines of this family.

use allocator::{BaseAllocator, BitmapPageAllocator, PageAllocator};

use super::{PAGE_SIZE, PageHeap, display_size};

const PAGE_BYTES: usize = PAGE_SIZE as usize;

/// Where the page space begins: a multiple of any alignment that is asked for, and not 0.
pub(super) const BASE: usize = 1 << 40;

/// `BitmapPageAllocator`, with the capacity that this build's features give it.
pub(super) struct Bitmap(Box<BitmapPageAllocator<PAGE_BYTES>>);

impl PageHeap for Bitmap {
    const NAME: &'static str = "bitmap";

    fn new(pages: usize) -> Result<Self, String> {
        let capacity = BitmapPageAllocator::<PAGE_BYTES>::CAPACITY;
        if pages > capacity {
            return Err(too_small_for(capacity, pages));
        }
        // SAFETY: its documents say that zeroed memory is a valid empty allocator; large ones do not fit a stack.
        let mut engine = unsafe { Box::<BitmapPageAllocator<PAGE_BYTES>>::new_zeroed().assume_init() };
        // SAFETY: pages are numbers here; nobody else hands out these.
        unsafe { engine.init(BASE, pages * PAGE_BYTES) }.map_err(|error| error.to_string())?;
        Ok(Self(engine))
    }

    #[inline]
    fn alloc(&mut self, pages: usize, align_log2: u8) -> Option<usize> {
        let address = self.0.alloc_pages(pages, PAGE_BYTES << align_log2).ok()?;
        Some((address - BASE) / PAGE_BYTES)
    }

    #[inline]
    fn dealloc(&mut self, first: usize, pages: usize, _: u8) {
        let given_back = self.0.dealloc_pages(BASE + first * PAGE_BYTES, pages);
        debug_assert!(given_back.is_ok());
    }
}

/// Why an allocator of fixed capacity does not take part.
pub(super) fn too_small_for(capacity: usize, pages: usize) -> String {
    let [capacity, space] = [capacity, pages].map(|pages| display_size(pages as u64 * PAGE_SIZE));
    format!("this build's capacity is {capacity}, the page space {space}: the feature `page-alloc-1t` raises it")
}
