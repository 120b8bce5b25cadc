//! Checks of `trim`, `release_region` and `region_for`: memory that an allocator gives back, and memory that it asks for.

use core::alloc::Layout;
use core::ops::Range;
use std::vec::Vec;

use super::fills::{fill, largest_block};
use super::fixture::Fixture;
use super::layouts::{hostile_shapes, layout};
use super::programs::{churn, draw_mixed, run_steps};
use super::shadow::Shadow;
use crate::config::{Outcome, STRIDE, ensure};
use allocator_core::ByteAllocator;
use rand::Rng;

const PAGE: usize = 4096;

pub(crate) fn trim_harms_nothing<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (pool, steps) = (fixture.middle().len(), fixture.steps(4));
    let region = fixture.middle();
    let largest = largest_block(fixture, core::slice::from_ref(&region), 8)?;
    let mut empty = fixture.empty();
    empty.trim()?;
    empty.finish()?;
    let mut shadow = fixture.with_one_region()?;
    shadow.trim()?;
    churn(&mut shadow, steps, pool)?;
    for _ in 0..3 {
        shadow.trim()?;
        let again = shadow.trim()?;
        ensure!(again == 0, "trim gave back {again} bytes right after another trim");
        shadow.check_all_contents()?;
        run_steps(&mut shadow, steps.div_ceil(10), pool, draw_mixed)?;
    }
    shadow.dealloc_all()?;
    shadow.trim()?;
    let block = shadow.alloc(layout(largest, 8))?;
    ensure!(block.is_some(), "{largest} bytes fitted at first, and not again after trim");
    shadow.finish()
}

pub(crate) fn released_regions<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (middle, steps) = (fixture.middle(), fixture.steps(8));
    let (start, end, size) = (middle.start, middle.end, middle.len());
    // One apart from the first, one beside it, and one beside that with uneven ends where those are taken.
    let uneven = if fixture.options.trims_regions { 7 } else { 0 };
    let further = [
        end + size / 2..end + size,
        start - size / 4..start,
        start - size / 2 + uneven..start - size / 4,
        end + PAGE..end + size / 4,
    ];
    for round in 0..if cfg!(miri) { 1 } else { 3 } {
        let mut shadow = fixture.with_one_region()?;
        further.iter().try_for_each(|region| shadow.give_more(region.clone()))?;
        run_steps(&mut shadow, steps, size, draw_mixed)?;
        // With live blocks all over the place, hardly anything can go; then one region after another is cleared.
        let mut gone = release_all(&mut shadow)?;
        for region in shadow.regions().into_iter().skip(round) {
            clear(&mut shadow, &region)?;
            gone.extend(release_all(&mut shadow)?);
            shadow.check_all_contents()?;
            run_steps(&mut shadow, steps.div_ceil(10), size, draw_mixed)?;
        }
        for region in gone {
            shadow.give_more(region)?;
        }
        run_steps(&mut shadow, steps, size, draw_mixed)?;
        shadow.dealloc_all()?;
        let gone = release_all(&mut shadow)?;
        let nothing_left = shadow.stats().total == 0;
        if nothing_left {
            let served = shadow.alloc(layout(1, 1))?;
            ensure!(served.is_none(), "a block out of no memory, after all regions were released");
        }
        for (index, region) in gone.into_iter().enumerate() {
            // An allocator without memory is as it was before the first region.
            if index == 0 && nothing_left && region.len() >= shadow.options.min_first_region {
                shadow.give_first(region)?;
            } else {
                shadow.give_more(region)?;
            }
        }
        run_steps(&mut shadow, steps, size, draw_mixed)?;
        shadow.finish()?;
    }
    Ok(())
}

/// Gives back all blocks in the region.
fn clear<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, region: &Range<usize>) -> Outcome {
    let blocks: Vec<usize> = shadow.live().map(|(address, _)| address).filter(|at| region.contains(at)).collect();
    blocks.into_iter().try_for_each(|block| shadow.dealloc(block))
}

/// Takes back regions until the allocator returns none; returns them.
fn release_all<A: ByteAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome<Vec<Range<usize>>> {
    let mut released = Vec::new();
    while let Some(region) = shadow.release_region()? {
        released.push(region);
    }
    Ok(released)
}

/// Requests whose regions fit into the fixture.
fn requests<A: ByteAllocator>(fixture: &Fixture<'_, A>) -> Vec<Layout> {
    let pool = fixture.middle().len();
    let sizes = [0, 1, 64, 100, 1000, 2048, 2049, 4096, 5000, 10_000, 65_536, 100_000, pool / 4, pool / 2 + 1];
    let aligned = [(1, 64), (64, 4096), (5000, 8192), (1, 65_536), (100, 16_384)];
    let all = sizes.map(|size| (size, 8)).into_iter().chain(aligned).step_by(STRIDE);
    let most = fixture.options.largest_block;
    all.filter(|&(size, align)| size.max(align) <= most).map(|(size, align)| layout(size, align)).collect()
}

/// Where a region can lie between two addresses: at a multiple of its alignment, and of no larger power of two.
fn place(region: Layout, from: usize, to: usize) -> Option<Range<usize>> {
    let multiple = from.div_ceil(region.align()) | 1;
    let start = multiple.checked_mul(region.align())?;
    let end = start.checked_add(region.size())?;
    (end <= to).then_some(start..end)
}

pub(crate) fn region_for_first<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    for request in requests(fixture) {
        let span = fixture.arena().span();
        let mut shadow = fixture.empty();
        let region = wanted_region(&mut shadow, request)?;
        let Some(region) = place(region, span.start + 1, span.end) else { continue };
        shadow.give_more(region.clone())?;
        let served = shadow.alloc(request)?;
        ensure!(
            served.is_some(),
            "{request:?} was refused by a fresh allocator with {region:x?}, which it wanted for it"
        );
        shadow.finish()?;
    }
    Ok(())
}

/// What the allocator wants for a request that any memory of sufficient size would let it serve.
fn wanted_region<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, request: Layout) -> Outcome<Layout> {
    let wanted = shadow.region_for(request)?;
    wanted.ok_or_else(|| std::format!("region_for of {request:?}: no region, though one would help"))
}

pub(crate) fn region_for_more<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let span = fixture.arena().span();
    for request in requests(fixture) {
        let mut shadow = fixture.with_one_region()?;
        let mut free = middle.end + PAGE;
        // A full pool, then one that is full but for some holes, then a full one again.
        for round in 0..3 {
            let size = request.size().max(if cfg!(miri) { 3000 } else { 500 });
            let filling = layout(size.min(shadow.options.largest_block), 8);
            fill(&mut shadow, filling)?;
            fill(&mut shadow, request)?;
            if round == 1 {
                make_holes(&mut shadow, request.size())?;
            }
            let region = wanted_region(&mut shadow, request)?;
            let Some(region) = place(region, free, span.end) else { break };
            free = region.end + 1;
            shadow.give_more(region.clone())?;
            let served = shadow.alloc(request)?;
            ensure!(served.is_some(), "{request:?} was refused with one more region, {region:x?}, wanted for it");
        }
        shadow.finish()?;
    }
    Ok(())
}

/// Gives back some blocks that are smaller than a request.
fn make_holes<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, size: usize) -> Outcome {
    for _ in 0..10 {
        let block = shadow.any_block().filter(|&block| shadow.block(block).usable < size);
        if let Some(block) = block.filter(|_| shadow.rng.random()) {
            shadow.dealloc(block)?;
        }
    }
    Ok(())
}

/// Where an allocator says that no region helps, none does.
pub(crate) fn region_for_nothing<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let span = fixture.arena().span();
    let mut shadow = fixture.empty();
    for layout in hostile_shapes() {
        shadow.region_for(layout)?;
    }
    shadow.give_first(span)?;
    for size in (0..shadow.arena().size().ilog2()).map(|bits| 1 << bits) {
        for request in [layout(size, 1), layout(size, size)] {
            if shadow.region_for(request)?.is_none() {
                let served = shadow.alloc(request)?;
                ensure!(served.is_none(), "region_for of {request:?}: no region, and it was served");
            }
        }
    }
    for layout in hostile_shapes() {
        if shadow.region_for(layout)?.is_none() {
            let served = shadow.alloc(layout)?;
            ensure!(served.is_none(), "region_for of {layout:?}: no region, and it was served");
        }
    }
    shadow.finish()
}
