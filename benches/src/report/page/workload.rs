//! One workload on the page, or one group of workloads on a line: what it is, the drawing, and all its numbers as text.

use crate::report::charts::lines::{self, Against, Group, Point};
use crate::report::charts::{bars, latency, sizes};
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

/// Workloads that differ in size, or in the distribution of sizes: what differs, the drawing, and behind it the numbers.
pub(super) fn lines(group: &Group<'_, '_>, results: &Results, id: &str) -> String {
    let (title, measure) = (group.against.title(), group.against.measure());
    let mut head = vec![String::new()];
    head.extend(group.points.iter().map(|point| point.label.clone()));
    let mut table = Table::new(&head);
    if let Some((name, cells)) = differing(group) {
        table.row(name, &cells);
    }
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
    let (what, drawing) = match group.against {
        Against::Sizes => ("Share", sizes::draw(group, results)),
        Against::Pool => ("Share", lines::draw(group, results)),
        Against::Live | Against::Space => ("Cost", lines::draw(group, results)),
    };
    let reading = [sentence(&common_title(group)), reading(group).to_owned()].join(" ");
    format!(
        "<article id=\"{id}\">\n<h3>{what} against {title}: {}</h3>\n<p>{}</p>\n\
         <dl><dt>Unit</dt><dd>{}</dd></dl>\n<figure>{drawing}</figure>\n\
         <details><summary>The numbers</summary>\n{}</details>\n</article>\n",
        escape(&group.name),
        prose(reading.trim_start()),
        measure.explanation(),
        table.finish(),
    )
}

/// What differs between the points of a group, and how to read that.
fn reading(group: &Group<'_, '_>) -> &'static str {
    let also = group.points.iter().any(|point| point.also.is_some());
    match (group.against, also) {
        (Against::Live, _) => "From left to right, more blocks are live; flat lines scale, steep ones do not.",
        (Against::Space, false) => "From left to right, the page space grows; flat lines scale, steep ones do not.",
        (Against::Space, true) => {
            "From left to right, the page space grows; how many blocks are live differs, too, and is written below: a line \
             may rise for either."
        }
        (Against::Pool, _) => {
            "From left to right, the pool grows: what an engine keeps for itself, or for each size of blocks, weighs less."
        }
        (Against::Sizes, false) => "A mark for each distribution of sizes.",
        (Against::Sizes, true) => {
            "A mark for each distribution of sizes. The pools are not all of the same size: compare allocators by one mark, \
             and marks with one another only where their pools are the same."
        }
    }
}

/// What the titles of all points begin with, clause by clause.
fn common_title(group: &Group<'_, '_>) -> String {
    let clauses = |point: &Point<'_, '_>| point.summary.workload.title.split("; ").map(str::to_owned).collect();
    let mut titles = group.points.iter().map(clauses);
    let mut common: Vec<String> = titles.next().unwrap_or_default();
    for title in titles {
        let title: Vec<String> = title;
        let same = common.iter().zip(&title).take_while(|(a, b)| a == b).count();
        common.truncate(same);
    }
    common.join("; ")
}

/// A row of what differs between the points beside what they are drawn against: its name, and its cells.
fn differing(group: &Group<'_, '_>) -> Option<(&'static str, Vec<String>)> {
    group.points.iter().find(|point| point.also.is_some())?;
    let live = |point: &Point<'_, '_>| point.summary.workload.live.map(number::whole);
    let pool = |point: &Point<'_, '_>| point.summary.workload.pool_bytes.map(number::bytes);
    let (name, cells): (_, Vec<Option<String>>) = match group.against {
        Against::Live | Against::Pool => return None,
        Against::Space => ("live at a time", group.points.iter().map(live).collect()),
        Against::Sizes => ("pool", group.points.iter().map(pool).collect()),
    };
    Some((name, cells.into_iter().map(|cell| cell.unwrap_or_else(|| "—".to_owned())).collect()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::{Part, summarise};
    use crate::report::synthetic;
    use crate::results::Family;

    /// What the page says of the first group of a kind, with other titles and numbers of live blocks in that family.
    fn said(against: Against, family: Family, made: [(&str, Option<u64>); 2]) -> String {
        let mut results = synthetic::results();
        let of_family = results.workloads.iter_mut().filter(|workload| workload.family == family);
        for (workload, (title, live)) in of_family.zip(made) {
            workload.title = title.to_owned();
            workload.live = live;
        }
        lines(&lines::groups(&summarise(&results, Part::All), against)[0], &results, "id")
    }

    #[test]
    fn a_larger_space_with_more_live_is_not_called_the_same_work() {
        let titles = ["a page is taken; 256 MiB of page space", "a page is taken; 1 TiB of page space"];
        let same = said(Against::Space, Family::Pages, titles.map(|title| (title, Some(8))));
        assert!(same.contains("A page is taken. From left to right, the page space grows; flat"), "{same}");
        assert!(!same.contains("live at a time"), "{same}");
        let more = said(Against::Space, Family::Pages, [(titles[0], Some(32_768)), (titles[1], Some(1_048_576))]);
        assert!(more.contains("how many blocks are live differs, too"), "{more}");
        assert!(
            more.contains("live at a time</th><td class=\"n\">32,768</td><td class=\"n\">1,048,576</td>"),
            "{more}"
        );
    }

    #[test]
    fn pools_are_called_the_same_only_where_they_are() {
        let with_pools = |pools: [u64; 2]| {
            let mut results = synthetic::results();
            let filled = results.workloads.iter_mut().filter(|workload| workload.family == Family::Fill);
            filled.zip(pools).for_each(|(workload, pool)| {
                workload.title = format!("filled; a pool of {}", number::bytes(pool));
                workload.pool_bytes = Some(pool);
            });
            lines(&lines::groups(&summarise(&results, Part::All), Against::Sizes)[0], &results, "id")
        };
        let same = with_pools([4 << 20; 2]);
        assert!(same.contains("Filled; a pool of 4 MiB. A mark for") && !same.contains(">pool<"), "{same}");
        let other = with_pools([4 << 20, 32 << 20]);
        assert!(other.contains("The pools are not all of the same size"), "{other}");
        assert!(other.contains("pool</th><td class=\"n\">4 MiB</td><td class=\"n\">32 MiB</td>"), "{other}");
    }

    #[test]
    fn titles_have_in_common_what_they_begin_with() {
        let none = said(Against::Live, Family::Bytes, [("", None), ("one of 1 page; slow", Some(1))]);
        assert!(none.contains("<p>From left to right, more blocks are live"), "{none}");
    }
}
