//! The comparison for a README: for each kind of work a dot for each workload, at the ratio of what this family has for it
//! to the best peer, and their geometric mean. A file of its own, which looks for itself whether the page is dark.

use plotters::style::FontStyle;

use super::axis::Axis;
use super::{Anchor, Canvas, drawing, palette, width_of};
use crate::report::number;
use crate::report::statistics::geometric_mean;
use crate::report::summary::{Measure, Summary};
use crate::results::{Family, Role};

/// What is shown: a kind of work, and an allocator of this family that is for it.
const LINES: [(Family, &str, &str); 7] = [
    (Family::Bytes, "quick", "blocks of bytes"),
    (Family::Collections, "quick", "collections"),
    (Family::Latency, "quick", "99th percentile of a call"),
    (Family::Fill, "quick", "memory for the same blocks"),
    (Family::Pages, "radix", "page frames"),
    (Family::Pages, "buddy-pages", "page frames"),
    (Family::Objects, "slab-cache-spin", "objects of one type"),
];

const WIDTH: i32 = 760;
const ROW: i32 = 36;
const TOP: i32 = 30;
const BELOW: i32 = 46;
const RADIUS: i32 = 4;
/// Between the texts at the sides and what is drawn between them.
const GAP: i32 = 14;
/// Ratios beyond this factor are drawn at it: they are few, and would press all others together.
const FARTHEST: f64 = 16.0;

/// One line of the drawing.
struct Line {
    what: &'static str,
    allocator: &'static str,
    /// Of each workload how much it costs, as a multiple of the best peer.
    costs: Vec<f64>,
    mean: f64,
}

/// Draws the comparison; `None` where none of its allocators has a figure beside that of a peer.
pub(in crate::report) fn draw(summaries: &[Summary<'_>]) -> Option<String> {
    let lines: Vec<Line> = LINES.into_iter().filter_map(|line| Line::of(summaries, line)).collect();
    let names = lines.iter().map(|line| width_of(line.what).max(width_of(line.allocator))).max()? + GAP;
    let numbers = lines.iter().map(|line| width_of(&number::times(line.mean))).max()? + GAP;
    let bottom = TOP + ROW * lines.len() as i32;
    let svg = drawing((WIDTH, bottom + BELOW), &description(&lines), |canvas| {
        let shown: Vec<f64> = lines.iter().flat_map(|line| &line.costs).copied().map(within_reach).collect();
        // The best peer is within the bounds, whatever the ratios are.
        let axis = Axis::logarithmic(&[&shown[..], &[1.0]].concat(), names, WIDTH - numbers);
        axis.draw_below(canvas, TOP, bottom, "cost as a multiple of the best peer's; left is better");
        canvas.line((axis.at(1.0), TOP), (axis.at(1.0), bottom), palette::MARK, 2);
        canvas.text("best peer", (axis.at(1.0), TOP / 2), Anchor::Middle, palette::INK);
        canvas.text("mean", (WIDTH - 2, TOP / 2), Anchor::End, palette::MUTED);
        for (line, top) in lines.iter().zip((TOP..).step_by(ROW as usize)) {
            line.draw(canvas, &axis, top + ROW / 2, names - GAP);
        }
    });
    Some(with_style(&svg))
}

impl Line {
    fn of(summaries: &[Summary<'_>], (family, allocator, what): (Family, &'static str, &'static str)) -> Option<Self> {
        let cost = |summary: &Summary<'_>| {
            let ratio = summary.rows.iter().find(|row| row.allocator == allocator)?.to_peer?;
            Some(if summary.measure == Measure::Share { 1.0 / ratio } else { ratio }).filter(|cost| cost.is_finite())
        };
        let costs: Vec<f64> = summaries.iter().filter(|s| s.workload.family == family).filter_map(cost).collect();
        let mean = geometric_mean(&costs)?;
        Some(Self { what, allocator, costs, mean })
    }

    fn draw(&self, canvas: &Canvas<'_>, axis: &Axis, centre: i32, names: i32) {
        canvas.text(self.what, (names, centre - 8), Anchor::End, palette::INK);
        canvas.text(self.allocator, (names, centre + 9), Anchor::End, palette::MUTED);
        for &cost in &self.costs {
            canvas.ring((axis.at(within_reach(cost)), centre), RADIUS, palette::of_side(Role::Ours));
        }
        let mean = axis.at(within_reach(self.mean));
        canvas.rectangle((mean - 2, centre - 13), (mean + 2, centre + 13), palette::of_side(Role::Ours));
        let number = number::times(self.mean);
        canvas.styled_text(&number, (WIDTH - 2, centre), Anchor::End, palette::INK, FontStyle::Bold);
    }
}

fn within_reach(cost: f64) -> f64 {
    cost.clamp(1.0 / FARTHEST, FARTHEST)
}

/// The drawing in words.
fn description(lines: &[Line]) -> String {
    let means: Vec<String> =
        lines.iter().map(|line| format!("{}, {}: {}", line.what, line.allocator, number::times(line.mean))).collect();
    format!("Cost as a multiple of the best peer's, geometric means. {}.", means.join("; "))
}

/// The drawing as a file that stands alone: with its fonts, and with the colours for a dark page.
fn with_style(svg: &str) -> String {
    let style = format!(
        "<style>text{{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}}\
         @media (prefers-color-scheme:dark){{{}}}</style>",
        palette::dark_style_of(svg)
    );
    let head = svg.find('>').map_or(0, |end| end + 1);
    format!("{}{style}{}", &svg[..head], &svg[head..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::{Part, summarise};
    use crate::report::synthetic;
    use crate::results::Results;

    /// Made-up results in which `slab` is `quick`.
    fn results() -> Results {
        let mut results = synthetic::results();
        let contenders = results.allocators.iter_mut().map(|contender| &mut contender.name);
        let names = contenders.chain(results.figures.iter_mut().map(|figure| &mut figure.allocator));
        names.filter(|name| *name == "slab").for_each(|name| "quick".clone_into(name));
        results
    }

    #[test]
    fn each_kind_of_work_has_its_dots_and_its_mean() {
        let results = results();
        let svg = draw(&summarise(&results, Part::All)).unwrap();
        // Three workloads of bytes, two of pages, two of fill and one of latency have a ratio to a peer.
        assert_eq!(svg.matches("<circle").count(), 8, "{svg}");
        // Twice as fast as the best peer; half as much of the pool, which is twice the memory.
        for text in ["blocks of bytes, quick: 0.50×", "memory for the same blocks, quick: 2.00×", "\n0.50×\n"] {
            assert!(svg.contains(text), "{text} is missing: {svg}");
        }
        assert!(!svg.contains("objects of one type"), "nobody has a figure for them");
    }

    #[test]
    fn it_is_a_file_that_stands_alone() {
        let results = results();
        let svg = draw(&summarise(&results, Part::All)).unwrap();
        assert!(svg.starts_with("<svg ") && svg.contains("xmlns=\"http://www.w3.org/2000/svg\""), "{svg}");
        assert!(svg.contains("@media (prefers-color-scheme:dark)"), "{svg}");
        let outside = svg.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!outside.contains("http") && !outside.contains("var("), "{svg}");
        assert!(svg.len() < 50_000, "{} bytes", svg.len());
    }

    #[test]
    fn every_colour_of_it_has_a_dark_side() {
        let results = results();
        let svg = draw(&summarise(&results, Part::All)).unwrap();
        let (style, drawn) = svg.split_once("</style>").unwrap();
        for property in ["fill", "stroke"] {
            for rest in drawn.split(&format!("{property}=\"#")).skip(1) {
                let colour = &rest[..6];
                assert!(style.contains(&format!("[{property}=\"#{colour}\"]")), "{property} {colour}");
            }
        }
    }

    #[test]
    fn ratios_beyond_the_ends_are_drawn_at_the_ends() {
        let mut results = results();
        for figure in results.figures.iter_mut().filter(|figure| figure.allocator == "quick") {
            if let crate::results::Outcome::Time { ns_per_op, .. } = &mut figure.outcome {
                ns_per_op.iter_mut().for_each(|ns| *ns *= 1e9);
            }
        }
        let svg = draw(&summarise(&results, Part::All)).unwrap();
        let at = |rest: &str| rest.split('"').next().and_then(|x| x.parse::<i32>().ok());
        let mut dots = svg.split("<circle cx=\"").skip(1).filter_map(at);
        assert!(dots.all(|x| (0..WIDTH).contains(&x)), "{svg}");
    }

    /// Written by this program, and shown in the README: of a run in which all that are drawn took part.
    #[test]
    fn the_drawing_in_the_repository_has_all_lines() {
        let svg = include_str!("../../../comparison.svg");
        assert!(svg.starts_with("<svg role=\"img\"") && svg.contains("@media (prefers-color-scheme:dark)"));
        for (_, allocator, what) in LINES {
            assert!(svg.contains(&format!("{what}, {allocator}: ")), "{what}, {allocator}");
        }
    }

    #[test]
    fn nothing_to_compare_makes_no_drawing() {
        let mut results = results();
        results.figures.clear();
        assert!(draw(&summarise(&results, Part::All)).is_none());
        assert!(draw(&[]).is_none());
    }
}
