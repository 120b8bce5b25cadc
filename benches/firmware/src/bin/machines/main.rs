//! Builds the programs for bare metal: measures their code, and runs the table on an emulated Cortex-M3.

use std::env;
use std::process::ExitCode;

mod code;
mod emulate;
mod program;
mod sections;

/// What can be measured: the names of the features.
const ENGINES: [&str; 11] = [
    "small",
    "dense",
    "quick",
    "tlsf",
    "slab",
    "linked-list",
    "talc",
    "rlsf",
    "embedded-llff",
    "embedded-tlsf",
    "buddy-system",
];

const USAGE: &str = "machines code [ENGINE]...      the code and the state of these engines, or all, on each target
machines emulate [ENGINE]...   how much stays live in 16 KiB on an emulated Cortex-M3";

/// What went wrong, for the one who called.
type Outcome = Result<(), String>;

fn run(arguments: &[String]) -> Outcome {
    let Some((command, names)) = arguments.split_first() else { return Err(USAGE.into()) };
    let all = ENGINES.map(String::from);
    let names = if names.is_empty() { &all[..] } else { names };
    if let Some(unknown) = names.iter().find(|name| !ENGINES.contains(&name.as_str())) {
        return Err(format!("no engine is named {unknown}; there are: {}", ENGINES.join(" ")));
    }
    match command.as_str() {
        "code" => code::measure(names),
        "emulate" => emulate::run(names),
        _ => Err(USAGE.into()),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
