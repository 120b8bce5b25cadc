//! Checks of `realloc`, of `alloc_zeroed`, and of the bytes of a block that its caller may use.

use rand::Rng;

use super::fixture::Fixture;
use super::layouts::layout;
use super::shadow::Shadow;
use crate::config::{Outcome, STRIDE, ensure};
use allocator_core::ByteAllocator;

pub(crate) fn zeroed_is_zero<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let pool = fixture.middle().len();
    let mut shadow = fixture.with_one_region()?;
    let sizes = if cfg!(miri) { [16 << 10, 4 << 10, 2000] } else { [pool / 4, 4 << 10, 200] };
    // Every block that the shadow takes is filled with noise, so this soils all the memory.
    for size in sizes {
        while shadow.alloc(layout(size, 8))?.is_some() {}
        shadow.dealloc_all()?;
    }
    for size in
        [0, 1, 7, 8, 63, 64, 65, 100, 200, 500, 1000, 2048, 4096, 4097, 5000, 8192, 10_000].into_iter().step_by(STRIDE)
    {
        for align in [1, 8, 64, 4096].into_iter().step_by(STRIDE) {
            shadow.alloc_zeroed(layout(size, align))?;
        }
        if let Some(block) = shadow.any_block() {
            shadow.dealloc(block)?;
        }
    }
    shadow.dealloc_all()?;
    let large = (pool / 2 - 1024).min(shadow.options.largest_block);
    let zeroed = shadow.alloc_zeroed(layout(large, 8))?;
    ensure!(zeroed.is_some(), "alloc_zeroed of {large} bytes, less than half of an empty pool: no memory");
    shadow.finish()
}

pub(crate) fn realloc_keeps_contents<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.with_one_region()?;
    let sizes = [100, 200, 4000, 20, 4096, 4097, 1, 0, 64, 65, 63, 1000, 1000, 7000, 10, 3000, 0, 100];
    for align in [1, 8, 64, 256, 4096].into_iter().step_by(STRIDE) {
        // A neighbour keeps the block from growing in place, now and then.
        let neighbour = shadow.must_alloc(layout(50, 1))?;
        let mut block = shadow.must_alloc(layout(10, align))?;
        for new_size in sizes {
            if shadow.rng.random() {
                shadow.alloc(layout(50, 1))?;
            }
            block = must_realloc(&mut shadow, block, new_size)?;
        }
        shadow.check_contents(neighbour)?;
        shadow.dealloc_all()?;
    }
    shadow.finish()
}

/// Resizes a block that must find room.
fn must_realloc<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, block: usize, new_size: usize) -> Outcome<usize> {
    let layout = shadow.block(block).layout;
    let new = shadow.realloc(block, new_size)?;
    new.ok_or_else(|| std::format!("realloc of {layout:?} to {new_size}: refused, with {:?}", shadow.stats()))
}

pub(crate) fn realloc_refused<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.with_one_region()?;
    let total = shadow.stats().total;
    let huge = isize::MAX.unsigned_abs();
    let impossible = [total + 1, 2 * total, huge - 4096, huge - 1, huge, huge + 1, usize::MAX - 64, usize::MAX];
    for (size, align) in [(1, 1), (64, 8), (100, 64), (1000, 8), (5000, 8), (8000, 4096)] {
        let block = shadow.must_alloc(layout(size, align))?;
        for new_size in impossible {
            let new = shadow.realloc(block, new_size)?;
            ensure!(new.is_none(), "realloc to {new_size} was served out of a pool of {total} bytes");
        }
    }
    shadow.check_all_contents()?;
    shadow.dealloc_all()?;
    // The same with a full pool: what could be served in an empty one no longer can be.
    let size = if cfg!(miri) { 3000 } else { 300 };
    while shadow.alloc(layout(size, 8))?.is_some() {}
    while shadow.alloc(layout(200, 1))?.is_some() {}
    while shadow.alloc(layout(1, 1))?.is_some() {}
    for _ in 0..20 {
        let Some(block) = shadow.any_block() else { break };
        let new = shadow.realloc(block, total / 2)?;
        ensure!(new.is_none(), "realloc to {} was served while the pool is full", total / 2);
    }
    shadow.check_all_contents()?;
    for new_size in [size - 1, size / 2, 1, 0] {
        let Some(block) = shadow.any_block() else { break };
        // The shadow knows whether this one may be refused.
        shadow.realloc(block, new_size.min(shadow.block(block).layout.size()))?;
    }
    shadow.check_all_contents()?;
    shadow.finish()
}

pub(crate) fn usable_bytes<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.with_one_region()?;
    // All usable bytes are written and read by the shadow. Here each block is also handed back with other sizes that
    // fit it, which the shadow's accounts must survive.
    for size in [0, 1, 10, 64, 65, 100, 129, 500, 1025, 2049, 4096, 4097, 6000].into_iter().step_by(STRIDE) {
        for align in [1, 16, 128, 4096].into_iter().step_by(STRIDE) {
            for choice in 0..3 {
                let block = shadow.must_alloc(layout(size, align))?;
                let given = fitting_size(&mut shadow, block, choice);
                shadow.dealloc_as(block, given)?;
                let block = shadow.must_alloc(layout(size, align))?;
                let given = fitting_size(&mut shadow, block, choice);
                let ptr = shadow.block(block).ptr;
                let new_size = [given, given + 1, given / 2, 2 * given][shadow.rng.random_range(0..4)];
                shadow.realloc_through(block, given, ptr, new_size)?;
                shadow.dealloc_all()?;
            }
        }
    }
    shadow.finish()
}

/// A size that fits the block: the usable one, the one asked for, or one between.
fn fitting_size<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, block: usize, choice: usize) -> usize {
    let block = shadow.block(block);
    let asked = block.layout.size();
    let usable = block.usable.max(asked);
    match choice {
        0 => usable,
        1 => asked,
        _ => shadow.rng.random_range(asked..=usable),
    }
}

pub(crate) fn narrowed_pointers<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.with_one_region()?;
    for size in [1, 8, 24, 64, 100, 1000, 4096, 5000].into_iter().step_by(STRIDE) {
        for align in [1, 8, 64] {
            let one = shadow.must_alloc(layout(size, align))?;
            let two = shadow.must_alloc(layout(size, align))?;
            let ptr = shadow.narrowed(one);
            shadow.dealloc_through(one, size, ptr)?;
            let ptr = shadow.narrowed(two);
            if let Some(two) = shadow.realloc_through(two, size, ptr, size * 2)? {
                let ptr = shadow.narrowed(two);
                shadow.realloc_through(two, size * 2, ptr, size / 2)?;
            }
            shadow.alloc(layout(size, align))?;
        }
    }
    shadow.finish()
}
