//! What is done with collections. Where memory is refused, the work ends: that is its result, not a crash.

use allocator_api2::alloc::Allocator;
use allocator_api2::collections::TryReserveError;
use allocator_api2::vec::Vec as PoolVec;
use hashbrown::{DefaultHashBuilder, HashMap};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// A piece of work with collections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Work {
    /// So many numbers are pushed to one vector.
    Push(u32),
    /// So many vectors of so many numbers each are filled, and freed in random order.
    Vectors(usize, usize),
    /// So many keys, the decimal digits of random numbers, are inserted into a hash map, and removed in random order.
    HashMap(usize),
}

/// The allocator refused.
#[derive(Debug)]
pub(super) struct Refused;

impl From<TryReserveError> for Refused {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

impl From<hashbrown::TryReserveError> for Refused {
    fn from(_: hashbrown::TryReserveError) -> Self {
        Self
    }
}

impl Work {
    /// How many operations its time is divided by: numbers pushed, vectors, or insertions and removals.
    #[must_use]
    pub(super) fn operations(self) -> usize {
        match self {
            Self::Push(numbers) => numbers as usize,
            Self::Vectors(count, _) => count,
            Self::HashMap(keys) => 2 * keys,
        }
    }

    /// Does it, with memory of `heap`'s, and calls `lap` now and then: after the same part of the work each time.
    ///
    /// # Panics
    ///
    /// When the contents of a collection are not what was put into it.
    pub(super) fn run<A: Allocator + Clone>(self, heap: &A, seed: u64, lap: impl FnMut()) -> Result<(), Refused> {
        match self {
            Self::Push(numbers) => push(heap, numbers, lap),
            Self::Vectors(count, len) => vectors(heap, count, len, seed, lap),
            Self::HashMap(keys) => hash_map(heap, keys, seed, lap),
        }
    }
}

/// So many numbers are timed at once.
const LAP_OF_NUMBERS: usize = 8192;
/// So many vectors.
const LAP_OF_VECTORS: usize = 64;
/// So many keys.
const LAP_OF_KEYS: usize = 256;

fn push<A: Allocator + Clone>(heap: &A, numbers: u32, mut lap: impl FnMut()) -> Result<(), Refused> {
    let mut vector = PoolVec::new_in(heap.clone());
    for first in (0..numbers).step_by(LAP_OF_NUMBERS) {
        for number in first..numbers.min(first + LAP_OF_NUMBERS as u32) {
            vector.try_reserve(1)?;
            vector.push(number);
        }
        lap();
    }
    let mut number = 0;
    for some in vector.chunks(LAP_OF_NUMBERS) {
        assert!(some.iter().copied().eq(number..number + some.len() as u32));
        number += some.len() as u32;
        lap();
    }
    assert_eq!(number, numbers);
    drop(vector);
    lap();
    Ok(())
}

fn vectors<A: Allocator + Clone>(
    heap: &A,
    count: usize,
    len: usize,
    seed: u64,
    mut lap: impl FnMut(),
) -> Result<(), Refused> {
    let contents = |index: usize| (0..len as u64).map(move |n| n ^ index as u64);
    let mut vectors = Vec::with_capacity(count);
    for index in 0..count {
        let mut vector = PoolVec::new_in(heap.clone());
        vector.try_reserve_exact(len)?;
        vector.extend(contents(index));
        vectors.push((index, vector));
        if index % LAP_OF_VECTORS == 0 {
            lap();
        }
    }
    vectors.shuffle(&mut SmallRng::seed_from_u64(seed));
    for (nth, (index, vector)) in vectors.into_iter().enumerate() {
        assert!(vector.iter().copied().eq(contents(index)));
        drop(vector);
        if nth % LAP_OF_VECTORS == 0 {
            lap();
        }
    }
    lap();
    Ok(())
}

/// The decimal digits of a number, in the pool.
fn key<A: Allocator + Clone>(heap: &A, number: u32) -> Result<PoolVec<u8, A>, Refused> {
    let digits = number.checked_ilog10().unwrap_or(0) + 1;
    let mut key = PoolVec::new_in(heap.clone());
    key.try_reserve_exact(digits as usize)?;
    key.extend((0..digits).rev().map(|digit| b'0' + (number / 10_u32.pow(digit) % 10) as u8));
    Ok(key)
}

fn hash_map<A: Allocator + Clone>(heap: &A, keys: usize, seed: u64, mut lap: impl FnMut()) -> Result<(), Refused> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), heap.clone());
    let mut numbers: Vec<u32> = (0..keys).map(|_| rng.random()).collect();
    for some in numbers.chunks(LAP_OF_KEYS) {
        for &number in some {
            map.try_reserve(1)?;
            map.insert(key(heap, number)?, number);
        }
        lap();
    }
    numbers.shuffle(&mut rng);
    for some in numbers.chunks(LAP_OF_KEYS) {
        for &number in some {
            // The same number may have come up twice.
            assert!(map.remove(&key(heap, number)?).is_none_or(|removed| removed == number));
        }
        lap();
    }
    assert!(map.is_empty());
    drop(map);
    lap();
    Ok(())
}
