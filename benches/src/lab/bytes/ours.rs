//! The byte engines of this family.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator::{
    BuddyByteAllocator, ByteAllocator, DenseByteAllocator, FineSlabByteAllocator, QuickByteAllocator,
    SlabByteAllocator, TlsfByteAllocator,
};

use super::ByteHeap;

/// A name for an engine that makes itself from nothing.
pub(crate) trait Engine: ByteAllocator + 'static {
    /// Its name on the command line.
    const NAME: &'static str;

    /// An engine without memory.
    fn empty() -> Self;

    /// See [`ByteHeap::reclaim`].
    fn reclaim_all(&mut self) {}
}

macro_rules! engines {
    ($($engine:ty: $name:literal, $make:expr $(, $reclaim_all:expr)?;)*) => {
        $(impl Engine for $engine {
            const NAME: &'static str = $name;

            fn empty() -> Self {
                $make
            }

            $(fn reclaim_all(&mut self) {
                $reclaim_all(self);
            })?
        })*
    };
}

engines! {
    QuickByteAllocator: "quick", QuickByteAllocator::new(), |heap: &mut Self| while heap.reclaim(usize::MAX) > 0 {};
    SlabByteAllocator: "slab", SlabByteAllocator::new(), |heap: &mut Self| heap.reclaim(usize::MAX);
    FineSlabByteAllocator: "slab-fine", SlabByteAllocator::fine(), |heap: &mut Self| heap.reclaim(usize::MAX);
    TlsfByteAllocator: "tlsf", TlsfByteAllocator::new();
    BuddyByteAllocator: "buddy", BuddyByteAllocator::new();
    DenseByteAllocator: "dense", DenseByteAllocator::new();
}

pub(super) type Quick = Ours<QuickByteAllocator>;
pub(super) type Slab = Ours<SlabByteAllocator>;
pub(super) type SlabFine = Ours<FineSlabByteAllocator>;
pub(super) type Tlsf = Ours<TlsfByteAllocator>;
pub(super) type Buddy = Ours<BuddyByteAllocator>;
pub(super) type Dense = Ours<DenseByteAllocator>;

/// An engine of the family.
pub(crate) struct Ours<A>(A);

// SAFETY: that is the contract of a `ByteAllocator`.
unsafe impl<A: Engine> ByteHeap for Ours<A> {
    const NAME: &'static str = A::NAME;

    unsafe fn new(pool: NonNull<[u8]>) -> Option<Self> {
        let mut engine = A::empty();
        // SAFETY: the pool is the heap's alone.
        unsafe { engine.init(pool.addr().get(), pool.len()) }.ok()?;
        Some(Self(engine))
    }

    fn reclaim(&mut self) {
        self.0.reclaim_all();
    }

    #[inline]
    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.alloc(layout).ok()
    }

    #[inline]
    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: as promised.
        unsafe { self.0.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        // SAFETY: as promised.
        unsafe { self.0.realloc(block, layout, new_size) }.ok()
    }
}
