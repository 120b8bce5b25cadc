//! Checks that take runs and give them back, with one kind of request each.

use rand::Rng;
use rand::seq::SliceRandom;

use super::fixture::Fixture;
use super::shadow::Shadow;
use crate::config::{Outcome, STRIDE, ensure};
use allocator_core::PageAllocator;

pub(crate) fn single_pages<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let page = A::PAGE_SIZE;
    let mut shadow = fixture.with_one_region()?;
    let total = shadow.total();
    for _ in 0..2 {
        for _ in 0..total {
            shadow.must_alloc(1, page)?;
        }
        for _ in 0..10 {
            let more = shadow.alloc(1, page)?;
            ensure!(more.is_none(), "{total} pages are taken, and there is one more");
        }
        // Each page that comes back can be had again.
        for _ in 0..total / 2 {
            let taken = shadow.taken();
            let one = taken[shadow.rng.random_range(0..taken.len())];
            shadow.must_dealloc(shadow.address(one), 1)?;
            if shadow.rng.random() {
                shadow.must_alloc(1, page)?;
            }
        }
        shadow.dealloc_all()?;
    }
    shadow.finish()
}

pub(crate) fn aligned_runs<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let page = A::PAGE_SIZE;
    let mut shadow = fixture.with_one_region()?;
    let most = shadow.arena().size() / page;
    // One page off, so that what follows must be aligned and is not by chance.
    for shift in (0..3).rev().step_by(STRIDE) {
        for length in [1, 2, 3, 4, 7, 8, 16].into_iter().step_by(STRIDE) {
            for align in (0..=most.ilog2() + 2).map(|bits| page << bits) {
                (0..shift).try_for_each(|_| shadow.alloc(1, page).map(drop))?;
                for _ in 0..3 {
                    shadow.alloc(length, align)?;
                }
                shadow.dealloc_all()?;
            }
            for align in [1 << 30, 1 << (usize::BITS - 2), 1 << (usize::BITS - 1)] {
                if align >= page {
                    shadow.alloc(length, align)?;
                }
            }
            shadow.dealloc_all()?;
        }
    }
    for align in [2 * page, 4 * page, 16 * page] {
        while shadow.alloc(1, align)?.is_some() {}
        while shadow.alloc(1, page)?.is_some() {}
        ensure!(shadow.free() == 0, "pages are left that cannot be had: {}", shadow.describe());
        shadow.dealloc_all()?;
    }
    shadow.finish()
}

pub(crate) fn pages_at<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (page, middle) = (A::PAGE_SIZE, fixture.middle());
    let mut shadow = fixture.with_one_region()?;
    let steps = if cfg!(miri) { 40 } else { 400 };
    for _ in 0..steps {
        let (first, length) = (shadow.any_page(), shadow.rng.random_range(1..9));
        let align = page << shadow.rng.random_range(0..4);
        shadow.alloc_at(shadow.address(first), length, page)?;
        let first = shadow.any_page();
        shadow.alloc_at(shadow.address(first), 1, align)?;
        if shadow.free() == 0 || shadow.rng.random_range(0..30) == 0 {
            shadow.dealloc_all()?;
        }
    }
    shadow.dealloc_all()?;
    // Whole, partly taken, partly outside, and past the end of everything.
    let free = shadow.free_pages();
    let (first, last) = (shadow.address(free[0]), shadow.address(free[free.len() - 1]));
    let run = free.len();
    shadow.alloc_at(first, run, page)?;
    shadow.alloc_at(first, 1, page)?;
    shadow.alloc_at(last, 1, page)?;
    shadow.must_dealloc(first, 2)?;
    for (base, length) in [(first, 3), (first - page, 2), (last, 2), (last + page, 1), (last, usize::MAX / page)] {
        shadow.alloc_at(base, length, page)?;
    }
    for length in [usize::MAX / page, usize::MAX / page + 2, usize::MAX, usize::MAX - first / page] {
        shadow.alloc_at(first, length, page)?;
        shadow.alloc_at(middle.end, length, page)?;
    }
    shadow.alloc_at(first, 2, page)?;
    shadow.finish()
}

pub(crate) fn wrong_frees<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (page, middle) = (A::PAGE_SIZE, fixture.middle());
    let mut shadow = fixture.with_one_region()?;
    // Around a run of four with free pages on both sides, then with all pages taken, then with none.
    let run = shadow.must_alloc(8, page)?;
    shadow.must_dealloc(run, 2)?;
    shadow.must_dealloc(run + 6 * page, 2)?;
    let run = run + 2 * page;
    misname(&mut shadow, run, 4)?;
    ensure!(shadow.taken().len() == 4, "the run of 4 pages is no longer taken");
    shadow.must_dealloc(run, 4)?;
    misname(&mut shadow, run, 4)?;
    while shadow.alloc(1, page)?.is_some() {}
    for (pos, num_pages) in [(middle.start - page, 2), (middle.end - page, 2), (middle.end, 1), (0, 1), (0, usize::MAX)]
    {
        shadow.dealloc(pos, num_pages)?;
    }
    let whole = shadow.total();
    let first = shadow.address(shadow.taken()[0]);
    shadow.dealloc(first, whole + 1)?;
    shadow.dealloc(first - page, whole + 1)?;
    shadow.must_dealloc(first, whole)?;
    shadow.dealloc(first, whole)?;
    shadow.finish()
}

/// Gives back a run with wrong addresses and lengths of every kind. The shadow checks that nothing changes.
fn misname<A: PageAllocator>(shadow: &mut Shadow<'_, A>, run: usize, length: usize) -> Outcome {
    let page = A::PAGE_SIZE;
    let end = run + length * page;
    let overshooting = [(run, length + 1), (run + page, length), (run - page, length + 1), (run - page, length + 2)];
    let beside = [(run - page, 1), (end, 1), (run - 2 * page, 2), (end, 2), (end + page, 1)];
    let uneven = [(run + 1, 1), (run - 1, 1), (run + page / 2, 1), (run + page / 2, length - 1), (end - 1, 1)];
    let huge = [usize::MAX, usize::MAX / page, usize::MAX / page + 2, 1 << (usize::BITS - 1)];
    let far = [(0, 1), (page, 1), (usize::MAX, 1), (usize::MAX - page + 1, 1), (usize::MAX - page + 1, 2)];
    let nothing = [(run, 0), (end, 0), (0, 0)];
    let all = overshooting.into_iter().chain(beside).chain(uneven).chain(far).chain(nothing);
    for (pos, num_pages) in all.chain(huge.map(|count| (run, count))).chain(huge.map(|count| (end, count))) {
        shadow.dealloc(pos, num_pages)?;
    }
    Ok(())
}

pub(crate) fn partial_frees<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let page = A::PAGE_SIZE;
    let mut shadow = fixture.with_one_region()?;
    for length in [2, 3, 4, 5, 8] {
        for _ in 0..if cfg!(miri) { 1 } else { 4 } {
            let run = shadow.must_alloc(length, page)?;
            let beside = shadow.must_alloc(length, page)?;
            let mut parts: std::vec::Vec<usize> = (0..length).collect();
            parts.shuffle(&mut shadow.rng);
            for part in parts {
                shadow.must_dealloc(run + part * page, 1)?;
                shadow.dealloc(run + part * page, 1)?;
                shadow.dealloc(run, length)?;
            }
            // In two halves, and both together with a neighbour where they touch.
            shadow.must_dealloc(beside + page, length - 1)?;
            shadow.must_dealloc(beside, 1)?;
            let (first, second) = (shadow.must_alloc(length, page)?, shadow.must_alloc(length, page)?);
            let (low, high) = (first.min(second), first.max(second));
            if low + length * page == high {
                shadow.must_dealloc(low + page, 2 * length - 2)?;
            }
            shadow.dealloc_all()?;
        }
    }
    shadow.finish()
}
