//! What must be true of a heap: where its blocks lie and what they hold, and its statistics.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::NonNull;

use allocator::{AllocError, AllocResult, ByteAllocator};

use crate::Heap;
use crate::memory::{self, fill, is_filled, is_soiled, is_zero, soil};
use crate::program::{Choice, Offset, Place, Program, Size, Step};

/// A region of so many bytes that shares none with others must be taken: there is room for the metadata of its pages.
const LARGE_ENOUGH: usize = 64 << 10;

/// At most so much of either end of a region may be trimmed off, and then be part of another: a granule of the heap, or a
/// page.
const MOST_TRIMMED: usize = 64;
const MOST_TRIMMED_OF_PAGES: usize = 4096;

/// Runs a program on a new heap, and panics where the heap does not do what it should.
pub(crate) fn run<H: Heap>(make: impl Fn() -> H, program: &Program) {
    soil();
    let mut model = Model::new(make());
    for &step in [Step::AddMemory(program.first)].iter().chain(&program.steps.0) {
        model.step(step);
        assert_eq!(model.heap.slab().validate(), Ok(()), "after {step:?}");
    }
    model.finish();
    if !H::GROWS {
        // As much fits as in a new heap with the same memory.
        let (total, largest) = (model.total, model.largest_block());
        let regions = model.regions;
        drop(model.heap);
        let mut new = Model::new(make());
        for region in regions {
            new.give(How::AddMemory, region.start, region.len());
        }
        assert_eq!(new.total, total, "bytes in all, where the heap is new");
        let at_first = new.largest_block();
        assert!(largest >= at_first, "the largest block has {largest} bytes, where the heap is new {at_first}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Init,
    AddMemory,
    AddPages,
}

/// Where a block may be after it was resized.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resize {
    Anywhere,
    InPlace,
}

/// A live block; its address is known otherwise.
#[derive(Clone, Copy, Debug)]
struct Block {
    layout: Layout,
    /// The bytes that can be used, at least 1; all of them hold the pattern.
    usable: usize,
    /// By how much it has raised what is used.
    charge: usize,
    mark: u8,
}

struct Model<H> {
    heap: H,
    /// What the heap was given, and what the pages were given that it grows out of.
    regions: Vec<Range<usize>>,
    pages: Vec<Range<usize>>,
    /// The live blocks by address.
    live: BTreeMap<usize, Block>,
    /// The sum of what can be used of them.
    usable: usize,
    /// What the statistics must be: `used` is the sum of the charges.
    total: usize,
    used: usize,
    marks: u8,
}

impl<H: Heap> Model<H> {
    fn new(heap: H) -> Self {
        let (regions, pages, live) = (Vec::new(), Vec::new(), BTreeMap::new());
        let model = Self { heap, regions, pages, live, usable: 0, total: 0, used: 0, marks: 0 };
        model.check_unchanged("new");
        model
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Init(place) => self.give_place(How::Init, place),
            Step::AddMemory(place) => self.give_place(How::AddMemory, place),
            Step::AddPages(place) => self.give_place(How::AddPages, place),
            Step::Alloc(shape, more) => {
                let Some(layout) = shape.layout() else { return };
                for _ in 0..=more {
                    let block = self.heap.alloc(layout);
                    if self.admit(block, layout, step).is_none() {
                        break;
                    }
                }
            }
            Step::AllocZeroed(shape) => {
                let Some(layout) = shape.layout() else { return };
                let block = self.heap.alloc_zeroed(layout);
                if let Ok(block) = block {
                    let address = block.addr().get();
                    self.place(address, layout, step);
                    assert!(is_zero(address..address + layout.size()), "{step:?}: not zero");
                }
                self.admit(block, layout, step);
            }
            Step::Dealloc(choice) => {
                let Some((address, size)) = self.choose(choice) else { return };
                self.dealloc(address, size, step);
            }
            Step::DeallocEvery(less, downwards) => {
                let mut addresses: Vec<_> = self.live.keys().copied().step_by(usize::from(less) + 1).collect();
                if downwards {
                    addresses.reverse();
                }
                addresses
                    .into_iter()
                    .for_each(|address| self.dealloc(address, self.live[&address].layout.size(), step));
            }
            Step::Realloc(choice, Size(new_size)) => {
                let Some((address, size)) = self.choose(choice) else { return };
                self.realloc(Resize::Anywhere, address, size, new_size, step);
            }
            Step::ReallocInPlace(choice, Size(new_size)) => {
                let Some((address, size)) = self.choose(choice) else { return };
                self.realloc(Resize::InPlace, address, size, new_size, step);
            }
            Step::AllocBatch(shape, more) => {
                let Some(layout) = shape.layout() else { return };
                self.alloc_batch(layout, usize::from(more) + 1, step);
            }
            Step::DeallocBatch(choice) => {
                let Some((address, _)) = self.choose(choice) else { return };
                self.dealloc_batch(self.live[&address].layout, step);
            }
            Step::Look => {
                let statistics = self.heap.slab().statistics();
                assert!(statistics.used_bytes == self.heap.used_bytes() && !statistics.to_string().is_empty());
                self.check_unchanged(step);
            }
            Step::Reclaim(budget) => self.reclaim(budget.into()),
            Step::Trim => {
                self.trim();
            }
        }
    }

    fn give_place(&mut self, how: How, place: Place) {
        let (offset, size) = place.offset_and_size();
        let memory = memory::span();
        match memory.start.checked_add(offset) {
            // What goes beyond the memory would be a lie; beyond the address space, it must be refused.
            Some(start) if start < memory.end => self.give(how, start, size.min(memory.end - start)),
            _ => self.give(how, offset, size),
        }
    }

    /// Hands a region over.
    fn give(&mut self, how: How, start: usize, size: usize) {
        let region = start..start.saturating_add(size);
        let (of_heap, of_pages) = (&self.regions, &self.pages);
        let (own, other) = if how == How::AddPages { (of_pages, of_heap) } else { (of_heap, of_pages) };
        // The heap and the pages that it grows out of do not know of each other.
        if other.iter().any(|other| overlap(other, &region)) {
            return;
        }
        let touched = own.iter().any(|own| overlap(own, &region));
        let trimmed = if how == How::AddPages { MOST_TRIMMED_OF_PAGES } else { MOST_TRIMMED };
        let inside = |own: &Range<usize>| own.start + trimmed..own.end.saturating_sub(trimmed);
        let overlaps = own.iter().any(|own| overlap(&inside(own), &region));
        let too_late = how == How::Init && self.total > 0;
        // SAFETY: the region lies in the memory, which nobody else uses; or past the address space, where it is refused; or
        // it overlaps another, and is refused, too.
        let answer = unsafe {
            match how {
                How::Init => self.heap.init(start, size),
                How::AddMemory => self.heap.add_memory(start, size),
                How::AddPages => match self.heap.add_pages(start, size) {
                    Some(answer) => answer,
                    None => return,
                },
            }
        };
        let call = format!("{how:?} of {region:x?}");
        let refused = match answer {
            Ok(()) => overlaps || too_late,
            Err(AllocError::MemoryOverlap) => !touched,
            Err(AllocError::InvalidParam) => !too_late && size >= LARGE_ENOUGH && start.checked_add(size).is_some(),
            Err(_) => true,
        };
        assert!(!refused, "{call}: {answer:?}, with {:x?} and pages in {:x?}", self.regions, self.pages);
        if answer.is_ok() && how == How::AddPages {
            self.pages.push(region);
        } else if answer.is_ok() {
            let total = self.heap.total_bytes();
            assert!(total > self.total && total - self.total <= size, "{call}: {} bytes, then {total}", self.total);
            self.total = total;
            self.regions.push(region);
        }
        self.check_unchanged(call);
    }

    /// Takes up a block, if it is one.
    fn admit(&mut self, answer: AllocResult<NonNull<u8>>, layout: Layout, call: impl Debug) -> Option<()> {
        self.note_growth(&call);
        let Ok(block) = answer else {
            assert_eq!(answer, Err(AllocError::NoMemory), "{call:?}");
            self.check_unchanged(call);
            return None;
        };
        let address = block.addr().get();
        let usable = self.place(address, layout, &call);
        let used = self.heap.used_bytes();
        let charge = used.checked_sub(self.used).unwrap_or_else(|| panic!("{call:?}: used {}, then {used}", self.used));
        self.marks = self.marks.wrapping_add(101);
        // SAFETY: the block is live, and apart from all others.
        unsafe { fill(address..address + usable, self.marks) };
        self.live.insert(address, Block { layout, usable, charge, mark: self.marks });
        self.usable += usable;
        self.used = used;
        self.check_unchanged(call);
        Some(())
    }

    /// How many bytes a new block has. It must lie where it may.
    fn place(&self, address: usize, layout: Layout, call: impl Debug) -> usize {
        let (asked, usable) = self.heap.usable_size(layout);
        assert!(asked == layout.size() && usable >= asked, "{call:?}: {usable} bytes usable");
        let usable = usable.max(1);
        assert!(address.is_multiple_of(layout.align()), "{call:?}: {address:#x} is not aligned");
        let end = address.checked_add(usable).expect("a block ends in the address space");
        let mut at = address;
        while at < end {
            let region = self.regions.iter().chain(&self.pages).find(|region| region.contains(&at));
            at = region.unwrap_or_else(|| panic!("{call:?}: {address:#x}..{end:#x} is in no region at {at:#x}")).end;
        }
        if let Some((below, block)) = self.live.range(..end).next_back() {
            assert!(below + block.usable <= address, "{call:?}: {address:#x}..{end:#x} overlaps {below:#x}, {block:?}");
        }
        usable
    }

    /// A live block, and a size that fits it.
    fn choose(&self, Choice { near: Offset(offset), grown }: Choice) -> Option<(usize, usize)> {
        let at = memory::span().start + offset;
        let (&address, block) = self.live.range(..=at).next_back().or_else(|| self.live.range(at..).next())?;
        let size = block.layout.size();
        Some((address, size + (block.usable.max(size) - size) * usize::from(grown) / 255))
    }

    /// Takes a block out of the model.
    fn take(&mut self, address: usize, call: impl Debug) -> Block {
        let block = self.live.remove(&address).expect("the block is live");
        assert!(
            is_filled(address..address + block.usable, block.mark),
            "before {call:?}: {address:#x}, {block:?} changed"
        );
        self.usable -= block.usable;
        self.used -= block.charge;
        block
    }

    fn dealloc(&mut self, address: usize, size: usize, call: impl Debug) {
        let block = self.take(address, &call);
        // SAFETY: the block was live, and the size fits it.
        unsafe { self.heap.dealloc(pointer(address), resized(block.layout, size)) };
        self.check_unchanged(call);
    }

    fn alloc_batch(&mut self, layout: Layout, count: usize, call: impl Debug) {
        let mut out = vec![MaybeUninit::uninit(); count];
        let blocks = self.heap.alloc_batch(layout, &mut out).to_vec();
        self.note_growth(&call);
        for block in blocks {
            let address = block.addr().get();
            let usable = self.place(address, layout, &call);
            // SAFETY: the block is live, with this layout.
            let charge = unsafe { self.heap.used_by(block, layout) };
            self.marks = self.marks.wrapping_add(101);
            // SAFETY: the block is live, and apart from all others.
            unsafe { fill(address..address + usable, self.marks) };
            self.live.insert(address, Block { layout, usable, charge, mark: self.marks });
            self.usable += usable;
            self.used += charge;
        }
        self.check_unchanged(call);
    }

    /// Gives back all blocks of a layout.
    fn dealloc_batch(&mut self, layout: Layout, call: impl Debug) {
        let addresses: Vec<_> =
            self.live.iter().filter(|(_, block)| block.layout == layout).map(|(&address, _)| address).collect();
        for &address in &addresses {
            self.take(address, &call);
        }
        let blocks: Vec<_> = addresses.into_iter().map(pointer).collect();
        // SAFETY: the blocks were live, with this layout.
        unsafe { self.heap.dealloc_batch(&blocks, layout) };
        self.check_unchanged(call);
    }

    fn realloc(&mut self, how: Resize, address: usize, size: usize, new_size: usize, call: impl Debug) {
        let block = self.take(address, &call);
        let layout = resized(block.layout, size);
        // SAFETY: the block is live, and the size fits it.
        let answer = unsafe {
            match how {
                Resize::Anywhere => self.heap.realloc(pointer(address), layout, new_size),
                Resize::InPlace => self.heap.realloc_in_place(pointer(address), layout, new_size),
            }
        };
        assert!(how == Resize::Anywhere || answer.is_err() || answer == Ok(pointer(address)), "{call:?} moved");
        match (answer, Layout::from_size_align(new_size, block.layout.align())) {
            (Ok(new), Ok(layout)) => {
                let start = new.addr().get();
                self.place(start, layout, &call);
                assert!(is_filled(start..start + size.min(new_size), block.mark), "{call:?}: {block:?} not kept");
                self.admit(answer, layout, call);
            }
            (Ok(_), Err(_)) => panic!("{call:?}: served, though there is no such block"),
            (Err(_), _) => {
                self.live.insert(address, block);
                self.usable += block.usable;
                self.used += block.charge;
                self.admit(answer, block.layout, &call);
                assert!(is_filled(address..address + block.usable, block.mark), "{call:?}: {block:?} changed");
            }
        }
    }

    fn reclaim(&mut self, budget: usize) {
        let Some(slab) = self.heap.slab_mut() else { return };
        let before = slab.reclaim(0);
        let left = slab.reclaim(budget);
        // Less by more than the budget, where a class has no live slots. Without a budget, nothing is done.
        assert!(left <= before && (budget > 0 || left == before), "reclaim({budget}): {before} slots, then {left}");
        self.check_unchanged(format_args!("reclaim({budget})"));
        if left == 0 {
            assert_eq!(self.trim(), 0, "nothing was left to do");
        }
    }

    /// Gives all free chunks back, and tells how many bytes that were.
    fn trim(&mut self) -> usize {
        let Some(slab) = self.heap.slab_mut() else { return 0 };
        let before = slab.backing().used_bytes();
        let bytes = slab.trim();
        assert_eq!(slab.backing().used_bytes() + bytes, before, "trim");
        assert_eq!((slab.trim(), slab.reclaim(usize::MAX)), (0, 0), "after trim");
        self.check_unchanged("trim");
        bytes
    }

    /// Takes up that a heap that grows has got more.
    fn note_growth(&mut self, call: impl Debug) {
        let total = self.heap.total_bytes();
        let most: usize = self.regions.iter().chain(&self.pages).map(Range::len).sum();
        let may_be = if H::GROWS { self.total..=most } else { self.total..=self.total };
        assert!(may_be.contains(&total), "{call:?}: {} bytes, then {total}", self.total);
        self.total = total;
    }

    /// Whether the statistics are those that the model knows.
    fn check_unchanged(&self, call: impl Debug) {
        let stats = (self.heap.total_bytes(), self.heap.used_bytes(), self.heap.available_bytes());
        assert!(self.used <= self.total, "after {call:?}: {} of {} bytes used", self.used, self.total);
        assert_eq!(stats, (self.total, self.used, self.total - self.used), "after {call:?}: total, used, available");
        assert!(self.used >= self.usable, "after {call:?}: {} used, {} usable", self.used, self.usable);
    }

    /// Gives all blocks back.
    fn finish(&mut self) {
        while let Some((&address, block)) = self.live.last_key_value() {
            self.dealloc(address, block.layout.size(), "the end");
        }
        assert_eq!((self.used, self.heap.slab().validate()), (0, Ok(())), "everything was given back");
        let mut at = memory::span().start;
        let mut regions: Vec<_> = self.regions.iter().chain(&self.pages).cloned().collect();
        regions.sort_unstable_by_key(|region| region.start);
        for region in regions {
            assert!(is_soiled(at..region.start.max(at)), "written before {region:x?}");
            at = at.max(region.end);
        }
        assert!(is_soiled(at..memory::span().end), "written behind {at:#x}");
        self.trim();
        if !H::GROWS {
            assert_eq!(self.heap.slab().backing().used_bytes(), 0, "all chunks are free");
        }
    }

    /// The size of the largest block that there is, in a heap without any.
    fn largest_block(&mut self) -> usize {
        let (mut fits, mut too_large) = (0, memory::SIZE + 1);
        while too_large - fits > 1 {
            let size = fits.midpoint(too_large);
            let layout = Layout::from_size_align(size, 1).expect("the memory is small");
            match self.heap.alloc(layout) {
                Ok(block) => {
                    // SAFETY: the block is live, with this layout.
                    unsafe { self.heap.dealloc(block, layout) };
                    fits = size;
                }
                Err(_) => too_large = size,
            }
        }
        fits
    }
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start.max(other.start) < one.end.min(other.end)
}

fn pointer(address: usize) -> NonNull<u8> {
    NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("no block lies at address 0")
}

fn resized(layout: Layout, size: usize) -> Layout {
    Layout::from_size_align(size, layout.align()).expect("the block has that many bytes")
}
