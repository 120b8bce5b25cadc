//! A byte allocator that is easy to believe in: first fit, everything it knows is kept outside of the memory.
//!
//! Each fault is one condition in it.

use std::alloc::Layout;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use allocator_core::address::widen;
use allocator_core::traits::realloc_by_moving;
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region};

use crate::fault::Fault;

/// A number that is another one each time.
fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Relaxed)
}

/// Every block is a multiple of this size, at a multiple of it.
const GRANULE: usize = 16;

pub(crate) struct FirstFit {
    fault: Option<Fault>,
    regions: Vec<Region>,
    /// Free ranges by start; the value is the end. No two touch.
    free: BTreeMap<usize, usize>,
    used: usize,
    /// What a block has taken of the free range behind it, by the address of the block.
    absorbed: BTreeMap<usize, usize>,
    /// Above this address nothing was ever handed out.
    high_water: usize,
    /// Where the allocator was when it got its first region.
    home: usize,
    /// How many places that fit are passed over: 0, but for faults.
    passed_over: Cell<usize>,
    /// What `total` is too small by: 0, but for faults.
    lost: usize,
}

impl FirstFit {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self {
            fault,
            regions: Vec::new(),
            free: BTreeMap::new(),
            used: 0,
            absorbed: BTreeMap::new(),
            high_water: 0,
            home: 0,
            passed_over: Cell::new(if fault == Some(Fault::DiffersEachTime) { next_number() % 2 } else { 0 }),
            lost: 0,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn add(&mut self, start: usize, size: usize) -> AllocResult {
        let offered = Region::new(start, size)?;
        if self.has(Fault::RefusesUnalignedRegion) && !start.is_multiple_of(GRANULE) {
            return Err(AllocError::InvalidParam);
        }
        let region = offered.trim_for_bytes(GRANULE)?;
        let compared = if self.has(Fault::TrimsBeforeComparing) { region } else { offered };
        let mut known = self.regions.iter().take(if self.has(Fault::ForgetsRegions) { 8 } else { usize::MAX });
        if let Some(&other) = known.find(|known| known.overlaps(compared)) {
            if self.has(Fault::RefusedRegionChanges) {
                self.passed_over.set(1);
            }
            return if self.tolerates_overlap(compared, other) { Ok(()) } else { Err(AllocError::MemoryOverlap) };
        }
        self.regions.push(region);
        if self.has(Fault::WritesBehindRegion) {
            // SAFETY: the arena goes on behind the region.
            unsafe { ptr::with_exposed_provenance_mut::<u8>(start + size).write(0) };
        }
        let below = if self.has(Fault::BlockBelowRegion) { GRANULE } else { 0 };
        let above = if self.has(Fault::BlockAboveRegion) { GRANULE } else { 0 };
        self.release(region.start() - below, region.end() + above);
        Ok(())
    }

    fn tolerates_overlap(&self, region: Region, known: Region) -> bool {
        match self.fault {
            Some(Fault::AcceptsOverlapFromBelow) => region.start() < known.start() && region.end() < known.end(),
            Some(Fault::AcceptsOverlapFromAbove) => region.start() > known.start() && region.end() > known.end(),
            Some(Fault::AcceptsEnclosingRegion) => region != known && region.contains(known),
            Some(Fault::AcceptsEnclosedRegion) => region != known && known.contains(region),
            Some(Fault::AcceptsSameRegion) => region == known,
            _ => false,
        }
    }

    fn release(&mut self, mut start: usize, mut end: usize) {
        let below = self.free.range(..start).next_back().map(|(&below, &end)| (below, end));
        if let Some((below, _)) = below.filter(|&(_, below_end)| below_end == start) {
            start = below;
            self.free.remove(&below);
        }
        if let Some(above_end) = self.free.remove(&end) {
            end = above_end;
        }
        self.free.insert(start, end);
    }

    /// The first free range with room for `size` bytes aligned to `align`, and where in it.
    fn find(&self, size: usize, align: usize) -> Option<(usize, usize, usize)> {
        if self.has(Fault::KeepsReserve) && self.available_bytes() < self.total_bytes() / 16 {
            return None;
        }
        let fits = |(&start, &end): (&usize, &usize)| {
            let at = start.checked_next_multiple_of(align)?;
            (at.checked_add(size)? <= end).then_some((start, end, at))
        };
        let mut places = self.free.iter().filter_map(fits);
        let first = places.next()?;
        Some(places.nth(self.passed_over.get().wrapping_sub(1)).unwrap_or(first))
    }

    /// What a refusal does to the engine: nothing.
    fn refuse(&mut self) -> AllocError {
        if self.has(Fault::FailureCounts) {
            self.used += GRANULE;
        }
        if self.has(Fault::LeaksOnFailure) {
            let largest =
                self.free.iter().max_by_key(|(start, end)| **end - **start).map(|(&start, &end)| (start, end));
            if let Some((start, end)) = largest {
                self.free.remove(&start);
                if end - start > GRANULE {
                    self.free.insert(start, end - GRANULE);
                }
            }
        }
        if self.has(Fault::WrongErrorWhenFull) { AllocError::InvalidParam } else { AllocError::NoMemory }
    }

    /// What a block for the layout counts in `used`.
    fn charge(&self, layout: Layout, size: usize) -> usize {
        match self.fault {
            Some(Fault::CountsTwice) => 2 * size,
            Some(Fault::CountsRequested) => layout.size().max(1),
            _ => size,
        }
    }
}

/// The size of the block for the layout.
fn block_size(layout: Layout) -> Option<usize> {
    layout.size().max(1).checked_next_multiple_of(GRANULE)
}

impl BaseAllocator for FirstFit {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if !self.regions.is_empty() {
            return if self.has(Fault::SecondInit) { Ok(()) } else { Err(AllocError::InvalidParam) };
        }
        self.home = ptr::from_ref(self).addr();
        self.add(start, size)
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        self.home = ptr::from_ref(self).addr();
        self.add(start, size)
    }
}

// SAFETY: a block is cut from the free ranges, which are what the regions hold apart from live blocks. (The faults
// break this, for suites that look before they touch.)
unsafe impl ByteAllocator for FirstFit {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let align = layout.align().max(GRANULE);
        let align = if self.has(Fault::LargeAlignmentIgnored) { align.min(2048) } else { align };
        if self.has(Fault::PanicsOnHugeLayout) {
            assert!(layout.size() < 1 << (usize::BITS - 2), "what a size");
        }
        let moved = self.has(Fault::StaysAtHome) && self.home != ptr::from_ref(self).addr();
        let found = block_size(layout).filter(|_| !moved).and_then(|size| Some((size, self.find(size, align)?)));
        let Some((size, (start, end, at))) = found else { return Err(self.refuse()) };
        self.free.remove(&start);
        if start < at {
            self.free.insert(start, at);
        }
        let kept = if self.has(Fault::OverlappingBlocks) && size > GRANULE { size - GRANULE } else { size };
        let rest = end - (at + size);
        if self.has(Fault::ChargesRest) && rest < 4096 {
            self.absorbed.insert(at, rest);
            self.used += rest;
        } else if at + kept < end {
            self.free.insert(at + kept, end);
        }
        self.used += self.charge(layout, size);
        self.high_water = self.high_water.max(at + size);
        let ptr = NonNull::new(ptr::with_exposed_provenance_mut::<u8>(at)).expect("regions exclude address 0");
        if self.has(Fault::WritesBelowBlock)
            && self.regions.iter().any(|region| region.start() < at && at < region.end())
        {
            // SAFETY: the byte before is in the region too.
            unsafe { ptr.sub(1).write(0x77) };
        }
        Ok(ptr)
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        let size = block_size(layout).expect("the block exists");
        let at = ptr.as_ptr().addr();
        let absorbed = self.absorbed.remove(&at).unwrap_or(0);
        self.used -= (self.charge(layout, size) + absorbed).min(self.used);
        let kept = if self.has(Fault::OverlappingBlocks) && size > GRANULE { size - GRANULE } else { size };
        if !self.has(Fault::NeverGivesBack) {
            self.release(at, at + kept + absorbed);
        }
    }

    fn total_bytes(&self) -> usize {
        self.regions.iter().map(|region| region.size()).sum::<usize>().wrapping_sub(self.lost)
    }

    fn used_bytes(&self) -> usize {
        if self.has(Fault::AskingChanges) {
            self.passed_over.set(1 - self.passed_over.get());
        }
        self.used
    }

    fn available_bytes(&self) -> usize {
        self.total_bytes().saturating_sub(self.used)
    }

    fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        let fresh = self.high_water;
        let ptr = self.alloc(layout)?;
        if !self.has(Fault::RecycledNotZeroed) || ptr.as_ptr().addr() >= fresh {
            // SAFETY: the block is this large.
            unsafe { ptr.write_bytes(0, layout.size()) };
        }
        Ok(ptr)
    }

    unsafe fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align());
        let sizes = new_layout.ok().and_then(|new| Some((new, block_size(layout)?, block_size(new)?)));
        let Some((new_layout, old, new)) = sizes else { return Err(self.refuse_realloc(ptr, layout)) };
        if new <= old && !self.has(Fault::ShrinkMoves) && !self.has(Fault::ChargesRest) {
            let at = ptr.as_ptr().addr();
            self.used = self.used - self.charge(layout, old) + self.charge(new_layout, new);
            if new < old && !self.has(Fault::OverlappingBlocks) {
                self.release(at + new, at + old);
            }
            return Ok(widen(ptr));
        }
        // SAFETY: passed on from the caller.
        let moved = unsafe {
            match self.fault {
                Some(Fault::ReallocLosesContents) => self.alloc(new_layout).inspect(|_| self.dealloc(ptr, layout)),
                Some(Fault::ReallocLosesAlignment) => self.move_block(ptr, layout, new_size, 1),
                Some(Fault::OverlappingBlocks) => self.move_block(ptr, layout, new_size, layout.align()),
                _ => realloc_by_moving(self, ptr, layout, new_size),
            }
        };
        moved.map_err(|_| self.refuse_realloc(ptr, layout))
    }

    unsafe fn realloc_in_place(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        new_size: usize,
    ) -> AllocResult<NonNull<u8>> {
        let new_layout = Layout::from_size_align(new_size, layout.align());
        let sizes = new_layout.ok().and_then(|new| Some((new, block_size(layout)?, block_size(new)?)));
        let Some((new_layout, old, new)) = sizes else { return Err(self.refuse_in_place(ptr, layout)) };
        let at = ptr.as_ptr().addr();
        // Other faults let blocks be where this does not see them.
        let strange = self.has(Fault::OverlappingBlocks) || self.has(Fault::ChargesRest);
        if strange || new < old && self.has(Fault::ShrinkMoves) || new == old && self.has(Fault::InPlaceRefusesSame) {
            return Err(self.refuse_in_place(ptr, layout));
        }
        if self.has(Fault::InPlaceMoves) && new < old {
            // SAFETY: passed on from the caller.
            return unsafe { realloc_by_moving(self, ptr, layout, new_size) };
        }
        if new > old && !self.has(Fault::InPlaceGrowsOver) {
            let end = self.free.get(&(at + old)).copied().filter(|&end| end >= at + new);
            let Some(end) = end else { return Err(self.refuse_in_place(ptr, layout)) };
            self.free.remove(&(at + old));
            if at + new < end {
                self.free.insert(at + new, end);
            }
            self.high_water = self.high_water.max(at + new);
        }
        if new < old {
            self.release(at + new, at + old);
        }
        self.used = self.used - self.charge(layout, old) + self.charge(new_layout, new);
        if self.has(Fault::InPlaceDamages) && layout.size() > 0 && new_size > 0 {
            // SAFETY: the block is this large.
            unsafe { ptr.write(!ptr.read()) };
        }
        Ok(widen(ptr))
    }

    fn alloc_batch<'o>(&mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]) -> &'o mut [NonNull<u8>] {
        let used = self.used;
        let most = if self.has(Fault::BatchStopsShort) { out.len() / 2 } else { out.len() };
        let mut blocks: Vec<NonNull<u8>> = std::iter::from_fn(|| self.alloc(layout).ok()).take(most).collect();
        if self.has(Fault::BatchRepeats) && blocks.len() > 1 {
            blocks[1] = blocks[0];
        }
        if self.has(Fault::BatchUncounted) {
            self.used = used;
        }
        let behind = self.has(Fault::BatchWritesBehind).then_some(NonNull::<u64>::dangling().cast());
        for (entry, block) in out.iter_mut().zip(blocks.iter().copied().chain(behind)) {
            entry.write(block);
        }
        // SAFETY: so many entries were written, and a `MaybeUninit` has the layout of what is in it.
        unsafe { &mut *(ptr::from_mut(&mut out[..blocks.len()]) as *mut [NonNull<u8>]) }
    }

    unsafe fn dealloc_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout) {
        let forgotten = usize::from(self.has(Fault::BatchForgetsLast) && blocks.len() > 1);
        for &block in &blocks[forgotten..] {
            // SAFETY: passed on from the caller.
            unsafe { self.dealloc(block, layout) };
        }
    }

    fn trim(&mut self) -> usize {
        match self.fault {
            Some(Fault::TrimOverstates) => self.total_bytes() + GRANULE,
            Some(Fault::TrimRepeats) => GRANULE.min(self.available_bytes()),
            Some(Fault::TrimLosesTotal) if self.available_bytes() > GRANULE => {
                self.lost += GRANULE;
                0
            }
            _ => 0,
        }
    }

    fn release_region(&mut self) -> Option<Region> {
        let range = |region: Region| {
            let (start, end) = self.free.range(..=region.start()).next_back()?;
            (*end >= region.end()).then_some((*start, *end))
        };
        let index = self.regions.iter().position(|&region| range(region).is_some());
        let index = index.or(if self.has(Fault::ReleasesLive) { self.regions.len().checked_sub(1) } else { None })?;
        let region = self.regions.swap_remove(index);
        if self.has(Fault::ReleaseKeepsTotal) {
            self.lost = self.lost.wrapping_sub(region.size());
        }
        if let Some((start, end)) = range(region).filter(|_| !self.has(Fault::ReleaseKeepsBlocks)) {
            self.free.remove(&start);
            for (start, end) in [(start, region.start()), (region.end(), end)] {
                if start < end {
                    self.free.insert(start, end);
                }
            }
        }
        let half = region.size() / 2;
        if self.has(Fault::ReleasesPart) { Region::new(region.start(), half).ok() } else { Some(region) }
    }

    fn region_for(&self, layout: Layout) -> Option<Layout> {
        if self.has(Fault::RegionForNone) && layout.size() >= 1000 {
            return None;
        }
        let size = block_size(layout)?;
        let rounding = layout.align().max(GRANULE) + GRANULE;
        let rounding = if self.has(Fault::RegionForTooLittle) { GRANULE } else { rounding };
        Layout::from_size_align(size.checked_add(rounding)?, 1).ok()
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        let usable = block_size(layout).unwrap_or(layout.size());
        (layout.size(), if self.has(Fault::UsableTooLarge) { usable.saturating_add(GRANULE) } else { usable })
    }
}

impl FirstFit {
    fn refuse_in_place(&mut self, ptr: NonNull<u8>, layout: Layout) -> AllocError {
        if self.has(Fault::InPlaceRefusalDamages) && layout.size() > 0 {
            // SAFETY: the block is the caller's and this large, which is why it may not be done.
            unsafe { ptr.write(!ptr.read()) };
        }
        AllocError::NoMemory
    }

    fn refuse_realloc(&mut self, ptr: NonNull<u8>, layout: Layout) -> AllocError {
        // SAFETY: the block is the caller's, which is why neither may be done.
        unsafe {
            match self.fault {
                Some(Fault::ReallocFailureFrees) => self.dealloc(ptr, layout),
                Some(Fault::ReallocFailureDamages) if layout.size() > 0 => ptr.write(!ptr.read()),
                _ => {}
            }
        }
        AllocError::NoMemory
    }

    /// Moves a block in a way that copes with blocks that overlap.
    unsafe fn move_block(
        &mut self,
        ptr: NonNull<u8>,
        layout: Layout,
        size: usize,
        align: usize,
    ) -> AllocResult<NonNull<u8>> {
        let new = self.alloc(Layout::from_size_align(size, align).map_err(|_| AllocError::NoMemory)?)?;
        // SAFETY: both blocks are live, and the caller's block is what it says.
        unsafe {
            new.copy_from(widen(ptr), layout.size().min(size));
            self.dealloc(ptr, layout);
        }
        Ok(new)
    }
}
