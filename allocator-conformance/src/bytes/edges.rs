//! Checks of layouts at the limits: sizes and alignments that no memory has, and size 0; and of allocators that are moved
//! and lent.

use std::boxed::Box;

use super::fixture::Fixture;
use super::layouts::{hostile_shapes, layout};
use super::programs::churn;
use super::shadow::Shadow;
use crate::config::{Outcome, ensure};
use allocator_core::ByteAllocator;

pub(crate) fn hostile_layouts<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.with_one_region()?;
    for round in 0..2 {
        for layout in hostile_shapes() {
            // The shadow refuses anything but NoMemory and a block that keeps all promises.
            for served in [shadow.alloc(layout)?, shadow.alloc_zeroed(layout)?].into_iter().flatten() {
                shadow.dealloc(served)?;
            }
            let _ = shadow.allocator.usable_size(layout);
        }
        let blocks = shadow.live_count();
        ensure!(blocks == round, "{blocks} blocks are live");
        shadow.must_alloc(layout(1000, 8))?;
    }
    shadow.finish()
}

pub(crate) fn zero_sizes<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.with_one_region()?;
    for align in [1, 2, 8, 64, 512, 4096] {
        // The shadow sees to it that they are apart.
        let block = shadow.must_alloc(layout(0, align))?;
        shadow.must_alloc(layout(0, align))?;
        let zeroed = shadow.alloc_zeroed(layout(0, align))?;
        ensure!(zeroed.is_some(), "alloc_zeroed of size 0, aligned to {align}: no memory");
        let grown = shadow.realloc(block, 100)?;
        ensure!(grown.is_some(), "realloc from size 0 to 100: no memory");
        let Some(shrunk) = shadow.realloc(grown.unwrap_or(block), 0)? else {
            return Err("realloc to size 0: no memory".into());
        };
        shadow.dealloc_as(shrunk, 0)?;
    }
    shadow.finish()
}

pub(crate) fn moved_allocator<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (pool, steps) = (fixture.middle().len(), fixture.steps(6));
    // The allocator moves along with the shadow that holds it.
    let mut boxed = Box::new(fixture.empty());
    let span = boxed.arena().span();
    let middle = span.start + pool..span.start + 2 * pool;
    boxed.give_first(middle.clone())?;
    churn(&mut boxed, steps, pool)?;
    let mut shadow = *boxed;
    shadow.check_all_contents()?;
    churn(&mut shadow, steps, pool)?;
    let mut parked = std::vec![Some(shadow)];
    let Some(mut shadow) = parked[0].take() else { return Ok(()) };
    shadow.check_all_contents()?;
    shadow.give_more(middle.end + 4096..middle.end + pool)?;
    churn(&mut shadow, steps, pool)?;
    shadow.dealloc_all()?;
    let mut boxed = Box::new(shadow);
    boxed.must_alloc(layout(100, 8))?;
    boxed.finish()
}

pub(crate) fn lent_allocator<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (pool, steps) = (fixture.middle().len(), fixture.steps(6));
    let mut shadow = fixture.with_one_region()?;
    lent_program(shadow.lend(|allocator| allocator), pool, steps)?;
    lent_program(shadow.lend(|allocator| allocator as &mut dyn ByteAllocator), pool, steps)?;
    churn(&mut shadow, steps, pool)?;
    shadow.finish()
}

fn lent_program<B: ByteAllocator>(mut shadow: Shadow<'_, B>, pool: usize, steps: usize) -> Outcome {
    churn(&mut shadow, steps, pool)?;
    shadow.finish()
}
