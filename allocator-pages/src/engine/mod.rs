//! What the native page engines are made of: a bit for each page, a tree above the bits, and the way in between.
//!
//! | module | holds |
//! | --- | --- |
//! | [`leaf`] | 512 pages, and what can be read off their bits |
//! | `surface` | what such engines have in common on their surface |
//! | `extents` | which pages are managed |
//! | `shape` | where the parts of the metadata lie |
//! | [`tree`] | the order of the largest free block of each node, and what an engine adds |
//! | `section`, `sections` | pages in a row with their metadata; the list of those |
//! | `stock` | free pages, runs and blocks that the tree is not told of |
//! | [`PageEngine`] | a page allocator of these parts, and a [`Policy`] that says which run is taken |
//! | `regions`, `requests`, `validate` | its methods: memory comes and goes, pages do, all is counted again |
//!
//! # What the tree is told
//!
//! The bits are always exact: a bit is set iff its page is managed and free. The tree lags behind. Single pages that are
//! freed go to a stock of at most 64, from which the next single pages are taken; the tree goes on believing that they are
//! taken. The same goes for a few runs of the length that was freed last, and for a few blocks of the order that was asked
//! for last, where that is a leaf or more. So with `B` the pages whose bits are set and `S` those in stock,
//!
//! ```text
//!   S ⊆ B        tree = what follows from B \ S
//! ```
//!
//! and a hot pair touches the bits and the stock, nothing else. Where the run with the lowest address must be taken, a run
//! comes out of the stock only if it is known to be that one. Before the tree is searched for anything that a stocked page
//! could be part of, the stock is emptied into it: at most 64 pages and 8 runs, each O(levels).

use core::fmt;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

mod memory;
mod pages;
pub(crate) mod policy;
mod validate;

use policy::{Policy, View};

use allocator_core::PageAllocator;

use crate::cache::{BlockCache, PageCache, RunCache};
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

/// A page allocator: sections of pages, and a policy.
///
/// [`RadixPageAllocator`](crate::RadixPageAllocator) and [`BuddyPageAllocator`](crate::BuddyPageAllocator) are this with a
/// policy each, and their pages say what each is good for. There are no other policies, and none can be added from outside:
///
/// ```compile_fail,E0603
/// struct Mine;
/// unsafe impl allocator_pages::engine::policy::Policy for Mine {}
/// ```
pub struct PageEngine<'m, P: Policy, const PAGE_SIZE: usize> {
    sections: SectionList<P::Node>,
    /// The caller's metadata, if they do not lie in the regions.
    metadata: Option<NonNull<[u64]>>,
    /// The pages managed.
    total: usize,
    /// Those of them that are allocated, whose bits are not set, and those in the stock of single pages: so what comes out
    /// of it, or goes in, changes nothing here.
    away: usize,
    pages: PageCache,
    runs: RunCache,
    blocks: BlockCache,
    lent: PhantomData<&'m mut [u64]>,
}

// SAFETY: the sections and the metadata are the allocator's alone.
unsafe impl<P: Policy, const PAGE_SIZE: usize> Send for PageEngine<'_, P, PAGE_SIZE> {}
// SAFETY: what is shared is only read.
unsafe impl<P: Policy, const PAGE_SIZE: usize> Sync for PageEngine<'_, P, PAGE_SIZE> {}

impl<'m, P: Policy, const PAGE_SIZE: usize> PageEngine<'m, P, PAGE_SIZE> {
    const VALID: () = assert!(
        PAGE_SIZE.is_power_of_two() && PAGE_SIZE >= 64,
        "PAGE_SIZE is no power of two, or below 64, where metadata would not be aligned"
    );

    /// An allocator without pages that will keep its metadata in the first pages of each region it is given, which must
    /// then be memory that can be written. Those pages are no part of `total`.
    ///
    /// A `PAGE_SIZE` that is no power of two, or below 64, does not compile.
    #[must_use]
    pub const fn new() -> Self {
        const { Self::VALID };
        Self {
            sections: SectionList::new(),
            metadata: None,
            total: 0,
            away: 0,
            pages: PageCache::new(),
            runs: RunCache::new(),
            blocks: BlockCache::new(),
            lent: PhantomData,
        }
    }

    /// An allocator without pages that will keep its metadata in `words`, and never touch the pages.
    ///
    /// The words, which may arrive dirty, describe a window that starts with the first page of the first region; regions
    /// that do not lie in the window are refused with [`InvalidParam`](allocator_core::AllocError::InvalidParam). See
    /// [`metadata_words`](Self::metadata_words).
    #[must_use]
    pub const fn with_metadata(words: &'m mut [u64]) -> Self {
        let mut engine = Self::new();
        engine.metadata = NonNull::new(ptr::from_mut(words));
        engine
    }

    /// The number of words that a window of `num_pages` pages needs, wherever it lies. O(log n).
    #[must_use]
    pub const fn metadata_words(num_pages: usize) -> usize {
        Section::<P::Node>::most_words(num_pages)
    }

    /// The runs of free pages, by address, none of which touches another of the same region. O(pages / 64) for all.
    pub fn free_runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.sections.iter().flat_map(|section| {
            let end = section.window.end;
            let next = move |from: usize| {
                let start = section.next(from, end, true)?;
                Some(start..section.next(start, end, false).unwrap_or(end))
            };
            core::iter::successors(next(section.window.start), move |run| next(run.end))
                .map(|run| Run { base: run.start * PAGE_SIZE, num_pages: run.len() })
        })
    }

    /// What a [`Policy`] sees of each section.
    pub(crate) fn views(&self) -> impl Iterator<Item = View<'_, P::Node>> + '_ {
        self.sections.iter().map(|section| View { section })
    }

    /// The lengths of the free runs that the pages, runs and blocks in stock are part of, in pages. O(length / 64) for each.
    pub(crate) fn stocked_runs(&self) -> impl Iterator<Item = usize> + '_ {
        self.pages.iter().chain(self.runs.iter()).chain(self.blocks.iter()).filter_map(|page| {
            let section = self.sections.of(page)?;
            let end = section.window.end;
            Some(section.next(page, end, false).unwrap_or(end) - section.run_start(page))
        })
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
