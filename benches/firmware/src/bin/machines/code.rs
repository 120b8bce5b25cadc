//! The code and the state of engines: the sections of a program that calls all of an engine, less those of a program that makes
//! the same calls of nothing.

use crate::Outcome;
use crate::program::build;
use crate::sections::{Taken, read};

/// A processor of 32 bits, and one of 64.
const TARGETS: [&str; 2] = [BOUND_TARGET, "riscv64gc-unknown-none-elf"];

/// What the engine for small machines may take on the smaller of them.
const BOUND_ENGINE: &str = "small";
const BOUND_TARGET: &str = "thumbv7m-none-eabi";
const BOUND: Taken = Taken { code: 1843, state: 160 };

/// Prints a row for each engine. Fails where the engine for small machines takes more than its bound.
pub(crate) fn measure(engines: &[String]) -> Outcome {
    let measured = |target: &str, features: &[String]| read(&build("code", target, features)?);
    println!("| | code, thumbv7m | state | code, riscv64 | state |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut nothing = Vec::new();
    for target in TARGETS {
        nothing.push(measured(target, &[])?);
    }
    let mut outcome = Ok(());
    for engine in engines {
        let mut row = format!("| `{engine}` |");
        for (target, &nothing) in TARGETS.iter().zip(&nothing) {
            let taken = measured(target, std::slice::from_ref(engine))? - nothing;
            row += &format!(" {} | {} |", taken.code, taken.state);
            let too_large = taken.code > BOUND.code || taken.state > BOUND.state;
            if (engine.as_str(), *target) == (BOUND_ENGINE, BOUND_TARGET) && too_large {
                outcome = Err(format!("{engine} takes {taken:?} on {target}, more than {BOUND:?}"));
            }
        }
        println!("{row}");
    }
    outcome
}
