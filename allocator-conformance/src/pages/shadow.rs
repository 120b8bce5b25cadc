//! [`Shadow`] of a page allocator, which knows the state of every page, and so the right answer to every call.

use core::cell::Cell;
use core::ops::{Range, RangeInclusive};
use std::format;
use std::string::String;
use std::vec::Vec;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::options::PageOptions;
use crate::arena::{AddBy, Arena};
use crate::config::{Call, Outcome, call, ensure};
use crate::runs::Runs;
use allocator_core::address::{align_down, align_up};
use allocator_core::{AllocError, AllocResult, PageAllocator};

mod within;

/// What the shadow knows of a page of the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Unmanaged,
    Free,
    /// Handed out; the number is written into the page where the suite may do that.
    Taken(usize),
}

/// Total, used and available pages.
type Stats = (usize, usize, usize);

/// An allocator under test, and the state that each page of the arena must be in.
///
/// Every call goes through the shadow, which counts it as a step.
pub(super) struct Shadow<'a, A> {
    pub(super) allocator: A,
    pub(super) rng: SmallRng,
    pub(super) options: &'a PageOptions,
    arena: &'a mut Arena,
    step: &'a Cell<usize>,
    pages: Vec<Page>,
    /// The pages at which a region starts.
    seams: Vec<usize>,
    /// What the statistics must be: the number of pages that are not `Unmanaged`, and of those that are `Taken`.
    total: usize,
    used: usize,
}

impl<'a, A: PageAllocator> Shadow<'a, A> {
    pub(super) fn new(
        allocator: A,
        arena: &'a mut Arena,
        step: &'a Cell<usize>,
        options: &'a PageOptions,
        rng: SmallRng,
    ) -> Self {
        let pages = std::vec![Page::Unmanaged; arena.size() / A::PAGE_SIZE];
        Self { allocator, rng, options, arena, step, pages, seams: Vec::new(), total: 0, used: 0 }
    }

    /// The same allocator, lent.
    pub(super) fn lend(&mut self) -> Shadow<'_, &mut A> {
        Shadow {
            allocator: &mut self.allocator,
            rng: SmallRng::from_rng(&mut self.rng),
            options: self.options,
            arena: &mut *self.arena,
            step: self.step,
            pages: self.pages.clone(),
            seams: self.seams.clone(),
            total: self.total,
            used: self.used,
        }
    }

    pub(super) fn arena(&self) -> &Arena {
        self.arena
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    pub(super) fn free(&self) -> usize {
        self.total - self.used
    }

    /// The address of the page with this number in the arena.
    pub(super) fn address(&self, page: usize) -> usize {
        self.arena.at(page * A::PAGE_SIZE)
    }

    /// The numbers of the pages that are taken.
    pub(super) fn taken(&self) -> Vec<usize> {
        (0..self.pages.len()).filter(|&page| matches!(self.pages[page], Page::Taken(_))).collect()
    }

    /// The numbers of the pages that are free.
    pub(super) fn free_pages(&self) -> Vec<usize> {
        (0..self.pages.len()).filter(|&page| self.pages[page] == Page::Free).collect()
    }

    /// How many pages the arena has, managed or not.
    pub(super) fn pages_of_the_arena(&self) -> usize {
        self.pages.len()
    }

    /// Any page of the arena, managed or not.
    pub(super) fn any_page(&mut self) -> usize {
        self.rng.random_range(0..self.pages.len())
    }

    fn next_step(&self) {
        self.step.set(self.step.get() + 1);
    }

    fn stats(&self) -> Stats {
        (self.allocator.total_pages(), self.allocator.used_pages(), self.allocator.available_pages())
    }

    /// Whether the statistics are those of the shadow.
    pub(super) fn check_statistics(&self, call: Call<'_>) -> Outcome {
        let (stats, expected) = (self.stats(), (self.total, self.used, self.free()));
        ensure!(stats == expected, "after {call}: (total, used, available) is {stats:?}, expected {expected:?}");
        Ok(())
    }

    /// Gives the first region with `init`, which the allocator must accept.
    pub(super) fn give_first(&mut self, region: Range<usize>) -> Outcome {
        self.give(AddBy::Init, region)
    }

    /// Gives a further region with `add_memory`, which the allocator must accept.
    pub(super) fn give_more(&mut self, region: Range<usize>) -> Outcome {
        self.give(AddBy::AddMemory, region)
    }

    fn give(&mut self, how: AddBy, region: Range<usize>) -> Outcome {
        let call = call!("{how:?} of {:#x} bytes at {:#x}", region.len(), region.start);
        let result = self.call_add(how, region.start, region.len());
        ensure!(result.is_ok(), "{call}: {result:?}");
        self.arena.hand_over(region.clone());
        let start = align_up(region.start, A::PAGE_SIZE).unwrap_or(region.end) - self.arena.at(0);
        let end = align_down(region.end, A::PAGE_SIZE) - self.arena.at(0);
        let pages = start / A::PAGE_SIZE..end / A::PAGE_SIZE;
        let (before, total) = (self.total, self.allocator.total_pages());
        let grown = total.saturating_sub(before);
        ensure!(
            grown > 0 && grown <= pages.len(),
            "{call}: total went from {before} to {total}, while the region holds {} whole pages",
            pages.len()
        );
        self.seams.push(pages.start);
        self.total = total;
        self.check_statistics(call)?;
        if grown == pages.len() {
            self.pages[pages].fill(Page::Free);
            return Ok(());
        }
        ensure!(
            !self.options.memory_untouched,
            "{call}: {grown} of {} pages, though nothing is kept in the region",
            pages.len()
        );
        self.find_managed(call, pages, grown)
    }

    /// Finds out which pages of a region the allocator keeps for itself, by asking for each.
    fn find_managed(&mut self, call: Call<'_>, pages: Range<usize>, expected: usize) -> Outcome {
        let mut found = 0;
        for page in pages {
            let base = self.address(page);
            match self.allocator.alloc_pages_at(base, 1, A::PAGE_SIZE) {
                Ok(_) => {
                    let freed = self.allocator.dealloc_pages(base, 1);
                    ensure!(freed.is_ok(), "{call}: page {base:#x} was served and cannot be given back: {freed:?}");
                    self.pages[page] = Page::Free;
                    found += 1;
                }
                Err(AllocError::InvalidParam) => {}
                Err(error) => return Err(format!("{call}: alloc_pages_at of the page {base:#x} in it: {error:?}")),
            }
        }
        ensure!(found == expected, "{call}: total went up by {expected}, and {found} pages can be had");
        self.check_statistics(call)
    }

    /// Offers a region that the allocator must refuse with one of these errors, without a change. It may lie anywhere.
    pub(super) fn refuse(&mut self, how: AddBy, start: usize, size: usize, errors: &[AllocError]) -> Outcome {
        let call = call!("{how:?} of {size:#x} bytes at {start:#x}");
        let result = self.call_add(how, start, size);
        let regions = self.arena.regions();
        ensure!(
            result.is_err_and(|error| errors.contains(&error)),
            "{call}: {result:?}, expected one of {errors:?} (regions: {regions:x?})"
        );
        self.check_statistics(call)
    }

    fn call_add(&mut self, how: AddBy, start: usize, size: usize) -> AllocResult {
        self.next_step();
        // SAFETY: the region is part of the arena, which outlives the allocator and is exposed, and nobody else uses
        // it; or it is none, or overlaps one, which the contract wants refused and left alone.
        unsafe {
            match how {
                AddBy::Init => self.allocator.init(start, size),
                AddBy::AddMemory => self.allocator.add_memory(start, size),
            }
        }
    }

    /// The pages of the arena from an address on, if they all exist.
    fn pages_from(&self, address: usize, num_pages: usize) -> Option<Range<usize>> {
        let offset = address.checked_sub(self.arena.at(0))?;
        let end = (offset / A::PAGE_SIZE).checked_add(num_pages)?;
        (offset.is_multiple_of(A::PAGE_SIZE) && end <= self.pages.len()).then_some(offset / A::PAGE_SIZE..end)
    }

    fn are_all(&self, pages: Range<usize>, is: impl Fn(Page) -> bool) -> bool {
        self.pages[pages].iter().all(|&page| is(page))
    }

    /// The lowest free run within a range of addresses that the allocator must find for the request, if there is one.
    fn run_to_be_found(&self, num_pages: usize, align: usize, within: &RangeInclusive<usize>) -> Option<Range<usize>> {
        let (length, align) = match self.options.runs {
            Runs::Any => (num_pages, align),
            Runs::PowerOfTwo => {
                let length = num_pages.checked_next_power_of_two()?;
                (length, align.max(length.checked_mul(A::PAGE_SIZE)?))
            }
        };
        if length > self.free() {
            return None;
        }
        let mut free = 0;
        for end in 1..=self.pages.len() {
            let seam = !self.options.joins_adjacent_regions && self.seams.contains(&(end - 1));
            free = if self.pages[end - 1] != Page::Free {
                0
            } else if seam {
                1
            } else {
                free + 1
            };
            if free >= length {
                let (first, last) = (self.address(end - length), self.address(end) - 1);
                if first.is_multiple_of(align) && within.contains(&first) && within.contains(&last) {
                    return Some(end - length..end);
                }
            }
        }
        None
    }

    /// Asks for a run; `None` if the allocator refuses. The shadow checks whether it may.
    pub(super) fn alloc(&mut self, num_pages: usize, align: usize) -> Outcome<Option<usize>> {
        let call = call!("alloc_pages({num_pages}, {align:#x})");
        self.next_step();
        let result = self.allocator.alloc_pages(num_pages, align);
        if num_pages == 0 || !align.is_power_of_two() || align < A::PAGE_SIZE {
            ensure!(result == Err(AllocError::InvalidParam), "{call}: {result:x?}, expected InvalidParam");
            return self.check_statistics(call).map(|()| None);
        }
        match result {
            Ok(address) => {
                ensure!(address.is_multiple_of(align), "{call}: address {address:#x} is not aligned");
                self.take(call, address, num_pages)?;
                Ok(Some(address))
            }
            Err(AllocError::NoMemory) => {
                let run = self.run_to_be_found(num_pages, align, &(0..=usize::MAX)).map(|run| self.address(run.start));
                ensure!(run.is_none(), "{call}: NoMemory, though the pages from {:#x} are free", run.unwrap_or(0));
                self.check_statistics(call).map(|()| None)
            }
            Err(error) => Err(format!("{call}: {error:?}, expected a run or NoMemory")),
        }
    }

    /// Asks for a run that the allocator must have.
    pub(super) fn must_alloc(&mut self, num_pages: usize, align: usize) -> Outcome<usize> {
        let run = self.alloc(num_pages, align)?;
        run.ok_or_else(|| format!("alloc_pages({num_pages}, {align:#x}): NoMemory, with {} pages free", self.free()))
    }

    /// Asks for certain pages. Returns whether the allocator gave them.
    pub(super) fn alloc_at(&mut self, base: usize, num_pages: usize, align: usize) -> Outcome<bool> {
        let call = call!("alloc_pages_at({base:#x}, {num_pages}, {align:#x})");
        self.next_step();
        let result = self.allocator.alloc_pages_at(base, num_pages, align);
        let sane = num_pages > 0 && align.is_power_of_two() && align >= A::PAGE_SIZE && base.is_multiple_of(align);
        let pages = self.pages_from(base, num_pages).filter(|_| sane);
        let state =
            |wanted: fn(Page) -> bool| pages.clone().is_some_and(|pages| self.pages[pages].iter().any(|&p| wanted(p)));
        let managed = pages.is_some() && !state(|page| page == Page::Unmanaged);
        let taken = state(|page| matches!(page, Page::Taken(_)));
        let expected: &[AllocResult<usize>] = match (managed, taken) {
            (false, false) => &[Err(AllocError::InvalidParam)],
            // Which of the two is seen first is not laid down.
            (false, true) => &[Err(AllocError::InvalidParam), Err(AllocError::NoMemory)],
            (true, true) => &[Err(AllocError::NoMemory)],
            (true, false) => &[Ok(base)],
        };
        ensure!(expected.contains(&result), "{call}: {result:x?}, expected {expected:x?}");
        if result.is_ok() {
            self.take(call, base, num_pages)?;
        }
        self.check_statistics(call)?;
        Ok(result.is_ok())
    }

    /// Checks and stores a run that the allocator handed out.
    fn take(&mut self, call: Call<'_>, address: usize, num_pages: usize) -> Outcome {
        let regions = self.arena.regions();
        let pages = self.pages_from(address, num_pages);
        let pages = pages.ok_or_else(|| format!("{call}: {address:#x} is not inside the regions {regions:x?}"))?;
        for page in pages.clone() {
            let at = self.address(page);
            match self.pages[page] {
                Page::Free => {}
                Page::Taken(_) => {
                    return Err(format!("{call}: the page {at:#x} of the run at {address:#x} is taken already"));
                }
                Page::Unmanaged => {
                    return Err(format!(
                        "{call}: the page {at:#x} of the run at {address:#x} is not managed: {regions:x?}"
                    ));
                }
            }
        }
        self.used += num_pages;
        self.check_statistics(call)?;
        for page in pages {
            let stamp = self.rng.random_range(0..=usize::MAX);
            self.pages[page] = Page::Taken(stamp);
            self.write_stamp(page, stamp);
        }
        Ok(())
    }

    /// Gives pages back, rightly or wrongly. Returns whether the allocator accepted them.
    pub(super) fn dealloc(&mut self, pos: usize, num_pages: usize) -> Outcome<bool> {
        let call = call!("dealloc_pages({pos:#x}, {num_pages})");
        let pages = self.pages_from(pos, num_pages);
        let right = pages.filter(|pages| self.are_all(pages.clone(), |page| matches!(page, Page::Taken(_))));
        if let Some(pages) = right.clone() {
            self.check_stamps(pages)?;
        }
        self.next_step();
        let result = self.allocator.dealloc_pages(pos, num_pages);
        let expected = match right {
            _ if num_pages == 0 => Err(AllocError::InvalidParam),
            None => Err(AllocError::NotAllocated),
            Some(_) => Ok(()),
        };
        ensure!(result == expected, "{call}: {result:?}, expected {expected:?}");
        if let (Ok(()), Some(pages)) = (result, right) {
            self.used -= num_pages;
            self.pages[pages].fill(Page::Free);
        }
        self.check_statistics(call)?;
        Ok(result.is_ok())
    }

    /// Gives back pages that are taken.
    pub(super) fn must_dealloc(&mut self, pos: usize, num_pages: usize) -> Outcome {
        let freed = self.dealloc(pos, num_pages)?;
        ensure!(freed, "the suite gave back what it does not have: {num_pages} pages at {pos:#x}");
        Ok(())
    }

    /// The two words of a page that the suite writes, the first and the last.
    fn words(&self, page: usize) -> [*mut usize; 2] {
        let last = A::PAGE_SIZE - size_of::<usize>();
        [0, last].map(|offset| self.arena.pointer(page * A::PAGE_SIZE + offset).cast().as_ptr())
    }

    fn write_stamp(&self, page: usize, stamp: usize) {
        if !self.options.memory_untouched {
            for word in self.words(page) {
                // SAFETY: the page was handed out to the suite, and the words lie in it, aligned.
                unsafe { word.write(stamp) };
            }
        }
    }

    fn check_stamps(&self, mut pages: Range<usize>) -> Outcome {
        pages.try_for_each(|page| {
            let Page::Taken(stamp) = self.pages[page] else { return Ok(()) };
            // SAFETY: as in `write_stamp`, which has initialised the words.
            let intact =
                self.options.memory_untouched || self.words(page).map(|word| unsafe { word.read() }) == [stamp; 2];
            ensure!(intact, "the page {:#x} was written to while it was taken", self.address(page));
            Ok(())
        })
    }

    /// Gives everything back page by page in a random order.
    pub(super) fn dealloc_all(&mut self) -> Outcome {
        let mut taken = self.taken();
        taken.shuffle(&mut self.rng);
        taken.into_iter().try_for_each(|page| self.must_dealloc(self.address(page), 1))
    }

    /// Ends a check: gives all pages back, and checks that the allocator wrote to nothing that it must not.
    pub(super) fn finish(mut self) -> Outcome {
        self.dealloc_all()?;
        if self.options.memory_untouched { self.arena.check_untouched() } else { self.arena.check_guards() }
    }

    /// For messages: which pages are free.
    pub(super) fn describe(&self) -> String {
        format!("{} of {} pages free", self.free(), self.total)
    }
}
