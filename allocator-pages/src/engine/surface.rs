//! What page engines that are [`Frames`](super::Frames) with a policy have in common on their surface.

/// The methods and traits of an engine that is a tuple struct around `Frames<'m, _, PAGE_SIZE>`.
macro_rules! page_engine {
    ($engine:ident, $policy:ty) => {
        impl<'m, const PAGE_SIZE: usize> $engine<'m, PAGE_SIZE> {
            /// An allocator without pages that will keep its metadata in the first pages of each region it is given, which
            /// must then be memory that can be written. Those pages are no part of `total`.
            ///
            /// A `PAGE_SIZE` that is no power of two, or below 64, does not compile.
            #[must_use]
            pub const fn new() -> Self {
                Self(Frames::new())
            }

            /// An allocator without pages that will keep its metadata in `words`, and never touch the pages.
            ///
            /// The words, which may arrive dirty, describe a window that starts with the first page of the first region;
            /// regions that do not lie in the window are refused with
            /// [`InvalidParam`](allocator_core::AllocError::InvalidParam). See
            /// [`metadata_words`](Self::metadata_words).
            #[must_use]
            pub const fn with_metadata(words: &'m mut [u64]) -> Self {
                Self(Frames::with_metadata(words))
            }

            /// The number of words that a window of `num_pages` pages needs, wherever it lies. O(log n).
            #[must_use]
            pub const fn metadata_words(num_pages: usize) -> usize {
                Frames::<'m, $policy, PAGE_SIZE>::metadata_words(num_pages)
            }

            /// Takes the `size` bytes from address `start` back out: whole pages, all of them free.
            ///
            /// Where the metadata lie in the regions, those of a region of which nothing is left are given up with it.
            ///
            /// # Time complexity
            ///
            /// O(pages / 512), and O(log n) for each page in stock.
            ///
            /// # Errors
            ///
            /// - [`InvalidParam`](allocator_core::AllocError::InvalidParam): some of it is not managed, or it does not
            ///   consist of whole pages;
            /// - [`NoMemory`](allocator_core::AllocError::NoMemory): some of it is in use; or more than 64 disjoint
            ///   extents would be left in a window.
            ///
            /// Nothing has changed then.
            ///
            /// # Safety
            ///
            /// The pages are the caller's again, who gave them with promises about their use: it is for them to know who
            /// may use the pages next. The method itself needs nothing.
            pub unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult {
                // SAFETY: passed on from the caller.
                unsafe { self.0.remove_memory(start, size) }
            }

            /// The runs of free pages, by address. O(pages / 64) for all of them.
            pub fn free_runs(&self) -> impl Iterator<Item = Run> + '_ {
                self.0.free_runs()
            }

            /// Counts everything again: the bits against the extents and the statistics, the tree against the bits.
            /// O(pages). For tests, and for looking at metadata that somebody has scribbled over.
            ///
            /// # Errors
            ///
            /// What does not hold, the first of it that is found.
            pub fn validate(&self) -> Result<(), &'static str> {
                self.0.validate()
            }
        }

        impl<const PAGE_SIZE: usize> BaseAllocator for $engine<'_, PAGE_SIZE> {
            unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
                // SAFETY: passed on from the caller.
                unsafe { self.0.init(start, size) }
            }

            unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
                // SAFETY: passed on from the caller.
                unsafe { self.0.add_memory(start, size) }
            }
        }

        // SAFETY: a page is handed out iff its bit is set, which only adding and giving back do, for pages that are
        // managed; the metadata lie in none of these. A run is one of successive page numbers, at a multiple of the
        // alignment, as its policy and the tree find it.
        unsafe impl<const PAGE_SIZE: usize> PageAllocator for $engine<'_, PAGE_SIZE> {
            const PAGE_SIZE: usize = PAGE_SIZE;

            #[inline]
            fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
                self.0.alloc_pages(num_pages, align_pow2)
            }

            fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
                self.0.alloc_pages_at(base, num_pages, align_pow2)
            }

            #[inline]
            fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
                self.0.dealloc_pages(pos, num_pages)
            }

            fn total_pages(&self) -> usize {
                self.0.total_pages()
            }

            fn used_pages(&self) -> usize {
                self.0.used_pages()
            }

            fn available_pages(&self) -> usize {
                self.0.total_pages() - self.0.used_pages()
            }
        }

        impl<const PAGE_SIZE: usize> Default for $engine<'_, PAGE_SIZE> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<const PAGE_SIZE: usize> fmt::Debug for $engine<'_, PAGE_SIZE> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($engine))
                    .field("total_pages", &self.0.total_pages())
                    .field("used_pages", &self.0.used_pages())
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use page_engine;
