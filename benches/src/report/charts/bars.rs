//! One workload: a bar for each allocator, the best one on top, with the spread of the rounds as a whisker.

use plotters::style::FontStyle;

use super::axis::Axis;
use super::{Anchor, Canvas, cut, cut_name, drawing, palette, room_for, width_of};
use crate::report::summary::{Measure, Row, Summary};
use crate::results::Role;

const WIDTH: i32 = 600;
const ROW: i32 = 24;
const TOP: i32 = 4;
const BELOW: i32 = 46;
/// Half the thickness of a bar.
const HALF: i32 = 8;

/// Draws the figures of a workload.
pub(in crate::report) fn draw(summary: &Summary<'_>) -> String {
    let rows = &summary.rows;
    let names = room_for(rows.iter().map(|row| row.allocator)) + 10;
    let values = rows.iter().filter_map(|row| row.value).map(|v| width_of(&written(summary, v))).max().unwrap_or(0);
    let bottom = TOP + ROW * rows.len() as i32;
    let description = format!("{}: {}", summary.workload.name, summary.measure.explanation());
    drawing((WIDTH, bottom + BELOW), &description, |canvas| {
        let axis = axis(summary, names, WIDTH - values - 20);
        axis.draw_below(canvas, TOP, bottom, summary.measure.axis_title());
        for (row, top) in rows.iter().zip((TOP..).step_by(ROW as usize)) {
            let centre = top + ROW / 2;
            label(canvas, row, centre, names);
            match row.value {
                Some(value) => {
                    bar(canvas, &axis, row, value, centre);
                    canvas.text(&written(summary, value), (WIDTH - 4, centre), Anchor::End, palette::INK);
                }
                None => {
                    let room = WIDTH - names - 16;
                    let note = cut(&format!("— {}", row.note()), room);
                    canvas.text(&note, (names + 6, centre), Anchor::Start, palette::MUTED);
                }
            }
        }
    })
}

fn axis(summary: &Summary<'_>, from: i32, to: i32) -> Axis {
    if summary.measure == Measure::Share {
        return Axis::linear(100.0, from, to);
    }
    let shown = |row: &Row<'_>| row.value.into_iter().chain(row.spread.map(|(_, greatest)| greatest));
    Axis::fitting(&summary.rows.iter().flat_map(shown).collect::<Vec<_>>(), from, to)
}

/// The name of the allocator, in the left margin.
fn label(canvas: &Canvas<'_>, row: &Row<'_>, centre: i32, width: i32) {
    let style = if row.role == Role::Ours { FontStyle::Bold } else { FontStyle::Normal };
    let name = cut_name(row.allocator, width - 8);
    canvas.styled_text(&name, (width - 8, centre), Anchor::End, palette::INK, style);
}

fn bar(canvas: &Canvas<'_>, axis: &Axis, row: &Row<'_>, value: f64, centre: i32) {
    let scale = if matches!(row.outcome, crate::results::Outcome::Share { .. }) { 100.0 } else { 1.0 };
    let end = axis.at(value * scale).max(axis.start() + 1);
    canvas.rectangle((axis.start(), centre - HALF), (end, centre + HALF), palette::of_side(row.role));
    let Some((least, greatest)) = row.spread else { return };
    let (least, greatest) = (axis.at(least * scale), axis.at(greatest * scale));
    if greatest > least + 1 {
        canvas.line((least, centre), (greatest, centre), palette::MARK, 1);
        for x in [least, greatest] {
            canvas.line((x, centre - 4), (x, centre + 4), palette::MARK, 1);
        }
    }
}

fn written(summary: &Summary<'_>, value: f64) -> String {
    summary.measure.write(value)
}

impl Measure {
    /// What stands beside an axis.
    pub(super) fn axis_title(self) -> &'static str {
        match self {
            Self::Time => "ns per operation",
            Self::Share => "%",
            Self::Latency => "ns",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ALIKE, results_of_alike};
    use super::*;
    use crate::report::summary::{Part, summarise};
    use crate::report::synthetic;

    #[test]
    fn each_allocator_has_its_name_and_value() {
        let results = synthetic::results();
        let svg = draw(&summarise(&results, Part::All)[0]);
        for text in ["slab", "10.0", "rlsf", "20.0", "a&lt;b&gt;&amp;&quot;c&quot;", "it &lt;cannot&gt;"] {
            assert!(svg.contains(text), "{text} is missing");
        }
    }

    #[test]
    fn names_that_begin_alike_are_written_out() {
        let results = results_of_alike();
        let svg = draw(&summarise(&results, Part::All)[0]);
        for name in ALIKE {
            assert!(svg.contains(&format!("\n{name}\n")), "{name} is missing");
        }
    }

    #[test]
    fn sides_have_colours_of_their_own() {
        let results = synthetic::results();
        let svg = draw(&summarise(&results, Part::All)[0]);
        for role in [Role::Ours, Role::Peer, Role::Floor] {
            let plotters::style::RGBColor(r, g, b) = palette::of_side(role);
            assert!(svg.contains(&format!("fill=\"#{r:02X}{g:02X}{b:02X}\"")), "{role:?}");
        }
    }

    #[test]
    fn shares_are_drawn_on_a_scale_of_a_hundred() {
        let results = synthetic::results();
        let summaries = summarise(&results, Part::All);
        let svg = draw(summaries.iter().find(|s| s.measure == Measure::Share).unwrap());
        assert!(svg.contains("\n100\n") && svg.contains("\n40.0\n"), "{svg}");
    }

    #[test]
    fn no_rows_make_an_empty_drawing() {
        let mut results = synthetic::results();
        results.figures.clear();
        assert!(draw(&summarise(&results, Part::All)[0]).contains("</svg>"));
    }
}
