//! The workloads of collections, and their trials.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::ptr::NonNull;
use std::rc::Rc;
use std::slice;
use std::time::{Duration, Instant};

use allocator::{
    AllocatorRc, BuddyByteAllocator, DenseByteAllocator, FineSlabByteAllocator, QuickByteAllocator, SlabByteAllocator,
    TlsfByteAllocator,
};
use allocator_api2::alloc::Allocator;

use super::SharedHeap;
use super::work::Work;
use crate::lab::bytes::{ByteHeap, Engine, HeapVisitor, visit_heaps};
use crate::lab::memory::Pools;
use crate::lab::stopwatch::{self, Passes};
use crate::lab::{Measurement, Options, PATIENCE, Selection, Trial};
use crate::results::{Family, Workload};

const POOL_SIZE: usize = 128 << 20;

struct CollectionWorkload {
    name: &'static str,
    title: &'static str,
    sizes: &'static str,
    work: Work,
    quick: Work,
}

const WORKLOADS: &[CollectionWorkload] = &[
    CollectionWorkload {
        name: "push-3m",
        title: "3 million numbers are pushed to one vector; time for each push",
        sizes: "16 bytes to 16 MiB, doubled each time",
        work: Work::Push(3_000_000),
        quick: Work::Push(3_000_000),
    },
    CollectionWorkload {
        name: "vectors-64",
        title: "25,000 vectors of 64 numbers (quick: 10,000) are filled, and freed in random order; time for each vector",
        sizes: "512 bytes each",
        work: Work::Vectors(25_000, 64),
        quick: Work::Vectors(10_000, 64),
    },
    CollectionWorkload {
        name: "vectors-520",
        title: "7,500 vectors of 520 numbers (quick: 3,000) are filled, and freed in random order; time for each vector",
        sizes: "4160 bytes each",
        work: Work::Vectors(7_500, 520),
        quick: Work::Vectors(3_000, 520),
    },
    CollectionWorkload {
        name: "hash-map-50k",
        title: "50,000 keys of up to 10 digits (quick: 20,000) are inserted into a hash map, and removed in random order; \
                time for each insertion or removal",
        sizes: "1 to 10 bytes for a key; the table from some hundred bytes to some MiB, doubled each time",
        work: Work::HashMap(50_000),
        quick: Work::HashMap(20_000),
    },
];

impl CollectionWorkload {
    fn full_name(&self) -> String {
        format!("collections/{}", self.name)
    }
}

/// The workloads of collections for the report.
#[must_use]
pub fn workloads() -> Vec<Workload> {
    let describe = |workload: &CollectionWorkload| Workload {
        name: workload.full_name(),
        family: Family::Collections,
        title: workload.title.to_owned(),
        sizes: workload.sizes.to_owned(),
        live: None,
        space_bytes: None,
        pool_bytes: None,
        threads: 1,
    };
    WORKLOADS.iter().map(describe).collect()
}

/// The trials of those workloads and heaps that are wanted.
#[must_use]
pub(in crate::lab) fn trials(options: &Options, wanted: &Selection<'_>, pools: &Rc<Pools>) -> Vec<Box<dyn Trial>> {
    let mut trials = Vec::new();
    for workload in WORKLOADS.iter().filter(|workload| wanted.workload(&workload.full_name())) {
        visit_heaps(&mut Collect { workload, options: *options, wanted, pools, trials: &mut trials });
    }
    trials
}

struct Collect<'a> {
    workload: &'static CollectionWorkload,
    options: Options,
    wanted: &'a Selection<'a>,
    pools: &'a Rc<Pools>,
    trials: &'a mut Vec<Box<dyn Trial>>,
}

impl Collect<'_> {
    fn push<S: Source + 'static>(&mut self) {
        self.trials.push(Box::new(CollectionTrial::<S> {
            name: self.workload.full_name(),
            work: if self.options.quick { self.workload.quick } else { self.workload.work },
            seed: self.options.seed,
            repeating: stopwatch::repeating(&self.options),
            pools: Rc::clone(self.pools),
            passes: Passes::default(),
            done: false,
            source: PhantomData,
        }));
    }
}

impl HeapVisitor for Collect<'_> {
    fn visit<H: ByteHeap + 'static>(&mut self) {
        if !self.wanted.allocator(H::NAME) {
            return;
        }
        // The engines of the family come with a handle of their own.
        match H::NAME {
            <SlabByteAllocator>::NAME => self.push::<OurHandle<SlabByteAllocator>>(),
            FineSlabByteAllocator::NAME => self.push::<OurHandle<FineSlabByteAllocator>>(),
            TlsfByteAllocator::NAME => self.push::<OurHandle<TlsfByteAllocator>>(),
            QuickByteAllocator::NAME => self.push::<OurHandle<QuickByteAllocator>>(),
            BuddyByteAllocator::NAME => self.push::<OurHandle<BuddyByteAllocator>>(),
            DenseByteAllocator::NAME => self.push::<OurHandle<DenseByteAllocator>>(),
            _ => self.push::<PeerHandle<H>>(),
        }
    }
}

/// Where a handle comes from.
pub(super) trait Source {
    /// The name of the allocator behind it.
    const NAME: &'static str;

    /// Does the work with a handle to a fresh heap in the pool.
    ///
    /// # Safety
    ///
    /// Nobody else uses the pool meanwhile.
    unsafe fn with_handle(pool: NonNull<[u8]>, user: impl HandleUser) -> Measurement;
}

/// What is done with a handle.
pub(super) trait HandleUser {
    /// With this one.
    fn with<A: Allocator + Clone>(self, handle: &A) -> Measurement;
}

/// `AllocatorRc` over an engine of the family.
pub(super) struct OurHandle<E>(PhantomData<E>);

impl<E: Engine> Source for OurHandle<E> {
    const NAME: &'static str = E::NAME;

    unsafe fn with_handle(pool: NonNull<[u8]>, user: impl HandleUser) -> Measurement {
        // SAFETY: the pool is this function's alone, and need not be initialised.
        let pool = unsafe { slice::from_raw_parts_mut(pool.as_ptr().cast::<MaybeUninit<u8>>(), pool.len()) };
        match AllocatorRc::new(E::empty(), pool) {
            Ok(handle) => user.with(&handle),
            Err(error) => Measurement::none(&error.to_string()),
        }
    }
}

/// A reference to the cell of a byte heap.
pub(super) struct PeerHandle<H>(PhantomData<H>);

impl<H: ByteHeap> Source for PeerHandle<H> {
    const NAME: &'static str = H::NAME;

    unsafe fn with_handle(pool: NonNull<[u8]>, user: impl HandleUser) -> Measurement {
        // SAFETY: as promised.
        match unsafe { H::new(pool) } {
            Some(heap) => user.with(&SharedHeap(&RefCell::new(heap))),
            None => Measurement::none("it makes nothing of a pool of this size"),
        }
    }
}

struct CollectionTrial<S> {
    name: String,
    work: Work,
    seed: u64,
    /// How long a round goes on doing the work again.
    repeating: Duration,
    pools: Rc<Pools>,
    /// Whether a round took too long to do it again.
    done: bool,
    passes: Passes,
    source: PhantomData<S>,
}

impl<S: Source> CollectionTrial<S> {
    /// The work in a fresh heap.
    fn pass(&self, passes: &mut Passes) -> Measurement {
        let timed = Timed { work: self.work, seed: self.seed, passes };
        // SAFETY: the pool is lent to this call.
        self.pools.lend(POOL_SIZE, |pool| unsafe { S::with_handle(pool, timed) })
    }
}

struct Timed<'p> {
    work: Work,
    seed: u64,
    passes: &'p mut Passes,
}

impl HandleUser for Timed<'_> {
    fn with<A: Allocator + Clone>(self, handle: &A) -> Measurement {
        self.passes.begin();
        let done = self.work.run(handle, self.seed, || {
            self.passes.lap();
        });
        match done {
            Ok(()) => Measurement::Time { ns_per_op: self.passes.ns_per_op(self.work.operations()), refused: 0 },
            Err(_) => Measurement::none("memory was refused before the work was done"),
        }
    }
}

impl<S: Source> Trial for CollectionTrial<S> {
    fn workload(&self) -> &str {
        &self.name
    }

    fn allocator(&self) -> &str {
        S::NAME
    }

    fn begin(&mut self) {
        self.passes = Passes::default();
    }

    fn run(&mut self) -> Measurement {
        let begun = Instant::now();
        let mut passes = mem::take(&mut self.passes);
        let measured = stopwatch::repeat(self.repeating, || self.pass(&mut passes));
        self.passes = passes;
        self.done = begun.elapsed() > PATIENCE;
        measured
    }

    fn is_done(&self) -> bool {
        self.done
    }
}
