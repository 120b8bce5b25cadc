//! Instructions counted one by one: what the fast paths take, and the worst single call over a recorded list of requests.
//!
//! A child (`child`) replays the list with one allocator, with brackets (`marker`) around its calls; the parent (`tracer`)
//! traces it through them, from one instruction to the next. What is counted lies between the brackets: the call as it
//! is inlined into its caller, where the compiler knows neither heap nor layout beforehand. Whatever the call does counts,
//! but for the C library's functions that copy and fill memory: the instruction that calls one counts, and the bytes that it
//! copies or fills are given beside. (They come in a variant for each processor, and the repeated instructions that some are made of would
//! count once for each repetition.)
//!
//! To go step by step takes many microseconds an instruction, so not all of a list is counted: a sample, evenly spread over
//! the part that the lab times, for the median; and, of the whole list, those calls that took longest in passes without a
//! tracer, of each the fastest of [`PASSES`], for the worst. Such a pass is the same each time, so what a call takes in all
//! of them is its own, and a call with many instructions to go through is among the slowest. The very worst can still be
//! missed, where cache misses or copying hide it: a bound needs a margin.
//!
//! `program` is the command. Only on Linux, on x86-64.

mod child;
mod marker;
mod program;
mod tracer;
mod work;

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use marker::Why;
pub use program::main;
use tracer::Tracer;

use crate::lab::operations::Action;

/// What a call took.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Count {
    /// Instructions, without those of functions that copy or fill memory.
    pub instructions: u64,
    /// The bytes that such functions were called for.
    pub copied: u64,
}

/// How often a list is replayed to find the slowest calls.
pub const PASSES: usize = 5;

/// One list of requests with one allocator.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// The name of the list.
    pub workload: &'a str,
    /// The name of the allocator.
    pub allocator: &'a str,
    /// Where all random numbers come from.
    pub seed: u64,
    /// So many calls of each kind are counted for the median.
    pub sample: usize,
    /// So many calls of each kind are counted for the worst.
    pub slowest: usize,
}

/// Calls of one kind.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// What those of the sample took, unsorted.
    pub sample: Vec<Count>,
    /// What the slowest took, unsorted.
    pub slowest: Vec<Count>,
}

impl Figures {
    /// The instructions that half of the calls do not exceed, from the sample.
    #[must_use]
    pub fn median(&self) -> Option<u64> {
        self.percentile(50)
    }

    /// The instructions that so many of a hundred calls do not exceed, from the sample.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<u64> {
        let mut sorted: Vec<u64> = self.sample.iter().map(|count| count.instructions).collect();
        sorted.sort_unstable();
        sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
    }

    /// The call that took most instructions.
    #[must_use]
    pub fn worst(&self) -> Option<Count> {
        self.sample.iter().chain(&self.slowest).max().copied()
    }
}

/// The calls of a trial.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// By [`Action`].
    of: [Figures; 3],
    /// How many requests of the list were refused.
    pub refused: u64,
}

impl Calls {
    /// Those of one kind.
    #[must_use]
    pub fn of(&self, action: Action) -> &Figures {
        &self.of[action as usize]
    }
}

/// Why there are no numbers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Error {
    /// The allocator cannot do this work.
    TakesNoPart(String),
    /// The system lets nobody trace.
    NotPermitted(String),
    /// Something else.
    Failed(String),
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (Self::TakesNoPart(why) | Self::NotPermitted(why) | Self::Failed(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for Error {}

impl Trial<'_> {
    /// Counts, with `program`, one whose `main` is [`main`], as the child.
    ///
    /// # Errors
    ///
    /// Where the allocator cannot do the work, nothing can be traced here, or the child fails.
    pub fn run(&self, program: &Path) -> Result<Calls, Error> {
        let mut tracer = Tracer::start(program, child::arguments(self))?;
        let mut calls = Calls::default();
        while let Some((action, why, count)) = tracer.next()? {
            let figures = &mut calls.of[action as usize];
            match why {
                Why::Sample => figures.sample.push(count),
                Why::Slow => figures.slowest.push(count),
            }
        }
        calls.refused = tracer.refused()?;
        Ok(calls)
    }
}
