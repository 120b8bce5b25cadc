//! [`Arena`], the memory that an allocator under test gets its regions from, with guards around the regions.

use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;
use std::alloc;
use std::vec::Vec;

use crate::config::{Outcome, ensure};

/// One allocation, of which some ranges have been handed over as regions.
///
/// ```text
///   base                                                    base + size
///     | guard |###### region ######| guard |## region ##| guard |
/// ```
///
/// A guard is every byte outside of the regions; it holds [`Arena::GUARD`] from [`reset`](Self::reset) on.
pub(super) struct Arena {
    base: NonNull<u8>,
    layout: Layout,
    /// The regions, in the order in which the suite handed them over.
    regions: Vec<Range<usize>>,
}

impl Arena {
    const GUARD: u8 = 0xc3;

    /// What is larger is neither filled nor verified, so that it costs address space only.
    const MAX_GUARDED: usize = 16 << 20;

    /// An arena of `size` bytes at a multiple of `align` bytes, its provenance exposed.
    pub(super) fn new(size: usize, align: usize) -> Self {
        let layout = Layout::from_size_align(size, align).expect("arenas are small");
        assert!(size > 0, "an arena holds something");
        // SAFETY: the size is not 0.
        let base = NonNull::new(unsafe { alloc::alloc_zeroed(layout) });
        let base = base.unwrap_or_else(|| alloc::handle_alloc_error(layout));
        let _ = base.as_ptr().expose_provenance();
        let mut arena = Self { base, layout, regions: Vec::new() };
        arena.reset();
        arena
    }

    /// Takes all regions back. The allocator that had them must be gone.
    pub(super) fn reset(&mut self) {
        self.regions.clear();
        if self.is_guarded() {
            // SAFETY: `base` has `size` bytes, and no allocator uses any of them now.
            unsafe { self.base.write_bytes(Self::GUARD, self.size()) };
        }
    }

    fn is_guarded(&self) -> bool {
        self.size() <= Self::MAX_GUARDED
    }

    pub(super) fn size(&self) -> usize {
        self.layout.size()
    }

    /// The address `offset` bytes into the arena.
    pub(super) fn at(&self, offset: usize) -> usize {
        assert!(offset <= self.size(), "offset {offset:#x} is outside of the arena of {:#x} bytes", self.size());
        self.base.as_ptr().addr() + offset
    }

    /// A pointer to the byte at `offset`, good for all the arena.
    pub(super) fn pointer(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.size(), "offset {offset:#x} is outside of the arena of {:#x} bytes", self.size());
        // SAFETY: the offset lies in the allocation.
        unsafe { self.base.add(offset) }
    }

    /// All addresses of the arena.
    pub(super) fn span(&self) -> Range<usize> {
        self.at(0)..self.at(self.size())
    }

    /// Notes that the range of addresses is the allocator's from now on.
    pub(super) fn hand_over(&mut self, region: Range<usize>) {
        self.regions.push(region);
    }

    /// Notes that the allocator has returned all regions that start in the range, and guards them again.
    pub(super) fn take_back(&mut self, range: &Range<usize>) {
        let (kept, returned): (Vec<_>, Vec<_>) =
            self.regions.drain(..).partition(|region| !range.contains(&region.start));
        self.regions = kept;
        if self.is_guarded() {
            for region in returned {
                let offset = region.start - self.at(0);
                // SAFETY: the region lies in the arena, and is no allocator's any more.
                unsafe { self.pointer(offset).write_bytes(Self::GUARD, region.len()) };
            }
        }
    }

    pub(super) fn regions(&self) -> &[Range<usize>] {
        &self.regions
    }

    /// Whether every address of the range has been handed over; adjacent regions count as one.
    pub(super) fn covers(&self, range: &Range<usize>) -> bool {
        let mut at = range.start;
        while at < range.end {
            match self.regions.iter().find(|region| region.contains(&at)) {
                Some(region) => at = region.end,
                None => return false,
            }
        }
        true
    }

    /// Whether nothing outside of the regions was written.
    pub(super) fn check_guards(&self) -> Outcome {
        let mut regions = self.regions.clone();
        regions.sort_unstable_by_key(|region| region.start);
        let mut at = self.at(0);
        for region in regions {
            self.check_pattern(at..region.start.max(at))?;
            at = at.max(region.end);
        }
        self.check_pattern(at..self.at(self.size()))
    }

    /// Whether nothing was written anywhere, the regions included.
    pub(super) fn check_untouched(&self) -> Outcome {
        self.check_pattern(self.span())
    }

    fn check_pattern(&self, range: Range<usize>) -> Outcome {
        if !self.is_guarded() || range.is_empty() {
            return Ok(());
        }
        let offset = range.start - self.at(0);
        // SAFETY: the range lies in the arena, which is initialised, and nobody writes while the slice lives.
        let bytes = unsafe { slice::from_raw_parts(self.base.as_ptr().add(offset), range.len()) };
        let pattern = [Self::GUARD; 4096];
        for (index, chunk) in bytes.chunks(pattern.len()).enumerate() {
            if *chunk == pattern[..chunk.len()] {
                continue;
            }
            let inside = chunk.iter().position(|&byte| byte != Self::GUARD).unwrap_or(0);
            let address = range.start + index * pattern.len() + inside;
            return Err(std::format!(
                "address {address:#x} was written, which is not the allocator's (regions: {:x?})",
                self.regions
            ));
        }
        Ok(())
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: `base` came from `alloc` with this layout.
        unsafe { alloc::dealloc(self.base.as_ptr(), self.layout) };
    }
}

/// The method by which the suite hands over a region.
#[derive(Clone, Copy, Debug)]
pub(super) enum AddBy {
    Init,
    AddMemory,
}

impl AddBy {
    pub(super) const BOTH: [Self; 2] = [Self::Init, Self::AddMemory];
}

/// The range of `size` bytes from `address`. An allocator's answer that reaches past the address space is a violation.
pub(super) fn extent(address: usize, size: usize) -> Outcome<Range<usize>> {
    let end = address.checked_add(size);
    ensure!(end.is_some(), "{size:#x} bytes at address {address:#x} reach past the end of the address space");
    Ok(address..end.unwrap_or(address))
}
