//! Each program has the same results whatever its heap is.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::path::Path;

use allocator_benches::programs::{Size, Trial, heap_names, program_names};

const COMMAND: &str = env!("CARGO_BIN_EXE_programs");

fn checksum(program: &str, heap: &str, seed: u64) -> u64 {
    let figures = Trial { program, heap, size: Size::Short, seed }.run(Path::new(COMMAND));
    let figures = figures.unwrap_or_else(|why| panic!("{why}"));
    assert!(figures.peak_mib > 0.5 && figures.cpu_seconds >= 0.0, "{program} with {heap}: {figures:?}");
    figures.checksum
}

#[test]
fn the_results_of_a_program_do_not_depend_on_its_heap() {
    for program in program_names() {
        let of_the_system = checksum(program, "system", 1);
        for heap in heap_names() {
            assert_eq!(checksum(program, heap, 1), of_the_system, "{program} with {heap}");
        }
    }
}

#[test]
fn the_results_depend_on_the_seed() {
    for program in ["serde_json", "maps"] {
        assert_ne!(checksum(program, "quick", 1), checksum(program, "quick", 2), "{program}");
    }
}

#[test]
fn a_heap_that_is_not_there_is_noticed() {
    let trial = Trial { program: "maps", heap: "no-such-heap", size: Size::Short, seed: 1 };
    assert!(trial.run(Path::new(COMMAND)).is_err());
}

#[test]
fn the_command_prints_a_row_for_each_heap() {
    let output = std::process::Command::new(COMMAND)
        .args(["--short", "--rounds", "1", "--programs", "maps", "--heaps", "quick,slab-fine"])
        .output()
        .expect("the command was built for this test");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    for heap in ["quick", "slab-fine"] {
        assert!(printed.lines().any(|line| line.starts_with("maps ") && line.contains(heap)), "{printed}");
    }
    assert!(!printed.contains("tlsf"), "{printed}");
}
