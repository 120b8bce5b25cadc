//! One workload on the page, or one group of workloads on a line: what it is, the drawing, and all its numbers as text.

use crate::report::charts::lines::{self, Group, Point};
use crate::report::charts::{bars, latency};
use crate::report::html::{Table, anchor, escape, prose};
use crate::report::number;
use crate::report::summary::{Measure, Row, Summary};
use crate::results::{Outcome, Results};

/// A workload: its title, sizes and unit, its drawing, and behind that the numbers.
pub(super) fn article(summary: &Summary<'_>) -> String {
    let workload = summary.workload;
    let drawing = match (summary.rows.is_empty(), summary.measure) {
        (true, _) => "<p>No allocator took part.</p>".to_owned(),
        (false, Measure::Latency) => latency::draw(summary),
        (false, Measure::Time | Measure::Share) => bars::draw(summary),
    };
    format!(
        "<article id=\"{}\">\n<h3>{}</h3>\n<p>{}</p>\n<dl>{}</dl>\n<figure>{drawing}</figure>\n\
         <details><summary>The numbers</summary>\n{}</details>\n</article>\n",
        anchor(&workload.name),
        escape(&workload.name),
        prose(&sentence(&workload.title)),
        facts(summary),
        numbers(summary),
    )
}

/// Workloads that differ in size only, as lines.
pub(super) fn lines(group: &Group<'_, '_>, results: &Results, id: &str) -> String {
    let (title, measure) = (group.against.title(), group.against.measure());
    let mut head = vec![String::new()];
    head.extend(group.points.iter().map(|point| point.label.clone()));
    let mut table = Table::new(&head);
    for contender in &results.allocators {
        let find = |point: &Point<'_, '_>| {
            let row = point.summary.rows.iter().find(|row| row.allocator == contender.name)?;
            Some(value(measure, row.value))
        };
        let cells: Vec<Option<String>> = group.points.iter().map(find).collect();
        if cells.iter().any(Option::is_some) {
            let cells: Vec<String> = cells.into_iter().map(Option::unwrap_or_default).collect();
            table.row(&contender.name, &cells);
        }
    }
    let (what, reading) = match measure {
        Measure::Share => ("Share", "The same pool, filled with blocks of other sizes.".to_owned()),
        _ => ("Cost", format!("The same work with more {title}; flat lines scale, steep ones do not.")),
    };
    format!(
        "<article id=\"{id}\">\n<h3>{what} against {title}: {}</h3>\n<p>{reading}</p>\n\
         <dl><dt>Unit</dt><dd>{}</dd></dl>\n<figure>{}</figure>\n\
         <details><summary>The numbers</summary>\n{}</details>\n</article>\n",
        escape(&group.name),
        measure.explanation(),
        lines::draw(group, results),
        table.finish(),
    )
}

/// A line as a sentence: with a capital letter, and an end.
fn sentence(line: &str) -> String {
    let mut rest = line.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if line.is_empty() || line.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", rest.as_str())
}

fn facts(summary: &Summary<'_>) -> String {
    let workload = summary.workload;
    let facts = [
        ("Sizes", (!workload.sizes.is_empty()).then(|| prose(&workload.sizes))),
        ("Live", workload.live.map(|live| format!("{} at a time", number::whole(live)))),
        ("Page space", workload.space_bytes.map(number::bytes)),
        ("Threads", (workload.threads > 1).then(|| workload.threads.to_string())),
        ("Unit", Some(summary.measure.explanation().to_owned())),
    ];
    let pair = |(name, fact): (&str, Option<String>)| fact.map(|fact| format!("<dt>{name}</dt><dd>{fact}</dd>"));
    facts.into_iter().filter_map(pair).collect()
}

/// Everything that was measured of a workload.
fn numbers(summary: &Summary<'_>) -> String {
    let values: &[&str] = match summary.measure {
        Measure::Latency => &["p50", "p90", "p99", "p99.9", "max", "operations"],
        Measure::Time | Measure::Share => &["median", "rounds"],
    };
    let head = ["", "side"].iter().chain(values).chain(&["to the best peer", "to the floor", ""]);
    let mut table = Table::new(&head.collect::<Vec<_>>());
    for row in &summary.rows {
        let mut cells = vec![row.role.name().to_owned()];
        cells.extend(measured(summary.measure, row));
        cells.resize(1 + values.len(), "—".to_owned());
        cells.extend([row.to_peer, row.to_floor].map(|ratio| ratio.map_or_else(|| "—".to_owned(), number::times)));
        cells.push(row.note());
        table.row(row.allocator, &cells);
    }
    table.finish()
}

fn measured(measure: Measure, row: &Row<'_>) -> Vec<String> {
    let rounds = |rounds: &[f64]| rounds.iter().map(|&v| measure.write(v)).collect::<Vec<_>>().join(" · ");
    match row.outcome {
        Outcome::Time { ns_per_op: values, .. } | Outcome::Share { shares: values } => {
            vec![value(measure, row.value), rounds(values)]
        }
        Outcome::Latency { percentiles, operations, .. } => {
            let mut cells: Vec<String> = percentiles.iter().map(|&(_, ns)| measure.write(ns)).collect();
            cells.push(number::whole(*operations));
            cells
        }
        Outcome::None { .. } => Vec::new(),
    }
}

fn value(measure: Measure, value: Option<f64>) -> String {
    value.map_or_else(|| "—".to_owned(), |value| measure.write(value))
}
