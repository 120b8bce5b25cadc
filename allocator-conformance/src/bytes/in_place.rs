//! Checks of `realloc_in_place`: a block that changes its size and stays where it is.

use super::fixture::Fixture;
use super::layouts::layout;
use super::programs::{draw_mixed, run_steps};
use super::shadow::Shadow;
use crate::config::{Outcome, STRIDE, ensure};
use allocator_core::ByteAllocator;
use rand::Rng;

pub(crate) fn in_place_keeps_contents<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (pool, steps) = (fixture.middle().len(), fixture.steps(6));
    let mut shadow = fixture.with_one_region()?;
    for align in [1, 8, 64, 4096].into_iter().step_by(STRIDE) {
        for size in [0, 1, 10, 64, 65, 100, 500, 1025, 4096, 4097, 6000].into_iter().step_by(STRIDE) {
            let block = shadow.must_alloc(layout(size, align))?;
            // A neighbour bounds how far the block can grow; the shadow sees to it that it stays apart.
            let neighbour = shadow.must_alloc(layout(size, align))?;
            resize_up_and_down(&mut shadow, block)?;
            shadow.check_contents(neighbour)?;
            shadow.dealloc(neighbour)?;
            resize_up_and_down(&mut shadow, block)?;
        }
        shadow.dealloc_all()?;
    }
    run_steps(&mut shadow, steps, pool, draw_mixed)?;
    shadow.finish()
}

/// Asks for sizes around that of a block, its usable one and its double. The shadow knows which of them must be served.
fn resize_up_and_down<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, address: usize) -> Outcome {
    for choice in 0..8 {
        let block = shadow.block(address);
        let size = block.layout.size();
        let sizes = [size, size + 1, block.usable, block.usable + 1, 2 * size, size / 2, size.saturating_sub(1), 0];
        let ptr = if choice % 2 == 0 { block.ptr } else { shadow.narrowed(address) };
        shadow.realloc_in_place_through(address, size, ptr, sizes[choice])?;
    }
    Ok(())
}

pub(crate) fn in_place_refused<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.with_one_region()?;
    let total = shadow.stats().total;
    let huge = isize::MAX.unsigned_abs();
    for (size, align) in [(0, 1), (1, 1), (64, 8), (100, 64), (5000, 8), (8000, 4096)].into_iter().step_by(STRIDE) {
        let block = shadow.must_alloc(layout(size, align))?;
        for new_size in [total + 1, 2 * total, huge - 4096, huge, huge + 1, usize::MAX - 64, usize::MAX] {
            let served = shadow.realloc_in_place(block, new_size)?;
            ensure!(!served, "realloc_in_place to {new_size} was served out of a pool of {total} bytes");
        }
    }
    shadow.dealloc_all()?;
    // In a full pool no block grows into another, and a smaller size that leaves the block its usable bytes is served.
    let size = if cfg!(miri) { 3000 } else { 300 };
    while shadow.alloc(layout(size, 8))?.is_some() {}
    while shadow.alloc(layout(1, 1))?.is_some() {}
    for _ in 0..if cfg!(miri) { 4 } else { 40 } {
        let Some(address) = shadow.any_block() else { break };
        let (size, usable) = (shadow.block(address).layout.size(), shadow.block(address).usable);
        let new_size = [size, size.saturating_sub(1), usable, usable + 1, size * 2, 0][shadow.rng.random_range(0..6)];
        shadow.realloc_in_place(address, new_size)?;
    }
    shadow.check_all_contents()?;
    shadow.finish()
}
