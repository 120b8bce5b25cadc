//! Checks with several regions: the allocator refuses those that overlap, uses all others, and never hands out a page
//! between them.

use core::ops::Range;
use std::vec::Vec;

use super::fixture::Fixture;
use super::shadow::Shadow;
use crate::arena::AddBy;
use crate::config::{Outcome, STRIDE, ensure};
use allocator_core::AllocError::{InvalidParam, MemoryOverlap};
use allocator_core::PageAllocator;

/// Offers ranges that share memory with `region`, which is made of whole pages, down to a single byte that trimming would cut
/// off. `lowest` is where the allocator's memory starts.
fn refuse_overlaps<A: PageAllocator>(shadow: &mut Shadow<'_, A>, region: &Range<usize>, lowest: usize) -> Outcome {
    let Range { start, end } = *region;
    let (page, span) = (A::PAGE_SIZE, shadow.arena().span());
    let ranges = [
        start..end,
        start..start + page,
        end - page..end,
        end - page..end + page,
        start - page..start + page,
        start - page..end,
        start..end + page,
        start - page..end + page,
        start - page / 2..end + page / 2,
        end - 1..end + page,
        end - 7..end + page,
        start - page..start + 1,
        start - page..start + 7,
        span.clone(),
    ];
    for range in ranges.into_iter().filter(|range| span.start <= range.start && range.end <= span.end) {
        // An allocator whose window starts at its first region may see first that this one is outside.
        let below = !shadow.options.covers_below_first && range.start < lowest;
        let errors: &[_] = if below { &[MemoryOverlap, InvalidParam] } else { &[MemoryOverlap] };
        shadow.refuse(AddBy::AddMemory, range.start, range.len(), errors)?;
    }
    Ok(())
}

fn refuse_all_overlaps<A: PageAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    let regions = shadow.arena().regions().to_vec();
    let lowest = regions.first().map_or(0, |region| region.start);
    regions.iter().try_for_each(|region| refuse_overlaps(shadow, region, lowest))
}

pub(crate) fn overlapping_regions<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let quarter = middle.len() / 4;
    let mut shadow = fixture.with_one_region()?;
    refuse_all_overlaps(&mut shadow)?;
    // Pages that are taken are the allocator's as well.
    while shadow.alloc(1, A::PAGE_SIZE)?.is_some() {}
    refuse_all_overlaps(&mut shadow)?;
    shadow.give_more(middle.end + quarter..middle.end + 2 * quarter)?;
    refuse_all_overlaps(&mut shadow)?;
    if shadow.options.covers_below_first {
        shadow.give_more(middle.start - 2 * quarter..middle.start - quarter)?;
        refuse_all_overlaps(&mut shadow)?;
    }
    // The hole becomes part of the memory too.
    shadow.give_more(middle.end..middle.end + quarter)?;
    refuse_all_overlaps(&mut shadow)?;
    shadow.finish()
}

pub(crate) fn many_regions<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let page = A::PAGE_SIZE;
    let count = (fixture.terrain.size() / page / 4 - 1).min(if cfg!(miri) { 12 } else { 40 });
    let base = fixture.terrain.at(page);
    let regions = (0..count).map(|index| base + 4 * index * page..base + (4 * index + 3) * page).collect();
    let regions = fixture.order(regions);
    let mut shadow = fixture.with_regions(&regions)?;
    refuse_all_overlaps(&mut shadow)?;
    takes_all(&mut shadow)?;
    refuse_all_overlaps(&mut shadow)?;
    shadow.dealloc_all()?;
    for length in [3, 2, 1, 4] {
        while shadow.alloc(length, page)?.is_some() {}
        shadow.dealloc_all()?;
    }
    shadow.finish()
}

/// Every page can be had.
fn takes_all<A: PageAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    while shadow.alloc(1, A::PAGE_SIZE)?.is_some() {}
    ensure!(shadow.free() == 0, "pages are left that cannot be had: {}", shadow.describe());
    Ok(())
}

pub(crate) fn runs_and_holes<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (page, middle) = (A::PAGE_SIZE, fixture.middle());
    let (start, end, size) = (middle.start, middle.end, middle.len());
    let sets: [Vec<Range<usize>>; 4] = [
        // Adjacent in any order.
        std::vec![start..start + size / 2, start + size / 2..end, end..end + size],
        // A hole of one page, and one of many.
        std::vec![start..end - page, end..end + size / 2, end + size..end + size + 4 * page],
        // The hole cuts what would be an aligned power of two.
        std::vec![
            start..start + size / 2,
            start + size / 2 + page..end,
            end..end + page,
            end + 2 * page..end + 3 * page
        ],
        // Two regions whose uneven ends leave the page between them unmanaged.
        std::vec![start..start + size / 2 + page / 2, start + size / 2 + page / 2..end],
    ];
    for regions in sets.into_iter().step_by(if cfg!(miri) { 2 } else { 1 }) {
        let regions = fixture.order(regions);
        let mut shadow = fixture.with_regions(&regions)?;
        let total = shadow.total();
        // The shadow knows which runs exist, and that none crosses a hole.
        for length in [total, total / 2 + 1, total / 3 + 1, 5, 3, 2, 1].into_iter().step_by(STRIDE) {
            while shadow.alloc(length, page)?.is_some() {}
            across_the_ends(&mut shadow)?;
            shadow.dealloc_all()?;
        }
        takes_all(&mut shadow)?;
        across_the_ends(&mut shadow)?;
        shadow.finish()?;
    }
    Ok(())
}

/// Asks for runs across the start and the end of each region, and gives such runs back.
fn across_the_ends<A: PageAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    let page = A::PAGE_SIZE;
    for region in shadow.arena().regions().to_vec() {
        for edge in [region.start, region.end].map(|edge| edge & !(page - 1)) {
            for (below, num_pages) in [(1, 2), (2, 3), (1, 3), (1, 1), (0, 1)] {
                let base = edge - below * page;
                if !shadow.dealloc(base, num_pages)? {
                    shadow.alloc_at(base, num_pages, page)?;
                }
            }
        }
    }
    Ok(())
}
