use std::collections::BTreeSet;

use super::operations::{self, Change, Recorder, sizes};
use super::{Measurement, Options, allocators, heap_maps, trials, workloads};

const OPTIONS: Options = Options { quick: true, seed: 0x5eed };

#[test]
fn lists_follow_from_the_seed_alone() {
    let record = |seed| operations::changing(100, sizes::to_1_kib, Change::ReplaceOrResize, 1_000, seed);
    assert_eq!(record(1).timed, record(1).timed);
    assert_ne!(record(1).timed, record(2).timed);
}

#[test]
#[should_panic(expected = "that no operation touches")]
fn a_list_that_leaves_out_a_slot_is_refused() {
    let mut recorder = Recorder::new(2);
    recorder.alloc(0, 64, 3);
    let _ = recorder.finish();
}

#[test]
fn all_alignments_are_asked_for() {
    let list = operations::changing(1000, sizes::highly_aligned, Change::Replace, 10_000, 1);
    assert_eq!(operations::alignments(&list).into_keys().collect::<Vec<_>>(), (4..=12).collect::<Vec<_>>());
}

#[test]
fn releases_are_known() {
    for allocator in allocators().iter().filter(|allocator| allocator.name != "system") {
        assert!(allocator.release.starts_with(|first: char| first.is_ascii_digit()), "{allocator:?}");
    }
}

#[test]
fn names_are_unique() {
    let names: Vec<String> = workloads(&OPTIONS).into_iter().map(|workload| workload.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let names: Vec<&str> = allocators().iter().map(|allocator| allocator.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}

/// Every pair of a workload and an allocator that share a family has its trial, and nothing else has.
#[test]
fn each_pair_has_one_trial() {
    let allocators = allocators();
    let workloads = workloads(&OPTIONS);
    let expected: BTreeSet<(String, String)> = workloads
        .iter()
        .flat_map(|workload| {
            let shares = |allocator: &&super::AllocatorInfo| allocator.takes_part(workload);
            allocators.iter().filter(shares).map(|allocator| (workload.name.clone(), allocator.name.to_owned()))
        })
        .collect();
    let names: Vec<String> = workloads.into_iter().map(|workload| workload.name).collect();
    let wanted: Vec<String> = allocators.iter().map(|allocator| allocator.name.to_owned()).collect();
    let trials = trials(&OPTIONS, &names, &wanted);
    let found: BTreeSet<(String, String)> =
        trials.iter().map(|trial| (trial.workload().to_owned(), trial.allocator().to_owned())).collect();
    assert_eq!(found, expected);
    assert_eq!(trials.len(), expected.len());
}

#[test]
fn a_trial_runs_again_and_again() {
    let mut trials = trials(&OPTIONS, &["bytes/lifo-64".to_owned()], &["floor".to_owned()]);
    for _ in 0..2 {
        let Measurement::Time { ns_per_op, refused } = trials[0].run() else { panic!("a time") };
        assert!(ns_per_op > 0.0 && refused == 0);
    }
}

#[test]
fn heap_maps_show_what_is_live() {
    let names = ["tlsf", "slab", "floor", "bitmap"].map(str::to_owned);
    let maps = heap_maps(&OPTIONS, &names);
    assert_eq!(maps.len(), 3, "a bitmap has no heap");
    let live = |cells: &[u8]| cells.iter().map(|&cell| u64::from(cell)).sum::<u64>();
    for map in &maps {
        assert!(map.largest_free < map.pool_bytes && map.largest_free > 0, "{}", map.allocator);
        // 2048 blocks of 514 bytes are live on average: a quarter of the pool.
        let share = live(&map.cells) as f64 / (255 * map.cells.len()) as f64;
        assert!((0.2..0.3).contains(&share), "{}: {share}", map.allocator);
    }
}
