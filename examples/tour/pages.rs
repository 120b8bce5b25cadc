//! A page engine before, during and after fragmentation.
//!
//! Of 16 MiB of page frames some are pinned. The tour fills the rest with short runs, and gives most of those back, here and
//! there: much is free then, but no run of 2 MiB. Once it has given back the others, there are runs of 2 MiB again.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use allocator::{AllocResult, PageAllocator};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::map::{self, Page};
use crate::pool::Pool;
use crate::screen::{self, Colour, Screen};

pub(crate) const PAGE_SIZE: usize = 4096;

const FRAMES: usize = 4096;
const HUGE_BYTES: usize = 2 << 20;
const HUGE: usize = HUGE_BYTES / PAGE_SIZE;

/// Of so many short runs, one is given back after the others.
const ONE_IN: usize = 5;

/// A run of pages: where, and how many.
type Run = (usize, usize);

/// An engine, and what the tour knows of its pages.
struct Frames<P> {
    engine: Box<P>,
    base: usize,
    pages: Vec<Page>,
}

impl<P: PageAllocator> Frames<P> {
    /// Gives the engine its region, and finds out which pages it keeps for itself.
    fn new(mut engine: Box<P>, pool: &mut Pool) -> AllocResult<Self> {
        let region = &mut pool.bytes()[..FRAMES * PAGE_SIZE];
        let base = region.as_mut_ptr().expose_provenance();
        // SAFETY: the pool is lent to this engine alone, and outlives it.
        unsafe { engine.init(base, FRAMES * PAGE_SIZE)? };
        let mut frames = Self { engine, base, pages: vec![Page::Own; FRAMES] };
        let all: Vec<Run> =
            std::iter::from_fn(|| frames.take(1, PAGE_SIZE, Page::Taken).ok().map(|base| (base, 1))).collect();
        for page in all {
            frames.give_back(page)?;
        }
        Ok(frames)
    }

    fn take(&mut self, num_pages: usize, align: usize, page: Page) -> AllocResult<usize> {
        let base = self.engine.alloc_pages(num_pages, align)?;
        self.mark((base, num_pages), page);
        Ok(base)
    }

    fn give_back(&mut self, run: Run) -> AllocResult {
        self.engine.dealloc_pages(run.0, run.1)?;
        self.mark(run, Page::Free);
        Ok(())
    }

    fn mark(&mut self, (base, num_pages): Run, page: Page) {
        self.pages[(base - self.base) / PAGE_SIZE..][..num_pages].fill(page);
    }

    fn count(&self, page: Page) -> usize {
        self.pages.iter().filter(|other| **other == page).count()
    }

    /// The longest run that can be had now, found by really allocating.
    fn longest_run(&mut self) -> AllocResult<usize> {
        let (mut fits, mut refused) = (0, FRAMES + 1);
        while refused - fits > 1 {
            let num_pages = fits.midpoint(refused);
            match self.engine.alloc_pages(num_pages, PAGE_SIZE) {
                Ok(base) => {
                    self.engine.dealloc_pages(base, num_pages)?;
                    fits = num_pages;
                }
                Err(_) => refused = num_pages,
            }
        }
        Ok(fits)
    }

    /// How many runs of 2 MiB can be had now.
    fn huge_runs(&mut self) -> AllocResult<usize> {
        let runs: Vec<_> = std::iter::from_fn(|| self.engine.alloc_pages(HUGE, HUGE_BYTES).ok()).collect();
        runs.iter().try_for_each(|&base| self.engine.dealloc_pages(base, HUGE))?;
        Ok(runs.len())
    }

    /// Prints the map and the numbers of the moment.
    fn show(&mut self, moment: &str, remark: &str, screen: &mut Screen) -> Result<(), Box<dyn Error>> {
        let huge_runs = self.huge_runs()?;
        let mut notes = vec![screen.paint("pages", Colour::Bold)];
        let kinds = [("free", Page::Free), ("taken", Page::Taken), ("pinned", Page::Pinned), ("huge", Page::Huge)];
        notes.extend(kinds.map(|(name, page)| format!("{name:9}{:4}", self.count(page))));
        notes.extend([String::new(), screen.paint("to be had", Colour::Bold)]);
        notes.push(format!("longest  {:4}", self.longest_run()?));
        notes.push(format!("2 MiB    {huge_runs:4}"));
        assert_eq!(self.engine.available_pages(), self.count(Page::Free), "an engine that loses count");
        writeln!(screen, "{}  {remark}", screen.paint(moment, Colour::Bold))?;
        map::print(&self.pages, &notes, screen)?;
        writeln!(screen)?;
        Ok(())
    }
}

/// Takes a page engine through the three moments.
pub(crate) fn visit<P: PageAllocator>(
    name: &str,
    engine: Box<P>,
    pool: &mut Pool,
    seed: u64,
    screen: &mut Screen,
) -> Result<(), Box<dyn Error>> {
    let itself = screen::bytes(size_of::<P>());
    writeln!(screen, "{}, itself {itself}, with {FRAMES} frames of 4 KiB", screen.paint(name, Colour::Bold))?;
    writeln!(screen, "{}\n", map::legend(screen))?;
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut frames = Frames::new(engine, pool)?;
    frames.take(184, PAGE_SIZE, Page::Pinned)?;
    frames.take(64, 64 * PAGE_SIZE, Page::Pinned)?;
    frames.show("Before:", "a kernel has its image and its device buffers, the rest is free.", screen)?;

    let runs = fill(&mut frames, &mut rng);
    let (staying, going): (Vec<Run>, Vec<Run>) = runs.into_iter().partition(|_| rng.random_range(..ONE_IN) == 0);
    going.into_iter().try_for_each(|run| frames.give_back(run))?;
    frames.show("During:", "all was taken in short runs, and four of five have come back.", screen)?;
    let free = frames.count(Page::Free);
    let start = Instant::now();
    let answer = frames.engine.alloc_pages(HUGE, HUGE_BYTES);
    let took = screen::time(start.elapsed());
    match answer {
        Ok(base) => frames.engine.dealloc_pages(base, HUGE)?,
        Err(error) => {
            writeln!(screen, "{HUGE} pages for 2 MiB, with {free} free but scattered: {error}, after {took}.\n")?;
        }
    }

    staying.into_iter().try_for_each(|run| frames.give_back(run))?;
    let mut first = None;
    for _ in 0..4 {
        let base = frames.take(HUGE, HUGE_BYTES, Page::Huge)?;
        first = first.or(Some(base));
    }
    let middle = first.map_or(0, |base| base + HUGE_BYTES / 4);
    frames.give_back((middle, HUGE / 2))?;
    frames.show("After:", "the others have come back too; 4 runs of 2 MiB, half of one given back.", screen)?;
    if let Err(error) = frames.give_back((middle, 1)) {
        writeln!(screen, "A page of that half, given back once more: {error}.")?;
    }
    Ok(())
}

/// Takes all that is free in runs of 1 to 16 pages.
fn fill<P: PageAllocator>(frames: &mut Frames<P>, rng: &mut SmallRng) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut longest = 16;
    while longest > 0 {
        let num_pages = rng.random_range(1..=longest);
        match frames.take(num_pages, PAGE_SIZE, Page::Taken) {
            Ok(base) => runs.push((base, num_pages)),
            Err(_) => longest = num_pages - 1,
        }
    }
    runs
}
