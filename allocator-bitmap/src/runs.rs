//! The search for an aligned run of free positions.
//!
//! A position is a page number or an id; the caller knows which bit of its bitmap stands for it. (The package has a search of
//! its own, which aligns the number of the bit. In a window that is a ring, that is not the alignment of the page.)

use core::ops::Range;

use allocator_core::address::align_up;

/// The first run of `count` free positions inside `bounds` that starts at a multiple of `align`, a power of two.
///
/// `next_free(position)` is the first free position at or after `position`; past the bounds it may be any, or none.
///
/// At most O(bounds) calls of `next_free`: one for each free position that the search passes, and one for each gap.
pub(crate) fn first_run(
    bounds: Range<usize>,
    count: usize,
    align: usize,
    next_free: impl Fn(usize) -> Option<usize>,
) -> Option<usize> {
    let mut start = align_up(next_free(bounds.start)?, align)?;
    loop {
        let end = start.checked_add(count).filter(|&end| end <= bounds.end)?;
        match first_taken(start..end, &next_free) {
            None => return Some(start),
            Some(taken) => start = align_up(next_free(taken)?, align)?,
        }
    }
}

/// The first position of `run` that is not free.
pub(crate) fn first_taken(mut run: Range<usize>, next_free: impl Fn(usize) -> Option<usize>) -> Option<usize> {
    run.find(|&position| next_free(position) != Some(position))
}

/// Whether no position of `run` is free. One call of `next_free`.
pub(crate) fn is_taken(run: &Range<usize>, next_free: impl Fn(usize) -> Option<usize>) -> bool {
    next_free(run.start).is_none_or(|free| free >= run.end)
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// The same by trying every start.
    fn by_trying(free: u32, bounds: Range<usize>, count: usize, align: usize) -> Option<usize> {
        bounds.clone().find(|&start| {
            start % align == 0
                && start + count <= bounds.end
                && (start..start + count).all(|position| free >> position & 1 == 1)
        })
    }

    #[test]
    fn finds_what_trying_every_start_finds() {
        let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
        for _ in 0..if cfg!(miri) { 5 } else { 5000 } {
            let free = rng.random::<u32>() | rng.random::<u32>();
            let bounds = rng.random_range(0..8)..rng.random_range(20..32);
            let next_free = |position| (position..bounds.end).find(|&position| free >> position & 1 == 1);
            for count in 1..10 {
                for align in [1, 2, 4, 16] {
                    let found = first_run(bounds.clone(), count, align, next_free);
                    assert_eq!(found, by_trying(free, bounds.clone(), count, align), "{free:032b} {count} {align}");
                }
                let run = bounds.start..bounds.start + count;
                assert_eq!(is_taken(&run, next_free), run.clone().all(|position| free >> position & 1 == 0));
            }
        }
    }

    #[test]
    fn absurd_counts_and_alignments_end_the_search() {
        let next_free = |position| (position < 10).then_some(position);
        assert_eq!(first_run(1..10, usize::MAX, 1, next_free), None);
        assert_eq!(first_run(1..10, 1, 1 << (usize::BITS - 1), next_free), None);
    }
}
