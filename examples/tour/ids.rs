//! The id engine, handing out thread ids.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use allocator::{AllocResult, BitmapIdAllocator, IdAllocator};

use crate::screen::{self, Colour, Screen};

/// As a kernel would have it.
static THREAD_IDS: Mutex<BitmapIdAllocator> = Mutex::new(BitmapIdAllocator::new());

pub(crate) fn visit(screen: &mut Screen) -> io::Result<()> {
    let mut ids = THREAD_IDS.lock().unwrap_or_else(PoisonError::into_inner);
    let itself = screen::bytes(size_of::<BitmapIdAllocator>());
    writeln!(
        screen,
        "{}, itself {itself}, with {} ids\n",
        screen.paint("BitmapIdAllocator", Colour::Bold),
        ids.size()
    )?;
    show(screen, "alloc_fixed_id(0)", ids.alloc_fixed_id(0).map(|()| "the idle thread has it"))?;
    show(screen, "alloc_fixed_id(0)", ids.alloc_fixed_id(0).map(|()| ""))?;
    show(screen, "alloc_id(1, 1)", ids.alloc_id(1, 1))?;
    show(screen, "alloc_id(16, 16)", ids.alloc_id(16, 16).map(|first| format!("{first}..{}", first + 16)))?;
    show(screen, "dealloc_id(20, 4)", ids.dealloc_id(20, 4).map(|()| "part of a run comes back"))?;
    show(screen, "dealloc_id(20, 4)", ids.dealloc_id(20, 4).map(|()| ""))?;
    let start = Instant::now();
    let others = (0..).take_while(|_| ids.alloc_id(1, 1).is_ok()).count();
    show(screen, "alloc_id(1, 1) ...", Ok(format!("{others} more, in {}", screen::time(start.elapsed()))))?;
    show(screen, "alloc_id(1, 1)", ids.alloc_id(1, 1))?;
    writeln!(screen, "{} of {} ids are used, {} free.", ids.used(), ids.size(), ids.available())
}

fn show(screen: &mut Screen, call: &str, answer: AllocResult<impl Display>) -> io::Result<()> {
    match answer {
        Ok(value) => writeln!(screen, "{call:20} {value}"),
        Err(error) => writeln!(screen, "{call:20} refused: {error}"),
    }
}
