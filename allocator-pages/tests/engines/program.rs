//! A random program for the native page engines: the traits' methods and what these engines have beside, at sizes where
//! their trees have levels, against a flag for each page.

use core::ops::Range;
use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};

use allocator_conformance::{Config, seed};
use allocator_core::AllocError;

use crate::native::NativePages;

/// What a step answers: the text says what does not hold.
type Outcome = Result<(), String>;

/// Ends a step with a message unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err(std::format!($($message)+));
        }
    };
}

/// Where an engine keeps its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    /// In words that describe a window which begins with the first region.
    FromFirstRegion,
    /// In words that describe a window which begins with the first of the options' pages.
    FromBase,
    /// In the regions.
    InRegions,
}

/// What is asked of the engine.
#[derive(Clone, Debug)]
pub(crate) struct NativeOptions {
    /// The pages that regions lie in. Where the engine keeps its metadata in its regions, they must be memory.
    pub pages: Range<usize>,
    /// Where the engine keeps its metadata.
    pub metadata: Metadata,
    /// Which run of several pages the engine takes.
    pub run: NativeRun,
    /// How many random steps are taken.
    pub steps: usize,
}

/// Which run of several pages an engine takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NativeRun {
    /// The lowest that fits.
    FirstFit,
    /// Any, in a free block of the next power of two that is aligned to its size.
    Block,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Absent,
    Free,
    Taken,
}

/// A region that holds its metadata: the pages of these, and those behind them, which can be managed.
#[derive(Clone, Debug)]
struct Section {
    own: Range<usize>,
    window: Range<usize>,
}

struct Model<'a, A> {
    engine: A,
    options: &'a NativeOptions,
    rng: SmallRng,
    /// The pages of `options.pages`.
    pages: Vec<Page>,
    /// The regions that hold their metadata, by address.
    sections: Vec<Section>,
    /// What was handed out, by its first page: that and the length.
    live: BTreeMap<usize, usize>,
    /// The pages of the balloon: taken out one by one, to come back.
    balloon: Vec<usize>,
    /// The runs that come and go over and over in the present phase, if it is one of that kind: their length, and their
    /// alignment in pages.
    favourite: Option<(usize, usize)>,
}

/// Drives an engine without memory through a random program, and validates it after each step.
///
/// # Errors
///
/// What was violated, with the seed.
pub(crate) fn native_program<A: NativePages>(engine: A, options: &NativeOptions) -> Result<(), String> {
    let seed = seed();
    let mut model = Model {
        engine,
        options,
        rng: SmallRng::seed_from_u64(seed),
        pages: vec![Page::Absent; options.pages.len()],
        sections: Vec::new(),
        live: BTreeMap::new(),
        balloon: Vec::new(),
        favourite: None,
    };
    model.run().map_err(|what| std::format!("{}={seed}: {what}", Config::SEED_VARIABLE))
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start.max(other.start) < one.end.min(other.end)
}

impl<A: NativePages> Model<'_, A> {
    fn run(&mut self) -> Outcome {
        let len = self.pages.len();
        let first = if self.options.metadata == Metadata::FromBase { len / 2..len * 3 / 4 } else { 0..len / 3 };
        self.add(first)?;
        for step in 0..self.options.steps {
            if step % 20 == 0 {
                let favourite = (self.rng.random_range(2..6), 1 << (self.rng.random_range(0..4) / 2));
                self.favourite = self.rng.random::<bool>().then_some(favourite);
            }
            let what = match (self.rng.random_range(0..40), self.favourite) {
                (0..12, Some((num_pages, align))) => self.alloc(num_pages, align),
                (12..14, Some((num_pages, align))) => self.alloc_in(num_pages, align),
                (14..28, Some((num_pages, _))) => self.free_piece(num_pages),
                (what, _) => self.step(what),
            };
            what.and_then(|()| self.check()).map_err(|what| std::format!("step {step}: {what}"))?;
        }
        self.deflate(usize::MAX)?;
        self.check()
    }

    /// One of 40 steps.
    fn step(&mut self, what: u8) -> Outcome {
        let len = self.pages.len();
        match what {
            0 => self.random_range(len / 4).map_or(Ok(()), |range| self.add(range)),
            1 => self.random_range(len / 8).map_or(Ok(()), |range| self.remove(range)),
            2 => self.remove_free_run(),
            3 => self.alloc_at(),
            4..=9 => self.alloc(1, 1),
            10 => self.remove_section(),
            11 | 12 => self.free_wrongly(),
            13..=15 => self.alloc_random(),
            16..=18 => self.alloc_random_in(),
            19..=23 => self.alloc(512, 512),
            24 => self.inflate(),
            25 => self.deflate(3),
            26..=33 => self.free_some(),
            34 => self.free_most(),
            _ => self.free_part(),
        }
    }

    fn check(&self) -> Outcome {
        self.engine.validate()?;
        let count = |state| self.pages.iter().filter(|&&page| page == state).count();
        let (free, taken) = (count(Page::Free), count(Page::Taken));
        let stats = (self.engine.total_pages(), self.engine.used_pages(), self.engine.available_pages());
        ensure!(stats == (free + taken, taken, free), "statistics are {stats:?}, with {free} free, {taken} taken");
        let runs: Vec<Range<usize>> =
            self.engine.free_runs().into_iter().map(|run| self.range(run.base, run.num_pages)).collect();
        let expected = self.runs(|page| page == Page::Free);
        ensure!(runs == expected, "the free runs are {runs:?}, not {expected:?}");
        let longest = self.engine.largest_free_run();
        let most = expected.iter().map(Range::len).max().unwrap_or(0);
        ensure!(longest == most, "the longest free run is {most}, not {longest}");
        let (span, pages) = (self.engine.span(), self.span());
        let is_span = if pages.is_empty() { span.is_empty() } else { span == self.addresses(&pages) };
        ensure!(is_span, "the span is {span:x?}, not that of the pages {pages:?}");
        Ok(())
    }

    /// The pages from the first that is managed to the last.
    fn span(&self) -> Range<usize> {
        let managed = |&page: &Page| page != Page::Absent;
        match (self.pages.iter().position(managed), self.pages.iter().rposition(managed)) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        }
    }

    /// The runs of pages that match.
    fn runs(&self, matches: impl Fn(Page) -> bool) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for page in (0..self.pages.len()).filter(|&page| matches(self.pages[page])) {
            match runs.last_mut() {
                Some(last) if last.end == page => last.end += 1,
                _ => runs.push(page..page + 1),
            }
        }
        runs
    }

    fn random_range(&mut self, most: usize) -> Option<Range<usize>> {
        let start = self.rng.random_range(0..self.pages.len());
        let len = 1 << self.rng.random_range(0..=most.ilog2());
        let end = (start + self.rng.random_range(1..=len)).min(self.pages.len());
        (start < end).then_some(start..end)
    }

    fn address(&self, page: usize) -> usize {
        (self.options.pages.start + page) * A::PAGE_SIZE
    }

    /// The addresses of pages, both ends included.
    fn addresses(&self, pages: &Range<usize>) -> core::ops::RangeInclusive<usize> {
        self.address(pages.start)..=self.address(pages.end) - 1
    }

    /// The pages from an address on.
    fn range(&self, base: usize, num_pages: usize) -> Range<usize> {
        let first = (base / A::PAGE_SIZE).wrapping_sub(self.options.pages.start);
        first..first.wrapping_add(num_pages)
    }

    fn all(&self, pages: &Range<usize>, state: Page) -> bool {
        self.pages[pages.clone()].iter().all(|&page| page == state)
    }

    fn managed(&self, pages: &Range<usize>) -> bool {
        !self.pages[pages.clone()].contains(&Page::Absent)
    }

    fn is_empty(&self, section: &Section) -> bool {
        self.all(&section.window, Page::Absent)
    }

    /// What of a region the engine must manage: what lies in the window of a section, and what is left of the rest behind
    /// its metadata. The second is the new section, if there must be one.
    fn expect_added(&self, pages: &Range<usize>) -> Result<(Range<usize>, Option<Section>), AllocError> {
        let replaced = |section: &&Section| self.is_empty(section) && overlap(&section.own, pages);
        let kept = || self.sections.iter().filter(|section| !replaced(section));
        if !self.all(pages, Page::Absent) || kept().any(|section| overlap(&section.own, pages)) {
            return Err(AllocError::MemoryOverlap);
        }
        if self.options.metadata != Metadata::InRegions {
            return Ok((pages.clone(), None));
        }
        let around = kept().find(|section| section.window.contains(&pages.start));
        let split = around.map_or(pages.start, |section| section.window.end.min(pages.end));
        if split == pages.end {
            return Ok((pages.clone(), None));
        }
        let own = (A::metadata_words(pages.end - split) * 8).div_ceil(A::PAGE_SIZE);
        if own >= pages.end - split {
            return Err(AllocError::InvalidParam);
        }
        Ok((pages.start..split, Some(Section { own: split..split + own, window: split + own..pages.end })))
    }

    /// Whether there are so many ranges that the engine may refuse a further one.
    fn many_ranges(&self) -> bool {
        self.runs(|page| page != Page::Absent).len() >= 64
    }

    fn add(&mut self, pages: Range<usize>) -> Outcome {
        let (start, size) = (self.address(pages.start), pages.len() * A::PAGE_SIZE);
        let expected = self.expect_added(&pages);
        // SAFETY: the options promise that the pages can be handed over.
        let answer = unsafe { self.engine.add_memory(start, size) };
        if answer == Err(AllocError::NoMemory) && self.many_ranges() && expected.is_ok() {
            return Ok(());
        }
        let wanted = expected.as_ref().map(|_| ()).map_err(|&error| error);
        ensure!(answer == wanted, "adding {pages:?}: {answer:?}, not {wanted:?}");
        let Ok((returned, new)) = expected else { return Ok(()) };
        let mut sections = core::mem::take(&mut self.sections);
        if self.options.metadata == Metadata::InRegions {
            sections.retain(|section| !(self.is_empty(section) && overlap(&section.own, &pages)));
        }
        self.sections = sections;
        self.pages[returned].fill(Page::Free);
        if let Some(new) = new {
            self.pages[new.window.clone()].fill(Page::Free);
            self.sections.push(new);
        }
        self.balloon.retain(|page| !pages.contains(page));
        Ok(())
    }

    /// What removing pages must answer.
    fn expect_removed(&self, pages: &Range<usize>) -> Result<(), AllocError> {
        let own = |page: usize| self.sections.iter().find(|section| section.own.contains(&page));
        let mut in_use = false;
        for page in pages.clone() {
            match (self.pages[page], own(page)) {
                (Page::Free, _) => {}
                (Page::Taken, _) => in_use = true,
                (Page::Absent, None) => return Err(AllocError::InvalidParam),
                (Page::Absent, Some(section)) => {
                    let rest = (section.window.clone()).filter(|page| self.pages[*page] != Page::Absent);
                    let covered = pages.start <= section.own.start && section.own.end <= pages.end;
                    in_use |= !covered || rest.into_iter().any(|page| !pages.contains(&page));
                }
            }
        }
        if in_use { Err(AllocError::NoMemory) } else { Ok(()) }
    }

    fn remove(&mut self, pages: Range<usize>) -> Outcome {
        let expected = self.expect_removed(&pages);
        // SAFETY: removing harms nobody.
        let answer = unsafe { self.engine.remove_memory(self.address(pages.start), pages.len() * A::PAGE_SIZE) };
        if answer == Err(AllocError::NoMemory) && self.many_ranges() && expected.is_ok() {
            return Ok(());
        }
        ensure!(answer == expected, "removing {pages:?}: {answer:?}, not {expected:?}");
        if answer.is_ok() {
            for page in [pages.start, pages.end - 1] {
                let back = self.engine.dealloc_pages(self.address(page), 1);
                ensure!(back == Err(AllocError::NotAllocated), "giving back {page}, which was removed: {back:?}");
            }
            self.sections.retain(|section| !overlap(&section.own, &pages));
            self.pages[pages].fill(Page::Absent);
        }
        Ok(())
    }

    fn remove_free_run(&mut self) -> Outcome {
        let runs = self.runs(|page| page == Page::Free);
        let Some(run) = runs.choose(&mut self.rng) else { return Ok(()) };
        let end = run.end.min(run.start + self.pages.len() / 8);
        let free = self.pages.iter().filter(|&&page| page == Page::Free).count();
        if free < self.pages.len() / 3 { Ok(()) } else { self.remove(run.start..end) }
    }

    /// Removes a region with its metadata, as it came.
    fn remove_section(&mut self) -> Outcome {
        let Some(section) = self.sections.choose(&mut self.rng).cloned() else { return Ok(()) };
        for (first, num_pages) in self.live.clone() {
            if section.window.contains(&first) {
                self.live.remove(&first);
                self.free(first..first + num_pages)?;
            }
        }
        self.remove(section.own.start..section.window.end)
    }

    /// Takes pages of a free run out, one by one.
    fn inflate(&mut self) -> Outcome {
        let runs = self.runs(|page| page == Page::Free);
        let Some(run) = runs.choose(&mut self.rng) else { return Ok(()) };
        let mut pages: Vec<usize> = run.clone().take(40).collect();
        pages.shuffle(&mut self.rng);
        for page in pages {
            self.remove(page..page + 1)?;
            if self.pages[page] == Page::Absent {
                self.balloon.push(page);
            }
        }
        Ok(())
    }

    /// Gives pages of the balloon back, in some portions.
    fn deflate(&mut self, portions: usize) -> Outcome {
        self.balloon.shuffle(&mut self.rng);
        for _ in 0..portions {
            let Some(&first) = self.balloon.last() else { break };
            let most = self.rng.random_range(1..9);
            let len = (first..first + most).take_while(|page| self.balloon.contains(page)).count();
            let before = self.balloon.len();
            self.add(first..first + len)?;
            if self.balloon.len() == before {
                // Its region is gone, or there are too many ranges.
                self.balloon.pop();
            }
        }
        Ok(())
    }

    /// The lowest run that fits within a range, by looking at every page.
    fn lowest(&self, within: &Range<usize>, num_pages: usize, align: usize) -> Option<usize> {
        let fits = |run: Range<usize>| {
            let start = run.start.max(within.start);
            let first = (self.options.pages.start + start).next_multiple_of(align) - self.options.pages.start;
            (first + num_pages <= run.end.min(within.end)).then_some(first)
        };
        self.runs(|page| page == Page::Free).into_iter().find_map(fits)
    }

    /// The lowest free block that serves a request within a range.
    fn block(&self, within: &Range<usize>, num_pages: usize, align: usize) -> Option<usize> {
        let rounded = num_pages.next_power_of_two();
        let first = self.lowest(&(within.start..self.pages.len()), rounded, align.max(rounded))?;
        (first + num_pages <= within.end).then_some(first)
    }

    fn random_request(&mut self) -> (usize, usize) {
        let most = 1_usize << self.rng.random_range(0..12);
        let num_pages = self.rng.random_range(1..=most);
        let align = match self.rng.random_range(0..4) {
            0 => 1 << self.rng.random_range(0..12),
            1 => num_pages.next_power_of_two(),
            _ => 1,
        };
        (num_pages, align)
    }

    fn alloc_random(&mut self) -> Outcome {
        let (num_pages, align) = self.random_request();
        self.alloc(num_pages, align)
    }

    fn alloc_random_in(&mut self) -> Outcome {
        let (num_pages, align) = self.random_request();
        self.alloc_in(num_pages, align)
    }

    fn alloc(&mut self, num_pages: usize, align: usize) -> Outcome {
        let answer = self.engine.alloc_pages(num_pages, align * A::PAGE_SIZE);
        let any_page = (num_pages, align) == (1, 1);
        self.allocated(answer, &(0..self.pages.len()), num_pages, align, any_page)
    }

    fn alloc_in(&mut self, num_pages: usize, align: usize) -> Outcome {
        let Some(within) = self.random_range(self.pages.len()) else { return Ok(()) };
        // Sometimes with parts of pages, or all that lies above.
        let (mut first, mut last) = self.addresses(&within).into_inner();
        match self.rng.random_range(0..8) {
            0 => first = first.saturating_sub(self.rng.random_range(0..A::PAGE_SIZE)),
            1 => last += self.rng.random_range(0..A::PAGE_SIZE),
            _ => {}
        }
        let span = self.span();
        let any_page = (num_pages, align) == (1, 1) && within.start <= span.start && span.end <= within.end;
        let answer = self.engine.alloc_pages_in(first..=last, num_pages, align * A::PAGE_SIZE);
        self.allocated(answer, &within, num_pages, align, any_page)
    }

    /// Checks what a request within a range was answered.
    fn allocated(
        &mut self,
        answer: Result<usize, AllocError>,
        within: &Range<usize>,
        num_pages: usize,
        align: usize,
        any_page: bool,
    ) -> Outcome {
        let lowest = self.lowest(within, num_pages, align);
        let asked = std::format!("{num_pages} pages at {align} pages within {within:?}");
        match answer {
            Ok(address) => {
                let run = self.range(address, num_pages);
                let inside = within.start <= run.start && run.end <= within.end;
                ensure!(inside && address.is_multiple_of(align * A::PAGE_SIZE), "{asked}: {run:?}");
                ensure!(self.all(&run, Page::Free), "{asked}: {run:?}, not all of them free");
                let must_be_lowest = self.options.run == NativeRun::FirstFit && !any_page;
                ensure!(!must_be_lowest || Some(run.start) == lowest, "{asked}: {run:?}, not the lowest, {lowest:?}");
                self.pages[run.clone()].fill(Page::Taken);
                self.live.insert(run.start, num_pages);
            }
            Err(error) => {
                let there = match self.options.run {
                    NativeRun::FirstFit => lowest,
                    NativeRun::Block => self.block(within, num_pages, align),
                };
                ensure!(error == AllocError::NoMemory && there.is_none(), "{asked}: {error:?}, {there:?}");
            }
        }
        Ok(())
    }

    fn alloc_at(&mut self) -> Outcome {
        let Some(pages) = self.random_range(64) else { return Ok(()) };
        let answer = self.engine.alloc_pages_at(self.address(pages.start), pages.len(), A::PAGE_SIZE);
        let expected = if !self.managed(&pages) {
            Err(AllocError::InvalidParam)
        } else if self.all(&pages, Page::Free) {
            Ok(self.address(pages.start))
        } else {
            Err(AllocError::NoMemory)
        };
        ensure!(answer == expected, "alloc_pages_at {pages:?}: {answer:?}, not {expected:?}");
        if answer.is_ok() {
            self.pages[pages.clone()].fill(Page::Taken);
            self.live.insert(pages.start, pages.len());
        }
        Ok(())
    }

    fn free(&mut self, pages: Range<usize>) -> Outcome {
        let answer = self.engine.dealloc_pages(self.address(pages.start), pages.len());
        ensure!(answer == Ok(()), "giving back {pages:?}: {answer:?}");
        self.pages[pages.clone()].fill(Page::Free);
        let again = self.engine.dealloc_pages(self.address(pages.start), 1);
        ensure!(again == Err(AllocError::NotAllocated), "giving back {} twice: {again:?}", pages.start);
        Ok(())
    }

    fn pick(&mut self) -> Option<Range<usize>> {
        let from = self.rng.random_range(0..self.pages.len());
        let (&start, &len) = self.live.range(from..).next().or_else(|| self.live.iter().next())?;
        self.live.remove(&start);
        Some(start..start + len)
    }

    fn free_some(&mut self) -> Outcome {
        for _ in 0..self.rng.random_range(1..=3) {
            let Some(pages) = self.pick() else { break };
            self.free(pages)?;
        }
        Ok(())
    }

    /// Gives back so many pages out of the first live run from a random page on that has them, mostly all of it.
    fn free_piece(&mut self, num_pages: usize) -> Outcome {
        let from = self.rng.random_range(0..self.pages.len());
        let most = if self.rng.random_ratio(1, 4) { usize::MAX } else { num_pages };
        let fits = |run: &(&usize, &usize)| (num_pages..=most).contains(run.1);
        let found = self.live.range(from..).find(fits).or_else(|| self.live.iter().find(fits));
        let Some((&start, &len)) = found else { return Ok(()) };
        let first = self.rng.random_range(start..=start + len - num_pages);
        self.live.remove(&start);
        self.keep([start..first, first + num_pages..start + len]);
        self.free(first..first + num_pages)
    }

    /// Notes what is left of a live run.
    fn keep(&mut self, rests: [Range<usize>; 2]) {
        self.live.extend(rests.into_iter().filter(|rest| !rest.is_empty()).map(|rest| (rest.start, rest.len())));
    }

    /// Gives back pages of which at least one is free, not managed, or metadata: nothing may change.
    fn free_wrongly(&mut self) -> Outcome {
        let Some(pages) = self.random_range(64).filter(|pages| !self.all(pages, Page::Taken)) else { return Ok(()) };
        let answer = self.engine.dealloc_pages(self.address(pages.start), pages.len());
        ensure!(answer == Err(AllocError::NotAllocated), "giving back {pages:?}, not all of them live: {answer:?}");
        Ok(())
    }

    fn free_most(&mut self) -> Outcome {
        for _ in 0..self.live.len() * 3 / 4 {
            let Some(pages) = self.pick() else { break };
            self.free(pages)?;
        }
        Ok(())
    }

    fn free_part(&mut self) -> Outcome {
        let Some(pages) = self.pick() else { return Ok(()) };
        let middle = self.rng.random_range(pages.clone());
        self.keep([pages.start..middle, middle + 1..pages.end]);
        self.free(middle..middle + 1)
    }
}
