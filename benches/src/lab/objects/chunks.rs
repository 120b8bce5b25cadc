//! The chunks of all caches of objects: memory that was written before anything is timed.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use attachable_slab_allocator::{Result, SlabError, define_allocation_hooks};

use crate::lab::memory::Memory;

/// The size and the alignment of a chunk.
pub(super) const CHUNK_SIZE: usize = 64 << 10;
/// How much memory the program's heap gives when no chunk is free.
const ADDED_SIZE: usize = 16 << 20;

/// A chunk that nobody uses.
struct Chunk(NonNull<u8>);

// SAFETY: a free chunk is memory that nobody else refers to.
unsafe impl Send for Chunk {}

/// The free chunks; the one given back last is handed out first. They are never returned to the program's heap.
static FREE: Mutex<Vec<Chunk>> = Mutex::new(Vec::new());

fn free_chunks() -> MutexGuard<'static, Vec<Chunk>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn add_chunks(free: &mut Vec<Chunk>) {
    let pool = Box::leak(Box::new(Memory::new(ADDED_SIZE))).pool();
    let chunks = (0..ADDED_SIZE).step_by(CHUNK_SIZE).rev();
    // SAFETY: the pool is so large.
    free.extend(chunks.map(|offset| Chunk(unsafe { pool.cast::<u8>().add(offset) })));
}

/// Makes sure that so many chunks are free.
pub(super) fn reserve(chunks: usize) {
    let mut free = free_chunks();
    while free.len() < chunks {
        add_chunks(&mut free);
    }
}

/// A chunk, aligned to its size.
pub(super) fn take() -> NonNull<u8> {
    let mut free = free_chunks();
    if free.is_empty() {
        add_chunks(&mut free);
    }
    free.pop().expect("chunks were added").0
}

/// Gives a chunk back.
///
/// # Safety
///
/// The chunk came from [`take`], and nobody uses it any more.
pub(super) unsafe fn give(chunk: NonNull<u8>) {
    free_chunks().push(Chunk(chunk));
}

/// Whether a chunk is enough for this.
pub(super) fn fits(layout: Layout) -> bool {
    layout.size() <= CHUNK_SIZE && layout.align() <= CHUNK_SIZE
}

/// # Safety
///
/// None; the macro that names it asks for an unsafe function.
unsafe fn take_slab(layout: Layout) -> Option<NonNull<u8>> {
    fits(layout).then(take)
}

/// # Safety
///
/// The slab came from [`take_slab`], and nobody uses it any more.
unsafe fn give_slab(slab: NonNull<u8>, layout: Layout) -> Result<()> {
    if !fits(layout) {
        return Err(SlabError::FatalError);
    }
    // SAFETY: as promised.
    unsafe { give(slab) };
    Ok(())
}

// The package takes its slabs from two functions of fixed names, which this defines.
define_allocation_hooks!(take_slab, give_slab);
