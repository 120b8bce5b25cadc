//! Timing a list of operations within a budget, and what the clock itself costs.

use std::iter;
use std::time::{Duration, Instant};

use super::{Measurement, Options};

/// How long a pass may take; a slow allocator does less of its list.
#[must_use]
pub fn budget(options: &Options) -> Duration {
    Duration::from_millis(if options.quick { 30 } else { 60 })
}

/// For how long a turn repeats its work, to keep the fastest time; slow work is done once.
#[must_use]
pub fn repeating(options: &Options) -> Duration {
    Duration::from_millis(if options.quick { 15 } else { 50 })
}

/// For how long a round times operations one by one.
#[must_use]
pub fn single(options: &Options) -> Duration {
    Duration::from_millis(if options.quick { 60 } else { 500 })
}

/// How long the untimed preparations of a round may take, before the trial is given up: on a slow machine, twice as long as those
/// of this family on a fast one.
#[must_use]
pub fn preparation_budget(options: &Options) -> Duration {
    Duration::from_millis(if options.quick { 10_000 } else { 20_000 })
}

/// Between two looks at the clock: few enough that slow operations do not overrun, enough that fast ones do not notice.
const MOST_BETWEEN_LOOKS: usize = 4096;

/// Calls `step` for one item after the other until none is left or the budget is spent. Returns the number of items, and the
/// time.
pub fn run<T>(items: &[T], budget: Duration, mut step: impl FnMut(&T)) -> (usize, Duration) {
    let begun = Instant::now();
    let (mut done, mut until_look, mut elapsed) = (0, 1, Duration::ZERO);
    while done < items.len() && elapsed < budget {
        let end = items.len().min(done + until_look);
        items[done..end].iter().for_each(&mut step);
        done = end;
        elapsed = begun.elapsed();
        if elapsed * 16 < budget {
            until_look = MOST_BETWEEN_LOOKS.min(2 * until_look);
        }
    }
    (done, elapsed)
}

/// Calls `step` for all items within the budget; returns whether there was time for all of them. Gives up early where the
/// first items take too long.
pub fn prepare<T>(items: &[T], budget: Duration, step: impl FnMut(&T)) -> bool {
    let mut step = step;
    let (head, tail) = items.split_at(items.len() / 16);
    let (done, for_head) = run(head, budget / 8, &mut step);
    done == head.len() && run(tail, budget.saturating_sub(for_head), &mut step).0 == tail.len()
}

/// How long a slice takes, about: long compared with two readings of the clock, short compared with the stretches in which a
/// shared machine runs nothing else.
const SLICE: Duration = Duration::from_micros(25);

/// The same list gone through again and again, in the same slices, of each of which the fastest pass counts: whatever
/// else a machine does makes a slice slower, never faster, and it rarely hits the same slice in each pass.
///
/// What an allocator does now and then (a chunk fetched, free blocks counted) still counts in full: it falls into the same
/// slice each time, as each pass does the same.
#[derive(Debug)]
pub struct Passes {
    slices: Vec<Slice>,
    /// How many slices of this pass are over.
    over: usize,
    /// When the last of them was.
    last: Instant,
    /// Whether the first pass is over.
    cut: bool,
}

#[derive(Clone, Copy, Debug)]
struct Slice {
    /// The item after the slice's last one, where there is a list.
    end: usize,
    fastest: Duration,
}

impl Default for Passes {
    fn default() -> Self {
        Self { slices: Vec::new(), over: 0, last: Instant::now(), cut: false }
    }
}

impl Passes {
    /// A pass begins now. Needed only for work that is no list and calls [`lap`](Self::lap) itself.
    pub fn begin(&mut self) {
        self.cut = !self.slices.is_empty();
        self.over = 0;
        self.last = Instant::now();
    }

    /// A slice is over; says how long it took. Each pass of the same work has the same slices.
    pub fn lap(&mut self) -> Duration {
        self.lap_to(0)
    }

    fn lap_to(&mut self, end: usize) -> Duration {
        let now = Instant::now();
        let took = now - self.last;
        match self.slices.get_mut(self.over) {
            Some(slice) => slice.fastest = slice.fastest.min(took),
            None => self.slices.push(Slice { end, fastest: took }),
        }
        self.over += 1;
        self.last = now;
        took
    }

    /// Calls `step` for one item after the other: the first time until none is left or the budget is spent, then for as
    /// many as the first time. Says for how many.
    pub fn pass<T>(&mut self, items: &[T], budget: Duration, mut step: impl FnMut(&T)) -> usize {
        self.begin();
        let begun = self.last;
        let (mut done, mut length) = (0, 1);
        loop {
            let end = match self.slices.get(self.over) {
                Some(slice) => slice.end,
                None if self.cut || done == items.len() || self.last - begun >= budget => return done,
                None => items.len().min(done + length),
            };
            // Called in one place, so that it is inlined for all allocators, and not for some of them only.
            for item in &items[done..end] {
                step(item);
            }
            done = end;
            length = match self.lap_to(end) {
                took if took < SLICE / 2 => MOST_BETWEEN_LOOKS.min(2 * length),
                took if took > SLICE => (length / 2).max(1),
                _ => length,
            };
        }
    }

    /// Nanoseconds per operation, where the items held so many `operations`.
    #[must_use]
    pub fn ns_per_op(&self, operations: usize) -> f64 {
        ns_per_op(self.slices.iter().map(|slice| slice.fastest).sum(), operations)
    }
}

/// Measures again and again until the budget is spent, at least once, and returns the last answer, which includes the passes
/// before it. A measurement that is no time is made once.
pub(super) fn repeat(budget: Duration, mut measure: impl FnMut() -> Measurement) -> Measurement {
    let begun = Instant::now();
    loop {
        let measured = measure();
        if !matches!(measured, Measurement::Time { .. }) || begun.elapsed() >= budget {
            return measured;
        }
    }
}

/// As [`repeat`], for what is not measured in slices: the fastest answer of the round, of which `least` is the one so far.
pub(super) fn fastest(budget: Duration, least: &mut f64, mut measure: impl FnMut() -> Measurement) -> Measurement {
    repeat(budget, || match measure() {
        Measurement::Time { ns_per_op, refused } => {
            *least = least.min(ns_per_op);
            Measurement::Time { ns_per_op: *least, refused }
        }
        other => other,
    })
}

/// Nanoseconds for each of `operations`.
#[must_use]
pub fn ns_per_op(elapsed: Duration, operations: usize) -> f64 {
    elapsed.as_secs_f64() * 1e9 / operations as f64
}

/// What reading the clock costs, in nanoseconds: the median distance of two readings one after the other, over readings
/// in batches, since a single distance is coarser than what it measures.
#[must_use]
pub fn timer_ns() -> f64 {
    const BATCH: u32 = 1000;
    let mut batches: Vec<f64> = (0..101)
        .map(|_| {
            let begun = Instant::now();
            let mut last = begun;
            for _ in 0..BATCH {
                last = Instant::now();
            }
            (last - begun).as_secs_f64() * 1e9 / f64::from(BATCH)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[batches.len() / 2]
}

/// The step of the clock, in nanoseconds: no latency is more exact than that.
#[must_use]
pub fn timer_step_ns() -> f64 {
    let first = Instant::now();
    let reading = || {
        let begun = Instant::now();
        loop {
            match begun.elapsed().as_nanos() {
                0 => {}
                nanoseconds => return nanoseconds as u64,
            }
        }
    };
    // Of a clock with long steps there are fewer.
    let readings =
        iter::repeat_with(reading).take(100_000).take_while(|_| first.elapsed() < Duration::from_millis(200));
    step(readings.collect())
}

/// The usual distance of neighbours among the values that come often. Two that are 1 apart count as one: a step that is no
/// whole number is rounded to either. Three in a row are steps of 1.
fn step(mut readings: Vec<u64>) -> f64 {
    /// A value that comes so often is no accident.
    const OFTEN: usize = 20;
    readings.sort_unstable();
    let often: Vec<u64> =
        readings.chunk_by(|a, b| a == b).filter(|same| same.len() >= OFTEN).map(|same| same[0]).collect();
    if often.windows(3).any(|three| three[2] - three[0] == 2) {
        return 1.0;
    }
    let firsts: Vec<u64> = often.chunk_by(|a, b| b - a <= 1).map(|close| close[0]).collect();
    let mut steps: Vec<u64> = firsts.windows(2).map(|two| two[1] - two[0]).collect();
    steps.sort_unstable();
    // A single cluster: each nanosecond comes, or nothing else.
    let single = if often.len() > 1 { Some(&1) } else { often.first() };
    steps.get(steps.len() / 2).or(single).map_or(0.0, |&step| step as f64)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    const ITEMS: usize = 64;

    #[test]
    fn the_step_of_a_clock_shows_in_its_readings() {
        let readings = |values: &[u64]| values.iter().flat_map(|&value| vec![value; 100]).collect::<Vec<_>>();
        assert_eq!(step([readings(&[30, 40, 41, 50, 60, 61]), vec![333, 1000]].concat()), 10.0);
        assert_eq!(step(readings(&[23, 24, 25, 26])), 1.0);
        assert_eq!(step(readings(&[18, 19, 20, 21, 22, 24, 27])), 1.0);
        assert_eq!(step(readings(&[1000])), 1000.0);
        assert_eq!(step(Vec::new()), 0.0);
        assert!(timer_step_ns() > 0.0);
    }

    #[test]
    fn of_each_slice_the_fastest_pass_counts() {
        let mut passes = Passes::default();
        // Each pass is slow somewhere else.
        for slow in [3, 40] {
            let items: Vec<usize> = (0..ITEMS).collect();
            let done = passes.pass(&items, Duration::from_secs(10), |&item| {
                if item == slow {
                    sleep(Duration::from_millis(50));
                }
            });
            assert_eq!(done, ITEMS);
        }
        assert!(passes.ns_per_op(1) < 40e6, "both slow stretches count: {} ns", passes.ns_per_op(1));
    }

    #[test]
    fn what_is_slow_in_every_pass_counts() {
        let mut passes = Passes::default();
        for _ in 0..2 {
            passes.pass(&[(); ITEMS], Duration::from_secs(10), |()| sleep(Duration::from_micros(100)));
        }
        assert!(passes.ns_per_op(ITEMS) >= 100e3);
    }

    #[test]
    fn later_passes_do_what_the_first_one_had_time_for() {
        let mut passes = Passes::default();
        let items = [(); 1 << 20];
        let first = passes.pass(&items, Duration::from_millis(5), |()| sleep(Duration::from_micros(1)));
        assert!(0 < first && first < items.len());
        assert_eq!(passes.pass(&items, Duration::ZERO, |()| ()), first);
        assert_eq!(Passes::default().pass(&items, Duration::ZERO, |()| ()), 0);
    }

    #[test]
    fn laps_are_slices_too() {
        let mut passes = Passes::default();
        for pass in 0..2 {
            passes.begin();
            for lap in 0..2 {
                if lap == pass {
                    sleep(Duration::from_millis(20));
                }
                passes.lap();
            }
        }
        assert!(passes.ns_per_op(1) < 15e6);
    }
}
