//! The workloads of objects, and their trials.

use std::hint::black_box;

use super::{Object, ObjectCache, ObjectVisitor, Threads, chunks, visit_caches};
use crate::lab::stopwatch::{self, Passes};
use crate::lab::{Measurement, Options, Selection, Trial};
use crate::results::{Family, Workload};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Work {
    Pair,
    Batch,
    FreedElsewhere,
    BothAtOnce,
}

const BATCH: usize = 1_000_000;
/// How many objects of a batch make a slice of the time.
const LAP: usize = 2_000;

/// The name and the title of each workload.
const WORKLOADS: [(Work, &str, &str); 4] = [
    (Work::Pair, "objects/pair", "an object is taken and given back at once"),
    (Work::Batch, "objects/batch-1m", "a million objects are taken, then given back in the same order"),
    (
        Work::FreedElsewhere,
        "objects/freed-elsewhere",
        "one thread takes objects and hands them over, a thousand at a time, to another that gives them back; \
         time for each object",
    ),
    (
        Work::BothAtOnce,
        "objects/both-at-once",
        "two threads with one cache, each gives back the oldest of a hundred objects and takes another; time for each call \
         of one thread",
    ),
];

/// The workloads of objects for the report.
#[must_use]
pub fn workloads() -> Vec<Workload> {
    let describe = |&(work, name, title): &(Work, &str, &str)| Workload {
        name: name.to_owned(),
        family: Family::Objects,
        title: title.to_owned(),
        sizes: format!("{} bytes each", size_of::<Object>()),
        live: (work == Work::Batch).then_some(BATCH as u64),
        space_bytes: None,
        pool_bytes: None,
        threads: if matches!(work, Work::FreedElsewhere | Work::BothAtOnce) { 2 } else { 1 },
    };
    WORKLOADS.iter().map(describe).collect()
}

/// The trials of those workloads and caches that are wanted.
#[must_use]
pub(in crate::lab) fn trials(options: &Options, wanted: &Selection<'_>) -> Vec<Box<dyn Trial>> {
    let mut trials = Vec::new();
    for &(work, name, _) in WORKLOADS.iter().filter(|(_, name, _)| wanted.workload(name)) {
        visit_caches(&mut Collect { work, name, options: *options, wanted, trials: &mut trials });
    }
    trials
}

struct Collect<'a> {
    work: Work,
    name: &'static str,
    options: Options,
    wanted: &'a Selection<'a>,
    trials: &'a mut Vec<Box<dyn Trial>>,
}

impl ObjectVisitor for Collect<'_> {
    fn visit<O: ObjectCache + 'static>(&mut self, threads: Result<Threads, &'static str>) {
        if self.wanted.allocator(O::NAME) {
            let (work, name, options) = (self.work, self.name, self.options);
            self.trials.push(Box::new(ObjectTrial::<O> {
                work,
                name,
                options,
                threads,
                held: Vec::new(),
                passes: Passes::default(),
                fastest: f64::INFINITY,
            }));
        }
    }
}

struct ObjectTrial<O: ObjectCache> {
    work: Work,
    name: &'static str,
    options: Options,
    threads: Result<Threads, &'static str>,
    /// Room for the objects of a batch, kept so that its own page faults are over after the first round.
    held: Vec<O::Held>,
    passes: Passes,
    /// The fastest time of the round, for work that is not measured in slices.
    fastest: f64,
}

/// Pairs, in a cache that has nothing else to do.
fn pairs<O: ObjectCache>(options: &Options, passes: &mut Passes) -> Measurement {
    chunks::reserve(1);
    let Some(mut cache) = O::new() else {
        return Measurement::none("it has no memory to begin with");
    };
    let items = vec![(); if options.quick { 200_000 } else { 1_000_000 }];
    let mut refused = 0;
    let done = passes.pass(&items, stopwatch::budget(options), |()| match cache.alloc(1) {
        Some(held) => {
            black_box(cache.free(black_box(held)));
        }
        None => refused += 1,
    });
    Measurement::Time { ns_per_op: passes.ns_per_op(2 * done), refused }
}

/// A million objects at a time.
fn batch<O: ObjectCache>(held: &mut Vec<O::Held>, passes: &mut Passes) -> Measurement {
    // A quarter more than the objects alone, for headers.
    chunks::reserve(BATCH * size_of::<Object>() / chunks::CHUNK_SIZE * 5 / 4);
    held.reserve(BATCH);
    let Some(mut cache) = O::new() else {
        return Measurement::none("it has no memory to begin with");
    };
    passes.begin();
    for first in (0..BATCH).step_by(LAP) {
        held.extend((first..BATCH.min(first + LAP)).map_while(|number| cache.alloc(number as u64)));
        passes.lap();
    }
    let taken = held.len();
    let (mut sum, mut objects) = (0_u64, held.drain(..));
    for _ in (0..taken).step_by(LAP) {
        sum = objects.by_ref().take(LAP).fold(sum, |sum, object| sum.wrapping_add(cache.free(object)));
        passes.lap();
    }
    drop(objects);
    let expected: u64 = (0..taken as u64).sum();
    assert_eq!(sum, expected, "objects came back as they were written");
    Measurement::Time { ns_per_op: passes.ns_per_op(2 * taken), refused: (BATCH - taken) as u64 }
}

impl<O: ObjectCache> Trial for ObjectTrial<O> {
    fn workload(&self) -> &str {
        self.name
    }

    fn allocator(&self) -> &str {
        O::NAME
    }

    fn begin(&mut self) {
        (self.passes, self.fastest) = (Passes::default(), f64::INFINITY);
    }

    fn run(&mut self) -> Measurement {
        let (repeating, passes) = (stopwatch::repeating(&self.options), &mut self.passes);
        let round = match (self.work, &self.threads) {
            (Work::Pair, _) => return stopwatch::repeat(repeating, || pairs::<O>(&self.options, passes)),
            (Work::Batch, _) => return stopwatch::repeat(repeating, || batch::<O>(&mut self.held, passes)),
            (_, Err(why)) => return Measurement::none(why),
            (Work::FreedElsewhere, Ok(threads)) => threads.freed_elsewhere,
            (Work::BothAtOnce, Ok(threads)) => threads.both_at_once,
        };
        stopwatch::fastest(repeating, &mut self.fastest, || {
            // Far more than the objects that are under way between the threads.
            chunks::reserve(64);
            round(if self.options.quick { 300_000 } else { 2_000_000 })
        })
    }
}
