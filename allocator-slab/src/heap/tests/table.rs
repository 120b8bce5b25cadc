//! The table of chunks: where it is kept, and that it comes and goes with the chunks.

use super::*;

#[test]
#[cfg_attr(miri, ignore = "a random program of the table's own tests has blocks of entries, too")]
fn more_chunks_than_the_table_has_room_for_inline() {
    let pool = 1 << 20;
    let mut owned = Owned::new(pool);
    let blocks = owned.fill(64);
    assert!(owned.heap.chunks.block_bytes() > 0, "the table needs memory of the backing");
    assert!(owned.heap.available_bytes() <= pool / 64, "only the table is left");
    owned.free(blocks, 64);
    assert_eq!(owned.heap.used_bytes(), 0);
    let whole = owned.alloc(pool).expect("the table has gone back, too");
    assert!(owned.heap.chunks.block_bytes() == 0);
    owned.free([whole], pool);
}

#[test]
fn small_blocks_are_found_in_whatever_large_ones_leave() {
    // Memory becomes free in holes of 8 KiB with live blocks between them, never in one piece.
    const HOLE: usize = 8192;
    let pool = if cfg!(miri) { 32 << 10 } else { 1 << 20 };
    let mut owned = Owned::new(pool);
    let large = owned.fill(HOLE);
    assert_eq!(large.len(), pool / HOLE);
    let (free, live): (Vec<_>, Vec<_>) = large.into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
    let small_per_hole = HOLE / 64;
    let mut small = Vec::new();
    for (_, block) in free {
        owned.free([block], HOLE);
        small.extend(owned.fill(64));
    }
    let most = pool / 2 / HOLE * small_per_hole;
    // With so little free at a time, chunks have few slots, and each has its entry in the table.
    assert!(small.len() > most - most / 7, "{} blocks of 64 bytes where {most} might fit", small.len());
    assert!(owned.alloc(HOLE).is_err());
    owned.free(small, 64);
    owned.free(live.into_iter().map(|(_, block)| block), HOLE);
    let whole = owned.alloc(pool).expect("one block again");
    owned.free([whole], pool);
}

/// A backing that has nothing above 128 bytes in one piece.
struct Crumbs(BuddyByteAllocator);

impl BaseAllocator for Crumbs {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.0.add_memory(start, size) }
    }
}

// SAFETY: the methods of the heap inside, some of whose blocks are never asked for.
unsafe impl ByteAllocator for Crumbs {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        if layout.size() > 128 { Err(AllocError::NoMemory) } else { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.0.dealloc(ptr, layout) };
    }

    fn total_bytes(&self) -> usize {
        self.0.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.0.used_bytes()
    }

    fn available_bytes(&self) -> usize {
        self.0.available_bytes()
    }
}

#[test]
fn a_block_of_entries_is_as_small_as_what_there_is() {
    const POOL: usize = if cfg!(miri) { 16 << 10 } else { 32 << 10 };
    let mut memory = vec![0u64; 2 * POOL / 8];
    let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(POOL);
    let mut heap = SlabByteAllocator::<PowerOfTwoClasses, _>::with_backing(Crumbs(BuddyByteAllocator::new()));
    // SAFETY: the memory is the heap's until it goes.
    unsafe { heap.init(start, POOL).unwrap() };
    let layout = Layout::from_size_align(64, 8).unwrap();
    let blocks: Vec<_> = core::iter::from_fn(|| heap.alloc(layout).ok()).collect();
    heap.validate().unwrap();
    assert!(heap.chunks.block_bytes() > 0);
    assert!(
        heap.backing.engine.available_bytes() < 64 + 128,
        "too little for a slot and the smallest block of entries"
    );
    assert!(blocks.len() > POOL / 64 * 2 / 3, "{} blocks", blocks.len());
    for block in blocks {
        // SAFETY: the blocks are live.
        unsafe { heap.dealloc(block, layout) };
    }
    assert!(heap.alloc(Layout::from_size_align(8192, 8).unwrap()).is_err());
    heap.validate().unwrap();
    assert_eq!((heap.chunks.block_bytes(), heap.backing.engine.used_bytes()), (0, 0), "all of it went back");
}

#[test]
#[cfg_attr(miri, ignore = "a random program of the table's own tests has blocks of entries that come and go, too")]
fn the_table_shrinks_with_its_chunks_wherever_they_lie() {
    let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
    let pool = 1 << 20;
    let mut owned = Owned::new(pool);
    for _ in 0..20 {
        let mut blocks = owned.fill(64);
        let before = owned.heap.chunks.block_bytes();
        blocks.shuffle(&mut rng);
        let stay = blocks.split_off(blocks.len() - 20);
        owned.free(blocks, 64);
        // More than is free: all that can be given back is.
        assert!(owned.alloc(pool).is_err());
        owned.heap.validate().unwrap();
        assert!(owned.heap.chunks.iter().count() <= 20 && before > 0 && owned.heap.chunks.block_bytes() == 0);
        owned.free(stay, 64);
    }
}
