//! Regions that come back.

use super::*;

/// A backing of one region, which it releases when nothing of it is in use.
struct OneRegion(BuddyByteAllocator, Option<Region>);

impl BaseAllocator for OneRegion {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller.
        unsafe { self.add_memory(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        if self.1.is_some() {
            return Err(AllocError::NoMemory);
        }
        self.1 = Some(Region::new(start, size)?);
        // SAFETY: passed on from the caller.
        unsafe { self.0.add_memory(start, size) }
    }
}

// SAFETY: the methods of the heap inside, which is a new one when its region has gone.
unsafe impl ByteAllocator for OneRegion {
    fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>> {
        self.0.alloc(layout)
    }

    unsafe fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.0.dealloc(ptr, layout) };
    }

    fn total_bytes(&self) -> usize {
        self.0.total_bytes()
    }

    fn used_bytes(&self) -> usize {
        self.0.used_bytes()
    }

    fn available_bytes(&self) -> usize {
        self.0.available_bytes()
    }

    fn usable_size(&self, layout: Layout) -> (usize, usize) {
        self.0.usable_size(layout)
    }

    fn release_region(&mut self) -> Option<Region> {
        if self.0.used_bytes() > 0 {
            return None;
        }
        self.0 = BuddyByteAllocator::new();
        self.1.take()
    }
}

#[test]
fn a_region_comes_back_when_nothing_in_it_is_live() {
    let mut memory = vec![0u64; 2 * 2048];
    let start = memory.as_mut_ptr().expose_provenance().next_multiple_of(16 << 10);
    let region = Region::new(start, 16 << 10).unwrap();
    let mut heap = SlabByteAllocator::<PowerOfTwoClasses, _>::with_backing(OneRegion(BuddyByteAllocator::new(), None));
    for _ in 0..2 {
        // SAFETY: the memory is the heap's until it comes back.
        unsafe { heap.init(region.start(), region.size()).unwrap() };
        let layout = Layout::from_size_align(100, 1).unwrap();
        let blocks = [(); 9].map(|()| heap.alloc(layout).unwrap());
        assert_eq!(heap.release_region(), None);
        for block in blocks {
            // SAFETY: the block is live.
            unsafe { heap.dealloc(block, layout) };
        }
        assert_eq!((heap.release_region(), heap.total_bytes()), (Some(region), 0));
        assert_eq!(
            (heap.release_region(), heap.alloc(layout), heap.validate()),
            (None, Err(AllocError::NoMemory), Ok(()))
        );
    }
    // A region that the backing has not got through the heap stays with it.
    let mut backing = OneRegion(BuddyByteAllocator::new(), None);
    // SAFETY: the memory is the backing's.
    unsafe { backing.init(region.start(), region.size()).unwrap() };
    let mut heap = SlabByteAllocator::<PowerOfTwoClasses, _>::with_backing(backing);
    assert_eq!((heap.release_region(), heap.total_bytes()), (None, 16 << 10));
}
