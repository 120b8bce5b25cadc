//! [`Fixture`], what a check works with: a way to make allocators, memory for them, random numbers.

use core::cell::Cell;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::config::Config;

/// The place where one check tests allocators, one after the other.
///
/// `O` are the options of the contract. `T` is the [`Arena`](crate::arena::Arena), or `()` for id allocators, which need no
/// memory.
pub(super) struct Fixture<'a, A, O, T> {
    pub(super) make: &'a mut dyn FnMut() -> A,
    pub(super) config: &'a Config,
    pub(super) options: &'a O,
    /// Counts the calls into the allocator.
    pub(super) step: &'a Cell<usize>,
    pub(super) terrain: T,
    pub(super) rng: SmallRng,
}

impl<'a, A, O, T> Fixture<'a, A, O, T> {
    pub(super) fn new(
        make: &'a mut dyn FnMut() -> A,
        config: &'a Config,
        options: &'a O,
        step: &'a Cell<usize>,
        terrain: T,
    ) -> Self {
        Self { make, config, options, step, terrain, rng: SmallRng::seed_from_u64(config.seed) }
    }

    /// The number of steps of a random program: those of the configuration, over `share` where a check runs many programs.
    pub(super) fn steps(&self, share: usize) -> usize {
        self.config.steps.div_ceil(share)
    }
}
