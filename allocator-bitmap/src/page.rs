//! [`BitmapPageAllocator`], an allocator of page frames in a window of fixed capacity, on the package `bitmap-allocator`.

use core::fmt;
use core::ops::{Range, RangeInclusive};

use allocator_core::address::{NO_ADDRESSES, is_aligned, whole_pages_within};
use allocator_core::traits::is_page_request;
use allocator_core::{AllocError, AllocResult, BaseAllocator, PageAllocator, Region};
use bitmap_allocator::BitAlloc;

use crate::bits::Bits;
use crate::runs::{first_run, first_taken, is_taken};

/// The package's bitmap of the capacity that the features ask for: the largest that is on holds.
#[cfg(feature = "page-alloc-1t")]
type FreePages = bitmap_allocator::BitAlloc256M;
#[cfg(all(feature = "page-alloc-64g", not(feature = "page-alloc-1t")))]
type FreePages = bitmap_allocator::BitAlloc16M;
#[cfg(all(feature = "page-alloc-4g", not(any(feature = "page-alloc-64g", feature = "page-alloc-1t"))))]
type FreePages = bitmap_allocator::BitAlloc1M;
#[cfg(not(any(feature = "page-alloc-4g", feature = "page-alloc-64g", feature = "page-alloc-1t")))]
type FreePages = bitmap_allocator::BitAlloc64K;

const CAPACITY: usize = FreePages::CAP;

/// The number of a bit in the ring, less than [`CAPACITY`]. A plain `usize` here is a page number or a number of pages.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
struct Bit(usize);

impl Bit {
    /// The bit that stands for the page with number `page`.
    const fn of(page: usize) -> Self {
        Self(page % CAPACITY)
    }

    /// The lowest number, of those from `low` up, of a page that the bit stands for.
    const fn page_from(self, low: usize) -> usize {
        low + self.0.wrapping_sub(low) % CAPACITY
    }
}

impl fmt::Debug for Bit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bit {}", self.0)
    }
}

/// An allocator of page frames, the highest of which is less than [`CAPACITY`](Self::CAPACITY) pages above the lowest.
///
/// The capacity is chosen by feature, for pages of 4 KiB: `page-alloc-256m` (64K pages), `-4g` (1M), `-64g` (16M),
/// `-1t` (256M); with larger pages the same number of pages covers more. The allocator never touches the pages.
///
/// # Layout
///
/// The bitmap is a ring: bit `n % CAPACITY` stands for page number `n` (the address over `PAGE_SIZE`). So regions may come in
/// any order, below the first one too, as long as all of them fit into `CAPACITY` pages in a row, and no bit ever moves. With
/// a capacity of 16 pages, and regions of the pages 12..=14 and 17..=21:
///
/// ```text
///   bit      0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
///   page    16 17 18 19 20 21                   12 13 14 15
///   managed     1  1  1  1  1                    1  1  1
///           ────────────────┘                   └──────────
///                   high = 22                   low = 12
/// ```
///
/// A second bitmap, `managed`, keeps apart allocated pages and pages that were never handed over. The two bitmaps take 2.1
/// bits a page: 17 KiB for 256 MiB, 66 MiB for 1 TiB (`cargo run --release --example tour` prints it). All are zero at first,
/// so that a `static` lies in `.bss`.
///
/// # Time complexity
///
/// n is the capacity.
///
/// - `alloc_pages` of one page at its own alignment: O(log n);
/// - of several pages, or at an alignment above a page, and `alloc_pages_in`: O(log n) for each free page that the search
///   passes. More pages than are free are refused in O(1);
/// - `alloc_pages_at`: O(log n) for each page;
/// - `dealloc_pages`: O(pages given back); `add_memory`: O(pages added); `span` and the statistics: O(1).
///
/// # Drawbacks
///
/// - The search for a contiguous run goes page by page: it is slow where many small holes are free.
/// - The capacity is fixed when compiling, and takes its memory whether there are pages or not.
/// - From `page-alloc-64g` up the allocator is too large for a stack. Make it a `static`, or take zeroed memory for it, which
///   is a valid empty allocator (all its bytes are zero).
///
/// # Examples
///
/// ```
/// use allocator_bitmap::BitmapPageAllocator;
/// use allocator_core::{AllocError, BaseAllocator, PageAllocator};
/// use std::sync::Mutex;
///
/// static FRAMES: Mutex<BitmapPageAllocator<4096>> = Mutex::new(BitmapPageAllocator::new());
///
/// let mut frames = FRAMES.lock().unwrap();
/// // SAFETY: page frames are numbers here; nobody else hands out these.
/// unsafe { frames.init(0x8000_0000, 64 << 20)? };
/// let huge = frames.alloc_pages(512, 2 << 20)?;
/// assert_eq!(huge % (2 << 20), 0);
/// frames.dealloc_pages(huge + 4096, 511)?; // all but the first
/// assert_eq!(frames.used_pages(), 1);
/// assert_eq!(frames.dealloc_pages(huge, 2), Err(AllocError::NotAllocated));
/// # Ok::<(), AllocError>(())
/// ```
pub struct BitmapPageAllocator<const PAGE_SIZE: usize> {
    /// Bit `n % CAPACITY` is set iff page `n` is managed and free.
    free: FreePages,
    /// Bit `n % CAPACITY` is set iff page `n` is managed.
    managed: Bits<{ CAPACITY / 64 }>,
    /// The lowest page number managed, and the one behind the highest; `low == high` iff there are none;
    /// `high - low <= CAPACITY`.
    low: usize,
    high: usize,
    /// The number of bits in `managed`.
    total: usize,
    /// `total` less the number of bits in `free`.
    used: usize,
}

impl<const PAGE_SIZE: usize> BitmapPageAllocator<PAGE_SIZE> {
    /// How many pages the memory may span, from the lowest to the highest.
    pub const CAPACITY: usize = CAPACITY;

    /// An empty allocator.
    ///
    /// A `PAGE_SIZE` that is no power of two does not compile:
    ///
    /// ```compile_fail,E0080
    /// static FRAMES: allocator_bitmap::BitmapPageAllocator<5000> = allocator_bitmap::BitmapPageAllocator::new();
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(PAGE_SIZE.is_power_of_two(), "PAGE_SIZE is no power of two") };
        Self { free: FreePages::DEFAULT, managed: Bits::new(), low: 0, high: 0, total: 0, used: 0 }
    }

    /// The ranges of bits that stand for `pages`, numbers: two if they go past the end of the ring, else one.
    fn bits(pages: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        debug_assert!(pages.start < pages.end && pages.end - pages.start <= CAPACITY);
        let Bit(start) = Bit::of(pages.start);
        let end = start + (pages.end - pages.start);
        let wrapped = 0..end.saturating_sub(CAPACITY);
        [start..end.min(CAPACITY), wrapped].into_iter().filter(|bits| !bits.is_empty())
    }

    /// The number of the first free page at or after page number `page`, which is at least `low`.
    fn next_free(&self, page: usize) -> Option<usize> {
        if page >= self.high {
            return None;
        }
        let Bit(bit) = Bit::of(page);
        let found = match self.free.next(bit) {
            Some(next) => page + (next - bit),
            None => {
                let ring_start = page.checked_add(CAPACITY - bit)?;
                ring_start.checked_add(self.free.next(0)?)?
            }
        };
        (found < self.high).then_some(found)
    }

    /// The numbers of the `num_pages` pages from address `base`. `None` if one of them is not managed, or `base` is not the
    /// address of a page.
    fn managed_pages(&self, base: usize, num_pages: usize) -> Option<Range<usize>> {
        if !is_aligned(base, PAGE_SIZE) {
            return None;
        }
        let pages = base / PAGE_SIZE..(base / PAGE_SIZE).checked_add(num_pages)?;
        let managed = pages.start >= self.low
            && pages.end <= self.high
            && Self::bits(pages.clone()).all(|bits| self.managed.all(bits));
        managed.then_some(pages)
    }

    /// Takes the lowest free run of `num_pages` pages in `pages` at a multiple of `align_pow2` bytes, and returns its address.
    fn alloc_run(&mut self, pages: Range<usize>, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        if num_pages > self.total - self.used || pages.is_empty() {
            return Err(AllocError::NoMemory);
        }
        let found = first_run(pages, num_pages, align_pow2 / PAGE_SIZE, |page| self.next_free(page));
        let page = found.ok_or(AllocError::NoMemory)?;
        self.take(page..page + num_pages);
        Ok(page * PAGE_SIZE)
    }

    /// Takes free pages, by their numbers.
    fn take(&mut self, pages: Range<usize>) {
        self.used += pages.len();
        Self::bits(pages).for_each(|bits| self.free.remove(bits));
    }
}

impl<const PAGE_SIZE: usize> BaseAllocator for BitmapPageAllocator<PAGE_SIZE> {
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
        let overlapped = region.overlapped_pages(PAGE_SIZE);
        let known = overlapped.start.max(self.low)..overlapped.end.min(self.high);
        if !known.is_empty() && Self::bits(known).any(|bits| self.managed.any(bits)) {
            return Err(AllocError::MemoryOverlap);
        }
        let span = match self.total {
            0 => pages.clone(),
            _ => self.low.min(pages.start)..self.high.max(pages.end),
        };
        if span.len() > CAPACITY {
            return Err(AllocError::InvalidParam);
        }
        (self.low, self.high) = (span.start, span.end);
        self.total += pages.len();
        for bits in Self::bits(pages) {
            self.managed.set(bits.clone());
            self.free.insert(bits);
        }
        Ok(())
    }
}

// SAFETY: a page is handed out iff its bit in `free` is set, which only `add_memory` and `dealloc_pages` do, for managed
// pages; runs are found by page number, so that they are contiguous and aligned by address. Pages are not touched.
unsafe impl<const PAGE_SIZE: usize> PageAllocator for BitmapPageAllocator<PAGE_SIZE> {
    const PAGE_SIZE: usize = PAGE_SIZE;

    fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        if !is_page_request(num_pages, align_pow2, PAGE_SIZE) {
            return Err(AllocError::InvalidParam);
        }
        if num_pages == 1 && align_pow2 == PAGE_SIZE {
            let bit = self.free.alloc().map(Bit).ok_or(AllocError::NoMemory)?;
            self.used += 1;
            return Ok(bit.page_from(self.low) * PAGE_SIZE);
        }
        self.alloc_run(self.low..self.high, num_pages, align_pow2)
    }

    /// Takes the lowest run that there is. The search is that for several pages, for one page too.
    fn alloc_pages_in(
        &mut self,
        within: RangeInclusive<usize>,
        num_pages: usize,
        align_pow2: usize,
    ) -> AllocResult<usize> {
        if !is_page_request(num_pages, align_pow2, PAGE_SIZE) || within.is_empty() {
            return Err(AllocError::InvalidParam);
        }
        let pages = whole_pages_within(within, PAGE_SIZE);
        self.alloc_run(pages.start.max(self.low)..pages.end.min(self.high), num_pages, align_pow2)
    }

    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        if !is_page_request(num_pages, align_pow2, PAGE_SIZE) || !is_aligned(base, align_pow2) {
            return Err(AllocError::InvalidParam);
        }
        let pages = self.managed_pages(base, num_pages).ok_or(AllocError::InvalidParam)?;
        if first_taken(pages.clone(), |page| self.next_free(page)).is_some() {
            return Err(AllocError::NoMemory);
        }
        self.take(pages);
        Ok(base)
    }

    fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult {
        if num_pages == 0 {
            return Err(AllocError::InvalidParam);
        }
        let pages = self.managed_pages(pos, num_pages).ok_or(AllocError::NotAllocated)?;
        if !is_taken(&pages, |page| self.next_free(page)) {
            return Err(AllocError::NotAllocated);
        }
        Self::bits(pages).for_each(|bits| self.free.insert(bits));
        self.used -= num_pages;
        Ok(())
    }

    fn total_pages(&self) -> usize {
        self.total
    }

    fn used_pages(&self) -> usize {
        self.used
    }

    fn available_pages(&self) -> usize {
        self.total - self.used
    }

    /// From the lowest page to the highest.
    fn span(&self) -> RangeInclusive<usize> {
        match (self.high * PAGE_SIZE).checked_sub(1) {
            Some(last) if self.total > 0 => self.low * PAGE_SIZE..=last,
            _ => NO_ADDRESSES,
        }
    }
}

impl<const PAGE_SIZE: usize> Default for BitmapPageAllocator<PAGE_SIZE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const PAGE_SIZE: usize> fmt::Debug for BitmapPageAllocator<PAGE_SIZE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BitmapPageAllocator")
            .field("span", &(self.low..self.high))
            .field("total_pages", &self.total)
            .field("used_pages", &self.used)
            .finish()
    }
}

#[cfg(test)]
mod tests;
