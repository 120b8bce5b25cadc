//! A handle for any byte heap.

use std::alloc::Layout;
use std::cell::RefCell;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

use crate::lab::bytes::{ByteHeap, is_aligned};

/// A byte heap that collections of one thread share.
pub struct SharedHeap<'h, H>(pub &'h RefCell<H>);

impl<H> Clone for SharedHeap<'_, H> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<H: ByteHeap> SharedHeap<'_, H> {
    #[inline]
    unsafe fn resize(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.align() != new.align() || old.size() == 0 || new.size() == 0 {
            let moved = self.allocate(new)?;
            // SAFETY: two live blocks, which do not overlap; the old one has this layout.
            unsafe {
                moved.cast::<u8>().copy_from_nonoverlapping(block, old.size().min(new.size()));
                self.deallocate(block, old);
            }
            return Ok(moved);
        }
        // SAFETY: the block is live, with this layout.
        let moved = unsafe { self.0.borrow_mut().realloc(block, old, new.size()) };
        moved.map(|block| NonNull::slice_from_raw_parts(block, new.size())).ok_or(AllocError)
    }
}

// SAFETY: blocks stay until they are given back, whichever clone of the handle does so; the heap is borrowed for as long.
unsafe impl<H: ByteHeap> Allocator for SharedHeap<'_, H> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(NonNull::slice_from_raw_parts(layout.dangling_ptr(), 0));
        }
        let block = self.0.borrow_mut().alloc(layout).filter(|&block| is_aligned(block, layout));
        block.map(|block| NonNull::slice_from_raw_parts(block, layout.size())).ok_or(AllocError)
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() > 0 {
            // SAFETY: the block is live, with this layout.
            unsafe { self.0.borrow_mut().dealloc(block, layout) }
        }
    }

    #[inline]
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as promised.
        unsafe { self.resize(block, old, new) }
    }

    #[inline]
    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as promised.
        unsafe { self.resize(block, old, new) }
    }
}
