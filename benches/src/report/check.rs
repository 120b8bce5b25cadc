//! Whether a file of results is complete.

use super::arguments::Plan;
use crate::results::{Outcome, Results};

/// The pairs of a workload and an allocator that the plan has and the results lack, in a line each; also those with a
/// round missing, unless one took too long to do more of them.
pub fn missing(results: &Results, plan: &Plan) -> Vec<String> {
    plan.pairs()
        .filter_map(|(workload, allocator)| {
            let figure = results.figures.iter().find(|f| f.workload == workload.name && f.allocator == allocator.name);
            let lacks = match figure {
                None => "no figure".to_owned(),
                Some(figure) => match rounds(&figure.outcome) {
                    Some(1) if figure.once => return None,
                    Some(rounds) if rounds < results.rounds => format!("{rounds} of {} rounds", results.rounds),
                    _ => return None,
                },
            };
            Some(format!("{} with {}: {lacks}", workload.name, allocator.name))
        })
        .collect()
}

/// How many rounds an outcome holds; `None` where it says why there are none.
fn rounds(outcome: &Outcome) -> Option<usize> {
    match outcome {
        Outcome::Time { ns_per_op, .. } => Some(ns_per_op.len()),
        Outcome::Share { shares } => Some(shares.len()),
        Outcome::Latency { by_round, .. } => Some(by_round.len()),
        Outcome::None { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::synthetic;

    #[test]
    fn complete_results_lack_nothing() {
        assert_eq!(missing(&synthetic::results(), &synthetic::plan()), [""; 0]);
    }

    #[test]
    fn a_missing_pair_is_named() {
        let mut results = synthetic::results();
        let gone = results.figures.remove(1);
        let missing = missing(&results, &synthetic::plan());
        assert_eq!(missing, [format!("{} with {}: no figure", gone.workload, gone.allocator)]);
    }

    #[test]
    fn a_missing_round_is_named() {
        let mut results = synthetic::results();
        let figure = results.figures.iter_mut().find(|f| f.allocator == "slab").unwrap();
        figure.outcome = Outcome::Share { shares: vec![0.5] };
        assert_eq!(missing(&results, &synthetic::plan()), ["bytes/pair-64 with slab: 1 of 5 rounds"]);
        results.figures.iter_mut().find(|f| f.allocator == "slab").unwrap().once = true;
        assert_eq!(missing(&results, &synthetic::plan()), [""; 0]);
    }
}
