//! A random program for the native page engines: the traits' methods and what these engines have beside, at sizes where
//! their trees have levels, against a flag for each page.

use core::ops::Range;
use std::collections::BTreeMap;
use std::string::String;
use std::vec;
use std::vec::Vec;

use fastrand::Rng;

use allocator_conformance::{Config, seed};
use allocator_core::{AllocError, AllocResult, PageAllocator};
use allocator_pages::Run;

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

/// The tests of a native page engine, in a module of the given name: `$engine<'m, PAGE_SIZE>` is the engine, and the
/// [`NativeRun`](crate::native::NativeRun) says which run of several pages it must take.
macro_rules! native_page_conformance {
    ($name:ident, $engine:ident, $run:expr) => {
        #[cfg(test)]
        mod $name {
            use super::$engine;
            use allocator_core::{AllocError, AllocResult, BaseAllocator, PageAllocator};
            use allocator_pages::Run;
            use $crate::native::{NativeOptions, NativePages, NativeRun, native_program};

            const PAGE: usize = 4096;

            type Frames<'m> = $engine<'m, PAGE>;

            /// The engine, for the suite.
            struct Native<'m>(Frames<'m>);

            impl BaseAllocator for Native<'_> {
                unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
                    // SAFETY: passed on from the caller.
                    unsafe { self.0.init(start, size) }
                }

                unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
                    // SAFETY: passed on from the caller.
                    unsafe { self.0.add_memory(start, size) }
                }
            }

            // SAFETY: the methods of the engine.
            unsafe impl PageAllocator for Native<'_> {
                const PAGE_SIZE: usize = PAGE;

                fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
                    self.0.alloc_pages(num_pages, align_pow2)
                }

                fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
                    self.0.alloc_pages_at(base, num_pages, align_pow2)
                }

                fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
                    self.0.dealloc_pages(pos, num_pages)
                }

                fn total_pages(&self) -> usize {
                    self.0.total_pages()
                }

                fn used_pages(&self) -> usize {
                    self.0.used_pages()
                }

                fn available_pages(&self) -> usize {
                    self.0.available_pages()
                }
            }

            impl NativePages for Native<'_> {
                unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult {
                    // SAFETY: passed on from the caller.
                    unsafe { self.0.remove_memory(start, size) }
                }

                fn free_runs(&self) -> Vec<Run> {
                    self.0.free_runs().collect()
                }

                fn largest_free_run(&self) -> usize {
                    self.0.largest_free_run()
                }

                fn validate(&self) -> Result<(), &'static str> {
                    self.0.validate()
                }
            }

            fn options(first: usize, pages: usize) -> NativeOptions {
                let steps = allocator_conformance::steps(if cfg!(miri) { 10 } else { 500 });
                NativeOptions { pages: first..first + pages, metadata_in_regions: false, run: $run, steps }
            }

            #[test]
            fn windows_of_all_sizes_wherever_they_start() {
                // Aligned to every node of the trees; the pages below lie in the other half of the highest one.
                const HIGH: usize = usize::MAX / PAGE / 8 + 1;
                let windows: &[(usize, usize)] = if cfg!(miri) {
                    &[(511, 600), (HIGH - 515, 530)]
                } else {
                    &[(0, 5000), (511, 1200), (8 * 512 - 1, 9000), (HIGH - 515, 3000), (HIGH, 40_000), (77, 20_000)]
                };
                for &(first, pages) in windows {
                    let mut words = vec![0xdead_beef_dead_beef; Frames::metadata_words(pages)];
                    let engine = Native(Frames::with_metadata(&mut words));
                    native_program(engine, &options(first, pages)).unwrap();
                }
            }

            #[test]
            fn metadata_in_the_regions() {
                let pages = if cfg!(miri) { 80 } else { 6000 };
                let mut memory = vec![0u64; (pages + 1) * PAGE / 8];
                let first = memory.as_mut_ptr().expose_provenance().div_ceil(PAGE);
                let options = NativeOptions { metadata_in_regions: true, ..options(first, pages) };
                native_program(Native(Frames::new()), &options).unwrap();
            }

            #[test]
            fn words_for_so_many_pages_suffice_wherever_they_lie_and_fewer_do_not() {
                let step = if cfg!(miri) { 3 } else { 1 };
                for pages in [1, 513, 5000, 63, 512, 1 << 16].into_iter().step_by(step) {
                    let needed = Frames::metadata_words(pages);
                    for first in
                        [0, 1, 511, 513, 4095, 8 * 512 - 1, 64 * 512 - 1, (1 << 19) - 1].into_iter().step_by(step)
                    {
                        let mut words = vec![u64::MAX; needed];
                        let mut frames = Frames::with_metadata(&mut words);
                        // SAFETY: page frames are numbers here.
                        unsafe { frames.init(first * PAGE, pages * PAGE).unwrap() };
                        assert_eq!((frames.total_pages(), frames.largest_free_run()), (pages, pages));
                        frames.validate().unwrap();
                    }
                    let mut words = vec![u64::MAX; Frames::metadata_words(pages) / 2];
                    let mut frames = Frames::with_metadata(&mut words);
                    // SAFETY: as above.
                    let refused = unsafe { frames.init(511 * PAGE, 2 * pages * PAGE) };
                    assert_eq!(refused, Err(AllocError::InvalidParam), "{pages}");
                    assert_eq!((frames.total_pages(), frames.alloc_pages(1, PAGE)), (0, Err(AllocError::NoMemory)));
                }
            }

            #[test]
            fn more_extents_than_can_be_told_apart_are_refused() {
                let mut words = vec![0; Frames::metadata_words(400)];
                let mut frames = Frames::with_metadata(&mut words);
                // SAFETY: page frames are numbers here.
                let mut add = |page: usize| unsafe { frames.add_memory(page * PAGE, PAGE) };
                for index in 0..64 {
                    assert_eq!(add(2 * index), Ok(()), "{index}");
                }
                assert_eq!(add(200), Err(AllocError::NoMemory));
                assert_eq!(add(1), Ok(()), "joins two");
                assert_eq!(add(200), Ok(()));
                assert_eq!(add(202), Err(AllocError::NoMemory));
                frames.validate().unwrap();
                assert_eq!(frames.total_pages(), 66);
                // SAFETY: as above.
                unsafe {
                    assert_eq!(frames.remove_memory(PAGE, PAGE), Err(AllocError::NoMemory), "would part two");
                    assert_eq!(frames.remove_memory(200 * PAGE, PAGE), Ok(()));
                    assert_eq!(frames.remove_memory(PAGE, PAGE), Ok(()));
                }
                frames.validate().unwrap();
            }

            #[test]
            fn what_was_all_taken_out_can_be_given_anew() {
                let mut words = vec![0; Frames::metadata_words(1000)];
                let mut frames = Frames::with_metadata(&mut words);
                for first in [100_000, 5, 511] {
                    // SAFETY: page frames are numbers here.
                    unsafe {
                        frames.init(first * PAGE, 1000 * PAGE).unwrap();
                        assert_eq!(frames.init(0, PAGE), Err(AllocError::InvalidParam));
                        let page = frames.alloc_pages(1, PAGE).unwrap();
                        assert_eq!(frames.remove_memory(first * PAGE, 1000 * PAGE), Err(AllocError::NoMemory));
                        frames.dealloc_pages(page, 1).unwrap();
                        assert_eq!(frames.remove_memory(first * PAGE + 1, PAGE), Err(AllocError::InvalidParam));
                        assert_eq!(frames.remove_memory(first * PAGE, 1001 * PAGE), Err(AllocError::InvalidParam));
                        assert_eq!(frames.remove_memory(first * PAGE, 1000 * PAGE), Ok(()));
                    }
                    assert_eq!((frames.total_pages(), frames.alloc_pages(1, PAGE)), (0, Err(AllocError::NoMemory)));
                    frames.validate().unwrap();
                }
            }
        }
    };
}

/// A page engine that can give memory back and look at itself.
pub(crate) trait NativePages: PageAllocator {
    /// Takes wholly free pages out.
    ///
    /// # Safety
    ///
    /// As for the engine's method.
    unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult;

    /// The free runs, by address.
    fn free_runs(&self) -> Vec<Run>;

    /// The length of the longest of them in pages.
    fn largest_free_run(&self) -> usize;

    /// Recounts everything.
    fn validate(&self) -> Result<(), &'static str>;
}

/// What is asked of the engine.
#[derive(Clone, Debug)]
pub(crate) struct NativeOptions {
    /// The pages that regions lie in. Where the engine keeps its metadata in its regions, they must be memory.
    pub pages: Range<usize>,
    /// Whether the engine keeps its metadata in its regions.
    pub metadata_in_regions: bool,
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

struct Model<'a, A> {
    engine: A,
    options: &'a NativeOptions,
    rng: Rng,
    /// The pages of `options.pages`.
    pages: Vec<Page>,
    /// What was handed out, by its first page: that and the length.
    live: BTreeMap<usize, usize>,
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
    let pages = vec![Page::Absent; options.pages.len()];
    let mut model = Model { engine, options, rng: Rng::with_seed(seed), pages, live: BTreeMap::new(), favourite: None };
    model.run().map_err(|what| std::format!("{}={seed}: {what}", Config::SEED_VARIABLE))
}

impl<A: NativePages> Model<'_, A> {
    fn run(&mut self) -> Outcome {
        let len = self.pages.len();
        // The window of an engine starts with its first region.
        self.add(0..len / 3)?;
        for step in 0..self.options.steps {
            if step % 20 == 0 {
                let favourite = (self.rng.usize(2..6), 1 << (self.rng.u32(0..4) / 2));
                self.favourite = self.rng.bool().then_some(favourite);
            }
            let what = match (self.rng.u8(0..40), self.favourite) {
                (0..14, Some((num_pages, align))) => self.alloc(num_pages, align),
                (14..28, Some((num_pages, _))) => self.free_piece(num_pages),
                (what, _) => self.step(what),
            };
            what.and_then(|()| self.check()).map_err(|what| std::format!("step {step}: {what}"))?;
        }
        Ok(())
    }

    /// One of 40 steps.
    fn step(&mut self, what: u8) -> Outcome {
        let len = self.pages.len();
        match what {
            0 => self.random_range(len / 4).map_or(Ok(()), |range| self.add(range)),
            1 => self.random_range(len / 8).map_or(Ok(()), |range| self.remove(range)),
            2 => self.remove_free_run(),
            3 => self.alloc_at(),
            4..=10 => self.alloc(1, 1),
            11 | 12 => self.free_wrongly(),
            13..=18 => self.alloc_random(),
            19..=24 => self.alloc(512, 512),
            25..=33 => self.free_some(),
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
        let mut runs: Vec<Range<usize>> = Vec::new();
        for run in self.engine.free_runs() {
            let start = run.base / A::PAGE_SIZE - self.options.pages.start;
            match runs.last_mut() {
                Some(last) if last.end == start => last.end += run.num_pages,
                _ => runs.push(start..start + run.num_pages),
            }
        }
        let expected = self.free_runs();
        ensure!(runs == expected, "the free runs are {runs:?}, not {expected:?}");
        let longest = self.engine.largest_free_run();
        let most = expected.iter().map(Range::len).max().unwrap_or(0);
        let least = if self.options.metadata_in_regions { longest } else { most };
        ensure!(longest <= most && longest >= least, "the longest free run is {most}, not {longest}");
        Ok(())
    }

    fn free_runs(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for page in (0..self.pages.len()).filter(|&page| self.pages[page] == Page::Free) {
            match runs.last_mut() {
                Some(last) if last.end == page => last.end += 1,
                _ => runs.push(page..page + 1),
            }
        }
        runs
    }

    fn random_range(&mut self, most: usize) -> Option<Range<usize>> {
        let start = self.rng.usize(0..self.pages.len());
        let len = 1 << self.rng.u32(0..=most.ilog2());
        let end = (start + self.rng.usize(1..=len)).min(self.pages.len());
        (start < end).then_some(start..end)
    }

    fn address(&self, page: usize) -> usize {
        (self.options.pages.start + page) * A::PAGE_SIZE
    }

    fn all(&self, pages: &Range<usize>, state: Page) -> bool {
        self.pages[pages.clone()].iter().all(|&page| page == state)
    }

    fn add(&mut self, pages: Range<usize>) -> Outcome {
        let (start, size) = (self.address(pages.start), pages.len() * A::PAGE_SIZE);
        let before = self.engine.total_pages();
        // SAFETY: the options promise that the pages can be handed over.
        let answer = unsafe { self.engine.add_memory(start, size) };
        let gained = self.engine.total_pages() - before;
        if !self.all(&pages, Page::Absent) {
            ensure!(answer == Err(AllocError::MemoryOverlap), "adding {pages:?}: {answer:?}, though they overlap");
            return Ok(());
        }
        match answer {
            Ok(()) => {
                ensure!(gained == pages.len() || self.options.metadata_in_regions && gained < pages.len(), "{gained}");
                self.pages[pages.end - gained..pages.end].fill(Page::Free);
                // The metadata are the engine's: as taken as can be, but for the count.
            }
            Err(error) => {
                let may = error == AllocError::NoMemory
                    || error == AllocError::MemoryOverlap && self.options.metadata_in_regions
                    || error == AllocError::InvalidParam && self.options.metadata_in_regions;
                ensure!(may && gained == 0, "adding {pages:?}: {error:?}");
            }
        }
        Ok(())
    }

    fn remove(&mut self, pages: Range<usize>) -> Outcome {
        // SAFETY: removing harms nobody.
        let answer = unsafe { self.engine.remove_memory(self.address(pages.start), pages.len() * A::PAGE_SIZE) };
        let managed = self.pages[pages.clone()].iter().all(|&page| page != Page::Absent);
        let in_one = !self.options.metadata_in_regions;
        match answer {
            Ok(()) => {
                ensure!(self.all(&pages, Page::Free), "{pages:?} were removed, and are not all free");
                for page in [pages.start, pages.end - 1] {
                    let back = self.engine.dealloc_pages(self.address(page), 1);
                    ensure!(back == Err(AllocError::NotAllocated), "giving back {page}, which was removed: {back:?}");
                }
                self.pages[pages].fill(Page::Absent);
            }
            Err(AllocError::InvalidParam) => ensure!(!managed || !in_one, "removing {pages:?}, managed: InvalidParam"),
            Err(AllocError::NoMemory) => ensure!(managed, "removing {pages:?}, not managed: NoMemory"),
            Err(error) => return Err(std::format!("removing {pages:?}: {error:?}")),
        }
        Ok(())
    }

    fn remove_free_run(&mut self) -> Outcome {
        let runs = self.free_runs();
        let Some(run) = self.rng.choice(runs) else { return Ok(()) };
        let end = run.end.min(run.start + self.pages.len() / 8);
        let free = self.pages.iter().filter(|&&page| page == Page::Free).count();
        if self.options.metadata_in_regions || free < self.pages.len() / 3 {
            return Ok(());
        }
        self.remove(run.start..end)?;
        ensure!(self.all(&(run.start..end), Page::Absent) || self.free_runs().len() > 32, "a free run stayed");
        Ok(())
    }

    /// The lowest run that fits, by looking at every page.
    fn lowest(&self, num_pages: usize, align: usize) -> Option<usize> {
        let fits = |run: Range<usize>| {
            let first = (self.options.pages.start + run.start).next_multiple_of(align) - self.options.pages.start;
            (first + num_pages <= run.end).then_some(first)
        };
        self.free_runs().into_iter().find_map(fits)
    }

    fn alloc_random(&mut self) -> Outcome {
        let most = 1 << self.rng.u32(0..12);
        let num_pages = self.rng.usize(1..=most);
        let align = match self.rng.u8(0..4) {
            0 => 1 << self.rng.u32(0..12),
            1 => num_pages.next_power_of_two(),
            _ => 1,
        };
        self.alloc(num_pages, align)
    }

    fn alloc(&mut self, num_pages: usize, align: usize) -> Outcome {
        let lowest = self.lowest(num_pages, align);
        let answer = self.engine.alloc_pages(num_pages, align * A::PAGE_SIZE);
        let asked = std::format!("alloc_pages({num_pages}, {align} pages)");
        match answer {
            Ok(address) => {
                let page = (address / A::PAGE_SIZE).wrapping_sub(self.options.pages.start);
                let inside = address.is_multiple_of(align * A::PAGE_SIZE) && page + num_pages <= self.pages.len();
                ensure!(inside && self.all(&(page..page + num_pages), Page::Free), "{asked}: page {page}");
                let first_fit = self.options.run == NativeRun::FirstFit && !self.options.metadata_in_regions;
                let must_be_lowest = first_fit && (num_pages, align) != (1, 1);
                ensure!(!must_be_lowest || Some(page) == lowest, "{asked}: {page}, not the lowest, {lowest:?}");
                self.pages[page..page + num_pages].fill(Page::Taken);
                self.live.insert(page, num_pages);
            }
            Err(error) => {
                let rounded = num_pages.next_power_of_two();
                let block = self.lowest(rounded, align.max(rounded));
                let there = if self.options.run == NativeRun::FirstFit { lowest } else { block };
                let apart = self.options.metadata_in_regions && num_pages > 1;
                ensure!(error == AllocError::NoMemory && (there.is_none() || apart), "{asked}: {error:?}, {there:?}");
            }
        }
        Ok(())
    }

    fn alloc_at(&mut self) -> Outcome {
        let Some(pages) = self.random_range(64) else { return Ok(()) };
        let answer = self.engine.alloc_pages_at(self.address(pages.start), pages.len(), A::PAGE_SIZE);
        let absent = self.pages[pages.clone()].contains(&Page::Absent);
        let expected = if absent {
            Err(AllocError::InvalidParam)
        } else if self.all(&pages, Page::Free) {
            Ok(self.address(pages.start))
        } else {
            Err(AllocError::NoMemory)
        };
        let apart = self.options.metadata_in_regions && answer == Err(AllocError::InvalidParam);
        ensure!(answer == expected || apart, "alloc_pages_at {pages:?}: {answer:?}, not {expected:?}");
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
        let from = self.rng.usize(0..self.pages.len());
        let (&start, &len) = self.live.range(from..).next().or_else(|| self.live.iter().next())?;
        self.live.remove(&start);
        Some(start..start + len)
    }

    fn free_some(&mut self) -> Outcome {
        for _ in 0..self.rng.usize(1..=3) {
            let Some(pages) = self.pick() else { break };
            self.free(pages)?;
        }
        Ok(())
    }

    /// Gives back so many pages out of the first live run from a random page on that has them, mostly all of it.
    fn free_piece(&mut self, num_pages: usize) -> Outcome {
        let from = self.rng.usize(0..self.pages.len());
        let most = if self.rng.u8(0..4) == 0 { usize::MAX } else { num_pages };
        let fits = |run: &(&usize, &usize)| (num_pages..=most).contains(run.1);
        let found = self.live.range(from..).find(fits).or_else(|| self.live.iter().find(fits));
        let Some((&start, &len)) = found else { return Ok(()) };
        let first = self.rng.usize(start..=start + len - num_pages);
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
        let middle = self.rng.usize(pages.clone());
        self.keep([pages.start..middle, middle + 1..pages.end]);
        self.free(middle..middle + 1)
    }
}
