//! The child: replays a list with one allocator, for its [parent](super::tracer) to trace.

use std::arch::x86_64::_rdtsc;
use std::cmp::Reverse;
use std::process::ExitCode;
use std::ptr::NonNull;

use nix::libc;
use nix::sys::ptrace;
use nix::unistd::alarm;

use super::marker::{self, Bracketed, Why};
use super::work::{Reclaiming, Requests, Work};
use super::{PASSES, Trial};
use crate::lab::bytes::{self, ByteHeap, HeapVisitor, Slots};
use crate::lab::memory::Memory;
use crate::lab::operations::{Action, Operation};
use crate::lab::pages::{self, PageHeap, PageVisitor};

/// The first argument of a child.
pub(super) const CHILD: &str = "--traced";
/// The exit code where the allocator cannot do the work; why is printed.
pub(super) const TAKES_NO_PART: i32 = 3;
/// The exit code where the system lets nobody trace; why is printed.
pub(super) const NOT_PERMITTED: i32 = 4;
/// After so many seconds a child is ended by a signal, so that its parent never waits for ever.
const MOST_SECONDS: u32 = 600;

/// What makes a child of this program.
pub(super) fn arguments(trial: &Trial<'_>) -> [String; 6] {
    let &Trial { workload, allocator, seed, sample, slowest } = trial;
    [CHILD.into(), workload.into(), allocator.into(), seed.to_string(), sample.to_string(), slowest.to_string()]
}

/// What the [`arguments`] behind the first say.
fn trial(arguments: &[String]) -> Option<Trial<'_>> {
    let [workload, allocator, seed, sample, slowest] = arguments else { return None };
    let [sample, slowest] = [sample, slowest].map(|number| number.parse().ok());
    Some(Trial { workload, allocator, seed: seed.parse().ok()?, sample: sample?, slowest: slowest? })
}

/// The child's `main`, with the arguments behind the first.
pub(super) fn main(arguments: &[String]) -> ExitCode {
    alarm::set(MOST_SECONDS);
    let Some(trial) = trial(arguments) else { return ExitCode::FAILURE };
    let mut replay = Replay { trial: &trial, work: Work::named(trial.workload, trial.seed), ended: None };
    match &replay.work {
        Some(Work::Bytes { .. }) => bytes::visit_heaps(&mut replay),
        &Some(Work::Pages { pages, .. }) => pages::visit_heaps(pages, &mut replay),
        None => {}
    }
    let (code, said) = match replay.ended {
        Some(Ok(refused)) => (0, refused.to_string()),
        Some(Err(End::TakesNoPart(why))) => (TAKES_NO_PART, why),
        Some(Err(End::NotPermitted(why))) => (NOT_PERMITTED, why),
        None => (TAKES_NO_PART, "there is no such pair of a list and an allocator".to_owned()),
    };
    println!("{said}");
    ExitCode::from(code as u8)
}

/// Why a child ends without a figure.
enum End {
    TakesNoPart(String),
    NotPermitted(String),
}

/// A trial, for the allocator that it names.
struct Replay<'a> {
    trial: &'a Trial<'a>,
    work: Option<Work>,
    /// How many requests were refused.
    ended: Option<Result<u64, End>>,
}

impl HeapVisitor for Replay<'_> {
    fn visit<H: ByteHeap + 'static>(&mut self) {
        if let Some(Work::Bytes { requests, pool, reclaiming }) = &self.work
            && self.trial.allocator == H::NAME
        {
            let mut memory = Memory::new(*pool);
            self.ended = Some(replay::<OfBytes<H>>(self.trial, requests, |slots| {
                // SAFETY: the memory is the heap's alone until it is dropped, before the next one is made.
                unsafe { OfBytes::new(memory.pool(), *reclaiming, slots) }
            }));
        }
    }
}

impl PageVisitor for Replay<'_> {
    fn visit<P: PageHeap + 'static>(&mut self) {
        if let Some(Work::Pages { requests, pages }) = &self.work
            && self.trial.allocator == P::NAME
        {
            self.ended =
                Some(replay::<OfPages<P>>(self.trial, requests, |slots| OfPages::new(*pages, slots, requests)));
        }
    }
}

/// A heap with the slots of a list.
trait Player {
    /// Does ahead of a request what may be done.
    fn prepare(&mut self) {}

    /// A request.
    fn step(&mut self, operation: Operation);

    /// The same, in a bracket.
    fn step_counted(&mut self, operation: Operation, why: Why);

    /// How many requests were refused.
    fn refused(&self) -> u64;
}

/// Finds out which requests to count, and has them counted: how many were refused.
fn replay<P: Player>(
    trial: &Trial<'_>,
    requests: &Requests,
    mut make: impl FnMut(usize) -> Result<P, String>,
) -> Result<u64, End> {
    let mut make = || make(requests.slots).map_err(End::TakesNoPart);
    let mut cycles = vec![u64::MAX; requests.all.len()];
    for _ in 0..PASSES {
        let mut player = make()?;
        for (fastest, &operation) in cycles.iter_mut().zip(&requests.all) {
            player.prepare();
            *fastest = cycles_of(|| player.step(operation)).min(*fastest);
        }
    }
    let mut counted = vec![None; requests.all.len()];
    for action in [Action::Alloc, Action::Realloc, Action::Free] {
        let of_kind = |&index: &usize| requests.all[index].action == action;
        let used: Vec<usize> = (requests.before..requests.all.len()).filter(of_kind).collect();
        for nth in 0..trial.sample.min(used.len()) {
            counted[used[nth * used.len() / trial.sample.min(used.len())]] = Some(Why::Sample);
        }
        let mut slowest: Vec<usize> = (0..requests.all.len()).filter(of_kind).collect();
        slowest.sort_unstable_by_key(|&index| Reverse(cycles[index]));
        for index in slowest.into_iter().take(trial.slowest) {
            counted[index].get_or_insert(Why::Slow);
        }
    }
    let mut player = make()?;
    be_traced()?;
    for (&why, &operation) in counted.iter().zip(&requests.all) {
        player.prepare();
        match why {
            Some(why) => player.step_counted(operation, why),
            None => player.step(operation),
        }
    }
    Ok(player.refused())
}

/// How many ticks of the processor's clock something takes.
#[inline(always)]
fn cycles_of(work: impl FnOnce()) -> u64 {
    // SAFETY: all processors of this kind have the instruction.
    let begun = unsafe { _rdtsc() };
    work();
    // SAFETY: as above.
    unsafe { _rdtsc() }.wrapping_sub(begun)
}

/// Asks to be traced, and begins with an empty bracket.
fn be_traced() -> Result<(), End> {
    ptrace::traceme().map_err(|error| End::NotPermitted(format!("PTRACE_TRACEME: {error}")))?;
    let copying = [libc::memcpy as *const (), libc::memmove as *const (), libc::memset as *const ()];
    marker::empty(copying.map(|function| function.addr()));
    Ok(())
}

struct OfBytes<H> {
    heap: Bracketed<H>,
    slots: Slots,
    reclaiming: Reclaiming,
}

impl<H: ByteHeap> OfBytes<H> {
    /// # Safety
    ///
    /// As for [`ByteHeap::new`].
    unsafe fn new(pool: NonNull<[u8]>, reclaiming: Reclaiming, slots: usize) -> Result<Self, String> {
        // SAFETY: passed on from the caller.
        let heap = unsafe { <Bracketed<H> as ByteHeap>::new(pool) };
        let heap = heap.ok_or_else(|| "it makes nothing of a pool of this size".to_owned())?;
        Ok(Self { heap, slots: Slots::new(slots), reclaiming })
    }
}

impl<H: ByteHeap> Player for OfBytes<H> {
    fn prepare(&mut self) {
        if self.reclaiming == Reclaiming::AheadOfRequests {
            self.heap.reclaim();
        }
    }

    #[inline]
    fn step(&mut self, operation: Operation) {
        self.slots.step(&mut self.heap.heap, operation);
    }

    #[inline]
    fn step_counted(&mut self, operation: Operation, why: Why) {
        self.heap.why = why;
        self.slots.step(&mut self.heap, operation);
    }

    fn refused(&self) -> u64 {
        self.slots.refused
    }
}

struct OfPages<P> {
    heap: Bracketed<P>,
    /// The first page, the number of pages and the alignment as its log2; `None` where a request was refused.
    runs: Vec<Option<(usize, usize, u8)>>,
    refused: u64,
}

impl<P: PageHeap> OfPages<P> {
    fn new(pages: usize, slots: usize, requests: &Requests) -> Result<Self, String> {
        if let Some(why) = P::SINGLE_PAGES_ONLY.filter(|_| requests.largest > 1) {
            return Err(why.to_owned());
        }
        Ok(Self { heap: <Bracketed<P> as PageHeap>::new(pages)?, runs: vec![None; slots], refused: 0 })
    }

    #[inline(always)]
    fn step_with<Q: PageHeap>(
        heap: &mut Q,
        run: &mut Option<(usize, usize, u8)>,
        refused: &mut u64,
        operation: Operation,
    ) {
        if operation.action == Action::Alloc {
            let (pages, align_log2) = (operation.size as usize, operation.align_log2);
            *run = heap.alloc(pages, align_log2).map(|first| (first, pages, align_log2));
            *refused += u64::from(run.is_none());
        } else if let Some((first, pages, align_log2)) = run.take() {
            heap.dealloc(first, pages, align_log2);
        }
    }
}

impl<P: PageHeap> Player for OfPages<P> {
    #[inline]
    fn step(&mut self, operation: Operation) {
        let run = &mut self.runs[operation.slot as usize];
        Self::step_with(&mut self.heap.heap, run, &mut self.refused, operation);
    }

    #[inline]
    fn step_counted(&mut self, operation: Operation, why: Why) {
        self.heap.why = why;
        let run = &mut self.runs[operation.slot as usize];
        Self::step_with(&mut self.heap, run, &mut self.refused, operation);
    }

    fn refused(&self) -> u64 {
        self.refused
    }
}
