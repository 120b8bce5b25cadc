//! Lists of requests, recorded once so that every allocator replays exactly the same.
//!
//! A [`Recorder`] writes a list down and knows, as a shadow, which slots are live: it never frees an empty slot nor fills
//! a full one. The patterns of the workloads are functions at the end. The sizes of a list are bytes or pages; the replaying
//! code knows which.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// What is done with a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// A block of the given size and alignment goes into the slot, which is empty.
    Alloc,
    /// The block in the slot gets the given size.
    Realloc,
    /// The block in the slot is given back.
    Free,
}

/// One request, in 12 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Operation {
    /// Which of the list's slots it is about.
    pub slot: u32,
    /// The size asked for; 0 for [`Action::Free`].
    pub size: u32,
    /// The alignment asked for, as its log2.
    pub align_log2: u8,
    /// What is done.
    pub action: Action,
}

/// What a list asks of an allocator.
#[derive(Clone, Debug)]
pub struct OperationList {
    /// What fills the slots at first; not timed.
    pub prelude: Vec<Operation>,
    /// What is timed.
    pub timed: Vec<Operation>,
    /// The number of slots; each is used by some operation.
    pub slots: usize,
    /// The most bytes (or pages) that are live at a time.
    pub peak: u64,
    /// The distribution of the sizes asked for.
    pub sizes: Distribution,
}

impl OperationList {
    /// The size, and the alignment as its log2, that every request asks for; `None` where they differ.
    #[must_use]
    pub fn all_ask_for(&self) -> Option<(u32, u8)> {
        let mut asked = self
            .prelude
            .iter()
            .chain(&self.timed)
            .filter(|operation| operation.action != Action::Free)
            .map(|operation| (operation.size, operation.align_log2));
        let first = asked.next()?;
        asked.all(|other| other == first).then_some(first)
    }
}

/// What a reader wants to know of many sizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Distribution {
    /// How many sizes there are.
    pub count: usize,
    /// The smallest.
    pub min: u32,
    /// The middle one.
    pub median: u32,
    /// Their mean, rounded.
    pub mean: u32,
    /// The largest.
    pub max: u32,
}

impl Distribution {
    /// The distribution of `sizes`, of which there are some.
    #[must_use]
    pub fn of(mut sizes: Vec<u32>) -> Self {
        sizes.sort_unstable();
        let count = sizes.len();
        let sum: u64 = sizes.iter().map(|&size| u64::from(size)).sum();
        let mean = (sum + count as u64 / 2) / count as u64;
        Self {
            count,
            min: sizes[0],
            median: sizes[count / 2],
            mean: u32::try_from(mean).expect("the mean of numbers below 2^32"),
            max: sizes[count - 1],
        }
    }

    /// In words, in `unit`.
    #[must_use]
    pub fn describe(&self, unit: &str) -> String {
        let Self { count, min, median, mean, max } = self;
        if min == max {
            format!("{min} {unit} each; n = {count}")
        } else {
            format!("{min} to {max} {unit}, median {median}, mean {mean}; n = {count}")
        }
    }
}

/// Writes a list down.
pub struct Recorder {
    operations: Vec<Operation>,
    prelude_len: usize,
    /// The live size of each slot, 0 where it is empty.
    live: Vec<u32>,
    touched: Vec<bool>,
    sizes: Vec<u32>,
    live_bytes: u64,
    peak: u64,
}

impl Recorder {
    /// An empty list for `slots` slots.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self {
            operations: Vec::new(),
            prelude_len: 0,
            live: vec![0; slots],
            touched: vec![false; slots],
            sizes: Vec::new(),
            live_bytes: 0,
            peak: 0,
        }
    }

    fn record(&mut self, slot: usize, size: u32, align_log2: u8, action: Action) {
        self.live_bytes = self.live_bytes - u64::from(self.live[slot]) + u64::from(size);
        self.peak = self.peak.max(self.live_bytes);
        self.live[slot] = size;
        self.touched[slot] = true;
        if size > 0 {
            self.sizes.push(size);
        }
        let slot = u32::try_from(slot).expect("fewer slots than 2^32");
        self.operations.push(Operation { slot, size, align_log2, action });
    }

    /// A block for an empty slot.
    ///
    /// # Panics
    ///
    /// When the slot is not empty, or `size` is 0.
    pub fn alloc(&mut self, slot: usize, size: u32, align_log2: u8) {
        assert!(self.live[slot] == 0 && size > 0, "slot {slot} is filled with {size}");
        self.record(slot, size, align_log2, Action::Alloc);
    }

    /// Another size for the block in a slot.
    ///
    /// # Panics
    ///
    /// When the slot is empty, or `size` is 0.
    pub fn realloc(&mut self, slot: usize, size: u32) {
        assert!(self.live[slot] > 0 && size > 0, "slot {slot} is resized to {size}");
        self.record(slot, size, 0, Action::Realloc);
    }

    /// The block in a slot is given back.
    ///
    /// # Panics
    ///
    /// When the slot is empty.
    pub fn free(&mut self, slot: usize) {
        assert!(self.live[slot] > 0, "slot {slot} is emptied");
        self.record(slot, 0, 0, Action::Free);
    }

    /// Whether a slot is full.
    #[must_use]
    pub fn is_live(&self, slot: usize) -> bool {
        self.live[slot] > 0
    }

    /// What was recorded so far is not timed.
    pub fn begin_timing(&mut self) {
        self.prelude_len = self.operations.len();
    }

    /// The number of operations to be timed so far.
    #[must_use]
    pub fn timed_len(&self) -> usize {
        self.operations.len() - self.prelude_len
    }

    /// The list.
    ///
    /// # Panics
    ///
    /// When a slot was never used: then fewer blocks are live than the workload says.
    #[must_use]
    pub fn finish(mut self) -> OperationList {
        let untouched = self.touched.iter().filter(|touched| !**touched).count();
        assert_eq!(untouched, 0, "slots of {} that no operation touches", self.touched.len());
        let timed = self.operations.split_off(self.prelude_len);
        OperationList {
            prelude: self.operations,
            timed,
            slots: self.live.len(),
            peak: self.peak,
            sizes: Distribution::of(self.sizes),
        }
    }
}

/// Where sizes and alignments come from.
pub type Sizes = fn(&mut SmallRng) -> (u32, u8);

/// What a step does with a block that is live.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// The block is given back and another one taken.
    Replace,
    /// The same, but every other step gives the block another size instead.
    ReplaceOrResize,
}

/// A block is taken and given back again, `operations` in all.
#[must_use]
pub fn pairs(size: u32, align_log2: u8, operations: usize) -> OperationList {
    let mut recorder = Recorder::new(1);
    while recorder.timed_len() < operations {
        recorder.alloc(0, size, align_log2);
        recorder.free(0);
    }
    recorder.finish()
}

/// With `live` blocks live: steps that change a block chosen at random.
///
/// The list is long enough that most of the blocks which filled the heap in order are gone at its end; a replay may stop
/// earlier.
#[must_use]
pub fn changing(live: usize, sizes: Sizes, change: Change, operations: usize, seed: u64) -> OperationList {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut recorder = used_heap(live, sizes, &mut rng);
    while recorder.timed_len() < operations {
        let slot = rng.random_range(..live);
        if change == Change::ReplaceOrResize && rng.random() {
            let (size, _) = sizes(&mut rng);
            recorder.realloc(slot, size);
        } else {
            replace(&mut recorder, slot, sizes, &mut rng);
        }
    }
    recorder.finish()
}

/// With `live` blocks live: `batch` of them chosen at random are given back, then as many taken.
#[must_use]
pub fn replacing_by(batch: usize, live: usize, sizes: Sizes, operations: usize, seed: u64) -> OperationList {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut recorder = used_heap(live, sizes, &mut rng);
    let mut emptied = Vec::with_capacity(batch);
    while recorder.timed_len() < operations {
        while emptied.len() < batch {
            let slot = rng.random_range(..live);
            if !emptied.contains(&slot) {
                recorder.free(slot);
                emptied.push(slot);
            }
        }
        for slot in emptied.drain(..) {
            let (size, align_log2) = sizes(&mut rng);
            recorder.alloc(slot, size, align_log2);
        }
    }
    recorder.finish()
}

/// With half of the slots full: one chosen at random is emptied if it is full, and filled if it is empty. In the end the
/// same slots are full as in the beginning.
#[must_use]
pub fn toggling(slots: usize, sizes: Sizes, operations: usize, seed: u64) -> OperationList {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut recorder = Recorder::new(slots);
    for slot in 0..slots {
        let (size, align_log2) = sizes(&mut rng);
        recorder.alloc(slot, size, align_log2);
    }
    (0..slots).filter(|_| rng.random()).collect::<Vec<_>>().into_iter().for_each(|slot| recorder.free(slot));
    recorder.begin_timing();
    let chosen: Vec<usize> = (0..operations / 2).map(|_| rng.random_range(..slots)).collect();
    for &slot in chosen.iter().chain(chosen.iter().rev()) {
        if recorder.is_live(slot) {
            recorder.free(slot);
        } else {
            let (size, align_log2) = sizes(&mut rng);
            recorder.alloc(slot, size, align_log2);
        }
    }
    recorder.finish()
}

/// A recorder whose slots are full, and whose timed part begins now. Half as many blocks as there are slots have been replaced,
/// so that the timed part does not begin in a heap filled in order.
fn used_heap(live: usize, sizes: Sizes, rng: &mut SmallRng) -> Recorder {
    let mut recorder = Recorder::new(live);
    for slot in 0..live {
        let (size, align_log2) = sizes(rng);
        recorder.alloc(slot, size, align_log2);
    }
    for _ in 0..live / 2 {
        replace(&mut recorder, rng.random_range(..live), sizes, rng);
    }
    recorder.begin_timing();
    recorder
}

fn replace(recorder: &mut Recorder, slot: usize, sizes: Sizes, rng: &mut SmallRng) {
    recorder.free(slot);
    let (size, align_log2) = sizes(rng);
    recorder.alloc(slot, size, align_log2);
}

/// How often each alignment is asked for; for tests and documents.
#[must_use]
pub fn alignments(list: &OperationList) -> BTreeMap<u8, usize> {
    let mut counts = BTreeMap::new();
    for operation in list.prelude.iter().chain(&list.timed).filter(|operation| operation.action == Action::Alloc) {
        *counts.entry(operation.align_log2).or_default() += 1;
    }
    counts
}

/// Alignment of blocks that ask for none in particular: that of a word.
const WORD: u8 = 3;

/// Distributions of sizes in bytes.
pub mod sizes {
    use rand::Rng;
    use rand::rngs::SmallRng;

    use super::WORD;

    /// 64 bytes.
    pub fn fixed_64(_: &mut SmallRng) -> (u32, u8) {
        (64, WORD)
    }

    /// Any size from 4 bytes to 1 KiB, all equally likely.
    pub fn to_1_kib(rng: &mut SmallRng) -> (u32, u8) {
        (rng.random_range(4..=1 << 10), WORD)
    }

    /// Any size from 4 bytes to 10 KiB, all equally likely.
    pub fn to_10_kib(rng: &mut SmallRng) -> (u32, u8) {
        (rng.random_range(4..=10 << 10), WORD)
    }

    /// Any size from 4 bytes to 64 KiB, all equally likely.
    pub fn to_64_kib(rng: &mut SmallRng) -> (u32, u8) {
        (rng.random_range(4..=64 << 10), WORD)
    }

    /// Any size from 4 bytes to 1 KiB at an alignment of 16 bytes to 4 KiB, all nine equally likely.
    pub fn highly_aligned(rng: &mut SmallRng) -> (u32, u8) {
        (rng.random_range(4..=1 << 10), rng.random_range(4..=12))
    }

    /// Any size from 4 to a bound, which is itself drawn from 4 to 4 KiB: many small sizes, few large ones.
    pub fn below_uniform(rng: &mut SmallRng) -> (u32, u8) {
        let bound = rng.random_range(4..=4 << 10);
        (rng.random_range(4..=bound), WORD)
    }

    /// A power of two from 8 bytes to 4 KiB, all ten equally likely.
    pub fn powers_of_two(rng: &mut SmallRng) -> (u32, u8) {
        (1 << rng.random_range(3..=12_u32), WORD)
    }

    /// Any size from 4 KiB to 64 KiB, all equally likely.
    pub fn from_4_to_64_kib(rng: &mut SmallRng) -> (u32, u8) {
        (rng.random_range(4 << 10..=64 << 10), WORD)
    }
}
