//! The workloads of page allocators, and their trials.

use super::checkerboard::{self, Ask};
use super::{PAGE_SIZE, PageHeap, PageVisitor, display_size, visit_heaps};
use crate::lab::operations::{self, Action, Operation, OperationList};
use crate::lab::{Lazy, Measurement, Options, Selection, Trial, stopwatch};
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
    /// The same with runs of 512 pages, aligned to their size.
    Runs(usize),
    /// A run of two on a checkerboard.
    Checkerboard(Ask),
}

/// A workload of page allocators.
#[derive(Clone)]
struct PageWorkload {
    name: String,
    work: Work,
    pages: usize,
}

fn all() -> Vec<PageWorkload> {
    let pages_of = |bytes: u64| usize::try_from(bytes / PAGE_SIZE).expect("page numbers fit a word");
    let workload = |name: String, work, bytes| PageWorkload { name, work, pages: pages_of(bytes) };
    let runs = |bytes| (pages_of(bytes) / RUN as usize / 2).min(MOST_RUNS);
    let hot = SPACES.map(|(space, bytes, ..)| workload(format!("pages/hot-pair/{space}"), Work::HotPair, bytes));
    let random = SPACES.map(|(space, bytes, live_name, live)| {
        workload(format!("pages/random/{space}-{live_name}-live"), Work::Random(live), bytes)
    });
    let runs =
        SPACES.map(|(space, bytes, ..)| workload(format!("pages/runs-512/{space}"), Work::Runs(runs(bytes)), bytes));
    let board = |outcome: &str, ask| {
        SPACES.map(|(space, bytes, ..)| {
            workload(format!("pages/checkerboard-{outcome}/{space}"), Work::Checkerboard(ask), bytes)
        })
    };
    [hot, random, runs, board("found", Ask::Found), board("refused", Ask::Refused)].concat()
}

impl PageWorkload {
    fn record(&self, options: &Options) -> OperationList {
        let operations = if options.quick { 200_000 } else { 1_000_000 };
        match self.work {
            Work::HotPair => operations::pairs(1, 0, operations),
            Work::Random(live) => operations::replacing(live, |_| (1, 0), false, operations, options.seed),
            Work::Runs(live) => operations::replacing(live, |_| (RUN, RUN_LOG2), false, operations, options.seed),
            Work::Checkerboard(_) => operations::pairs(2, 0, 2),
        }
    }

    fn describe(&self) -> Workload {
        let space = self.pages as u64 * PAGE_SIZE;
        let (title, sizes, live) = match self.work {
            Work::HotPair => ("a page is taken and given back at once, no others are in use", "1 page each", None),
            Work::Random(live) => {
                ("a page chosen at random is given back, another taken", "1 page each", Some(live as u64))
            }
            Work::Runs(live) => (
                "a run chosen at random is given back, another taken, aligned to its size",
                "512 pages (2 MiB) each",
                Some(live as u64),
            ),
            Work::Checkerboard(Ask::Found) => (
                "every other page is taken; the only run of two, at the very end, is taken and given back",
                "2 pages each",
                None,
            ),
            Work::Checkerboard(Ask::Refused) => {
                ("every other page is taken; a run of two is asked for and refused", "2 pages each", None)
            }
        };
        Workload {
            name: self.name.clone(),
            family: Family::Pages,
            title: format!("{title}; {} of page space", display_size(space)),
            sizes: sizes.to_owned(),
            live,
            space_bytes: Some(space),
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
            self.trials.push(Box::new(PageTrial::<P> { workload, list, options: self.options, state: None }));
        }
    }
}

/// A workload whose page space is prepared in the first round and then stays: to fill it takes far longer than a round.
struct PageTrial<P> {
    workload: PageWorkload,
    list: Lazy<OperationList>,
    options: Options,
    state: Option<Result<State<P>, String>>,
}

struct State<P> {
    heap: P,
    /// The run in each slot: its first page, and what was asked for.
    slots: Vec<Option<(usize, Operation)>>,
    refused: u64,
    skipped: usize,
    misaligned: u64,
}

impl<P: PageHeap> State<P> {
    /// Fills the page space.
    fn new(list: &OperationList, pages: usize, options: &Options) -> Result<Self, String> {
        if let Some(why) = P::SINGLE_PAGES_ONLY.filter(|_| list.sizes.max > 1) {
            return Err(why.to_owned());
        }
        let heap = P::new(pages)?;
        let mut state = Self { heap, slots: vec![None; list.slots], refused: 0, skipped: 0, misaligned: 0 };
        let budget = stopwatch::preparation_budget(options.quick);
        if !stopwatch::prepare(&list.prelude, budget, |&operation| state.step(operation)) {
            return Err(format!("to fill the page space alone takes more than {} s", budget.as_secs_f32()));
        }
        Ok(state)
    }

    #[inline(always)]
    fn step(&mut self, operation: Operation) {
        let slot = operation.slot as usize;
        if operation.action == Action::Alloc {
            let first = self.heap.alloc(operation.size as usize, operation.align_log2);
            self.refused += u64::from(first.is_none());
            self.misaligned += u64::from(first.is_some_and(|first| first & ((1 << operation.align_log2) - 1) != 0));
            self.slots[slot] = first.map(|first| (first, operation));
        } else {
            match self.slots[slot].take() {
                Some((first, asked)) => self.heap.dealloc(first, asked.size as usize, asked.align_log2),
                None => self.skipped += 1,
            }
        }
    }

    fn round(&mut self, list: &OperationList, options: &Options) -> Measurement {
        (self.refused, self.skipped) = (0, 0);
        let budget = stopwatch::budget(options.quick);
        let (done, elapsed) = stopwatch::run(&list.timed, budget, |&operation| self.step(operation));
        // Operations come in pairs; the next round finds the slots as this one did, wherever the budget ended it.
        list.timed[done..].iter().take(done % 2).for_each(|&operation| self.step(operation));
        if self.misaligned > 0 {
            return Measurement::none("runs were not aligned as asked for");
        }
        let operations = done - self.skipped.min(done);
        let ns_per_op = stopwatch::ns_per_op(elapsed, operations.max(1));
        Measurement::Time { ns_per_op, refused: self.refused }
    }
}

impl<P: PageHeap> PageTrial<P> {
    fn prepare(&self) -> Result<State<P>, String> {
        let list = self.list.get();
        match self.workload.work {
            Work::Checkerboard(ask) => {
                let heap = checkerboard::lay_out(self.workload.pages, ask, &self.options)?;
                Ok(State { heap, slots: Vec::new(), refused: 0, skipped: 0, misaligned: 0 })
            }
            Work::HotPair | Work::Random(_) | Work::Runs(_) => State::new(list, self.workload.pages, &self.options),
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

    fn run(&mut self) -> Measurement {
        if self.state.is_none() {
            self.state = Some(self.prepare());
        }
        match (self.state.as_mut().expect("prepared above"), self.workload.work) {
            (Err(why), _) => Measurement::none(why),
            (Ok(state), Work::Checkerboard(ask)) => {
                checkerboard::ask(&mut state.heap, self.workload.pages, ask, &self.options)
            }
            (Ok(state), _) => stopwatch::fastest(stopwatch::repeating(self.options.quick), || {
                state.round(self.list.get(), &self.options)
            }),
        }
    }
}
