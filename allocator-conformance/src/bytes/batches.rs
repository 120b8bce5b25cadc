//! Checks of `alloc_batch` and `dealloc_batch`: many blocks with one call.

use super::fills::{fill, fill_sizes};
use super::fixture::Fixture;
use super::layouts::{hostile_shapes, layout};
use super::shadow::Shadow;
use crate::config::{Outcome, STRIDE, ensure};
use allocator_core::ByteAllocator;
use rand::Rng;

pub(crate) fn batches<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let counts = if cfg!(miri) { [0, 1, 5] } else { [0, 1, 40] };
    let mut shadow = fixture.empty();
    let none = shadow.alloc_batch(layout(64, 8), 3)?;
    ensure!(none.is_empty(), "a batch out of no memory");
    drop(shadow);
    let mut shadow = fixture.with_one_region()?;
    for size in [0, 1, 8, 64, 100, 500, 2049, 4096, 5000].into_iter().step_by(STRIDE) {
        for align in [1, 8, 64, 4096].into_iter().step_by(STRIDE) {
            for count in counts {
                let layout = layout(size, align);
                let blocks = shadow.alloc_batch(layout, count)?;
                ensure!(blocks.len() == count || count > 1, "a batch of one for {layout:?}: none");
                shadow.alloc(layout)?;
                give_back_in_parts(&mut shadow)?;
            }
        }
    }
    for layout in hostile_shapes() {
        let blocks = shadow.alloc_batch(layout, 2)?;
        shadow.dealloc_batch(&blocks, layout)?;
    }
    shadow.finish()
}

/// Gives all blocks back, some alone and some together, in whichever way they came.
fn give_back_in_parts<A: ByteAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    while let Some(block) = shadow.any_block() {
        match shadow.rng.random_range(0..4) {
            0 => shadow.dealloc(block)?,
            1 => {
                let size = shadow.block(block).layout.size();
                shadow.realloc(block, size / 2)?;
            }
            _ => {
                let most = shadow.rng.random_range(1..=16);
                shadow.dealloc_alike(block, most)?;
            }
        }
    }
    ensure!(shadow.stats().used == 0, "everything is given back, and {:?}", shadow.stats());
    Ok(())
}

/// As many blocks fit into a pool with batches as without, and blocks that came one by one can go in batches.
pub(crate) fn batches_in_a_full_pool<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let sizes = fill_sizes(fixture);
    for size in sizes {
        let layout = layout(size, 8);
        let mut shadow = fixture.with_one_region()?;
        let one_by_one = fill(&mut shadow, layout)?;
        while let Some(block) = shadow.any_block() {
            shadow.dealloc_alike(block, 100)?;
        }
        // What an allocator keeps at hand is where it was.
        shadow.trim()?;
        let together = shadow.alloc_batch(layout, one_by_one)?.len();
        ensure!(together == one_by_one, "{together} blocks of {size} bytes in a batch, and {one_by_one} one by one");
        let more = shadow.alloc_batch(layout, 3)?;
        if let (Some(block), true) = (shadow.any_block(), more.is_empty()) {
            shadow.dealloc(block)?;
            // What is free now, of three asked for.
            shadow.alloc_batch(layout, 3)?;
        }
        shadow.check_all_contents()?;
        shadow.finish()?;
    }
    Ok(())
}
