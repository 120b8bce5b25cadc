//! Bounds on the instructions that a call of one of this family's engines takes.
//!
//! They hold for an optimized build: `cargo test --release -p allocator-benches --test instructions`. Where the compiler
//! has changed, `cargo run --release -p allocator-benches --bin instructions` prints what to put here.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::path::Path;

use allocator_benches::instructions::{Calls, Error, Trial};
use allocator_benches::lab::operations::Action;

const PROGRAM: &str = env!("CARGO_BIN_EXE_instructions");

/// So many calls of each kind stand for all: on the fast path they are alike.
const SAMPLE: usize = 10;
/// So many of each kind are looked at for the worst.
const SLOWEST: usize = 10;

/// The calls of a trial, or `None` where nothing can be said: why is printed.
fn count(workload: &str, allocator: &str, slowest: usize) -> Option<Calls> {
    if cfg!(debug_assertions) {
        eprintln!("skipped: the bounds hold for a release build");
        return None;
    }
    let trial = Trial { workload, allocator, seed: 1, sample: SAMPLE, slowest };
    match trial.run(Path::new(PROGRAM)) {
        Ok(calls) => Some(calls),
        Err(Error::NotPermitted(why)) => {
            eprintln!("skipped: {why}");
            None
        }
        Err(error) => panic!("{allocator}, {workload}: {error}"),
    }
}

/// Half of the calls take at most so many instructions.
fn usually(workload: &str, allocator: &str, [alloc, dealloc]: [u64; 2]) {
    let Some(calls) = count(workload, allocator, 0) else { return };
    for (action, most) in [(Action::Alloc, alloc), (Action::Free, dealloc)] {
        let median = calls.of(action).median().expect("the list has both");
        assert!(median <= most, "{allocator}, {workload}: {action:?} takes {median} instructions, not {most}");
    }
}

/// No call takes more than so many instructions, those of copying left out. Answers how many requests were refused.
fn never_more(workload: &str, allocator: &str, most: &[(Action, u64)]) -> Option<u64> {
    never_more_of(SLOWEST, workload, allocator, most)
}

/// The same, of so many calls of each kind.
fn never_more_of(slowest: usize, workload: &str, allocator: &str, most: &[(Action, u64)]) -> Option<u64> {
    let calls = count(workload, allocator, slowest)?;
    for &(action, most) in most {
        let worst = calls.of(action).worst().expect("the list has calls of this kind").instructions;
        eprintln!("{allocator}, {workload}: the worst {action:?} takes {worst} instructions, of {most}");
        assert!(worst <= most, "{allocator}, {workload}: {action:?} takes {worst} instructions, not {most}");
    }
    Some(calls.refused)
}

/// Two instructions more than were counted when this was written are a change to look at.
#[test]
fn fast_paths_are_short() {
    usually("bytes/lifo-64", "quick", [19, 18]);
    usually("bytes/4-64k/300-live", "quick", [19, 18]);
    usually("bytes/lifo-64", "slab", [23, 22]);
    usually("bytes/lifo-64", "slab-fine", [25, 24]);
    usually("pages/hot-pair/4g", "radix", [28, 30]);
    usually("pages/hot-pair/4g", "buddy-pages", [28, 30]);
}

/// The worst `alloc` and `realloc` of the heap of the default parameters: those that add a chunk. How long they take depends on
/// where the pool lies, and on the C library's `memset`: a quarter more than was counted is allowed.
const SLAB: u64 = 3200;
/// The same with fine classes over TLSF.
const SLAB_FINE: u64 = 3800;

#[test]
fn the_worst_call_of_the_default_heap_is_bounded() {
    // A `dealloc` of a slot has one path, but for slots that a block kept when it became smaller.
    let small = [(Action::Alloc, SLAB), (Action::Free, 22), (Action::Realloc, SLAB)];
    never_more("bytes/4-1024/10000-live-realloc", "slab", &small);
    // One of a large block is the buddy allocator's, which looks through a list of free blocks.
    let large = [(Action::Alloc, SLAB), (Action::Free, 470), (Action::Realloc, SLAB)];
    never_more("bytes/4-10k/300-live-realloc", "slab", &large);
}

#[test]
fn the_worst_call_of_the_heap_with_fine_classes_is_bounded() {
    let most = [(Action::Alloc, SLAB_FINE), (Action::Free, 24), (Action::Realloc, SLAB_FINE)];
    never_more("bytes/fixed-64/10000-live", "slab-fine", &most[..2]);
    never_more("bytes/4-1024/10000-live-realloc", "slab-fine", &most);
    never_more("bytes/4-64k/300-live-realloc", "slab-fine", &most);
}

/// Where memory is short and `reclaim` runs ahead of each request, there is a bound, however many free slots there are:
/// sixteen times as many in the larger pool. A request that is refused has tried chunks of several sizes, and asked each
/// of the 88 fine classes whether it has anything to give back.
#[test]
fn the_worst_call_after_reclaim_is_bounded_where_memory_is_short() {
    for (allocator, alloc, dealloc) in [("slab", SLAB, 22), ("slab-fine", 2 * SLAB_FINE, 24)] {
        for workload in ["short/4-1024/512k", "short/4-1024/8m"] {
            let refused = never_more(workload, allocator, &[(Action::Alloc, alloc), (Action::Free, dealloc)]);
            assert!(refused.is_none_or(|refused| refused > 0), "{workload} is not short of memory");
        }
    }
}

/// A request whose list is empty takes up to 16 blocks, a block whose list is full makes it give up to 16 back. Where memory is
/// short, lists give back what they have until the request is served; the refused ones of `short` had lists to look through.
#[test]
fn the_worst_call_of_quick_lists_is_bounded() {
    let most = [(Action::Alloc, 6000), (Action::Free, 2600), (Action::Realloc, 6000)];
    for workload in ["bytes/4-1024/10000-live-realloc", "bytes/4-64k/300-live-realloc"] {
        never_more(workload, "quick", &most);
    }
    for workload in ["short/4-1024/512k", "short/4-1024/8m"] {
        let refused = never_more(workload, "quick", &most[..2]);
        assert!(refused.is_none_or(|refused| refused > 0), "{workload} is not short of memory");
    }
}

/// Where nobody reclaims ahead, a request that finds memory short pays for what the lists give back until it is served: a few
/// hundred blocks in these programs, and no more in a pool with sixteen times as many.
#[test]
fn the_worst_call_of_quick_lists_alone_is_bounded_where_memory_is_short() {
    for workload in ["short-alone/4-1024/512k", "short-alone/4-1024/8m"] {
        never_more(workload, "quick", &[(Action::Alloc, 50_000), (Action::Free, 2600)]);
    }
}

/// Nothing of the store's grows with the number of blocks, free or live, or with the memory.
#[test]
fn the_worst_call_of_the_store_is_bounded() {
    for workload in ["bytes/fixed-64/100000-live", "bytes/4-1024/100000-live", "short/4-1024/512k", "short/4-1024/8m"] {
        never_more(workload, "dense", &[(Action::Alloc, 250), (Action::Free, 250)]);
    }
}

#[test]
fn the_worst_call_of_a_page_engine_is_bounded() {
    // Where the number of live pages drifts, a `dealloc` finds the cache full now and then, and half of it goes back to
    // the tree. That is long to go through, and one stands for all; so a quarter more than was counted is allowed.
    for (allocator, alloc, dealloc) in [("radix", 5400, 77_000), ("buddy-pages", 2300, 9_000)] {
        never_more_of(2, "pages/churn-half/4g", allocator, &[(Action::Alloc, alloc), (Action::Free, dealloc)]);
    }
    for (allocator, alloc, dealloc) in [("radix", 5400, 30), ("buddy-pages", 2300, 30)] {
        never_more("pages/random/4g-512k-live", allocator, &[(Action::Alloc, alloc), (Action::Free, dealloc)]);
    }
}
