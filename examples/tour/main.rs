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
//! | `screen` | what it is written to, colours, and how numbers are written |
//!
//! The numbers come from a fixed seed; `ALLOCATOR_SEED` sets another. Colours appear on a terminal, unless `NO_COLOR` is
//! set. The tour ends quietly when nobody reads on: `cargo run --release --example tour | head`.

mod bytes;
mod ids;
mod map;
mod meter;
mod pages;
mod pool;
mod screen;
mod workloads;

use std::env;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
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
    match tour(seed, &mut Screen::of_stdout()) {
        Err(error) if !is_closed_pipe(&*error) => {
            eprintln!("The tour ends early: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn tour(seed: u64, screen: &mut Screen) -> Result<(), Box<dyn Error>> {
    let mut pool = Pool::new();
    writeln!(screen, "A tour of the allocators, with ALLOCATOR_SEED={seed}.")?;
    bytes::compare(&mut pool, seed, screen)?;

    screen.heading("Page frames: fragmentation, and the way out of it")?;
    // One line for each page engine.
    pages::visit("BitmapPageAllocator", zeroed_bitmap(), &mut pool, seed, screen)?;

    screen.heading("Ids")?;
    ids::visit(screen)?;
    screen.flush()?;
    Ok(())
}

/// Whether the reader of the tour had seen enough.
fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// With the larger capacities the bitmap does not fit on a stack.
fn zeroed_bitmap() -> Box<BitmapPageAllocator<{ pages::PAGE_SIZE }>> {
    let mut bitmap = Box::<BitmapPageAllocator<{ pages::PAGE_SIZE }>>::new_uninit();
    // SAFETY: zeroed memory is documented to be a valid empty allocator of this type.
    unsafe {
        bitmap.as_mut_ptr().write_bytes(0, 1);
        bitmap.assume_init()
    }
}
