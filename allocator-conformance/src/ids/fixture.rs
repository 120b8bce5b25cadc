//! The fixture for id allocators, which need no memory.

use super::options::IdOptions;
use super::shadow::Shadow;
use crate::config::{Outcome, ensure};
use allocator_core::IdAllocator;
use rand::SeedableRng;
use rand::rngs::SmallRng;

pub(super) type Fixture<'a, A> = crate::fixture::Fixture<'a, A, IdOptions, ()>;

/// No memory: ids need none.
pub(super) fn terrain<A>(_: &IdOptions) {}

impl<A: IdAllocator> Fixture<'_, A> {
    /// A fresh allocator.
    pub(super) fn fresh(&mut self) -> Outcome<Shadow<'_, A>> {
        let shadow = Shadow::new((self.make)(), self.step, self.options, SmallRng::from_rng(&mut self.rng));
        ensure!(shadow.size() >= 8, "{} ids are too few for the suite to play with", shadow.size());
        Ok(shadow)
    }
}
