//! All ratios to the best peer in one table for each family: workloads down, allocators across.

use std::fmt::Write as _;

use super::{ALL, Section, families, short};
use crate::report::compare::Agreement;
use crate::report::html::{anchor, escape};
use crate::report::number;
use crate::report::statistics::geometric_mean;
use crate::report::summary::{Measure, Row, Summary};
use crate::results::{Contender, Results, Role};

/// Within this factor of the best peer, an allocator is called even with it.
const EVEN: f64 = 1.15;
/// From this factor on, it is called far behind.
const FAR: f64 = 2.0;

/// The section.
pub(super) fn section(results: &Results, summaries: &[Summary<'_>], agreement: Option<&Agreement>) -> Section {
    let mut html =
        "<p>Each figure as a multiple of the best peer's, the best of those that are neither ours nor the floor \
         (outlined; allocators that take their memory from the system count only where there is no other). Of times, less than 1× is better; of shares (%), more. A star marks figures of allocators that refused \
         requests which others served: who refuses work is fast, and is no best peer. \
         Where no peer has a figure, this is the figure itself. A question mark: \
         <a href=\"#agreement\">not to be relied on</a>.</p>\n<ul class=\"key\"><li class=\"good\">better</li><li \
         class=\"even\">within 15 %</li><li class=\"behind\">behind</li><li class=\"far\">by 2× and more</li></ul>\n"
            .to_owned();
    for family in families(summaries) {
        let of_family: Vec<&Summary<'_>> = summaries.iter().filter(|s| s.workload.family == family).collect();
        write!(html, "<h3>{}</h3>\n{}", escape(family.title()), table(results, &of_family, agreement)).expect(ALL);
    }
    Section { id: "glance".to_owned(), title: "At a glance".to_owned(), parts: Vec::new(), html }
}

fn table(results: &Results, summaries: &[&Summary<'_>], agreement: Option<&Agreement>) -> String {
    let takes_part = |a: &&Contender| summaries.iter().any(|s| s.rows.iter().any(|row| row.allocator == a.name));
    let mut contenders: Vec<&Contender> = results.allocators.iter().filter(takes_part).collect();
    contenders.sort_by_key(|contender| contender.role);

    let mut html = "<div class=\"scroll\"><table class=\"glance\"><thead><tr><td></td>".to_owned();
    for contender in &contenders {
        let (class, name) = (contender.role.name(), escape(&contender.name));
        write!(html, "<th scope=\"col\" class=\"{class}\"><span>{name}</span></th>").expect(ALL);
    }
    html.push_str("</tr></thead><tbody>\n");
    for summary in summaries {
        let name = &summary.workload.name;
        let unit = if summary.measure.higher_is_better() { " (%)" } else { "" };
        write!(html, "<tr><th scope=\"row\"><a href=\"#{}\">{}</a>{unit}</th>", anchor(name), escape(short(name)))
            .expect(ALL);
        for contender in &contenders {
            html.push_str(&cell(summary, summary.rows.iter().find(|row| row.allocator == contender.name), agreement));
        }
        html.push_str("</tr>\n");
    }
    html.push_str(&means(summaries, &contenders));
    html + "</tbody></table></div>\n"
}

fn cell(summary: &Summary<'_>, row: Option<&Row<'_>>, agreement: Option<&Agreement>) -> String {
    let Some(row) = row else { return "<td></td>".to_owned() };
    let note = row.note();
    let hint = if note.is_empty() { String::new() } else { format!(" title=\"{}\"", escape(&note)) };
    let Some(ratio) = row.to_peer else {
        let text = row.value.map_or_else(|| "—".to_owned(), |value| summary.measure.write(value));
        return format!("<td{hint}>{text}</td>");
    };
    let best = if summary.best_peer == Some(row.allocator) { " best" } else { "" };
    let refused = if summary.refuses_work(row) { "*" } else { "" };
    let is_doubted = agreement.is_some_and(|agreement| agreement.doubts(&summary.workload.name, row.allocator));
    let doubted = if is_doubted { "?" } else { "" };
    let class = class(summary.measure, ratio, row.role);
    format!("<td class=\"{class}{best}\"{hint}>{}{doubted}{refused}</td>", number::times(ratio))
}

/// How good a ratio is. The floor is no contender, and not judged.
fn class(measure: Measure, ratio: f64, role: Role) -> &'static str {
    let cost = if measure.higher_is_better() { 1.0 / ratio } else { ratio };
    match cost {
        _ if role == Role::Floor => "unjudged",
        cost if cost < 1.0 / EVEN => "good",
        cost if cost <= EVEN => "even",
        cost if cost < FAR => "behind",
        _ => "far",
    }
}

/// A last line of geometric means, of allocators that have a figure for all of the workloads.
fn means(summaries: &[&Summary<'_>], contenders: &[&Contender]) -> String {
    // Shares of different things have no mean that says anything.
    if summaries.len() < 2 || summaries.iter().any(|summary| summary.measure == Measure::Share) {
        return String::new();
    }
    let mean = |contender: &&Contender| {
        let ratio = |summary: &&Summary<'_>| summary.rows.iter().find(|row| row.allocator == contender.name)?.to_peer;
        let ratios: Option<Vec<f64>> = summaries.iter().map(ratio).collect();
        geometric_mean(&ratios?)
    };
    let means: Vec<Option<f64>> = contenders.iter().map(mean).collect();
    if means.iter().all(Option::is_none) {
        return String::new();
    }
    let mut html = "<tr class=\"mean\"><th scope=\"row\">geometric mean</th>".to_owned();
    for mean in means {
        write!(html, "<td>{}</td>", mean.map_or_else(|| "—".to_owned(), number::times)).expect(ALL);
    }
    html + "</tr>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_judged_by_what_is_better() {
        let judged = [0.5, 1.0, 1.5, 3.0].map(|ratio| class(Measure::Time, ratio, Role::Ours));
        assert_eq!(judged, ["good", "even", "behind", "far"]);
        let judged = [0.4, 0.6, 1.0, 1.5].map(|ratio| class(Measure::Share, ratio, Role::Ours));
        assert_eq!(judged, ["far", "behind", "even", "good"]);
        assert_eq!(class(Measure::Time, 0.1, Role::Floor), "unjudged");
    }
}
