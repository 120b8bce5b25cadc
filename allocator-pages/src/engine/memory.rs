//! `init`, `add_memory` and `remove_memory`: how an engine gets memory, and gives it back to its owner.

use core::ptr::NonNull;

use allocator_core::BaseAllocator;
use allocator_core::address::{Region, pointer_at};
use allocator_core::error::{AllocError, AllocResult};

use super::policy::Policy;
use super::{Metadata, PageEngine};
use crate::cache::{BlockCache, PageCache, RunCache};
use crate::page::{PageNumber, PageRange, PageState};
use crate::section::Section;

/// The call that a region comes with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// `init`. A window that begins with the first region begins anew.
    First,
    /// `add_memory`. The region may have been removed before.
    Further,
}

impl<P: Policy, const PAGE_SIZE: usize> BaseAllocator for PageEngine<'_, P, PAGE_SIZE> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        if self.total > 0 {
            return Err(AllocError::InvalidParam);
        }
        // SAFETY: the same contract.
        unsafe { self.add(start, size, Arrival::First) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: the same contract.
        unsafe { self.add(start, size, Arrival::Further) }
    }
}

/// `init` and `add_memory`.
impl<P: Policy, const PAGE_SIZE: usize> PageEngine<'_, P, PAGE_SIZE> {
    /// Adds the whole pages of the `size` bytes from address `start`.
    ///
    /// # Safety
    ///
    /// As for [`BaseAllocator::init`]: where the engine keeps its metadata in the regions, the region is readable and
    /// writable, its provenance exposed, and nobody else uses it.
    unsafe fn add(&mut self, start: usize, size: usize, arrival: Arrival) -> AllocResult {
        let region = Region::new(start, size)?;
        let pages = Self::pages_of(region)?;
        let overlapped = PageRange::of_numbers(region.overlapped_pages(PAGE_SIZE));
        if self.has_any(overlapped) {
            return Err(AllocError::MemoryOverlap);
        }
        self.flush();
        let added = match self.metadata {
            Metadata::InWords { words, base } => {
                // SAFETY: the words were lent to the engine for as long as it lives.
                unsafe { self.open_window(words, base, pages, arrival)? };
                self.add_to_section(pages)?;
                pages.len()
            }
            // SAFETY: the caller hands the region over.
            Metadata::InRegions => unsafe { self.add_region(pages, overlapped)? },
        };
        self.total += added;
        self.span = self.sections.span();
        Ok(())
    }

    /// The whole pages of a region, at least one.
    fn pages_of(region: Region) -> AllocResult<PageRange> {
        let pages = region.trim(PAGE_SIZE)?;
        Ok(PageRange::new(PageNumber::at(pages.start(), PAGE_SIZE), PageNumber::at(pages.end(), PAGE_SIZE)))
    }

    /// Whether the engine has any of `pages`, to hand out or for metadata, other than those of a section that is
    /// [replaced](Self::is_replaced).
    fn has_any(&self, pages: PageRange) -> bool {
        self.sections.iter().any(|section| {
            section.extents().overlap(pages) || section.own().overlaps(pages) && !Self::is_replaced(section, pages)
        })
    }

    /// Whether a new region that overlaps `pages` replaces the section: the section has no page left, and the region covers
    /// some of its metadata.
    fn is_replaced(section: &Section<P::Node>, pages: PageRange) -> bool {
        section.extents().is_empty() && section.own().overlaps(pages)
    }

    /// Adds pages to the section whose window they lie in.
    fn add_to_section(&mut self, pages: PageRange) -> AllocResult {
        let section = self.sections.around_mut(pages.start).ok_or(AllocError::InvalidParam)?;
        section.add(pages)?;
        self.pages = PageCache::new();
        self.lower_bounds(pages.start);
        Ok(())
    }

    /// Makes sure that there is a section in the caller's words, and that its window has `pages`.
    ///
    /// # Errors
    ///
    /// [`AllocError::InvalidParam`]: the window, present or to be made, does not cover all of them.
    ///
    /// # Safety
    ///
    /// Nothing else uses the words.
    unsafe fn open_window(
        &mut self,
        words: NonNull<[u64]>,
        base: Option<usize>,
        pages: PageRange,
        arrival: Arrival,
    ) -> AllocResult {
        let begins_anew = arrival == Arrival::First && base.is_none();
        if let Some(section) = self.sections.iter().next() {
            if section.window().covers(pages) && !begins_anew {
                return Ok(());
            }
            if self.total > 0 || base.is_some() {
                return Err(AllocError::InvalidParam);
            }
        }
        let first = match base {
            Some(base) => PageNumber::new(base.div_ceil(PAGE_SIZE)),
            None => pages.start,
        };
        let limit = usize::MAX / PAGE_SIZE;
        let capacity = Section::<P::Node>::capacity(first, words.len(), limit.saturating_sub(first.get()));
        let window = PageRange::from_len(first, capacity);
        if !window.covers(pages) {
            return Err(AllocError::InvalidParam);
        }
        self.sections.unlink(|_| true);
        (self.pages, self.runs, self.blocks) = (PageCache::new(), RunCache::new(), BlockCache::new());
        // SAFETY: nothing else uses the words, as the caller promises: the section that lay in them is forgotten.
        let section = unsafe { Section::create(words, window, PageRange::EMPTY) }.ok_or(AllocError::InvalidParam)?;
        // SAFETY: the section is new, and the only one.
        unsafe { self.sections.link(section) };
        Ok(())
    }

    /// Adds the pages of a region: those that lie in the window of a section to that section, the others as a new one with
    /// its metadata in the first of them. Returns how many pages that makes.
    ///
    /// # Safety
    ///
    /// As for [`add`](Self::add); `overlapped` are the pages that the region has bytes of, and the engine has none of these.
    unsafe fn add_region(&mut self, pages: PageRange, overlapped: PageRange) -> AllocResult<usize> {
        let kept = |section: &&Section<P::Node>| !Self::is_replaced(section, overlapped);
        let around = self.sections.iter().filter(kept).find(|section| section.window().contains(pages.start));
        let split = around.map_or(pages.start, |section| section.window().end.min(pages.end));
        let returned = PageRange::new(pages.start, split);
        let new = PageRange::new(split, pages.end);
        let new = if new.is_empty() { None } else { Some((new, Self::managed_part(new)?)) };
        if !returned.is_empty() {
            self.add_to_section(returned)?;
        }
        self.sections.unlink(|section| Self::is_replaced(section, overlapped));
        let Some((new, managed)) = new else { return Ok(returned.len()) };
        // SAFETY: the caller hands the region over.
        unsafe { self.create_section(new, managed)? };
        Ok(returned.len() + managed.len())
    }

    /// The pages of `pages` that lie behind their metadata.
    fn managed_part(pages: PageRange) -> AllocResult<PageRange> {
        let metadata = Self::metadata_page(pages);
        let words = Section::<P::Node>::most_words(pages.len());
        let own = words.checked_mul(size_of::<u64>()).ok_or(AllocError::InvalidParam)?.div_ceil(PAGE_SIZE);
        let start = metadata.checked_add(own).ok_or(AllocError::InvalidParam)?;
        if start < pages.end { Ok(PageRange::new(start, pages.end)) } else { Err(AllocError::InvalidParam) }
    }

    /// The page with which the metadata of a region begin: its first, but for page 0, to which no pointer leads.
    fn metadata_page(pages: PageRange) -> PageNumber {
        pages.start.max(PageNumber::new(1))
    }

    /// Makes a section of `pages`, of which it manages those in `managed`; its metadata lie in front of these.
    ///
    /// # Safety
    ///
    /// The pages are memory, and the engine's from now on; no section has any of them in its window. `managed` is their
    /// [`managed_part`](Self::managed_part).
    unsafe fn create_section(&mut self, pages: PageRange, managed: PageRange) -> AllocResult {
        let first = Self::metadata_page(pages);
        let place = pointer_at(first.address(PAGE_SIZE)).ok_or(AllocError::InvalidParam)?;
        let words = (managed.start - first) * (PAGE_SIZE / size_of::<u64>());
        let words = NonNull::slice_from_raw_parts(place.cast::<u64>(), words);
        let own = PageRange::new(pages.start, managed.start);
        // SAFETY: the words lie in the caller's pages, in front of those that are managed, at the start of a page.
        let section = unsafe { Section::create(words, managed, own) }.ok_or(AllocError::InvalidParam)?;
        // SAFETY: the section is new; no other has its pages in its window, as the caller promises.
        unsafe { self.sections.link(section) };
        self.add_to_section(managed)
    }
}

/// `remove_memory`.
impl<P: Policy, const PAGE_SIZE: usize> PageEngine<'_, P, PAGE_SIZE> {
    /// Takes the whole pages of the `size` bytes from address `start` out again, all of which are free: the reverse of
    /// `add_memory`.
    ///
    /// - A region goes as it came, whole, with whatever unaligned ends it was given with.
    /// - Pages go in any portions (a balloon), come back in any portions with `add_memory`, and merge again.
    /// - Metadata in a region go if `start` and `size` include them and all pages that are left of the region. If the caller
    ///   removes all pages of a region but not its metadata pages, the engine keeps the metadata. A later `add_memory` may
    ///   cover them.
    ///
    /// # Time complexity
    ///
    /// O(pages / 512), and O(log n) for each cached page, run and block, which are flushed.
    ///
    /// # Errors
    ///
    /// - [`InvalidParam`](AllocError::InvalidParam): some of it is not managed, or there is no whole page;
    /// - [`NoMemory`](AllocError::NoMemory): some of it is in use, metadata of pages that would stay included; or there is
    ///   no room to tell so many disjoint ranges apart (see [Metadata](Self#metadata)).
    ///
    /// Nothing has changed then.
    ///
    /// # Safety
    ///
    /// The pages are the caller's again, who gave them with promises about their use: it is for the caller to know who may
    /// use them next. The method itself needs nothing.
    pub unsafe fn remove_memory(&mut self, start: usize, size: usize) -> AllocResult {
        let pages = Self::pages_of(Region::new(start, size)?)?;
        self.check_removable(pages)?;
        self.flush();
        let mut at = pages.start;
        while let Some(section) = self.sections.find_mut(|section| Self::all_of(section).contains(at)) {
            let part = pages.intersection(section.window());
            if !part.is_empty() {
                // This fails only where the part lies in the middle of an extent. Then it is all of `pages`, and nothing has
                // changed.
                section.remove(part)?;
                self.total -= part.len();
            }
            at = section.window().end;
            if at >= pages.end {
                break;
            }
        }
        self.sections.unlink(|section| section.own().overlaps(pages));
        self.pages = PageCache::new();
        self.span = self.sections.span();
        Ok(())
    }

    /// The pages of a section with those of its metadata.
    fn all_of(section: &Section<P::Node>) -> PageRange {
        let own = section.own();
        let start = if own.is_empty() { section.window().start } else { own.start };
        PageRange::new(start, section.window().end)
    }

    /// Checks that all of `pages` are managed, or metadata, and none is in use.
    fn check_removable(&self, pages: PageRange) -> AllocResult {
        let mut at = pages.start;
        let mut in_use = false;
        while at < pages.end {
            let around = self.sections.iter().find(|section| Self::all_of(section).contains(at));
            let section = around.ok_or(AllocError::InvalidParam)?;
            let part = pages.intersection(section.window());
            if !part.is_empty() {
                if !section.extents().contain(part) {
                    return Err(AllocError::InvalidParam);
                }
                in_use |= !section.all_are(part, PageState::Free);
            }
            if section.own().overlaps(pages) {
                in_use |= !pages.covers(section.own()) || !pages.covers(section.extents().span());
            }
            at = section.window().end;
        }
        if in_use { Err(AllocError::NoMemory) } else { Ok(()) }
    }
}
