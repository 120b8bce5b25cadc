//! Page allocators under one trait, each called through its own methods, and the table of all of them.
//!
//! Nobody touches the pages: they are numbers, so that a page space may be larger than the machine's memory.

mod checkerboard;
mod every_other;
mod floor;
mod ours;
mod peers;
#[cfg(test)]
mod tests;
pub mod workloads;

/// The size of a page in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// What a trial does with a page allocator. Pages are numbered from 0; page 0 is aligned to anything.
pub trait PageHeap: Sized {
    /// Its name on the command line.
    const NAME: &'static str;

    /// An allocator of the pages `0..pages`.
    ///
    /// # Errors
    ///
    /// Why it cannot have so many.
    fn new(pages: usize) -> Result<Self, String>;

    /// So many pages in a row, the first of which has a number that is a multiple of `1 << align_log2`.
    fn alloc(&mut self, pages: usize, align_log2: u8) -> Option<usize>;

    /// Gives a run back, with what it was asked for.
    fn dealloc(&mut self, first: usize, pages: usize, align_log2: u8);

    /// Why it hands out single pages only; `None` where it hands out runs.
    const SINGLE_PAGES_ONLY: Option<&'static str> = None;
}

/// Something to do with each page allocator.
pub trait PageVisitor {
    /// Visits one allocator.
    fn visit<P: PageHeap + 'static>(&mut self);
}

/// The page allocators that this build has for a space of so many pages, in the order of the report's tables.
pub fn visit_heaps(pages: usize, visitor: &mut impl PageVisitor) {
    use bitmap_allocator::{BitAlloc, BitAlloc1M, BitAlloc16M, BitAlloc64K, BitAlloc256M};

    visitor.visit::<ours::Radix>();
    visitor.visit::<ours::BuddyPages>();
    visitor.visit::<ours::Bitmap>();
    visitor.visit::<peers::BuddySystem>();
    visitor.visit::<peers::BuddyHeap>();
    // The package has a type for each capacity: the smallest that suffices.
    if pages <= BitAlloc64K::CAP {
        visitor.visit::<peers::Bits<BitAlloc64K>>();
    } else if pages <= BitAlloc1M::CAP {
        visitor.visit::<peers::Bits<BitAlloc1M>>();
    } else if pages <= BitAlloc16M::CAP {
        visitor.visit::<peers::Bits<BitAlloc16M>>();
    } else {
        visitor.visit::<peers::Bits<BitAlloc256M>>();
    }
    visitor.visit::<peers::AxBitmap>();
    visitor.visit::<floor::Floor>();
}

/// The size of a page space, as people write it.
#[must_use]
pub fn display_size(bytes: u64) -> String {
    match bytes {
        0x100_0000_0000.. => format!("{} TiB", bytes >> 40),
        0x4000_0000.. => format!("{} GiB", bytes >> 30),
        _ => format!("{} MiB", bytes >> 20),
    }
}
