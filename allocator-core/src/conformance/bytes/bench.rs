//! What one check has at hand: fresh allocators, an arena, random numbers.

use core::cell::Cell;
use core::ops::Range;

use fastrand::Rng;

use super::ByteOptions;
use super::shadow::Shadow;
use crate::ByteAllocator;
use crate::conformance::Config;
use crate::conformance::arena::Arena;

/// The place where one check tests allocators, one after the other.
pub(super) struct Bench<'a, A> {
    make: &'a mut dyn FnMut() -> A,
    pub(super) config: &'a Config,
    pub(super) options: &'a ByteOptions,
    step: &'a Cell<usize>,
    arena: Arena,
    rng: Rng,
}

impl<'a, A: ByteAllocator> Bench<'a, A> {
    pub(super) fn new(
        make: &'a mut dyn FnMut() -> A,
        config: &'a Config,
        options: &'a ByteOptions,
        step: &'a Cell<usize>,
    ) -> Self {
        let first = options.min_first_region.max(if cfg!(miri) { 32 << 10 } else { 256 << 10 }).next_power_of_two();
        // Aligned to its size, so that a power-of-two range of it is one block for a buddy.
        let arena = Arena::new(first * 8, first * 8);
        Self { make, config, options, step, arena, rng: Rng::with_seed(config.seed) }
    }

    /// A fresh allocator without memory. The one before is gone, which the borrow checker sees to.
    pub(super) fn empty(&mut self) -> Shadow<'_, A> {
        self.arena.reset();
        let rng = self.rng.fork();
        Shadow::new((self.make)(), &mut self.arena, self.step, self.options, rng)
    }

    /// A fresh allocator with one region, a power of two that is aligned to its size, in the middle of the arena.
    pub(super) fn with_one_region(&mut self) -> super::Outcome<Shadow<'_, A>> {
        let region = self.middle();
        let mut shadow = self.empty();
        shadow.give_first(region)?;
        Ok(shadow)
    }

    /// The region of [`with_one_region`](Self::with_one_region): a quarter of the arena.
    pub(super) fn middle(&self) -> Range<usize> {
        let quarter = self.arena.size() / 4;
        self.arena.at(quarter)..self.arena.at(2 * quarter)
    }

    /// As many steps as a random program takes here: a fraction of what was asked for where a check runs many programs.
    pub(super) fn steps(&self, share: usize) -> usize {
        self.config.steps.div_ceil(share)
    }

    pub(super) fn arena(&self) -> &Arena {
        &self.arena
    }
}
