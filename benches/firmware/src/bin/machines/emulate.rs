//! Runs the table on an emulated Cortex-M3.

use std::process::Command;

use crate::Outcome;
use crate::program::build;

/// A board with 256 KiB of flash and 64 KiB of memory, and its target.
const BOARD: &str = "lm3s6965evb";
const TARGET: &str = "thumbv7m-none-eabi";

/// The engine for small machines.
const BOUND_ENGINE: &str = "small";
/// The live set that 16 KiB have to be enough for, in bytes.
const BOUND: u32 = 9600;

/// Prints the table of the engines. Fails where one of them is not in it, or the engine for small machines does not survive its bound.
pub(crate) fn run(engines: &[String]) -> Outcome {
    let program = build("table", TARGET, engines)?;
    let output = Command::new("qemu-system-arm")
        .args(["-M", BOARD, "-display", "none", "-monitor", "none", "-serial", "none"])
        .args([
            "-chardev",
            "stdio,id=console",
            "-semihosting-config",
            "enable=on,target=native,chardev=console",
            "-kernel",
        ])
        .arg(program)
        .output()
        .map_err(|error| format!("qemu-system-arm does not start: {error}"))?;
    let table = String::from_utf8_lossy(&output.stdout);
    print!("{table}");
    if !output.status.success() {
        return Err(format!("the program has failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    for engine in engines {
        let start = format!("| `{engine}` |");
        let row = table.lines().find(|line| line.starts_with(&start)).ok_or(format!("there is no row for {engine}"))?;
        let survives: Option<u32> = row.split('|').nth(3).and_then(|cell| cell.trim().parse().ok());
        if engine == BOUND_ENGINE && survives.is_none_or(|bytes| bytes < BOUND) {
            return Err(format!("{engine} survives less than {BOUND} bytes"));
        }
    }
    Ok(())
}
