//! [`Heap`], the slab heap with strict regions, and addresses instead of pointers.

use core::alloc::Layout;

use allocator_core::address::{address_of, is_aligned, pointer_at};
use allocator_core::{AllocError, AllocResult, BaseAllocator, ByteAllocator, Region};

use crate::heap::SlabByteAllocator;

/// What the size of a heap's first region must be a multiple of, in bytes: 32 KiB.
pub const MIN_HEAP_SIZE: usize = 0x8000;

/// What regions must be aligned to, and the sizes of further ones a multiple of, in bytes.
const PAGE_SIZE: usize = 4096;

/// The documented slab heap: seven classes of slots of 64 to 4096 bytes, and everything larger, in size or alignment,
/// from a buddy allocator.
///
/// It is a [`SlabByteAllocator`] of the default parameters, where the layout, the costs and the drawbacks are
/// described. What differs:
///
/// - it has memory from the start, and its regions are strict: nothing is trimmed;
/// - blocks are addresses.
///
/// # Examples
///
/// ```
/// use core::alloc::Layout;
/// use allocator_slab::{Heap, MIN_HEAP_SIZE};
///
/// #[repr(align(4096))]
/// struct Memory([u8; MIN_HEAP_SIZE]);
/// let mut memory = Box::new(Memory([0; MIN_HEAP_SIZE]));
///
/// // SAFETY: nothing else uses the memory while the heap does.
/// let mut heap = unsafe { Heap::new(&raw mut *memory as usize, MIN_HEAP_SIZE) };
/// let layout = Layout::new::<[u64; 20]>();
/// assert_eq!(heap.usable_size(layout), (160, 256));
/// let address = heap.allocate(layout)?;
/// // SAFETY: the block came from this heap with this layout.
/// unsafe { heap.deallocate(address, layout) };
/// assert_eq!(heap.available_bytes(), MIN_HEAP_SIZE);
/// # Ok::<(), allocator_core::AllocError>(())
/// ```
#[derive(Debug)]
pub struct Heap {
    inner: SlabByteAllocator,
}

impl Heap {
    /// How many slots a slab grows by, while memory is plentiful.
    pub const SET_SIZE: usize = crate::classes::SET_SIZE;

    /// What the size of the first region must be a multiple of, in bytes.
    pub const MIN_HEAP_SIZE: usize = MIN_HEAP_SIZE;

    /// A heap of the `heap_size` bytes from address `heap_start_addr`.
    ///
    /// # Panics
    ///
    /// Where [`try_new`](Self::try_new) gives an error.
    ///
    /// # Safety
    ///
    /// As for [`try_new`](Self::try_new).
    #[must_use]
    pub unsafe fn new(heap_start_addr: usize, heap_size: usize) -> Self {
        // SAFETY: passed on from the caller.
        match unsafe { Self::try_new(heap_start_addr, heap_size) } {
            Ok(heap) => heap,
            Err(error) => panic!("no heap of {heap_size:#x} bytes at {heap_start_addr:#x}: {error}"),
        }
    }

    /// A heap of the `heap_size` bytes from address `heap_start_addr`.
    ///
    /// # Errors
    ///
    /// [`AllocError::InvalidParam`] when the address is not a multiple of 4096, or the size is 0, no multiple of
    /// [`MIN_HEAP_SIZE`] or past the address space.
    ///
    /// # Safety
    ///
    /// The memory is readable and writable, its provenance exposed (as a cast to `usize` does), and used by nothing
    /// else, for as long as the heap is used.
    pub unsafe fn try_new(heap_start_addr: usize, heap_size: usize) -> AllocResult<Self> {
        check_region(heap_start_addr, heap_size, MIN_HEAP_SIZE)?;
        let mut inner = SlabByteAllocator::new();
        // SAFETY: passed on from the caller.
        unsafe { inner.init(heap_start_addr, heap_size)? };
        Ok(Self { inner })
    }

    /// Adds the `heap_size` bytes from address `heap_start_addr`.
    ///
    /// # Errors
    ///
    /// - [`AllocError::InvalidParam`] when the address or the size is not a multiple of 4096, or the size is 0 or past
    ///   the address space;
    /// - [`AllocError::MemoryOverlap`] when the heap has some of that memory already.
    ///
    /// # Safety
    ///
    /// As for [`try_new`](Self::try_new).
    pub unsafe fn add_memory(&mut self, heap_start_addr: usize, heap_size: usize) -> AllocResult {
        check_region(heap_start_addr, heap_size, PAGE_SIZE)?;
        // SAFETY: passed on from the caller.
        unsafe { self.inner.add_memory(heap_start_addr, heap_size) }
    }

    /// Allocates a block and returns its address.
    ///
    /// # Time complexity
    ///
    /// As for [`SlabByteAllocator`].
    ///
    /// # Errors
    ///
    /// [`AllocError::NoMemory`] when no free block fits.
    #[inline]
    pub fn allocate(&mut self, layout: Layout) -> Result<usize, AllocError> {
        self.inner.alloc(layout).map(address_of)
    }

    /// Gives a block back.
    ///
    /// # Safety
    ///
    /// `ptr` is the address of a block that came from this heap, has not been given back since, and fits `layout`.
    #[inline]
    pub unsafe fn deallocate(&mut self, ptr: usize, layout: Layout) {
        debug_assert!(ptr != 0, "no block has address 0");
        if let Some(ptr) = pointer_at(ptr) {
            // SAFETY: passed on from the caller.
            unsafe { self.inner.dealloc(ptr, layout) }
        }
    }

    /// What a block for `layout` is good for, in bytes: `(asked for, usable)`. Up to 4096 bytes that is the size of the
    /// class, above what the buddy allocator gives.
    #[must_use]
    pub fn usable_size(&self, layout: Layout) -> (usize, usize) {
        self.inner.usable_size(layout)
    }

    /// The bytes that could be handed out.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.inner.total_bytes()
    }

    /// The bytes that live blocks take out of circulation.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.inner.used_bytes()
    }

    /// The bytes that are left: `total_bytes() - used_bytes()`.
    #[must_use]
    pub fn available_bytes(&self) -> usize {
        self.inner.available_bytes()
    }
}

/// An error unless the region starts at a page, has a size that is a multiple of `unit`, and exists.
fn check_region(start: usize, size: usize, unit: usize) -> AllocResult {
    Region::new(start, size)?;
    if is_aligned(start, PAGE_SIZE) && is_aligned(size, unit) { Ok(()) } else { Err(AllocError::InvalidParam) }
}

#[cfg(test)]
mod tests;
