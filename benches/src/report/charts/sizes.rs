//! Shares with several distributions of sizes, which have no order: a row for each allocator, in it a mark for each
//! distribution, on a level of its own so that none covers another.
//!
//! ```text
//!      ● fixed-64   ■ 4-1024   ○ powers-of-two        key, in the order of the levels
//!           │       │       │       │      ●│
//!      tlsf │       │       │       │    ■  │         one row
//!           │       │       │   ○   │       │
//! ```

use plotters::style::FontStyle;

use super::axis::Axis;
use super::labels::{LINE, flow};
use super::lines::{Group, Point};
use super::{Anchor, Canvas, cut_name, drawing, palette, room_for, width_of};
use crate::results::{Contender, Results, Role};

const WIDTH: i32 = 600;
/// The height of a level: that of a mark.
const LEVEL: i32 = 8;
/// Between the levels of one row and those of the next.
const BETWEEN: i32 = 6;
/// The least height of a row: that of a name.
const LEAST_ROW: i32 = 20;
/// The room for a mark and its distance to the text, in the key.
const KEY_MARK: i32 = 14;
const BELOW: i32 = 46;

/// Draws a group.
pub(in crate::report) fn draw(group: &Group<'_, '_>, results: &Results) -> String {
    let rows = rows(group, results);
    let names = room_for(rows.iter().map(|row| row.name)) + 10;
    let keys: Vec<String> = group.points.iter().map(key_text).collect();
    let widths: Vec<i32> = keys.iter().map(|text| KEY_MARK + width_of(text)).collect();
    let places = flow(&widths, WIDTH - 8);
    let top = (places.last().map_or(0, |&(_, line)| line) + 1) * (LINE + 4) + 8;
    let levels = group.points.len() as i32 * LEVEL;
    let height = levels.max(LEAST_ROW) + BETWEEN;
    let bottom = top + height * rows.len() as i32;
    let measure = group.against.measure();
    let description = format!("{} with several {}: {}", group.name, group.against.title(), measure.explanation());
    drawing((WIDTH, bottom + BELOW), &description, |canvas| {
        for (i, (text, (x, line))) in keys.iter().zip(places).enumerate() {
            let centre = 12 + line * (LINE + 4);
            mark(canvas, i, (x + 8, centre));
            canvas.text(text, (x + 4 + KEY_MARK, centre), Anchor::Start, palette::MUTED);
        }
        let axis = Axis::linear(100.0, names, WIDTH - 20);
        axis.draw_below(canvas, top, bottom, measure.axis_title());
        for (row, top) in rows.iter().zip((top..).step_by(height as usize)) {
            canvas.line((8, top), (WIDTH - 20, top), palette::GRID, 1);
            let style = if row.role == Role::Ours { FontStyle::Bold } else { FontStyle::Normal };
            let name = cut_name(row.name, names - 8);
            canvas.styled_text(&name, (names - 8, top + height / 2), Anchor::End, palette::INK, style);
            let first = top + (height - levels + LEVEL) / 2;
            for &(i, share) in &row.shares {
                mark(canvas, i, (axis.at(share * 100.0), first + i as i32 * LEVEL));
            }
        }
    })
}

/// What the key says of a point.
fn key_text(point: &Point<'_, '_>) -> String {
    match &point.also {
        Some(also) => format!("{}, {also}", point.label),
        None => point.label.clone(),
    }
}

/// The shares of one allocator.
struct Shares<'r> {
    name: &'r str,
    role: Role,
    /// `(place of the point in the group, share)`.
    shares: Vec<(usize, f64)>,
}

/// Those with a share at least once, ours first.
fn rows<'r>(group: &Group<'_, 'r>, results: &'r Results) -> Vec<Shares<'r>> {
    let row = |contender: &'r Contender| {
        let share = |point: &Point<'_, 'r>| {
            point.summary.rows.iter().find(|row| row.allocator == contender.name).and_then(|row| row.value)
        };
        let shares = group.points.iter().enumerate().filter_map(|(i, point)| Some((i, share(point)?))).collect();
        Shares { name: &contender.name, role: contender.role, shares }
    };
    let mut rows: Vec<Shares<'r>> =
        results.allocators.iter().map(row).filter(|row: &Shares<'_>| !row.shares.is_empty()).collect();
    rows.sort_by_key(|row| row.role);
    rows
}

/// The mark of a distribution: of its colour, and of a shape that differs from those beside it.
fn mark(canvas: &Canvas<'_>, place: usize, (x, y): (i32, i32)) {
    let colour = palette::of_kind(place);
    match place % 3 {
        0 => canvas.dot((x, y), 4, colour),
        1 => canvas.rectangle((x - 3, y - 3), (x + 3, y + 3), colour),
        _ => canvas.ring((x, y), 3, colour),
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::{Against, groups};
    use super::super::tests::{ALIKE, results_of_alike};
    use super::*;
    use crate::report::summary::{Part, summarise};

    fn drawn(results: &Results) -> String {
        let summaries = summarise(results, Part::All);
        draw(&groups(&summaries, Against::Sizes)[0], results)
    }

    #[test]
    fn distributions_are_not_joined_by_lines() {
        let svg = drawn(&results_of_alike());
        let plotters::style::RGBColor(r, g, b) = palette::GRID;
        let of_grid = format!("stroke=\"#{r:02X}{g:02X}{b:02X}\"");
        assert!(svg.lines().filter(|line| line.starts_with("<polyline")).all(|line| line.contains(&of_grid)), "{svg}");
        // In the key, and for ours, two peers and the floor.
        assert_eq!(svg.matches("<circle").count(), 1 + 4, "{svg}");
    }

    #[test]
    fn names_that_begin_alike_are_written_out() {
        let svg = drawn(&results_of_alike());
        for name in ALIKE {
            assert!(svg.contains(&format!("\n{name}\n")), "{name} is missing");
        }
    }

    #[test]
    fn pools_of_other_sizes_are_named() {
        let mut results = results_of_alike();
        assert!(!drawn(&results).contains("a pool of"));
        for (name, pool) in [("fill/brink/small", 4 << 20), ("fill/brink/large", 32 << 20)] {
            let workload = results.workloads.iter_mut().find(|workload| workload.name == name).unwrap();
            workload.pool_bytes = Some(pool);
        }
        let svg = drawn(&results);
        assert!(svg.contains("small, a pool of 4 MiB") && svg.contains("large, a pool of 32 MiB"), "{svg}");
    }
}
