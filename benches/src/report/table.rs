//! The figures as a table for a terminal.

use std::io::{self, Write};

use super::compare::{self, Agreement, TOLERANCE};
use super::number;
use super::statistics::difference;
use super::summary::{Measure, Part, Row, Summary, summarise};
use crate::results::{Family, Outcome, Results, Role};

/// Writes one table for each workload, the best allocator first.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, results: &Results) -> io::Result<()> {
    for summary in summarise(results, Part::All) {
        let Summary { workload, measure, .. } = &summary;
        writeln!(out, "{}  {}", workload.name, workload.title)?;
        writeln!(out, "  {} ({})", measure.explanation(), workload.sizes)?;
        let mut rows = vec![head(*measure)];
        rows.extend(summary.rows.iter().map(|row| cells(&summary, row)));
        write_columns(out, &rows)?;
        writeln!(out)?;
    }
    if results.workloads.iter().any(|workload| workload.family == Family::Latency) {
        writeln!(out, "{}", compare::clock(&results.machine))?;
    }
    for contender in results.allocators.iter().filter(|contender| !contender.in_pool) {
        let release = results.versions.get(&contender.name).map_or("", String::as_str);
        writeln!(out, "{} {release}, built with {}.", contender.name, contender.built_with.replace('`', ""))?;
    }
    writeln!(out, "Of each figure the median of {} rounds; seed {}.", results.rounds, results.seed)?;
    writeln!(out, "During this run: {}.", compare::noise(results.noise))
}

/// Writes how far the sides of a comparison agree, and where they do not.
///
/// # Errors
///
/// Those of the writer.
pub fn write_agreement(out: &mut dyn Write, agreement: &Agreement) -> io::Result<()> {
    writeln!(out, "{}", agreement.sentence())?;
    if agreement.apart.is_empty() {
        return Ok(());
    }
    writeln!(out, "More than {:.0} % apart:", TOLERANCE * 100.0)?;
    let mut rows = vec![["", "workload", "ratio to", "one", "other", "apart"].map(str::to_owned).to_vec()];
    rows.extend(agreement.apart.iter().map(|(ratio, other)| {
        vec![
            ratio.allocator.clone(),
            ratio.workload.clone(),
            ratio.base.to_owned(),
            number::times(ratio.value),
            number::times(*other),
            format!("{:.0} %", difference(ratio.value, *other) * 100.0),
        ]
    }));
    write_columns(out, &rows)
}

fn head(measure: Measure) -> Vec<String> {
    let value: &[&str] = match measure {
        Measure::Latency => &["p50", "p90", "p99", "p99.9", "max"],
        Measure::Time | Measure::Share => &["median", "least", "greatest"],
    };
    let all = ["", "side"].iter().chain(value).chain(&["/best peer", "/floor", ""]);
    all.map(|cell| (*cell).to_owned()).collect()
}

fn cells(summary: &Summary<'_>, row: &Row<'_>) -> Vec<String> {
    let none = || "—".to_owned();
    let value = |value: Option<f64>| value.map_or_else(none, |value| summary.measure.write(value));
    let mut cells = vec![row.allocator.to_owned(), row.role.name().to_owned()];
    match (summary.measure, row.outcome) {
        (_, Outcome::Latency { percentiles, .. }) => cells.extend(percentiles.iter().map(|&(_, ns)| value(Some(ns)))),
        (Measure::Latency, _) => cells.extend(std::iter::repeat_with(none).take(5)),
        _ => {
            let (least, greatest) = row.spread.unzip();
            cells.extend([row.value, least, greatest].map(value));
        }
    }
    cells.extend([row.to_peer, row.to_floor].map(|ratio| ratio.map_or_else(none, number::times)));
    cells.push(row.note());
    cells
}

/// Writes the cells of each row one below the other: the first columns, which are words, to the left, numbers to the
/// right, and the last one as it is.
fn write_columns(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width_of = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width_of(column).unwrap_or(0)).collect();
    let is_number = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || "<—".contains(c));
    let numeric: Vec<bool> = (0..columns)
        .map(|column| {
            let mut cells = rows.iter().skip(1).filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
            column > 0 && column + 1 < columns.max(2) && cells.clone().next().is_some() && cells.all(|c| is_number(c))
        })
        .collect();
    for row in rows {
        let mut line = String::from(" ");
        for (column, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[column] - cell.chars().count());
            let (before, after) = if numeric[column] { (gap.as_str(), "") } else { ("", gap.as_str()) };
            line.extend([" ", before, cell, after, " "]);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

impl Role {
    /// What the side is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Peer => "peer",
            Self::Floor => "floor",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{compare, synthetic};

    fn printed() -> String {
        let mut out = Vec::new();
        write(&mut out, &synthetic::results()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn figures_stand_with_their_ratios() {
        let printed = printed();
        let line = |start: &str| printed.lines().find(|line| line.trim_start().starts_with(start)).unwrap().to_owned();
        assert_eq!(
            line("slab").split_whitespace().collect::<Vec<_>>(),
            ["slab", "ours", "10.0", "9.00", "12.0", "0.50×", "5.00×"]
        );
        assert!(line("a<b>").ends_with("it <cannot>"), "who gave up says why");
    }

    #[test]
    fn latencies_come_with_what_the_clock_costs() {
        let clock = compare::clock(&synthetic::results().machine);
        assert_eq!(printed().matches(&clock).count(), 1);
        let mut results = synthetic::results();
        results.workloads.retain(|workload| workload.family != Family::Latency);
        let mut out = Vec::new();
        write(&mut out, &results).unwrap();
        assert!(!String::from_utf8(out).unwrap().contains(&clock), "where there are any");
    }

    #[test]
    fn columns_are_aligned() {
        let printed = printed();
        let ends: Vec<_> = printed
            .lines()
            .skip_while(|line| !line.contains("/best peer"))
            .take(4)
            .map(|line| line.chars().take_while(|&c| c != '×').count())
            .collect();
        assert_eq!(ends[1], ends[2]);
        assert_eq!(ends[2], ends[3]);
    }

    #[test]
    fn disagreements_are_listed() {
        let (this, mut other) = (synthetic::results(), synthetic::results());
        other.figures.iter_mut().for_each(|figure| {
            if let (Outcome::Time { ns_per_op, .. }, "slab") = (&mut figure.outcome, figure.allocator.as_str()) {
                ns_per_op.iter_mut().for_each(|ns| *ns *= 2.0);
            }
        });
        let mut out = Vec::new();
        write_agreement(&mut out, &compare::runs(&this, &other)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("the best peer") && text.contains("0.50×") && text.contains("100 %"), "{text}");
    }
}
