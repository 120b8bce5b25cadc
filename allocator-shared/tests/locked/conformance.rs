//! The conformance suites over references to locked engines.

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ops::RangeInclusive;
use std::ptr::NonNull;

use allocator_bitmap::BitmapIdAllocator;
use allocator_buddy::BuddyByteAllocator;
use allocator_conformance::{ByteOptions, PageOptions};
use allocator_core::{AllocResult, BaseAllocator, ByteAllocator, IdAllocator, PageAllocator};
use allocator_pages::RadixPageAllocator;
use allocator_shared::Locked;
use allocator_slab::SlabByteAllocator;
use allocator_tlsf::TlsfByteAllocator;

/// A reference to a locked engine, save that it takes memory: the suite hands memory over through the trait.
struct Shared<A>(Box<Locked<A>>);

impl<A> Shared<A> {
    fn new(engine: A) -> Self {
        Self(Box::new(Locked::new(engine)))
    }
}

impl<A: BaseAllocator> BaseAllocator for Shared<A> {
    unsafe fn init(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: passed on from the caller; there is no other way to the engine, and none is leaked.
        unsafe { self.0.init(start, size) }
    }

    unsafe fn add_memory(&mut self, start: usize, size: usize) -> AllocResult {
        // SAFETY: as above.
        unsafe { self.0.add_memory(start, size) }
    }
}

/// Methods that are those of the reference.
macro_rules! forward {
    ($($([$keyword:tt])? fn $method:ident$(<$lifetime:lifetime>)?(&$($mutable:ident)* $(, $argument:ident: $type:ty)*) $(-> $result:ty)?;)+) => {
        $(
            forward!(@one [$($keyword)?] [$($lifetime)?] [$($mutable)*] $method ($($argument: $type),*) [$($result)?]);
        )+
    };
    (@one [] [$($lifetime:lifetime)?] [mut self] $method:ident ($($argument:ident: $type:ty),*) [$($result:ty)?]) => {
        fn $method$(<$lifetime>)?(&mut self, $($argument: $type),*) $(-> $result)? {
            (&*self.0).$method($($argument),*)
        }
    };
    (@one [] [] [self] $method:ident ($($argument:ident: $type:ty),*) [$($result:ty)?]) => {
        fn $method(&self, $($argument: $type),*) $(-> $result)? {
            (&*self.0).$method($($argument),*)
        }
    };
    (@one [unsafe] [] [mut self] $method:ident ($($argument:ident: $type:ty),*) [$($result:ty)?]) => {
        unsafe fn $method(&mut self, $($argument: $type),*) $(-> $result)? {
            // SAFETY: passed on from the caller.
            unsafe { (&*self.0).$method($($argument),*) }
        }
    };
}

// SAFETY: every method is that of the reference.
unsafe impl<A: ByteAllocator> ByteAllocator for Shared<A> {
    forward! {
        fn alloc(&mut self, layout: Layout) -> AllocResult<NonNull<u8>>;
        [unsafe] fn dealloc(&mut self, ptr: NonNull<u8>, layout: Layout);
        fn total_bytes(&self) -> usize;
        fn used_bytes(&self) -> usize;
        fn available_bytes(&self) -> usize;
        fn alloc_zeroed(&mut self, layout: Layout) -> AllocResult<NonNull<u8>>;
        [unsafe] fn realloc(&mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize) -> AllocResult<NonNull<u8>>;
        [unsafe] fn realloc_in_place(
            &mut self, ptr: NonNull<u8>, layout: Layout, new_size: usize
        ) -> AllocResult<NonNull<u8>>;
        fn usable_size(&self, layout: Layout) -> (usize, usize);
        fn alloc_batch<'o>(
            &mut self, layout: Layout, out: &'o mut [MaybeUninit<NonNull<u8>>]
        ) -> &'o mut [NonNull<u8>];
        [unsafe] fn dealloc_batch(&mut self, blocks: &[NonNull<u8>], layout: Layout);
        fn trim(&mut self) -> usize;
        fn region_for(&self, layout: Layout) -> Option<Layout>;
    }
}

// SAFETY: every method is that of the reference.
unsafe impl<A: PageAllocator> PageAllocator for Shared<A> {
    const PAGE_SIZE: usize = A::PAGE_SIZE;

    forward! {
        fn alloc_pages(&mut self, num_pages: usize, align_pow2: usize) -> AllocResult<usize>;
        fn alloc_pages_at(&mut self, base: usize, num_pages: usize, align_pow2: usize) -> AllocResult<usize>;
        fn alloc_pages_in(
            &mut self, within: RangeInclusive<usize>, num_pages: usize, align_pow2: usize
        ) -> AllocResult<usize>;
        fn dealloc_pages(&mut self, pos: usize, num_pages: usize) -> AllocResult;
        fn total_pages(&self) -> usize;
        fn used_pages(&self) -> usize;
        fn available_pages(&self) -> usize;
        fn span(&self) -> RangeInclusive<usize>;
    }
}

impl<A: IdAllocator> IdAllocator for Shared<A> {
    forward! {
        fn alloc_id(&mut self, count: usize, align_pow2: usize) -> AllocResult<usize>;
        fn dealloc_id(&mut self, start_id: usize, count: usize) -> AllocResult;
        fn is_allocated(&self, id: usize) -> bool;
        fn alloc_fixed_id(&mut self, id: usize) -> AllocResult;
        fn size(&self) -> usize;
        fn used(&self) -> usize;
        fn available(&self) -> usize;
    }
}

/// With metadata of its own, for some of the regions of the suite are single pages.
fn frames() -> RadixPageAllocator<'static, 4096> {
    RadixPageAllocator::with_metadata(vec![0; RadixPageAllocator::<4096>::metadata_words(512)].leak())
}

fn window() -> PageOptions {
    PageOptions { memory_untouched: true, covers_below_first: false, ..PageOptions::default() }
}

/// A block of another class may not be had.
fn slab() -> ByteOptions {
    ByteOptions { shrink_may_fail: true, chunks_keep_their_size: true, ..ByteOptions::default() }
}

allocator_conformance::byte_conformance!(tlsf, Shared::new(TlsfByteAllocator::new()));
allocator_conformance::byte_conformance!(buddy, Shared::new(BuddyByteAllocator::new()));
allocator_conformance::byte_conformance!(slab_heap, Shared::new(SlabByteAllocator::new()), slab());
allocator_conformance::page_conformance!(radix, Shared::new(frames()), window());
allocator_conformance::id_conformance!(ids, Shared::new(BitmapIdAllocator::new()));
