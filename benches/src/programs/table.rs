//! Medians, and ratios within each round.

use std::fmt::{self, Display, Formatter};

use super::child::Figures;
use super::heaps::BASE;

/// What one program took with each heap, round by round.
pub(super) struct Rounds<'a> {
    pub(super) program: &'a str,
    /// Each heap's name, and its figures, as many for each.
    pub(super) heaps: Vec<(&'a str, Vec<Figures>)>,
}

/// What of the figures a column shows.
type Quantity = fn(&Figures) -> f64;

const CPU: Quantity = |figures| figures.cpu_seconds * 1e3;
const PEAK: Quantity = |figures| figures.peak_mib;

impl Rounds<'_> {
    /// The heading of the table.
    pub(super) fn head() -> String {
        format!(
            "{:12} {:10} {:>9} {:>9} {:>10} {:>10}",
            "program", "heap", "CPU, ms", "peak, MiB", "CPU ratio", "peak ratio"
        )
    }

    /// The heaps whose checksum is not that of the first one.
    pub(super) fn wrong(&self) -> Vec<&str> {
        let mut all =
            self.heaps.iter().flat_map(|(name, rounds)| rounds.iter().map(|figures| (*name, figures.checksum)));
        let Some((_, right)) = all.next() else { return Vec::new() };
        let mut wrong: Vec<&str> = all.filter(|&(_, checksum)| checksum != right).map(|(name, _)| name).collect();
        wrong.dedup();
        wrong
    }

    /// The median of the ratios to the base, round by round; `None` where the base takes no part.
    fn ratio(&self, rounds: &[Figures], of: Quantity) -> Option<f64> {
        let (_, base) = self.heaps.iter().find(|&&(name, _)| name == BASE)?;
        median(rounds.iter().zip(base).map(|(figures, base)| of(figures) / of(base)).collect())
    }
}

/// A row for each heap.
impl Display for Rounds<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (name, rounds) in &self.heaps {
            write!(f, "{:12} {name:10}", self.program)?;
            for (of, width, digits) in [(CPU, 9, 0), (PEAK, 9, 1)] {
                match median(rounds.iter().map(of).collect()) {
                    Some(middle) => write!(f, " {middle:>width$.digits$}")?,
                    None => write!(f, " {:>width$}", "-")?,
                }
            }
            for of in [CPU, PEAK] {
                match self.ratio(rounds, of) {
                    Some(ratio) => write!(f, " {ratio:>10.3}")?,
                    None => write!(f, " {:>10}", "-")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// The middle one of these values, or the mean of the two in the middle; `None` for no values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[values.len() / 2 - 1], upper) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(checksum: u64, cpu_seconds: f64, peak_mib: f64) -> Figures {
        Figures { checksum, cpu_seconds, peak_mib }
    }

    #[test]
    fn a_ratio_is_the_median_of_those_within_the_rounds() {
        let base = vec![figures(7, 1.0, 10.0), figures(7, 2.0, 10.0), figures(7, 4.0, 10.0)];
        let other = vec![figures(7, 0.5, 20.0), figures(7, 1.8, 20.0), figures(7, 3.0, 5.0)];
        let rounds = Rounds { program: "p", heaps: vec![(BASE, base), ("other", other)] };
        assert!(rounds.wrong().is_empty());
        let printed = rounds.to_string();
        let row: Vec<&str> = printed.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row, ["p", "other", "1800", "20.0", "0.750", "2.000"]);
    }

    #[test]
    fn a_wrong_checksum_is_noticed_in_any_round() {
        let heaps = vec![
            ("a", vec![figures(7, 1.0, 1.0), figures(7, 1.0, 1.0)]),
            ("b", vec![figures(7, 1.0, 1.0), figures(8, 1.0, 1.0)]),
        ];
        let rounds = Rounds { program: "p", heaps };
        assert_eq!(rounds.wrong(), ["b"]);
        assert!(rounds.to_string().contains('-'), "without the base, there is no ratio");
    }
}
