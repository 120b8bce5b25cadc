//! The rounds of a run: in each of them every allocator has its turns, so that a machine whose speed drifts hurts all alike.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::Plan;
use super::machine;
use super::statistics::{PERCENTILES, percentile};
use crate::lab::quiet::Probe;
use crate::lab::{self, Measurement, Trial};
use crate::results::{Contender, Family, Figure, Outcome, Results};

/// Runs what was planned, with a progress bar on standard error where that is a terminal.
pub fn run(plan: &Plan) -> Results {
    let bar = progress_bar(plan);
    let names: Vec<String> = plan.allocators.iter().map(|a| a.name.to_owned()).collect();
    let mut figures = Vec::new();
    let mut probe = Probe::new(plan.options.seed);
    let turns = if plan.options.quick { 1 } else { TURNS };
    // One workload at a time, so that the pools of only one are alive.
    for workload in &plan.workloads {
        bar.set_message(workload.name.clone());
        let mut trials = lab::trials(&plan.options, std::slice::from_ref(&workload.name), &names);
        figures.extend(interleave(&mut trials, plan.rounds, turns, |_| {
            bar.inc(1);
            probe.look();
        }));
    }
    bar.set_message("heap maps");
    let byte_blocks = plan.workloads.iter().any(|w| matches!(w.family, Family::Bytes | Family::Fill));
    let heap_maps = if byte_blocks { lab::heap_maps(&plan.options, &names) } else { Vec::new() };
    bar.finish_and_clear();
    Results {
        machine: machine::detect(),
        versions: plan.allocators.iter().map(|a| (a.name.to_owned(), a.release.to_owned())).collect(),
        seed: plan.options.seed,
        rounds: plan.rounds,
        quick: plan.options.quick,
        allocators: plan.allocators.iter().map(Contender::from).collect(),
        workloads: plan.workloads.clone(),
        figures,
        heap_maps,
        noise: probe.noise(),
    }
}

fn progress_bar(plan: &Plan) -> ProgressBar {
    let bar = ProgressBar::new((plan.pairs().count() * plan.rounds) as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {elapsed}, about {eta} to go  {wide_msg}");
    bar.with_style(style.expect("the template is well-formed"))
}

/// How many turns of each allocator make a round (one in a quick run). A disturbance on a shared machine often lasts as long
/// as a turn, and seldom hits all turns of a round.
const TURNS: usize = 4;

/// An allocator that needs longer for a turn has one turn in each round.
const LONG_TURN: Duration = Duration::from_secs(1);

/// Runs the trials in turn (A B C, B C A, C A B, …), so many rounds of some turns each, and calls `ran` for each trial at the
/// end of a round. A trial that is done is not run again.
pub fn interleave(
    trials: &mut [Box<dyn Trial>],
    rounds: usize,
    turns: usize,
    mut ran: impl FnMut(&dyn Trial),
) -> Vec<Figure> {
    let mut measured: Vec<Vec<Measurement>> = trials.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        let mut so_far: Vec<Option<Measurement>> = trials.iter().map(|_| None).collect();
        let mut again = vec![true; trials.len()];
        for turn in 0..turns {
            for place in 0..trials.len() {
                let whose = (place + round + turn) % trials.len();
                let trial = &mut trials[whose];
                if turn == 0 {
                    again[whose] = !trial.is_done();
                    trial.begin();
                }
                if again[whose] {
                    let begun = Instant::now();
                    let measurement = trial.run();
                    // What is no time gets no better by being done again.
                    again[whose] = matches!(measurement, Measurement::Time { .. })
                        && begun.elapsed() < LONG_TURN
                        && !trial.is_done();
                    so_far[whose] = Some(measurement);
                }
            }
        }
        for (whose, measurement) in so_far.into_iter().enumerate() {
            measured[whose].extend(measurement);
            ran(&*trials[whose]);
        }
    }
    let figures = trials.iter().zip(measured).map(|(trial, measurements)| Figure {
        workload: trial.workload().to_owned(),
        allocator: trial.allocator().to_owned(),
        outcome: outcome(measurements),
        once: trial.is_done(),
    });
    figures.collect()
}

/// The outcome of the rounds of one trial. One round without a measurement makes an outcome without one: a median of the
/// others would claim too much.
fn outcome(rounds: Vec<Measurement>) -> Outcome {
    let mut ns_per_op = Vec::new();
    let mut most_refused = 0;
    let mut shares = Vec::new();
    let mut latencies = Vec::new();
    let (count, mut numbers) = (rounds.len(), 0);
    for measurement in rounds {
        match measurement {
            Measurement::None { why } => return Outcome::None { why },
            Measurement::Time { ns_per_op: ns, refused } => {
                numbers += usize::from(ns.is_finite());
                ns_per_op.push(ns);
                most_refused = most_refused.max(refused);
            }
            Measurement::Share(share) => {
                numbers += usize::from(share.is_finite());
                shares.push(share);
            }
            Measurement::Latency { nanoseconds } => {
                numbers += usize::from(!nanoseconds.is_empty());
                latencies.push(nanoseconds);
            }
        }
    }
    let all = |len| count > 0 && numbers == count && len == count;
    if all(ns_per_op.len()) {
        Outcome::Time { ns_per_op, refused: most_refused }
    } else if all(shares.len()) {
        Outcome::Share { shares }
    } else if all(latencies.len()) {
        latency(latencies)
    } else {
        Outcome::None { why: "not every round gave a number".to_owned() }
    }
}

fn latency(mut rounds: Vec<Vec<u32>>) -> Outcome {
    let percentiles_of = |sorted: &[u32]| -> Vec<(f64, f64)> {
        PERCENTILES.iter().filter_map(|&p| Some((p, f64::from(percentile(sorted, p)?)))).collect()
    };
    rounds.iter_mut().for_each(|round| round.sort_unstable());
    let by_round = rounds.iter().map(|round| percentiles_of(round)).collect();
    let mut all = rounds.concat();
    all.sort_unstable();
    Outcome::Latency { percentiles: percentiles_of(&all), by_round, operations: all.len() as u64 }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// Answers with one measurement after another.
    struct Scripted {
        name: &'static str,
        /// For each round, its turns.
        answers: Vec<Vec<Measurement>>,
        /// Whether it is done when it has no answer left.
        ends: bool,
        begun: bool,
        /// Whose turn it was.
        log: Rc<RefCell<String>>,
    }

    impl Trial for Scripted {
        fn workload(&self) -> &str {
            "w"
        }

        fn allocator(&self) -> &str {
            self.name
        }

        fn begin(&mut self) {
            if self.begun && !self.answers.is_empty() {
                self.answers.remove(0);
            }
            self.begun = true;
        }

        fn run(&mut self) -> Measurement {
            self.log.borrow_mut().push_str(self.name);
            self.answers[0].remove(0)
        }

        fn is_done(&self) -> bool {
            self.ends && self.answers.iter().all(Vec::is_empty)
        }
    }

    fn time(ns_per_op: f64) -> Measurement {
        Measurement::Time { ns_per_op, refused: 1 }
    }

    fn scripted(name: &'static str, answers: Vec<Vec<Measurement>>) -> Scripted {
        Scripted { name, answers, ends: false, begun: false, log: Rc::default() }
    }

    /// Rounds that come to these answers after all their turns.
    fn trial(name: &'static str, answers: Vec<Measurement>) -> Box<dyn Trial> {
        let turns = |answer: Measurement| [vec![time(9.0); TURNS - 1], vec![answer]].concat();
        Box::new(scripted(name, answers.into_iter().map(turns).collect()))
    }

    #[test]
    fn allocators_take_turns_and_the_first_turn_goes_round() {
        let log = Rc::new(RefCell::new(String::new()));
        let with_log = |name: &'static str| -> Box<dyn Trial> {
            let answers = [1.0, 2.0, 3.0].map(|ns| vec![time(9.0), time(9.0), time(9.0), time(ns)]).to_vec();
            Box::new(Scripted { log: Rc::clone(&log), ..scripted(name, answers) })
        };
        let mut trials: Vec<_> = ["a", "b", "c"].map(with_log).into_iter().collect();
        let mut order = String::new();
        let figures = interleave(&mut trials, 3, TURNS, |ran| order.push_str(ran.allocator()));
        assert_eq!(*log.borrow(), ["abcbcacababc", "bcacababcbca", "cababcbcacab"].concat());
        assert_eq!(order, "abcabcabc");
        assert_eq!(figures[1].allocator, "b");
        assert_eq!(figures[1].outcome, Outcome::Time { ns_per_op: vec![1.0, 2.0, 3.0], refused: 1 });
    }

    #[test]
    fn what_is_done_is_not_run_again() {
        let once: Box<dyn Trial> = Box::new(Scripted { ends: true, ..scripted("slow", vec![vec![time(5.0)]]) });
        let mut trials = [once, trial("a", [1.0, 2.0, 3.0].map(time).to_vec())];
        let mut turns = 0;
        let figures = interleave(&mut trials, 3, TURNS, |_| turns += 1);
        assert_eq!(turns, 6);
        assert!(figures[0].once && !figures[1].once);
        assert_eq!(figures[0].outcome, Outcome::Time { ns_per_op: vec![5.0], refused: 1 });
        assert_eq!(figures[1].outcome, Outcome::Time { ns_per_op: vec![1.0, 2.0, 3.0], refused: 1 });
    }

    #[test]
    fn no_trials_and_no_rounds_are_no_trouble() {
        assert_eq!(interleave(&mut [], 5, TURNS, |_| ()), []);
        let figures = interleave(&mut [trial("a", Vec::new())], 0, TURNS, |_| ());
        assert!(matches!(figures[0].outcome, Outcome::None { .. }));
    }

    #[test]
    fn one_round_without_a_number_makes_none_of_all() {
        let gave_up = Measurement::None { why: "no memory".to_owned() };
        assert_eq!(outcome(vec![time(1.0), gave_up]), Outcome::None { why: "no memory".to_owned() });
        assert!(matches!(outcome(vec![time(1.0), time(f64::NAN)]), Outcome::None { .. }));
        assert!(matches!(outcome(vec![time(1.0), Measurement::Share(0.5)]), Outcome::None { .. }));
        assert_eq!(outcome(vec![Measurement::Share(0.5)]), Outcome::Share { shares: vec![0.5] });
    }

    #[test]
    fn latencies_of_all_rounds_are_pooled_and_kept_apart() {
        let rounds = vec![
            Measurement::Latency { nanoseconds: vec![30, 10, 20] },
            Measurement::Latency { nanoseconds: vec![5, 1000, 7] },
        ];
        let Outcome::Latency { percentiles, by_round, operations } = outcome(rounds) else {
            panic!("latencies give latencies")
        };
        assert_eq!(operations, 6);
        assert_eq!((percentiles[0], percentiles[4]), ((50.0, 10.0), (100.0, 1000.0)));
        assert_eq!((by_round[0][0], by_round[1][0]), ((50.0, 20.0), (50.0, 7.0)));
    }
}
