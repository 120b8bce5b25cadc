//! The workloads of the byte engines. Each is written for any `Allocator`, and ends with an error, not with a panic, when memory
//! runs out.

use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box as BoxIn;
use allocator_api2::collections::TryReserveError;
use allocator_api2::vec::Vec as VecIn;
use hashbrown::HashMap;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// The heap had no block for a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutOfMemory;

impl From<TryReserveError> for OutOfMemory {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

impl From<hashbrown::TryReserveError> for OutOfMemory {
    fn from(_: hashbrown::TryReserveError) -> Self {
        Self
    }
}

/// Anything that lives in a heap until it is dropped.
pub(crate) trait Alive {}
impl<T> Alive for T {}

/// A workload that has come to its end.
pub(crate) struct Done<'pool> {
    /// The same on every heap.
    pub(crate) checksum: u64,
    /// What is still in the heap.
    _alive: Box<dyn Alive + 'pool>,
}

impl<'pool> Done<'pool> {
    fn new(checksum: u64, alive: impl Alive + 'pool) -> Self {
        Self { checksum, _alive: Box::new(alive) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    Sort,
    Words,
    Churn,
}

impl Workload {
    pub(crate) const ALL: [Self; 3] = [Self::Sort, Self::Words, Self::Churn];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sort => "sort",
            Self::Words => "words",
            Self::Churn => "churn",
        }
    }

    /// What it does, and what is left of it.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Sort => "1M numbers pushed to a Vec and merge-sorted with buffers from the heap",
            Self::Words => "200K words counted in a HashMap, each key a block; words seen once go",
            Self::Churn => "1M times a block of 16 B to 16 KiB comes or goes; one in four stays",
        }
    }

    pub(crate) fn run<'pool, A: Allocator + Clone + 'pool>(
        self,
        heap: &A,
        seed: u64,
    ) -> Result<Done<'pool>, OutOfMemory> {
        let rng = SmallRng::seed_from_u64(seed);
        match self {
            Self::Sort => sort(heap, rng),
            Self::Words => words(heap, rng),
            Self::Churn => churn(heap, rng),
        }
    }
}

const NUMBERS: usize = 1_000_000;

/// A slice that is sorted in place, without a buffer.
const SHORT: usize = 64;

fn sort<'pool, A: Allocator + Clone + 'pool>(heap: &A, mut rng: SmallRng) -> Result<Done<'pool>, OutOfMemory> {
    let mut numbers = VecIn::new_in(heap.clone());
    for _ in 0..NUMBERS {
        numbers.try_reserve(1)?;
        numbers.push(rng.random());
    }
    merge_sort(&mut numbers, heap)?;
    assert!(numbers.is_sorted(), "a heap that corrupts what is in it");
    let checksum = numbers.iter().step_by(1000).fold(0, |sum: u64, &number| sum.rotate_left(1) ^ u64::from(number));
    Ok(Done::new(checksum, numbers))
}

fn merge_sort<A: Allocator + Clone>(numbers: &mut [u32], heap: &A) -> Result<(), OutOfMemory> {
    if numbers.len() <= SHORT {
        numbers.sort_unstable();
        return Ok(());
    }
    let middle = numbers.len() / 2;
    merge_sort(&mut numbers[..middle], heap)?;
    merge_sort(&mut numbers[middle..], heap)?;
    let mut lower = VecIn::new_in(heap.clone());
    lower.try_reserve_exact(middle)?;
    lower.extend_from_slice(&numbers[..middle]);
    // The place to write never overtakes `upper`: as much is missing between them as is left of `lower`.
    let (mut next, mut upper) = (0, middle);
    for number in lower {
        while upper < numbers.len() && numbers[upper] < number {
            numbers[next] = numbers[upper];
            (next, upper) = (next + 1, upper + 1);
        }
        numbers[next] = number;
        next += 1;
    }
    Ok(())
}

const WORDS: usize = 200_000;
const VOCABULARY: f64 = 16_000.0;

fn words<'pool, A: Allocator + Clone + 'pool>(heap: &A, mut rng: SmallRng) -> Result<Done<'pool>, OutOfMemory> {
    // A hasher without a random seed, so that every heap sees the same order of keys.
    type Hasher = BuildHasherDefault<DefaultHasher>;
    let mut counts = HashMap::with_hasher_in(Hasher::default(), heap.clone());
    let mut letters = [0; 40];
    for _ in 0..WORDS {
        // A few words are common, most are rare.
        let rank = (rng.random::<f64>().powi(4) * VOCABULARY) as u64;
        let word = spell(rank, &mut letters);
        if let Some(count) = counts.get_mut(word) {
            *count += 1;
            continue;
        }
        let mut key = VecIn::new_in(heap.clone());
        key.try_reserve_exact(word.len())?;
        key.extend_from_slice(word);
        counts.try_reserve(1)?;
        counts.insert(key.into_boxed_slice(), 1_u32);
    }
    counts.retain(|_, count| *count > 1);
    let checksum = counts.iter().map(|(word, &count): (&BoxIn<[u8], A>, _)| word.len() as u64 * u64::from(count)).sum();
    Ok(Done::new(checksum, counts))
}

/// The word of a rank, 3 to 40 letters.
fn spell(rank: u64, letters: &mut [u8; 40]) -> &[u8] {
    let mut rng = SmallRng::seed_from_u64(rank);
    let word = &mut letters[..rng.random_range(3..=40)];
    word.fill_with(|| rng.random_range(b'a'..=b'z'));
    word
}

const SMALLEST: usize = 16;
const BLOCKS: usize = 16_384;
const STEPS: usize = 1_000_000;

fn churn<'pool, A: Allocator + Clone + 'pool>(heap: &A, mut rng: SmallRng) -> Result<Done<'pool>, OutOfMemory> {
    // The table is the tour's; only the blocks are the heap's.
    let mut blocks: Vec<Option<VecIn<u8, A>>> = Vec::new();
    blocks.resize_with(BLOCKS, || None);
    let mut checksum = 0;
    for step in 0..STEPS {
        let place = &mut blocks[rng.random_range(..BLOCKS)];
        match place.take() {
            Some(block) => checksum += mark_of(&block),
            None => *place = Some(block(heap, some_size(&mut rng), step as u8)?),
        }
    }
    for place in &mut blocks {
        if rng.random_range(..4_u8) > 0 {
            checksum += place.take().map_or(0, |block| mark_of(&block));
        }
    }
    Ok(Done::new(checksum, blocks))
}

/// From 16 bytes to 16 KiB; every power of two is as likely as the next.
fn some_size(rng: &mut SmallRng) -> usize {
    let power = SMALLEST << rng.random_range(..10_u32);
    rng.random_range(power..=2 * power)
}

/// A block of `size` bytes. Only its first are written: the time is to be that of the heap, not of the memory.
fn block<A: Allocator + Clone>(heap: &A, size: usize, mark: u8) -> Result<VecIn<u8, A>, OutOfMemory> {
    let mut block = VecIn::new_in(heap.clone());
    block.try_reserve_exact(size)?;
    block.extend_from_slice(&[mark; SMALLEST]);
    Ok(block)
}

/// The mark of a block that is given back.
fn mark_of(block: &[u8]) -> u64 {
    assert!(block.iter().all(|&byte| byte == block[0]), "a heap that hands out memory twice");
    u64::from(block[0])
}
