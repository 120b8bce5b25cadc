//! Filling a pool, and finding out how large a block it can serve.

use core::alloc::Layout;
use core::ops::Range;
use std::vec::Vec;

use super::fixture::Fixture;
use super::layouts::layout;
use super::shadow::Shadow;
use crate::config::{Outcome, ensure};
use allocator_core::ByteAllocator;

/// Sizes that fill a pool of the fixture in a moment.
pub(super) fn fill_sizes<A: ByteAllocator>(fixture: &Fixture<'_, A>) -> Vec<usize> {
    let quarter = fixture.middle().len() / 4;
    let sizes: &[usize] = if cfg!(miri) { &[3000, quarter] } else { &[64, 500, 4096, 10_000, quarter] };
    sizes.iter().copied().filter(|&size| size <= fixture.options.largest_block).collect()
}

/// Takes blocks until there is no memory for one more; returns how many.
pub(super) fn fill<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, layout: Layout) -> Outcome<usize> {
    let mut count = 0;
    while shadow.alloc(layout)?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// The largest block that a fresh allocator with these regions can serve, found by trying.
pub(super) fn largest_block<A: ByteAllocator>(
    fixture: &mut Fixture<'_, A>,
    regions: &[Range<usize>],
    align: usize,
) -> Outcome<usize> {
    let most = regions.iter().map(|region| region.len()).sum::<usize>();
    let (mut fits, mut too_large) = (0, most + 1);
    // What fits nearly is good enough to see it fit again.
    let precision = if cfg!(miri) { most / 16 } else { 1 };
    while too_large - fits > precision {
        let size = fits.midpoint(too_large);
        let mut shadow = fixture.with_regions(regions)?;
        match shadow.alloc(layout(size, align))? {
            Some(_) => fits = size,
            None => too_large = size,
        }
        shadow.finish()?;
    }
    ensure!(fits > 0, "nothing can be had from {regions:x?}");
    Ok(fits)
}
