//! Every broken engine is rejected, by the checks that are there for its fault, and for the reason that is its fault.

use std::thread;

use allocator_conformance::{ByteOptions, Config, IdOptions, PageOptions, Placement, Violation, bytes, ids, pages};

use crate::byte_engine::FirstFit;
use crate::fault::Fault::{self, *};
use crate::id_engine::IdTable;
use crate::page_engine::PageMap;

/// A fault, and the checks that must reject it, each with a part of what it must say.
type Expected = (Fault, &'static [(&'static str, &'static str)]);

const BYTES: &[Expected] = &[
    (AcceptsEnclosedRegion, &[("overlapping_regions", "expected MemoryOverlap"), ("many_regions", "MemoryOverlap")]),
    (AcceptsEnclosingRegion, &[("overlapping_regions", "expected MemoryOverlap"), ("many_regions", "MemoryOverlap")]),
    (AcceptsOverlapFromAbove, &[("overlapping_regions", "expected MemoryOverlap"), ("many_regions", "MemoryOverlap")]),
    (AcceptsOverlapFromBelow, &[("overlapping_regions", "expected MemoryOverlap"), ("many_regions", "MemoryOverlap")]),
    (AcceptsSameRegion, &[("overlapping_regions", "expected MemoryOverlap"), ("add_memory_first", "MemoryOverlap")]),
    (AskingChanges, &[("asking_changes_nothing", "left alone")]),
    (BatchForgetsLast, &[("batches", "dealloc_batch with"), ("batches", "used went from")]),
    (BatchRepeats, &[("batches", "overlaps the live block"), ("batches_in_a_full_pool", "overlaps the live block")]),
    (BatchStopsShort, &[("batches", "though alloc has one more"), ("random_tiny", "though alloc has one more")]),
    (BatchUncounted, &[("batches", "less than the usable bytes")]),
    (BatchWritesBehind, &[("batches_in_a_full_pool", "behind them was written")]),
    (BlockAboveRegion, &[("realloc_refused", "is not inside the regions")]),
    (BlockBelowRegion, &[("exhaustion", "is not inside the regions"), ("init_once", "is not inside the regions")]),
    (ChargesRest, &[("counted_once", "has raised used by")]),
    (
        CountsRequested,
        &[("counted_once", "less than the usable bytes"), ("usable_bytes", "less than the usable bytes")],
    ),
    (CountsTwice, &[("counted_once", "larger than total"), ("exhaustion", "larger than total")]),
    (DiffersEachTime, &[("lent_answers", "left alone"), ("refused_regions_change_nothing", "left alone")]),
    (FailureCounts, &[("before_init", "used: 16"), ("exhaustion", "expected Stats"), ("refill", "expected Stats")]),
    (ForgetsRegions, &[("many_regions", "expected MemoryOverlap")]),
    (InPlaceDamages, &[("in_place_keeps_contents", "byte 0 was not kept"), ("random_mixed", "byte 0 was not kept")]),
    (InPlaceGrowsOver, &[("in_place_keeps_contents", "overlaps the live block")]),
    (InPlaceMoves, &[("in_place_keeps_contents", "the block moved to")]),
    (InPlaceRefusalDamages, &[("in_place_refused", "was changed at byte 0")]),
    (
        InPlaceRefusesSame,
        &[("in_place_refused", "the usable size stays the same"), ("in_place_keeps_contents", "stays the same")],
    ),
    (KeepsReserve, &[("nothing_left_over", "one byte is refused")]),
    (LargeAlignmentIgnored, &[("realloc_keeps_contents", "is not aligned"), ("hostile_layouts", "is not aligned")]),
    (LeaksOnFailure, &[("refill", "did at first"), ("largest_fits_again", "fitted at first, and not again")]),
    (NeverGivesBack, &[("refill", "did at first"), ("exhaustion", "no memory"), ("largest_fits_again", "not again")]),
    (OverlappingBlocks, &[("exhaustion", "overlaps the live block"), ("random_tiny", "overlaps the live block")]),
    (PanicsOnHugeLayout, &[("hostile_layouts", "panicked: what a size"), ("before_init", "panicked: what a size")]),
    (ReallocFailureDamages, &[("realloc_refused", "was changed at byte 0")]),
    (ReallocFailureFrees, &[("realloc_refused", "expected Stats")]),
    (ReallocLosesAlignment, &[("realloc_keeps_contents", "is not aligned")]),
    (ReallocLosesContents, &[("realloc_keeps_contents", "was not kept"), ("random_mixed", "was not kept")]),
    (RecycledNotZeroed, &[("zeroed_is_zero", "is not zero")]),
    (RefusedRegionChanges, &[("refused_regions_change_nothing", "left alone")]),
    (RefusesUnalignedRegion, &[("regions_anywhere", "Err(InvalidParam)")]),
    (RegionForNone, &[("region_for_first", "though one would help"), ("region_for_nothing", "and it was served")]),
    (RegionForTooLittle, &[("region_for_first", "which it wanted"), ("region_for_more", "wanted for it")]),
    (ReleaseKeepsBlocks, &[("released_regions", "is not inside the regions")]),
    (ReleaseKeepsTotal, &[("released_regions", "while the region had added")]),
    (ReleasesLive, &[("released_regions", "lives in it")]),
    (ReleasesPart, &[("released_regions", "not what was handed over, whole")]),
    (SecondInit, &[("init_once", "expected InvalidParam"), ("add_memory_first", "expected InvalidParam")]),
    (ShrinkMoves, &[("realloc_refused", "refused, though the block is large enough")]),
    (StaysAtHome, &[("moved_allocator", "no memory"), ("init_once", "no memory")]),
    (TrimsBeforeComparing, &[("overlapping_regions", "Ok(()), expected Memory"), ("many_regions", "Ok(()), expected")]),
    (TrimLosesTotal, &[("trim_harms_nothing", "total went from")]),
    (TrimOverstates, &[("trim_harms_nothing", "of them in live blocks")]),
    (TrimRepeats, &[("trim_harms_nothing", "right after another trim")]),
    (UsableTooLarge, &[("usable_bytes", "less than the usable bytes"), ("exhaustion", "less than the usable bytes")]),
    (WritesBehindRegion, &[("init_once", "which is not the allocator's"), ("many_regions", "not the allocator's")]),
    (WritesBelowBlock, &[("exhaustion", "was changed at byte"), ("absurd_regions", "was changed at byte")]),
    (WrongErrorWhenFull, &[("exhaustion", "expected a block or NoMemory"), ("before_init", "InvalidParam")]),
];

const PAGES: &[Expected] = &[
    (AcceptsEnclosedRegion, &[("overlapping_regions", "MemoryOverlap"), ("add_memory_first", "MemoryOverlap")]),
    (AcceptsEnclosingRegion, &[("overlapping_regions", "MemoryOverlap"), ("many_regions", "MemoryOverlap")]),
    (AcceptsOverlapFromAbove, &[("overlapping_regions", "MemoryOverlap"), ("many_regions", "MemoryOverlap")]),
    (AcceptsOverlapFromBelow, &[("overlapping_regions", "MemoryOverlap"), ("many_regions", "MemoryOverlap")]),
    (AlignmentCappedByRun, &[("aligned_runs", "is not aligned")]),
    (CountsTwice, &[("single_pages", "(total, used, available) is"), ("wrong_frees", "(total, used, available) is")]),
    (DoubleFree, &[("wrong_frees", "expected Err(NotAllocated)"), ("partial_frees", "expected Err(NotAllocated)")]),
    (EmptyRangeIsFull, &[("bad_ranges", "expected InvalidParam")]),
    (FixedTakenTwice, &[("pages_at", "expected [Err(NoMemory)]"), ("runs_and_holes", "expected [Err(NoMemory)]")]),
    (OnlyAlignedToLength, &[("runs_and_holes", "are free"), ("many_regions", "are free")]),
    (
        RoundsPosition,
        &[("wrong_frees", "expected Err(NotAllocated)"), ("bad_parameters", "expected Err(NotAllocated)")],
    ),
    (RunsCrossHoles, &[("runs_and_holes", "is not managed"), ("many_regions", "is not managed")]),
    (SecondInit, &[("init_once", "expected one of [InvalidParam]"), ("add_memory_first", "[InvalidParam]")]),
    (SinglePageUnaligned, &[("aligned_runs", "alloc_pages(1, 0x2000)"), ("aligned_runs", "is not aligned")]),
    (SpanForgetsLast, &[("span_has_all_pages", "and there are pages from"), ("random_short", "there are pages from")]),
    (SpanOfNothing, &[("span_has_all_pages", "without pages the span is")]),
    (TrimsBeforeComparing, &[("overlapping_regions", "Ok(()), expected one"), ("many_regions", "Ok(()), expected")]),
    (TrimsOutward, &[("trimmed_regions", "while the region holds"), ("absurd_regions", "InvalidParam")]),
    (WithinFirstPageOnly, &[("runs_within", "is not within the range")]),
    (WithinMissesEnds, &[("every_page_within", "NoMemory"), ("runs_within", "are free")]),
    (WithinNotLowest, &[("runs_within", "is lower")]),
    (WithinUnaligned, &[("runs_within", "is not aligned")]),
    (WritesBehindRegion, &[("init_once", "which is not the allocator's"), ("many_regions", "not the allocator's")]),
    (WrongFreeForgetsTail, &[("wrong_frees", "Ok(()), expected Err(NotAllocated)"), ("partial_frees", "Ok(())")]),
    (WrongFreeFreesPart, &[("wrong_frees", "(total, used, available) is"), ("partial_frees", "used, available) is")]),
    (ZeroPagesServed, &[("bad_parameters", "alloc_pages(0,"), ("before_init", "alloc_pages(0,")]),
];

const IDS: &[Expected] = &[
    (AlignmentCappedByRun, &[("aligned_runs", "is not aligned")]),
    (AllocatedBeyondRange, &[("fresh_allocator", "is true, expected false"), ("fixed_ids", "is true, expected false")]),
    (AllocatedForgetsTail, &[("every_id", "is false, expected true"), ("partial_frees", "is false, expected true")]),
    (CountsOneMore, &[("every_id", "expected (1000,"), ("fixed_ids", "expected (1000, 2, 998)")]),
    (DoubleFree, &[("wrong_frees", "expected Err(NotAllocated)"), ("fresh_allocator", "expected Err(NotAllocated)")]),
    (FixedTakenTwice, &[("fixed_ids", "expected Err(NoMemory)")]),
    (HandsOutBeyondRange, &[("every_id", "out of range")]),
    (PanicsOnOverflow, &[("wrong_frees", "panicked: no such ids")]),
    (RunsOverTaken, &[("partial_frees", "is taken already")]),
    (SingleIdUnaligned, &[("aligned_runs", "alloc_id(1, 2): id"), ("aligned_runs", "is not aligned")]),
    (WrongFreeForgetsTail, &[("wrong_frees", "Ok(()), expected Err(NotAllocated)")]),
    (WrongFreeFreesPart, &[("wrong_frees", "expected (1000, 4, 996)"), ("partial_frees", "expected (1000,")]),
];

/// Some seeds: a fault that only a lucky seed shows is not caught. (One is all that Miri has time for.)
const SEEDS: &[u64] = if cfg!(miri) { &[1] } else { &[1, 2, 3, 0xdead_beef] };

fn config(seed: u64) -> Config {
    Config { seed, steps: if cfg!(miri) { 90 } else { 600 } }
}

type Verdict = Result<(), Violation>;

fn byte_verdict(check: &str, fault: Option<Fault>, config: &Config) -> Verdict {
    bytes::run(check, || FirstFit::new(fault), config, &ByteOptions::default())
}

fn page_verdict(check: &str, fault: Option<Fault>, config: &Config) -> Verdict {
    pages::run(check, || PageMap::<4096>::new(fault), config, &page_options())
}

fn id_verdict(check: &str, fault: Option<Fault>, config: &Config) -> Verdict {
    ids::run(check, || IdTable::new(1000, fault), config, &IdOptions::default())
}

fn page_options() -> PageOptions {
    PageOptions { memory_untouched: true, placement: Placement::Lowest, ..Default::default() }
}

/// Runs each fault against the checks that must reject it, which must accept the engine without the fault.
fn all_rejected(table: &[Expected], verdict: fn(&str, Option<Fault>, &Config) -> Verdict) {
    for &seed in SEEDS {
        let config = config(seed);
        for &(fault, checks) in table {
            for &(check, reason) in checks {
                let violation = verdict(check, Some(fault), &config);
                let Err(violation) = violation else { panic!("seed {seed}: {check} lets {fault:?} pass") };
                let what = &violation.what;
                assert!(what.contains(reason), "seed {seed}: {check} rejects {fault:?} for another reason: {what}");
                assert_eq!((violation.check, violation.config.seed), (check, seed));
            }
        }
    }
}

/// No check rejects an engine without a fault.
fn faultless_accepted(checks: &[&str], verdict: fn(&str, Option<Fault>, &Config) -> Verdict) {
    // The lines of `main` run the same with new seeds.
    for &seed in &SEEDS[..SEEDS.len().min(2)] {
        for check in checks {
            let accepted = verdict(check, None, &config(seed));
            assert!(accepted.is_ok(), "{}", accepted.unwrap_err());
        }
    }
}

#[test]
fn byte_faults_are_rejected() {
    all_rejected(BYTES, byte_verdict);
}

#[test]
fn page_faults_are_rejected() {
    all_rejected(PAGES, page_verdict);
}

#[test]
fn id_faults_are_rejected() {
    all_rejected(IDS, id_verdict);
}

#[test]
#[cfg_attr(miri, ignore = "the suites of the same engines run there already")]
fn faultless_engines_are_accepted() {
    faultless_accepted(bytes::CHECKS, byte_verdict);
    faultless_accepted(pages::CHECKS, page_verdict);
    faultless_accepted(ids::CHECKS, id_verdict);
}

/// There is no check that lets every fault pass.
#[test]
#[cfg_attr(miri, ignore = "takes long, and says no more about memory than the other tests")]
fn every_check_bites() {
    let bites = |table: &[Expected], check: &str, verdict: fn(&str, Option<Fault>, &Config) -> Verdict| {
        // Those that are listed with the check come first, so that most of the others need not be tried.
        let listed = |checks: &[(&str, &str)]| checks.iter().any(|&(listed, _)| listed == check);
        let (first, others): (Vec<&Expected>, Vec<_>) = table.iter().partition(|(_, checks)| listed(checks));
        first.into_iter().chain(others).any(|&(fault, _)| verdict(check, Some(fault), &config(1)).is_err())
    };
    for check in bytes::CHECKS {
        assert!(bites(BYTES, check, byte_verdict), "bytes: {check} rejects nothing");
    }
    for check in pages::CHECKS {
        assert!(bites(PAGES, check, page_verdict), "pages: {check} rejects nothing");
    }
    for check in ids::CHECKS {
        assert!(bites(IDS, check, id_verdict), "ids: {check} rejects nothing");
    }
}

#[test]
fn a_violation_tells_how_to_see_it_again() {
    let config = config(7);
    let violation = byte_verdict("random_mixed", Some(ReallocLosesContents), &config).unwrap_err();
    let text = violation.to_string();
    for part in ["`random_mixed`", "was not kept", &format!("step {}", violation.step), "seed 7"] {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
    let again = byte_verdict("random_mixed", Some(ReallocLosesContents), &violation.config).unwrap_err();
    assert_eq!(again.step, violation.step, "the same seed took another course");
}

/// The root of a workspace may be a package, which without `--workspace` would be the only one tested.
#[test]
fn the_command_to_rerun_names_the_test() {
    let command_in = |thread: thread::Builder| {
        let violation = || byte_verdict("init_once", Some(SecondInit), &Config { seed: 7, steps: 9 }).unwrap_err();
        let text = thread.spawn(move || violation().to_string()).unwrap().join().unwrap();
        text.lines().last().unwrap().to_string()
    };
    let command = "rerun with: ALLOCATOR_SEED=7 ALLOCATOR_STEPS=9 cargo test --workspace";
    // As the test harness names its threads, and where it has no thread of its own for the test.
    let test = thread::Builder::new().name("my_heap::init_once".into());
    assert_eq!(command_in(test), format!("{command} my_heap::init_once"));
    assert_eq!(command_in(thread::Builder::new()), format!("{command} init_once"));
}
