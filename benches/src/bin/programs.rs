//! The heaps as global allocators of real programs: `--help` says how to ask.
//!
//! `cargo run --release -p allocator-benches --features programs --bin programs`

use std::process::ExitCode;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[global_allocator]
static GLOBAL: allocator_benches::programs::ChosenHeap = allocator_benches::programs::ChosenHeap::new();

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> ExitCode {
    allocator_benches::programs::main(&GLOBAL)
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() -> ExitCode {
    eprintln!("Programs are measured on Linux, on x86-64, only.");
    ExitCode::FAILURE
}
