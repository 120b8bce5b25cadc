//! Growth, reclaim, sizes; a random program beside a recount.

extern crate std;

use std::vec;
use std::vec::Vec;

use allocator_core::{ByteAllocator, Growing};
use allocator_pages::RadixPageAllocator;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use super::growth::{LEAST_GROWTH, fitting};
use super::*;
use crate::classes::FineClasses;

mod regions;
mod table;

/// A heap over memory of its own, aligned to its size.
struct Owned {
    memory: Vec<u8>,
    heap: SlabByteAllocator,
}

impl Owned {
    fn new(size: usize) -> Self {
        let mut memory = vec![0u8; 2 * size];
        let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(size);
        let mut heap = SlabByteAllocator::new();
        // SAFETY: the memory is the heap's, and stays where it is when the vector moves.
        unsafe { heap.init(start, size).unwrap() };
        assert_eq!(heap.total_bytes(), size);
        Self { memory, heap }
    }

    fn alloc(&mut self, size: usize) -> AllocResult<NonNull<u8>> {
        self.heap.alloc(Layout::from_size_align(size, 1).unwrap())
    }

    /// Blocks of `size` bytes until there are no more.
    fn fill(&mut self, size: usize) -> Vec<NonNull<u8>> {
        let blocks = core::iter::from_fn(|| self.alloc(size).ok()).collect();
        self.heap.validate().unwrap();
        blocks
    }

    fn free(&mut self, blocks: impl IntoIterator<Item = NonNull<u8>>, size: usize) {
        for block in blocks {
            // SAFETY: the tests give back blocks of this size, once.
            unsafe { self.heap.dealloc(block, Layout::from_size_align(size, 1).unwrap()) };
        }
        self.heap.validate().unwrap();
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        assert!(self.heap.total_bytes() <= self.memory.len());
    }
}

/// A backing that only tells what it would give for a size.
struct Rounding(fn(usize) -> usize);

impl BaseAllocator for Rounding {
    unsafe fn init(&mut self, _: usize, _: usize) -> AllocResult {
        Err(AllocError::InvalidParam)
    }

    unsafe fn add_memory(&mut self, _: usize, _: usize) -> AllocResult {
        Err(AllocError::InvalidParam)
    }
}

// SAFETY: there are no blocks.
unsafe impl ByteAllocator for Rounding {
    fn alloc(&mut self, _: Layout) -> AllocResult<NonNull<u8>> {
        Err(AllocError::NoMemory)
    }

    unsafe fn dealloc(&mut self, _: NonNull<u8>, _: Layout) {}

    fn total_bytes(&self) -> usize {
        0
    }

    fn used_bytes(&self) -> usize {
        0
    }

    fn available_bytes(&self) -> usize {
        0
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        (layout.size(), self.0(layout.size()))
    }
}

#[test]
fn chunks_fill_the_blocks_that_the_backing_gives() {
    let exact = Rounding(|size| size);
    let powers = Rounding(usize::next_power_of_two);
    let pages = Rounding(|size| size.next_multiple_of(4096));
    for slot_size in [8, 48, 64, 144, 640, 4096, 36_864] {
        for wanted in (1..=300).step_by(if cfg!(miri) { 23 } else { 1 }) {
            assert_eq!(fitting::<PowerOfTwoClasses, _>(&exact, slot_size, wanted, wanted * slot_size), Some(wanted));
            for (backing, limit) in [&powers, &pages].into_iter().flat_map(|backing| {
                // As much as is wanted, a block of that, and plenty.
                let asked = wanted * slot_size;
                [(backing, asked), (backing, backing.0(asked)), (backing, usize::MAX)]
            }) {
                let slots = fitting::<PowerOfTwoClasses, _>(backing, slot_size, wanted, limit).unwrap();
                let block = backing.0(slots * slot_size);
                assert!(block - slots * slot_size < slot_size, "{slots} of {slot_size} in {block}");
                assert!(block <= limit.max(backing.0(slot_size)), "{slots} of {slot_size}, at most {limit} bytes");
                assert!(2 * (slots + 1) > wanted, "{slots}, where {wanted} were wanted");
            }
        }
    }
    assert_eq!(
        (
            fitting::<PowerOfTwoClasses, _>(&powers, 64, 40, 2600),
            fitting::<PowerOfTwoClasses, _>(&powers, 64, 40, 4096)
        ),
        (Some(32), Some(64))
    );
    assert_eq!(fitting::<PowerOfTwoClasses, _>(&powers, 144, 227, 1 << 20), Some(227));
    assert_eq!(fitting::<PowerOfTwoClasses, _>(&pages, 144, 5, 800), Some(28));
    assert_eq!(fitting::<PowerOfTwoClasses, _>(&exact, 64, usize::MAX / 64, 0), None);
}

#[test]
fn growth_is_at_most_an_eighth_of_what_is_free_while_one_slot_fits_in_that() {
    let pool = if cfg!(miri) { 8 << 10 } else { 256 << 10 };
    for sizes in [[64, 64], [64, 256], [256, 2048], [4096, 4096]] {
        let mut owned = Owned::new(pool);
        for size in sizes.into_iter().cycle() {
            let (free, chunks) = (owned.heap.backing().available_bytes(), owned.heap.chunks.iter().count());
            if owned.alloc(size).is_err() {
                break;
            }
            let taken = free - owned.heap.backing().available_bytes();
            // The table of chunks may need a block with it.
            let new = owned.heap.chunks.iter().nth(chunks);
            if let Some(chunk) = new.filter(|_| owned.heap.chunks.block_bytes() == 0) {
                assert!(taken == size || taken <= (free / 8).max(LEAST_GROWTH), "{taken} of {free}");
                assert!(usize::from(chunk.slots) <= SET_SIZE && taken == usize::from(chunk.slots) * size);
                assert!(2 * taken > (free / 8).min(SET_SIZE * size), "no smaller than need be");
            }
        }
    }
}

#[test]
fn a_heap_of_32_kib_serves_all_classes_at_once() {
    let ascending: Vec<usize> = PowerOfTwoClasses::SLOT_SIZES.to_vec();
    let descending = ascending.iter().rev().copied().collect();
    for sizes in [ascending, descending] {
        let mut owned = Owned::new(32 << 10);
        let blocks: Vec<_> = sizes.iter().map(|&size| (size, owned.alloc(size).unwrap())).collect();
        assert_eq!(owned.heap.used_bytes(), sizes.iter().sum::<usize>());
        blocks.into_iter().for_each(|(size, block)| owned.free([block], size));
        assert_eq!(owned.heap.used_bytes(), 0);
        let whole = owned.alloc(32 << 10).expect("the heap is one block again");
        owned.free([whole], 32 << 10);
    }
}

#[test]
fn a_pool_is_filled_to_the_last_byte_where_no_table_is_needed() {
    for (slot_size, pool) in [(4096, 32 << 10), (64, 32 << 10), (1024, 64 << 10)] {
        let pool = if cfg!(miri) { pool / 2 } else { pool };
        let mut owned = Owned::new(pool);
        let blocks = owned.fill(slot_size);
        assert_eq!(blocks.len(), pool / slot_size);
        assert_eq!(owned.heap.available_bytes(), 0);
        owned.free(blocks, slot_size);
    }
}

#[test]
fn memory_moves_from_class_to_class_and_to_large_blocks() {
    let pool = if cfg!(miri) { 16 << 10 } else { 1 << 20 };
    let mut owned = Owned::new(pool);
    let first: Vec<usize> =
        PowerOfTwoClasses::SLOT_SIZES.iter().map(|&size| Owned::new(pool).fill(size).len()).collect();
    let again = [(0, &64), (6, &4096), (1, &128)];
    let classes = PowerOfTwoClasses::SLOT_SIZES.iter().enumerate().chain(again);
    for (class, &size) in classes.step_by(if cfg!(miri) { 3 } else { 1 }) {
        let blocks = owned.fill(size);
        assert_eq!(blocks.len(), first[class], "as many blocks of {size} bytes as in a fresh heap");
        owned.free(blocks, size);
        let whole = owned.alloc(pool).expect("the largest block fits again");
        owned.free([whole], pool);
    }
}

#[test]
fn a_chunk_with_a_live_slot_stays_and_the_others_go() {
    let pool = if cfg!(miri) { 16 << 10 } else { 256 << 10 };
    let mut owned = Owned::new(pool);
    let mut blocks = owned.fill(64);
    // One block of each 8 KiB stays.
    let mut survivors = Vec::new();
    for index in (0..blocks.len()).rev().filter(|index| index % 128 == 5) {
        survivors.push(blocks.swap_remove(index));
    }
    owned.free(blocks, 64);
    for (index, block) in survivors.iter().enumerate() {
        // SAFETY: the block is live.
        unsafe { block.write_bytes(index as u8, 64) };
    }
    let large = owned.fill(4096);
    assert!(large.len() > pool >> 14, "{} blocks of 4096", large.len());
    for (index, block) in survivors.iter().enumerate() {
        // SAFETY: the block is live.
        assert_eq!(unsafe { block.cast::<[u8; 64]>().read() }, [index as u8; 64]);
    }
    owned.free(large, 4096);
    owned.free(survivors, 64);
    let whole = owned.alloc(pool).expect("one block again");
    owned.free([whole], pool);
}

/// Allocates, resizes and frees blocks of all classes and above, and counts everything again after each step.
fn random_program<C: SizeClasses, B: ByteAllocator>(backing: B) {
    let mut rng = SmallRng::seed_from_u64(allocator_conformance::seed());
    let pool = if cfg!(miri) { 16 << 10 } else { 64 << 10 };
    let mut memory = vec![0u64; pool / 8 + 8];
    let start = memory.as_mut_ptr().expose_provenance();
    let mut heap = SlabByteAllocator::<C, B>::with_backing(backing);
    // SAFETY: the memory is the heap's until it goes.
    unsafe { heap.init(start, pool).unwrap() };
    let mut live: Vec<(NonNull<u8>, Layout)> = Vec::new();
    for _ in 0..allocator_conformance::steps(if !cfg!(miri) {
        4000
    } else if C::SLOT_SIZES.len() > 8 {
        8
    } else {
        30
    }) {
        let layout = Layout::from_size_align(1 << rng.random_range(0..13), 1 << rng.random_range(0..8)).unwrap();
        let index = rng.random_range(0..=live.len());
        match (rng.random_range(0..6), live.get(index).copied()) {
            (5, _) => {
                let budget = rng.random_range(0..20);
                let slots_to_sort =
                    |heap: &SlabByteAllocator<C, B>| heap.slabs().iter().map(Slab::slots_to_sort).sum::<usize>();
                let before = slots_to_sort(&heap);
                let left = heap.reclaim(budget);
                assert!(slots_to_sort(&heap) <= before.saturating_sub(budget));
                assert_eq!(left, slots_to_sort(&heap) + heap.wholly_free);
            }
            (0 | 1, Some((block, layout))) => {
                live.swap_remove(index);
                // SAFETY: `live` holds live blocks.
                unsafe { heap.dealloc(block, layout) };
            }
            (2, Some((block, old))) => {
                // SAFETY: `live` holds live blocks.
                match unsafe { heap.realloc(block, old, layout.size()) } {
                    Ok(block) => live[index] = (block, Layout::from_size_align(layout.size(), old.align()).unwrap()),
                    Err(_) => {
                        let in_slot = C::class_of(old).is_some() && C::SLOT_SIZES.len() == 7;
                        assert!(!in_slot || layout.size() > old.size(), "{old:?} to {} bytes", layout.size());
                    }
                }
            }
            _ => live.extend(heap.alloc(layout).map(|block| (block, layout))),
        }
        assert_eq!(heap.validate(), Ok(()));
        let usable = live.iter().map(|&(_, layout)| heap.usable_size(layout).1).sum::<usize>();
        assert!(heap.used_bytes() >= usable);
    }
}

#[test]
fn everything_adds_up_after_each_step_over_buddy() {
    random_program::<PowerOfTwoClasses, _>(BuddyByteAllocator::new());
}

#[test]
fn everything_adds_up_after_each_step_over_tlsf() {
    random_program::<PowerOfTwoClasses, _>(allocator_tlsf::TlsfByteAllocator::new());
}

#[test]
fn everything_adds_up_after_each_step_with_fine_classes() {
    random_program::<FineClasses, _>(allocator_tlsf::TlsfByteAllocator::new());
}

#[test]
fn validate_finds_what_was_overwritten() {
    let mut owned = Owned::new(32 << 10);
    let blocks: [_; 4] = core::array::from_fn(|_| owned.alloc(100).unwrap());
    owned.free(blocks, 100);
    let used_after_free = |owned: &mut Owned, link: Option<NonNull<u8>>| {
        // SAFETY: not to be had: this is what a faulty caller does. The slot is in the pool, and the link, while it is
        // followed, leads to one that is free, too.
        unsafe { blocks[3].cast::<Option<NonNull<u8>>>().write(link) };
        owned.heap.validate()
    };
    assert_eq!(owned.heap.validate(), Ok(()));
    assert_eq!(used_after_free(&mut owned, Some(blocks[2])), Ok(()), "as it was");
    // SAFETY: half a slot into the ninth one, which is free: the chunk has more.
    let middle = unsafe { blocks[0].add(8 * 128 + 64) };
    // SAFETY: as above; a free slot holds nothing there.
    unsafe { middle.cast::<Option<NonNull<u8>>>().write(None) };
    for (link, message) in [
        (None, "free slots are missing in the list of a slab"),
        (Some(blocks[3]), "a list of free slots has no end"),
        (Some(middle), "a free slot lies between two"),
    ] {
        assert_eq!(used_after_free(&mut owned, link), Err(message));
    }
}

#[test]
fn overlaps_below_the_granule_are_refused_before_the_backing_sees_them() {
    let mut memory = vec![0u64; 4096];
    let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(4096) + 8192;
    let mut heap = SlabByteAllocator::new();
    // SAFETY: the regions lie in the memory, which nobody else uses; those that overlap are refused.
    let mut add = |start: usize, size: usize| unsafe { heap.add_memory(start, size) };
    assert_eq!(add(start, 8192), Ok(()));
    for overlap in [1, 7, 63, 64, 65] {
        assert_eq!(add(start - 4096, 4096 + overlap), Err(AllocError::MemoryOverlap), "by {overlap} from below");
        assert_eq!(add(start + 8192 - overlap, 4096), Err(AllocError::MemoryOverlap), "by {overlap} from above");
    }
    assert_eq!(add(start - 4096, 4096), Ok(()));
    assert_eq!(add(start + 8192, 4100), Ok(()));
    assert_eq!(heap.total_bytes(), 4 * 4096);
    // SAFETY: as above.
    assert_eq!(unsafe { heap.init(start + 16384, 4096) }, Err(AllocError::InvalidParam));
}

#[test]
fn a_backing_with_memory_of_its_own_counts_as_memory_of_the_heap() {
    let mut memory = vec![0u64; 4096];
    let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(4096);
    let mut backing = BuddyByteAllocator::new();
    // SAFETY: the regions lie in the memory, which nobody else uses; those that overlap are refused.
    unsafe { backing.init(start, 8192).unwrap() };
    let mut heap = SlabByteAllocator::<PowerOfTwoClasses, _>::with_backing(backing);
    assert_eq!((heap.total_bytes(), heap.available_bytes()), (8192, 8192));
    // SAFETY: as above.
    unsafe {
        assert_eq!(heap.init(start + 8192, 8192), Err(AllocError::InvalidParam));
        assert_eq!(heap.add_memory(start + 8128, 8192), Err(AllocError::MemoryOverlap));
        assert_eq!(heap.total_bytes(), 8192);
        assert_eq!(heap.add_memory(start + 8192, 8192), Ok(()));
    }
    let layout = Layout::from_size_align(16384, 1).unwrap();
    assert_eq!(heap.alloc(layout).is_ok(), start.is_multiple_of(16384), "both are one block where they are aligned");
}

fn slots_to_sort(owned: &Owned) -> usize {
    owned.heap.slabs().iter().map(Slab::slots_to_sort).sum()
}

#[test]
fn free_slots_are_not_walked_again_before_one_is_freed() {
    let pool = if cfg!(miri) { 16 << 10 } else { 32 << 10 };
    let mut owned = Owned::new(pool);
    let blocks = owned.fill(64);
    owned.free(blocks.iter().copied().skip(1), 64);
    assert!(owned.alloc(pool).is_err(), "one slot is live");
    assert_eq!(slots_to_sort(&owned), 0);
    assert!(!owned.heap.give_back(usize::MAX));
    owned.free([blocks[0]], 64);
    assert_eq!(slots_to_sort(&owned), 1, "the one that was freed since");
    assert!(owned.alloc(pool).is_ok());
}

#[test]
fn reclaim_does_as_much_as_it_may() {
    let mut owned = Owned::new(if cfg!(miri) { 16 << 10 } else { 256 << 10 });
    let mut blocks = owned.fill(64);
    blocks.truncate(if cfg!(miri) { 100 } else { 2000 });
    blocks.shuffle(&mut SmallRng::seed_from_u64(allocator_conformance::seed()));
    let stay = blocks.split_off(blocks.len() - 5);
    let mut left = blocks.len();
    let survivors = stay.len();
    owned.free(blocks, 64);
    assert_eq!(owned.heap.reclaim(0), left);
    let mut chunks = owned.heap.chunks.iter().count();
    for budget in [1, 2, 7, 100].into_iter().cycle() {
        let still = owned.heap.reclaim(budget);
        owned.heap.validate().unwrap();
        assert_eq!(slots_to_sort(&owned), left.saturating_sub(budget));
        assert_eq!(still, slots_to_sort(&owned) + owned.heap.wholly_free);
        // What is left of the budget goes to chunks.
        let gone = chunks - owned.heap.chunks.iter().count();
        assert!(gone <= budget.saturating_sub(left));
        (left, chunks) = (left.saturating_sub(budget), chunks - gone);
        if still == 0 {
            break;
        }
    }
    assert!(chunks > 0 && owned.heap.chunks.iter().all(|chunk| !chunk.is_wholly_free()));
    let held = owned.heap.backing().used_bytes();
    assert_eq!((owned.heap.trim(), owned.heap.reclaim(1)), (0, 0), "nothing is left to do");
    // The heap hands out sorted slots before it asks the backing.
    let sorted = owned.heap.slabs()[0].sorted_slots();
    assert!(sorted > 0 && owned.heap.slabs()[0].unsorted_slots() == 0);
    let again: Vec<_> = (0..sorted).map(|_| owned.alloc(64).unwrap()).collect();
    owned.heap.validate().unwrap();
    assert_eq!((owned.heap.backing().used_bytes(), owned.heap.slabs()[0].sorted_slots()), (held, 0));
    assert!(again.iter().all(|block| !stay.contains(block)));
    owned.free(again, 64);
    owned.free(stay, 64);
    assert!(survivors > 0 && owned.heap.reclaim(usize::MAX) == 0);
}

#[test]
fn a_request_takes_no_more_back_than_it_needs() {
    let mut owned = Owned::new(if cfg!(miri) { 32 << 10 } else { 256 << 10 });
    let blocks = owned.fill(64);
    let live = blocks[0];
    owned.free(blocks.into_iter().skip(1), 64);
    let before = owned.heap.chunks.iter().count();
    let block = owned.alloc(4096).unwrap();
    owned.heap.validate().unwrap();
    let after = owned.heap.chunks.iter().count();
    assert!(after > before / 2, "{} of {before} chunks are left", after);
    owned.free([block], 4096);
    owned.free([live], 64);
}

#[test]
fn usable_sizes() {
    let owned = Owned::new(32 << 10);
    let usable = |size, align| owned.heap.usable_size(Layout::from_size_align(size, align).unwrap());
    assert_eq!(usable(0, 1), (0, 64));
    assert_eq!(usable(65, 1), (65, 128));
    assert_eq!(usable(4096, 4096), (4096, 4096));
    assert_eq!(usable(4097, 1), (4097, 8192));
    assert_eq!(usable(1, 16384), (1, 16384));
    assert_eq!(usable(isize::MAX as usize, 1).0, isize::MAX as usize);
}

/// Frames of so many pages.
fn frames(num_pages: usize) -> RadixPageAllocator<'static, 4096> {
    let start = vec![0u8; (num_pages + 1) * 4096].leak().as_mut_ptr().expose_provenance().next_multiple_of(4096);
    let words = vec![0; RadixPageAllocator::<4096>::metadata_words(num_pages)].leak();
    let mut frames = RadixPageAllocator::with_metadata(words);
    // SAFETY: the memory lasts, and is the frames'.
    unsafe { frames.init(start, num_pages * 4096).unwrap() };
    frames
}

#[test]
fn to_ask_for_statistics_made_a_backing_grow() {
    // SAFETY: the frames are memory, and nobody else has them.
    let backing = unsafe { Growing::new(BuddyByteAllocator::new(), frames(if cfg!(miri) { 64 } else { 1024 })) };
    let mut heap = SlabByteAllocator::<PowerOfTwoClasses, _>::with_backing(backing);
    for size in [64, 300, 5000, 20_000] {
        heap.alloc(Layout::from_size_align(size, 8).unwrap()).unwrap();
    }
    let look = |heap: &SlabByteAllocator<PowerOfTwoClasses, Growing<_, RadixPageAllocator<'_, 4096>>>| {
        let backing = heap.backing();
        (backing.pages_taken(), backing.used_bytes(), heap.chunks.iter().count(), heap.slabs()[0].unsorted_slots())
    };
    let before = look(&heap);
    for _ in 0..3 {
        let statistics = heap.statistics();
        assert!(statistics.largest_block >= heap.largest_block() && statistics.used_bytes == heap.used_bytes());
    }
    assert_eq!(look(&heap), before);
}

#[test]
fn a_batch_comes_from_the_lists() {
    let mut owned = Owned::new(64 << 10);
    let layout = Layout::from_size_align(60, 4).unwrap();
    let mut out = [MaybeUninit::uninit(); 100];
    let blocks: Vec<_> = owned.heap.alloc_batch(layout, &mut out).to_vec();
    owned.heap.validate().unwrap();
    let statistics = owned.heap.statistics();
    assert_eq!((blocks.len(), statistics.used_bytes, statistics.requested_bytes), (100, 6400, 6000));
    let distinct: std::collections::BTreeSet<_> = blocks.iter().map(|block| block.addr().get()).collect();
    assert_eq!(distinct.len(), 100);
    // Some one by one, the others together.
    owned.free(blocks[..10].iter().copied(), 60);
    // SAFETY: the blocks are live.
    unsafe { owned.heap.dealloc_batch(&blocks[10..], layout) };
    owned.heap.validate().unwrap();
    let statistics = owned.heap.statistics();
    assert_eq!((statistics.used_bytes, statistics.requested_bytes), (0, 0));
    assert_eq!(owned.alloc(60), Ok(blocks[99]), "the slot freed last comes first");
    let all: Vec<_> = owned.heap.alloc_batch(layout, &mut [MaybeUninit::uninit(); 2000]).to_vec();
    assert_eq!(all.len(), (64 << 10) / 64 - 1, "fewer than asked for: all that there are");
    assert_eq!((owned.alloc(60), owned.heap.alloc_batch(layout, &mut []).len()), (Err(AllocError::NoMemory), 0));
    // SAFETY: the blocks are live.
    unsafe { owned.heap.dealloc_batch(&all, layout) };
    owned.free([blocks[99]], 60);
    let large = Layout::from_size_align(10_000, 8).unwrap();
    let blocks: Vec<_> = owned.heap.alloc_batch(large, &mut [MaybeUninit::uninit(); 9]).to_vec();
    assert_eq!((blocks.len(), owned.heap.used_bytes()), (4, 64 << 10));
    // SAFETY: the blocks are live.
    unsafe { owned.heap.dealloc_batch(&blocks, large) };
    assert_eq!(owned.heap.used_bytes(), 0);
    owned.heap.validate().unwrap();
}

#[test]
fn a_block_stays_in_its_slot_for_every_size_of_its_class() {
    let mut owned = Owned::new(32 << 10);
    let block = owned.alloc(100).unwrap();
    let layout = |size| Layout::from_size_align(size, 1).unwrap();
    let mut size = 100;
    for new_size in [128, 65, 100, 127] {
        // SAFETY: the block is live, with this size.
        assert_eq!(unsafe { owned.heap.realloc_in_place(block, layout(size), new_size) }, Ok(block));
        size = new_size;
        assert_eq!((owned.heap.statistics().requested_bytes, owned.heap.used_bytes()), (size, 128));
    }
    for other_class in [64, 129, 5000, isize::MAX as usize, usize::MAX] {
        // SAFETY: as above; refused.
        let answer = unsafe { owned.heap.realloc_in_place(block, layout(size), other_class) };
        assert_eq!((answer, owned.heap.used_bytes()), (Err(AllocError::NoMemory), 128));
    }
    owned.free([block], size);
}

#[test]
fn a_heap_can_go_to_another_thread_and_be_looked_at_by_many() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<SlabByteAllocator>();
    is_send_and_sync::<SlabByteAllocator<FineClasses, allocator_tlsf::TlsfByteAllocator>>();
}

#[test]
#[cfg_attr(miri, ignore = "too many blocks")]
fn available_bytes_of_a_full_heap_counted_headers_that_nobody_can_have() {
    for pool in [64 << 10, 256 << 10, 1 << 20, 16 << 20] {
        let mut memory = vec![0u64; pool / 8];
        for first in [1, 24, 64, 100, 144, 1000, 3000, 9000, 40_000, 70_000] {
            let mut heap = SlabByteAllocator::<FineClasses, _>::with_backing(allocator_tlsf::TlsfByteAllocator::new());
            // SAFETY: the memory is the heap's until it goes.
            unsafe { heap.init(memory.as_mut_ptr().expose_provenance(), pool).unwrap() };
            let sizes = core::iter::successors(Some(first), |&size| (size > 1).then_some(size / 2));
            for size in sizes {
                while heap.alloc(Layout::from_size_align(size, 1).unwrap()).is_ok() {}
            }
            let (available, total) = (heap.available_bytes(), heap.total_bytes());
            assert!(100 * available <= total, "{available} of {total} bytes, filled with blocks of {first} first");
            heap.validate().unwrap();
        }
    }
}

#[test]
fn a_slab_grows_behind_its_last_chunk() {
    let pool = 64 << 10;
    let mut memory = vec![0u64; pool / 8];
    let mut heap = SlabByteAllocator::<FineClasses, _>::with_backing(allocator_tlsf::TlsfByteAllocator::new());
    // SAFETY: the memory is the heap's until it goes.
    unsafe { heap.init(memory.as_mut_ptr().expose_provenance(), pool).unwrap() };
    let layout = Layout::from_size_align(64, 8).unwrap();
    let blocks: Vec<_> = (0..100).map(|_| heap.alloc(layout).unwrap()).collect();
    assert_eq!((heap.chunks.iter().count(), heap.validate()), (1, Ok(())));
    // A block behind the chunk ends that.
    let large = Layout::from_size_align(pool / 2, 8).unwrap();
    let wall = heap.alloc(large).unwrap();
    let more: Vec<_> = (0..300).map(|_| heap.alloc(layout).unwrap()).collect();
    assert!(heap.chunks.iter().count() > 1 && heap.validate() == Ok(()));
    for &block in blocks.iter().chain(&more) {
        // SAFETY: the block is live.
        unsafe { heap.dealloc(block, layout) };
    }
    heap.trim();
    assert_eq!((heap.chunks.iter().count(), heap.validate()), (1, Ok(())), "the chunk of the large block");
    // SAFETY: the block is live.
    unsafe { heap.dealloc(wall, large) };
    heap.trim();
    assert_eq!((heap.used_bytes(), heap.backing().used_bytes()), (0, 0));
}

#[test]
fn a_block_that_became_smaller_was_refused_where_memory_was_short() {
    let mut owned = Owned::new(if cfg!(miri) { 16 << 10 } else { 64 << 10 });
    let mut blocks = owned.fill(4096);
    let rest = blocks.split_off(1);
    let layout = |size| Layout::from_size_align(size, 1).unwrap();
    let mut size = 4096;
    for new_size in [2000, 1000, 100, 1, 0] {
        // SAFETY: the block is live, with this size; it has so many bytes.
        unsafe {
            blocks[0].write_bytes(new_size as u8, new_size);
            let answer = owned.heap.realloc(blocks[0], layout(size), new_size);
            assert_eq!(answer, Ok(blocks[0]), "{size} to {new_size}");
            assert!((0..new_size).all(|at| blocks[0].add(at).read() == new_size as u8));
        }
        size = new_size;
        owned.heap.validate().unwrap();
        assert_eq!(owned.heap.statistics().requested_bytes, rest.len() * 4096 + new_size);
        assert_eq!(owned.heap.available_bytes(), 0, "a heap that nobody can have a byte of");
    }
    // The slot returns to its class when it is freed.
    owned.free(blocks, 1);
    let block = owned.alloc(4096).expect("the slot is one of 4096 bytes again");
    owned.heap.validate().unwrap();
    assert!(owned.heap.slabs().iter().all(|slab| slab.lent_slots() == 0 && slab.borrowed_slots() == 0));
    owned.free(rest, 4096);
    owned.free([block], 4096);
    let whole = owned.alloc(if cfg!(miri) { 16 << 10 } else { 64 << 10 }).expect("one block again");
    owned.free([whole], if cfg!(miri) { 16 << 10 } else { 64 << 10 });
}

#[test]
#[cfg_attr(miri, ignore = "many blocks; the test before this one lends a slot, too")]
fn classes_whose_slots_are_all_lent_keep_their_chunks() {
    let mut owned = Owned::new(16 << 10);
    let (blocks, others): (Vec<_>, Vec<_>) =
        owned.fill(128).into_iter().enumerate().partition(|(index, _)| index % 2 == 0);
    let blocks: Vec<_> = blocks.into_iter().map(|(_, block)| block).collect();
    let layout = |size| Layout::from_size_align(size, 1).unwrap();
    for &block in &blocks {
        // SAFETY: the block is live.
        assert_eq!(unsafe { owned.heap.realloc(block, layout(128), 50) }, Ok(block));
    }
    owned.free(others.into_iter().map(|(_, block)| block), 128);
    // The blocks take as much as before.
    assert_eq!((owned.heap.slabs()[1].used_slots(), owned.heap.used_bytes()), (0, 128 * blocks.len()));
    assert!(owned.heap.slabs()[1].slots_to_sort() > owned.heap.slabs()[1].chunks());
    for (index, &block) in blocks.iter().enumerate() {
        // SAFETY: the block is live, with 50 bytes at least.
        unsafe { block.write_bytes(index as u8, 50) };
    }
    assert_eq!((owned.heap.trim(), owned.heap.reclaim(usize::MAX)), (0, 0), "no chunk is free");
    owned.heap.validate().unwrap();
    let (free, live) = blocks.split_at(blocks.len() / 2);
    owned.free(free.iter().copied(), 50);
    owned.heap.trim();
    owned.heap.validate().unwrap();
    for (index, &block) in blocks.iter().enumerate().skip(free.len()) {
        // SAFETY: the block is live.
        assert!((0..50).all(|at| unsafe { block.add(at).read() } == index as u8));
    }
    owned.free(live.iter().copied(), 50);
    owned.heap.trim();
    owned.heap.validate().unwrap();
    assert_eq!(owned.heap.backing().used_bytes(), 0);
}
