//! Memory comes and goes.

use core::mem::size_of;
use core::ops::Range;
use core::ptr::NonNull;

use super::PageEngine;
use super::policy::Policy;
use crate::cache::{BlockCache, PageCache, RunCache};
use crate::section::Section;
use allocator_core::BaseAllocator;
use allocator_core::address::{Region, is_aligned, pointer_at};
use allocator_core::error::{AllocError, AllocResult};

impl<P: Policy, const PAGE_SIZE: usize> BaseAllocator for PageEngine<'_, P, PAGE_SIZE> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if self.total > 0 {
            return Err(AllocError::InvalidParam);
        }
        // SAFETY: passed on from the caller.
        unsafe { self.add_memory(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        let trimmed = region.trim(PAGE_SIZE)?;
        let pages = trimmed.start() / PAGE_SIZE..trimmed.end() / PAGE_SIZE;
        // A page of which the region has one byte is one that it overlaps.
        if self.has_any(&(region.start() / PAGE_SIZE..region.end().div_ceil(PAGE_SIZE))) {
            return Err(AllocError::MemoryOverlap);
        }
        self.empty_stocks();
        let added = match self.metadata {
            _ if self.total > 0 && self.sections.of(pages.start).is_some() => self.add_to_section(pages)?,
            Some(_) if self.total > 0 => return Err(AllocError::InvalidParam),
            // SAFETY: the words were lent to the allocator, and no section that has pages lies in them.
            Some(words) => unsafe { self.create_window(words, pages)? },
            // SAFETY: the caller hands the region over.
            None => unsafe { self.create_section(pages)? },
        };
        self.total += added;
        Ok(())
    }
}

impl<P: Policy, const PAGE_SIZE: usize> PageEngine<'_, P, PAGE_SIZE> {
    /// Whether the allocator has any of `pages`, for itself or to hand out.
    fn has_any(&self, pages: &Range<usize>) -> bool {
        let own = |section: &Section<P::Node>| section.own.start < pages.end && pages.start < section.own.end;
        self.sections.iter().any(|section| section.extents.overlap(pages) || own(section))
    }

    /// Adds pages to the section whose window the first of them lies in.
    fn add_to_section(&mut self, pages: Range<usize>) -> AllocResult<usize> {
        let section = self.sections.of_mut(pages.start).ok_or(AllocError::InvalidParam)?;
        if pages.end > section.window.end {
            return Err(AllocError::InvalidParam);
        }
        section.extents.insert(pages.clone())?;
        section.set_run_free(pages.clone(), true);
        section.told_run(pages.clone());
        self.pages = PageCache::new();
        self.told_free(pages.start);
        Ok(pages.len())
    }

    /// Makes the one section that the caller's words describe, from `pages` up.
    ///
    /// # Safety
    ///
    /// Nothing else uses the words.
    unsafe fn create_window(&mut self, words: NonNull<[u64]>, pages: Range<usize>) -> AllocResult<usize> {
        let limit = usize::MAX / PAGE_SIZE - pages.start;
        let capacity = Section::<P::Node>::capacity(pages.start, words.len(), limit);
        if capacity < pages.len() {
            return Err(AllocError::InvalidParam);
        }
        self.sections.unlink(|_| true);
        (self.pages, self.runs, self.blocks) = (PageCache::new(), RunCache::new(), BlockCache::new());
        let window = pages.start..pages.start + capacity;
        // SAFETY: passed on from the caller; the slice is aligned for words, and so for a header.
        let section = unsafe { Section::create(words, window, pages.clone(), 0..0) }.ok_or(AllocError::InvalidParam)?;
        // SAFETY: the section is new, and the only one.
        unsafe { self.sections.link(section) };
        Ok(pages.len())
    }

    /// Makes a section for `pages` with its metadata in the first of them.
    ///
    /// # Safety
    ///
    /// The pages are the allocator's from now on.
    unsafe fn create_section(&mut self, pages: Range<usize>) -> AllocResult<usize> {
        // No pointer leads to address 0.
        let pages = pages.start.max(1)..pages.end;
        let words = Section::<P::Node>::most_words(pages.len());
        let own = words.checked_mul(size_of::<u64>()).ok_or(AllocError::InvalidParam)?.div_ceil(PAGE_SIZE);
        if own >= pages.len() {
            return Err(AllocError::InvalidParam);
        }
        let managed = pages.start + own..pages.end;
        let place = pointer_at(pages.start * PAGE_SIZE).ok_or(AllocError::InvalidParam)?;
        let metadata = NonNull::slice_from_raw_parts(place.cast::<u64>(), words);
        let own = pages.start..managed.start;
        // SAFETY: the words lie in the caller's pages, in front of those that are managed, at the start of a page.
        let section = unsafe { Section::create(metadata, managed.clone(), managed.clone(), own) };
        // SAFETY: the section is new; none has any of its pages, nor lies around them, or they would have been added to it.
        unsafe { self.sections.link(section.ok_or(AllocError::InvalidParam)?) };
        self.told_free(managed.start);
        Ok(managed.len())
    }

    /// Takes the `size` bytes from address `start` back out: whole pages, all of them free.
    ///
    /// Where the metadata lie in the regions, those of a region of which nothing is left are given up with it.
    ///
    /// # Time complexity
    ///
    /// O(pages / 512), and O(log n) for each page in stock.
    ///
    /// # Errors
    ///
    /// - [`InvalidParam`](allocator_core::AllocError::InvalidParam): some of it is not managed, or it does not
    ///   consist of whole pages;
    /// - [`NoMemory`](allocator_core::AllocError::NoMemory): some of it is in use; or more than 64 disjoint
    ///   extents would be left in a window.
    ///
    /// Nothing has changed then.
    ///
    /// # Safety
    ///
    /// The pages are the caller's again, who gave them with promises about their use: it is for them to know who
    /// may use the pages next. The method itself needs nothing.
    pub unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let region = Region::new(start, size)?;
        if !is_aligned(start, PAGE_SIZE) || !is_aligned(size, PAGE_SIZE) {
            return Err(AllocError::InvalidParam);
        }
        let pages = region.start() / PAGE_SIZE..region.end() / PAGE_SIZE;
        let section = self.sections.managing(&pages).ok_or(AllocError::InvalidParam)?;
        if !section.all_free(pages.clone()) {
            return Err(AllocError::NoMemory);
        }
        self.empty_stocks();
        let section = self.sections.of_mut(pages.start).ok_or(AllocError::InvalidParam)?;
        section.extents.remove(pages.clone())?;
        section.set_run_free(pages.clone(), false);
        section.told_run(pages.clone());
        self.pages = PageCache::new();
        self.total -= pages.len();
        if self.metadata.is_none() {
            // The window ends where the extents do, so that what was outside of them can come again as a new region.
            if let (Some(first), Some(last)) = (section.extents.iter().next(), section.extents.iter().last()) {
                section.window = first.start..last.end;
            }
            self.sections.unlink(|section| section.extents.iter().next().is_none());
        }
        Ok(())
    }
}
