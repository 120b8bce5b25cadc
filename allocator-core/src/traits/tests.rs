//! The provided methods, of an engine that has nothing else.

use super::*;

/// One page, and no `span`.
struct OnePage {
    free: bool,
}

impl OnePage {
    const BASE: usize = 0x4_0000;
}

impl BaseAllocator for OnePage {
    unsafe fn init(&mut self, _: usize, _: usize) -> AllocResult {
        Err(AllocError::InvalidParam)
    }

    unsafe fn add_memory(&mut self, _: usize, _: usize) -> AllocResult {
        Err(AllocError::InvalidParam)
    }
}

// SAFETY: the page is handed out while it is free.
unsafe impl PageAllocator for OnePage {
    const PAGE_SIZE: usize = 4096;

    fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        self.alloc_pages_at(Self::BASE, num_pages, align_pow2).map_err(|_| AllocError::NoMemory)
    }

    fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize> {
        if base != Self::BASE || num_pages != 1 || base & (align_pow2 - 1) != 0 {
            return Err(AllocError::InvalidParam);
        }
        if core::mem::take(&mut self.free) { Ok(base) } else { Err(AllocError::NoMemory) }
    }

    fn dealloc_pages(&mut self, _: usize, _: usize) -> AllocResult {
        self.free = true;
        Ok(())
    }

    fn total_pages(&self) -> usize {
        1
    }

    fn used_pages(&self) -> usize {
        usize::from(!self.free)
    }

    fn available_pages(&self) -> usize {
        usize::from(self.free)
    }
}

#[test]
fn a_range_is_searched_by_an_engine_that_knows_no_span() {
    let mut page = OnePage { free: true };
    for (within, answer) in [
        (0..=usize::MAX, Ok(OnePage::BASE)),
        (OnePage::BASE..=OnePage::BASE + 4095, Ok(OnePage::BASE)),
        (OnePage::BASE..=OnePage::BASE + 4094, Err(AllocError::NoMemory)),
        (0..=OnePage::BASE, Err(AllocError::NoMemory)),
        (OnePage::BASE + 1..=OnePage::BASE + 0x1_0000, Err(AllocError::NoMemory)),
        (usize::MAX - 8191..=usize::MAX, Err(AllocError::NoMemory)),
    ] {
        assert_eq!(page.alloc_pages_in(within.clone(), 1, 4096), answer, "{within:x?}");
        page.free = true;
    }
    #[expect(clippy::reversed_empty_ranges, reason = "an empty range is refused")]
    let empty = 1..=0;
    assert_eq!(page.alloc_pages_in(empty, 1, 4096), Err(AllocError::InvalidParam));
    assert_eq!(page.alloc_pages_in(0..=usize::MAX, 2, 4096), Err(AllocError::NoMemory));
}

#[test]
#[cfg_attr(miri, ignore = "16 million places")]
fn a_search_of_all_addresses_above_the_last_page_never_ended() {
    let mut page = OnePage { free: true };
    assert_eq!(page.alloc_pages_in(OnePage::BASE + 4096..=usize::MAX, 1, 4096), Err(AllocError::NoMemory));
    assert!(page.free);
}
