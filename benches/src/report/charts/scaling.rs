//! How the cost of the same work grows with the number of live blocks, or with the size of the page space: a line for
//! each allocator, named at its end.

use plotters::style::RGBColor;

use super::axis::{self, Axis};
use super::{Anchor, Canvas, TEXT, drawing, palette, width_of};
use crate::report::number;
use crate::report::summary::{Measure, Summary};
use crate::results::{Results, Role, Workload};

const WIDTH: i32 = 560;
const HEIGHT: i32 = 420;
const LEFT: i32 = 56;
const TOP: i32 = 30;
const BOTTOM: i32 = HEIGHT - 52;

/// What the cost is drawn against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Against {
    /// The number of live blocks.
    Live,
    /// The size of the page space.
    Space,
}

/// Workloads that differ only in what the cost is drawn against.
#[derive(Clone, Debug)]
pub(in crate::report) struct Group<'s, 'r> {
    /// What they have in common of their names.
    pub(in crate::report) name: String,
    /// What they are drawn against.
    pub(in crate::report) against: Against,
    /// The workloads, by it, ascending.
    pub(in crate::report) points: Vec<(u64, &'s Summary<'r>)>,
}

impl Against {
    /// What the axis shows.
    pub(in crate::report) fn title(self) -> &'static str {
        match self {
            Self::Live => "live blocks",
            Self::Space => "page space",
        }
    }

    /// A value on the axis, with its unit.
    pub(in crate::report) fn write(self, value: u64) -> String {
        match self {
            Self::Live => axis::label(value as f64),
            Self::Space => number::bytes(value),
        }
    }

    fn of(self, workload: &Workload) -> Option<u64> {
        match self {
            // What is live in a larger space is more, too, but it is the space that the cost is drawn against.
            Self::Live => workload.live.filter(|_| workload.space_bytes.is_none()),
            Self::Space => workload.space_bytes,
        }
    }
}

/// The workloads that lie on a line: timed, and of the same name but for the numbers in its last part, at two sizes or
/// more.
pub(in crate::report) fn groups<'s, 'r>(summaries: &'s [Summary<'r>], against: Against) -> Vec<Group<'s, 'r>> {
    let mut groups: Vec<Group<'s, 'r>> = Vec::new();
    for summary in summaries.iter().filter(|summary| summary.measure == Measure::Time) {
        let Some(size) = against.of(summary.workload) else { continue };
        let name = without_numbers(&summary.workload.name);
        let at = groups.iter().position(|group| group.name == name).unwrap_or(groups.len());
        if at == groups.len() {
            groups.push(Group { name, against, points: Vec::new() });
        }
        groups[at].points.push((size, summary));
    }
    for group in &mut groups {
        group.points.sort_by_key(|&(size, _)| size);
        group.points.dedup_by_key(|&mut (size, _)| size);
    }
    groups.retain(|group| group.points.len() > 1);
    groups
}

/// The name of a workload without the numbers in its last part: `a/4-8/…-live` for `a/4-8/100-live`.
fn without_numbers(name: &str) -> String {
    let (folder, last) = name.rsplit_once('/').unwrap_or(("", name));
    let words = last.split('-').map(|word| if word.starts_with(|c: char| c.is_ascii_digit()) { "…" } else { word });
    let mut words: Vec<&str> = words.collect();
    words.dedup_by(|a, b| *a == "…" && *b == "…");
    format!("{folder}/{}", words.join("-"))
}

/// The line of one allocator.
struct Line<'r> {
    name: &'r str,
    role: Role,
    colour: RGBColor,
    /// `(size, value)`, ascending.
    points: Vec<(u64, f64)>,
}

/// Draws a group.
pub(in crate::report) fn draw(group: &Group<'_, '_>, results: &Results) -> String {
    let lines = lines(group, results);
    let names = lines.iter().map(|line| width_of(line.name)).max().unwrap_or(0).min(WIDTH / 3);
    let right = WIDTH - names - 26;
    let sizes: Vec<f64> = group.points.iter().map(|&(size, _)| size as f64).collect();
    let values: Vec<f64> = lines.iter().flat_map(|line| line.points.iter().map(|&(_, value)| value)).collect();
    let y = Axis::logarithmic(&values, BOTTOM, TOP);
    let x = SizeAxis::new(&sizes, LEFT + 16, right - 8);
    let description = format!("{}: nanoseconds per operation against {}", group.name, group.against.title());
    drawing((WIDTH, HEIGHT), &description, |canvas| {
        grid(canvas, group, &x, &y, right);
        // Ours last, so that they lie on top.
        for line in lines.iter().rev() {
            let points: Vec<_> = line.points.iter().map(|&(size, value)| (x.at(size as f64), y.at(value))).collect();
            points.iter().for_each(|&point| canvas.dot(point, 4, line.colour));
            canvas.path(points, line.colour, if line.role == Role::Ours { 3 } else { 2 });
        }
        name_ends(canvas, &lines, &x, &y, right);
    })
}

fn lines<'r>(group: &Group<'_, 'r>, results: &'r Results) -> Vec<Line<'r>> {
    let mut lines: Vec<Line<'r>> = Vec::new();
    for contender in &results.allocators {
        let value = |summary: &Summary<'r>| summary.rows.iter().find(|row| row.allocator == contender.name)?.value;
        let points: Vec<(u64, f64)> =
            group.points.iter().filter_map(|&(size, summary)| Some((size, value(summary)?))).collect();
        let place = lines.iter().filter(|line| line.role == contender.role).count();
        if !points.is_empty() {
            let (name, role) = (contender.name.as_str(), contender.role);
            lines.push(Line { name, role, colour: palette::of_line(role, place), points });
        }
    }
    lines.sort_by_key(|line| line.role);
    lines
}

fn grid(canvas: &Canvas<'_>, group: &Group<'_, '_>, x: &SizeAxis, y: &Axis, right: i32) {
    for tick in y.ticks() {
        let at = y.at(tick);
        canvas.line((LEFT, at), (right, at), palette::GRID, 1);
        canvas.text(&axis::label(tick), (LEFT - 6, at), Anchor::End, palette::MUTED);
    }
    for &(size, _) in &group.points {
        let at = x.at(size as f64);
        canvas.line((at, TOP), (at, BOTTOM), palette::GRID, 1);
        canvas.text(&group.against.write(size), (at, BOTTOM + 14), Anchor::Middle, palette::MUTED);
    }
    canvas.text("ns per operation", (4, 10), Anchor::Start, palette::MUTED);
    let title = format!("{} (both scales logarithmic)", group.against.title());
    canvas.text(&title, (i32::midpoint(LEFT, right), BOTTOM + 36), Anchor::Middle, palette::MUTED);
}

/// Writes the names beside the ends of the lines, moved apart where they would cover one another.
fn name_ends(canvas: &Canvas<'_>, lines: &[Line<'_>], x: &SizeAxis, y: &Axis, right: i32) {
    let mut ends: Vec<(i32, i32, &Line<'_>)> = lines
        .iter()
        .filter_map(|line| line.points.last().map(|&(size, value)| (y.at(value), x.at(size as f64), line)))
        .collect();
    ends.sort_by_key(|&(y, ..)| y);
    let heights = apart(&ends.iter().map(|&(y, ..)| y).collect::<Vec<_>>(), TEXT + 2, TOP + 4, BOTTOM);
    for ((from, end, line), height) in ends.into_iter().zip(heights) {
        canvas.dotted_line((end + 8, from), (right + 10, height), line.colour);
        let name = super::cut(line.name, WIDTH - right - 14);
        canvas.text(
            &name,
            (right + 14, height),
            Anchor::Start,
            if line.role == Role::Ours { line.colour } else { palette::INK },
        );
    }
}

/// Moves ascending positions so that each is at least a distance below the one before, within bounds as far as they all
/// fit.
fn apart(positions: &[i32], distance: i32, top: i32, bottom: i32) -> Vec<i32> {
    let mut moved: Vec<i32> = Vec::with_capacity(positions.len());
    for &position in positions {
        let lowest = moved.last().map_or(top, |&above| above + distance);
        moved.push(position.max(lowest));
    }
    let mut highest = bottom;
    for position in moved.iter_mut().rev() {
        *position = (*position).min(highest);
        highest = *position - distance;
    }
    moved
}

/// A logarithmic axis that begins at the least size and ends at the greatest.
struct SizeAxis {
    least: f64,
    greatest: f64,
    from: i32,
    to: i32,
}

impl SizeAxis {
    fn new(sizes: &[f64], from: i32, to: i32) -> Self {
        let least = sizes.iter().copied().fold(f64::INFINITY, f64::min).max(1.0);
        let greatest = sizes.iter().copied().fold(least, f64::max);
        Self { least, greatest, from, to }
    }

    fn at(&self, size: f64) -> i32 {
        let share = (size.max(1.0) / self.least).ln() / (self.greatest / self.least).ln();
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 };
        self.from + (share * f64::from(self.to - self.from)).round() as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::{Part, summarise};
    use crate::report::synthetic;

    #[test]
    fn workloads_that_differ_in_size_lie_on_a_line() {
        let results = synthetic::results();
        let summaries = summarise(&results, Part::All);
        let named = |against| groups(&summaries, against).iter().map(|g| (g.name.clone(), g.points.len())).collect();
        let (live, space): (Vec<_>, Vec<_>) = (named(Against::Live), named(Against::Space));
        assert_eq!(live, [("bytes/4-1024/…-live".to_owned(), 2)]);
        assert_eq!(space, [("pages/pair/…".to_owned(), 2)]);
    }

    #[test]
    fn variants_of_a_workload_have_lines_of_their_own() {
        assert_eq!(without_numbers("bytes/4-1024/100-live"), "bytes/4-1024/…-live");
        assert_eq!(without_numbers("bytes/4-1024/100-live-realloc"), "bytes/4-1024/…-live-realloc");
        assert_eq!(without_numbers("pages/random/64g-1m-live"), "pages/random/…-live");
        assert_eq!(without_numbers("64"), "/…");
    }

    #[test]
    fn each_line_is_named() {
        let results = synthetic::results();
        let summaries = summarise(&results, Part::All);
        let svg = draw(&groups(&summaries, Against::Space)[0], &results);
        for text in ["radix", "bitmap-allocator", "256 MiB", "1 TiB"] {
            assert!(svg.contains(text), "{text} is missing");
        }
    }

    #[test]
    fn names_keep_their_distance_and_stay_inside() {
        assert_eq!(apart(&[10, 11, 50], 16, 0, 100), [10, 26, 50]);
        assert_eq!(apart(&[95, 96, 97], 16, 0, 100), [68, 84, 100]);
        assert_eq!(apart(&[], 16, 0, 100), [0; 0]);
    }

    #[test]
    fn one_size_is_in_the_middle() {
        assert_eq!(SizeAxis::new(&[8.0], 0, 100).at(8.0), 50);
        assert_eq!(SizeAxis::new(&[], 0, 100).at(8.0), 50);
    }
}
