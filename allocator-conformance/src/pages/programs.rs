//! Checks by random programs of right and wrong calls, and of the state that they leave.

use std::boxed::Box;

use rand::Rng;

use super::fixture::Fixture;
use super::shadow::Shadow;
use crate::config::{Outcome, ensure};
use allocator_core::PageAllocator;

pub(crate) fn random_short<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    random_program(fixture, 4, 2)
}

pub(crate) fn random_long<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let pages = fixture.middle().len() / A::PAGE_SIZE;
    random_program(fixture, pages / 2, pages.ilog2())
}

/// A program in which more regions arrive on the way: one apart from the first, one that fills the hole.
fn random_program<A: PageAllocator>(fixture: &mut Fixture<'_, A>, longest: usize, align_bits: u32) -> Outcome {
    let steps = fixture.steps(3);
    let middle = fixture.middle();
    let (end, size) = (middle.end, middle.len());
    let mut shadow = fixture.with_one_region()?;
    run_steps(&mut shadow, steps, longest, align_bits)?;
    shadow.give_more(end + size / 4..end + size)?;
    run_steps(&mut shadow, steps, longest, align_bits)?;
    shadow.give_more(end..end + size / 4)?;
    if shadow.options.covers_below_first {
        shadow.give_more(middle.start - size / 2..middle.start)?;
    }
    run_steps(&mut shadow, steps, longest, align_bits)?;
    shadow.finish()
}

/// `steps` random calls. Now the program tends to take, now to give back.
fn run_steps<A: PageAllocator>(shadow: &mut Shadow<'_, A>, steps: usize, longest: usize, align_bits: u32) -> Outcome {
    let page = A::PAGE_SIZE;
    let mut taking = true;
    for _ in 0..steps {
        if shadow.rng.random_range(0..50) == 0 {
            taking = !taking;
        }
        let bits = shadow.rng.random_range(0..=longest.ilog2());
        let length = shadow.rng.random_range(1..=1 << bits);
        let align = page << if shadow.rng.random() { 0 } else { shadow.rng.random_range(0..=align_bits) };
        let first = shadow.any_page();
        let address = shadow.address(first);
        match shadow.rng.random_range(0..11) + if taking { 0 } else { 3 } {
            0..4 => drop(shadow.alloc(length, align)?),
            4 => drop(shadow.alloc_at(address & !(align - 1), length, align)?),
            5 => {
                let last = address + shadow.rng.random_range(0..4 * length * page);
                shadow.alloc_in(address..=last, length, align)?;
            }
            // Rightly or wrongly: the shadow knows.
            6 => drop(shadow.dealloc(address, length)?),
            _ => free_some(shadow, length)?,
        }
    }
    shadow.check_span()
}

/// Gives back up to `length` pages that are taken, side by side.
fn free_some<A: PageAllocator>(shadow: &mut Shadow<'_, A>, length: usize) -> Outcome {
    let taken = shadow.taken();
    if taken.is_empty() {
        return Ok(());
    }
    let from = shadow.rng.random_range(0..taken.len());
    let run = taken[from..].iter().enumerate().take_while(|&(index, &page)| page == taken[from] + index).count();
    shadow.must_dealloc(shadow.address(taken[from]), run.min(length))
}

pub(crate) fn largest_fits_again<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (steps, middle) = (fixture.steps(2), fixture.middle());
    let pages = middle.len() / A::PAGE_SIZE;
    let (start, end) = (middle.start, middle.end);
    let rounds = if cfg!(miri) { 1 } else { 3 };
    let apart = fixture.order(std::vec![start..end - A::PAGE_SIZE, end..end + middle.len() / 2]);
    for regions in [std::vec![middle], apart] {
        let largest = largest_run(fixture, &regions)?;
        let mut shadow = fixture.with_regions(&regions)?;
        run_steps(&mut shadow, steps, pages / 2, pages.ilog2())?;
        shadow.dealloc_all()?;
        for round in 0..rounds {
            let run = shadow.alloc(largest, A::PAGE_SIZE)?;
            ensure!(run.is_some(), "{largest} pages fitted at first, and not again in round {round}");
            shadow.alloc(largest, A::PAGE_SIZE)?;
            shadow.dealloc_all()?;
            run_steps(&mut shadow, steps.div_ceil(10), 4, 2)?;
            shadow.dealloc_all()?;
        }
        shadow.finish()?;
    }
    Ok(())
}

/// The longest run that a fresh allocator with these regions can serve, found by trying.
fn largest_run<A: PageAllocator>(fixture: &mut Fixture<'_, A>, regions: &[core::ops::Range<usize>]) -> Outcome<usize> {
    let total = fixture.with_regions(regions)?.total();
    let (mut fits, mut too_long) = (0, total + 1);
    while too_long - fits > 1 {
        let length = fits.midpoint(too_long);
        match fixture.with_regions(regions)?.alloc(length, A::PAGE_SIZE)? {
            Some(_) => fits = length,
            None => too_long = length,
        }
    }
    ensure!(fits > 0, "nothing can be had from {regions:x?}");
    Ok(fits)
}

pub(crate) fn lent_allocator<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let steps = fixture.steps(6);
    let mut shadow = fixture.with_one_region()?;
    run_steps(&mut shadow, steps, 16, 3)?;
    shadow.dealloc_all()?;
    let mut lent = shadow.lend();
    run_steps(&mut lent, steps, 16, 3)?;
    lent.finish()?;
    // The allocator moves along with the shadow that holds it, and the pages stay where they are.
    let mut boxed = Box::new(shadow);
    run_steps(&mut boxed, steps, 16, 3)?;
    let mut shadow = *boxed;
    run_steps(&mut shadow, steps, 16, 3)?;
    shadow.finish()
}
