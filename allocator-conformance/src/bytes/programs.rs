//! Checks by random programs: sequences of any calls, each answer compared with the shadow.

use core::alloc::Layout;

use rand::Rng;
use rand::rngs::SmallRng;

use super::fixture::Fixture;
use super::layouts::layout;
use super::shadow::Shadow;
use crate::config::Outcome;
use allocator_core::ByteAllocator;

/// Draws a layout for a pool of the given size.
pub(super) type Draw = fn(&mut SmallRng, usize) -> Layout;

fn small_align(rng: &mut SmallRng) -> usize {
    1 << rng.random_range(0..=5)
}

fn draw_tiny(rng: &mut SmallRng, _: usize) -> Layout {
    layout(rng.random_range(0..=48), 1 << rng.random_range(0..=4))
}

fn draw_border(rng: &mut SmallRng, pool: usize) -> Layout {
    let power = 1_usize << rng.random_range(3..=(pool / 8).ilog2());
    layout(power + rng.random_range(0..=2) - 1, small_align(rng))
}

pub(super) fn draw_mixed(rng: &mut SmallRng, pool: usize) -> Layout {
    let bits = rng.random_range(1..=(pool / 8).ilog2());
    layout(rng.random_range(0..1 << bits), small_align(rng))
}

fn draw_large(rng: &mut SmallRng, pool: usize) -> Layout {
    layout(rng.random_range(pool / 64..pool * 2 / 3), small_align(rng))
}

fn draw_aligned(rng: &mut SmallRng, pool: usize) -> Layout {
    let bits = rng.random_range(1..=(pool / 32).ilog2());
    layout(rng.random_range(0..1 << bits), 1 << rng.random_range(0..=16))
}

pub(crate) fn random_tiny<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    random_program(fixture, draw_tiny)
}

pub(crate) fn random_borders<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    random_program(fixture, draw_border)
}

pub(crate) fn random_mixed<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    random_program(fixture, draw_mixed)
}

pub(crate) fn random_large<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    random_program(fixture, draw_large)
}

pub(crate) fn random_aligned<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    random_program(fixture, draw_aligned)
}

/// A program in which two more regions arrive on the way, one on each side of the first, and that ends with everything
/// given back.
fn random_program<A: ByteAllocator>(fixture: &mut Fixture<'_, A>, draw: Draw) -> Outcome {
    let steps = fixture.steps(3);
    let middle = fixture.middle();
    let (start, end, size) = (middle.start, middle.end, middle.len());
    let mut shadow = fixture.with_one_region()?;
    run_steps(&mut shadow, steps, size, draw)?;
    shadow.give_more(end + 4096..end + size / 2)?;
    run_steps(&mut shadow, steps, size, draw)?;
    shadow.give_more(start - size / 2..start)?;
    run_steps(&mut shadow, steps, size, draw)?;
    shadow.finish()
}

/// `steps` random calls. Now the program tends to take, now to give back, so that the pool is nearly empty and nearly
/// full at times.
pub(super) fn run_steps<A: ByteAllocator>(
    shadow: &mut Shadow<'_, A>,
    steps: usize,
    pool: usize,
    draw: Draw,
) -> Outcome {
    let mut taking = true;
    for index in 0..steps {
        if shadow.rng.random_range(0..60) == 0 {
            taking = !taking;
        }
        let dice = shadow.rng.random_range(0..12) + if taking { 0 } else { 3 };
        match (dice, shadow.any_block()) {
            (0..5, _) | (_, None) => {
                let layout = draw(&mut shadow.rng, pool);
                shadow.alloc(layout)?;
            }
            (5, _) => {
                let layout = draw(&mut shadow.rng, pool);
                shadow.alloc_zeroed(layout)?;
            }
            (6 | 7, Some(block)) => random_realloc(shadow, block, pool, draw)?,
            (8, Some(block)) => {
                let new_size = random_size(shadow, block, pool, draw);
                shadow.realloc_in_place(block, new_size)?;
            }
            (9, Some(block)) => random_batch(shadow, block, pool, draw)?,
            (_, Some(block)) => shadow.dealloc(block)?,
        }
        if shadow.rng.random_range(0..200) == 0 {
            shadow.trim()?;
        }
        if index % 256 == 255 {
            shadow.check_all_contents()?;
        }
    }
    Ok(())
}

fn random_realloc<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, block: usize, pool: usize, draw: Draw) -> Outcome {
    let new_size = random_size(shadow, block, pool, draw);
    shadow.realloc(block, new_size).map(drop)
}

/// A size for a block that is about its own, or any.
fn random_size<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, block: usize, pool: usize, draw: Draw) -> usize {
    let size = shadow.block(block).layout.size();
    match shadow.rng.random_range(0..8) {
        0 => size,
        1 => 0,
        2 => size / 2,
        3 => size + 1,
        4 => size.saturating_sub(1),
        _ => draw(&mut shadow.rng, pool).size(),
    }
}

/// Takes a batch, or gives back a batch of blocks like this one.
fn random_batch<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, block: usize, pool: usize, draw: Draw) -> Outcome {
    let count = shadow.rng.random_range(0..=8);
    if shadow.rng.random() {
        let layout = draw(&mut shadow.rng, pool);
        shadow.alloc_batch(layout, count).map(drop)
    } else {
        shadow.dealloc_alike(block, count)
    }
}

/// The random calls of [`random_mixed`], for checks that need a pool which has been used for long.
pub(super) fn churn<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, steps: usize, pool: usize) -> Outcome {
    for draw in [draw_mixed, draw_border, draw_aligned, draw_large, draw_tiny] {
        run_steps(shadow, steps.div_ceil(5), pool, draw)?;
        shadow.alloc(layout(2 * pool, 8))?;
    }
    Ok(())
}
