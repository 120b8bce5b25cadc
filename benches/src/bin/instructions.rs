//! How many instructions a call of an allocator takes: `--help` says how to ask.
//!
//! `cargo run --release -p allocator-benches --bin instructions`

use std::process::ExitCode;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> ExitCode {
    allocator_benches::instructions::main()
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() -> ExitCode {
    eprintln!("Instructions are counted on Linux, on x86-64, only.");
    ExitCode::FAILURE
}
