//! A byte allocator that is easy to believe in: first fit, everything it knows is kept outside of the memory.
//!
//! Each fault is one condition in it.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::{self, NonNull};

use allocator_core::address::widen;
use allocator_core::traits::realloc_by_moving;
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region};

use crate::fault::Fault;

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
        self.free.iter().find_map(|(&start, &end)| {
            let at = start.checked_next_multiple_of(align)?;
            (at.checked_add(size)? <= end).then_some((start, end, at))
        })
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
        self.regions.iter().map(|region| region.size()).sum()
    }

    fn used_bytes(&self) -> usize {
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

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        let usable = block_size(layout).unwrap_or(layout.size());
        (layout.size(), if self.has(Fault::UsableTooLarge) { usable.saturating_add(GRANULE) } else { usable })
    }
}

impl FirstFit {
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
