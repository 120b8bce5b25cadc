//! Made-up results for tests: every kind of outcome, and names that a page has to escape.

use super::arguments::{Available, Plan};
use crate::lab::{AllocatorInfo, Options};
use crate::results::{Contender, Family, Figure, HeapMap, Machine, Noise, Outcome, Results, Workload};

const BYTES: &[Family] = &[Family::Bytes, Family::Fill, Family::Latency, Family::Objects];
const PAGES: &[Family] = &[Family::Pages];

fn peer(name: &'static str, families: &'static [Family]) -> AllocatorInfo {
    let is_floor = name == "floor";
    AllocatorInfo {
        name,
        release: "1.2.3",
        families,
        is_ours: false,
        is_floor,
        in_pool: true,
        description: "a heap <of bytes> & more",
        built_with: "a compiler with `-O3 <all>`",
    }
}

fn ours(name: &'static str, families: &'static [Family]) -> AllocatorInfo {
    AllocatorInfo { is_ours: true, ..peer(name, families) }
}

fn workload(name: &str, family: Family, live: Option<u64>, space_bytes: Option<u64>) -> Workload {
    let title = format!("The title of {name}");
    Workload {
        name: name.to_owned(),
        family,
        title,
        sizes: "4 to 1024 bytes, <uniform>".to_owned(),
        live,
        space_bytes,
        pool_bytes: None,
        threads: 1 + u32::from(name.ends_with("thread")),
    }
}

/// What these results are of.
pub(crate) fn available() -> Available {
    Available {
        workloads: vec![
            workload("bytes/pair-64", Family::Bytes, Some(1), None),
            workload("bytes/4-1024/10000-live", Family::Bytes, Some(10_000), None),
            workload("bytes/4-1024/100000-live", Family::Bytes, Some(100_000), None),
            workload("pages/pair/256m", Family::Pages, None, Some(256 << 20)),
            workload("pages/pair/1t", Family::Pages, None, Some(1 << 40)),
            workload("objects/other-thread", Family::Objects, None, None),
            workload("fill/brink/small", Family::Fill, None, None),
            workload("fill/brink/large", Family::Fill, None, None),
            workload("latency/mixed", Family::Latency, None, None),
        ],
        allocators: vec![
            ours("slab", BYTES),
            ours("radix", PAGES),
            peer("rlsf", BYTES),
            peer("talc", BYTES),
            peer("a<b>&\"c\"", BYTES),
            peer("bitmap-allocator", PAGES),
            peer("floor", BYTES),
        ],
    }
}

/// All of it, in five rounds.
pub(crate) fn plan() -> Plan {
    let Available { workloads, allocators } = available();
    Plan { options: Options { quick: true, seed: 7 }, rounds: 5, workloads, allocators, idle: Vec::new() }
}

fn outcome(workload: &Workload, allocator: &str) -> Outcome {
    let factor: f64 = match allocator {
        "floor" => 0.2,
        "slab" | "radix" => 1.0,
        "rlsf" | "bitmap-allocator" => 2.0,
        "talc" => 3.0,
        _ => return Outcome::None { why: "it <cannot>".to_owned() },
    };
    match workload.family {
        Family::Fill => Outcome::Share { shares: vec![0.8 - 0.4 * (factor - 2.0).abs(); 5] },
        Family::Latency => {
            let percentiles =
                vec![(50.0, 10.0), (90.0, 20.0), (99.0, 450.0 * factor), (99.9, 990.0 * factor), (100.0, 12_345.0)];
            Outcome::Latency { by_round: vec![percentiles.clone(); 5], percentiles, operations: 1000 }
        }
        _ => {
            let scale = factor * workload.live.map_or(1.0, |live| 1.0 + (live as f64).log10());
            Outcome::Time {
                ns_per_op: [9.0, 10.0, 10.0, 12.0, 11.0].map(|ns| f64::round(ns * scale * 10.0) / 10.0).to_vec(),
                refused: 0,
            }
        }
    }
}

/// Made-up results of that plan.
pub(crate) fn results() -> Results {
    let plan = plan();
    let figure = |(workload, allocator): (&Workload, &AllocatorInfo)| Figure {
        workload: workload.name.clone(),
        allocator: allocator.name.to_owned(),
        outcome: outcome(workload, allocator.name),
        once: false,
    };
    Results {
        machine: Machine {
            cpu: "A CPU <of 2026>".to_owned(),
            cores: 2,
            memory_bytes: 8 << 30,
            os: "linux".to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            timer_ns: 21.5,
            timer_step_ns: Some(1.0),
        },
        versions: plan.allocators.iter().map(|a| (a.name.to_owned(), a.release.to_owned())).collect(),
        seed: plan.options.seed,
        rounds: plan.rounds,
        quick: plan.options.quick,
        allocators: plan.allocators.iter().map(Contender::from).collect(),
        figures: plan.pairs().map(figure).collect(),
        noise: Some(Noise { core: 1.02, memory: 1.3 }),
        heap_maps: ["slab", "a<b>&\"c\""]
            .map(|name| HeapMap {
                allocator: name.to_owned(),
                pool_bytes: 1 << 20,
                cells: (0..=255).collect(),
                largest_free: 123 << 10,
            })
            .to_vec(),
        workloads: plan.workloads,
    }
}
