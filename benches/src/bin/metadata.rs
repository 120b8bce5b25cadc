//! What the page allocators keep about their pages: how many bytes, which share of the memory managed that is, and how
//! long it takes to set up a page space of this size, once those bytes are resident.
//!
//! `cargo run --release -p allocator-benches --bin metadata`

use std::hint::black_box;
use std::time::{Duration, Instant};

use allocator::{BaseAllocator, BuddyPageAllocator, PageAllocator, RadixPageAllocator};
use allocator_benches::lab::pages::{PAGE_SIZE, display_size};
use bitmap_allocator::{BitAlloc, BitAlloc1M, BitAlloc16M, BitAlloc256M};

const PAGE: usize = PAGE_SIZE as usize;
const SPACES: [usize; 3] = [4 << 30, 64 << 30, 1 << 40];
/// The fastest of so many: whatever else the machine does makes a round slower, never faster.
const ROUNDS: usize = 9;

struct Row {
    bytes: usize,
    /// To write all metadata once, and no more.
    write: Duration,
    /// To set up the page space in them.
    init: Duration,
}

fn main() {
    println!(
        "{:10} {:18} {:>14} {:>10} {:>12} {:>12} {:>12}",
        "space", "allocator", "metadata, B", "share, %", "write, ms", "init, ms", "beyond, ms"
    );
    for space in SPACES {
        let pages = space / PAGE;
        show(space, "radix", &radix(pages));
        show(space, "buddy-pages", &buddy(pages));
        // The package has a type for each capacity; these are full.
        show(
            space,
            "bitmap-allocator",
            &match space >> 30 {
                4 => bits::<BitAlloc1M>(pages),
                64 => bits::<BitAlloc16M>(pages),
                _ => bits::<BitAlloc256M>(pages),
            },
        );
    }
}

fn show(space: usize, name: &str, row: &Row) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{:10} {name:18} {:>14} {:>10.5} {:>12.3} {:>12.3} {:>12.3}",
        display_size(space as u64),
        row.bytes,
        100.0 * row.bytes as f64 / space as f64,
        ms(row.write),
        ms(row.init),
        ms(row.init) - ms(row.write),
    );
}

fn fastest(mut work: impl FnMut()) -> Duration {
    let timed = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        work();
        begun.elapsed()
    });
    timed.min().expect("some rounds")
}

macro_rules! native {
    ($function:ident, $engine:ident) => {
        fn $function(pages: usize) -> Row {
            // Written, so resident.
            let mut words = vec![1_u64; $engine::<PAGE>::metadata_words(pages)];
            let bytes = size_of_val(&*words);
            let write = fastest(|| black_box(&mut words).fill(black_box(u64::MAX)));
            let init = fastest(|| {
                let mut frames = $engine::<PAGE>::with_metadata(&mut words);
                // SAFETY: page frames are numbers here.
                unsafe { frames.init(1 << 40, pages * PAGE) }.expect("as many words as it asks for");
                assert_eq!(black_box(&frames).total_pages(), pages);
            });
            Row { bytes, write, init }
        }
    };
}

native!(radix, RadixPageAllocator);
native!(buddy, BuddyPageAllocator);

fn bits<B: BitAlloc>(pages: usize) -> Row {
    // SAFETY: all integers, of which none is set in `B::DEFAULT`; large ones do not fit a stack.
    let mut bits = unsafe { Box::<B>::new_zeroed().assume_init() };
    let bytes = size_of::<B>();
    let start = (&raw mut *bits).cast::<u8>();
    // SAFETY: those are the bytes of integers, any of which are valid.
    let write = fastest(|| unsafe { black_box(start).write_bytes(black_box(0), bytes) });
    let init = fastest(|| {
        black_box(&mut bits).insert(0..pages);
    });
    Row { bytes, write, init }
}
