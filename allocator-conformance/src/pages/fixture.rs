//! The fixture for page allocators: an arena of some hundred pages.

use core::ops::Range;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

use super::options::PageOptions;
use super::shadow::Shadow;
use crate::arena::Arena;
use crate::config::Outcome;
use allocator_core::PageAllocator;

pub(super) type Fixture<'a, A> = crate::fixture::Fixture<'a, A, PageOptions, Arena>;

/// Pages for one check, aligned to their size, so that the checks know which alignments fit. Large pages cost only address
/// space, as nothing fills them.
pub(super) fn terrain<A: PageAllocator>(_: &PageOptions) -> Arena {
    let (pages, most) = if cfg!(miri) { (64, 1 << 20) } else { (512, 256 << 20) };
    let size = (pages * A::PAGE_SIZE).min(most).max(32 * A::PAGE_SIZE);
    Arena::new(size, size)
}

impl<A: PageAllocator> Fixture<'_, A> {
    /// A fresh allocator without memory. The previous one is gone: it borrowed the fixture.
    pub(super) fn empty(&mut self) -> Shadow<'_, A> {
        self.terrain.reset();
        Shadow::new((self.make)(), &mut self.terrain, self.step, self.options, SmallRng::from_rng(&mut self.rng))
    }

    /// A fresh allocator with the [`middle`](Self::middle) as its one region.
    pub(super) fn with_one_region(&mut self) -> Outcome<Shadow<'_, A>> {
        let region = self.middle();
        let mut shadow = self.empty();
        shadow.give_first(region)?;
        Ok(shadow)
    }

    /// The second quarter of the arena: a power of two of pages, aligned to its size.
    pub(super) fn middle(&self) -> Range<usize> {
        let quarter = self.terrain.size() / 4;
        self.terrain.at(quarter)..self.terrain.at(2 * quarter)
    }

    /// The regions in a random order, or with the lowest first if the allocator needs that.
    pub(super) fn order(&mut self, mut regions: std::vec::Vec<Range<usize>>) -> std::vec::Vec<Range<usize>> {
        regions.shuffle(&mut self.rng);
        if !self.options.covers_below_first {
            let lowest = (0..regions.len()).min_by_key(|&index| regions[index].start);
            regions.swap(0, lowest.unwrap_or(0));
        }
        regions
    }

    /// A fresh allocator with these regions, the first of them first.
    pub(super) fn with_regions(&mut self, regions: &[Range<usize>]) -> Outcome<Shadow<'_, A>> {
        let mut shadow = self.empty();
        for (index, region) in regions.iter().enumerate() {
            if index == 0 { shadow.give_first(region.clone())? } else { shadow.give_more(region.clone())? }
        }
        Ok(shadow)
    }
}
