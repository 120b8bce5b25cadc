//! The workloads of a family as groups of criterion, with the allocators as functions in them.

mod command_line;

use std::env;
use std::time::Duration;

use allocator_benches::lab::{self, Measurement, Options, Trial};
use allocator_benches::results::{Family, Workload};
use command_line::CommandLine;
use criterion::{Criterion, SamplingMode};

/// Short rounds: criterion takes many of them.
const OPTIONS: Options = Options { quick: true, seed: lab::DEFAULT_SEED };

/// Adds all groups of a family. A sample is one turn of a trial, whatever number of iterations criterion has in mind:
/// its time for an operation is scaled to them.
pub(crate) fn compare(c: &mut Criterion, family: Family) {
    let of_family = |workload: &Workload| workload.family == family;
    let workloads: Vec<String> =
        lab::workloads(&OPTIONS).into_iter().filter(of_family).map(|workload| workload.name).collect();
    let line = CommandLine::of(env::args().skip(1));
    let allocators: Vec<String> = lab::allocators().into_iter().map(|allocator| allocator.name.to_owned()).collect();
    for workload in &workloads {
        let mut group = c.benchmark_group(workload);
        group.sampling_mode(SamplingMode::Flat);
        for mut trial in lab::trials(&OPTIONS, std::slice::from_ref(workload), &allocators) {
            let allocator = trial.allocator().to_owned();
            if !line.asks_for(&format!("{workload}/{allocator}")) {
                continue;
            }
            // For a list of names nothing has to be measured.
            match if line.lists { Measurement::Time { ns_per_op: 0.0, refused: 0 } } else { trial.run() } {
                Measurement::Time { .. } => {
                    group.bench_function(allocator, |b| b.iter_custom(|iterations| time(&mut *trial, iterations)));
                }
                Measurement::None { why } => eprintln!("{workload}/{allocator}: no figure, {why}"),
                Measurement::Share(_) | Measurement::Latency { .. } => {
                    unreachable!("these families are measured in time")
                }
            }
        }
        group.finish();
    }
}

/// Short samples: criterion takes many of them. Options of the command line count more.
pub(crate) fn criterion() -> Criterion {
    let criterion = Criterion::default().sample_size(15);
    criterion.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500))
}

/// One round, scaled to so many operations.
fn time(trial: &mut dyn Trial, operations: u64) -> Duration {
    trial.begin();
    match trial.run() {
        Measurement::Time { ns_per_op, .. } => Duration::from_secs_f64(ns_per_op * operations as f64 / 1e9),
        other => panic!("{} could do the work at first, now {other:?}", trial.allocator()),
    }
}
