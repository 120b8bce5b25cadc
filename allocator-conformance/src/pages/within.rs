//! Checks of `alloc_pages_in` and `span`: runs within a range of addresses.

use core::ops::RangeInclusive;
use std::vec::Vec;

use super::fixture::Fixture;
use super::shadow::Shadow;
use crate::config::{Outcome, STRIDE, ensure};
use allocator_core::PageAllocator;
use rand::Rng;

pub(crate) fn runs_within<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (page, middle) = (A::PAGE_SIZE, fixture.middle());
    let quarter = middle.len() / 4;
    let mut shadow = fixture.with_one_region()?;
    // One more region behind a hole.
    shadow.give_more(middle.end + quarter..middle.end + 2 * quarter)?;
    let ranges = ranges_around(middle.start, middle.end + 2 * quarter, page);
    for round in 0..3 {
        for range in ranges.iter().step_by(STRIDE) {
            for num_pages in [1, 2, 3, 8, quarter / page, shadow.total(), shadow.total() + 1] {
                let align = page << shadow.rng.random_range(0..4);
                // The shadow knows whether there is such a run.
                shadow.alloc_in(range.clone(), num_pages, page)?;
                shadow.alloc_in(range.clone(), num_pages, align)?;
            }
            // Rounds with all pages free, with some of them taken, and with more and more of them.
            if round == 0 {
                shadow.dealloc_all()?;
            } else if round == 1 {
                free_about_half(&mut shadow)?;
            }
        }
    }
    shadow.finish()
}

/// Ranges that end at, beside and between pages; that hold all pages, some, or none; that begin at address 0 or end at
/// the last one.
fn ranges_around(start: usize, end: usize, page: usize) -> Vec<RangeInclusive<usize>> {
    let inside = start + 4 * page;
    std::vec![
        0..=usize::MAX,
        0..=start - 1,
        0..=start + page - 2,
        0..=start + page - 1,
        0..=inside + page / 2,
        start..=start + page - 1,
        start + 1..=start + page,
        inside..=inside + 2 * page - 1,
        inside..=inside + 2 * page - 2,
        inside + 1..=inside + 3 * page,
        inside - 1..=inside + 8 * page,
        start - page..=end + page,
        end - page..=end - 1,
        end - page..=usize::MAX,
        end - page + 1..=usize::MAX,
        end..=usize::MAX,
        0..=0,
        0..=page - 1,
        usize::MAX..=usize::MAX,
        usize::MAX - page + 1..=usize::MAX,
        inside..=inside,
    ]
}

fn free_about_half<A: PageAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    for page in shadow.taken() {
        if shadow.rng.random() {
            shadow.must_dealloc(shadow.address(page), 1)?;
        }
    }
    Ok(())
}

/// The allocator hands out every page, once, for the range that holds only this page, and refuses a range that has no free
/// page.
pub(crate) fn every_page_within<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (page, middle) = (A::PAGE_SIZE, fixture.middle());
    let mut shadow = fixture.with_one_region()?;
    for free in shadow.free_pages().into_iter().step_by(STRIDE) {
        let at = shadow.address(free);
        let got = shadow.must_alloc_in(at..=at + page - 1, 1)?;
        ensure!(got == at, "the page at {at:#x} was named, and {got:#x} handed out");
        shadow.alloc_in(at..=at + page - 1, 1, page)?;
        shadow.alloc_in(at - page + 1..=at + page - 1, 1, page)?;
    }
    // What is left, from the whole range.
    while shadow.alloc_in(middle.start..=middle.end - 1, 1, page)?.is_some() {}
    ensure!(shadow.free() == 0, "pages are left that cannot be had: {}", shadow.describe());
    shadow.alloc_in(0..=usize::MAX, 1, page)?;
    shadow.finish()
}

pub(crate) fn bad_ranges<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut empty = fixture.empty();
    refuse_bad_ranges(&mut empty)?;
    empty.finish()?;
    let mut shadow = fixture.with_one_region()?;
    refuse_bad_ranges(&mut shadow)?;
    shadow.must_alloc(3, A::PAGE_SIZE)?;
    refuse_bad_ranges(&mut shadow)?;
    shadow.finish()
}

/// The requests; the shadow knows the right answers.
fn refuse_bad_ranges<A: PageAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    let page = A::PAGE_SIZE;
    let (start, all) = (shadow.address(shadow.pages_of_the_arena() / 4), 0..=usize::MAX);
    #[expect(clippy::reversed_empty_ranges, reason = "these are the ranges that must be refused")]
    let empty = [1..=0, usize::MAX..=0, start + page..=start, start..=start - 1];
    let mut exhausted = start..=start;
    exhausted.next();
    for range in empty.into_iter().chain([exhausted]) {
        shadow.alloc_in(range, 1, page)?;
    }
    for range in [all.clone(), start..=start + 8 * page - 1, 0..=page - 1] {
        for align in [0, 1, page / 2, page + 1, 3 * page, usize::MAX] {
            shadow.alloc_in(range.clone(), 1, align)?;
        }
        for align in [page, 2 * page, 1 << (usize::BITS - 1)] {
            shadow.alloc_in(range.clone(), 0, align)?;
            for num_pages in
                [usize::MAX, usize::MAX / page, usize::MAX / page + 1, usize::MAX / page + 2, usize::MAX / page / 2]
            {
                shadow.alloc_in(range.clone(), num_pages, align)?;
            }
        }
    }
    shadow.check_span()
}

pub(crate) fn span_has_all_pages<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (page, middle) = (A::PAGE_SIZE, fixture.middle());
    let mut shadow = fixture.empty();
    shadow.check_span()?;
    shadow.give_first(middle.start + 1..middle.end - 1)?;
    shadow.check_span()?;
    shadow.give_more(middle.end + 4 * page..middle.end + 8 * page + 1)?;
    shadow.check_span()?;
    if shadow.options.covers_below_first {
        shadow.give_more(middle.start - 4 * page - 1..middle.start - page)?;
        shadow.check_span()?;
    }
    while shadow.alloc(1, page)?.is_some() {}
    shadow.check_span()?;
    shadow.dealloc_all()?;
    shadow.check_span()?;
    shadow.finish()
}
