//! Checks before the first region, and of `init` and the first `add_memory`.

use std::vec::Vec;

use super::fixture::Fixture;
use super::layouts::{hostile_shapes, layout};
use super::shadow::Shadow;
use crate::arena::AddBy;
use crate::config::{Outcome, ensure};
use allocator_core::{AllocError, ByteAllocator};

pub(crate) fn before_init<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.empty();
    refuses_everything(&mut shadow)?;
    let stats = shadow.stats();
    ensure!((stats.total, stats.used, stats.available) == (0, 0, 0), "without memory: {stats:?}");
    shadow.finish()
}

/// The allocator serves no request, zeroed or not, and panics on no layout.
fn refuses_everything<A: ByteAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    let ordinary =
        [(1, 1), (0, 1), (0, 4096), (64, 64), (4096, 4096), (100_000, 8)].map(|(size, align)| layout(size, align));
    for layout in ordinary.into_iter().chain(hostile_shapes()) {
        let served = shadow.alloc(layout)?.is_some() || shadow.alloc_zeroed(layout)?.is_some();
        ensure!(!served, "a block for {layout:?} out of no memory");
        let _ = shadow.allocator.usable_size(layout);
    }
    Ok(())
}

pub(crate) fn init_once<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let mut shadow = fixture.with_one_region()?;
    let (start, size) = (middle.start, middle.len());
    let elsewhere = shadow.arena().at(0);
    for (start, size) in [(start, size), (elsewhere, size), (start + size, size)] {
        shadow.refuse(AddBy::Init, start, size, AllocError::InvalidParam)?;
    }
    let block = shadow.must_alloc(layout(100, 8))?;
    shadow.refuse(AddBy::Init, elsewhere, size, AllocError::InvalidParam)?;
    shadow.check_contents(block)?;
    shadow.dealloc_all()?;
    shadow.refuse(AddBy::Init, elsewhere, size, AllocError::InvalidParam)?;
    shadow.finish()
}

pub(crate) fn add_memory_first<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let mut shadow = fixture.empty();
    shadow.give_more(middle.clone())?;
    shadow.refuse(AddBy::Init, shadow.arena().at(0), middle.len(), AllocError::InvalidParam)?;
    shadow.refuse(AddBy::AddMemory, middle.start, middle.len(), AllocError::MemoryOverlap)?;
    for size in [1, 64, 1000, 5000] {
        shadow.must_alloc(layout(size, 8))?;
    }
    shadow.give_more(middle.end..middle.end + middle.len())?;
    shadow.must_alloc(layout(5000, 8))?;
    shadow.finish()
}

pub(crate) fn absurd_regions<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let absurd = absurd_regions_near(middle.start);
    for how in AddBy::BOTH {
        let mut shadow = fixture.empty();
        for &(start, size) in &absurd {
            for refused in AddBy::BOTH {
                shadow.refuse(refused, start, size, AllocError::InvalidParam)?;
            }
        }
        refuses_everything(&mut shadow)?;
        match how {
            AddBy::Init => shadow.give_first(middle.clone())?,
            AddBy::AddMemory => shadow.give_more(middle.clone())?,
        }
        shadow.must_alloc(layout(100, 8))?;
        let above = shadow.arena().at(shadow.arena().size() / 4 * 3);
        for (start, size) in absurd_regions_near(above) {
            shadow.refuse(AddBy::AddMemory, start, size, AllocError::InvalidParam)?;
        }
        shadow.must_alloc(layout(100, 8))?;
        shadow.finish()?;
    }
    Ok(())
}

/// Regions that hold nothing or do not exist, `(start, size)`. The allocator must touch none of them.
fn absurd_regions_near(address: usize) -> Vec<(usize, usize)> {
    let mut absurd = std::vec![(0, 0), (0, 1), (1, 1), (usize::MAX, 0), (usize::MAX - 3, 3)];
    absurd.extend([0, 1, 3].map(|size| (address, size)));
    absurd.extend([0, 1, 2].map(|size| (address + 1, size)));
    let past_the_end = usize::MAX - address + 1;
    absurd.extend([past_the_end, past_the_end + 1, usize::MAX].map(|size| (address, size)));
    absurd.extend([
        (usize::MAX, 1),
        (usize::MAX - 4095, 4096),
        (usize::MAX - 4095, 8192),
        (usize::MAX & !4095, usize::MAX),
    ]);
    absurd
}
