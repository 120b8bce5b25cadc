//! One workload's latencies: for each allocator a line from the median to the highest percentile, and the maximum as a
//! number: it is often an interrupt, and a thousand times the rest.

use plotters::style::{FontStyle, RGBColor};

use super::axis::Axis;
use super::{Anchor, Canvas, cut, cut_name, drawing, palette, room_for};
use crate::report::number;
use crate::report::summary::{Row, Summary};
use crate::results::{Outcome, Role};

const WIDTH: i32 = 600;
const ROW: i32 = 26;
/// The room for the maxima on the right.
const MAXIMA: i32 = 100;
/// The height of the key on top.
const KEY: i32 = 30;
const BELOW: i32 = 46;

/// The percentiles that are marked, what the key calls them, and how they are marked.
const MARKS: [(f64, &str, Mark); 3] =
    [(50.0, "p50", Mark::Dot), (99.0, "p99", Mark::Square), (99.9, "p99.9", Mark::Ring)];

#[derive(Clone, Copy)]
enum Mark {
    Dot,
    Square,
    Ring,
}

/// Draws the latencies of a workload.
pub(in crate::report) fn draw(summary: &Summary<'_>) -> String {
    let rows = &summary.rows;
    let names = room_for(rows.iter().map(|row| row.allocator)) + 10;
    let bottom = KEY + ROW * rows.len() as i32;
    let shown: Vec<f64> = rows.iter().flat_map(|row| marked(row).map(|(ns, _)| ns)).collect();
    let axis = Axis::logarithmic(&shown, names, WIDTH - MAXIMA);
    let description = format!("{}: {}", summary.workload.name, summary.measure.explanation());
    drawing((WIDTH, bottom + BELOW), &description, |canvas| {
        key(canvas, names);
        axis.draw_below(canvas, KEY, bottom, "ns");
        for (row, top) in rows.iter().zip((KEY..).step_by(ROW as usize)) {
            one(canvas, &axis, row, names, top + ROW / 2);
        }
    })
}

fn one(canvas: &Canvas<'_>, axis: &Axis, row: &Row<'_>, names: i32, centre: i32) {
    let style = if row.role == Role::Ours { FontStyle::Bold } else { FontStyle::Normal };
    canvas.styled_text(&cut_name(row.allocator, names - 8), (names - 8, centre), Anchor::End, palette::INK, style);
    let colour = palette::of_side(row.role);
    let points: Vec<(i32, Mark)> = marked(row).map(|(ns, mark)| (axis.at(ns), mark)).collect();
    match (points.first(), points.last()) {
        (Some((least, _)), Some((greatest, _))) => {
            canvas.line((*least, centre), (*greatest, centre), colour, 2);
            points.iter().for_each(|&(x, mark)| put(canvas, mark, (x, centre), colour));
            if let Some(maximum) = percentile(row, 100.0) {
                canvas.text(&number::plain(maximum), (WIDTH - 4, centre), Anchor::End, palette::INK);
            }
        }
        _ => {
            let note = cut(&format!("— {}", row.note()), WIDTH - names - 16);
            canvas.text(&note, (names + 6, centre), Anchor::Start, palette::MUTED);
        }
    }
}

fn key(canvas: &Canvas<'_>, names: i32) {
    for ((_, name, mark), x) in MARKS.into_iter().zip((names + 8..).step_by(84)) {
        put(canvas, mark, (x, 12), palette::MUTED);
        canvas.text(name, (x + 12, 12), Anchor::Start, palette::MUTED);
    }
    canvas.text("max", (WIDTH - 4, 12), Anchor::End, palette::MUTED);
}

fn put(canvas: &Canvas<'_>, mark: Mark, (x, y): (i32, i32), colour: RGBColor) {
    match mark {
        Mark::Dot => canvas.dot((x, y), 6, colour),
        Mark::Square => canvas.rectangle((x - 5, y - 5), (x + 5, y + 5), colour),
        Mark::Ring => canvas.ring((x, y), 6, colour),
    }
}

/// The percentiles of a row that are marked, in nanoseconds.
fn marked(row: &Row<'_>) -> impl Iterator<Item = (f64, Mark)> {
    MARKS.into_iter().filter_map(|(percent, _, mark)| Some((percentile(row, percent)?, mark)))
}

fn percentile(row: &Row<'_>, percent: f64) -> Option<f64> {
    match row.outcome {
        Outcome::Latency { percentiles, .. } => percentiles.iter().find(|(p, _)| *p == percent).map(|&(_, ns)| ns),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::{Measure, Part, summarise};
    use crate::report::synthetic;

    #[test]
    fn latencies_are_drawn_for_all_who_have_them() {
        let results = synthetic::results();
        let summaries = summarise(&results, Part::All);
        let svg = draw(summaries.iter().find(|s| s.measure == Measure::Latency).unwrap());
        for text in ["p99.9", "max", "12,345", "slab", "it &lt;cannot&gt;", "logarithmic"] {
            assert!(svg.contains(text), "{text} is missing");
        }
    }
}
