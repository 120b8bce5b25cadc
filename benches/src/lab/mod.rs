//! Everything that measures: workloads, the allocators that take part in them, and the trials that bring the two together.
//!
//! A workload is recorded once, as a list of operations; a [`Trial`] is one workload with one allocator, and each of its
//! runs is a turn. The turns of a round are put together. The report, or criterion, runs the trials, and decides how many turns
//! there are, and in which order.

mod built_with;
pub mod bytes;
mod catalogue;
pub mod collections;
pub mod fill;
pub mod latency;
mod maps;
pub mod memory;
pub mod objects;
pub mod operations;
pub mod pages;
pub mod quiet;
mod selection;
pub mod stopwatch;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::Duration;

use memory::Pools;
use selection::{Lazy, Selection};
pub use stopwatch::{timer_ns, timer_step_ns};

use crate::results::{Family, HeapMap, Workload};

/// The options that all trials of a run share.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Cut the workloads short.
    pub quick: bool,
    /// The seed of all random numbers.
    pub seed: u64,
}

/// The seed where none is given: the same random numbers in each run.
pub const DEFAULT_SEED: u64 = 1;

/// Work of a round that takes longer than this is not repeated.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One (workload, allocator) pair that can be run again and again.
pub trait Trial {
    /// The name of the workload.
    fn workload(&self) -> &str;
    /// The name of the allocator.
    fn allocator(&self) -> &str;
    /// Begins a new round, and forgets the measurements of the last one.
    fn begin(&mut self) {}
    /// Takes a turn. Returns the measurement of all turns of the round so far.
    fn run(&mut self) -> Measurement;
    /// Whether the figure is final: a round that takes longer than [`PATIENCE`] is not repeated.
    fn is_done(&self) -> bool {
        false
    }
}

/// What a round of a trial measured.
#[derive(Clone, Debug)]
pub enum Measurement {
    /// The mean time of an operation, of each slice of the work the fastest pass of the round.
    Time {
        /// In nanoseconds.
        ns_per_op: f64,
        /// How many requests were refused.
        refused: u64,
    },
    /// A share between 0 and 1.
    Share(f64),
    /// How long each operation took.
    Latency {
        /// One for each operation, unsorted; each includes the cost of the timer.
        nanoseconds: Vec<u32>,
    },
    /// The allocator cannot do this work, or gave up.
    None {
        /// Why, in a line.
        why: String,
    },
}

impl Measurement {
    fn none(why: &str) -> Self {
        Self::None { why: why.to_owned() }
    }
}

/// What a reader wants to know about one allocator.
#[derive(Clone, Copy, Debug)]
pub struct AllocatorInfo {
    /// Its name on the command line.
    pub name: &'static str,
    /// The release of the package it comes from.
    pub release: &'static str,
    /// The kinds of work that it takes part in.
    pub families: &'static [Family],
    /// Whether it is of this family.
    pub is_ours: bool,
    /// Whether it is the floor: what no allocator can do in less.
    pub is_floor: bool,
    /// Whether it lives in a pool given to it (not in memory of the operating system's).
    pub in_pool: bool,
    /// What it is, in a line.
    pub description: &'static str,
    /// What compiled it, with which flags.
    pub built_with: &'static str,
}

impl AllocatorInfo {
    /// Whether there is a trial of this workload with this allocator.
    #[must_use]
    pub fn takes_part(&self, workload: &Workload) -> bool {
        self.families.contains(&workload.family)
    }
}

/// All allocators that this build has, in the order of the report's tables.
#[must_use]
pub fn allocators() -> Vec<AllocatorInfo> {
    catalogue::allocators()
}

/// All workloads, in the order of the page.
#[must_use]
pub fn workloads(options: &Options) -> Vec<Workload> {
    [
        bytes::workloads::workloads(options),
        collections::workloads::workloads(),
        pages::workloads::workloads(),
        objects::workloads::workloads(),
        fill::workloads(options),
        latency::workloads(options),
    ]
    .concat()
}

/// The trials of these workloads with these allocators: one for each pair that shares a family, also where the allocator
/// cannot do the work and each round answers [`Measurement::None`]. Those of one workload follow one another.
#[must_use]
pub fn trials(options: &Options, workloads: &[String], allocators: &[String]) -> Vec<Box<dyn Trial>> {
    let wanted = Selection { workloads, allocators };
    let pools = Rc::new(Pools::default());
    let mut trials = Vec::new();
    trials.extend(bytes::workloads::trials(options, &wanted, &pools));
    trials.extend(collections::workloads::trials(options, &wanted, &pools));
    trials.extend(pages::workloads::trials(options, &wanted));
    trials.extend(objects::workloads::trials(options, &wanted));
    trials.extend(fill::trials(options, &wanted, &pools));
    trials.extend(latency::trials(options, &wanted, &pools));
    trials
}

/// What is left of a pool after the same churn, for those of these allocators that are byte heaps in a pool.
#[must_use]
pub fn heap_maps(options: &Options, allocators: &[String]) -> Vec<HeapMap> {
    maps::heap_maps(options, &Selection { workloads: &[], allocators })
}
