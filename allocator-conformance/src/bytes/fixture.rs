//! The fixture for byte allocators: an arena of eight times the first region.

use core::ops::Range;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::options::ByteOptions;
use super::shadow::Shadow;
use crate::arena::Arena;
use crate::config::Outcome;
use allocator_core::ByteAllocator;

pub(super) type Fixture<'a, A> = crate::fixture::Fixture<'a, A, ByteOptions, Arena>;

/// Memory for one check, aligned to its size, so that an aligned power-of-two part of it is one block for a buddy.
#[expect(clippy::extra_unused_type_parameters, reason = "the table of checks calls all three alike")]
pub(super) fn terrain<A>(options: &ByteOptions) -> Arena {
    let first = options.min_first_region.max(if cfg!(miri) { 16 << 10 } else { 256 << 10 }).next_power_of_two();
    Arena::new(first * 8, first * 8)
}

impl<A: ByteAllocator> Fixture<'_, A> {
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

    /// The second quarter of the arena: a power of two that is aligned to its size.
    pub(super) fn middle(&self) -> Range<usize> {
        let quarter = self.terrain.size() / 4;
        self.terrain.at(quarter)..self.terrain.at(2 * quarter)
    }

    /// A fresh allocator with these regions, the first of them first.
    pub(super) fn with_regions(&mut self, regions: &[Range<usize>]) -> Outcome<Shadow<'_, A>> {
        let mut shadow = self.empty();
        for (index, region) in regions.iter().enumerate() {
            if index == 0 { shadow.give_first(region.clone())? } else { shadow.give_more(region.clone())? }
        }
        Ok(shadow)
    }

    pub(super) fn arena(&self) -> &Arena {
        &self.terrain
    }
}
