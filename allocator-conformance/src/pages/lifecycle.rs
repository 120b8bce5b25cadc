//! Checks before the first region, of `init` and the first `add_memory`, and of invalid parameters.

use std::vec::Vec;

use super::fixture::Fixture;
use super::shadow::Shadow;
use crate::arena::AddBy;
use crate::config::{Outcome, call, ensure};
use allocator_core::AllocError::{InvalidParam, MemoryOverlap};
use allocator_core::PageAllocator;

pub(crate) fn before_init<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.empty();
    has_nothing(&mut shadow)?;
    shadow.finish()
}

fn has_nothing<A: PageAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    let page = A::PAGE_SIZE;
    shadow.check_statistics(call!("new"))?;
    for num_pages in [1, 2, 1000, usize::MAX / page, usize::MAX] {
        for align in [page, 2 * page, 1 << (usize::BITS - 1)] {
            shadow.alloc(num_pages, align)?;
        }
        for base in [0, page, shadow.address(0), shadow.address(8), usize::MAX - page + 1] {
            shadow.alloc_at(base, num_pages, page)?;
            shadow.dealloc(base, num_pages)?;
        }
    }
    refuse_bad_parameters(shadow)
}

pub(crate) fn init_once<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let mut shadow = fixture.with_one_region()?;
    let size = middle.len();
    for start in [middle.start, middle.end, shadow.address(0)] {
        shadow.refuse(AddBy::Init, start, size, &[InvalidParam])?;
    }
    shadow.must_alloc(1, A::PAGE_SIZE)?;
    shadow.refuse(AddBy::Init, middle.end, size, &[InvalidParam])?;
    shadow.dealloc_all()?;
    shadow.refuse(AddBy::Init, middle.end, size, &[InvalidParam])?;
    shadow.finish()
}

pub(crate) fn add_memory_first<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    let mut shadow = fixture.empty();
    shadow.give_more(middle.clone())?;
    shadow.refuse(AddBy::Init, middle.end, middle.len(), &[InvalidParam])?;
    shadow.refuse(AddBy::AddMemory, middle.start, middle.len(), &[MemoryOverlap])?;
    shadow.must_alloc(2, A::PAGE_SIZE)?;
    shadow.give_more(middle.end..middle.end + middle.len())?;
    let total = shadow.total();
    for _ in 2..total {
        shadow.must_alloc(1, A::PAGE_SIZE)?;
    }
    shadow.finish()
}

pub(crate) fn absurd_regions<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let middle = fixture.middle();
    for how in AddBy::BOTH {
        let mut shadow = fixture.empty();
        for (start, size) in absurd_regions_near(middle.start, A::PAGE_SIZE) {
            for refused in AddBy::BOTH {
                shadow.refuse(refused, start, size, &[InvalidParam])?;
            }
        }
        has_nothing(&mut shadow)?;
        match how {
            AddBy::Init => shadow.give_first(middle.clone())?,
            AddBy::AddMemory => shadow.give_more(middle.clone())?,
        }
        shadow.must_alloc(1, A::PAGE_SIZE)?;
        for (start, size) in absurd_regions_near(middle.end + middle.len() / 2, A::PAGE_SIZE) {
            shadow.refuse(AddBy::AddMemory, start, size, &[InvalidParam])?;
        }
        shadow.must_alloc(2, A::PAGE_SIZE)?;
        shadow.finish()?;
    }
    Ok(())
}

/// Regions without a whole page in them, or that do not exist, `(start, size)`.
fn absurd_regions_near(address: usize, page: usize) -> Vec<(usize, usize)> {
    let mut absurd = std::vec![(0, 0), (1, 1), (usize::MAX, 0), (usize::MAX, 1), (usize::MAX - 3, 3)];
    absurd.extend([0, 1, page - 1].map(|size| (address, size)));
    absurd.extend([0, page - 1, page, 2 * page - 2].map(|size| (address + 1, size)));
    let past_the_end = usize::MAX - address + 1;
    absurd.extend([past_the_end, past_the_end + 1, usize::MAX].map(|size| (address, size)));
    let last = usize::MAX - page + 1;
    absurd.extend([(last, page), (last, 2 * page), (last, page - 1), (last, usize::MAX)]);
    absurd
}

pub(crate) fn trimmed_regions<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let (middle, page) = (fixture.middle(), A::PAGE_SIZE);
    for (cut_start, cut_end) in [(1, 0), (0, 1), (page - 1, page - 1), (page / 2, 1), (page, 0)] {
        let mut shadow = fixture.empty();
        shadow.give_first(middle.start + cut_start..middle.end - cut_end)?;
        // The shadow sees to it that only whole pages are handed out.
        while shadow.alloc(1, page)?.is_some() {}
        ensure!(shadow.free() == 0, "pages are left that cannot be had: {}", shadow.describe());
        // What was trimmed off is not managed: the page behind the region still can be given, from within its last.
        shadow.give_more(middle.end + cut_end..middle.end + middle.len() / 2 + 1)?;
        while shadow.alloc(1, page)?.is_some() {}
        shadow.finish()?;
    }
    Ok(())
}

pub(crate) fn bad_parameters<A: PageAllocator>(fixture: &mut Fixture<'_, A>) -> Outcome {
    let mut shadow = fixture.with_one_region()?;
    refuse_bad_parameters(&mut shadow)?;
    let run = shadow.must_alloc(4, A::PAGE_SIZE)?;
    refuse_bad_parameters(&mut shadow)?;
    // The run as well cannot be named by nonsense.
    for (base, num_pages) in [(run, 0), (run, usize::MAX), (run + 1, 1), (run - 1, 1), (run + A::PAGE_SIZE / 2, 1)] {
        shadow.dealloc(base, num_pages)?;
        shadow.alloc_at(base, num_pages, A::PAGE_SIZE)?;
    }
    shadow.must_alloc(1, A::PAGE_SIZE)?;
    shadow.finish()
}

/// The requests; the shadow knows the right answers.
fn refuse_bad_parameters<A: PageAllocator>(shadow: &mut Shadow<'_, A>) -> Outcome {
    let page = A::PAGE_SIZE;
    let free = shadow.free_pages().first().map_or(shadow.address(0), |&first| shadow.address(first));
    let bad_aligns = [0, 1, page / 2, page - 1, page + 1, 3 * page, usize::MAX, usize::MAX - page + 1];
    for align in bad_aligns.into_iter().filter(|align| !align.is_power_of_two() || *align < page) {
        for num_pages in [0, 1, 3, usize::MAX] {
            shadow.alloc(num_pages, align)?;
            shadow.alloc_at(free, num_pages, align)?;
        }
    }
    for align in [page, 2 * page, 1 << (usize::BITS - 1)] {
        shadow.alloc(0, align)?;
        shadow.alloc_at(free, 0, align)?;
        for num_pages in
            [usize::MAX, usize::MAX / page, usize::MAX / page + 1, 1 << (usize::BITS - 1), shadow.total() + 1]
        {
            shadow.alloc(num_pages, align)?;
            shadow.alloc_at(free, num_pages, align)?;
        }
    }
    for base in [free + 1, free + page / 2, free + page - 1, usize::MAX, 1, 0, usize::MAX - page + 1] {
        shadow.alloc_at(base, 1, page)?;
        shadow.alloc_at(base, 2, page)?;
    }
    shadow.check_statistics(call!("bad parameters"))
}
