//! What a run of the report finds out: plain data, written to and read from `results.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that one run has measured.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Results {
    /// Where it ran.
    pub machine: Machine,
    /// The release of each package that was measured, by allocator.
    pub versions: BTreeMap<String, String>,
    /// Where all random numbers come from.
    pub seed: u64,
    /// How often each pair of workload and allocator was run, each time in turn with all the others.
    pub rounds: usize,
    /// Whether the workloads were cut short.
    pub quick: bool,
    /// The allocators that took part, in the order of the page.
    #[serde(default)]
    pub allocators: Vec<Contender>,
    /// The workloads that were run, in the order of the page.
    pub workloads: Vec<Workload>,
    /// One for each pair of a workload and an allocator that can take part in it.
    pub figures: Vec<Figure>,
    /// What is left of a pool after the same churn, for each byte engine that lives in a pool.
    pub heap_maps: Vec<HeapMap>,
    /// How noisy the machine was, where somebody looked.
    #[serde(default)]
    pub noise: Option<Noise>,
}

/// By how much a fixed piece of work, done now and then during the run, took longer than at its fastest: the median, as a
/// factor.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Noise {
    /// Of work that needs nothing but the core.
    pub core: f64,
    /// Of reads that wait for memory.
    pub memory: f64,
}

impl Noise {
    /// From which factor on a machine is not quiet.
    pub const LIMIT: f64 = 1.1;

    /// Whether the machine was quiet.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.core < Self::LIMIT && self.memory < Self::LIMIT
    }
}

/// The machine of a run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Machine {
    /// The name of the processor.
    pub cpu: String,
    /// The number of cores.
    pub cores: usize,
    /// The size of memory in bytes.
    pub memory_bytes: u64,
    /// The kernel.
    pub os: String,
    /// The compiler.
    pub rustc: String,
    /// What reading the clock costs, in nanoseconds; latencies include it once.
    pub timer_ns: f64,
    /// In which steps the clock goes, in nanoseconds, where somebody looked.
    #[serde(default)]
    pub timer_step_ns: Option<f64>,
}

/// An allocator that took part.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Contender {
    /// Its name on the command line.
    pub name: String,
    /// Which side it is on.
    pub role: Role,
    /// Whether it lives in a pool given to it (not in memory of the operating system's).
    pub in_pool: bool,
    /// What it is, in a line.
    pub description: String,
    /// What compiled it, with which flags, where the results say so.
    #[serde(default)]
    pub built_with: String,
}

/// Which side an allocator is on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Of this family.
    Ours,
    /// Another package's, or the operating system's.
    Peer,
    /// What no allocator can do in less.
    Floor,
}

/// What kind of work a workload is; `--only` chooses by it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Blocks of bytes.
    Bytes,
    /// Collections that allocate from a handle.
    Collections,
    /// Pages and runs of them.
    Pages,
    /// Objects of one type.
    Objects,
    /// How full a pool gets.
    Fill,
    /// How long single operations take.
    Latency,
}

/// One workload.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Workload {
    /// Its name on the command line, as in `bytes/4-1024/10000-live`.
    pub name: String,
    /// What kind of work it is.
    pub family: Family,
    /// What it does, in a line.
    pub title: String,
    /// The distribution of the sizes asked for, in words and figures.
    pub sizes: String,
    /// How many blocks are live at a time, for charts of cost against it.
    pub live: Option<u64>,
    /// How much page space is managed, in bytes, for charts of cost against it.
    pub space_bytes: Option<u64>,
    /// The size of the pool that is filled, in bytes.
    #[serde(default)]
    pub pool_bytes: Option<u64>,
    /// How many threads do it; only the ratios of one thread are expected to agree from run to run.
    #[serde(default = "one_thread")]
    pub threads: u32,
}

/// What goes for workloads of results that do not say.
fn one_thread() -> u32 {
    1
}

/// What came of one workload with one allocator.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figure {
    /// The name of the workload.
    pub workload: String,
    /// The name of the allocator.
    pub allocator: String,
    /// What was measured.
    pub outcome: Outcome,
    /// Whether its first round took too long to do more of them.
    #[serde(default)]
    pub once: bool,
}

/// A measurement, or why there is none.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nanoseconds for one operation of the list, in each round.
    Time {
        /// One for each round.
        ns_per_op: Vec<f64>,
        /// How many requests of the list were refused, in a round.
        refused: u64,
    },
    /// Shares between 0 and 1, in each round: of the pool that is live user bytes at the first failure, or of the largest
    /// block of the fresh heap that still fits.
    Share {
        /// One for each round.
        shares: Vec<f64>,
    },
    /// How long single operations took, the cost of the timer included.
    Latency {
        /// `(percentile, nanoseconds)` over all rounds, ascending; 100 is the maximum.
        percentiles: Vec<(f64, f64)>,
        /// The same for each round by itself.
        #[serde(default)]
        by_round: Vec<Vec<(f64, f64)>>,
        /// How many operations were timed.
        operations: u64,
    },
    /// The allocator cannot do this work, or gave up.
    None {
        /// Why, in a line.
        why: String,
    },
}

/// The live part of each stretch of a pool.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct HeapMap {
    /// The name of the allocator.
    pub allocator: String,
    /// The size of the pool in bytes.
    pub pool_bytes: u64,
    /// Stretches of equal size, from the start of the pool: how much of each is live user bytes, from 0 to 255.
    pub cells: Vec<u8>,
    /// The largest block that can still be had, in bytes.
    pub largest_free: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::synthetic;

    #[test]
    fn results_survive_being_written_and_read() {
        let results = synthetic::results();
        let json = serde_json::to_string(&results).expect("all keys are strings");
        assert_eq!(serde_json::from_str::<Results>(&json).expect("what was written can be read"), results);
    }

    #[test]
    fn results_hold_machine_versions_and_seed() {
        let json: serde_json::Value = serde_json::to_value(synthetic::results()).expect("all keys are strings");
        assert_eq!(json["seed"], 7);
        assert_eq!(json["machine"]["cores"], 2);
        assert_eq!(json["versions"]["rlsf"], "1.2.3");
        assert_eq!(json["figures"][0]["outcome"]["time"]["ns_per_op"][0], 9.0);
    }

    #[test]
    fn results_of_before_there_were_sides_can_be_read() {
        let mut json = serde_json::to_value(synthetic::results()).expect("all keys are strings");
        json.as_object_mut().expect("a struct is a map").remove("allocators");
        json["workloads"][0].as_object_mut().expect("a struct is a map").remove("threads");
        let results: Results = serde_json::from_value(json).expect("what is missing has a default");
        assert!(results.allocators.is_empty() && results.workloads[0].threads == 1);
    }
}
