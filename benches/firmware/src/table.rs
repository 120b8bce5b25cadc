//! The measurements as a table.

use core::fmt::{Result, Write};

use crate::for_each_engine;
use crate::heap::Heap;
use crate::measure::Machine;

/// The seeds; what stands in the table are means.
const SEEDS: u32 = 8;

/// Writes a row for each heap whose feature is on.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut impl Write, machine: &mut Machine<'_>) -> Result {
    writeln!(out, "| {} KiB | state | survives | first refusal | brink |", machine.size() >> 10)?;
    writeln!(out, "| --- | ---: | ---: | ---: | ---: |")?;
    macro_rules! row {
        ($heap:ty) => {
            write_row::<$heap>(out, machine)?
        };
    }
    for_each_engine!(row);
    Ok(())
}

/// Tenths of a percent, as `12.3`.
struct Percent(usize);

impl core::fmt::Display for Percent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> Result {
        write!(f, "{}.{} %", self.0 / 10, self.0 % 10)
    }
}

/// The means over the seeds: of the live set that survives in bytes, of the shares at the first refusal and at the brink.
fn means<H: Heap>(machine: &mut Machine<'_>) -> Option<(usize, Percent, Percent)> {
    let (mut survives, mut first, mut brink) = (0, 0, 0);
    for seed in 1..=SEEDS {
        survives += machine.survives::<H>(seed)?;
        let fill = machine.fill::<H>(seed)?;
        first += fill.first;
        brink += fill.brink;
    }
    let all = machine.size() * SEEDS as usize;
    let share = |bytes: usize| Percent((bytes * 1000 + all / 2) / all);
    Some((survives / SEEDS as usize, share(first), share(brink)))
}

fn write_row<H: Heap>(out: &mut impl Write, machine: &mut Machine<'_>) -> Result {
    let (name, state) = (H::NAME, size_of::<H>());
    match means::<H>(machine) {
        Some((survives, first, brink)) => writeln!(out, "| `{name}` | {state} | {survives} | {first} | {brink} |"),
        None => writeln!(out, "| `{name}` | {state} | too large | | |"),
    }
}
