//! Memory comes and goes.

use core::mem::size_of;
use core::ops::Range;
use core::ptr::NonNull;

use super::{Frames, Policy};
use crate::stock::{Blocks, Pages, ShortRuns};
use crate::zone::Zone;
use allocator_core::address::{Region, is_aligned, pointer_at};
use allocator_core::error::{AllocError, AllocResult};

impl<P: Policy, const PAGE_SIZE: usize> Frames<'_, P, PAGE_SIZE> {
    /// As [`BaseAllocator::init`](allocator_core::BaseAllocator::init).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As there; without metadata of the caller's, the region is readable and writable.
    pub(crate) unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if self.total > 0 {
            return Err(AllocError::InvalidParam);
        }
        // SAFETY: passed on from the caller.
        unsafe { self.add_memory(start, size) }
    }

    /// As [`BaseAllocator::add_memory`](allocator_core::BaseAllocator::add_memory).
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// As for [`init`](Self::init).
    pub(crate) unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        let trimmed = region.trim(PAGE_SIZE)?;
        let pages = trimmed.start() / PAGE_SIZE..trimmed.end() / PAGE_SIZE;
        // A page of which the region has one byte is one that it overlaps.
        if self.has_any(&(region.start() / PAGE_SIZE..region.end().div_ceil(PAGE_SIZE))) {
            return Err(AllocError::MemoryOverlap);
        }
        self.empty_stocks();
        let added = match self.metadata {
            _ if self.total > 0 && self.zones.of(pages.start).is_some() => self.add_to_zone(pages)?,
            Some(_) if self.total > 0 => return Err(AllocError::InvalidParam),
            // SAFETY: the words were lent to the allocator, and no zone that has pages lies in them.
            Some(words) => unsafe { self.create_window(words, pages)? },
            // SAFETY: the caller hands the region over.
            None => unsafe { self.create_zone(pages)? },
        };
        self.total += added;
        Ok(())
    }

    /// Whether the allocator has any of `pages`, for itself or to hand out.
    fn has_any(&self, pages: &Range<usize>) -> bool {
        let own = |zone: &Zone<P::Node>| zone.own.start < pages.end && pages.start < zone.own.end;
        self.zones.iter().any(|zone| zone.extents.overlap(pages) || own(zone))
    }

    /// Adds pages to the zone whose window the first of them lies in.
    fn add_to_zone(&mut self, pages: Range<usize>) -> AllocResult<usize> {
        let zone = self.zones.of_mut(pages.start).ok_or(AllocError::InvalidParam)?;
        if pages.end > zone.window.end {
            return Err(AllocError::InvalidParam);
        }
        zone.extents.insert(pages.clone())?;
        zone.set_run_free(pages.clone(), true);
        zone.told_run(pages.clone());
        self.pages = Pages::new();
        self.told_free(pages.start);
        Ok(pages.len())
    }

    /// Makes the one zone that the caller's words describe, from `pages` up.
    ///
    /// # Safety
    ///
    /// Nothing else uses the words.
    unsafe fn create_window(&mut self, words: NonNull<[u64]>, pages: Range<usize>) -> AllocResult<usize> {
        let limit = usize::MAX / PAGE_SIZE - pages.start;
        let capacity = Zone::<P::Node>::capacity(pages.start, words.len(), limit);
        if capacity < pages.len() {
            return Err(AllocError::InvalidParam);
        }
        self.zones.unlink(|_| true);
        (self.pages, self.runs, self.blocks) = (Pages::new(), ShortRuns::new(), Blocks::new());
        let window = pages.start..pages.start + capacity;
        // SAFETY: passed on from the caller; the slice is aligned for words, and so for a header.
        let zone = unsafe { Zone::create(words, window, pages.clone(), 0..0) }.ok_or(AllocError::InvalidParam)?;
        // SAFETY: the zone is new, and the only one.
        unsafe { self.zones.link(zone) };
        Ok(pages.len())
    }

    /// Makes a zone for `pages` with its metadata in the first of them.
    ///
    /// # Safety
    ///
    /// The pages are the allocator's from now on.
    unsafe fn create_zone(&mut self, pages: Range<usize>) -> AllocResult<usize> {
        // No pointer leads to address 0.
        let pages = pages.start.max(1)..pages.end;
        let words = Zone::<P::Node>::most_words(pages.len());
        let own = words.checked_mul(size_of::<u64>()).ok_or(AllocError::InvalidParam)?.div_ceil(PAGE_SIZE);
        if own >= pages.len() {
            return Err(AllocError::InvalidParam);
        }
        let managed = pages.start + own..pages.end;
        let place = pointer_at(pages.start * PAGE_SIZE).ok_or(AllocError::InvalidParam)?;
        let metadata = NonNull::slice_from_raw_parts(place.cast::<u64>(), words);
        let own = pages.start..managed.start;
        // SAFETY: the words lie in the caller's pages, in front of those that are managed, at the start of a page.
        let zone = unsafe { Zone::create(metadata, managed.clone(), managed.clone(), own) };
        // SAFETY: the zone is new; none has any of its pages, nor lies around them, or they would have been added to it.
        unsafe { self.zones.link(zone.ok_or(AllocError::InvalidParam)?) };
        self.told_free(managed.start);
        Ok(managed.len())
    }

    /// Takes the `size` bytes from address `start` back out: whole pages, all of them free.
    ///
    /// Where the metadata lie in the regions, a region whose pages have all been taken out is given up with them.
    ///
    /// # Time complexity
    ///
    /// O(pages / 512), and emptying the stocks.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`]: some of it is not managed, or it does not consist of whole pages;
    /// - [`AllocError::NoMemory`]: some of it is in use; or more disjoint extents would be left than can be told apart.
    ///
    /// Nothing has changed then.
    ///
    /// # Safety
    ///
    /// None: the pages are the caller's again. The method is `unsafe` because adding memory is.
    pub(crate) unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        if !is_aligned(start, PAGE_SIZE) || !is_aligned(size, PAGE_SIZE) {
            return Err(AllocError::InvalidParam);
        }
        let pages = region.start() / PAGE_SIZE..region.end() / PAGE_SIZE;
        let zone = self.zones.managing(&pages).ok_or(AllocError::InvalidParam)?;
        if !zone.all_free(pages.clone()) {
            return Err(AllocError::NoMemory);
        }
        self.empty_stocks();
        let zone = self.zones.of_mut(pages.start).ok_or(AllocError::InvalidParam)?;
        zone.extents.remove(pages.clone())?;
        zone.set_run_free(pages.clone(), false);
        zone.told_run(pages.clone());
        self.pages = Pages::new();
        self.total -= pages.len();
        if self.metadata.is_none() {
            // The window ends where the extents do, so that what was outside of them can come again as a new region.
            if let (Some(first), Some(last)) = (zone.extents.iter().next(), zone.extents.iter().last()) {
                zone.window = first.start..last.end;
            }
            self.zones.unlink(|zone| zone.extents.iter().next().is_none());
        }
        Ok(())
    }
}
