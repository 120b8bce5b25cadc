//! The command: which lists with which allocators, and the table.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use super::{Calls, Error, Figures, Trial, child, work};
use crate::lab;
use crate::lab::operations::Action;
use crate::report::arguments::{Available, Choice, one_line};
use crate::report::program::{bad_arguments, ended, write_out};
use crate::results::Family;

/// The lists that are replayed where the command line does not say.
const WORKLOADS: [&str; 12] = [
    "bytes/lifo-64",
    "bytes/fixed-64/10000-live",
    "bytes/4-1024/10000-live",
    "bytes/4-1024/10000-live-realloc",
    "bytes/4-10k/300-live",
    "bytes/4-64k/300-live",
    "short/4-1024/512k",
    "short/4-1024/8m",
    "pages/hot-pair/256m",
    "pages/hot-pair/4g",
    "pages/random/256m-32k-live",
    "pages/random/4g-512k-live",
];

/// The allocators that take part where the command line does not say.
const ALLOCATORS: [&str; 13] = [
    "slab",
    "slab-fine",
    "quick",
    "dense",
    "tlsf",
    "buddy",
    "radix",
    "buddy-pages",
    "bitmap",
    "rlsf",
    "talc",
    "bitmap-allocator",
    "floor",
];

/// Counts the instructions of calls of the allocators.
#[derive(Clone, Debug, Parser)]
#[command(name = "instructions", disable_version_flag = true)]
struct Arguments {
    /// What of all there is takes part.
    #[command(flatten)]
    choice: Choice,
    /// So many calls of each kind are counted for median and 99th percentile
    #[arg(long, value_name = "N", default_value_t = 50)]
    sample: usize,
    /// So many calls of each kind, the slowest without a tracer, are counted for the worst
    #[arg(long, value_name = "N", default_value_t = 12)]
    slowest: usize,
    /// Where all random numbers come from
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// List the workloads and allocators, and stop
    #[arg(long)]
    list: bool,
}

/// Reads the command line and does what it says; or is the child of one that does.
///
/// The exit code is 0 for success, 1 where nothing can be counted, and 2 for bad arguments.
pub fn main() -> ExitCode {
    let line: Vec<String> = env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if line.get(1).is_some_and(|first| first == child::CHILD) {
        return child::main(&line[2..]);
    }
    let mut arguments = match Arguments::try_parse_from(line) {
        Ok(arguments) => arguments,
        Err(help) if help.kind() == ErrorKind::DisplayHelp => {
            return ended(write_out(|out| write!(out, "{}", help.render())));
        }
        Err(error) => return bad_arguments(&one_line::<Arguments>(&error)),
    };
    let workloads = work::workloads(arguments.seed);
    let has_some = |families: &[Family]| workloads.iter().any(|workload| families.contains(&workload.family));
    let allocators = lab::allocators().into_iter().filter(|allocator| has_some(allocator.families)).collect();
    let available = Available { workloads, allocators };
    if arguments.list {
        return ended(write_out(|out| write!(out, "{available}")));
    }
    for (names, usual) in
        [(&mut arguments.choice.only, &WORKLOADS[..]), (&mut arguments.choice.allocators, &ALLOCATORS[..])]
    {
        if names.is_empty() {
            names.extend(usual.iter().map(|&name| name.to_owned()));
        }
    }
    match arguments.choice.choose(&available) {
        Ok((workloads, allocators)) => {
            let pairs = workloads.iter().flat_map(|workload| {
                let able = allocators.iter().filter(|allocator| allocator.takes_part(workload));
                able.map(|allocator| (workload.name.as_str(), allocator.name))
            });
            let mut counted = Ok(());
            let printed = write_out(|out| {
                counted = count(out, &arguments, pairs)?;
                Ok(())
            });
            ended(printed.and(counted))
        }
        Err(bad) => bad_arguments(&bad),
    }
}

/// Counts pair by pair, and prints a line of each, until one fails.
fn count<'a>(
    out: &mut dyn Write,
    arguments: &Arguments,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> io::Result<Result<(), String>> {
    let program = env::current_exe()?;
    head(out)?;
    for (workload, allocator) in pairs {
        let &Arguments { seed, sample, slowest, .. } = arguments;
        match (Trial { workload, allocator, seed, sample, slowest }).run(&program) {
            Ok(calls) => row(out, workload, allocator, &calls)?,
            Err(Error::TakesNoPart(why)) => writeln!(out, "{workload:33} {allocator:17} {why}")?,
            Err(error) => return Ok(Err(format!("{workload}, {allocator}: {error}"))),
        }
        out.flush()?;
    }
    Ok(Ok(()))
}

const KINDS: [(&str, Action); 3] = [("alloc", Action::Alloc), ("dealloc", Action::Free), ("realloc", Action::Realloc)];

fn head(out: &mut dyn Write) -> io::Result<()> {
    if cfg!(debug_assertions) {
        writeln!(out, "This build is not optimized: its numbers say nothing.\n")?;
    }
    writeln!(out, "Instructions of a call, median / 99th percentile / worst; copying is left out.\n")?;
    write!(out, "{:33} {:17}", "workload", "allocator")?;
    for (kind, _) in KINDS {
        write!(out, " {kind:>18}")?;
    }
    writeln!(out, " {:>8}", "refused")
}

fn row(out: &mut dyn Write, workload: &str, allocator: &str, calls: &Calls) -> io::Result<()> {
    write!(out, "{workload:33} {allocator:17}")?;
    for (_, action) in KINDS {
        write!(out, " {:>18}", figures(calls.of(action)))?;
    }
    writeln!(out, " {:>8}", calls.refused)
}

fn figures(of: &Figures) -> String {
    match (of.median(), of.percentile(99), of.worst()) {
        (Some(median), Some(high), Some(worst)) => format!("{median} / {high} / {}", worst.instructions),
        _ => "-".to_owned(),
    }
}
