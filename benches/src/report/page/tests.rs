use super::*;
use crate::report::{compare, synthetic};
use crate::results::Outcome;

fn made() -> String {
    let results = synthetic::results();
    page(&results, &[compare::halves(&results)])
}

#[test]
fn every_number_of_every_figure_is_text() {
    let page = made();
    for figure in synthetic::results().figures {
        let written: Vec<String> = match figure.outcome {
            Outcome::Time { ns_per_op, .. } => ns_per_op.into_iter().map(number::plain).collect(),
            Outcome::Share { shares } => shares.into_iter().map(number::percent).collect(),
            Outcome::Latency { percentiles, .. } => percentiles.into_iter().map(|(_, ns)| number::plain(ns)).collect(),
            Outcome::None { why } => vec![escape(&why)],
        };
        for number in written {
            assert!(page.contains(&number), "{number} of {} with {} is missing", figure.workload, figure.allocator);
        }
    }
}

#[test]
fn nothing_is_fetched_from_elsewhere() {
    let page = made().replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for outside in ["http:", "https:", "src=", "@import", "url(", "<link", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn names_are_text_and_not_markup() {
    let page = made();
    assert!(!page.contains("a<b>") && page.contains("a&lt;b&gt;&amp;"), "an allocator's name is escaped");
    assert!(!page.contains("<uniform>") && !page.contains("<cannot>") && !page.contains("<of 2026>"));
}

#[test]
fn every_link_leads_somewhere_and_every_id_is_there_once() {
    let page = made();
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for (i, id) in ids.iter().enumerate() {
        assert!(!ids[..i].contains(id), "{id} is there twice");
    }
    let links: Vec<&str> = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() > 10);
    for link in links {
        assert!(ids.contains(&link), "#{link} leads nowhere");
    }
}

#[test]
fn machine_seed_and_releases_are_told() {
    let page = made();
    for text in ["8 GiB", "rustc 1.95.0", "21.5 ns", "<dt>Seed</dt><dd>7</dd>", "<code>1.2.3</code>", "quick run"] {
        assert!(page.contains(text), "{text} is missing");
    }
}

#[test]
fn what_cannot_be_relied_on_is_marked_and_said_at_the_top() {
    let (this, mut other) = (synthetic::results(), synthetic::results());
    let figure = other.figures.iter_mut().find(|figure| figure.allocator == "slab").unwrap();
    let Outcome::Time { ns_per_op, .. } = &mut figure.outcome else { panic!("the first workload is timed") };
    ns_per_op.iter_mut().for_each(|ns| *ns *= 1.2);
    assert!(!made().contains("×?</td>"), "a run agrees with itself");
    let page = page(&this, &[compare::halves(&this), compare::runs(&this, &other)]);
    assert_eq!(page.matches("×?</td>").count(), 1);
    let header = page.split("</header>").next().unwrap();
    assert!(header.contains("between this run and another. During this run: "), "{header}");
}

#[test]
fn latencies_come_with_what_the_clock_costs() {
    let page = made();
    let section = page.split("<section id=\"latency\">").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(section.contains("Latencies include one reading of the clock, 21.5 ns"), "{section}");
}

#[test]
fn a_run_of_nothing_makes_a_page() {
    let mut results = synthetic::results();
    results.figures.clear();
    results.heap_maps.clear();
    assert!(page(&results, &[]).contains("No allocator took part."));
    results.workloads.clear();
    results.allocators.clear();
    assert!(page(&results, &[compare::halves(&results)]).contains("There is nothing to compare"));
}

#[test]
fn tags_are_closed() {
    let page = made();
    for tag in ["section", "article", "details", "table", "figure", "svg", "ul", "dl", "div", "tr"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}
