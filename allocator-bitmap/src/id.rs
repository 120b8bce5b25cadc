//! [`BitmapIdAllocator`], an allocator of small integers on the package `bitmap-allocator`.

use core::fmt;
use core::ops::Range;

use allocator_core::{AllocError, AllocResult, IdAllocator};
use bitmap_allocator::{BitAlloc, BitAlloc64K};

use crate::runs::{first_run, first_taken, is_taken};

/// An allocator of 64K ids, `0..65536`: for threads, ports, interrupt vectors.
///
/// # Layout
///
/// One bit for each id, set iff the id is free, under three levels of summaries of 16 bits each: 8.5 KiB. Before the first
/// allocation all bits are zero, so that a `static` lies in `.bss`; the first allocation sets them.
///
/// # Time complexity
///
/// n is the number of ids.
///
/// - `alloc_id` of one id without alignment, `alloc_fixed_id`, `is_allocated`: O(log n);
/// - `alloc_id` of several ids, or at an alignment: O(log n) for each free id that the search passes;
/// - `dealloc_id`: O(count); the first allocation: O(n) once.
///
/// # Examples
///
/// ```
/// use allocator_bitmap::BitmapIdAllocator;
/// use allocator_core::{AllocError, IdAllocator};
///
/// static THREAD_IDS: std::sync::Mutex<BitmapIdAllocator> = std::sync::Mutex::new(BitmapIdAllocator::new());
///
/// let mut ids = THREAD_IDS.lock().unwrap();
/// ids.alloc_fixed_id(0)?; // the idle thread
/// assert_eq!(ids.alloc_id(1, 1)?, 1);
/// assert_eq!(ids.alloc_id(4, 4)?, 4);
/// ids.dealloc_id(4, 4)?;
/// assert_eq!(ids.dealloc_id(4, 1), Err(AllocError::NotAllocated));
/// # Ok::<(), AllocError>(())
/// ```
pub struct BitmapIdAllocator {
    /// Once `filled`, bit `id` is set iff `id` is free. Before, all bits are zero.
    free: BitAlloc64K,
    /// Whether `free` has been filled; `used > 0` only if it has.
    filled: bool,
    /// The number of allocated ids.
    used: usize,
}

const _: () = assert!(size_of::<BitmapIdAllocator>() < 9 << 10, "8.5 KiB and a count");

impl BitmapIdAllocator {
    /// The number of ids there are.
    pub const CAPACITY: usize = BitAlloc64K::CAP;

    /// All ids free.
    #[must_use]
    pub const fn new() -> Self {
        Self { free: BitAlloc64K::DEFAULT, filled: false, used: 0 }
    }

    /// Makes all ids free before the first allocation.
    fn fill(&mut self) {
        if !self.filled {
            // A constant cannot set the bits: the package's method is no `const fn`. And a constant that is not zero would lie
            // in the executable.
            self.free.insert(0..Self::CAPACITY);
            self.filled = true;
        }
    }

    /// The ids `start_id..start_id + count`, if all exist.
    fn range(start_id: usize, count: usize) -> Option<Range<usize>> {
        let end = start_id.checked_add(count)?;
        (end <= Self::CAPACITY).then_some(start_id..end)
    }
}

impl IdAllocator for BitmapIdAllocator {
    fn alloc_id(&mut self, count: usize, align_pow2: usize) -> AllocResult<usize> {
        if count == 0 || !align_pow2.is_power_of_two() {
            return Err(AllocError::InvalidParam);
        }
        self.fill();
        let id = if count == 1 && align_pow2 == 1 {
            self.free.alloc()
        } else {
            let found = first_run(0..Self::CAPACITY, count, align_pow2, |id| self.free.next(id));
            found.inspect(|&id| self.free.remove(id..id + count))
        };
        let id = id.ok_or(AllocError::NoMemory)?;
        self.used += count;
        Ok(id)
    }

    fn dealloc_id(&mut self, start_id: usize, count: usize) -> AllocResult {
        if count == 0 {
            return Err(AllocError::InvalidParam);
        }
        let ids = Self::range(start_id, count).ok_or(AllocError::NotAllocated)?;
        if !self.filled || !is_taken(&ids, |id| self.free.next(id)) {
            return Err(AllocError::NotAllocated);
        }
        self.free.insert(ids);
        self.used -= count;
        Ok(())
    }

    fn is_allocated(&self, id: usize) -> bool {
        self.filled && id < Self::CAPACITY && !self.free.test(id)
    }

    fn alloc_fixed_id(&mut self, id: usize) -> AllocResult {
        let ids = Self::range(id, 1).ok_or(AllocError::InvalidParam)?;
        self.fill();
        if first_taken(ids.clone(), |id| self.free.next(id)).is_some() {
            return Err(AllocError::NoMemory);
        }
        self.free.remove(ids);
        self.used += 1;
        Ok(())
    }

    fn size(&self) -> usize {
        Self::CAPACITY
    }

    fn used(&self) -> usize {
        self.used
    }

    fn available(&self) -> usize {
        Self::CAPACITY - self.used
    }
}

impl Default for BitmapIdAllocator {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BitmapIdAllocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BitmapIdAllocator").field("size", &self.size()).field("used", &self.used).finish()
    }
}
