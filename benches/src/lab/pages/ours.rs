//! The page engines of this family.

use allocator::{BaseAllocator, BitmapPageAllocator, BuddyPageAllocator, PageAllocator, RadixPageAllocator};

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

/// An engine with its metadata in words from the program's heap, which are freed when it is dropped.
macro_rules! in_a_window {
    ($(#[$doc:meta])* $heap:ident, $engine:ident, $name:literal) => {
        $(#[$doc])*
        pub(super) struct $heap {
            engine: $engine<'static, PAGE_BYTES>,
            words: *mut [u64],
        }

        impl PageHeap for $heap {
            const NAME: &'static str = $name;

            fn new(pages: usize) -> Result<Self, String> {
                let words = vec![0; $engine::<PAGE_BYTES>::metadata_words(pages)].into_boxed_slice();
                let words = Box::into_raw(words);
                // SAFETY: the words are this heap's, which does not let the engine go.
                let mut engine = $engine::with_metadata(unsafe { &mut *words });
                // SAFETY: pages are numbers here; nobody else hands out these.
                unsafe { engine.init(BASE, pages * PAGE_BYTES) }.map_err(|error| error.to_string())?;
                Ok(Self { engine, words })
            }

            #[inline]
            fn alloc(&mut self, pages: usize, align_log2: u8) -> Option<usize> {
                let address = self.engine.alloc_pages(pages, PAGE_BYTES << align_log2).ok()?;
                Some((address - BASE) / PAGE_BYTES)
            }

            #[inline]
            fn dealloc(&mut self, first: usize, pages: usize, _: u8) {
                let given_back = self.engine.dealloc_pages(BASE + first * PAGE_BYTES, pages);
                debug_assert!(given_back.is_ok());
            }
        }

        impl Drop for $heap {
            fn drop(&mut self) {
                self.engine = $engine::new();
                // SAFETY: the words were a box, and the engine that used them is gone.
                drop(unsafe { Box::from_raw(self.words) });
            }
        }
    };
}

in_a_window!(
    /// `RadixPageAllocator`.
    Radix,
    RadixPageAllocator,
    "radix"
);
in_a_window!(
    /// `BuddyPageAllocator`.
    BuddyPages,
    BuddyPageAllocator,
    "buddy-pages"
);

/// Why an allocator of fixed capacity does not take part.
pub(super) fn too_small_for(capacity: usize, pages: usize) -> String {
    let [capacity, space] = [capacity, pages].map(|pages| display_size(pages as u64 * PAGE_SIZE));
    format!("this build's capacity is {capacity}, the page space {space}: the feature `page-alloc-1t` raises it")
}
