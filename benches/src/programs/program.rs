//! The command: which programs with which heaps, and the rounds.

use std::env;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;

use super::child::{self, Trial};
use super::chosen::ChosenHeap;
use super::heaps;
use super::table::Rounds;
use super::work::{self, Size};
use crate::report::arguments::one_line;
use crate::report::program::{bad_arguments, ended, write_out};

/// Compares heaps as the global allocator of real programs.
#[derive(Clone, Debug, Parser)]
#[command(name = "programs", disable_version_flag = true)]
struct Arguments {
    /// How often each program is run with each heap, in turn with the others
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Only these programs, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(work::names()))]
    programs: Vec<String>,
    /// Only these heaps, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(heaps::names()))]
    heaps: Vec<String>,
    /// Where all random numbers come from
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// So little work that its times say nothing
    #[arg(long)]
    short: bool,
}

/// Reads the command line and does what it says; or is the child of one that does. `global` is the program's allocator.
///
/// The exit code is 0 for success, 1 where a program failed or had other results with another heap, and 2 for bad arguments.
pub fn main(global: &ChosenHeap) -> ExitCode {
    let line: Vec<String> = env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if line.get(1).is_some_and(|first| first == child::CHILD) {
        return child::main(global, &line[2..]);
    }
    let arguments = match Arguments::try_parse_from(line) {
        Ok(arguments) => arguments,
        Err(help) if help.kind() == ErrorKind::DisplayHelp => {
            return ended(write_out(|out| write!(out, "{}", help.render())));
        }
        Err(error) => return bad_arguments(&one_line::<Arguments>(&error)),
    };
    let mut compared = Ok(());
    let printed = write_out(|out| {
        if cfg!(debug_assertions) {
            writeln!(out, "This build is not optimized: its numbers say nothing.\n")?;
        }
        writeln!(out, "{}", Rounds::head())?;
        for program in chosen(&arguments.programs, work::names()) {
            match compare(&arguments, program) {
                Ok(rounds) => write!(out, "{rounds}")?,
                Err(why) => {
                    compared = Err(why);
                    break;
                }
            }
            out.flush()?;
        }
        Ok(())
    });
    ended(printed.and(compared))
}

/// Of all names those that were asked for; all, where none was.
fn chosen<'a>(asked: &'a [String], all: Vec<&'a str>) -> Vec<&'a str> {
    all.into_iter().filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name)).collect()
}

/// Runs a program with each heap, round by round, and each round beginning with another heap.
fn compare<'a>(arguments: &'a Arguments, program: &'a str) -> Result<Rounds<'a>, String> {
    let command = env::current_exe().map_err(|error| error.to_string())?;
    let size = if arguments.short { Size::Short } else { Size::Full };
    let heaps = chosen(&arguments.heaps, heaps::names());
    let mut rounds = Rounds { program, heaps: heaps.into_iter().map(|heap| (heap, Vec::new())).collect() };
    let count = rounds.heaps.len();
    for round in 0..usize::from(arguments.rounds) {
        for turn in 0..count {
            let (heap, figures) = &mut rounds.heaps[(round + turn) % count];
            figures.push(Trial { program, heap, size, seed: arguments.seed }.run(&command)?);
        }
    }
    let wrong = rounds.wrong();
    if wrong.is_empty() { Ok(rounds) } else { Err(format!("{program}: other results with {}", wrong.join(", "))) }
}
