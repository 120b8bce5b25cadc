//! What the native page engines are made of: a bit for each page, a tree above the bits, and the way in between.
//!
//! | module | holds |
//! | --- | --- |
//! | [`chunk`] | 512 pages, and what can be read off their bits |
//! | `surface` | what such engines have in common on their surface |
//! | `extents` | which pages are managed |
//! | `shape` | where the parts of the metadata lie |
//! | [`tree`] | the order of the largest free block of each node, and what an engine adds |
//! | `zone`, `zones` | pages in a row with their metadata; the list of those |
//! | `stock` | free pages, runs and blocks that the tree is not told of |
//! | [`Frames`] | a page allocator of these parts, and a [`Policy`] that says which run is taken |
//! | `regions`, `requests`, `validate` | its methods: memory comes and goes, pages do, all is counted again |
//!
//! # What the tree is told
//!
//! The bits are always exact: a bit is set iff its page is managed and free. The tree lags behind. Single pages that are
//! freed go to a stock of at most 64, from which the next single pages are taken; the tree goes on believing that they are
//! taken. The same goes for a few runs of the length that was freed last, and for a few blocks of the order that was asked
//! for last, where that is a chunk or more. So with `B` the pages whose bits are set and `S` those in stock,
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
use core::ops::Range;
use core::ptr::{self, NonNull};

#[macro_use]
mod surface;
mod regions;
mod requests;
mod validate;

pub(crate) use surface::page_engine;

use crate::chunk::Chunk;
use crate::shape::Span;
use crate::stock::{Blocks, Pages, ShortRuns};
use crate::tree::Node;
use crate::zone::Zone;
use crate::zones::Zones;

/// Which run of pages a page allocator takes.
pub(crate) trait Policy {
    /// What the tree knows beside orders.
    type Node: Node;

    /// The order of the aligned free block that serves a request, in pages, at its start; `None` where no block will do.
    fn block_order(num_pages: usize, align: usize) -> Option<usize>;

    /// Whether of several blocks the one with the lowest address must be taken.
    const LOWEST_FIRST: bool;

    /// The first page of a free run of `num_pages` that is a multiple of `align`, where there is no such block; unless a
    /// block of whole chunks is what was asked for.
    fn find(zone: View<'_, Self::Node>, num_pages: usize, align: usize) -> Option<usize>;
}

/// Contiguous pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The address of the first page.
    pub base: usize,
    /// The number of pages.
    pub num_pages: usize,
}

/// Pages in a row, for a [`Policy`] to look at.
pub(crate) struct View<'z, N> {
    zone: &'z Zone<N>,
}

impl<N> Clone for View<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for View<'_, N> {}

impl<N: Node> View<'_, N> {
    /// The pages that can be managed.
    #[must_use]
    pub(crate) fn window(self) -> Range<usize> {
        self.zone.window.clone()
    }

    /// The nodes of the highest level, and that level.
    #[must_use]
    pub(crate) fn roots(self) -> (usize, Span) {
        let shape = self.zone.tree().shape;
        (shape.top(), shape.span(shape.top()))
    }

    /// What is known of a node.
    #[must_use]
    #[inline]
    pub(crate) fn node(self, level: usize, node: usize) -> N {
        self.zone.tree().node(level, node)
    }

    /// The bits of a chunk.
    #[must_use]
    pub(crate) fn chunk(self, chunk: usize) -> Chunk {
        *self.zone.chunk(chunk)
    }

    /// The first page in `pages` that is free. O(pages).
    #[must_use]
    pub(crate) fn next_free(self, pages: Range<usize>) -> Option<usize> {
        self.zone.next(pages.start, pages.end, true)
    }

    /// The first page in `pages` that is not free. O(pages).
    #[must_use]
    pub(crate) fn next_taken(self, pages: Range<usize>) -> Option<usize> {
        self.zone.next(pages.start, pages.end, false)
    }
}

/// A page allocator: zones of pages, and a policy.
///
/// Everything that `RadixPageAllocator` and `BuddyPageAllocator` have in common; they are this with a policy each.
pub(crate) struct Frames<'m, P: Policy, const PAGE_SIZE: usize> {
    zones: Zones<P::Node>,
    /// The caller's metadata, if they do not lie in the regions.
    metadata: Option<NonNull<[u64]>>,
    /// The pages managed.
    total: usize,
    /// Those of them that are allocated, whose bits are not set, and those in the stock of single pages: so what comes out
    /// of it, or goes in, changes nothing here.
    away: usize,
    pages: Pages,
    runs: ShortRuns,
    blocks: Blocks,
    lent: PhantomData<&'m mut [u64]>,
}

// SAFETY: the zones and the metadata are the allocator's alone.
unsafe impl<P: Policy, const PAGE_SIZE: usize> Send for Frames<'_, P, PAGE_SIZE> {}
// SAFETY: what is shared is only read.
unsafe impl<P: Policy, const PAGE_SIZE: usize> Sync for Frames<'_, P, PAGE_SIZE> {}

impl<'m, P: Policy, const PAGE_SIZE: usize> Frames<'m, P, PAGE_SIZE> {
    const VALID: () = assert!(
        PAGE_SIZE.is_power_of_two() && PAGE_SIZE >= 64,
        "PAGE_SIZE is no power of two, or below 64, where metadata would not be aligned"
    );

    /// An allocator that keeps its metadata at the start of each region.
    #[must_use]
    pub(crate) const fn new() -> Self {
        const { Self::VALID };
        Self {
            zones: Zones::new(),
            metadata: None,
            total: 0,
            away: 0,
            pages: Pages::new(),
            runs: ShortRuns::new(),
            blocks: Blocks::new(),
            lent: PhantomData,
        }
    }

    /// An allocator that keeps its metadata in `words`.
    #[must_use]
    pub(crate) const fn with_metadata(words: &'m mut [u64]) -> Self {
        let mut frames = Self::new();
        frames.metadata = NonNull::new(ptr::from_mut(words));
        frames
    }

    /// The number of words that suffice for `num_pages` pages in a row, wherever they lie.
    #[must_use]
    pub(crate) const fn metadata_words(num_pages: usize) -> usize {
        Zone::<P::Node>::most_words(num_pages)
    }

    /// The number of pages under management.
    #[must_use]
    pub(crate) const fn total_pages(&self) -> usize {
        self.total
    }

    /// The number of allocated pages.
    #[must_use]
    pub(crate) const fn used_pages(&self) -> usize {
        self.away - self.pages.len()
    }

    /// The runs of free pages, by address, none of which touches another of the same region. O(pages / 64) for all.
    pub(crate) fn free_runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.zones.iter().flat_map(|zone| {
            let end = zone.window.end;
            let next = move |from: usize| {
                let start = zone.next(from, end, true)?;
                Some(start..zone.next(start, end, false).unwrap_or(end))
            };
            core::iter::successors(next(zone.window.start), move |run| next(run.end))
                .map(|run| Run { base: run.start * PAGE_SIZE, num_pages: run.len() })
        })
    }

    /// What a [`Policy`] sees of each zone.
    pub(crate) fn views(&self) -> impl Iterator<Item = View<'_, P::Node>> + '_ {
        self.zones.iter().map(|zone| View { zone })
    }

    /// The lengths of the free runs that the pages, runs and blocks in stock are part of, in pages. O(length / 64) for each.
    pub(crate) fn stocked_runs(&self) -> impl Iterator<Item = usize> + '_ {
        self.pages.iter().chain(self.runs.iter()).chain(self.blocks.iter()).filter_map(|page| {
            let zone = self.zones.of(page)?;
            let end = zone.window.end;
            Some(zone.next(page, end, false).unwrap_or(end) - zone.run_start(page))
        })
    }
}

impl<P: Policy, const PAGE_SIZE: usize> Default for Frames<'_, P, PAGE_SIZE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Policy, const PAGE_SIZE: usize> fmt::Debug for Frames<'_, P, PAGE_SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("total_pages", &self.total)
            .field("used_pages", &self.used_pages())
            .field("zones", &self.zones.iter().count())
            .finish()
    }
}
