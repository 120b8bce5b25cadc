//! The drawings of the page: SVG in pixels of its own, coloured from one palette that has a light and a dark side.
//!
//! `axis` places values, `labels` texts; `bars`, `lines`, `sizes`, `latency`, `heap_map` and
//! `comparison` are one kind of drawing each.

mod axis;
pub(in crate::report) mod bars;
pub(in crate::report) mod comparison;
pub(in crate::report) mod heap_map;
mod labels;
pub(in crate::report) mod latency;
pub(in crate::report) mod lines;
pub(in crate::report) mod palette;
pub(in crate::report) mod sizes;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The size of the text in drawings, in pixels.
const TEXT: i32 = 15;
/// The most room for names at the side of a drawing, in pixels: enough for 27 letters.
const NAMES: i32 = 270;

/// A canvas that writes SVG to a string. To write to a string does not fail.
struct Canvas<'s> {
    area: DrawingArea<SVGBackend<'s>, Shift>,
}

/// Which end of a text is where it is put.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas<'_> {
    fn line(&self, from: (i32, i32), to: (i32, i32), colour: RGBColor, width: u32) {
        self.draw(&PathElement::new(vec![from, to], colour.stroke_width(width)));
    }

    /// A line that leads to a name, and is not to be taken for one that shows values.
    fn dotted_line(&self, from: (i32, i32), to: (i32, i32), colour: RGBColor) {
        let length = f64::from(to.0 - from.0).hypot(f64::from(to.1 - from.1));
        let dots = (length / 5.0).ceil().max(1.0);
        let between = |a: i32, b: i32, share: f64| a + (f64::from(b - a) * share).round() as i32;
        for dot in 0..=dots as i32 {
            let share = f64::from(dot) / dots;
            self.dot((between(from.0, to.0, share), between(from.1, to.1, share)), 1, colour);
        }
    }

    fn path(&self, points: Vec<(i32, i32)>, colour: RGBColor, width: u32) {
        self.draw(&PathElement::new(points, colour.stroke_width(width)));
    }

    fn rectangle(&self, from: (i32, i32), to: (i32, i32), colour: RGBColor) {
        self.draw(&Rectangle::new([from, to], colour.filled()));
    }

    fn dot(&self, at: (i32, i32), radius: i32, colour: RGBColor) {
        self.draw(&Circle::new(at, radius, colour.filled()));
    }

    fn ring(&self, at: (i32, i32), radius: i32, colour: RGBColor) {
        self.draw(&Circle::new(at, radius, colour.stroke_width(2)));
    }

    fn text(&self, text: &str, at: (i32, i32), anchor: Anchor, colour: RGBColor) {
        self.styled_text(text, at, anchor, colour, FontStyle::Normal);
    }

    fn styled_text(&self, text: &str, at: (i32, i32), anchor: Anchor, colour: RGBColor, style: FontStyle) {
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // The backend writes the size divided by this.
        let font = FontDesc::new(FontFamily::SansSerif, f64::from(TEXT) * 1.24, style);
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(horizontal, VPos::Center));
        self.draw(&Text::new(text.to_owned(), at, style));
    }

    fn draw<'e, E>(&self, element: &'e E)
    where
        &'e E: plotters::element::PointCollection<'e, (i32, i32)>,
        E: for<'b> plotters::element::Drawable<SVGBackend<'b>>,
    {
        self.area.draw(element).expect("a string takes all");
    }
}

/// A drawing of this size, with a description for those who do not see it.
fn drawing(size: (i32, i32), description: &str, draw: impl FnOnce(&Canvas<'_>)) -> String {
    let pixels = |length: i32| u32::try_from(length).unwrap_or(0).max(1);
    let mut svg = String::new();
    draw(&Canvas { area: SVGBackend::with_string(&mut svg, (pixels(size.0), pixels(size.1))).into_drawing_area() });
    let description = super::html::escape(description);
    // What goes without saying, and is said of each of thousands of elements.
    let svg = svg.replace(" opacity=\"1\"", "");
    svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{description}\" "), 1)
}

/// About how wide this text is, in pixels: no less than browsers make it.
fn width_of(text: &str) -> i32 {
    i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 16).saturating_mul(TEXT * 13) / 20
}

/// The room that names take at the side of a drawing.
fn room_for<'n>(names: impl IntoIterator<Item = &'n str>) -> i32 {
    names.into_iter().map(width_of).max().unwrap_or(0).min(NAMES)
}

/// How many letters there is room for beside an ellipsis, where a text has too many.
fn letters_left(text: &str, width: i32) -> Option<usize> {
    let fit = || usize::try_from(width * 20 / (TEXT * 13)).unwrap_or(0);
    (width_of(text) > width).then(|| fit().saturating_sub(1))
}

/// The start of a text, as much as there is room for.
fn cut(text: &str, width: i32) -> String {
    let Some(left) = letters_left(text, width) else { return text.to_owned() };
    text.chars().take(left).chain(['…']).collect()
}

/// A name without its middle, where there is no room for it: names that begin alike often differ in their end.
fn cut_name(name: &str, width: i32) -> String {
    let Some(left) = letters_left(name, width) else { return name.to_owned() };
    let start = left / 2;
    let end = name.chars().count() - (left - start);
    name.chars().take(start).chain(['…']).chain(name.chars().skip(end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::synthetic;
    use crate::results::Results;

    /// Names of which the one is the start of the other.
    pub(super) const ALIKE: [&str; 2] = ["buddy_system_allocator", "buddy_system_allocator-heap"];

    /// Made-up results in which two peers have such names.
    pub(super) fn results_of_alike() -> Results {
        let mut results = synthetic::results();
        for (from, to) in ["rlsf", "talc"].into_iter().zip(ALIKE) {
            let contenders = results.allocators.iter_mut().map(|contender| &mut contender.name);
            let figures = results.figures.iter_mut().map(|figure| &mut figure.allocator);
            contenders.chain(figures).filter(|name| *name == from).for_each(|name| to.clone_into(name));
        }
        results
    }

    #[test]
    fn a_drawing_describes_itself() {
        let svg = drawing((10, 20), "a <b>", |canvas| canvas.line((0, 0), (1, 1), palette::INK, 1));
        assert!(svg.starts_with("<svg role=\"img\" aria-label=\"a &lt;b&gt;\" width=\"10\" height=\"20\""), "{svg}");
        assert!(svg.trim_end().ends_with("</svg>"), "{svg}");
    }

    #[test]
    fn texts_are_cut_where_room_ends() {
        assert_eq!(cut("short", 100), "short");
        let cut = cut("a rather long text", 80);
        assert!(cut.ends_with('…') && width_of(&cut) <= 80, "{cut}");
        assert_eq!(super::cut("text", -5), "…");
        assert_eq!(cut_name("text", -5), "…");
    }

    /// They were both `buddy_system_allocato…`.
    #[test]
    fn names_that_begin_alike_are_distinguished() {
        assert_eq!(ALIKE.map(|name| cut_name(name, room_for(ALIKE))), ALIKE, "there is room for both");
        for width in 40..NAMES {
            let [short, long] = ALIKE.map(|name| cut_name(name, width));
            assert_ne!(short, long, "at {width} pixels");
            assert!(width_of(&short) <= width && width_of(&long) <= width, "{short} and {long} at {width} pixels");
        }
        assert_eq!(cut_name(ALIKE[1], 100), "budd…-heap");
    }
}
