use super::super::{Measurement, Options, trials, workloads};

/// What no heap does: have more live than the pool has, or a larger block than at first.
#[test]
fn shares_are_between_0_and_1_and_follow_from_the_seed() {
    let options = Options { quick: true, seed: 0x5eed };
    let names: Vec<String> = workloads(&options).into_iter().map(|workload| workload.name).collect();
    let names: Vec<String> =
        names.into_iter().filter(|name| name.starts_with("fill/") && name.ends_with("4k-64k")).collect();
    let allocators = ["slab", "tlsf", "talc", "floor"].map(str::to_owned);
    let run = || -> Vec<Option<f64>> {
        let shares = trials(&options, &names, &allocators).into_iter().map(|mut trial| match trial.run() {
            Measurement::Share(share) => Some(share),
            Measurement::None { .. } => None,
            other => panic!("a share: {other:?}"),
        });
        shares.collect()
    };
    let shares = run();
    assert_eq!(shares.len(), names.len() * allocators.len());
    assert!(shares.iter().flatten().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
    assert!(shares.iter().flatten().count() >= shares.len() - 1, "all but the floor's largest block: {shares:?}");
    assert_eq!(shares, run());
}
