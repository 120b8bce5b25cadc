//! Checks at the end of the memory, and after everything has been given back.

use core::alloc::Layout;
use std::vec::Vec;

use rand::Rng;
use rand::seq::SliceRandom;

use super::fills::{fill, fill_sizes, largest_block};
use super::fixture::Fixture;
use super::layouts::layout;
use super::programs::churn;
use super::shadow::{Block, Shadow};
use crate::config::{Outcome, STRIDE, ensure};
use allocator_core::ByteAllocator;

pub(crate) fn exhaustion<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let pool = fixture.middle().len();
    let refusals = if cfg!(miri) { 3 } else { 100 };
    let sizes = fill_sizes(fixture);
    let mut shadow = fixture.with_one_region()?;
    for size in sizes {
        let layout = layout(size, 8);
        let count = fill(&mut shadow, layout)?;
        ensure!(count > 0, "not one block of {size} bytes out of a pool of {pool}");
        for _ in 0..refusals {
            let more = [size, 2 * size, pool, 8 * pool][shadow.rng.random_range(0..4)];
            let more = Layout::from_size_align(more, 1 << shadow.rng.random_range(3..14)).unwrap_or(layout);
            let served = if shadow.rng.random() { shadow.alloc(more)? } else { shadow.alloc_zeroed(more)? };
            ensure!(served.is_none(), "{more:?} was served right after a block of {size} bytes was refused");
        }
        for _ in 0..refusals {
            room_after_free(&mut shadow, layout)?;
        }
        shadow.check_all_contents()?;
        shadow.dealloc_all()?;
    }
    shadow.finish()
}

/// In a full pool, frees a block and asks for one like it. An engine that rounds requests up to the next list of free
/// blocks may need the neighbour too.
fn room_after_free<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, layout: Layout) -> Outcome {
    let Some(block) = shadow.any_block() else { return Ok(()) };
    let neighbour = shadow.neighbour(block);
    shadow.dealloc(block)?;
    if shadow.alloc(layout)?.is_some() {
        return Ok(());
    }
    let Some(neighbour) = neighbour else { return Ok(()) };
    shadow.dealloc(neighbour)?;
    shadow.must_alloc(layout)?;
    shadow.alloc(layout)?;
    Ok(())
}

/// Fills the pool with blocks of each size, round after round: each time there must be as many as in a fresh allocator.
/// Between two fills it takes the largest block once. An allocator that keeps free memory sorted by size must merge all of it
/// for that; a block that does not fit any more shows lost memory.
pub(crate) fn refill<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let pool = fixture.middle().len();
    let rounds = if cfg!(miri) { 1 } else { 3 };
    let region = fixture.middle();
    let largest = largest_block(fixture, core::slice::from_ref(&region), 8)?;
    let sizes = fill_sizes(fixture);
    let mut first = Vec::new();
    for &size in &sizes {
        let mut shadow = fixture.with_one_region()?;
        first.push((size, fill(&mut shadow, layout(size, 8))?));
        shadow.finish()?;
    }
    let mut shadow = fixture.with_one_region()?;
    for _ in 0..rounds {
        let mut sizes = first.clone();
        sizes.shuffle(&mut shadow.rng);
        for (size, expected) in sizes {
            let count = fill(&mut shadow, layout(size, 8))?;
            ensure!(count >= expected, "{count} blocks of {size} bytes fit, and {expected} did at first");
            // Requests that cannot be served must not keep anything either.
            for more in [size, pool / 2, pool, 3 * pool] {
                shadow.alloc(layout(more, 8))?;
            }
            shadow.dealloc_all()?;
            let all_there_is = fill(&mut shadow, layout(largest, 8))?;
            ensure!(all_there_is > 0, "the largest block, {largest} bytes, does not fit as it did at first");
            shadow.dealloc_all()?;
        }
    }
    shadow.finish()
}

pub(crate) fn largest_fits_again<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let (end, pool, steps) = (middle.end, middle.len(), fixture.steps(2));
    let rounds = if cfg!(miri) { 1 } else { 3 };
    let sets = [
        std::vec![middle.clone()],
        std::vec![middle.start + 4096..end - 8192, end + 4096..end + pool / 2, end - 8192..end],
    ];
    for regions in sets.into_iter().skip(usize::from(cfg!(miri))) {
        let largest = largest_block(fixture, &regions, 8)?;
        let mut shadow = fixture.with_regions(&regions)?;
        churn(&mut shadow, steps, pool)?;
        shadow.dealloc_all()?;
        for round in 0..rounds {
            let block = shadow.alloc(layout(largest, 8))?;
            let Some(block) = block else {
                return Err(std::format!("{largest} bytes fitted at first, and not again in round {round}"));
            };
            shadow.alloc(layout(largest, 8))?;
            shadow.dealloc(block)?;
            fill(&mut shadow, layout(if cfg!(miri) { pool / 8 } else { pool / 40 }, 8))?;
            shadow.dealloc_all()?;
        }
        shadow.finish()?;
    }
    Ok(())
}

pub(crate) fn counted_once<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let region = fixture.middle();
    let largest = largest_block(fixture, core::slice::from_ref(&region), 8)?;
    let sizes = fill_sizes(fixture);
    let mut shadow = fixture.with_one_region()?;
    let before = shadow.stats();
    let block = shadow.must_alloc(layout(largest, 8))?;
    let stats = shadow.stats();
    // What is left is less than what was the largest, unless more than one of those fit by the allocator's nature.
    ensure!(
        stats.available < largest || largest >= shadow.options.largest_block,
        "the largest block, {largest} bytes, is taken out of {before:?}, which leaves {stats:?}"
    );
    shadow.dealloc(block)?;
    for size in [0, 1, 60, 64, 65, 100, 1000, 1024, 1025, 4000, 4096, 4097, 9000].into_iter().step_by(STRIDE) {
        for align in [1, 8, 32, 256, 4096].into_iter().step_by(STRIDE) {
            let block = shadow.must_alloc(layout(size, align))?;
            charged_for_itself(&shadow)?;
            shadow.dealloc(block)?;
        }
    }
    // The last block in a nearly full pool costs no more than the first.
    for size in sizes {
        fill(&mut shadow, layout(size, 8))?;
        charged_for_itself(&shadow)?;
        shadow.dealloc_all()?;
    }
    shadow.finish()
}

/// Checks that each live block has raised `used` by at most its own rounding and header, whatever lies beside it.
fn charged_for_itself<A: ByteAllocator>(shadow: &Shadow<'_, A>) -> Outcome {
    for (address, block @ &Block { layout, usable, .. }) in shadow.live() {
        let charge = shadow.charge(block);
        let bound = usable.max(layout.align()).next_power_of_two() * 2 + 256;
        ensure!(
            charge < bound,
            "the block for {layout:?} at {address:#x}, {usable} usable, has raised used by {charge}"
        );
    }
    Ok(())
}

/// Where the allocator refuses one byte, hardly anything is available, in a small pool and in a large one.
pub(crate) fn nothing_left_over<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (middle, span) = (fixture.middle(), fixture.arena().span());
    let small = middle.start..middle.start + fixture.options.min_first_region.max(64 << 10).min(middle.len());
    let mut fills: Vec<(_, &[usize])> =
        std::vec![(small.clone(), &[4096, 100, 1]), (small.clone(), &[2049, 30, 1]), (span, &[8000, 1000, 1])];
    if cfg!(miri) {
        fills = std::vec![(small, &[8000, 2000, 500, 1])];
    }
    for (pool, sizes) in fills {
        let mut shadow = fixture.with_regions(core::slice::from_ref(&pool))?;
        for &size in sizes {
            fill(&mut shadow, layout(size, 1))?;
        }
        hardly_any_left(&shadow)?;
        if !shadow.options.chunks_keep_their_size && !cfg!(miri) {
            for block in shadow
                .live()
                .map(|(block, _)| block)
                .step_by(7)
                .take(if cfg!(miri) { 1 } else { 10 })
                .collect::<Vec<_>>()
            {
                shadow.dealloc(block)?;
            }
            fill(&mut shadow, layout(1, 1))?;
            hardly_any_left(&shadow)?;
        }
        shadow.finish()?;
    }
    Ok(())
}

/// Whether at most one percent is available, or what the allocator is known to leave.
fn hardly_any_left<A: ByteAllocator>(shadow: &Shadow<'_, A>) -> Outcome {
    let (stats, percent) = (shadow.stats(), shadow.options.most_left_over);
    ensure!(stats.available <= stats.total / 100 * percent, "one byte is refused, with {stats:?}");
    Ok(())
}
