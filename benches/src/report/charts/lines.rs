//! The same work at several sizes: how its cost grows with the number of live blocks or with the size of the page space,
//! and how full a pool gets by its size. A line for each allocator, named at its end. It also decides which workloads make
//! a group, on lines here or as marks in `sizes`.

use plotters::style::RGBColor;

use super::axis::{self, Axis};
use super::labels::{LINE, centred, rows_of};
use super::{Anchor, Canvas, TEXT, drawing, palette, room_for};
use crate::report::number;
use crate::report::summary::{Measure, Summary};
use crate::results::{Results, Role};

const WIDTH: i32 = 600;
const LEFT: i32 = 56;
const TOP: i32 = 30;
const BOTTOM: i32 = 366;
/// The room for the title of the horizontal axis.
const TITLE: i32 = 48;

/// What the figures are drawn against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Against {
    /// Cost against the number of live blocks.
    Live,
    /// Cost against the size of the page space.
    Space,
    /// Shares against the size of the pool.
    Pool,
    /// Shares against distributions of sizes, which have no order but that of the page.
    Sizes,
}

/// Workloads that differ only in what the figures are drawn against.
#[derive(Clone, Debug)]
pub(in crate::report) struct Group<'s, 'r> {
    /// What they have in common of their names.
    pub(in crate::report) name: String,
    /// What they are drawn against.
    pub(in crate::report) against: Against,
    /// The workloads, by their place on the axis, ascending.
    pub(in crate::report) points: Vec<Point<'s, 'r>>,
}

/// One workload of a group.
#[derive(Clone, Debug)]
pub(in crate::report) struct Point<'s, 'r> {
    /// Where it is on a logarithmic axis; of distributions, its place on the page.
    size: u64,
    /// What the axis calls it.
    pub(in crate::report) label: String,
    /// What else differs between the points of the group: how many blocks are live, or the size of the pool.
    pub(in crate::report) also: Option<String>,
    /// Its figures.
    pub(in crate::report) summary: &'s Summary<'r>,
}

impl Against {
    /// All there is, in the order of the page.
    pub(in crate::report) const ALL: [Self; 4] = [Self::Live, Self::Space, Self::Pool, Self::Sizes];

    /// What the axis shows.
    pub(in crate::report) fn title(self) -> &'static str {
        match self {
            Self::Live => "live blocks",
            Self::Space => "page space",
            Self::Pool => "pool",
            Self::Sizes => "sizes",
        }
    }

    /// What is drawn, of which workloads.
    pub(in crate::report) fn measure(self) -> Measure {
        match self {
            Self::Live | Self::Space => Measure::Time,
            Self::Pool | Self::Sizes => Measure::Share,
        }
    }

    /// The group that a workload belongs to, and its point, if it is the next one of the group after so many.
    fn place<'s, 'r>(self, summary: &'s Summary<'r>, before: impl Fn(&str) -> u64) -> Option<(String, Point<'s, 'r>)> {
        let workload = summary.workload;
        let (folder, last) = workload.name.rsplit_once('/')?;
        let (name, size, label, also) = match self {
            Self::Live => {
                let live = workload.live.filter(|_| workload.space_bytes.is_none())?;
                (without_numbers(&workload.name), live, axis::label(live as f64), None)
            }
            // What is live in a larger space is often more, too, but it is the space that the cost is drawn against.
            Self::Space => {
                let space = workload.space_bytes?;
                let live = workload.live.map(|live| format!("{} live", axis::rounded_label(live as f64)));
                (without_numbers(&workload.name), space, number::bytes(space), live)
            }
            Self::Pool => {
                let pool = workload.pool_bytes?;
                let sizes = last.split_once(IN_POOL).map_or(last, |(sizes, _)| sizes);
                (format!("{folder}/{sizes}"), pool, number::bytes(pool), None)
            }
            Self::Sizes if last.contains(IN_POOL) => return None,
            Self::Sizes => {
                let pool = workload.pool_bytes.map(|pool| format!("a pool of {}", number::bytes(pool)));
                (folder.to_owned(), before(folder), last.to_owned(), pool)
            }
        };
        Some((name, Point { size, label, also, summary }))
    }
}

/// The workloads that lie on a line: of the same name but for the numbers in its last part (of shares: but for its last
/// part), at two sizes or more.
pub(in crate::report) fn groups<'s, 'r>(summaries: &'s [Summary<'r>], against: Against) -> Vec<Group<'s, 'r>> {
    let mut groups: Vec<Group<'s, 'r>> = Vec::new();
    for summary in summaries.iter().filter(|summary| summary.measure == against.measure()) {
        let find = |name: &str| groups.iter().position(|group| group.name == name);
        let before = |name: &str| find(name).map_or(0, |at| groups[at].points.len() as u64);
        let Some((name, point)) = against.place(summary, before) else { continue };
        match find(&name) {
            Some(at) => groups[at].points.push(point),
            None => groups.push(Group { name, against, points: vec![point] }),
        }
    }
    for group in &mut groups {
        group.points.sort_by_key(|point| point.size);
        group.points.dedup_by_key(|point| point.size);
        // What is the same for all needs no telling them apart.
        if group.points.iter().all(|point| point.also == group.points[0].also) {
            group.points.iter_mut().for_each(|point| point.also = None);
        }
    }
    groups.retain(|group| group.points.len() > 1);
    groups
}

/// What stands in a name between a distribution of sizes and the size of the pool, where it is not the usual one.
const IN_POOL: &str = "-in-";

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
    /// `(size, value)`, ascending; of shares, in percent.
    points: Vec<(u64, f64)>,
}

/// Draws a group.
pub(in crate::report) fn draw(group: &Group<'_, '_>, results: &Results) -> String {
    let lines = lines(group, results);
    let right = WIDTH - room_for(lines.iter().map(|line| line.name)) - 26;
    let sizes: Vec<f64> = group.points.iter().map(|point| point.size as f64).collect();
    let values: Vec<f64> = lines.iter().flat_map(|line| line.points.iter().map(|&(_, value)| value)).collect();
    let measure = group.against.measure();
    let y = match measure {
        Measure::Share => Axis::linear(100.0, BOTTOM, TOP),
        Measure::Time | Measure::Latency => Axis::logarithmic(&values, BOTTOM, TOP),
    };
    let x = SizeAxis::new(&sizes, LEFT + 16, right - 8);
    let description = format!("{} against {}: {}", group.name, group.against.title(), measure.explanation());
    let labels = labels(group, &x);
    let end = labels.iter().map(|label| label.bottom()).max().unwrap_or(BOTTOM);
    drawing((WIDTH, end + TITLE), &description, |canvas| {
        grid(canvas, group, &y, right);
        for label in &labels {
            canvas.line((label.x, TOP), (label.x, BOTTOM), palette::GRID, 1);
            for (text, height) in label.lines.iter().zip((label.top + LINE / 2..).step_by(LINE as usize)) {
                canvas.text(text, (label.centre, height), Anchor::Middle, palette::MUTED);
            }
        }
        let scales = if measure == Measure::Share { "logarithmic" } else { "both scales logarithmic" };
        let title = format!("{} ({scales})", group.against.title());
        canvas.text(&title, (i32::midpoint(LEFT, right), end + 18), Anchor::Middle, palette::MUTED);
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
        let value = |point: &Point<'_, 'r>| {
            let row = point.summary.rows.iter().find(|row| row.allocator == contender.name)?;
            let shown = if group.against.measure() == Measure::Share { 100.0 } else { 1.0 };
            Some((point.size, row.value? * shown))
        };
        let points: Vec<(u64, f64)> = group.points.iter().filter_map(value).collect();
        let place = lines.iter().filter(|line| line.role == contender.role).count();
        if !points.is_empty() {
            let (name, role) = (contender.name.as_str(), contender.role);
            lines.push(Line { name, role, colour: palette::of_line(role, place), points });
        }
    }
    lines.sort_by_key(|line| line.role);
    lines
}

/// The label of a point, below the axis.
struct Label<'g> {
    /// Where the point is.
    x: i32,
    /// The middle of the text: that of the point, but for the bounds of the drawing.
    centre: i32,
    top: i32,
    lines: Vec<&'g str>,
}

impl Label<'_> {
    fn bottom(&self) -> i32 {
        self.top + LINE * self.lines.len() as i32
    }
}

/// The labels of all points, on as many rows as they need.
fn labels<'g>(group: &'g Group<'_, '_>, x: &SizeAxis) -> Vec<Label<'g>> {
    let lines = |point: &'g Point<'_, '_>| -> Vec<&'g str> {
        [Some(&point.label), point.also.as_ref()].into_iter().flatten().map(String::as_str).collect()
    };
    let label = |point: &'g Point<'_, '_>| {
        let (x, lines) = (x.at(point.size as f64), lines(point));
        let (from, to) = centred(lines.iter().copied(), x, WIDTH);
        (Label { x, centre: i32::midpoint(from, to), top: BOTTOM + 10, lines }, (from, to))
    };
    let (mut labels, boxes): (Vec<Label<'g>>, Vec<_>) = group.points.iter().map(label).unzip();
    let height = LINE * labels.iter().map(|label| label.lines.len()).max().unwrap_or(0) as i32;
    for (label, row) in labels.iter_mut().zip(rows_of(&boxes)) {
        label.top += row as i32 * height;
    }
    labels
}

fn grid(canvas: &Canvas<'_>, group: &Group<'_, '_>, y: &Axis, right: i32) {
    for tick in y.ticks() {
        let at = y.at(tick);
        canvas.line((LEFT, at), (right, at), palette::GRID, 1);
        canvas.text(&axis::label(tick), (LEFT - 6, at), Anchor::End, palette::MUTED);
    }
    canvas.text(group.against.measure().axis_title(), (4, 10), Anchor::Start, palette::MUTED);
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
        let name = super::cut_name(line.name, WIDTH - right - 14);
        let colour = if line.role == Role::Ours { line.colour } else { palette::INK };
        canvas.text(&name, (right + 14, height), Anchor::Start, colour);
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
    use super::super::tests::{ALIKE, results_of_alike};
    use super::*;
    use crate::report::summary::{Part, summarise};
    use crate::report::synthetic;
    use crate::results::{Family, Figure, Workload};

    #[test]
    fn workloads_that_differ_in_size_lie_on_a_line() {
        let results = synthetic::results();
        let summaries = summarise(&results, Part::All);
        let named = |against| groups(&summaries, against).iter().map(|g| (g.name.clone(), g.points.len())).collect();
        let (live, space): (Vec<_>, Vec<_>) = (named(Against::Live), named(Against::Space));
        assert_eq!(live, [("bytes/4-1024/…-live".to_owned(), 2)]);
        assert_eq!(space, [("pages/pair/…".to_owned(), 2)]);
        let sizes: Vec<_> = named(Against::Sizes);
        assert_eq!(sizes, [("fill/brink".to_owned(), 2)]);
    }

    #[test]
    fn pools_of_several_sizes_make_a_line_and_no_marks() {
        let mut results = synthetic::results();
        let filled = results.workloads.iter_mut().filter(|workload| workload.family == Family::Fill);
        for (workload, pool) in filled.zip([4 << 20, 16 << 20]) {
            workload.pool_bytes = Some(pool);
        }
        results.workloads.iter_mut().find(|w| w.name == "fill/brink/large").unwrap().name =
            "fill/brink/small-in-16m".to_owned();
        results.figures.iter_mut().filter(|f| f.workload == "fill/brink/large").for_each(|figure| {
            figure.workload = "fill/brink/small-in-16m".to_owned();
        });
        let summaries = summarise(&results, Part::All);
        assert!(groups(&summaries, Against::Sizes).is_empty());
        let lines = groups(&summaries, Against::Pool);
        assert_eq!(lines.len(), 1);
        let labels: Vec<&str> = lines[0].points.iter().map(|point| point.label.as_str()).collect();
        assert_eq!((lines[0].name.as_str(), labels), ("fill/brink/small", vec!["4 MiB", "16 MiB"]));
        let svg = draw(&lines[0], &results);
        assert!(svg.contains("pool (logarithmic)"), "{svg}");
        assert!(svg.contains("\n0\n") && svg.contains("\n100\n"), "shares lie between 0 and 100 %: {svg}");
    }

    #[test]
    fn labels_that_would_touch_lie_on_other_rows() {
        let mut results = synthetic::results();
        let filled = results.workloads.iter().find(|workload| workload.name == "fill/brink/small").unwrap().clone();
        let sizes = [4_u64 << 20, 4 << 30, 5 << 30];
        results.workloads = sizes
            .map(|pool| Workload {
                name: format!("fill/brink/small-in-{pool}"),
                pool_bytes: Some(pool),
                ..filled.clone()
            })
            .to_vec();
        let figure = results.figures.iter().find(|figure| figure.workload == filled.name).unwrap().clone();
        results.figures =
            results.workloads.iter().map(|w| Figure { workload: w.name.clone(), ..figure.clone() }).collect();
        let summaries = summarise(&results, Part::All);
        let group = &groups(&summaries, Against::Pool)[0];
        let tops: Vec<i32> = labels(group, &SizeAxis::new(&sizes.map(|size| size as f64), LEFT, 400))
            .iter()
            .map(|label| label.top)
            .collect();
        assert_eq!(tops, [BOTTOM + 10, BOTTOM + 10, BOTTOM + 10 + LINE]);
    }

    #[test]
    fn what_is_live_is_written_where_it_differs() {
        let mut results = synthetic::results();
        let also = |results: &Results| {
            let summaries = summarise(results, Part::All);
            groups(&summaries, Against::Space)[0].points.iter().map(|point| point.also.clone()).collect::<Vec<_>>()
        };
        let spaces = |results: &mut Results, live: [u64; 2]| {
            let spaces = results.workloads.iter_mut().filter(|workload| workload.space_bytes.is_some());
            spaces.zip(live).for_each(|(workload, live)| workload.live = Some(live));
        };
        assert_eq!(also(&results), [None, None]);
        spaces(&mut results, [4096, 4096]);
        assert_eq!(also(&results), [None, None]);
        spaces(&mut results, [32_768, 1_048_576]);
        assert_eq!(also(&results), ["32.8k live", "1.05M live"].map(|live| Some(live.to_owned())));
        let summaries = summarise(&results, Part::All);
        let svg = draw(&groups(&summaries, Against::Space)[0], &results);
        assert!(svg.contains("32.8k live") && svg.contains("1.05M live"), "{svg}");
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
    fn names_that_begin_alike_are_written_out() {
        let results = results_of_alike();
        let summaries = summarise(&results, Part::All);
        let svg = draw(&groups(&summaries, Against::Live)[0], &results);
        for name in ALIKE {
            assert!(svg.contains(&format!("\n{name}\n")), "{name} is missing");
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
