//! The comparison of the byte engines: time, memory, and the largest block left.
//!
//! Each workload runs once on a metered engine, for the memory, and then a few times on the bare one, for the time; the
//! engines take turns, so that a slow moment of the machine slows all of them.

use std::alloc::Layout;
use std::io::{self, IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use allocator::{
    AllocError, AllocResult, AllocatorRc, BuddyByteAllocator, ByteAllocator, FineSlabByteAllocator, QuickByteAllocator,
    SlabByteAllocator, TlsfByteAllocator,
};
use allocator_api2::alloc::{Allocator, Global};
use comfy_table::{Attribute, Cell, CellAlignment, Color, LineStyle, Table, TableStyle};

use crate::meter::{Meter, Peaks};
use crate::pool::{POOL_BYTES, Pool};
use crate::screen::{self, Colour, Screen};
use crate::workloads::{OutOfMemory, Workload};

const ROUNDS: usize = 5;

/// Lines around the header and below, none between the rows.
const STYLE: TableStyle = {
    const LINE: LineStyle = LineStyle::none().fill('─').junction('─');
    TableStyle::new().top_border(LINE).header_separator(LINE).bottom_border(LINE)
};

/// The engines. `system` is what a program has without any of them, for the time only.
const ENGINES: [Engine; 6] = [
    Engine::pooled::<QuickByteAllocator>("Quick"),
    Engine::pooled::<FineSlabByteAllocator>("FineSlab"),
    Engine::pooled::<SlabByteAllocator>("Slab"),
    Engine::pooled::<TlsfByteAllocator>("Tlsf"),
    Engine::pooled::<BuddyByteAllocator>("Buddy"),
    Engine { name: "system", pooled: None, time: |_, workload, seed| time_on(&Global, workload, seed) },
];

/// An engine of the family, which can be made without memory.
trait New: ByteAllocator + 'static {
    fn new() -> Self;
}

impl New for QuickByteAllocator {
    fn new() -> Self {
        Self::new()
    }
}

impl New for FineSlabByteAllocator {
    fn new() -> Self {
        Self::fine()
    }
}

impl New for SlabByteAllocator {
    fn new() -> Self {
        Self::default()
    }
}

impl New for TlsfByteAllocator {
    fn new() -> Self {
        Self::default()
    }
}

impl New for BuddyByteAllocator {
    fn new() -> Self {
        Self::default()
    }
}

struct Engine {
    name: &'static str,
    pooled: Option<Pooled>,
    time: Run<Time>,
}

/// The measurements that only an engine in the pool has.
struct Pooled {
    /// The bytes of the engine itself, at the start of the pool.
    size: usize,
    memory: Run<Memory>,
    /// What a block of so many bytes takes.
    taken: fn(&mut Pool, usize) -> AllocResult<usize>,
}

/// The sizes of the blocks of the second table, in bytes.
const BLOCK_SIZES: [usize; 5] = [16, 24, 100, 1000, 5000];

/// Runs a workload on an engine in the pool, from a seed.
type Run<T> = fn(&mut Pool, Workload, u64) -> Result<T, OutOfMemory>;

/// What a workload needed.
struct Memory {
    peak_used: usize,
    peak_requested: usize,
    /// The largest block there was, in bytes: before the workload, with what it left behind, and after that was freed.
    largest_at_first: usize,
    largest_left: usize,
    largest_again: usize,
}

/// How long a workload took, with the time to free what it left.
struct Time {
    time: Duration,
    checksum: u64,
}

impl Engine {
    const fn pooled<A: New>(name: &'static str) -> Self {
        let pooled = Pooled { size: size_of::<A>(), memory: memory_of::<A>, taken: taken::<A> };
        Self { name, pooled: Some(pooled), time: time_of::<A> }
    }
}

impl From<AllocError> for OutOfMemory {
    fn from(_: AllocError) -> Self {
        Self
    }
}

fn memory_of<A: New>(pool: &mut Pool, workload: Workload, seed: u64) -> Result<Memory, OutOfMemory> {
    let engine = Meter::new(A::new());
    let peaks = engine.peaks();
    let heap = AllocatorRc::new(engine, pool.bytes())?;
    let largest_at_first = largest_block(&heap);
    peaks.forget();
    let done = workload.run(&heap, seed)?;
    let Peaks { peak_requested, peak_used, .. } = &*peaks;
    let (peak_used, peak_requested) = (peak_used.get(), peak_requested.get());
    let largest_left = largest_block(&heap);
    drop(done);
    Ok(Memory { peak_used, peak_requested, largest_at_first, largest_left, largest_again: largest_block(&heap) })
}

fn time_of<A: New>(pool: &mut Pool, workload: Workload, seed: u64) -> Result<Time, OutOfMemory> {
    let heap = AllocatorRc::new(A::new(), pool.bytes())?;
    time_on(&heap, workload, seed)
}

fn time_on<A: Allocator + Clone>(heap: &A, workload: Workload, seed: u64) -> Result<Time, OutOfMemory> {
    let start = Instant::now();
    let done = workload.run(heap, seed)?;
    let checksum = done.checksum;
    drop(done);
    Ok(Time { time: start.elapsed(), checksum })
}

/// What a block of `size` bytes takes, the only one in the pool.
fn taken<A: New>(pool: &mut Pool, size: usize) -> AllocResult<usize> {
    let heap = AllocatorRc::new(A::new(), pool.bytes())?;
    let layout = Layout::from_size_align(size, align_of::<u64>()).map_err(|_| AllocError::InvalidParam)?;
    let block = heap.allocate(layout).map_err(|_| AllocError::NoMemory)?;
    let taken = heap.used_bytes();
    // SAFETY: the block came from this heap with this layout.
    unsafe { heap.deallocate(block.cast(), layout) };
    Ok(taken)
}

/// The largest block that can be had now, in bytes, found by really allocating.
fn largest_block(heap: &impl Allocator) -> usize {
    let (mut fits, mut refused) = (0, POOL_BYTES + 1);
    while refused - fits > 1 {
        let size = fits.midpoint(refused);
        let block = allocator_api2::vec::Vec::<u8, _>::new_in(heap).try_reserve_exact(size);
        *(if block.is_ok() { &mut fits } else { &mut refused }) = size;
    }
    fits
}

/// What was found out about an engine with a workload.
struct Entry {
    engine: &'static str,
    memory: Option<Result<Memory, OutOfMemory>>,
    median: Result<Time, OutOfMemory>,
}

fn measure(pool: &mut Pool, workload: Workload, seed: u64) -> Vec<Entry> {
    let memory: Vec<_> = ENGINES
        .iter()
        .map(|engine| engine.pooled.as_ref().map(|pooled| (pooled.memory)(pool, workload, seed)))
        .collect();
    let mut times: Vec<Vec<_>> = ENGINES.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        progress(&format!("{}: round {} of {ROUNDS}", workload.name(), round + 1));
        for turn in 0..ENGINES.len() {
            // Another engine begins each round.
            let engine = (round + turn) % ENGINES.len();
            times[engine].push((ENGINES[engine].time)(pool, workload, seed));
        }
    }
    progress("");
    let results = ENGINES.iter().zip(memory).zip(times);
    results.map(|((engine, memory), times)| Entry { engine: engine.name, memory, median: median(times) }).collect()
}

fn median(times: Vec<Result<Time, OutOfMemory>>) -> Result<Time, OutOfMemory> {
    let mut times = times.into_iter().collect::<Result<Vec<_>, _>>()?;
    times.sort_by_key(|time| time.time);
    Ok(times.swap_remove(times.len() / 2))
}

/// Shows a person who waits what is going on; an empty text takes it away.
fn progress(text: &str) {
    let mut terminal = stderr();
    if terminal.is_terminal() {
        // Nothing depends on whether it could be shown.
        let _ = write!(terminal, "\r\x1b[K{text}").and_then(|()| terminal.flush());
    }
}

/// Runs all workloads on all engines and prints the tables.
pub(crate) fn compare(pool: &mut Pool, seed: u64, screen: &mut Screen) -> io::Result<()> {
    screen.heading(&format!("Byte engines, out of one pool of {}", screen::bytes(POOL_BYTES)))?;
    for workload in Workload::ALL {
        let name = screen.paint(&format!("{:5}", workload.name()), Colour::Bold);
        writeln!(screen, "{name}  {}", workload.description())?;
    }
    let titles = ["", "engine", "time", "peak\nused", "over\nrequested", "largest\nleft", "largest\nat the end"];
    let mut table = table(screen, titles.map(String::from));
    for workload in Workload::ALL {
        if !table.is_empty() {
            table.add_row([""]);
        }
        add_rows(&mut table, workload, &measure(pool, workload, seed));
    }
    print(screen, table, 2)?;
    explain(
        screen,
        &[
            "system          the program's global allocator, for comparison",
            &format!("time            median of {ROUNDS} rounds, in which the engines take turns"),
            "peak used       what live blocks took at most, rounding and headers included",
            "over requested  how far that lies above the most that was asked for",
            "largest left    the largest block to be had beside what the workload leaves",
            "at the end      the same, once that is freed too",
        ],
    )?;
    blocks(pool, screen)
}

/// Prints what single blocks take, and the engines themselves.
fn blocks(pool: &mut Pool, screen: &mut Screen) -> io::Result<()> {
    let titles = ["engine".to_owned()].into_iter().chain(BLOCK_SIZES.map(|size| format!("{size} B\ntake")));
    let mut table = table(screen, titles.chain(["itself\ntakes".to_owned()]));
    for engine in &ENGINES {
        let Some(pooled) = &engine.pooled else { continue };
        let taken = BLOCK_SIZES.map(|size| match (pooled.taken)(pool, size) {
            Ok(taken) => Cell::new(format!("{taken} B")),
            Err(error) => Cell::new(error).fg(Color::Red),
        });
        let size = Cell::new(format!("{} B", pooled.size));
        table.add_row([Cell::new(engine.name)].into_iter().chain(taken).chain([size]));
    }
    print(screen, table, 1)?;
    explain(
        screen,
        &[
            "The engine itself lies at the start of its pool. As buddy blocks are powers of",
            "two, the largest beside it is half of the pool; Slab takes large blocks from a",
            "buddy engine of its own, FineSlab from a TLSF engine. Quick is the heap to begin",
            "with.",
        ],
    )
}

/// A table that suits the screen.
fn table(screen: &Screen, titles: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    if screen.has_colours() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.load_style(STYLE).set_header(titles.into_iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    table
}

/// Prints a table whose columns from `first_number` on hold numbers.
fn print(screen: &mut Screen, mut table: Table, first_number: usize) -> io::Result<()> {
    table.column_iter_mut().skip(first_number).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    writeln!(screen, "\n{}\n", table.trim_fmt())
}

fn explain(screen: &mut Screen, lines: &[&str]) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(screen, "{}", screen.paint(line, Colour::Dim)))
}

fn add_rows(table: &mut Table, workload: Workload, entries: &[Entry]) {
    let finished = || entries.iter().filter_map(|entry| entry.median.as_ref().ok());
    let fastest = finished().map(|time| time.time).min();
    let agreed = finished().next_back().map(|time| time.checksum);
    for (index, entry) in entries.iter().enumerate() {
        let name = if index == 0 { workload.name() } else { "" };
        let mut row = vec![Cell::new(name).add_attribute(Attribute::Bold), Cell::new(entry.engine)];
        row.push(match &entry.median {
            Err(OutOfMemory) => Cell::new("no memory").fg(Color::Red),
            Ok(time) if Some(time.checksum) != agreed => Cell::new("WRONG RESULT").fg(Color::Red),
            Ok(time) if Some(time.time) == fastest => Cell::new(screen::time(time.time)).fg(Color::Green),
            Ok(time) => Cell::new(screen::time(time.time)),
        });
        match &entry.memory {
            Some(Ok(memory)) => row.extend(memory_cells(memory)),
            None | Some(Err(OutOfMemory)) => row.extend((0..4).map(|_| Cell::new("-").fg(Color::DarkGrey))),
        }
        table.add_row(row);
    }
}

fn memory_cells(memory: &Memory) -> [Cell; 4] {
    let over = 100.0 * (memory.peak_used as f64 / memory.peak_requested as f64 - 1.0);
    let again = Cell::new(screen::bytes(memory.largest_again));
    [
        Cell::new(screen::bytes(memory.peak_used)),
        Cell::new(format!("{over:.1} %")),
        Cell::new(screen::bytes(memory.largest_left)),
        if memory.largest_again < memory.largest_at_first { again.fg(Color::Red) } else { again },
    ]
}
