//! The native page engines beside a model that knows the state of each page. No page is touched: they are numbers.

#![no_main]

use std::ops::Range;

use allocator::{AllocError, AllocResult, BuddyPageAllocator, PageAllocator, RadixPageAllocator};
use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;

const PAGE: usize = 4096;

/// The pages that there can be, enough for trees of several levels.
const PAGES: usize = 5000;

/// An engine has room for so many disjoint ranges of managed pages, whatever metadata it has.
const LEAST_RANGES: usize = 64;

#[derive(Arbitrary, Debug)]
struct Program {
    engine: Engine,
    place: Place,
    window: Window,
    /// The first region: from the lowest page on, or from a page at all where the window begins with the lowest.
    first: (Page, Count),
    /// Few, so that the engine has cached what is asked for.
    requests: [Request; 3],
    steps: Steps,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Engine {
    Radix,
    Buddy,
}

/// Where the window of an engine begins.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    WithTheFirstRegion,
    WithTheLowestPage,
}

/// Where the lowest page lies.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Place {
    AtTheBottom,
    Uneven,
    /// So that some of the pages lie in the other half of the highest node.
    AcrossNodes,
}

impl Place {
    fn first_page(self) -> usize {
        match self {
            Self::AtTheBottom => 0,
            Self::Uneven => 511,
            Self::AcrossNodes => usize::MAX / PAGE / 8 - 700,
        }
    }
}

/// Some pages at an alignment.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Request(Count, Align);

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Init(Pages),
    AddMemory(Pages),
    RemoveMemory(Pages),
    /// The free run at or above a page, or the lowest; at most so much of it.
    RemoveFree(Page, Count),
    /// One of the requests, up to 32 times.
    Alloc(u8, u8),
    AllocAt(Pages, Align),
    /// One of the requests, within the addresses of these pages.
    AllocIn(Pages, u8),
    /// Whatever state the pages are in.
    Dealloc(Pages),
    /// The pages in use at or above a page, or the lowest; at most as many as one of the requests is for.
    DeallocTaken(Page, u8),
    /// One of the requests, over and over: taken, or given back as by the step before.
    Churn(u8, [Option<Page>; 8]),
    /// All that is in use, but for one page of so many.
    DeallocMost(u8),
}

/// As many steps as there are bytes for; a vector alone would end after two, on average.
#[derive(Debug)]
struct Steps(Vec<Step>);

impl<'a> Arbitrary<'a> for Steps {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let mut steps = Vec::new();
        while !bytes.is_empty() {
            steps.push(bytes.arbitrary()?);
        }
        Ok(Self(steps))
    }
}

/// Pages by the first, and how many; and by how many bytes their address is off.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Pages(Page, Count, Skew);

/// A page: mostly a low one, as most that are in use are.
#[derive(Clone, Copy, Debug)]
struct Page(usize);

impl<'a> Arbitrary<'a> for Page {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let most = [31, 127, 511, PAGES - 1][bytes.int_in_range(0..=3)?];
        bytes.int_in_range(0..=most).map(Self)
    }
}

/// A number of pages: about as many of each magnitude, a few absurd.
#[derive(Clone, Copy, Debug)]
struct Count(usize);

impl<'a> Arbitrary<'a> for Count {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let count = match bytes.int_in_range(0..=31_u32)? {
            magnitude @ 0..=15 => bytes.int_in_range(0..=(2 << (magnitude % 13)) - 1)?,
            power @ 16..=29 => 1 << (power - 16),
            30 => 0,
            _ => usize::arbitrary(bytes)?,
        };
        Ok(Self(count))
    }
}

/// An alignment in bytes: mostly a page.
#[derive(Clone, Copy, Debug)]
struct Align(usize);

impl<'a> Arbitrary<'a> for Align {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let align = match bytes.int_in_range(0..=31_u32)? {
            0..=15 => PAGE,
            power @ 16..=29 => PAGE << (power - 16),
            30 => 1 << bytes.int_in_range(0..=usize::BITS - 1)?,
            _ => usize::arbitrary(bytes)?,
        };
        Ok(Self(align))
    }
}

#[derive(Clone, Copy, Debug)]
struct Skew(usize);

impl<'a> Arbitrary<'a> for Skew {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let skew = if bytes.ratio(1, 16)? { bytes.int_in_range(1..=PAGE - 1)? } else { 0 };
        Ok(Self(skew))
    }
}

/// What the engines have beside the methods of the trait.
trait Native<'m>: PageAllocator {
    /// Whether a run is the lowest that fits, or any in a free block of the next power of two.
    const LOWEST: bool;

    fn with_metadata(words: &'m mut [u64]) -> Self;
    fn with_window(words: &'m mut [u64], base: usize) -> Self;
    fn metadata_words(num_pages: usize) -> usize;

    unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult;
    /// The free runs by their first page, as numbers of pages from the lowest address.
    fn free_runs(&self) -> impl Iterator<Item = Range<usize>>;
    fn largest_free_run(&self) -> usize;
    fn validate(&self) -> Result<(), &'static str>;
}

macro_rules! native {
    ($engine:ident, $lowest:literal) => {
        impl<'m> Native<'m> for $engine<'m, PAGE> {
            const LOWEST: bool = $lowest;

            fn with_metadata(words: &'m mut [u64]) -> Self {
                Self::with_metadata(words)
            }

            fn with_window(words: &'m mut [u64], base: usize) -> Self {
                Self::with_window(words, base)
            }

            fn metadata_words(num_pages: usize) -> usize {
                Self::metadata_words(num_pages)
            }

            unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult {
                // SAFETY: passed on from the caller.
                unsafe { self.remove_memory(start, size) }
            }

            fn free_runs(&self) -> impl Iterator<Item = Range<usize>> {
                self.free_runs().map(|run| run.base / PAGE..run.base / PAGE + run.num_pages)
            }

            fn largest_free_run(&self) -> usize {
                self.largest_free_run()
            }

            fn validate(&self) -> Result<(), &'static str> {
                self.validate()
            }
        }
    };
}

native!(RadixPageAllocator, true);
native!(BuddyPageAllocator, false);

/// The state of a page: a byte, so that many are compared at once.
type State = u8;
const ABSENT: State = 0;
const FREE: State = 1;
const TAKEN: State = 2;

struct Model<A> {
    engine: A,
    lowest_page: usize,
    /// Whether the window begins with the first region; and the page that it does begin with, once it is known.
    moves: bool,
    window: Option<usize>,
    pages: Vec<State>,
}

impl<'m, A: Native<'m>> Model<A> {
    fn run(words: &'m mut Vec<u64>, program: &Program) {
        words.resize(A::metadata_words(PAGES), 0xdead_beef_dead_beef);
        let lowest_page = program.place.first_page();
        let moves = program.window == Window::WithTheFirstRegion;
        let engine = if moves { A::with_metadata(words) } else { A::with_window(words, lowest_page * PAGE) };
        let window = if moves { None } else { Some(0) };
        let mut model = Self { engine, lowest_page, moves, window, pages: vec![ABSENT; PAGES] };
        model.check();
        let (Page(first), count) = program.first;
        model.add(Pages(Page(if moves { 0 } else { first }), count, Skew(0)), false);
        for &step in &program.steps.0 {
            model.step(step, &program.requests);
            model.check();
        }
    }

    fn step(&mut self, step: Step, requests: &[Request; 3]) {
        let request = |which: u8| requests[usize::from(which) % requests.len()];
        match step {
            Step::Init(pages) => self.add(pages, true),
            Step::AddMemory(pages) => self.add(pages, false),
            Step::RemoveMemory(pages) => self.remove(pages),
            Step::RemoveFree(Page(from), Count(most)) => {
                let run = self.next_run(FREE, from);
                self.remove(Pages(Page(run.start), Count(run.len().min(most)), Skew(0)));
            }
            Step::Alloc(which, more) => {
                let Request(Count(num_pages), Align(align)) = request(which);
                for _ in 0..=more % 32 {
                    if !self.alloc(num_pages, align) {
                        break;
                    }
                }
            }
            Step::AllocAt(pages, Align(align)) => self.alloc_at(pages, align),
            Step::AllocIn(pages, which) => self.alloc_in(pages, request(which)),
            Step::Dealloc(pages) => self.dealloc(pages),
            Step::DeallocTaken(page, which) => self.dealloc_taken(page, request(which)),
            Step::Churn(which, given_back) => {
                let Request(Count(num_pages), Align(align)) = request(which);
                for page in given_back {
                    match page {
                        Some(page) => self.dealloc_taken(page, request(which)),
                        None => {
                            self.alloc(num_pages, align);
                        }
                    }
                }
            }
            Step::DeallocMost(every) => {
                for page in (0..PAGES).filter(|page| page % (usize::from(every) + 1) != 0) {
                    if self.pages[page] == TAKEN {
                        self.dealloc(Pages(Page(page), Count(1), Skew(0)));
                    }
                }
            }
        }
    }

    /// The address and the size of pages. Those beyond the ones that there can be are as good as any others.
    fn region(&self, Pages(Page(first), Count(count), Skew(skew)): Pages) -> (usize, usize) {
        ((self.lowest_page + first) * PAGE + skew, count.saturating_mul(PAGE))
    }

    /// Where the pages end that have the state of this one, side by side.
    fn end_of_run(&self, page: usize) -> usize {
        let (state, from_here) = (self.pages[page], &self.pages[page..]);
        let whole = from_here.chunks_exact(64).take_while(|chunk| **chunk == [state; 64]).count() * 64;
        let rest = &from_here[whole..];
        page + whole + rest.iter().position(|&other| other != state).unwrap_or(rest.len())
    }

    /// Whether all of the pages have this state.
    fn all(&self, first: usize, count: usize, state: State) -> bool {
        let end = first.checked_add(count).filter(|&end| first < end && end <= PAGES);
        end.is_some_and(|end| self.pages[first] == state && self.end_of_run(first) >= end)
    }

    /// Whether all of the pages are managed.
    fn managed(&self, first: usize, count: usize) -> bool {
        let states = first.checked_add(count).and_then(|end| self.pages.get(first..end));
        states.is_some_and(|states| !states.contains(&ABSENT))
    }

    /// The runs of pages whose states are among these.
    fn runs(&self, states: &[State]) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut page = 0;
        while page < PAGES {
            let end = self.end_of_run(page);
            match runs.last_mut() {
                _ if !states.contains(&self.pages[page]) => {}
                Some(last) if last.end == page => last.end = end,
                _ => runs.push(page..end),
            }
            page = end;
        }
        runs
    }

    fn count(&self, state: State) -> usize {
        self.runs(&[state]).iter().map(Range::len).sum()
    }

    /// The pages of a state from the first one on that lies at `from` or above; where there is none, from the lowest.
    fn next_run(&self, state: State, from: usize) -> Range<usize> {
        let first = |from: usize| Some(from + self.pages[from..].iter().position(|&other| other == state)?);
        first(from).or_else(|| first(0)).map_or(0..0, |first| first..self.end_of_run(first))
    }

    /// Whether there are so many ranges of managed pages that the engine may refuse them.
    fn many_ranges(&self) -> bool {
        self.runs(&[FREE, TAKEN]).len() > LEAST_RANGES
    }

    /// The pages from the first that is managed to the last.
    fn span(&self) -> Range<usize> {
        let managed = |&state: &State| state != ABSENT;
        match (self.pages.iter().position(managed), self.pages.iter().rposition(managed)) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        }
    }

    fn check(&self) {
        assert_eq!(self.engine.validate(), Ok(()));
        let (free, taken) = (self.count(FREE), self.count(TAKEN));
        let stats = (self.engine.total_pages(), self.engine.used_pages(), self.engine.available_pages());
        assert_eq!(stats, (free + taken, taken, free), "total, used, available");
        let free_runs = self.runs(&[FREE]);
        let absolute = free_runs.iter().map(|run| self.lowest_page + run.start..self.lowest_page + run.end);
        assert!(self.engine.free_runs().eq(absolute), "the free runs are {free_runs:?}");
        let longest = free_runs.iter().map(Range::len).max().unwrap_or(0);
        assert_eq!(self.engine.largest_free_run(), longest, "the longest free run");
        let (pages, span) = (self.span(), self.engine.span());
        let from = (self.lowest_page + pages.start) * PAGE;
        let is_span = if pages.is_empty() { span.is_empty() } else { span == (from..=from + pages.len() * PAGE - 1) };
        assert!(is_span, "the span is {span:x?}");
    }

    fn add(&mut self, pages: Pages, init: bool) {
        let (start, size) = self.region(pages);
        // Pages beyond the model would be managed, and not known.
        let size = size.min((self.lowest_page + PAGES) * PAGE - start);
        let inside = start.div_ceil(PAGE) - self.lowest_page..(start + size) / PAGE - self.lowest_page;
        let touched = start / PAGE - self.lowest_page..(start + size).div_ceil(PAGE) - self.lowest_page;
        let empty = self.engine.total_pages() == 0;
        let before = self.pages.clone();
        let expected = if init && !empty || size == 0 || inside.is_empty() {
            Err(AllocError::InvalidParam)
        } else if !self.all(touched.start, touched.len(), ABSENT) {
            Err(AllocError::MemoryOverlap)
        } else if self.moves && !empty && self.window.is_some_and(|window| inside.start < window) {
            Err(AllocError::InvalidParam)
        } else {
            self.pages[inside.clone()].fill(FREE);
            Ok(())
        };
        // SAFETY: page frames are numbers here.
        let answer = unsafe { if init { self.engine.init(start, size) } else { self.engine.add_memory(start, size) } };
        let refused = expected.is_ok() && answer == Err(AllocError::NoMemory) && self.many_ranges();
        assert!(refused || answer == expected, "adding {pages:?}, init: {init}: {answer:?}, not {expected:?}");
        if answer.is_err() {
            self.pages = before;
        } else if self.moves && empty && (init || self.window.is_none_or(|window| inside.start < window)) {
            self.window = Some(inside.start);
        }
    }

    fn remove(&mut self, pages: Pages) {
        let (start, size) = self.region(pages);
        let before = self.pages.clone();
        let first = start.div_ceil(PAGE) - self.lowest_page;
        let end = start.checked_add(size).map_or(0, |end| (end / PAGE).saturating_sub(self.lowest_page));
        let count = end.saturating_sub(first);
        let expected = if count == 0 || !self.managed(first, count) {
            Err(AllocError::InvalidParam)
        } else if !self.all(first, count, FREE) {
            Err(AllocError::NoMemory)
        } else {
            self.pages[first..first + count].fill(ABSENT);
            Ok(())
        };
        // SAFETY: page frames are numbers here.
        let answer = unsafe { self.engine.remove_memory(start, size) };
        let refused = expected.is_ok() && answer == Err(AllocError::NoMemory) && self.many_ranges();
        assert!(refused || answer == expected, "removing {pages:?}: {answer:?}, not {expected:?}");
        if answer.is_err() {
            self.pages = before;
        }
    }

    /// The lowest free run of so many pages within a range, at an alignment in pages.
    fn lowest(&self, within: &Range<usize>, num_pages: usize, align: usize) -> Option<usize> {
        let fits = |run: Range<usize>| {
            let start = self.lowest_page + run.start.max(within.start);
            let first = start.checked_next_multiple_of(align)? - self.lowest_page;
            (first.checked_add(num_pages)? <= run.end.min(within.end)).then_some(first)
        };
        self.runs(&[FREE]).into_iter().find_map(fits)
    }

    /// The lowest free block of which the first pages serve a request within a range.
    fn block(&self, within: &Range<usize>, num_pages: usize, align: usize) -> Option<usize> {
        let block = num_pages.checked_next_power_of_two()?;
        let first = self.lowest(&(within.start..PAGES), block, block.max(align))?;
        (first + num_pages <= within.end).then_some(first)
    }

    /// Whether there was such a run.
    fn alloc(&mut self, num_pages: usize, align: usize) -> bool {
        let answer = self.engine.alloc_pages(num_pages, align);
        // A single page is any.
        let any = (num_pages, align) == (1, PAGE);
        self.allocated(answer, &(0..PAGES), num_pages, align, any)
    }

    fn alloc_in(&mut self, pages: Pages, Request(Count(num_pages), Align(align)): Request) {
        let (start, size) = self.region(pages);
        let within = start..=start.saturating_add(size).saturating_sub(1);
        if within.is_empty() {
            let answer = self.engine.alloc_pages_in(within, num_pages, align);
            return assert_eq!(answer, Err(AllocError::InvalidParam), "within nothing");
        }
        let to = within.end() / PAGE + usize::from(within.end() % PAGE == PAGE - 1);
        let inside = start.div_ceil(PAGE) - self.lowest_page..to.saturating_sub(self.lowest_page).min(PAGES);
        let span = self.span();
        let any = (num_pages, align) == (1, PAGE) && inside.start <= span.start && span.end <= inside.end;
        let answer = self.engine.alloc_pages_in(within, num_pages, align);
        self.allocated(answer, &inside, num_pages, align, any);
    }

    /// Checks what a request within a range was answered: with the lowest run, or with any.
    fn allocated(
        &mut self,
        answer: AllocResult<usize>,
        within: &Range<usize>,
        num_pages: usize,
        align: usize,
        any: bool,
    ) -> bool {
        let call = format!("{num_pages} pages at {align:#x} within {within:?}");
        if num_pages == 0 || !align.is_power_of_two() || align < PAGE {
            assert_eq!(answer, Err(AllocError::InvalidParam), "{call}");
            return false;
        }
        let lowest = self.lowest(within, num_pages, align / PAGE);
        let Ok(address) = answer else {
            assert_eq!(answer, Err(AllocError::NoMemory), "{call}");
            let found = if A::LOWEST { lowest } else { self.block(within, num_pages, align / PAGE) };
            assert_eq!(found, None, "{call}: NoMemory, and these pages are free");
            return false;
        };
        let page = (address / PAGE).wrapping_sub(self.lowest_page);
        assert!(address.is_multiple_of(align) && self.all(page, num_pages, FREE), "{call}: page {page}");
        assert!(within.start <= page && page + num_pages <= within.end, "{call}: page {page}");
        assert!(any || !A::LOWEST || Some(page) == lowest, "{call}: page {page}, where {lowest:?} is the lowest");
        self.pages[page..page + num_pages].fill(TAKEN);
        true
    }

    fn alloc_at(&mut self, pages: Pages, align: usize) {
        let Pages(Page(first), Count(count), Skew(skew)) = pages;
        let (base, _) = self.region(pages);
        let right = count > 0 && align.is_power_of_two() && align >= PAGE && base.is_multiple_of(align) && skew == 0;
        let expected = if !right || !self.managed(first, count) {
            Err(AllocError::InvalidParam)
        } else if !self.all(first, count, FREE) {
            Err(AllocError::NoMemory)
        } else {
            self.pages[first..first + count].fill(TAKEN);
            Ok(base)
        };
        assert_eq!(self.engine.alloc_pages_at(base, count, align), expected, "alloc_pages_at {pages:?}, {align:#x}");
    }

    fn dealloc_taken(&mut self, Page(from): Page, Request(Count(most), _): Request) {
        let run = self.next_run(TAKEN, from);
        self.dealloc(Pages(Page(run.start), Count(run.len().min(most)), Skew(0)));
    }

    fn dealloc(&mut self, pages: Pages) {
        let Pages(Page(first), Count(count), Skew(skew)) = pages;
        let expected = if count == 0 {
            Err(AllocError::InvalidParam)
        } else if skew > 0 || !self.all(first, count, TAKEN) {
            Err(AllocError::NotAllocated)
        } else {
            self.pages[first..first + count].fill(FREE);
            Ok(())
        };
        assert_eq!(self.engine.dealloc_pages(self.region(pages).0, count), expected, "giving {pages:?} back");
    }
}

fuzz_target!(|program: Program| {
    let mut words = Vec::new();
    match program.engine {
        Engine::Radix => Model::<RadixPageAllocator<'_, PAGE>>::run(&mut words, &program),
        Engine::Buddy => Model::<BuddyPageAllocator<'_, PAGE>>::run(&mut words, &program),
    }
});
