//! A page allocator that is easy to believe in: a map from each managed page to whether it is taken.
//!
//! Each fault is one condition in it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::ptr;

use allocator_core::{AllocError, AllocResult, BaseAllocator, PageAllocator, Region};

use crate::fault::Fault;

pub(crate) struct PageMap<const PAGE_SIZE: usize> {
    fault: Option<Fault>,
    /// Every managed page by address, and whether it is taken.
    pages: BTreeMap<usize, bool>,
    /// How many of them are taken.
    used: usize,
}

impl<const PAGE_SIZE: usize> PageMap<PAGE_SIZE> {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self { fault, pages: BTreeMap::new(), used: 0 }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn add(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        let trimmed = if self.has(Fault::TrimsOutward) {
            let start = start & !(PAGE_SIZE - 1);
            Region::between(start, region.end().next_multiple_of(PAGE_SIZE))?
        } else {
            region.trim(PAGE_SIZE)?
        };
        let compared = if self.has(Fault::TrimsBeforeComparing) { trimmed } else { region };
        let [first, last] = [compared.start(), compared.end() - 1].map(|address| address & !(PAGE_SIZE - 1));
        if self.pages.range(first..=last).next().is_some() {
            let [first_known, last_known] = [first, last].map(|page| self.pages.contains_key(&page));
            let tolerated = match self.fault {
                Some(Fault::AcceptsOverlapFromBelow) => !first_known && last_known,
                Some(Fault::AcceptsOverlapFromAbove) => first_known && !last_known,
                Some(Fault::AcceptsEnclosingRegion) => !first_known && !last_known,
                Some(Fault::AcceptsEnclosedRegion) => first_known && last_known,
                _ => false,
            };
            return if tolerated { Ok(()) } else { Err(AllocError::MemoryOverlap) };
        }
        if self.has(Fault::WritesBehindRegion) {
            // SAFETY: the arena goes on behind the region.
            unsafe { ptr::with_exposed_provenance_mut::<u8>(region.end()).write(0) };
        }
        self.pages.extend((trimmed.start()..trimmed.end()).step_by(PAGE_SIZE).map(|page| (page, false)));
        Ok(())
    }

    /// The addresses of the pages of a run, unless it reaches past the end of the address space.
    fn run(base: usize, num_pages: usize) -> Option<impl Iterator<Item = usize> + Clone> {
        let end = num_pages.checked_mul(PAGE_SIZE).and_then(|size| base.checked_add(size))?;
        Some((base..end).step_by(PAGE_SIZE))
    }

    fn is_free_run(&self, base: usize, num_pages: usize) -> bool {
        if self.has(Fault::RunsCrossHoles) {
            // As if the pages lay side by side in the order of their addresses.
            let run: Vec<_> = self.pages.range(base..).take(num_pages).collect();
            return run.len() == num_pages && run.iter().all(|(_, taken)| !**taken);
        }
        Self::run(base, num_pages).is_some_and(|mut run| run.all(|page| self.pages.get(&page) == Some(&false)))
    }

    fn set(&mut self, base: usize, num_pages: usize, taken: bool) {
        for page in Self::run(base, num_pages).into_iter().flatten() {
            let before = self.pages.insert(page, taken).unwrap_or(false);
            self.used = self.used + usize::from(taken) - usize::from(before);
        }
    }

    fn check(num_pages: usize, align: usize) -> AllocResult {
        if num_pages == 0 || !align.is_power_of_two() || align < PAGE_SIZE {
            return Err(AllocError::InvalidParam);
        }
        Ok(())
    }
}

impl<const PAGE_SIZE: usize> BaseAllocator for PageMap<PAGE_SIZE> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if !self.pages.is_empty() {
            return if self.has(Fault::SecondInit) { Ok(()) } else { Err(AllocError::InvalidParam) };
        }
        self.add(start, size)
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        self.add(start, size)
    }
}

// SAFETY: only pages that are managed and free are handed out, and are taken from then on. (The faults break this, for
// suites that look before they touch.)
unsafe impl<const PAGE_SIZE: usize> PageAllocator for PageMap<PAGE_SIZE> {
    const PAGE_SIZE: usize = PAGE_SIZE;

    fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        if self.has(Fault::ZeroPagesServed) && num_pages == 0 {
            return self.pages.keys().next().copied().ok_or(AllocError::NoMemory);
        }
        Self::check(num_pages, align_pow2)?;
        if num_pages > self.pages.len() {
            return Err(AllocError::NoMemory);
        }
        let ignored = self.has(Fault::SinglePageUnaligned) && num_pages == 1;
        let far = self.has(Fault::AlignmentCappedByRun);
        let align = if ignored { PAGE_SIZE } else { align_pow2 };
        let align = if far { align.min(num_pages.next_power_of_two() * PAGE_SIZE) } else { align };
        let step =
            if self.has(Fault::OnlyAlignedToLength) { num_pages.next_power_of_two() * PAGE_SIZE } else { PAGE_SIZE };
        let base = self.pages.iter().find_map(|(&page, &taken)| {
            let fits = !taken && page.is_multiple_of(align) && page.is_multiple_of(step);
            (fits && self.is_free_run(page, num_pages)).then_some(page)
        });
        let base = base.ok_or(AllocError::NoMemory)?;
        self.set(base, num_pages, true);
        if self.has(Fault::CountsTwice) {
            self.used += num_pages;
        }
        Ok(base)
    }

    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        Self::check(num_pages, align_pow2)?;
        if !base.is_multiple_of(align_pow2) {
            return Err(AllocError::InvalidParam);
        }
        let run = Self::run(base, num_pages).ok_or(AllocError::InvalidParam)?;
        let state = |page| self.pages.get(&page);
        if run.clone().any(|page| state(page).is_none()) {
            return Err(AllocError::InvalidParam);
        }
        if run.clone().any(|page| state(page) == Some(&true)) && !self.has(Fault::FixedTakenTwice) {
            return Err(AllocError::NoMemory);
        }
        self.set(base, num_pages, true);
        Ok(base)
    }

    fn alloc_pages_in(
        &mut self,
        within: RangeInclusive<usize>,
        num_pages: usize,
        align_pow2: usize,
    ) -> AllocResult<usize> {
        Self::check(num_pages, align_pow2)?;
        if within.is_empty() {
            let full = self.has(Fault::EmptyRangeIsFull);
            return Err(if full { AllocError::NoMemory } else { AllocError::InvalidParam });
        }
        let align = if self.has(Fault::WithinUnaligned) { PAGE_SIZE } else { align_pow2 };
        let checked = if self.has(Fault::WithinFirstPageOnly) { 1 } else { num_pages };
        let ends = usize::from(self.has(Fault::WithinMissesEnds));
        let last = |page: usize| checked.checked_mul(PAGE_SIZE)?.checked_add(page).map(|end| end - 1 + ends);
        let fits = |&(&page, &taken): &(&usize, &bool)| {
            let inside = within.contains(&page) && last(page).is_some_and(|last| within.contains(&last));
            !taken && inside && page.is_multiple_of(align) && self.is_free_run(page, num_pages)
        };
        let mut pages = self.pages.iter();
        let found = if self.has(Fault::WithinNotLowest) { pages.rfind(fits) } else { pages.find(fits) };
        let base = found.map(|(&page, _)| page).ok_or(AllocError::NoMemory)?;
        self.set(base, num_pages, true);
        Ok(base)
    }

    fn span(&self) -> RangeInclusive<usize> {
        match (self.pages.first_key_value(), self.pages.last_key_value()) {
            (Some((&first, _)), Some((&last, _))) if self.has(Fault::SpanForgetsLast) => first..=last - 1,
            (Some((&first, _)), Some((&last, _))) => first..=last + (PAGE_SIZE - 1),
            _ if self.has(Fault::SpanOfNothing) => 0..=0,
            #[expect(clippy::reversed_empty_ranges, reason = "it has to be empty")]
            _ => 1..=0,
        }
    }

    fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        if num_pages == 0 {
            return Err(AllocError::InvalidParam);
        }
        let pos = if self.has(Fault::RoundsPosition) { pos & !(PAGE_SIZE - 1) } else { pos };
        let run = Self::run(pos, num_pages).ok_or(AllocError::NotAllocated)?;
        let taken = run.clone().take_while(|page| self.pages.get(page) == Some(&true)).count();
        if taken == num_pages || self.has(Fault::DoubleFree) && run.clone().all(|page| self.pages.contains_key(&page)) {
            self.set(pos, num_pages, false);
            return Ok(());
        }
        match self.fault {
            // An error, though what could be freed was.
            Some(Fault::WrongFreeFreesPart) => self.set(pos, taken, false),
            // A success, though only a part was freed.
            Some(Fault::WrongFreeForgetsTail) if taken > 0 => {
                self.set(pos, taken, false);
                return Ok(());
            }
            _ => {}
        }
        Err(AllocError::NotAllocated)
    }

    fn total_pages(&self) -> usize {
        self.pages.len()
    }

    fn used_pages(&self) -> usize {
        self.used
    }

    fn available_pages(&self) -> usize {
        self.total_pages().saturating_sub(self.used_pages())
    }
}
