//! Compares the allocators of this build on the same work, and writes a page to look at: `--help` says how.

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator_benches::report::main()
}
