//! The check that a file of results is complete.

use super::arguments::{Plan, ROUNDS};
use crate::lab::AllocatorInfo;
use crate::results::{Figure, Outcome, Results, Workload};

/// The pairs of a workload and an allocator that the plan has and the results lack, in a line each; also those with a
/// round missing, unless one took too long to do more of them, and workloads that none of this family has done.
pub fn missing(results: &Results, plan: &Plan) -> Vec<String> {
    let least = results.rounds.max(*ROUNDS.start());
    let incomplete = plan.pairs().filter_map(|(workload, allocator)| {
        let lacks = match figure(results, workload, allocator) {
            None => "no figure".to_owned(),
            Some(figure) => match rounds(&figure.outcome) {
                Some(1) if figure.once => return None,
                Some(rounds) if rounds < least => format!("{rounds} of {least} rounds"),
                _ => return None,
            },
        };
        Some(format!("{} with {}: {lacks}", workload.name, allocator.name))
    });
    let undone = plan.workloads.iter().filter_map(|workload| {
        let mut ours = plan.pairs().filter(|(w, a)| w.name == workload.name && a.is_ours).peekable();
        ours.peek()?;
        let has_done = |a| figure(results, workload, a).is_none_or(|figure| rounds(&figure.outcome).is_some());
        (!ours.any(|(_, allocator)| has_done(allocator))).then(|| format!("{}: none of this family", workload.name))
    });
    incomplete.chain(undone).collect()
}

/// How many pairs say why there is no figure.
pub fn without_figure(results: &Results, plan: &Plan) -> usize {
    let has_none = |figure: &Figure| rounds(&figure.outcome).is_none();
    plan.pairs().filter(|(workload, allocator)| figure(results, workload, allocator).is_some_and(has_none)).count()
}

fn figure<'a>(results: &'a Results, workload: &Workload, allocator: &AllocatorInfo) -> Option<&'a Figure> {
    results.figures.iter().find(|figure| figure.workload == workload.name && figure.allocator == allocator.name)
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
    fn results_without_a_single_figure_are_not_complete() {
        let mut results = synthetic::results();
        let plan = synthetic::plan();
        let without = without_figure(&results, &plan);
        results.figures.iter_mut().for_each(|figure| figure.outcome = Outcome::None { why: "no".to_owned() });
        assert!(without < plan.pairs().count() && without_figure(&results, &plan) == plan.pairs().count());
        assert_eq!(missing(&results, &plan).len(), plan.workloads.len());

        let mut results = synthetic::results();
        results.rounds = 0;
        let figure = results.figures.iter_mut().find(|f| f.allocator == "slab").unwrap();
        figure.outcome = Outcome::Time { ns_per_op: Vec::new(), refused: 0 };
        assert_eq!(missing(&results, &plan), ["bytes/pair-64 with slab: 0 of 5 rounds"]);
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
