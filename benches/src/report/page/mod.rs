//! The page of a run: one file of HTML that needs neither other files nor a network.
//!
//! `glance` is the table of ratios, `workload` a workload's explanation, drawing and numbers, `method` how it was measured.

mod glance;
mod method;
mod workload;

use std::fmt::Write as _;

use super::charts::lines::{self, Against};
use super::charts::{heap_map, palette};
use super::compare::{Agreement, clock, noise};
use super::html::{Table, anchor, escape};
use super::number;
use super::summary::{Part, Summary, summarise};
use crate::results::{Family, HeapMap, Results, Role};

const STYLE: &str = include_str!("style.css");

/// A part of the page that the table of contents leads to.
struct Section {
    id: String,
    title: String,
    /// What lies within it: an `id` and a name each.
    parts: Vec<(String, String)>,
    html: String,
}

/// The page of a run, and how far it agrees with others or with itself.
pub fn page(results: &Results, agreements: &[Agreement]) -> String {
    let summaries = summarise(results, Part::All);
    let mut sections = vec![glance::section(results, &summaries, agreements.last())];
    for family in families(&summaries) {
        sections.push(family_section(results, &summaries, family));
    }
    if !results.heap_maps.is_empty() {
        sections.push(heap_maps(results));
    }
    sections.push(method::allocators(results));
    sections.push(method::measuring(results));
    sections.push(method::agreement(results, agreements));

    let mut html = head();
    html.push_str(&intro(results, agreements));
    html.push_str(&contents(&sections));
    html.push_str("<main>\n");
    for Section { id, title, html: content, .. } in &sections {
        write!(html, "<section id=\"{id}\">\n<h2>{}</h2>\n{content}</section>\n", escape(title)).expect(ALL);
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// Why writing to a string cannot fail.
const ALL: &str = "a string takes all";

fn head() -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Allocators compared</title>\n\
         <style>\n{STYLE}\n@media (prefers-color-scheme:dark){{{}}}\n</style>\n</head>\n<body>\n",
        palette::dark_style()
    )
}

fn intro(results: &Results, agreements: &[Agreement]) -> String {
    let count = |role: Role| results.allocators.iter().filter(|a| a.role == role).count();
    let quick = if results.quick {
        "<p class=\"warning\">This was a quick run: workloads were cut short, and there were few rounds. Good for a look, not for \
         quoting.</p>\n"
    } else {
        ""
    };
    let agreed = agreements.last().map(|agreement| {
        format!(
            "<p>{} During this run: {}. <a href=\"#agreement\">What to rely on</a></p>\n",
            escape(&agreement.sentence()),
            escape(&noise(results.noise))
        )
    });
    let agreed = agreed.unwrap_or_default();
    format!(
        "<header>\n<h1>Allocators compared</h1>\n\
         <p>{} allocators of this family and {} peers did the same work, {} workloads, in turn. Each figure is the median of \
         {} rounds. On {}; <a href=\"#method\">how it was measured</a>.</p>\n{agreed}{quick}\
         <ul class=\"key\"><li class=\"ours\">ours</li><li class=\"peer\">peers</li><li class=\"floor\">the floor: a bump pointer \
         and a bare free list for each power of two, which never gives memory back</li></ul>\n</header>\n",
        count(Role::Ours),
        count(Role::Peer),
        results.workloads.len(),
        results.rounds,
        escape(&results.machine.cpu),
    )
}

fn contents(sections: &[Section]) -> String {
    let mut html = "<nav aria-label=\"Contents\">\n<ul>\n".to_owned();
    for section in sections {
        write!(html, "<li><a href=\"#{}\">{}</a>", section.id, escape(&section.title)).expect(ALL);
        if !section.parts.is_empty() {
            write!(html, "<details><summary>{} charts</summary><ul>", section.parts.len()).expect(ALL);
            for (id, name) in &section.parts {
                write!(html, "<li><a href=\"#{id}\">{}</a></li>", escape(name)).expect(ALL);
            }
            html.push_str("</ul></details>");
        }
        html.push_str("</li>\n");
    }
    html + "</ul>\n</nav>\n"
}

/// The families that have workloads, in the order of the page.
fn families(summaries: &[Summary<'_>]) -> Vec<Family> {
    let mut families = Vec::new();
    for summary in summaries {
        if !families.contains(&summary.workload.family) {
            families.push(summary.workload.family);
        }
    }
    families
}

fn family_section(results: &Results, summaries: &[Summary<'_>], family: Family) -> Section {
    let of_family: Vec<&Summary<'_>> = summaries.iter().filter(|s| s.workload.family == family).collect();
    let mut html = format!("<p>{}</p>\n", family.introduction());
    if family == Family::Latency {
        writeln!(html, "<p>{}</p>", escape(&clock(&results.machine))).expect(ALL);
    }
    let mut parts = Vec::new();
    let owned: Vec<Summary<'_>> = of_family.iter().map(|&summary| summary.clone()).collect();
    let lines: Vec<_> = Against::ALL.iter().flat_map(|&against| lines::groups(&owned, against)).collect();
    html.push_str("<div class=\"grid\">\n");
    for group in &lines {
        let id = format!("lines-{}-{}", anchor(group.against.title()), anchor(&group.name));
        parts.push((id.clone(), format!("{} by {}", short(&group.name), group.against.title())));
        html.push_str(&workload::lines(group, results, &id));
    }
    for summary in of_family {
        parts.push((anchor(&summary.workload.name), short(&summary.workload.name).to_owned()));
        html.push_str(&workload::article(summary));
    }
    html.push_str("</div>\n");
    Section { id: family.name().to_owned(), title: family.title().to_owned(), parts, html }
}

/// The name of a workload without its family, which the heading of the section has.
fn short(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, rest)| rest)
}

fn heap_maps(results: &Results) -> Section {
    let mut html =
        "<p>The pool of each engine after the same churn, from its start (top left) to its end, row by row. A cell is \
         a stretch of the pool; the darker, the more of it is live. Free cells in long stretches can still serve large \
         requests; free cells scattered among live ones cannot.</p>\n<ul class=\"key levels\">"
            .to_owned();
    for (name, colour) in heap_map::LEVEL_NAMES.iter().zip(palette::LEVELS) {
        let plotters::style::RGBColor(r, g, b) = colour;
        let swatch = format!(
            "<svg width=\"14\" height=\"14\" aria-hidden=\"true\"><rect width=\"14\" height=\"14\" fill=\"#{r:02X}{g:02X}{b:02X}\"/></svg>"
        );
        write!(html, "<li>{swatch} {name}</li>").expect(ALL);
    }
    html.push_str("</ul>\n<div class=\"maps\">\n");
    let mut table = Table::new(&["", "pool", "live", "cells free", "largest block left"]);
    for map in &results.heap_maps {
        let [pool, largest] = [map.pool_bytes, map.largest_free].map(number::bytes);
        let caption = format!("<b>{}</b> largest block left: {largest}", escape(&map.allocator));
        writeln!(html, "<figure>{}<figcaption>{caption}</figcaption></figure>", heap_map::draw(map)).expect(ALL);
        let (live, free) = map_shares(map);
        table.row(
            &map.allocator,
            &[pool, format!("{} %", number::percent(live)), format!("{} %", number::percent(free)), largest],
        );
    }
    html.push_str("</div>\n<details><summary>The numbers</summary>\n");
    html.push_str(&table.finish());
    html.push_str("</details>\n");
    Section { id: "heap-maps".to_owned(), title: "Heap maps".to_owned(), parts: Vec::new(), html }
}

/// Which shares of a map are live and lie in cells without anything live.
fn map_shares(map: &HeapMap) -> (f64, f64) {
    let cells = map.cells.len().max(1) as f64;
    let live: f64 = map.cells.iter().map(|&cell| f64::from(cell) / 255.0).sum();
    (live / cells, map.cells.iter().filter(|&&cell| cell == 0).count() as f64 / cells)
}

impl Family {
    /// Its title on the page.
    fn title(self) -> &'static str {
        match self {
            Self::Bytes => "Blocks of bytes",
            Self::Collections => "Collections",
            Self::Pages => "Pages",
            Self::Objects => "Objects of one type",
            Self::Fill => "How full a pool gets",
            Self::Latency => "Latency of single operations",
        }
    }

    /// What all its workloads have in common.
    fn introduction(self) -> &'static str {
        match self {
            Self::Bytes => {
                "Each list of operations was recorded once, and every allocator replays exactly that list, in a pool of the \
                 same size (hosted allocators take their memory from the operating system). A request that an allocator \
                 refuses is counted, and its free left out."
            }
            Self::Collections => {
                "Programs of the standard kind whose collections allocate from a handle. The time is that of the whole \
                 program, of which allocating is a part."
            }
            Self::Pages => {
                "Page frames and contiguous runs of them, out of page space that is managed but never touched, so that a \
                 terabyte of it costs nothing."
            }
            Self::Objects => "Many objects of one type and size, the work of a slab or an object cache.",
            Self::Fill => {
                "How many bytes of a pool are in the user's hands when the first request fails, and what is left of the \
                 largest block after churn. What is missing from 100 % went into headers, rounding and gaps."
            }
            Self::Latency => {
                "Every operation timed by itself. What the mean hides shows here: one search through a long list, one \
                 merge of many blocks. Reading the clock is included, and so is what the machine does meanwhile: the maximum is \
                 often an interrupt."
            }
        }
    }
}

#[cfg(test)]
mod tests;
