//! A tour of the family: what its engines do with real work, and what it looks like.
//!
//! ```text
//! cargo run --release --example tour
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | `bytes` | the byte engines side by side: time, memory, the largest block left |
//! | `workloads` | what they are put to, written for any `Allocator` |
//! | `meter` | a wrapper around an engine that keeps its peaks |
//! | `pages` | a page engine before, during and after fragmentation |
//! | `map` | the picture of its pages |
//! | `ids` | an id engine |
//! | `pool` | the one piece of memory that all of it happens in |
//! | `screen` | colours, and how numbers are written |
//!
//! The numbers come from a fixed seed; `ALLOCATOR_SEED` sets another. Colours appear on a terminal, unless `NO_COLOR` is
//! set.

mod bytes;
mod ids;
mod map;
mod meter;
mod pages;
mod pool;
mod screen;
mod workloads;

use std::env;
use std::process::ExitCode;

use allocator::BitmapPageAllocator;

use crate::pool::Pool;
use crate::screen::Screen;

const DEFAULT_SEED: u64 = 1;

fn main() -> ExitCode {
    let seed = match env::var("ALLOCATOR_SEED").map(|text| text.parse()) {
        Err(_) => DEFAULT_SEED,
        Ok(Ok(seed)) => seed,
        Ok(Err(error)) => {
            eprintln!("ALLOCATOR_SEED: {error}");
            return ExitCode::FAILURE;
        }
    };
    let screen = Screen::of_stdout();
    let mut pool = Pool::new();
    println!("A tour of the allocators, with ALLOCATOR_SEED={seed}.");
    bytes::compare(&mut pool, seed, &screen);

    screen.heading("Page frames: fragmentation, and the way out of it");
    // One line for each page engine.
    pages::visit("BitmapPageAllocator", zeroed_bitmap(), &mut pool, seed, &screen);

    screen.heading("Ids");
    ids::visit();
    ExitCode::SUCCESS
}

/// With the larger capacities the bitmap does not fit on a stack.
fn zeroed_bitmap() -> Box<BitmapPageAllocator<{ pages::PAGE_SIZE }>> {
    // SAFETY: zeroed memory is documented to be a valid empty allocator of this type.
    unsafe { Box::new_zeroed().assume_init() }
}
