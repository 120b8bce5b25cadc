//! The shadow's `alloc_pages_in` and `span`.

use core::ops::{Range, RangeInclusive};
use std::format;

use super::super::options::Placement;
use super::{Page, Shadow};
use crate::config::{Call, Outcome, call, ensure};
use allocator_core::{AllocError, PageAllocator};

impl<A: PageAllocator> Shadow<'_, A> {
    /// Asks for a run within a range of addresses; `None` if the allocator refuses. The shadow checks whether it may.
    pub(crate) fn alloc_in(
        &mut self,
        within: RangeInclusive<usize>,
        num_pages: usize,
        align: usize,
    ) -> Outcome<Option<usize>> {
        let within = self.bounded(within);
        let call = call!("alloc_pages_in({within:#x?}, {num_pages}, {align:#x})");
        self.next_step();
        let result = self.allocator.alloc_pages_in(within.clone(), num_pages, align);
        if within.is_empty() || num_pages == 0 || !align.is_power_of_two() || align < A::PAGE_SIZE {
            ensure!(result == Err(AllocError::InvalidParam), "{call}: {result:x?}, expected InvalidParam");
            return self.check_statistics(call).map(|()| None);
        }
        match result {
            Ok(address) => {
                self.take_within(call, &within, address, num_pages, align)?;
                Ok(Some(address))
            }
            Err(AllocError::NoMemory) => {
                let run = self.run_to_be_found(num_pages, align, &within).map(|run| self.address(run.start));
                ensure!(run.is_none(), "{call}: NoMemory, though the pages from {:#x} are free", run.unwrap_or(0));
                self.check_statistics(call).map(|()| None)
            }
            Err(error) => Err(format!("{call}: {error:?}, expected a run or NoMemory")),
        }
    }

    /// The range; for an allocator that knows no bounds of its pages, the part of it that lies in or near the arena. Such an
    /// allocator tries each place in the range.
    fn bounded(&self, within: RangeInclusive<usize>) -> RangeInclusive<usize> {
        let all = 0..=usize::MAX;
        if within.is_empty() || within == all || self.allocator.span() != all {
            return within;
        }
        let (near, arena) = (8 * A::PAGE_SIZE, self.arena.span());
        let (low, high) = (arena.start.saturating_sub(near), arena.end.saturating_add(near));
        let (start, end) = (*within.start().max(&low), *within.end().min(&high));
        // What is wholly elsewhere is small enough.
        if start <= end { start..=end } else { within }
    }

    /// Checks and stores a run that the allocator handed out within a range.
    fn take_within(
        &mut self,
        call: Call<'_>,
        within: &RangeInclusive<usize>,
        address: usize,
        num_pages: usize,
        align: usize,
    ) -> Outcome {
        ensure!(address.is_multiple_of(align), "{call}: address {address:#x} is not aligned");
        let last = (num_pages * A::PAGE_SIZE).checked_add(address).map(|end| end - 1);
        let inside = within.contains(&address) && last.is_some_and(|last| within.contains(&last));
        ensure!(inside, "{call}: the run at {address:#x} is not within the range");
        if self.options.placement == Placement::Lowest {
            let lowest = self.run_to_be_found(num_pages, align, within).map(|run| self.address(run.start));
            let lowest = lowest.filter(|&lowest| lowest < address);
            ensure!(lowest.is_none(), "{call}: {address:#x}, though {:#x} is lower", lowest.unwrap_or(0));
        }
        self.take(call, address, num_pages)
    }

    /// Asks for a run within a range that the allocator must have.
    pub(crate) fn must_alloc_in(&mut self, within: RangeInclusive<usize>, num_pages: usize) -> Outcome<usize> {
        let run = self.alloc_in(within.clone(), num_pages, A::PAGE_SIZE)?;
        run.ok_or_else(|| format!("alloc_pages_in({within:#x?}, {num_pages}): NoMemory, {}", self.describe()))
    }

    /// Checks that all pages lie within the span. An allocator whose span is not all addresses must have an empty one while it
    /// has no pages.
    pub(crate) fn check_span(&mut self) -> Outcome {
        self.next_step();
        let span = self.allocator.span();
        self.check_statistics(call!("span"))?;
        let managed = |page: &usize| self.pages[*page] != Page::Unmanaged;
        let first = (0..self.pages.len()).find(managed);
        let last = (0..self.pages.len()).rev().find(managed);
        let (Some(first), Some(last)) = (first, last) else {
            let known = span != (0..=usize::MAX);
            ensure!(!known || span.is_empty(), "without pages the span is {span:#x?}");
            return Ok(());
        };
        let Range { start, end } = self.address(first)..self.address(last) + A::PAGE_SIZE;
        ensure!(
            span.contains(&start) && span.contains(&(end - 1)),
            "the span is {span:#x?}, and there are pages from {start:#x} to {end:#x}"
        );
        Ok(())
    }
}
