//! The comparison of two runs, or of the halves of one: which ratios agree.

use super::number;
use super::statistics::difference;
use super::summary::{Part, summarise};
use crate::results::{Machine, Noise, Results};

/// By how much two runs may differ, on a quiet machine.
pub const TOLERANCE: f64 = 0.15;

/// What a ratio to the best peer is called.
const BEST_PEER: &str = "the best peer";

/// A ratio that a run prints.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// The name of the workload.
    pub workload: String,
    /// The name of the allocator.
    pub allocator: String,
    /// What it is the ratio to.
    pub base: &'static str,
    /// The ratio.
    pub value: f64,
}

impl Ratio {
    /// Whether it is a ratio to the best peer, as tables have it.
    pub fn is_to_best_peer(&self) -> bool {
        self.base == BEST_PEER
    }
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// What was compared, as in "the two halves of the rounds".
    pub what: String,
    /// How many ratios both sides have.
    pub compared: usize,
    /// Those that differ by more than [`TOLERANCE`], with the other side's value, the farthest apart first.
    pub apart: Vec<(Ratio, f64)>,
}

impl Agreement {
    /// Whether the two sides differ in what this allocator took in this workload as a ratio to the best peer.
    pub fn doubts(&self, workload: &str, allocator: &str) -> bool {
        let is_meant =
            |ratio: &Ratio| ratio.workload == workload && ratio.allocator == allocator && ratio.is_to_best_peer();
        self.apart.iter().any(|(ratio, _)| is_meant(ratio))
    }

    /// How many ratios agreed, in a sentence.
    pub fn sentence(&self) -> String {
        if self.compared == 0 {
            return format!("There is nothing to compare between {}.", self.what);
        }
        let percent = number::whole((TOLERANCE * 100.0).round() as u64);
        let (agreed, all) = (self.compared - self.apart.len(), self.compared);
        let (agreed, all) = (number::whole(agreed as u64), number::whole(all as u64));
        format!("{agreed} of {all} single-threaded ratios agree within {percent} % between {}.", self.what)
    }
}

/// What a latency includes, and how coarse it is, in a sentence.
pub fn clock(machine: &Machine) -> String {
    let cost = format!("Latencies include one reading of the clock, {} ns", number::plain(machine.timer_ns));
    match machine.timer_step_ns {
        Some(step) => format!("{cost}, and are as coarse as its steps, {} ns.", number::plain(step)),
        None => format!("{cost}."),
    }
}

/// How quiet the machine was, in words: on one that is not, ratios of what waits for memory agree less.
pub fn noise(noise: Option<Noise>) -> String {
    let Some(noise) = noise else { return "nobody looked how quiet the machine was".to_owned() };
    let [core, memory] = [noise.core, noise.memory].map(number::times);
    let verdict = if noise.is_quiet() { "a quiet machine" } else { "not a quiet machine" };
    format!(
        "{verdict}: in the median, a fixed piece of work took {core} its fastest time in the core, {memory} where it waits for \
         memory"
    )
}

/// The ratios of the first half of the rounds against those of the second.
pub fn halves(results: &Results) -> Agreement {
    let what = "the first and the second half of the rounds".to_owned();
    compare(what, &ratios(results, Part::First), &ratios(results, Part::Second))
}

/// The ratios of two runs.
pub fn runs(this: &Results, other: &Results) -> Agreement {
    let different = [
        (this.quick != other.quick).then_some("one of them quick"),
        (this.seed != other.seed).then_some("with another seed"),
        (this.machine.cpu != other.machine.cpu).then_some("on another processor"),
    ];
    let different: Vec<&str> = different.into_iter().flatten().collect();
    let what = if different.is_empty() {
        "this run and another".to_owned()
    } else {
        format!("this run and another ({})", different.join(", "))
    };
    compare(what, &ratios(this, Part::All), &ratios(other, Part::All))
}

/// All single-threaded ratios of a run.
fn ratios(results: &Results, part: Part) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    for summary in summarise(results, part).iter().filter(|summary| summary.workload.threads == 1) {
        for row in &summary.rows {
            for (base, value) in [(BEST_PEER, row.to_peer), ("the floor", row.to_floor)] {
                ratios.extend(value.map(|value| Ratio {
                    workload: summary.workload.name.clone(),
                    allocator: row.allocator.to_owned(),
                    base,
                    value,
                }));
            }
        }
    }
    ratios
}

fn compare(what: String, first: &[Ratio], second: &[Ratio]) -> Agreement {
    let same = |a: &Ratio, b: &Ratio| (&a.workload, &a.allocator, a.base) == (&b.workload, &b.allocator, b.base);
    let both: Vec<(&Ratio, f64)> =
        first.iter().filter_map(|a| Some((a, second.iter().find(|b| same(a, b))?.value))).collect();
    let mut apart: Vec<(Ratio, f64)> = both
        .iter()
        .filter(|(ratio, other)| difference(ratio.value, *other) > TOLERANCE)
        .map(|(ratio, other)| ((*ratio).clone(), *other))
        .collect();
    apart.sort_by(|(a, a_other), (b, b_other)| difference(b.value, *b_other).total_cmp(&difference(a.value, *a_other)));
    Agreement { what, compared: both.len(), apart }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::synthetic;
    use crate::results::Outcome;

    #[test]
    fn noise_is_said_in_words() {
        assert!(noise(None).starts_with("nobody looked"));
        assert!(noise(Some(Noise { core: 1.05, memory: 1.01 })).starts_with("a quiet machine"));
        let sentence = noise(Some(Noise { core: 1.05, memory: 1.5 }));
        assert!(sentence.starts_with("not a quiet machine") && sentence.contains("1.50×"), "{sentence}");
    }

    #[test]
    fn a_clock_that_nobody_looked_at_has_no_steps() {
        let machine = Machine { timer_step_ns: None, ..synthetic::results().machine };
        assert_eq!(clock(&machine), "Latencies include one reading of the clock, 21.5 ns.");
        let machine = Machine { timer_step_ns: Some(10.0), ..machine };
        assert!(clock(&machine).ends_with(" and are as coarse as its steps, 10.0 ns."));
    }

    #[test]
    fn a_run_agrees_with_itself() {
        let results = synthetic::results();
        let agreement = runs(&results, &results);
        assert!(agreement.compared > 0 && agreement.apart.is_empty(), "{agreement:?}");
        assert!(agreement.sentence().ends_with("agree within 15 % between this run and another."));
    }

    #[test]
    fn a_ratio_that_moved_is_named() {
        let (mut this, other) = (synthetic::results(), synthetic::results());
        let figure = this.figures.iter_mut().find(|f| f.allocator == "slab").unwrap();
        let Outcome::Time { ns_per_op, .. } = &mut figure.outcome else { panic!("the first workload is timed") };
        ns_per_op.iter_mut().for_each(|ns| *ns *= 1.2);
        let agreement = runs(&this, &other);
        let named: Vec<_> = agreement.apart.iter().map(|(r, _)| (r.allocator.as_str(), r.base)).collect();
        assert_eq!(named, [("slab", "the best peer"), ("slab", "the floor")]);
        let workload = &agreement.apart[0].0.workload;
        assert!(agreement.doubts(workload, "slab"));
        assert!(!agreement.doubts(workload, "talc") && !agreement.doubts("fill/brink/small", "slab"));
    }

    #[test]
    fn rounds_that_drift_apart_are_named() {
        let mut results = synthetic::results();
        let figure = results.figures.iter_mut().find(|f| f.allocator == "slab").unwrap();
        figure.outcome = Outcome::Time { ns_per_op: vec![10.0, 10.0, 20.0, 20.0, 20.0], refused: 0 };
        assert!(halves(&results).apart.iter().any(|(r, second)| r.allocator == "slab" && *second > 1.5 * r.value));
    }

    #[test]
    fn work_of_several_threads_is_left_out() {
        let results = synthetic::results();
        assert!(results.workloads.iter().any(|w| w.name == "objects/other-thread" && w.threads == 2));
        assert!(ratios(&results, Part::All).iter().all(|ratio| ratio.workload != "objects/other-thread"));
    }

    #[test]
    fn other_circumstances_are_mentioned() {
        let (this, mut other) = (synthetic::results(), synthetic::results());
        other.seed += 1;
        assert_eq!(runs(&this, &other).what, "this run and another (with another seed)");
    }

    #[test]
    fn nothing_in_common_is_said() {
        let (this, mut other) = (synthetic::results(), synthetic::results());
        other.figures.clear();
        assert!(runs(&this, &other).sentence().starts_with("There is nothing to compare"));
    }
}
