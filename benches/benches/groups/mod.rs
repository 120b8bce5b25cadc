//! The workloads of a family as groups of criterion, with the allocators as functions in them.

use std::env;
use std::time::Duration;

use allocator_benches::lab::{self, Measurement, Options, Trial};
use allocator_benches::results::{Family, Workload};
use criterion::{Criterion, SamplingMode};

/// Short rounds: criterion takes many of them.
const OPTIONS: Options = Options { quick: true, seed: 0x5eed };

/// Adds all groups of a family. A sample is one turn of a trial, whatever number of iterations criterion has in mind:
/// its time for an operation is scaled to them.
pub(crate) fn compare(c: &mut Criterion, family: Family) {
    let of_family = |workload: &Workload| workload.family == family;
    let workloads: Vec<String> =
        lab::workloads(&OPTIONS).into_iter().filter(of_family).map(|workload| workload.name).collect();
    let allocators: Vec<String> = lab::allocators().into_iter().map(|allocator| allocator.name.to_owned()).collect();
    for workload in &workloads {
        let mut group = c.benchmark_group(workload);
        group.sampling_mode(SamplingMode::Flat).sample_size(15);
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
        for mut trial in lab::trials(&OPTIONS, std::slice::from_ref(workload), &allocators) {
            let allocator = trial.allocator().to_owned();
            if !is_asked_for(&format!("{workload}/{allocator}")) {
                continue;
            }
            match trial.run() {
                Measurement::Time { .. } => {
                    group.bench_function(allocator, |b| b.iter_custom(|iterations| time(&mut *trial, iterations)));
                }
                Measurement::None { why } => println!("{workload}/{allocator}: no figure, {why}"),
                Measurement::Share(_) | Measurement::Latency { .. } => {
                    unreachable!("these families are measured in time")
                }
            }
        }
        group.finish();
    }
}

/// Whether the filters of the command line leave this one in. Criterion knows that, too, but does not tell; and to find
/// out whether an allocator can do the work may take a while. Where a filter is a pattern, all are left in for criterion.
fn is_asked_for(name: &str) -> bool {
    let is_plain = |filter: &String| filter.chars().all(|c| c.is_ascii_alphanumeric() || "-_/".contains(c));
    let filters: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    filters.is_empty() || filters.iter().any(|filter| !is_plain(filter) || name.contains(filter.as_str()))
}

/// One round, scaled to so many operations.
fn time(trial: &mut dyn Trial, operations: u64) -> Duration {
    trial.begin();
    match trial.run() {
        Measurement::Time { ns_per_op, .. } => Duration::from_secs_f64(ns_per_op * operations as f64 / 1e9),
        other => panic!("{} could do the work at first, now {other:?}", trial.allocator()),
    }
}
