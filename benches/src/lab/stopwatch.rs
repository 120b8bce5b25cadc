//! Timing a list of operations within a budget, and what the clock itself costs.

use std::time::{Duration, Instant};

use super::Measurement;

/// How long the timed part of a round may take: what is slow does less of its list.
#[must_use]
pub fn budget(quick: bool) -> Duration {
    Duration::from_millis(if quick { 30 } else { 250 })
}

/// For how long a round repeats what it does, to keep the fastest: what is slow is done once.
#[must_use]
pub fn repeating(quick: bool) -> Duration {
    budget(quick) / 2
}

/// How long the untimed preparations of a round may take, before the trial is given up.
#[must_use]
pub fn preparation_budget(quick: bool) -> Duration {
    Duration::from_millis(if quick { 4_000 } else { 20_000 })
}

/// Between two looks at the clock: few enough that slow operations do not overrun, enough that fast ones do not notice.
const MOST_BETWEEN_LOOKS: usize = 4096;

/// Calls `step` for one item after the other until none is left or the budget is spent, and says for how many, and how
/// long it took.
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

/// Calls `step` for all items, and says whether that was possible within the budget; gives up early where it clearly is
/// not.
pub fn prepare<T>(items: &[T], budget: Duration, step: impl FnMut(&T)) -> bool {
    let mut step = step;
    let (head, tail) = items.split_at(items.len() / 16);
    let (done, for_head) = run(head, budget / 8, &mut step);
    done == head.len() && run(tail, budget.saturating_sub(for_head), &mut step).0 == tail.len()
}

/// Measures again and again until the budget is spent, once at least, and keeps the fastest: whatever else a machine does
/// makes a pass slower, never faster. Where there is no time to compare, the first measurement stands.
pub(super) fn fastest(budget: Duration, mut measure: impl FnMut() -> Measurement) -> Measurement {
    let begun = Instant::now();
    let mut best = measure();
    while let Measurement::Time { ns_per_op: fast, .. } = best
        && begun.elapsed() < budget
    {
        match measure() {
            Measurement::Time { ns_per_op, .. } if ns_per_op >= fast => {}
            faster_or_none => best = faster_or_none,
        }
    }
    best
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
