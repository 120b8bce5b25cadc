//! Axes, which map values to pixels: linear from 0, or logarithmic where the values are far apart.

use super::{Anchor, Canvas, palette};

/// Values this many times apart do not share a linear axis: the bars of the small ones would vanish.
const LINEAR_REACH: f64 = 20.0;

/// An axis between two pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    from: i32,
    to: i32,
}

impl Axis {
    /// An axis for these values, linear from 0 where they are near enough to one another.
    pub(super) fn fitting(values: &[f64], from: i32, to: i32) -> Self {
        let greatest = values.iter().copied().fold(0.0, f64::max);
        let least = values.iter().copied().filter(|&value| value > 0.0).fold(f64::INFINITY, f64::min);
        if greatest > LINEAR_REACH * least {
            return Self::logarithmic(values, from, to);
        }
        Self::linear(greatest, from, to)
    }

    /// A linear axis from 0 to no less than this.
    pub(super) fn linear(greatest: f64, from: i32, to: i32) -> Self {
        let greatest = if greatest > 0.0 && greatest.is_finite() { greatest } else { 1.0 };
        let step = step(greatest);
        Self { low: 0.0, high: (greatest / step).ceil() * step, logarithmic: false, from, to }
    }

    /// A logarithmic axis that begins below the least positive one of these values.
    pub(super) fn logarithmic(values: &[f64], from: i32, to: i32) -> Self {
        let positive = || values.iter().copied().filter(|&value| value > 0.0 && value.is_finite());
        let least = positive().fold(f64::INFINITY, f64::min);
        let greatest = positive().fold(0.0, f64::max);
        if greatest == 0.0 {
            return Self { low: 1.0, high: 10.0, logarithmic: true, from, to };
        }
        let (low, high) = (round_down(least * 0.8), round_up(greatest));
        Self { low, high, logarithmic: true, from, to }
    }

    /// Where the axis begins, in pixels.
    pub(super) fn start(&self) -> i32 {
        self.from
    }

    /// The pixel of a value; values beyond an end are at that end.
    pub(super) fn at(&self, value: f64) -> i32 {
        let share = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        // NaN, as of a logarithm of 0 over 0, becomes the start.
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        self.from + (share * f64::from(self.to - self.from)).round() as i32
    }

    /// The values to mark, ascending.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if !self.logarithmic {
            let step = step(self.high);
            let count = (self.high / step).round() as u32;
            return (0..=count).map(|i| f64::from(i) * step).collect();
        }
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let decades = (self.high / self.low).log10();
        let factors: &[f64] = if decades > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let within = |value: &f64| *value >= self.low * 0.999 && *value <= self.high * 1.001;
        (first..=last)
            .step_by((decades / 6.0).ceil().max(1.0) as usize)
            .flat_map(|decade| factors.iter().map(move |factor| factor * 10f64.powi(decade)))
            .filter(within)
            .collect()
    }

    /// Draws lines up from a horizontal axis at the ticks, between these heights, with their values and the unit below.
    pub(super) fn draw_below(&self, canvas: &Canvas<'_>, top: i32, bottom: i32, unit: &str) {
        for tick in self.ticks() {
            let x = self.at(tick);
            canvas.line((x, top), (x, bottom), palette::GRID, 1);
            canvas.text(&label(tick), (x, bottom + 13), Anchor::Middle, palette::MUTED);
        }
        let unit = if self.logarithmic { format!("{unit} (logarithmic scale)") } else { unit.to_owned() };
        canvas.text(&unit, (i32::midpoint(self.from, self.to), bottom + 33), Anchor::Middle, palette::MUTED);
    }
}

/// The label of a tick: `0.5`, `20`, `5k`, `1M`.
pub(super) fn label(value: f64) -> String {
    const SUFFIXES: [(f64, &str); 3] = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    let (unit, suffix) = SUFFIXES.into_iter().find(|(unit, _)| value.abs() >= unit * 0.9999).unwrap_or((1.0, ""));
    // Ticks are short decimals but for the error of their sum.
    let rounded = (value / unit * 1e6).round() / 1e6;
    format!("{rounded}{suffix}")
}

/// The same of any value, to three digits: `524k` for 524,288.
pub(super) fn rounded_label(value: f64) -> String {
    let unit = 10f64.powf(value.abs().max(1.0).log10().floor() - 2.0);
    label((value / unit).round() * unit)
}

/// A distance between ticks of 1, 2 or 5 times a power of ten, so that there are 4 to 8 of them up to this value.
fn step(greatest: f64) -> f64 {
    let rough = greatest / 6.0;
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|&step| step >= rough * 0.999).unwrap_or(rough)
}

/// The next 1, 2 or 5 times a power of ten, downwards.
fn round_down(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [5.0, 2.0, 1.0].map(|factor| factor * power).into_iter().find(|&r| r <= value).unwrap_or(power)
}

/// The same upwards, and at least a little above.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let enough = |&r: &f64| r >= value;
    [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(enough).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_near_one_another_start_at_zero() {
        let axis = Axis::fitting(&[10.0, 35.0], 100, 500);
        assert!(!axis.logarithmic);
        assert_eq!((axis.at(0.0), axis.at(40.0)), (100, 500));
        assert_eq!(axis.ticks(), [0.0, 10.0, 20.0, 30.0, 40.0]);
    }

    #[test]
    fn values_far_apart_are_on_a_logarithmic_axis() {
        let axis = Axis::fitting(&[3.0, 30_000.0], 0, 100);
        assert!(axis.logarithmic);
        assert!(axis.at(3.0) > 0, "the least value has a bar");
        assert!(axis.at(30_000.0) <= 100);
        assert_eq!(axis.ticks(), [10.0, 100.0, 1000.0, 10_000.0]);
    }

    #[test]
    fn narrow_logarithmic_axes_have_ticks_too() {
        let axis = Axis::logarithmic(&[12.0, 18.0], 0, 100);
        assert!(axis.ticks().len() >= 2, "{axis:?} {:?}", axis.ticks());
    }

    #[test]
    fn values_that_are_none_do_not_break_an_axis() {
        for values in [&[][..], &[0.0], &[0.0, 5.0], &[f64::INFINITY], &[f64::NAN, 1.0]] {
            for axis in [Axis::fitting(values, 0, 100), Axis::logarithmic(values, 0, 100)] {
                let ticks = axis.ticks();
                assert!(!ticks.is_empty() && ticks.len() < 20, "{values:?}: {ticks:?}");
                assert!((0..=100).contains(&axis.at(0.0)) && (0..=100).contains(&axis.at(f64::NAN)), "{values:?}");
            }
        }
    }

    #[test]
    fn labels_of_any_value_are_rounded() {
        let labels = [0.0, 64.0, 4096.0, 32_768.0, 524_288.0, 1_048_576.0, 999_999.0].map(rounded_label);
        assert_eq!(labels, ["0", "64", "4.1k", "32.8k", "524k", "1.05M", "1M"].map(str::to_owned));
    }

    #[test]
    fn labels_are_short() {
        let labels = [0.0, 0.1 + 0.2, 20.0, 5e3, 1.5e6, 2e9].map(label);
        assert_eq!(labels, ["0", "0.3", "20", "5k", "1.5M", "2G"].map(str::to_owned));
    }
}
