//! How full a pool gets, and what is left of its largest block.
//!
//! Nothing is timed here. Each round draws other sizes, from the seed and the number of the round.

use std::alloc::Layout;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::Rc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::bytes::{ByteHeap, HeapVisitor, is_aligned, largest_block, visit_heaps};
use super::memory::Pools;
use super::operations::{Distribution, Sizes, sizes};
use super::{Measurement, Options, Selection, Trial};
use crate::results::{Family, Workload};

#[cfg(test)]
mod tests;

/// What a fill workload measures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Look {
    /// Live user bytes at the first refusal.
    FirstRefusal,
    /// The same, mean over many refusals, before each of which a random block was freed.
    Brink,
    /// The largest block that fits after all that and after everything was freed.
    Largest,
}

/// The name of each measurement, and what its share means.
const LOOKS: [(Look, &str, &str); 3] = [
    (
        Look::FirstRefusal,
        "first-refusal",
        "blocks are taken until one is refused; the share of the pool that is live then",
    ),
    (
        Look::Brink,
        "brink",
        "in a full pool, a block chosen at random is freed and others are taken until one is refused, over and over; \
         the share of the pool that is live at the refusals, on average",
    ),
    (
        Look::Largest,
        "largest-left",
        "after as much churn in a full pool, everything is freed; the largest block that fits then, as a share of the \
         largest that fitted at first",
    ),
];

/// The size of a pool, by the options of the run.
type PoolSize = fn(&Options) -> usize;

/// The name of each distribution, its sizes, and its pool.
const SIZES: [(&str, Sizes, PoolSize); 5] = [
    ("4-1024", sizes::to_1_kib, pool_size),
    ("below-uniform-4k", sizes::below_uniform, pool_size),
    ("fixed-64", sizes::fixed_64, pool_size),
    ("powers-of-two", sizes::powers_of_two, pool_size),
    ("4k-64k", sizes::from_4_to_64_kib, |options| 8 * pool_size(options)),
];

/// Further pools that are filled once, of other sizes: in a large pool, many size classes cost little.
const POOLS: [(&str, Sizes, PoolSize); 3] = [
    ("below-uniform-4k-in-16m", sizes::below_uniform, |_| 16 << 20),
    ("below-uniform-4k-in-64m", sizes::below_uniform, |_| 64 << 20),
    ("below-uniform-4k-in-256m", sizes::below_uniform, |_| 256 << 20),
];

fn all() -> impl Iterator<Item = (String, Look, &'static str, Sizes, PoolSize)> {
    LOOKS.into_iter().flat_map(|(look, look_name, title)| {
        let pools = if look == Look::FirstRefusal { &POOLS[..] } else { &[] };
        let named = move |(name, sizes, pool)| (format!("fill/{look_name}/{name}"), look, title, sizes, pool);
        SIZES.into_iter().chain(pools.iter().copied()).map(named)
    })
}

fn pool_size(options: &Options) -> usize {
    if options.quick { 1 << 20 } else { 4 << 20 }
}

/// The workloads for the report.
#[must_use]
pub fn workloads(options: &Options) -> Vec<Workload> {
    let describe = |(name, _, title, sizes, pool): (String, _, &str, Sizes, PoolSize)| {
        let mut rng = SmallRng::seed_from_u64(options.seed);
        let drawn = (0..10_000).map(|_| sizes(&mut rng).0).collect();
        let pool = pool(options);
        Workload {
            name,
            family: Family::Fill,
            title: format!("{title}; a pool of {} MiB", pool >> 20),
            sizes: Distribution::of(drawn).describe("bytes"),
            live: None,
            space_bytes: None,
            pool_bytes: Some(pool as u64),
            threads: 1,
        }
    };
    all().map(describe).collect()
}

/// The trials of those workloads and heaps that are wanted.
#[must_use]
pub(super) fn trials(options: &Options, wanted: &Selection<'_>, pools: &Rc<Pools>) -> Vec<Box<dyn Trial>> {
    let mut trials = Vec::new();
    for (name, look, _, sizes, pool) in all().filter(|(name, ..)| wanted.workload(name)) {
        let pool_size = pool(options);
        let plan = Plan { name, look, sizes, pool_size, seed: options.seed };
        visit_heaps(&mut Collect { plan, wanted, pools, trials: &mut trials });
    }
    trials
}

#[derive(Clone)]
struct Plan {
    name: String,
    look: Look,
    sizes: Sizes,
    pool_size: usize,
    seed: u64,
}

struct Collect<'a> {
    plan: Plan,
    wanted: &'a Selection<'a>,
    pools: &'a Rc<Pools>,
    trials: &'a mut Vec<Box<dyn Trial>>,
}

impl HeapVisitor for Collect<'_> {
    fn visit<H: ByteHeap + 'static>(&mut self) {
        if H::IN_POOL && self.wanted.allocator(H::NAME) {
            let (plan, pools) = (self.plan.clone(), Rc::clone(self.pools));
            self.trials.push(Box::new(FillTrial::<H> { plan, pools, round: 0, heap: PhantomData }));
        }
    }
}

struct FillTrial<H> {
    plan: Plan,
    pools: Rc<Pools>,
    /// The rounds so far: each draws other sizes.
    round: u64,
    heap: PhantomData<H>,
}

/// A heap that is filled until it refuses.
struct Filling<H> {
    heap: H,
    live: Vec<(NonNull<u8>, Layout)>,
    live_bytes: usize,
    misaligned: bool,
    sizes: Sizes,
    rng: SmallRng,
}

impl<H: ByteHeap> Filling<H> {
    /// Takes blocks until one is refused.
    fn fill(&mut self) {
        loop {
            let (size, align_log2) = (self.sizes)(&mut self.rng);
            let layout = Layout::from_size_align(size as usize, 1 << align_log2).expect("a small size");
            let Some(block) = self.heap.alloc(layout) else { return };
            self.misaligned |= !is_aligned(block, layout);
            self.live_bytes += layout.size();
            self.live.push((block, layout));
        }
    }

    /// Frees a block chosen at random.
    fn free_one(&mut self) {
        let (block, layout) = self.live.swap_remove(self.rng.random_range(..self.live.len()));
        self.live_bytes -= layout.size();
        // SAFETY: the block is live, with this layout.
        unsafe { self.heap.dealloc(block, layout) };
    }

    /// The mean of the live bytes at so many refusals.
    fn churn(&mut self, refusals: usize) -> f64 {
        let mut sum = 0.0;
        for _ in 0..refusals {
            self.free_one();
            self.fill();
            sum += self.live_bytes as f64;
        }
        sum / refusals as f64
    }
}

impl<H: ByteHeap> FillTrial<H> {
    fn look(&self, pool: NonNull<[u8]>) -> Measurement {
        let Plan { look, sizes, seed, .. } = self.plan;
        if look == Look::Largest && !H::MERGES {
            return Measurement::none("it never returns memory to other sizes");
        }
        let make = || {
            // SAFETY: the pool is lent to this round; one heap after the other uses it.
            unsafe { H::new(pool) }
        };
        let fresh =
            if look == Look::Largest { make().map(|mut heap| largest_block(&mut heap, pool.len())) } else { None };
        let Some(heap) = make() else {
            return Measurement::none("it makes nothing of a pool of this size");
        };
        let rng = SmallRng::seed_from_u64(seed.wrapping_add(self.round));
        let mut filling = Filling { heap, live: Vec::new(), live_bytes: 0, misaligned: false, sizes, rng };
        filling.fill();
        if filling.live.is_empty() {
            return Measurement::none("all requests were refused");
        }
        let pool_bytes = pool.len() as f64;
        // So many that most of the blocks that filled it in order are gone.
        let refusals = filling.live.len();
        let share = match look {
            Look::FirstRefusal => filling.live_bytes as f64 / pool_bytes,
            Look::Brink => filling.churn(refusals) / pool_bytes,
            Look::Largest => {
                filling.churn(refusals);
                while !filling.live.is_empty() {
                    filling.free_one();
                }
                largest_block(&mut filling.heap, pool.len()) as f64 / fresh.unwrap_or(pool.len()) as f64
            }
        };
        if filling.misaligned {
            return Measurement::none("blocks were not aligned as asked for");
        }
        Measurement::Share(share)
    }
}

impl<H: ByteHeap> Trial for FillTrial<H> {
    fn workload(&self) -> &str {
        &self.plan.name
    }

    fn allocator(&self) -> &str {
        H::NAME
    }

    fn run(&mut self) -> Measurement {
        let measured = self.pools.lend(self.plan.pool_size, |pool| self.look(pool));
        self.round += 1;
        measured
    }
}
