//! The workloads of page allocators, and their trials.

use std::hint::black_box;
use std::mem;
use std::time::Instant;

use super::checkerboard::{self, Ask};
use super::every_other::EveryOther;
use super::{PAGE_SIZE, PageHeap, PageVisitor, display_size, visit_heaps};
use crate::lab::operations::{self, Action, Change, Operation, OperationList};
use crate::lab::stopwatch::{self, Passes};
use crate::lab::{Lazy, Measurement, Options, PATIENCE, Selection, Trial};
use crate::results::{Family, Workload};

/// The page spaces: their names and sizes in bytes, and how many single pages are live in them.
const SPACES: [(&str, u64, &str, usize); 4] = [
    ("256m", 256 << 20, "32k", 32 << 10),
    ("4g", 4 << 30, "512k", 512 << 10),
    ("64g", 64 << 30, "1m", 1 << 20),
    ("1t", 1 << 40, "1m", 1 << 20),
];

/// The log2 of the pages in a run of 2 MiB.
const RUN_LOG2: u8 = 9;
const RUN: u32 = 1 << RUN_LOG2;
/// The most runs that are live at a time.
const MOST_RUNS: usize = 4096;

#[derive(Clone, Copy)]
enum Work {
    /// A page is taken and given back at once.
    HotPair,
    /// So many pages are live; one chosen at random is given back, another taken.
    Random(usize),
    /// The same, so many at a time.
    RandomBy { batch: usize, live: usize },
    /// Half of all pages are live; one chosen at random is given back or, where it is not live, another taken.
    Churn,
    /// So many runs of 512 pages, aligned to their size, are live; runs chosen at random are given back, as many taken.
    Runs { batch: usize, live: usize },
    /// Every other one of so many pages is given back.
    EveryOther(EveryOther),
    /// A run of two on a checkerboard.
    Checkerboard(Ask),
}

/// A workload of page allocators.
#[derive(Clone)]
pub(crate) struct PageWorkload {
    name: String,
    work: Work,
    pub(crate) pages: usize,
}

fn all() -> Vec<PageWorkload> {
    let pages_of = |bytes: u64| usize::try_from(bytes / PAGE_SIZE).expect("page numbers fit a word");
    let workload = |name: String, work, bytes| PageWorkload { name, work, pages: pages_of(bytes) };
    let runs = |bytes| (pages_of(bytes) / RUN as usize / 2).min(MOST_RUNS);
    let hot = SPACES.map(|(space, bytes, ..)| workload(format!("pages/hot-pair/{space}"), Work::HotPair, bytes));
    let random = SPACES.map(|(space, bytes, live_name, live)| {
        workload(format!("pages/random/{space}-{live_name}-live"), Work::Random(live), bytes)
    });
    let runs = SPACES.map(|(space, bytes, ..)| {
        workload(format!("pages/runs-512/{space}"), Work::Runs { batch: 1, live: runs(bytes) }, bytes)
    });
    let (_, of_64_gib, live_name, live) = SPACES[2];
    let batches = [
        workload(format!("pages/random-by-32/64g-{live_name}-live"), Work::RandomBy { batch: 32, live }, of_64_gib),
        workload("pages/runs-512-by-8/64g".to_owned(), Work::Runs { batch: 8, live: MOST_RUNS }, of_64_gib),
    ];
    let churn = [workload("pages/churn-half/4g".to_owned(), Work::Churn, SPACES[1].1)];
    let every_other = [("1k", 1_000, true), ("200k", 200_000, false), ("200k", 200_000, true), ("1m", 1_000_000, true)]
        .map(|(count, pages, shuffled)| {
            let order = if shuffled { "shuffled" } else { "in-order" };
            let name = format!("pages/free-every-other/{count}-{order}");
            let space = (pages as u64 * PAGE_SIZE).next_power_of_two();
            workload(name, Work::EveryOther(EveryOther { pages, shuffled }), space)
        });
    let board = |outcome: &str, ask| {
        SPACES.map(|(space, bytes, ..)| {
            workload(format!("pages/checkerboard-{outcome}/{space}"), Work::Checkerboard(ask), bytes)
        })
    };
    let boards = [board("found", Ask::Found), board("refused", Ask::Refused)].concat();
    [&hot[..], &random, &runs, &batches, &churn, &boards, &every_other].concat()
}

impl PageWorkload {
    /// The workload of this name, if it is nothing but a list of requests.
    pub(crate) fn named(name: &str) -> Option<Self> {
        all().into_iter().find(|workload| workload.name == name && workload.is_list())
    }

    fn is_list(&self) -> bool {
        !matches!(self.work, Work::Checkerboard(_) | Work::EveryOther(_))
    }

    pub(crate) fn record(&self, options: &Options) -> OperationList {
        let operations = if options.quick { 200_000 } else { 1_000_000 };
        match self.work {
            Work::HotPair => operations::pairs(1, 0, 2),
            Work::Random(live) => operations::changing(live, |_| (1, 0), Change::Replace, operations, options.seed),
            Work::RandomBy { batch, live } => {
                operations::replacing_by(batch, live, |_| (1, 0), operations, options.seed)
            }
            Work::Churn => operations::toggling(self.pages, |_| (1, 0), operations, options.seed),
            Work::Runs { batch, live } => {
                operations::replacing_by(batch, live, |_| (RUN, RUN_LOG2), operations, options.seed)
            }
            Work::Checkerboard(_) | Work::EveryOther(_) => operations::pairs(2, 0, 2),
        }
    }

    /// After so many operations the slots are as they were.
    fn period(&self) -> usize {
        match self.work {
            Work::RandomBy { batch, .. } | Work::Runs { batch, .. } => 2 * batch,
            Work::HotPair | Work::Random(_) | Work::Checkerboard(_) => 2,
            Work::Churn | Work::EveryOther(_) => 1,
        }
    }

    fn describe(&self) -> Workload {
        let space = self.pages as u64 * PAGE_SIZE;
        let (title, pages, live) = match self.work {
            Work::HotPair => ("a page is taken and given back at once, no others are in use".to_owned(), 1, None),
            Work::Random(live) => ("a page chosen at random is given back, another taken".to_owned(), 1, Some(live)),
            Work::RandomBy { batch, live } => {
                (format!("{batch} pages chosen at random are given back, then as many taken"), 1, Some(live))
            }
            Work::Churn => {
                let title = "half of all pages are live, one chosen at random is given back or another taken";
                (title.to_owned(), 1, Some(self.pages / 2))
            }
            Work::Runs { batch: 1, live } => {
                let title = "a run chosen at random is given back, another taken, aligned to its size";
                (title.to_owned(), RUN, Some(live))
            }
            Work::Runs { batch, live } => {
                let title =
                    format!("{batch} runs chosen at random are given back, then as many taken, aligned to their size");
                (title, RUN, Some(live))
            }
            Work::Checkerboard(Ask::Found) => {
                let title = "every other page is taken; the only run of two, at the very end, is taken and given back";
                (title.to_owned(), 2, None)
            }
            Work::Checkerboard(Ask::Refused) => {
                ("every other page is taken; a run of two is asked for and refused".to_owned(), 2, None)
            }
            Work::EveryOther(EveryOther { pages, shuffled }) => {
                let order = if shuffled { "shuffled" } else { "by address" };
                let title =
                    format!("every other one of {pages} pages is given back, {order}; what is slow, the first of them");
                (title, 1, Some(pages))
            }
        };
        let sizes = match pages {
            1 => "1 page each".to_owned(),
            RUN => "512 pages (2 MiB) each".to_owned(),
            pages => format!("{pages} pages each"),
        };
        Workload {
            name: self.name.clone(),
            family: Family::Pages,
            title: format!("{title}; {} of page space", display_size(space)),
            sizes,
            live: live.map(|live| live as u64),
            space_bytes: Some(space),
            pool_bytes: None,
            threads: 1,
        }
    }
}

/// The workloads of page allocators for the report.
#[must_use]
pub fn workloads() -> Vec<Workload> {
    all().iter().map(PageWorkload::describe).collect()
}

/// The trials of those workloads and allocators that are wanted.
#[must_use]
pub(in crate::lab) fn trials(options: &Options, wanted: &Selection<'_>) -> Vec<Box<dyn Trial>> {
    let mut trials = Vec::new();
    for workload in all().into_iter().filter(|workload| wanted.workload(&workload.name)) {
        let pages = workload.pages;
        let (recorded, options) = (workload.clone(), *options);
        let list = Lazy::new(move || recorded.record(&options));
        visit_heaps(pages, &mut Collect { workload, list, options, wanted, trials: &mut trials });
    }
    trials
}

struct Collect<'a> {
    workload: PageWorkload,
    list: Lazy<OperationList>,
    options: Options,
    wanted: &'a Selection<'a>,
    trials: &'a mut Vec<Box<dyn Trial>>,
}

impl PageVisitor for Collect<'_> {
    fn visit<P: PageHeap + 'static>(&mut self) {
        if self.wanted.allocator(P::NAME) {
            let (workload, list) = (self.workload.clone(), self.list.clone());
            self.trials.push(Box::new(PageTrial::<P> {
                workload,
                list,
                options: self.options,
                state: None,
                passes: Passes::default(),
                done: false,
            }));
        }
    }
}

/// A workload whose page space is filled in the first round and then kept, since to fill it takes far longer than a round.
struct PageTrial<P> {
    workload: PageWorkload,
    list: Lazy<OperationList>,
    options: Options,
    state: Option<Result<State<P>, String>>,
    passes: Passes,
    /// Whether a round took too long to be repeated.
    done: bool,
}

struct State<P> {
    heap: P,
    /// What all requests ask for: pages, and the alignment as its log2.
    asked: (usize, u8),
    /// The first page of the run in each slot, or [`NONE`](Self::NONE); in few bytes, so that the slots of a million pages
    /// cost little beside the allocators.
    slots: Vec<u32>,
    refused: u64,
    /// How many requests were refused while the page space was filled; a pass counts its own beside them.
    refused_at_first: u64,
    skipped: usize,
    misaligned: u64,
}

impl<P: PageHeap> State<P> {
    const NONE: u32 = u32::MAX;

    /// With empty slots for a list whose requests are all alike.
    fn with_slots(heap: P, list: &OperationList) -> Self {
        let (size, align_log2) = list.all_ask_for().expect("page workloads have one size each");
        let asked = (size as usize, align_log2);
        Self {
            heap,
            asked,
            slots: vec![Self::NONE; list.slots],
            refused: 0,
            refused_at_first: 0,
            skipped: 0,
            misaligned: 0,
        }
    }

    /// Fills the page space.
    fn new(list: &OperationList, pages: usize, options: &Options) -> Result<Self, String> {
        if let Some(why) = P::SINGLE_PAGES_ONLY.filter(|_| list.sizes.max > 1) {
            return Err(why.to_owned());
        }
        let mut state = Self::with_slots(P::new(pages)?, list);
        let budget = stopwatch::preparation_budget(options);
        if !stopwatch::prepare(&list.prelude, budget, |&operation| state.step(operation)) {
            return Err(format!("to fill the page space alone takes more than {} s", budget.as_secs_f32()));
        }
        state.refused_at_first = mem::take(&mut state.refused);
        Ok(state)
    }

    #[inline(always)]
    fn step(&mut self, operation: Operation) {
        let (pages, align_log2) = self.asked;
        let slot = &mut self.slots[operation.slot as usize];
        // A budget can end a round anywhere in a list whose slots do not come in pairs.
        if (operation.action == Action::Alloc) != (*slot == Self::NONE) {
            self.skipped += 1;
        } else if operation.action == Action::Alloc {
            match self.heap.alloc(pages, align_log2) {
                Some(first) => {
                    self.misaligned += (first & ((1 << align_log2) - 1)) as u64;
                    *slot = first as u32;
                }
                None => self.refused += 1,
            }
        } else {
            let first = mem::replace(slot, Self::NONE);
            self.heap.dealloc(first as usize, pages, align_log2);
        }
    }

    /// Times pairs without a list: to read one would take about as long as the fastest of the allocators.
    fn pairs(&mut self, options: &Options, passes: &mut Passes) -> Measurement {
        let pairs = vec![(); if options.quick { 100_000 } else { 500_000 }];
        let mut refused = 0;
        let done = passes.pass(&pairs, stopwatch::budget(options), |()| {
            // What comes back is passed on as any caller would, in a register.
            match self.heap.alloc(black_box(1), 0) {
                Some(first) => self.heap.dealloc(first, 1, 0),
                None => refused += 1,
            }
        });
        Measurement::Time { ns_per_op: passes.ns_per_op(2 * done), refused }
    }

    fn pass(&mut self, list: &OperationList, period: usize, options: &Options, passes: &mut Passes) -> Measurement {
        (self.refused, self.skipped) = (0, 0);
        let budget = stopwatch::budget(options);
        let done = passes.pass(&list.timed, budget, |&operation| self.step(operation));
        let operations = done - self.skipped.min(done);
        // The next pass finds the slots as this one did, wherever the budget ended it.
        let rest = done.next_multiple_of(period) - done;
        list.timed[done..].iter().take(rest).for_each(|&operation| self.step(operation));
        if self.misaligned > 0 {
            return Measurement::none("runs were not aligned as asked for");
        }
        Measurement::Time {
            ns_per_op: passes.ns_per_op(operations.max(1)),
            refused: self.refused + self.refused_at_first,
        }
    }
}

impl<P: PageHeap> PageTrial<P> {
    fn prepare(&self) -> Result<State<P>, String> {
        let list = self.list.get();
        match self.workload.work {
            Work::Checkerboard(ask) => {
                let heap = checkerboard::lay_out(self.workload.pages, ask, &self.options)?;
                Ok(State::with_slots(heap, list))
            }
            Work::EveryOther(_) => Err("it needs no state".to_owned()),
            Work::HotPair | Work::Random(_) | Work::RandomBy { .. } | Work::Churn | Work::Runs { .. } => {
                State::new(list, self.workload.pages, &self.options)
            }
        }
    }
}

impl<P: PageHeap> Trial for PageTrial<P> {
    fn workload(&self) -> &str {
        &self.workload.name
    }

    fn allocator(&self) -> &str {
        P::NAME
    }

    fn begin(&mut self) {
        self.passes = Passes::default();
    }

    fn run(&mut self) -> Measurement {
        let repeating = stopwatch::repeating(&self.options);
        if let Work::EveryOther(every_other) = self.workload.work {
            let (options, passes) = (&self.options, &mut self.passes);
            let begun = Instant::now();
            let pages = self.workload.pages;
            let measured = stopwatch::repeat(repeating, || every_other.pass::<P>(pages, options, passes));
            self.done = begun.elapsed() > PATIENCE;
            return measured;
        }
        if self.state.is_none() {
            self.state = Some(self.prepare());
        }
        let (options, passes) = (&self.options, &mut self.passes);
        let state = match self.state.as_mut().expect("prepared above") {
            Ok(state) => state,
            Err(why) => return Measurement::none(why),
        };
        stopwatch::repeat(repeating, || match self.workload.work {
            Work::Checkerboard(ask) => checkerboard::ask(&mut state.heap, self.workload.pages, ask, options, passes),
            Work::HotPair => state.pairs(options, passes),
            _ => state.pass(self.list.get(), self.workload.period(), options, passes),
        })
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::operations::Recorder;

    /// Hands out three pages at a time, and no more.
    struct Three(Vec<usize>);

    impl PageHeap for Three {
        const NAME: &'static str = "three";

        fn new(_: usize) -> Result<Self, String> {
            Ok(Self(vec![0, 1, 2]))
        }

        fn alloc(&mut self, _: usize, _: u8) -> Option<usize> {
            self.0.pop()
        }

        fn dealloc(&mut self, first: usize, _: usize, _: u8) {
            self.0.push(first);
        }
    }

    #[test]
    fn what_is_refused_while_the_space_is_filled_counts() {
        let mut recorder = Recorder::new(5);
        (0..5).for_each(|slot| recorder.alloc(slot, 1, 0));
        recorder.begin_timing();
        for _ in 0..4 {
            recorder.free(0);
            recorder.alloc(0, 1, 0);
        }
        let list = recorder.finish();
        let options = Options { quick: true, seed: 1 };
        let mut state = State::<Three>::new(&list, 5, &options).expect("it is quick");
        let Measurement::Time { refused, .. } = state.pass(&list, 2, &options, &mut Passes::default()) else {
            panic!("a refusal is a result");
        };
        assert_eq!(refused, 2, "slots 3 and 4 have no page");
    }
}
