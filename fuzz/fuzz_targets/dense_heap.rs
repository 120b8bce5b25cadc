//! The store without headers, alone and under quick lists, with regions that come and go, beside a model.

#![no_main]

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;

use allocator::dense::occupancy::{Occupancy, SecondLevel};
use allocator::{AllocError, ByteAllocator, DenseByteAllocator, QuickFit};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

const REGIONS: usize = 8;
const REGION: usize = 8 << 10;

#[derive(Arbitrary, Debug)]
struct Program {
    engine: Engine,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Engine {
    Large,
    Small,
    FewClasses,
    LargeGranules,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Alloc {
        size: u16,
        align: u8,
    },
    /// Of a few sizes, so that lists fill and run empty.
    AllocAlike {
        size: u8,
    },
    AllocBatch {
        size: u8,
        count: u8,
    },
    Free {
        nth: u16,
    },
    FreeLast,
    Resize {
        nth: u16,
        size: u16,
    },
    ResizeInPlace {
        nth: u16,
        size: u16,
    },
    AddRegion {
        nth: u8,
    },
    ReleaseRegion,
    Reclaim {
        budget: u8,
    },
    KeptPart {
        parts: u8,
    },
}

/// A heap of the family.
trait Heap: ByteAllocator {
    fn check(&self) -> Result<(), &'static str>;
    fn reclaim(&mut self, _: usize) {}
    fn set_kept_part(&mut self, _: usize) {}
}

impl<const GRANULE: usize, const FL: usize, const SL: usize> Heap for DenseByteAllocator<GRANULE, FL, SL>
where
    SecondLevel<SL>: Occupancy,
{
    fn check(&self) -> Result<(), &'static str> {
        self.validate()
    }
}

impl<const GRANULE: usize, const FL: usize, const SL: usize> Heap for QuickFit<DenseByteAllocator<GRANULE, FL, SL>>
where
    SecondLevel<SL>: Occupancy,
{
    fn check(&self) -> Result<(), &'static str> {
        self.validate()
    }

    fn reclaim(&mut self, budget: usize) {
        QuickFit::reclaim(self, budget);
    }

    fn set_kept_part(&mut self, parts: usize) {
        QuickFit::set_kept_part(self, parts);
    }
}

#[derive(Clone, Copy)]
#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "the heap reaches it by its address")] [u8; 4096]);

struct Model<H> {
    heap: H,
    /// By address: the layout, and what fills the block.
    live: BTreeMap<usize, (Layout, u8)>,
    /// Where regions begin that the heap does not have.
    outside: Vec<usize>,
    last: usize,
    stamp: u8,
}

impl<H: Heap> Model<H> {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Alloc { size, align } => self.alloc(usize::from(size) % 9000, 1 << (align % 13)),
            Step::AllocAlike { size } => self.alloc(usize::from(size % 8) * 40, 8),
            Step::AllocBatch { size, count } => self.alloc_batch(usize::from(size) * 8, usize::from(count % 20)),
            Step::Free { nth } => {
                if let Some((block, layout)) = self.take(usize::from(nth)) {
                    // SAFETY: the block was live, with this layout.
                    unsafe { self.heap.dealloc(block, layout) };
                }
            }
            Step::FreeLast => {
                if let Some((layout, _)) = self.live.remove(&self.last) {
                    // SAFETY: as above.
                    unsafe { self.heap.dealloc(pointer(self.last), layout) };
                }
            }
            Step::Resize { nth, size } => self.resize(usize::from(nth), usize::from(size) % 9000, false),
            Step::ResizeInPlace { nth, size } => self.resize(usize::from(nth), usize::from(size) % 9000, true),
            Step::AddRegion { nth } => {
                if let Some(start) = self.outside.get(usize::from(nth) % REGIONS).copied() {
                    // SAFETY: the memory is nobody's.
                    unsafe { self.heap.add_memory(start, REGION) }.expect("the region is large enough, and new");
                    self.outside.retain(|&other| other != start);
                    // SAFETY: a region that the heap has is refused.
                    let again = unsafe { self.heap.add_memory(start + 1024, 2048) };
                    assert_eq!(again, Err(AllocError::MemoryOverlap));
                }
            }
            Step::ReleaseRegion => {
                if let Some(region) = self.heap.release_region() {
                    assert!(region.size() == REGION && self.live.range(region.start()..region.end()).next().is_none());
                    self.outside.push(region.start());
                }
            }
            Step::Reclaim { budget } => self.heap.reclaim(budget.into()),
            Step::KeptPart { parts } => self.heap.set_kept_part(parts.into()),
        }
    }

    fn alloc(&mut self, size: usize, align: usize) {
        let layout = Layout::from_size_align(size, align).expect("small");
        if let Ok(block) = self.heap.alloc(layout) {
            self.insert(block, layout);
        }
    }

    fn alloc_batch(&mut self, size: usize, count: usize) {
        let layout = Layout::from_size_align(size, 8).expect("small");
        let mut out = vec![std::mem::MaybeUninit::uninit(); count];
        for block in self.heap.alloc_batch(layout, &mut out).to_vec() {
            self.insert(block, layout);
        }
    }

    fn insert(&mut self, block: NonNull<u8>, layout: Layout) {
        let (address, usable) = (block.addr().get(), self.heap.usable_size(layout).1);
        assert!(usable >= layout.size().max(1) && address.is_multiple_of(layout.align()));
        if let Some((&other, &(below, _))) = self.live.range(..address + usable).next_back() {
            assert!(other + self.heap.usable_size(below).1 <= address, "two blocks overlap");
        }
        self.stamp = self.stamp.wrapping_add(1);
        // SAFETY: all of the block may be used.
        unsafe { block.write_bytes(self.stamp, usable) };
        self.live.insert(address, (layout, self.stamp));
        self.last = address;
    }

    fn take(&mut self, nth: usize) -> Option<(NonNull<u8>, Layout)> {
        let address = *self.live.keys().nth(nth % self.live.len().max(1))?;
        let (layout, stamp) = self.live.remove(&address)?;
        check_contents(address, layout.size(), stamp);
        Some((pointer(address), layout))
    }

    fn resize(&mut self, nth: usize, size: usize, in_place: bool) {
        let Some((block, layout)) = self.take(nth) else { return };
        let stamp = self.stamp;
        // SAFETY: the block was live, with this layout.
        let resized = unsafe {
            if in_place {
                self.heap.realloc_in_place(block, layout, size)
            } else {
                self.heap.realloc(block, layout, size)
            }
        };
        match resized {
            Ok(new) => {
                assert!(!in_place || new == block);
                // SAFETY: the block is live.
                let first = unsafe { new.read() };
                check_contents(new.addr().get(), layout.size().min(size), first);
                self.insert(new, Layout::from_size_align(size, layout.align()).expect("small"));
            }
            Err(_) => {
                assert!(in_place || size > layout.size(), "a block can always become smaller");
                self.insert(block, layout);
            }
        }
        assert_ne!(stamp, self.stamp);
    }

    fn check(&self) {
        self.heap.check().expect("sound");
        let used = self.live.values().map(|&(layout, _)| self.heap.used_by_each(layout).expect("the same for all"));
        assert_eq!(self.heap.used_bytes(), used.sum::<usize>());
        assert_eq!(self.heap.available_bytes(), self.heap.total_bytes() - self.heap.used_bytes());
    }
}

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("no block is at address 0")
}

fn check_contents(address: usize, size: usize, stamp: u8) {
    for offset in 0..size {
        // SAFETY: the block is live, and has so many bytes.
        assert_eq!(unsafe { pointer(address).add(offset).read() }, stamp, "the contents of a block changed");
    }
}

fn run<H: Heap>(heap: H, steps: &[Step]) {
    let mut memory = vec![Page([0; 4096]); REGIONS * (REGION / 4096 + 1)];
    let base = memory.as_mut_ptr().expose_provenance();
    let outside = (0..REGIONS).map(|nth| base + nth * (REGION + 4096)).collect();
    let mut model = Model { heap, live: BTreeMap::new(), outside, last: 0, stamp: 0 };
    model.step(&Step::AddRegion { nth: 3 });
    for step in steps {
        model.step(step);
        model.check();
    }
    while let Some((block, layout)) = model.take(0) {
        // SAFETY: the block was live, with this layout.
        unsafe { model.heap.dealloc(block, layout) };
    }
    model.check();
    while model.heap.release_region().is_some() {
        model.check();
    }
    assert_eq!(model.heap.total_bytes(), 0, "all regions come back");
}

fuzz_target!(|program: Program| {
    match program.engine {
        Engine::Large => both::<16, 40, 16>(&program.steps),
        Engine::Small => both::<8, 16, 2>(&program.steps),
        Engine::FewClasses => both::<16, 16, 1>(&program.steps),
        Engine::LargeGranules => both::<64, 12, 8>(&program.steps),
    }
});

/// Runs a program on a store, and on quick lists over it.
fn both<const GRANULE: usize, const FL: usize, const SL: usize>(steps: &[Step])
where
    SecondLevel<SL>: Occupancy,
{
    run(DenseByteAllocator::<GRANULE, FL, SL>::with_parameters(), steps);
    run(QuickFit::with_engine(DenseByteAllocator::<GRANULE, FL, SL>::with_parameters()), steps);
}
