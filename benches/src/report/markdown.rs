//! The figures as Markdown: one table for each family of workloads, and one of the allocators.

use std::fmt::Write as _;
use std::ops::Range;

use super::compare::{Agreement, clock, noise};
use super::number;
use super::summary::{Part, Row, Summary, summarise};
use crate::results::{Family, Results, Role};

/// What stands before the tables in a file that holds them.
pub const BEGIN: &str = "<!-- report:begin -->";
/// What stands behind them.
pub const END: &str = "<!-- report:end -->";

/// The tables, between [`BEGIN`] and [`END`]. A mark stands at ratios that do not hold in the last of these comparisons.
pub fn tables(results: &Results, agreements: &[Agreement]) -> String {
    let mut text = format!(
        "{BEGIN}\n<!-- written by the report of `benches`; do not edit -->\n\n{}\n",
        preface(results, agreements)
    );
    let summaries = summarise(results, Part::All);
    let mut families: Vec<Family> = Vec::new();
    for summary in &summaries {
        if !families.contains(&summary.workload.family) {
            families.push(summary.workload.family);
        }
    }
    for family in families {
        let of_family: Vec<&Summary<'_>> = summaries.iter().filter(|s| s.workload.family == family).collect();
        text.push('\n');
        text.push_str(&table(results, &of_family, agreements.last()));
    }
    if !results.allocators.is_empty() {
        text.push('\n');
        text.push_str(&allocators(results));
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// Who took part, from where, and what compiled it.
fn allocators(results: &Results) -> String {
    let row = |cells: [&str; 5]| line(&cells.map(str::to_owned));
    let mut text = row(["allocator", "side", "release", "what it is", "built with"]) + &row(["---"; 5]);
    for contender in &results.allocators {
        let release = results.versions.get(&contender.name).map_or("", String::as_str);
        let [description, built_with] = [&contender.description, &contender.built_with].map(|text| escape_prose(text));
        text.push_str(&row([&code(&contender.name), contender.role.name(), release, &description, &built_with]));
    }
    text
}

/// The text of a file with the tables put between its markers.
///
/// # Errors
///
/// A line that says which marker is missing, or there more than once.
pub fn put_into(file: &str, tables: &str) -> Result<String, String> {
    let begin = only_line(file, BEGIN)?.start;
    let end = only_line(file, END)?.end;
    if end < begin {
        return Err(format!("there is no line `{END}` after `{BEGIN}`"));
    }
    Ok(format!("{}{}{}", &file[..begin], tables.trim_end(), &file[end..]))
}

/// The range of the only line that is this marker, without its line end.
fn only_line(file: &str, marker: &str) -> Result<Range<usize>, String> {
    let mut start = 0;
    let lines = file.split_inclusive('\n').filter_map(|line| {
        let begin = start;
        start += line.len();
        (line.trim_end() == marker).then(|| begin..begin + marker.len())
    });
    match &lines.collect::<Vec<_>>()[..] {
        [line] => Ok(line.clone()),
        [] => Err(format!("there is no line `{marker}`")),
        more => Err(format!("there are {} lines `{marker}`", more.len())),
    }
}

fn preface(results: &Results, agreements: &[Agreement]) -> String {
    let quick = if results.quick { ", workloads cut short" } else { "" };
    let mut text = format!(
        "Medians of {} rounds{quick}, seed {}, on {} ({}). During this run: {}.\n\n\
         In brackets the median of the ratios to the best peer within each round, which can differ from the quotient of two \
         medians. A dash: the allocator cannot do this work, or not in time.",
        results.rounds,
        results.seed,
        results.machine.cpu,
        results.machine.rustc,
        noise(results.noise),
    );
    if let Some(agreement) = agreements.last() {
        write!(text, " {}", agreement.sentence()).expect(ALL);
        let marked = agreement.apart.iter().any(|(ratio, _)| ratio.is_to_best_peer());
        text.push_str(if marked { " A question mark stands at ratios of these tables that do not." } else { "" });
        if results.workloads.iter().any(|workload| workload.threads > 1) {
            text.push_str(" Work of several threads was not compared.");
        }
    }
    if results.allocators.iter().any(|contender| contender.role == Role::Peer && !contender.in_pool) {
        text.push_str(
            " Allocators of hosted programs take memory from the system as they like; they have columns of their own, and \
             are no best peer.",
        );
    }
    if results.workloads.iter().any(|workload| workload.family == Family::Latency) {
        write!(text, " {}", clock(&results.machine)).expect(ALL);
    }
    text
}

/// Why writing to a string cannot fail.
const ALL: &str = "a string takes all";

/// One line for each workload; a column for each allocator of ours, the best peer, the floor, and each allocator of hosted
/// programs.
fn table(results: &Results, summaries: &[&Summary<'_>], agreement: Option<&Agreement>) -> String {
    let row_of = |summary: &Summary<'_>, name: &str| summary.rows.iter().position(|row| row.allocator == name);
    let takes_part = |name: &str| summaries.iter().any(|summary| row_of(summary, name).is_some());
    let columns = |role: Role, in_pool: bool| {
        let of_role = results.allocators.iter().filter(move |a| a.role == role && a.in_pool == in_pool);
        of_role.map(|a| a.name.as_str()).filter(|name| takes_part(name)).collect::<Vec<_>>()
    };
    let (ours, floors, hosted) = (columns(Role::Ours, true), columns(Role::Floor, true), columns(Role::Peer, false));

    let mut head = vec!["workload".to_owned(), "unit".to_owned()];
    head.extend(ours.iter().map(|name| code(name)));
    head.push("best peer".to_owned());
    head.extend(floors.iter().map(|name| escape(name)));
    head.extend(hosted.iter().map(|name| code(name)));
    let rule: Vec<String> =
        head.iter().enumerate().map(|(i, _)| if i < 2 { "---" } else { "---:" }.to_owned()).collect();

    let mut text = line(&head) + &line(&rule);
    for summary in summaries {
        let find = |name: &str| row_of(summary, name).map(|i| &summary.rows[i]);
        let mut cells = vec![code(&summary.workload.name), summary.measure.unit().to_owned()];
        cells.extend(ours.iter().map(|name| cell(summary, find(name), Some(agreement))));
        cells.push(match summary.best_peer {
            Some(name) => format!("{} {}", cell(summary, find(name), None), code(name)),
            None => "—".to_owned(),
        });
        cells.extend(floors.iter().map(|name| cell(summary, find(name), None)));
        cells.extend(hosted.iter().map(|name| cell(summary, find(name), Some(agreement))));
        text.push_str(&line(&cells));
    }
    text
}

/// A figure, with its ratio where the comparison that it is held against is given.
fn cell(summary: &Summary<'_>, row: Option<&Row<'_>>, with_ratio: Option<Option<&Agreement>>) -> String {
    let Some((row, value)) = row.and_then(|row| Some((row, row.value?))) else { return "—".to_owned() };
    let mut text = summary.measure.write(value);
    if let (Some(ratio), Some(agreement)) = (row.to_peer, with_ratio) {
        let doubted = agreement.is_some_and(|agreement| agreement.doubts(&summary.workload.name, row.allocator));
        write!(text, " ({}{})", number::times(ratio), if doubted { "?" } else { "" }).expect(ALL);
    }
    text
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn code(name: &str) -> String {
    format!("`{}`", name.replace('`', "'").replace('|', "\\|"))
}

/// A text in which what stands between backticks is code already, where only a bar has to be escaped.
fn escape_prose(text: &str) -> String {
    let part = |(i, part): (usize, &str)| if i % 2 == 1 { code(part) } else { escape(part) };
    text.split('`').enumerate().map(part).collect()
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{compare, synthetic};
    use crate::results::Outcome;

    #[test]
    fn the_tables_are_what_a_readme_shows() {
        let tables = tables(&synthetic::results(), &[]);
        assert!(
            tables.contains("| workload | unit | `slab` | best peer | floor |\n| --- | --- | ---: | ---: | ---: |\n")
        );
        assert!(tables.contains("| `bytes/pair-64` | ns/op | 10.0 (0.50×) | 20.0 `rlsf` | 2.00 |\n"), "{tables}");
        assert!(tables.contains("| `fill/brink/small` | % | 40.0 (0.50×) | 80.0 `rlsf` | 8.0 |\n"), "{tables}");
        assert!(tables.contains("seed 7, on A CPU"));
    }

    #[test]
    fn allocators_of_hosted_programs_have_columns_and_all_say_what_compiled_them() {
        let mut results = synthetic::results();
        results.allocators.iter_mut().filter(|a| a.name == "rlsf").for_each(|a| a.in_pool = false);
        let tables = tables(&results, &[]);
        assert!(tables.contains("| best peer | floor | `rlsf` |\n"), "{tables}");
        let line = "| `bytes/pair-64` | ns/op | 10.0 (0.33×) | 30.0 `talc` | 2.00 | 20.0 (0.67×) |\n";
        assert!(tables.contains(line), "{tables}");
        assert!(tables.contains("and are no best peer."), "{tables}");
        let line = "| `rlsf` | peer | 1.2.3 | a heap &lt;of bytes> & more | a compiler with `-O3 <all>` |\n";
        assert!(tables.contains(line), "{tables}");
    }

    #[test]
    fn the_same_results_give_the_same_text() {
        assert_eq!(tables(&synthetic::results(), &[]), tables(&synthetic::results(), &[]));
    }

    #[test]
    fn tables_take_the_place_of_older_ones() {
        let tables = tables(&synthetic::results(), &[]);
        let file = format!("before `{BEGIN}` and `{END}`\n{BEGIN}\nold\n{END}\nafter\n");
        let once = put_into(&file, &tables).unwrap();
        let start = format!("before `{BEGIN}` and `{END}`\n{BEGIN}\n<!-- written");
        assert!(once.starts_with(&start) && once.ends_with("end -->\nafter\n"), "only lines are markers: {once}");
        assert!(!once.contains("old"));
        assert_eq!(put_into(&once, &tables).unwrap(), once, "a second time changes nothing");
    }

    #[test]
    fn the_page_of_results_takes_tables() {
        let tables = tables(&synthetic::results(), &[]);
        let page = put_into(include_str!("../../RESULTS.md"), &tables).unwrap();
        assert!(page.starts_with("# Results\n") && page.contains(&tables), "{page}");
    }

    #[test]
    fn a_file_without_markers_is_refused() {
        assert!(put_into("text", "").unwrap_err().contains(BEGIN));
        assert!(put_into(&format!("{END}\n{BEGIN}"), "").unwrap_err().contains(END));
        assert!(put_into(&format!("`{BEGIN}` `{END}`"), "").unwrap_err().contains(BEGIN));
        assert!(put_into(&format!("{BEGIN}\n{BEGIN}\n{END}"), "").unwrap_err().contains("2 lines"));
    }

    #[test]
    fn results_of_nothing_give_empty_tables() {
        let mut results = synthetic::results();
        results.workloads.clear();
        assert!(tables(&results, &[]).ends_with("end -->\n"));
    }

    #[test]
    fn ratios_that_do_not_hold_are_marked() {
        let (this, mut other) = (synthetic::results(), synthetic::results());
        let figure = other.figures.iter_mut().find(|f| f.allocator == "slab").unwrap();
        let Outcome::Time { ns_per_op, .. } = &mut figure.outcome else { panic!("the first workload is timed") };
        ns_per_op.iter_mut().for_each(|ns| *ns *= 1.2);
        let tables = tables(&this, &[compare::halves(&this), compare::runs(&this, &other)]);
        assert!(tables.contains("| `bytes/pair-64` | ns/op | 10.0 (0.50×?) |"), "{tables}");
        assert_eq!(tables.matches("×?").count(), 1);
        assert!(tables.contains("between this run and another. A question mark"), "{tables}");
        assert!(tables.contains("Work of several threads was not compared."), "{tables}");
    }

    #[test]
    fn what_nobody_looked_at_is_said_so() {
        let mut results = synthetic::results();
        (results.noise, results.machine.timer_step_ns) = (None, None);
        let tables = tables(&results, &[compare::halves(&results)]);
        assert!(tables.contains("During this run: nobody looked how quiet the machine was."), "{tables}");
        assert!(!tables.contains("steps"), "{tables}");
    }
}
