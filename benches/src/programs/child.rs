//! One measurement: a process that runs one program with one heap, and its parent's side.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::chosen::{ChosenHeap, VARIABLE};
use super::work::{PROGRAMS, Size};

/// The first argument of a child.
pub(super) const CHILD: &str = "--measured";

/// One program with one heap.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// The name of the program.
    pub program: &'a str,
    /// The name of the heap.
    pub heap: &'a str,
    /// How much work.
    pub size: Size,
    /// Where all random numbers come from.
    pub seed: u64,
}

/// What a process took, from its start to the end of the program.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Of the program's results.
    pub checksum: u64,
    /// In the program and in the system on its behalf, in seconds.
    pub cpu_seconds: f64,
    /// The peak of resident memory, in MiB.
    pub peak_mib: f64,
}

impl Trial<'_> {
    /// Runs the trial as a process of `command`, the file of the command `programs`.
    ///
    /// # Errors
    ///
    /// Where the process cannot be started, or fails: what is wrong, in a line.
    pub fn run(&self, command: &Path) -> Result<Figures, String> {
        let size = match self.size {
            Size::Full => "full",
            Size::Short => "short",
        };
        let output = Command::new(command)
            .env(OsStr::from_bytes(VARIABLE.to_bytes()), self.heap)
            .args([CHILD, self.program, self.heap, size, &self.seed.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("{}: {error}", command.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<&str> = said.split_whitespace().collect();
        match numbers[..] {
            [checksum, micros, kib] if output.status.success() => {
                let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
                Ok(Figures {
                    checksum: number(checksum)?,
                    cpu_seconds: number(micros)? as f64 / 1e6,
                    peak_mib: number(kib)? as f64 / 1024.0,
                })
            }
            _ => Err(format!("{} with {}: {}", self.program, self.heap, output.status)),
        }
    }
}

/// The child's `main`, with the arguments behind the first: prints the checksum, microseconds, and KiB.
pub(super) fn main(global: &ChosenHeap, arguments: &[String]) -> ExitCode {
    let [program, heap, size, seed] = arguments else { return failed("so many arguments are not a parent's") };
    if global.name() != heap {
        return failed(&format!("the heap is {}", global.name()));
    }
    let size = if size == "short" { Size::Short } else { Size::Full };
    let Some((program, seed)) = PROGRAMS.iter().find(|known| known.name == program).zip(seed.parse().ok()) else {
        return failed("there is no such program, or the seed is no number");
    };
    let checksum = (program.run)(size, seed);
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return failed("the system does not say what was used") };
    println!("{checksum} {} {}", cpu_micros(&usage), usage.max_rss());
    ExitCode::SUCCESS
}

fn cpu_micros(usage: &Usage) -> i64 {
    usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
}

fn failed(why: &str) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::FAILURE
}
