//! The workload that gives back every other one of many pages: no two of them merge, so that many free blocks result.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

use super::PageHeap;
use crate::lab::stopwatch::{self, Passes};
use crate::lab::{Measurement, Options};

/// How many pages are taken, and in which order every other one is given back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct EveryOther {
    pub(super) pages: usize,
    pub(super) shuffled: bool,
}

impl EveryOther {
    /// How long giving back may take; a slow allocator gives back fewer pages.
    fn budget(options: &Options) -> Duration {
        // Long enough for a list that is walked for each page, where the list has the better part of 100,000.
        if options.quick { stopwatch::budget(options) } else { Duration::from_secs(100) }
    }

    /// Takes the pages out of a new page space, and times the giving back.
    pub(super) fn pass<P: PageHeap>(self, space: usize, options: &Options, passes: &mut Passes) -> Measurement {
        let mut heap = match P::new(space) {
            Ok(heap) => heap,
            Err(why) => return Measurement::none(&why),
        };
        let mut taken = Vec::with_capacity(self.pages);
        let budget = stopwatch::preparation_budget(options);
        let all_taken = stopwatch::prepare(&vec![(); self.pages], budget, |()| taken.extend(heap.alloc(1, 0)));
        if !all_taken || taken.len() < self.pages {
            return Measurement::None { why: format!("it hands out {} of {} pages", taken.len(), self.pages) };
        }
        taken.sort_unstable();
        let mut every_other: Vec<usize> = taken.into_iter().step_by(2).collect();
        if self.shuffled {
            every_other.shuffle(&mut SmallRng::seed_from_u64(options.seed));
        }
        let done = passes.pass(&every_other, Self::budget(options), |&page| heap.dealloc(page, 1, 0));
        Measurement::Time { ns_per_op: passes.ns_per_op(done), refused: 0 }
    }
}
