//! Every short program, long random ones over several regions, and what the self-check finds.

extern crate std;

use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use allocator_core::address::address_of;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::memory::{read, write};

type Large = DenseByteAllocator<16, 12, 4>;

#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<SmallDenseByteAllocator>() <= 156, "the state of a small machine's store");

/// How many words of a pool may be left out, so that it is aligned to as many.
const PADDING: usize = 8;

/// Memory for regions.
struct Pool {
    memory: Vec<u128>,
}

impl Pool {
    fn new(bytes: usize) -> Self {
        Self { memory: vec![0x5a5a_5a5a_5a5a_5a5a; bytes / 16 + PADDING] }
    }

    fn start(&mut self) -> usize {
        self.memory.as_mut_ptr().expose_provenance().next_multiple_of(16 * PADDING)
    }

    fn size(&self) -> usize {
        (self.memory.len() - PADDING) * 16
    }

    /// What the memory holds, read as the store does.
    fn save(&mut self) -> Vec<u128> {
        let mut saved = vec![0; self.memory.len()];
        // SAFETY: both are so long.
        unsafe { saved.as_mut_ptr().copy_from(self.memory.as_ptr(), self.memory.len()) };
        saved
    }

    fn restore(&mut self, saved: &[u128]) {
        // SAFETY: both are so long.
        unsafe { self.memory.as_mut_ptr().copy_from(saved.as_ptr(), saved.len()) };
    }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// A store over all of a pool.
fn over<const GRANULE: usize, const FL: usize, const SL: usize>(pool: &mut Pool) -> DenseByteAllocator<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    let mut store = DenseByteAllocator::with_parameters();
    let size = pool.size();
    // SAFETY: the pool is the store's, and stays as long as it.
    unsafe { store.init(pool.start(), size).unwrap() };
    store.validate().unwrap();
    store
}

/// All programs of a few steps over a pool with room for 16 granules.
struct Programs<'p, const GRANULE: usize, const FL: usize, const SL: usize>
where
    SecondLevel<SL>: Occupancy,
{
    pool: &'p mut Pool,
    /// How many programs were run to their end.
    ended: usize,
}

/// A live block: its address, its layout, and what fills it.
type Live = (usize, Layout, u8);

impl<const GRANULE: usize, const FL: usize, const SL: usize> Programs<'_, GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    const SIZES: [(usize, usize); 6] = [(1, 1), (2, 1), (3, 1), (5, 1), (1, 4), (16, 1)];

    fn store(&mut self, state: &[usize]) -> DenseByteAllocator<GRANULE, FL, SL> {
        let mut store = DenseByteAllocator::with_parameters();
        // SAFETY: the words are those of a store, which has no references, and was forgotten.
        unsafe { (&raw mut store).cast::<usize>().copy_from(state.as_ptr(), state.len()) };
        store
    }

    /// Does each possible step, and then the rest of the program.
    fn run(&mut self, state: &[usize], live: &[Live], steps: usize) {
        let memory = self.pool.save();
        for (granules, align) in Self::SIZES {
            let layout = layout(granules * GRANULE, align * GRANULE);
            let mut store = self.store(state);
            let free: usize = store.free_blocks().map(|(_, size)| size).filter(|&size| size >= layout.size()).count();
            match store.alloc(layout) {
                Ok(block) => {
                    let address = address_of(block);
                    assert_eq!(address % layout.align(), 0);
                    let pattern = live.len() as u8 + 1;
                    // SAFETY: the block has so many bytes.
                    unsafe { block.write_bytes(pattern, layout.size()) };
                    let mut live = live.to_vec();
                    live.push((address, layout, pattern));
                    self.go_on(&store, &live, steps);
                }
                Err(_) => assert!(free == 0 || align > 1, "there is a free block of {} bytes or more", layout.size()),
            }
            self.pool.restore(&memory);
        }
        for index in 0..live.len() {
            let (address, layout, _) = live[index];
            let block = pointer_at(address).unwrap();
            let mut store = self.store(state);
            let mut rest = live.to_vec();
            rest.remove(index);
            // SAFETY: the block is live.
            unsafe { store.dealloc(block, layout) };
            self.go_on(&store, &rest, steps);
            self.pool.restore(&memory);
            for new_size in [GRANULE, 2 * GRANULE, 4 * GRANULE] {
                let mut store = self.store(state);
                // SAFETY: the block is live.
                if unsafe { store.realloc_in_place(block, layout, new_size) }.is_ok() {
                    let mut live = live.to_vec();
                    live[index].1 = Layout::from_size_align(new_size, layout.align()).unwrap();
                    // SAFETY: the block has so many bytes.
                    unsafe { block.write_bytes(live[index].2, new_size) };
                    self.go_on(&store, &live, steps);
                } else {
                    assert!(new_size > layout.size(), "a block can always become smaller");
                }
                self.pool.restore(&memory);
            }
        }
    }

    fn go_on(&mut self, store: &DenseByteAllocator<GRANULE, FL, SL>, live: &[Live], steps: usize) {
        store.validate().unwrap();
        let bytes: usize = live.iter().map(|(_, layout, _)| layout.size()).sum();
        assert_eq!(store.used_bytes(), bytes);
        for &(address, layout, pattern) in live {
            for offset in 0..layout.size() {
                // SAFETY: the block is live.
                assert_eq!(unsafe { read::<u8>(address + offset) }, pattern, "a live block was written");
            }
        }
        if live.is_empty() {
            assert_eq!(store.largest_block(), store.total_bytes(), "all is one block again");
        }
        if steps <= 1 {
            self.ended += 1;
            return;
        }
        let words = size_of_val(store) / size_of::<usize>();
        // SAFETY: a store is words.
        let state = unsafe { core::slice::from_raw_parts(core::ptr::from_ref(store).cast::<usize>(), words) }.to_vec();
        self.run(&state, live, steps - 1);
    }
}

fn all_programs<const GRANULE: usize, const FL: usize, const SL: usize>(steps: usize) -> usize
where
    SecondLevel<SL>: Occupancy,
{
    let region = RegionStart::<GRANULE>::size_for(16 * GRANULE).unwrap();
    let mut pool = Pool::new(region.next_multiple_of(16));
    let store = over::<GRANULE, FL, SL>(&mut pool);
    assert!((16..=18).contains(&(store.total_bytes() / GRANULE)));
    let mut programs = Programs::<GRANULE, FL, SL> { pool: &mut pool, ended: 0 };
    programs.go_on(&store, &[], steps + 1);
    programs.ended
}

#[test]
fn all_programs_of_a_few_steps_over_16_granules() {
    let steps = if cfg!(miri) { 2 } else { 5 };
    assert!(all_programs::<16, 12, 4>(steps) > 6_usize.pow(steps as u32 - 1));
    all_programs::<8, 16, 2>(steps);
    all_programs::<32, 8, 8>(steps.min(4));
}

/// A store over several regions, beside a model.
struct Shadow<const GRANULE: usize, const FL: usize, const SL: usize>
where
    SecondLevel<SL>: Occupancy,
{
    store: DenseByteAllocator<GRANULE, FL, SL>,
    /// The live blocks by address: size, alignment, what fills them.
    live: BTreeMap<usize, (usize, usize, u8)>,
    /// The memory of regions that the store does not have.
    outside: Vec<(usize, usize)>,
    rng: SmallRng,
}

impl<const GRANULE: usize, const FL: usize, const SL: usize> Shadow<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    fn step(&mut self) {
        match self.rng.random_range(0..20) {
            0 => self.add_region(),
            1 => self.release_region(),
            2..10 => self.alloc(),
            10..13 => self.realloc(),
            _ => self.dealloc(),
        }
    }

    fn add_region(&mut self) {
        if self.outside.is_empty() {
            return;
        }
        let (start, size) = self.outside.swap_remove(self.rng.random_range(0..self.outside.len()));
        let before = self.store.total_bytes();
        // SAFETY: the memory is nobody's.
        unsafe { self.store.add_memory(start, size).unwrap() };
        let added = self.store.total_bytes() - before;
        assert!(added < size && added > size - size / 8 - 128);
        // SAFETY: the store has it, so it refuses it.
        assert_eq!(unsafe { self.store.add_memory(start + 512, 1024) }, Err(AllocError::MemoryOverlap));
    }

    fn release_region(&mut self) {
        let before = self.store.total_bytes();
        if let Some(region) = self.store.release_region() {
            let live = self.live.range(region.start()..region.end()).count();
            assert_eq!(live, 0, "a block is live in the region");
            assert!(self.store.total_bytes() < before);
            self.outside.push((region.start(), region.size()));
        }
    }

    fn alloc(&mut self) {
        let most = 600 >> self.rng.random_range(0..7);
        let size = self.rng.random_range(0..most);
        let align = 1 << self.rng.random_range(0..8);
        let Ok(block) = self.store.alloc(layout(size, align)) else { return };
        self.insert(address_of(block), size, align);
    }

    fn insert(&mut self, address: usize, size: usize, align: usize) {
        assert_eq!(address % align, 0);
        let taken = size.max(1).next_multiple_of(GRANULE);
        let below = self.live.range(..address + taken).next_back();
        assert!(below.is_none_or(|(&other, (size, ..))| other + (*size).max(1) <= address), "two blocks overlap");
        let pattern = self.rng.random();
        for offset in 0..size {
            // SAFETY: the block has so many bytes.
            unsafe { write::<u8>(address + offset, pattern) };
        }
        self.live.insert(address, (size, align, pattern));
    }

    fn pick(&mut self) -> Option<(usize, Layout)> {
        let nth = self.rng.random_range(0..self.live.len().max(1));
        let (&address, &(size, align, pattern)) = self.live.iter().nth(nth)?;
        for offset in 0..size {
            // SAFETY: the block has so many bytes.
            assert_eq!(unsafe { read::<u8>(address + offset) }, pattern);
        }
        self.live.remove(&address);
        Some((address, layout(size, align)))
    }

    fn dealloc(&mut self) {
        let Some((address, layout)) = self.pick() else { return };
        // SAFETY: the block was live.
        unsafe { self.store.dealloc(pointer_at(address).unwrap(), layout) };
    }

    fn realloc(&mut self) {
        let Some((address, layout)) = self.pick() else { return };
        let new_size = self.rng.random_range(0..400);
        // SAFETY: the block was live.
        match unsafe { self.store.realloc(pointer_at(address).unwrap(), layout, new_size) } {
            Ok(block) => self.insert(address_of(block), new_size, layout.align()),
            Err(_) => self.insert(address, layout.size(), layout.align()),
        }
    }
}

fn random_programs<const GRANULE: usize, const FL: usize, const SL: usize>(seed: u64)
where
    SecondLevel<SL>: Occupancy,
{
    let mut pool = Pool::new(60 << 10);
    let (base, size) = (pool.start(), 4 << 10);
    let mut outside: Vec<_> = (0..15).map(|index| (base + index * size + index % 3, size - 16)).collect();
    let (start, size) = outside.remove(7);
    let mut shadow = Shadow::<GRANULE, FL, SL> {
        store: DenseByteAllocator::with_parameters(),
        live: BTreeMap::new(),
        outside,
        rng: SmallRng::seed_from_u64(seed),
    };
    // SAFETY: the pool is the store's.
    unsafe { shadow.store.init(start, size).unwrap() };
    for step in 0..allocator_conformance::steps(if cfg!(miri) { 60 } else { 6000 }) {
        shadow.step();
        shadow.store.validate().unwrap_or_else(|error| panic!("step {step}: {error}"));
        let used: usize = shadow.live.values().map(|(size, ..)| (*size).max(1).next_multiple_of(GRANULE)).sum();
        assert_eq!(shadow.store.used_bytes(), used);
    }
    while !shadow.live.is_empty() {
        shadow.dealloc();
    }
    shadow.store.validate().unwrap();
    while shadow.store.release_region().is_some() {
        shadow.store.validate().unwrap();
    }
    assert_eq!((shadow.store.total_bytes(), shadow.store.regions.is_empty()), (0, true), "all regions came back");
}

#[test]
fn random_programs_over_regions_that_come_and_go() {
    let seed = allocator_conformance::seed();
    random_programs::<16, 12, 4>(seed);
    random_programs::<8, 16, 2>(seed);
    random_programs::<8, 12, 8>(seed);
    random_programs::<64, 10, 16>(seed);
}

/// What `validate` says once a word was changed.
fn after(change: impl FnOnce(&mut Large, usize)) -> String {
    let mut pool = Pool::new(2048);
    let mut store = over::<16, 12, 4>(&mut pool);
    let blocks: Vec<_> = (0..6).map(|_| store.alloc(layout(48, 1)).unwrap()).collect();
    for index in [1, 3] {
        // SAFETY: the blocks are live.
        unsafe { store.dealloc(blocks[index], layout(48, 1)) };
    }
    store.validate().unwrap();
    change(&mut store, address_of(blocks[1]));
    format!("{:?}", store.validate())
}

/// Each kind of mistake that a change of the store could make, made.
#[test]
fn the_self_check_finds_each_kind_of_mistake() {
    let word = size_of::<usize>();
    let cases: [(&str, String); 11] = [
        ("two sizes", after(|_, free| set(free + 48 - word, 64))),
        ("another class", after(|_, free| set(free + 16, 240))),
        ("not whole granules", after(|_, free| set(free + 16, 49))),
        ("linked both ways", after(|_, free| set(free + 16 - word, free))),
        ("no bit", after(flip)),
        ("no bit", after(|store, free| flip(store, free + 48))),
        ("a bit is set", after(|store, free| flip(store, free + 16))),
        ("not used", after(|store, _| store.used += 16)),
        ("counts", after(|store, _| store.total += 16)),
        ("the regions have not", after(|store, _| store.regions = Regions::EMPTY)),
        ("is not what is free", after(|store, _| assert!(store.lists.take(48).is_some()))),
    ];
    for (expected, found) in cases {
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

fn set(address: usize, word: usize) {
    // SAFETY: the word is one of a free block.
    unsafe { write(address, word) };
}

fn flip(store: &mut Large, address: usize) {
    let region = store.regions.find(address);
    // SAFETY: the address lies in the region.
    unsafe { region.flip_bound(address) };
}

#[test]
fn a_pool_is_one_block_however_large_and_each_size_up_to_it_fits() {
    let mut pool = Pool::new(8 << 10);
    let mut store = over::<16, 12, 4>(&mut pool);
    let largest = store.largest_block();
    assert_eq!(largest, store.total_bytes());
    for size in (1..=largest).step_by(if cfg!(miri) { 701 } else { 7 }).chain([largest]) {
        let block = store.alloc(layout(size, 16)).unwrap();
        // SAFETY: the block is live.
        unsafe { store.dealloc(block, layout(size, 16)) };
        assert_eq!(store.largest_block(), largest, "{size}");
    }
    assert!(store.alloc(layout(largest + 1, 1)).is_err());
}

#[test]
fn a_region_too_large_for_one_bitmap_becomes_several() {
    type Tiny = DenseByteAllocator<16, 8, 1>;
    assert_eq!(Tiny::LARGEST_REGION, 2032);
    for size in (2048..9000).step_by(if cfg!(miri) { 1008 } else { 16 }) {
        let mut pool = Pool::new(size);
        let mut store = over::<16, 8, 1>(&mut pool);
        store.validate().unwrap();
        let pieces = store.regions.iter().count();
        assert!(pieces > 1 && store.total_bytes() > size - size / 16 - pieces * 96, "{size}: {}", store.total_bytes());
        assert_eq!(store.release_region(), None, "what a caller did not hand over is not released");
        // SAFETY: the store has the memory.
        assert_eq!(unsafe { store.add_memory(pool.start() + size - 512, 512) }, Err(AllocError::MemoryOverlap));
    }
}

/// A piece has room for a block, however large granules are.
#[test]
fn each_piece_of_a_region_has_a_block() {
    fn check<const GRANULE: usize, const FL: usize, const SL: usize>(size: usize, pieces: usize)
    where
        SecondLevel<SL>: Occupancy,
    {
        let mut pool = Pool::new(size + GRANULE);
        let start = pool.start().next_multiple_of(GRANULE);
        let mut store = DenseByteAllocator::<GRANULE, FL, SL>::with_parameters();
        // SAFETY: nothing else uses the pool.
        unsafe { store.init(start, size).unwrap() };
        store.validate().unwrap();
        assert_eq!(store.regions.iter().count(), pieces, "{GRANULE}, {FL}, {SL}");
        let blocks = core::iter::from_fn(|| store.alloc(layout(1, 1)).ok()).count();
        assert_eq!(store.used_bytes(), blocks * GRANULE);
        assert!(blocks >= pieces && store.available_bytes() == 0);
        store.validate().unwrap();
    }
    check::<512, 4, 1>(4096, 2);
    check::<1024, 4, 2>(16 << 10, 2);
    if !cfg!(miri) {
        check::<4096, 8, 2>(1 << 20, 2);
        check::<4096, 8, 2>(511 << 12, 3);
    }
}

#[test]
fn a_region_comes_back_only_when_nothing_in_it_is_live() {
    let mut pool = Pool::new(8 << 10);
    let mut store = Large::with_parameters();
    assert_eq!(store.release_region(), None);
    let base = pool.start();
    // SAFETY: the pool is the store's.
    unsafe {
        store.init(base, 4096).unwrap();
        let only = store.alloc(layout(16, 1)).unwrap();
        assert_eq!(store.release_region(), None);
        store.add_memory(base + 4096, 4096).unwrap();
        store.validate().unwrap();
        let other = store.alloc(layout(store.largest_block(), 1)).unwrap();
        assert_eq!(store.release_region(), None);
        store.dealloc(only, layout(16, 1));
        assert_eq!(store.release_region().map(|region| region.start()), Some(base));
        store.validate().unwrap();
        let largest = store.total_bytes();
        store.dealloc(other, layout(largest, 1));
        store.validate().unwrap();
        assert_eq!(store.release_region().map(|region| region.start()), Some(base + 4096));
        assert_eq!((store.release_region(), store.total_bytes()), (None, 0));
        store.init(base, 8192).unwrap();
        store.validate().unwrap();
    }
}

#[test]
fn blocks_of_a_batch_lie_side_by_side() {
    let mut pool = Pool::new(4096);
    let mut store = over::<16, 12, 4>(&mut pool);
    let mut out = [MaybeUninit::uninit(); 10];
    let blocks: Vec<_> = store.alloc_batch(layout(40, 8), &mut out).iter().map(|&block| address_of(block)).collect();
    assert!(blocks.len() == 10 && blocks.windows(2).all(|pair| pair[1] - pair[0] == 48));
    assert_eq!(store.used_bytes(), 480);
    let mut out = [MaybeUninit::uninit(); 3];
    let aligned = store.alloc_batch(layout(48, 64), &mut out);
    assert!(aligned.len() == 3 && aligned.iter().all(|&block| address_of(block).is_multiple_of(64)));
    store.validate().unwrap();
}
