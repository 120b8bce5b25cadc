//! [`PageEngine`], the type of both engines: sections, caches, and a policy.
//!
//! # Bits, trees and caches
//!
//! The bits are always exact: a bit is set iff its page is managed and free. A tree lags behind its bits. Single pages that
//! are freed go to a cache of at most 64, from which the next single pages are taken; the tree has them as taken until the
//! cache is flushed. The same holds for a few runs of the length that was freed last, and for a few blocks of the order that
//! was last asked for, where that is a leaf or more. With `B` the pages whose bits are set and `C` those in the caches,
//!
//! ```text
//!   C ⊆ B        tree = what follows from B \ C
//! ```
//!
//! A call that is served by a cache touches the bits and the cache, nothing else. A policy that takes the lowest run takes
//! one from a cache only if no other is lower. Before a tree is searched for a run that could have a cached page in it, the
//! caches are flushed into the tree: at most 64 pages, 8 runs and 16 blocks, each O(levels).

use core::fmt;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use allocator_core::PageAllocator;

mod memory;
mod pages;
pub(crate) mod policy;
mod validate;

use policy::{Policy, View};

use crate::cache::{BlockCache, PageCache, RunCache};
use crate::page::PageRange;
use crate::section::Section;
use crate::section::list::SectionList;

/// Contiguous pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The address of the first page.
    pub base: usize,
    /// The number of pages.
    pub num_pages: usize,
}

/// Where an engine keeps its metadata. The first variant is zero, like all other fields of an engine without memory, so that
/// a static engine takes no place in the program's file.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Metadata {
    /// In the first pages of each region.
    InRegions,
    /// In the caller's words, which describe one window of pages.
    InWords {
        words: NonNull<[u64]>,
        /// The address (bytes) at which the window begins; `None`: with the first region.
        base: Option<usize>,
    },
}

/// A page allocator with a policy: the type of both engines.
///
/// Its two names are [`RadixPageAllocator`](crate::RadixPageAllocator) and
/// [`BuddyPageAllocator`](crate::BuddyPageAllocator), whose pages say what each is good for, what its calls cost, and show
/// it in use. There are no other policies, and none can be added from outside:
///
/// ```compile_fail,E0603
/// struct Mine;
/// unsafe impl allocator_pages::engine::policy::Policy for Mine {}
/// ```
///
/// # Metadata
///
/// An engine made by [`new`](Self::new) keeps its metadata in the first pages of each region; one made by
/// [`with_metadata`](Self::with_metadata) or [`with_window`](Self::with_window) in words of the caller's, and it never
/// touches the pages.
///
/// The words describe one window of pages, as many pages as they suffice for. There is always room for 64 disjoint ranges of
/// managed pages, which [`metadata_words`](Self::metadata_words) counts. Further ranges take words that nothing else needs:
///
/// - words that the caller gave beyond `metadata_words`; three for each range are enough;
/// - the words of pages at the end of the window that no region has reached yet.
///
/// The same holds for the metadata in a region, which take whole pages.
///
/// ```
/// use allocator_core::{AllocError, BaseAllocator, PageAllocator};
/// use allocator_pages::BuddyPageAllocator;
///
/// const PAGES: usize = 10_000;
/// let mut words = vec![0; BuddyPageAllocator::<4096>::metadata_words(PAGES) + 3 * 936];
/// let mut frames = BuddyPageAllocator::<4096>::with_window(&mut words, 0);
/// for index in 0..1000 {
///     // SAFETY: page frames are numbers here; nobody else hands out these.
///     unsafe { frames.add_memory(index * 10 * 4096, 9 * 4096)? };
/// }
/// assert_eq!(frames.total_pages(), 9000);
/// # Ok::<(), AllocError>(())
/// ```
pub struct PageEngine<'m, P: Policy, const PAGE_SIZE: usize> {
    sections: SectionList<P::Node>,
    metadata: Metadata,
    /// The pages from the first to the last that is managed.
    span: PageRange,
    /// The number of pages that are managed.
    total: usize,
    /// The number of pages that are managed and either allocated or in the cache of single pages: so neither an allocation
    /// from that cache nor a page put there changes it.
    used_or_cached: usize,
    pages: PageCache,
    runs: RunCache,
    blocks: BlockCache,
    lent: PhantomData<&'m mut [u64]>,
}

// SAFETY: the sections and the words are the engine's alone.
unsafe impl<P: Policy, const PAGE_SIZE: usize> Send for PageEngine<'_, P, PAGE_SIZE> {}
// SAFETY: what is shared is only read.
unsafe impl<P: Policy, const PAGE_SIZE: usize> Sync for PageEngine<'_, P, PAGE_SIZE> {}

impl<'m, P: Policy, const PAGE_SIZE: usize> PageEngine<'m, P, PAGE_SIZE> {
    const VALID: () = assert!(
        PAGE_SIZE.is_power_of_two() && PAGE_SIZE >= 64 && PAGE_SIZE.is_multiple_of(align_of::<Section<P::Node>>()),
        "PAGE_SIZE is no power of two, or below 64, where metadata would not be aligned"
    );

    /// An engine without pages that will keep its metadata in the first pages of each region, which must then be memory
    /// that can be written. Those pages are no part of `total`.
    ///
    /// A `PAGE_SIZE` that is no power of two, or below 64, does not compile.
    #[must_use]
    pub const fn new() -> Self {
        const { Self::VALID };
        Self {
            sections: SectionList::new(),
            metadata: Metadata::InRegions,
            span: PageRange::EMPTY,
            total: 0,
            used_or_cached: 0,
            pages: PageCache::new(),
            runs: RunCache::new(),
            blocks: BlockCache::new(),
            lent: PhantomData,
        }
    }

    /// An engine without pages that will keep its metadata in `words`, and never touch the pages.
    ///
    /// The words, which may arrive dirty, describe a window that begins with the first page of the first region. A region
    /// outside of it is refused with [`InvalidParam`](allocator_core::AllocError::InvalidParam). See
    /// [`metadata_words`](Self::metadata_words) for how many words to give, and [`with_window`](Self::with_window) for
    /// regions that come in any order.
    ///
    /// After all pages have been removed, `init` begins a new window, and so does a region outside of the old one.
    #[must_use]
    pub const fn with_metadata(words: &'m mut [u64]) -> Self {
        let mut engine = Self::new();
        if let Some(words) = NonNull::new(ptr::from_mut(words)) {
            engine.metadata = Metadata::InWords { words, base: None };
        }
        engine
    }

    /// An engine without pages that will keep its metadata in `words`, and never touch the pages, for the window that begins
    /// at address `base` (bytes): regions may come in any order.
    ///
    /// The words may arrive dirty. A region that reaches below `base`, or above what the words can describe, is refused with
    /// [`InvalidParam`](allocator_core::AllocError::InvalidParam).
    ///
    /// # Examples
    ///
    /// ```
    /// use allocator_core::{AllocError, BaseAllocator, PageAllocator};
    /// use allocator_pages::RadixPageAllocator;
    ///
    /// // A memory map as firmware gives it, in no order, below 1 GiB.
    /// let map = [(0x2000_0000, 0x1000_0000), (0x10_0000, 0x80_0000), (0x1000_0000, 0x400_0000)];
    /// let mut words = vec![0; RadixPageAllocator::<4096>::metadata_words((1 << 30) / 4096)];
    /// let mut frames = RadixPageAllocator::<4096>::with_window(&mut words, 0);
    /// for (start, size) in map {
    ///     // SAFETY: page frames are numbers here; nobody else hands out these.
    ///     unsafe { frames.add_memory(start, size)? };
    /// }
    /// assert_eq!(frames.span(), 0x10_0000..=0x2fff_ffff);
    /// # Ok::<(), AllocError>(())
    /// ```
    #[must_use]
    pub const fn with_window(words: &'m mut [u64], base: usize) -> Self {
        let mut engine = Self::new();
        if let Some(words) = NonNull::new(ptr::from_mut(words)) {
            engine.metadata = Metadata::InWords { words, base: Some(base) };
        }
        engine
    }

    /// The number of words that a window of `num_pages` pages needs, wherever it lies, with up to 64 disjoint ranges of
    /// managed pages in it. O(log n).
    ///
    /// With three words more for each further range there is room for more; see [Metadata](Self#metadata).
    #[must_use]
    pub const fn metadata_words(num_pages: usize) -> usize {
        Section::<P::Node>::most_words(num_pages)
    }

    /// The runs of free pages, by address, none of which touches another of the same region. O(pages / 64) for all.
    pub fn free_runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.sections.iter().flat_map(|section| {
            let pages = section.pages();
            let behind = move |run: &PageRange| section.first_free_run(PageRange::new(run.end, pages.end));
            core::iter::successors(section.first_free_run(pages), behind)
                .map(|run| Run { base: run.start.address(PAGE_SIZE), num_pages: run.len() })
        })
    }

    /// The length of the longest run of free pages, in pages; for
    /// [`BuddyPageAllocator`](crate::BuddyPageAllocator), across blocks.
    ///
    /// # Time complexity
    ///
    /// For [`RadixPageAllocator`](crate::RadixPageAllocator) O(regions), and O(length / 64) more for the runs that cached
    /// pages, runs and blocks are part of; for [`BuddyPageAllocator`](crate::BuddyPageAllocator) O(pages / 64).
    #[must_use]
    pub fn largest_free_run(&self) -> usize {
        let known = self.sections.iter().map(|section| P::longest_run(View { section })).reduce(|longest, other| {
            let (longest, other) = (longest?, other?);
            Some(longest.max(other))
        });
        match known {
            None => 0,
            Some(Some(known)) => self.cached_runs().fold(known, usize::max),
            Some(None) => self.free_runs().map(|run| run.num_pages).max().unwrap_or(0),
        }
    }

    /// The lengths of the free runs that the cached pages, runs and blocks are part of, in pages. O(length / 64) for each.
    fn cached_runs(&self) -> impl Iterator<Item = usize> + '_ {
        let firsts = self.runs.iter().chain(self.blocks.iter()).map(|run| run.start);
        self.pages.iter().chain(firsts).filter_map(|page| Some(self.sections.around(page)?.free_run_around(page).len()))
    }
}

impl<P: Policy, const PAGE_SIZE: usize> Default for PageEngine<'_, P, PAGE_SIZE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Policy, const PAGE_SIZE: usize> fmt::Debug for PageEngine<'_, P, PAGE_SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(P::NAME)
            .field("total_pages", &self.total_pages())
            .field("used_pages", &self.used_pages())
            .finish_non_exhaustive()
    }
}
