//! A run reduced to what is printed: one value for each figure, and its ratios to the best peer and to the floor.

use super::number;
use super::statistics::{median, ratio, spread};
use crate::results::{Family, Figure, Outcome, Results, Role, Workload};

/// What a workload's figures measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Nanoseconds for one operation.
    Time,
    /// A share of the pool.
    Share,
    /// Nanoseconds that 99 % of all operations do not exceed.
    Latency,
}

/// Which rounds of a run count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All.
    All,
    /// The first half of them; the smaller one, if there are two.
    First,
    /// The rest.
    Second,
}

/// A workload and its figures, the best one first, those without a value last.
#[derive(Clone, Debug)]
pub struct Summary<'r> {
    /// The workload.
    pub workload: &'r Workload,
    /// What is measured.
    pub measure: Measure,
    /// One row for each allocator.
    pub rows: Vec<Row<'r>>,
    /// The name of the best peer: the best allocator that is neither ours nor the floor. Those that take their memory from
    /// the system, as no allocator of ours does, count only where no other peer has a value.
    pub best_peer: Option<&'r str>,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Row<'r> {
    /// The name of the allocator.
    pub allocator: &'r str,
    /// Which side it is on.
    pub role: Role,
    /// Whether it lives in a pool given to it.
    pub in_pool: bool,
    /// What was measured.
    pub outcome: &'r Outcome,
    /// The median of the rounds; of latencies, the 99th percentile of all of them.
    pub value: Option<f64>,
    /// The least and the greatest value of a round.
    pub spread: Option<(f64, f64)>,
    /// The ratio to the best peer: the median of the ratios within each round.
    pub to_peer: Option<f64>,
    /// The ratio to the floor, likewise.
    pub to_floor: Option<f64>,
    /// The values that count, one for each round.
    rounds: Vec<f64>,
}

impl Measure {
    /// The unit, as a table's head has it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Time => "ns/op",
            Self::Share => "%",
            Self::Latency => "ns, p99",
        }
    }

    /// The unit in words, and which end of it is the good one.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Time => "nanoseconds per operation; lower is better",
            Self::Share => "percent; higher is better",
            Self::Latency => "nanoseconds of a single operation, reading the clock included; lower is better",
        }
    }

    /// Whether more is better.
    pub fn higher_is_better(self) -> bool {
        self == Self::Share
    }

    /// A value in this unit, without it.
    pub fn write(self, value: f64) -> String {
        match self {
            Self::Time | Self::Latency => number::plain(value),
            Self::Share => number::percent(value),
        }
    }

    fn is_better(self, a: f64, b: f64) -> bool {
        if self.higher_is_better() { a > b } else { a < b }
    }

    fn of(workload: &Workload, figures: &[&Figure]) -> Self {
        let measured = figures.iter().find_map(|figure| match figure.outcome {
            Outcome::Time { .. } => Some(Self::Time),
            Outcome::Share { .. } => Some(Self::Share),
            Outcome::Latency { .. } => Some(Self::Latency),
            Outcome::None { .. } => None,
        });
        measured.unwrap_or(match workload.family {
            Family::Fill => Self::Share,
            Family::Latency => Self::Latency,
            _ => Self::Time,
        })
    }
}

impl Part {
    /// The rounds that count, of all.
    fn of<T>(self, rounds: &[T]) -> &[T] {
        let (first, second) = rounds.split_at(rounds.len() / 2);
        match self {
            Self::All => rounds,
            Self::First => first,
            Self::Second => second,
        }
    }
}

/// The workloads of a run in the order of the page, from the rounds that count.
pub fn summarise(results: &Results, part: Part) -> Vec<Summary<'_>> {
    results.workloads.iter().map(|workload| one(results, workload, part)).collect()
}

fn one<'r>(results: &'r Results, workload: &'r Workload, part: Part) -> Summary<'r> {
    let figures: Vec<&Figure> = results.figures.iter().filter(|figure| figure.workload == workload.name).collect();
    let measure = Measure::of(workload, &figures);
    let mut rows: Vec<Row<'_>> = figures.iter().map(|figure| row(results, figure, part)).collect();
    let best = best(&rows, measure, Role::Peer).cloned();
    let floor = self::best(&rows, measure, Role::Floor).cloned();
    for row in &mut rows {
        row.to_peer = best.as_ref().and_then(|best| row.to(best));
        row.to_floor = floor.as_ref().and_then(|floor| row.to(floor));
    }
    let worst = if measure.higher_is_better() { f64::NEG_INFINITY } else { f64::INFINITY };
    rows.sort_by(|a, b| {
        let order = a.value.unwrap_or(worst).total_cmp(&b.value.unwrap_or(worst));
        if measure.higher_is_better() { order.reverse() } else { order }
    });
    Summary { workload, measure, rows, best_peer: best.map(|best| best.allocator) }
}

fn row<'r>(results: &Results, figure: &'r Figure, part: Part) -> Row<'r> {
    let contender = results.allocators.iter().find(|contender| contender.name == figure.allocator);
    let all = rounds(&figure.outcome);
    let counted = part.of(&all);
    let value = match &figure.outcome {
        Outcome::Latency { percentiles, .. } if part == Part::All => headline(percentiles),
        _ => median(counted),
    };
    Row {
        allocator: &figure.allocator,
        role: contender.map_or(Role::Peer, |contender| contender.role),
        in_pool: contender.is_none_or(|contender| contender.in_pool),
        outcome: &figure.outcome,
        value: value.filter(|value| value.is_finite()),
        spread: spread(counted),
        to_peer: None,
        to_floor: None,
        rounds: counted.to_vec(),
    }
}

/// The values of a figure, one for each round.
fn rounds(outcome: &Outcome) -> Vec<f64> {
    match outcome {
        Outcome::Time { ns_per_op, .. } => ns_per_op.clone(),
        Outcome::Share { shares } => shares.clone(),
        Outcome::Latency { by_round, .. } => by_round.iter().filter_map(|round| headline(round)).collect(),
        Outcome::None { .. } => Vec::new(),
    }
}

/// The percentile that stands for a distribution where there is room for one number.
fn headline(percentiles: &[(f64, f64)]) -> Option<f64> {
    percentiles.iter().find(|(percent, _)| *percent == 99.0).map(|&(_, ns)| ns)
}

/// The best allocator with this role. Where some served all requests it is one of those, since an allocator that refuses
/// requests is fast.
fn best<'a, 'r>(rows: &'a [Row<'r>], measure: Measure, role: Role) -> Option<&'a Row<'r>> {
    let of_role = || rows.iter().filter(|row| row.role == role && row.value.is_some());
    let some_in_pool = of_role().any(|row| row.in_pool);
    let candidates = || of_role().filter(|row| row.in_pool || !some_in_pool);
    let all_served = candidates().any(|row| row.refused() == 0);
    let candidates: Vec<&Row<'_>> = candidates().filter(|row| !all_served || row.refused() == 0).collect();
    let better = |a: f64, b: f64| if measure.is_better(b, a) { b } else { a };
    // As for all ratios, what counts is how they compare within each round: two that are close would change places from run
    // to run, and with them everybody's ratio.
    let rounds = candidates.iter().map(|row| row.rounds.len()).max()?;
    let complete = || candidates.iter().filter(|row| row.rounds.len() == rounds);
    let best_of_rounds: Vec<f64> =
        (0..rounds).filter_map(|round| complete().map(|row| row.rounds[round]).reduce(better)).collect();
    let distance = |row: &Row<'_>| {
        let of_rounds: Vec<f64> =
            row.rounds.iter().zip(&best_of_rounds).filter_map(|(&value, &best)| ratio(value, best)).collect();
        match row.rounds.len() == rounds && of_rounds.len() == rounds {
            true => median(&of_rounds),
            false => ratio(row.value?, median(&best_of_rounds)?),
        }
    };
    let worst = if measure.higher_is_better() { f64::NEG_INFINITY } else { f64::INFINITY };
    let distances = candidates.iter().map(|&row| (row, distance(row).unwrap_or(worst)));
    let best = distances.reduce(|best, row| if measure.is_better(row.1, best.1) { row } else { best });
    best.map(|(row, _)| row)
}

impl Summary<'_> {
    /// Whether this row refused requests that others served. Where all refuse some, a refusal is part of the workload.
    pub fn refuses_work(&self, row: &Row<'_>) -> bool {
        row.refused() > 0 && self.rows.iter().any(|other| other.value.is_some() && other.refused() == 0)
    }
}

impl Row<'_> {
    /// The ratio to another row: the median of the ratios within each round, since what slows the machine for a while
    /// slows both; where one of them has fewer rounds, the ratio of the values.
    fn to(&self, other: &Self) -> Option<f64> {
        let (value, base) = self.value.zip(other.value)?;
        if self.rounds.len() != other.rounds.len() {
            return ratio(value, base);
        }
        let of_rounds: Option<Vec<f64>> = self.rounds.iter().zip(&other.rounds).map(|(&a, &b)| ratio(a, b)).collect();
        median(&of_rounds?)
    }

    /// How many requests of a round were refused.
    pub fn refused(&self) -> u64 {
        match self.outcome {
            Outcome::Time { refused, .. } => *refused,
            _ => 0,
        }
    }

    /// What has to be said beside the value: requests refused, or why there is no value.
    pub fn note(&self) -> String {
        match self.outcome {
            Outcome::None { why } => why.clone(),
            _ if self.refused() > 0 => format!("refused {}", number::whole(self.refused())),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::synthetic;

    /// The rounds of an allocator in `bytes/pair-64`, the first workload.
    fn set(results: &mut Results, allocator: &str, ns_per_op: &[f64]) {
        let of_both = |f: &&mut Figure| f.workload == "bytes/pair-64" && f.allocator == allocator;
        let figure = results.figures.iter_mut().find(of_both).unwrap();
        figure.outcome = Outcome::Time { ns_per_op: ns_per_op.to_vec(), refused: 0 };
    }

    #[test]
    fn ratios_are_to_the_best_peer_and_to_the_floor() {
        let results = synthetic::results();
        let summaries = summarise(&results, Part::All);
        let pair = &summaries[0];
        assert_eq!(pair.best_peer, Some("rlsf"));
        let slab = pair.rows.iter().find(|row| row.allocator == "slab").unwrap();
        assert_eq!((slab.value, slab.to_peer, slab.to_floor), (Some(10.0), Some(0.5), Some(5.0)));
        assert_eq!(slab.spread, Some((9.0, 12.0)));
        assert_eq!(pair.rows[0].allocator, "floor", "the best comes first");
        assert!(pair.rows.last().unwrap().value.is_none(), "who gave up comes last");
    }

    #[test]
    fn what_slows_a_round_for_all_moves_no_ratio() {
        let mut results = synthetic::results();
        // The machine gets slower, except that one round of each is disturbed.
        set(&mut results, "slab", &[1.0, 20.0, 5.0, 6.0, 7.0]);
        set(&mut results, "rlsf", &[2.0, 4.0, 10.0, 12.0, 14.1]);
        let to_peer = |results: &Results| {
            let summaries = summarise(results, Part::All);
            summaries[0].rows.iter().find(|row| row.allocator == "slab").unwrap().to_peer
        };
        assert_eq!(to_peer(&results), Some(0.5));
        // Of another number of rounds, only the medians are left to compare.
        set(&mut results, "slab", &[20.0]);
        assert_eq!(to_peer(&results), Some(2.0));
    }

    #[test]
    fn the_best_peer_is_best_within_rounds() {
        let mut results = synthetic::results();
        // It is faster in three of five rounds, and its median is the greater one.
        set(&mut results, "talc", &[10.0, 20.0, 30.0, 60.0, 61.0]);
        set(&mut results, "rlsf", &[12.0, 22.0, 33.0, 25.0, 26.0]);
        assert_eq!(summarise(&results, Part::All)[0].best_peer, Some("talc"));
        set(&mut results, "rlsf", &[1.0]);
        assert_eq!(summarise(&results, Part::All)[0].best_peer, Some("rlsf"), "of one round, the value");
    }

    #[test]
    fn of_shares_the_greatest_is_best() {
        let results = synthetic::results();
        let summaries = summarise(&results, Part::All);
        let fill = summaries.iter().find(|s| s.measure == Measure::Share).unwrap();
        assert_eq!((fill.rows[0].allocator, fill.best_peer), ("rlsf", Some("rlsf")));
    }

    #[test]
    fn latencies_are_represented_by_their_99th_percentile() {
        let results = synthetic::results();
        let summaries = summarise(&results, Part::All);
        let latency = summaries.iter().find(|s| s.measure == Measure::Latency).unwrap();
        assert_eq!(latency.rows[0].value, Some(90.0));
    }

    #[test]
    fn who_refuses_more_is_not_the_best_peer() {
        let mut results = synthetic::results();
        for figure in &mut results.figures {
            if let Outcome::Time { refused, .. } = &mut figure.outcome {
                *refused = u64::from(figure.allocator == "rlsf");
            }
        }
        let pair = &summarise(&results, Part::All)[0];
        assert_eq!(pair.best_peer, Some("talc"));
        let refuses = |name: &str| pair.rows.iter().any(|row| row.allocator == name && pair.refuses_work(row));
        assert!(refuses("rlsf") && !refuses("talc"));
    }

    #[test]
    fn who_has_memory_of_the_system_is_the_best_peer_only_where_there_is_no_other() {
        let mut results = synthetic::results();
        let make_hosted = |results: &mut Results, name: &str| {
            results.allocators.iter_mut().filter(|a| a.name == name).for_each(|a| a.in_pool = false);
        };
        make_hosted(&mut results, "rlsf");
        let summaries = summarise(&results, Part::All);
        assert_eq!(summaries[0].best_peer, Some("talc"));
        let ratio = summaries[0].rows.iter().find(|row| row.allocator == "rlsf").unwrap().to_peer;
        assert!(ratio.is_some_and(|ratio| ratio < 1.0), "it is compared all the same: {ratio:?}");
        make_hosted(&mut results, "talc");
        assert_eq!(summarise(&results, Part::All)[0].best_peer, Some("rlsf"));
    }

    #[test]
    fn where_all_refuse_refusing_is_the_work() {
        let mut results = synthetic::results();
        for figure in &mut results.figures {
            if let Outcome::Time { refused, .. } = &mut figure.outcome {
                *refused = if figure.allocator == "rlsf" { 1000 } else { 1 };
            }
        }
        let pair = &summarise(&results, Part::All)[0];
        assert_eq!(pair.best_peer, Some("rlsf"));
        assert!(pair.rows.iter().all(|row| !pair.refuses_work(row)));
    }

    #[test]
    fn halves_share_out_all_rounds() {
        let rounds = [1, 2, 3, 4, 5];
        assert_eq!(Part::First.of(&rounds), [1, 2]);
        assert_eq!(Part::Second.of(&rounds), [3, 4, 5]);
        assert_eq!(Part::All.of(&rounds), rounds);
    }

    #[test]
    fn a_workload_without_figures_has_no_rows() {
        let mut results = synthetic::results();
        results.figures.clear();
        assert!(summarise(&results, Part::All).iter().all(|s| s.rows.is_empty() && s.best_peer.is_none()));
    }
}
