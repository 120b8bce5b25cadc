//! How long single operations take.
//!
//! Each operation is timed by itself, so each time includes the cost of reading the clock once; [`timer_ns`] says how much
//! that is.
//!
//! [`timer_ns`]: super::timer_ns

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::Instant;

use super::bytes::workloads::pool_size;
use super::bytes::{ByteHeap, HeapVisitor, Slots, visit_heaps};
use super::memory::Pools;
use super::operations::{self, Change, OperationList, Sizes, sizes};
use super::{Lazy, Measurement, Options, Selection, Trial, stopwatch};
use crate::results::{Family, Workload};

/// The name of each workload, how many blocks are live, of which sizes, and what a step does.
const WORKLOADS: [(&str, usize, Sizes, Change); 4] = [
    ("latency/fixed-64/10000-live", 10_000, sizes::fixed_64, Change::Replace),
    ("latency/4-1024/10000-live", 10_000, sizes::to_1_kib, Change::Replace),
    ("latency/4-1024/10000-live-realloc", 10_000, sizes::to_1_kib, Change::ReplaceOrResize),
    ("latency/4-64k/300-live", 300, sizes::to_64_kib, Change::Replace),
];

fn record(live: usize, sizes: Sizes, change: Change, options: &Options) -> OperationList {
    let operations = if options.quick { 100_000 } else { 500_000 };
    operations::changing(live, sizes, change, operations, options.seed)
}

/// The workloads for the report.
#[must_use]
pub fn workloads(options: &Options) -> Vec<Workload> {
    let describe = |&(name, live, sizes, change): &(&str, usize, Sizes, Change)| {
        let work = match change {
            Change::Replace => "",
            Change::ReplaceOrResize => ", or the chosen block gets another size",
        };
        Workload {
            name: name.to_owned(),
            family: Family::Latency,
            title: format!("a block chosen at random is freed, another taken{work}: each operation timed by itself"),
            sizes: record(live, sizes, change, options).sizes.describe("bytes"),
            live: Some(live as u64),
            space_bytes: None,
            pool_bytes: None,
            threads: 1,
        }
    };
    WORKLOADS.iter().map(describe).collect()
}

/// The trials of those workloads and heaps that are wanted.
#[must_use]
pub(super) fn trials(options: &Options, wanted: &Selection<'_>, pools: &Rc<Pools>) -> Vec<Box<dyn Trial>> {
    let mut trials = Vec::new();
    for &(name, live, sizes, change) in WORKLOADS.iter().filter(|(name, ..)| wanted.workload(name)) {
        let options = *options;
        let list = Lazy::new(move || record(live, sizes, change, &options));
        visit_heaps(&mut Collect { name, list, options, wanted, pools, trials: &mut trials });
    }
    trials
}

struct Collect<'a> {
    name: &'static str,
    list: Lazy<OperationList>,
    options: Options,
    wanted: &'a Selection<'a>,
    pools: &'a Rc<Pools>,
    trials: &'a mut Vec<Box<dyn Trial>>,
}

impl HeapVisitor for Collect<'_> {
    fn visit<H: ByteHeap + 'static>(&mut self) {
        if self.wanted.allocator(H::NAME) {
            let (list, pools) = (self.list.clone(), Rc::clone(self.pools));
            let (name, options) = (self.name, self.options);
            self.trials.push(Box::new(LatencyTrial::<H> { name, list, options, pools, heap: PhantomData }));
        }
    }
}

struct LatencyTrial<H> {
    name: &'static str,
    list: Lazy<OperationList>,
    options: Options,
    pools: Rc<Pools>,
    heap: PhantomData<H>,
}

impl<H: ByteHeap> LatencyTrial<H> {
    fn round(&self, list: &OperationList, pool: NonNull<[u8]>) -> Measurement {
        // SAFETY: the pool is lent to this round; the heap is dropped with it.
        let Some(mut heap) = (unsafe { H::new(pool) }) else {
            return Measurement::none("it makes nothing of a pool of this size");
        };
        let mut slots = Slots::new(list.slots);
        let budget = stopwatch::preparation_budget(&self.options);
        if !stopwatch::prepare(&list.prelude, budget, |&operation| slots.step(&mut heap, operation)) {
            return Measurement::none("to fill the heap alone takes too long");
        }
        let mut nanoseconds = vec![0_u32; list.timed.len()];
        let mut times = nanoseconds.iter_mut();
        let (done, _) = stopwatch::run(&list.timed, stopwatch::single(&self.options), |&operation| {
            let begun = Instant::now();
            slots.step(&mut heap, operation);
            let elapsed = begun.elapsed();
            if let Some(time) = times.next() {
                *time = u32::try_from(elapsed.as_nanos()).unwrap_or(u32::MAX);
            }
        });
        nanoseconds.truncate(done);
        if !H::IN_POOL {
            slots.free_all(&mut heap);
        }
        match (slots.misaligned, slots.refused) {
            (0, 0) => Measurement::Latency { nanoseconds },
            (0, refused) => Measurement::none(&format!("{refused} requests were refused")),
            _ => Measurement::none("blocks were not aligned as asked for"),
        }
    }
}

impl<H: ByteHeap> Trial for LatencyTrial<H> {
    fn workload(&self) -> &str {
        self.name
    }

    fn allocator(&self) -> &str {
        H::NAME
    }

    fn run(&mut self) -> Measurement {
        let list = self.list.get();
        self.pools.lend(pool_size(list), |pool| self.round(list, pool))
    }
}
