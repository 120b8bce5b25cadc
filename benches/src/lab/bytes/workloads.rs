//! The workloads of byte heaps, and their trials.

use std::marker::PhantomData;
use std::mem;
use std::ptr::NonNull;
use std::rc::Rc;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::{ByteHeap, HeapVisitor, Slots, visit_heaps};
use crate::lab::memory::Pools;
use crate::lab::operations::{self, Change, OperationList, Sizes, sizes};
use crate::lab::stopwatch::{self, Passes};
use crate::lab::{Lazy, Measurement, Options, Selection, Trial};
use crate::results::{Family, Workload};

/// A workload of byte heaps, in a line of the table.
#[derive(Clone, Copy)]
pub struct ByteWorkload {
    /// Its name without that of the family.
    name: &'static str,
    title: &'static str,
    live: usize,
    sizes: Sizes,
    change: Change,
}

const FIXED: &str = "blocks of 64 bytes: one chosen at random is freed, another taken";
const RANDOM: &str = "a block chosen at random is freed, another of a random size taken";
const RESIZED: &str = "as without -realloc, but every other step gives the chosen block another size instead";

const fn replacing(name: &'static str, title: &'static str, live: usize, sizes: Sizes) -> ByteWorkload {
    ByteWorkload { name, title, live, sizes, change: Change::Replace }
}

const fn resizing(name: &'static str, live: usize, sizes: Sizes) -> ByteWorkload {
    ByteWorkload { name, title: RESIZED, live, sizes, change: Change::ReplaceOrResize }
}

const WORKLOADS: &[ByteWorkload] = &[
    replacing("lifo-64", "a block of 64 bytes is taken and freed at once, in an empty heap", 1, sizes::fixed_64),
    replacing("fixed-64/100-live", FIXED, 100, sizes::fixed_64),
    replacing("fixed-64/1000-live", FIXED, 1000, sizes::fixed_64),
    replacing("fixed-64/10000-live", FIXED, 10_000, sizes::fixed_64),
    replacing("fixed-64/100000-live", FIXED, 100_000, sizes::fixed_64),
    replacing("4-1024/100-live", RANDOM, 100, sizes::to_1_kib),
    replacing("4-1024/1000-live", RANDOM, 1000, sizes::to_1_kib),
    replacing("4-1024/10000-live", RANDOM, 10_000, sizes::to_1_kib),
    replacing("4-1024/100000-live", RANDOM, 100_000, sizes::to_1_kib),
    resizing("4-1024/10000-live-realloc", 10_000, sizes::to_1_kib),
    resizing("4-1024/100000-live-realloc", 100_000, sizes::to_1_kib),
    replacing("4-10k/300-live", RANDOM, 300, sizes::to_10_kib),
    resizing("4-10k/300-live-realloc", 300, sizes::to_10_kib),
    replacing("4-64k/300-live", RANDOM, 300, sizes::to_64_kib),
    resizing("4-64k/300-live-realloc", 300, sizes::to_64_kib),
    replacing(
        "high-alignment",
        "a block chosen at random is freed, another taken at an alignment of 16 bytes to 4 KiB",
        1000,
        sizes::highly_aligned,
    ),
];

impl ByteWorkload {
    /// The workload of this name, that of the family before it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        WORKLOADS.iter().find(|workload| workload.full_name() == name).copied()
    }

    /// The list of requests.
    #[must_use]
    pub fn record(&self, options: &Options) -> OperationList {
        let operations = if options.quick { 400_000 } else { 1_000_000 };
        if self.live == 1 {
            let (size, align_log2) = (self.sizes)(&mut SmallRng::seed_from_u64(options.seed));
            return operations::pairs(size, align_log2, operations);
        }
        operations::changing(self.live, self.sizes, self.change, operations, options.seed)
    }

    pub(crate) fn full_name(&self) -> String {
        format!("bytes/{}", self.name)
    }
}

/// The size of the pool for a list: room for the rounding and the headers of any heap, and never a small one.
#[must_use]
pub fn pool_size(list: &OperationList) -> usize {
    let peak = usize::try_from(list.peak).expect("live bytes fit the address space");
    (2 * peak).max((8 * peak).min(16 << 20)).max(1 << 20).next_power_of_two()
}

/// The workloads of byte heaps for the report.
#[must_use]
pub fn workloads(options: &Options) -> Vec<Workload> {
    let describe = |workload: &ByteWorkload| Workload {
        name: workload.full_name(),
        family: Family::Bytes,
        title: workload.title.to_owned(),
        sizes: workload.record(options).sizes.describe("bytes"),
        live: Some(workload.live as u64),
        space_bytes: None,
        pool_bytes: None,
        threads: 1,
    };
    WORKLOADS.iter().map(describe).collect()
}

/// The trials of those workloads and heaps that are wanted.
#[must_use]
pub(in crate::lab) fn trials(options: &Options, wanted: &Selection<'_>, pools: &Rc<Pools>) -> Vec<Box<dyn Trial>> {
    let mut trials = Vec::new();
    for workload in WORKLOADS.iter().filter(|workload| wanted.workload(&workload.full_name())) {
        let options = *options;
        let list = Lazy::new(move || workload.record(&options));
        let collect =
            &mut Collect { workload: workload.full_name(), list, options, wanted, pools, trials: &mut trials };
        visit_heaps(collect);
    }
    trials
}

struct Collect<'a> {
    workload: String,
    list: Lazy<OperationList>,
    options: Options,
    wanted: &'a Selection<'a>,
    pools: &'a Rc<Pools>,
    trials: &'a mut Vec<Box<dyn Trial>>,
}

impl HeapVisitor for Collect<'_> {
    fn visit<H: ByteHeap + 'static>(&mut self) {
        if self.wanted.allocator(H::NAME) {
            self.trials.push(Box::new(ByteTrial::<H> {
                workload: self.workload.clone(),
                list: self.list.clone(),
                options: self.options,
                pools: Rc::clone(self.pools),
                gave_up: None,
                passes: Passes::default(),
                heap: PhantomData,
            }));
        }
    }
}

/// A list replayed in a fresh heap each time.
struct ByteTrial<H> {
    workload: String,
    list: Lazy<OperationList>,
    options: Options,
    pools: Rc<Pools>,
    /// The reason why no further round is run.
    gave_up: Option<String>,
    passes: Passes,
    heap: PhantomData<H>,
}

impl<H: ByteHeap> ByteTrial<H> {
    fn pass(&self, list: &OperationList, pool: NonNull<[u8]>, passes: &mut Passes) -> Measurement {
        // SAFETY: the pool is lent to the caller; the heap is dropped before the next one is made.
        let Some(mut heap) = (unsafe { H::new(pool) }) else {
            return Measurement::none("it makes nothing of a pool of this size");
        };
        let mut slots = Slots::new(list.slots);
        let budget = stopwatch::preparation_budget(&self.options);
        let filled = stopwatch::prepare(&list.prelude, budget, |&operation| slots.step(&mut heap, operation));
        let skipped_before = slots.skipped;
        let budget_of_pass = stopwatch::budget(&self.options);
        let timed = passes.pass(&list.timed, budget_of_pass, |&operation| slots.step(&mut heap, operation));
        if !H::IN_POOL {
            slots.free_all(&mut heap);
        }
        let operations = timed - (slots.skipped - skipped_before);
        if !filled {
            Measurement::none(&format!("to fill the heap alone takes more than {} s", budget.as_secs_f32()))
        } else if slots.misaligned > 0 {
            Measurement::none("blocks were not aligned as asked for")
        } else if operations == 0 {
            Measurement::none("all requests were refused")
        } else {
            Measurement::Time { ns_per_op: passes.ns_per_op(operations), refused: slots.refused }
        }
    }
}

impl<H: ByteHeap> Trial for ByteTrial<H> {
    fn workload(&self) -> &str {
        &self.workload
    }

    fn allocator(&self) -> &str {
        H::NAME
    }

    fn begin(&mut self) {
        self.passes = Passes::default();
    }

    fn run(&mut self) -> Measurement {
        if let Some(why) = &self.gave_up {
            return Measurement::none(why);
        }
        let list = self.list.get();
        let mut passes = mem::take(&mut self.passes);
        let measured = self.pools.lend(pool_size(list), |pool| {
            stopwatch::repeat(stopwatch::repeating(&self.options), || self.pass(list, pool, &mut passes))
        });
        self.passes = passes;
        if let Measurement::None { why } = &measured {
            self.gave_up = Some(why.clone());
        }
        measured
    }
}
