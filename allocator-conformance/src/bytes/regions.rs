//! Checks with several regions: the allocator refuses those that overlap, and uses all others.

use core::ops::Range;
use std::vec::Vec;

use rand::Rng;
use rand::seq::SliceRandom;

use super::fixture::Fixture;
use super::layouts::layout;
use super::shadow::Shadow;
use crate::arena::AddBy;
use crate::config::{Outcome, STRIDE, ensure};
use allocator_core::{AllocError, ByteAllocator};

const PAGE: usize = 4096;

/// Ranges that share from 64 bytes to all memory with `region`, which is made of whole pages. Some go past the arena, or are
/// empty.
fn overlapping(region: &Range<usize>) -> Vec<Range<usize>> {
    let Range { start, end } = *region;
    let mut ranges = std::vec![start..end, start..start + PAGE, end - PAGE..end, start + 64..end - 64];
    for shared in [64, PAGE] {
        ranges.extend([end - shared..end + PAGE, start - PAGE..start + shared]);
        ranges.extend([start..end + shared, start - shared..end]);
    }
    ranges.push(start - PAGE..end + PAGE);
    ranges
}

/// Ranges that share one byte or seven with `region`: trimming would cut off what is shared, and with it the fact that the
/// caller is wrong about the memory.
fn overlapping_by_few_bytes(region: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = *region;
    [1, 7].into_iter().flat_map(move |shared| [end - shared..end + PAGE, start - PAGE..start + shared])
}

fn refuse_overlaps<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, region: &Range<usize>) -> Outcome {
    let within = shadow.arena().span();
    let mut ranges = overlapping(region);
    if shadow.options.trims_regions {
        ranges.extend(overlapping_by_few_bytes(region));
    }
    ranges.push(within.clone());
    ranges.retain(|range| !range.is_empty() && within.start <= range.start && range.end <= within.end);
    for range in ranges {
        shadow.refuse(AddBy::AddMemory, range.start, range.len(), AllocError::MemoryOverlap)?;
    }
    Ok(())
}

pub(crate) fn overlapping_regions<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let size = middle.len();
    let mut shadow = fixture.with_one_region()?;
    refuse_overlaps(&mut shadow, &middle)?;
    // Memory that is allocated is the allocator's as well.
    while shadow.alloc(layout(size / 32, 8))?.is_some() {}
    refuse_overlaps(&mut shadow, &middle)?;
    shadow.check_all_contents()?;
    // One region above and one below, each apart from the first by a hole.
    let above = middle.end + size / 4..middle.end + size / 2;
    let below = middle.start - size / 2..middle.start - size / 4;
    for region in [above, below] {
        shadow.give_more(region)?;
        for region in shadow.arena().regions().to_vec() {
            refuse_overlaps(&mut shadow, &region)?;
        }
    }
    // The holes become part of the memory too.
    shadow.give_more(middle.end..middle.end + size / 4)?;
    for region in shadow.arena().regions().to_vec() {
        refuse_overlaps(&mut shadow, &region)?;
    }
    shadow.finish()
}

pub(crate) fn many_regions<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let first = fixture.options.min_first_region;
    let count = if cfg!(miri) { 12 } else { 40 };
    let mut shadow = fixture.empty();
    let mut at = shadow.arena().at(PAGE);
    shadow.give_first(at..at + first)?;
    at += first;
    // Each region is followed by a hole of a page; they come in a random order.
    let mut regions: Vec<_> = (0..count).map(|index| at + PAGE + index * 3 * PAGE).collect();
    regions.shuffle(&mut shadow.rng);
    for start in regions {
        shadow.give_more(start..start + 2 * PAGE)?;
        if shadow.rng.random() {
            shadow.alloc(layout(100, 8))?;
        }
    }
    for region in shadow.arena().regions().to_vec().into_iter().step_by(STRIDE) {
        refuse_overlaps(&mut shadow, &region)?;
    }
    reaches_regions(&mut shadow, 0)?;
    for region in shadow.arena().regions().to_vec().into_iter().step_by(STRIDE) {
        refuse_overlaps(&mut shadow, &region)?;
    }
    shadow.finish()
}

/// Takes all there is in small blocks: each region above `min_size` must give some.
fn reaches_regions<A: ByteAllocator>(shadow: &mut Shadow<'_, A>, min_size: usize) -> Outcome {
    let size = if cfg!(miri) { 4000 } else { 100 };
    while shadow.alloc(layout(size, 8))?.is_some() {}
    for region in shadow.arena().regions().iter().filter(|region| region.len() > min_size) {
        let hit = shadow.live().any(|(address, _)| region.contains(&address));
        ensure!(hit, "the memory is full, and no block lies in the region {region:x?}");
    }
    Ok(())
}

pub(crate) fn regions_anywhere<A: ByteAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let (start, end, size) = (middle.start, middle.end, middle.len());
    let (part, low) = (size / 8, fixture.arena().at(0));
    // Above the first region and below it, beside it and apart from it, and at the far low end.
    let even = [
        end + PAGE..end + part,
        start - part..start - PAGE,
        start - PAGE..start,
        end..end + PAGE,
        start - 2 * part..start - part,
        end + part..end + 2 * part,
        low + PAGE..low + 5 * PAGE,
    ];
    let uneven = even.clone().map(|range| range.start + 1..range.end - 3);
    let odd = [
        end + 24..end + part - 40,
        start - part + 7..start - 1,
        end + part + 1..end + 3 * part,
        low + 63..low + 4 * PAGE + 65,
    ];
    let mut sets = std::vec![even.to_vec()];
    if fixture.options.trims_regions {
        sets.extend([uneven.to_vec(), odd.to_vec()]);
    }
    if cfg!(miri) {
        sets.drain(..sets.len() - 1);
    }
    for mut set in sets {
        let mut shadow = fixture.empty();
        set.shuffle(&mut shadow.rng);
        let trims = shadow.options.trims_regions && shadow.rng.random();
        let trim = if trims { 5 } else { 0 };
        shadow.give_first(start + trim..end - 2 * trim)?;
        for region in set {
            shadow.give_more(region)?;
            shadow.alloc(layout(64, 64))?;
        }
        reaches_regions(&mut shadow, 2 * PAGE)?;
        shadow.dealloc_all()?;
        reaches_regions(&mut shadow, 2 * PAGE)?;
        shadow.finish()?;
    }
    Ok(())
}
