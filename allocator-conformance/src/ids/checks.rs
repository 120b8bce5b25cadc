//! The checks of id allocators, each answer compared with the shadow.

use rand::Rng;
use rand::seq::SliceRandom;

use super::fixture::Fixture;
use super::shadow::Shadow;
use crate::config::{Outcome, STRIDE, call, ensure};
use allocator_core::IdAllocator;

/// Takes ids until so few are free that taking single ones is quick, which matters under Miri.
fn nearly_fill<A: IdAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    let left = if cfg!(miri) { 48 } else { 1 << 20 };
    let mut count = shadow.size().div_ceil(4).next_power_of_two();
    while shadow.size() - shadow.used() > left && count > 0 {
        if shadow.alloc(count, 1)?.is_none() || shadow.size() - shadow.used() < left + count {
            count /= 2;
        }
    }
    Ok(())
}

pub(crate) fn fresh_allocator<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.fresh()?;
    shadow.check(call!("new"), 0)?;
    shadow.check_all()?;
    shadow.dealloc(0, 1)?;
    let size = shadow.size();
    shadow.dealloc(0, size)?;
    shadow.finish()
}

pub(crate) fn every_id<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.fresh()?;
    nearly_fill(&mut shadow)?;
    while shadow.used() < shadow.size() {
        shadow.must_alloc(1, 1)?;
    }
    shadow.check_all()?;
    for _ in 0..20 {
        shadow.alloc(1, 1)?;
        shadow.alloc(2, 2)?;
        if let Some(id) = shadow.any_taken() {
            shadow.dealloc(id, 1)?;
            let again = shadow.must_alloc(1, 1)?;
            ensure!(again == id, "{id} was the only free id, and {again} was handed out");
        }
    }
    shadow.finish()
}

pub(crate) fn aligned_runs<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.fresh()?;
    let size = shadow.size();
    for count in [1, 2, 3, 5, 8, 17, 64, 100].into_iter().step_by(STRIDE) {
        for bits in 0..=size.ilog2() + 2 {
            // One id off, so that what follows must be aligned and is not by chance.
            shadow.alloc(1, 1)?;
            for _ in 0..3 {
                shadow.alloc(count, 1 << bits)?;
            }
            if shadow.rng.random_range(0..4) == 0 {
                shadow.dealloc_all()?;
            }
        }
        shadow.alloc(count, 1 << (usize::BITS - 1))?;
    }
    shadow.finish()
}

pub(crate) fn fixed_ids<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.fresh()?;
    let size = shadow.size();
    let outside = [size, size + 1, 2 * size, usize::MAX, usize::MAX - 1, 1 << (usize::BITS - 1)];
    for id in [0, 1, size / 2, size - 1, 0, size - 1].into_iter().chain(outside) {
        shadow.alloc_fixed(id)?;
    }
    for _ in 0..if cfg!(miri) { 30 } else { 300 } {
        let id = shadow.rng.random_range(0..size);
        shadow.alloc_fixed(id)?;
        shadow.alloc_fixed(id)?;
        // What is handed out next must keep clear of it.
        shadow.alloc(2, 1)?;
        if shadow.rng.random() {
            shadow.dealloc(id, 1)?;
            shadow.alloc_fixed(id)?;
        }
    }
    shadow.check_all()?;
    shadow.finish()
}

pub(crate) fn wrong_frees<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.fresh()?;
    let size = shadow.size();
    let run = shadow.must_alloc(8, 1)?;
    shadow.dealloc(run, 2)?;
    shadow.dealloc(run + 6, 2)?;
    let (run, end) = (run + 2, run + 6);
    let huge = [usize::MAX, usize::MAX - run, usize::MAX - run + 1, 1 << (usize::BITS - 1), size, size + 1];
    for round in 0..2 {
        let beside =
            [(run, 5), (run - 1, 5), (run - 1, 6), (run + 1, 4), (run - 1, 1), (end, 1), (end, 2), (run, size)];
        let outside = [(size, 1), (size - 1, 2), (usize::MAX, 1), (usize::MAX, 2), (usize::MAX - 1, 3), (2 * size, 1)];
        let nothing = [(run, 0), (end, 0), (size, 0), (usize::MAX, 0)];
        let all = beside.into_iter().chain(outside).chain(nothing);
        for (start, count) in all.chain(huge.map(|count| (run, count))).chain(huge.map(|count| (0, count))) {
            shadow.dealloc(start, count)?;
        }
        // Then the same after the run is given back, and so is free itself.
        let freed = shadow.dealloc(run, 4)?;
        ensure!(freed == (round == 0), "the run of 4 ids could be given back in round {round}: {freed}");
    }
    // Across the end of the range with the last id taken.
    shadow.alloc_fixed(size - 1)?;
    shadow.dealloc(size - 1, 2)?;
    shadow.dealloc(size - 1, usize::MAX)?;
    shadow.finish()
}

pub(crate) fn partial_frees<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.fresh()?;
    for count in [2, 3, 4, 7, 8] {
        let run = shadow.must_alloc(count, 1)?;
        let mut parts: std::vec::Vec<usize> = (0..count).collect();
        parts.shuffle(&mut shadow.rng);
        for part in parts {
            let freed = shadow.dealloc(run + part, 1)?;
            ensure!(freed, "id {} of the run at {run} could not be given back", run + part);
            shadow.dealloc(run, count)?;
            shadow.dealloc(run + part, 1)?;
        }
        let run = shadow.must_alloc(count, 1)?;
        shadow.dealloc(run + 1, count - 1)?;
        shadow.alloc(1, 1)?;
        shadow.dealloc(run, 1)?;
    }
    shadow.finish()
}

pub(crate) fn bad_parameters<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.fresh()?;
    let size = shadow.size();
    for _ in 0..2 {
        for align in [0, 3, 5, 6, 7, 12, 1000, usize::MAX, usize::MAX - 1].into_iter().step_by(STRIDE) {
            for count in [0, 1, 2, size, usize::MAX] {
                shadow.alloc(count, align)?;
            }
        }
        for align in [1, 2, 64, 1 << (usize::BITS - 1)] {
            for count in [0, size + 1, 2 * size, usize::MAX, usize::MAX - 1, 1 << (usize::BITS - 1)] {
                shadow.alloc(count, align)?;
            }
        }
        shadow.alloc(3, 1)?;
    }
    shadow.finish()
}

pub(crate) fn random_program<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let steps = fixture.steps(1);
    let mut shadow = fixture.fresh()?;
    run_steps(&mut shadow, steps)?;
    shadow.check_all()?;
    shadow.finish()
}

/// `steps` random calls, right and wrong ones mixed. Now the program tends to take, now to give back.
fn run_steps<A: IdAllocator>(shadow: &mut Shadow<'_, A>, steps: usize) -> Outcome {
    let size = shadow.size();
    let mut taking = true;
    for _ in 0..steps {
        if shadow.rng.random_range(0..50) == 0 {
            taking = !taking;
        }
        let bits = shadow.rng.random_range(0..=size.ilog2() - 2);
        let count = shadow.rng.random_range(1..=1 << bits);
        let align = if shadow.rng.random() { 1 } else { 1 << shadow.rng.random_range(0..size.ilog2()) };
        let id = shadow.rng.random_range(0..size);
        match shadow.rng.random_range(0..10) + if taking { 0 } else { 3 } {
            0..4 => drop(shadow.alloc(count, align)?),
            4 => drop(shadow.alloc(1, 1)?),
            5 => drop(shadow.alloc_fixed(id)?),
            6 => drop(shadow.dealloc(id, count)?),
            _ => {
                if let Some(id) = shadow.any_taken() {
                    let run = shadow.run_at(id, count);
                    shadow.dealloc(id, run)?;
                }
            }
        }
    }
    Ok(())
}

pub(crate) fn all_free_again<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let steps = fixture.steps(3);
    let mut largest = fixture.fresh()?.size();
    while fixture.fresh()?.alloc(largest, 1)?.is_none() {
        largest -= 1;
        ensure!(largest > 0, "a fresh allocator has no ids");
    }
    let mut shadow = fixture.fresh()?;
    for round in 0..2 {
        run_steps(&mut shadow, steps)?;
        shadow.dealloc_all()?;
        let run = shadow.alloc(largest, 1)?;
        ensure!(run.is_some(), "{largest} ids could be had together at first, and not again in round {round}");
        shadow.dealloc_all()?;
    }
    shadow.finish()
}

pub(crate) fn lent_allocator<A: IdAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let steps = fixture.steps(4);
    let mut shadow = fixture.fresh()?;
    run_steps(&mut shadow, steps)?;
    let mut lent = shadow.lend();
    run_steps(&mut lent, steps)?;
    lent.finish()?;
    Ok(())
}
