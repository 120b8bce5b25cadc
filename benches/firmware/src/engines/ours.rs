//! The byte engines of this family.

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_core::ByteAllocator;

use crate::heap::Heap;

/// An engine of the family.
pub struct Ours<A>(A);

/// The first levels of TLSF: blocks of up to 64 KiB on 32 bits, 128 KiB on 64.
#[cfg(feature = "tlsf")]
const FIRST_LEVELS: usize = 12;
/// Its second levels.
#[cfg(feature = "tlsf")]
const SECOND_LEVELS: usize = 4;

/// `SmallDenseByteAllocator`.
#[cfg(feature = "small")]
pub type Small = Ours<allocator_dense::SmallDenseByteAllocator>;
/// `DenseByteAllocator` with the defaults of a large heap.
#[cfg(feature = "dense")]
pub type Dense = Ours<allocator_dense::DenseByteAllocator>;
/// `QuickByteAllocator`.
#[cfg(feature = "quick")]
pub type Quick = Ours<allocator_dense::QuickByteAllocator>;
/// `TlsfByteAllocator` with few levels.
#[cfg(feature = "tlsf")]
pub type Tlsf = Ours<allocator_tlsf::TlsfByteAllocator<FIRST_LEVELS, SECOND_LEVELS>>;
/// `SlabByteAllocator` over the buddy allocator.
#[cfg(feature = "slab")]
pub type Slab = Ours<allocator_slab::SlabByteAllocator>;

/// What an engine is called, and how one is made.
trait Engine: ByteAllocator {
    const NAME: &'static str;
    const EMPTY: Self;
}

macro_rules! engines {
    ($($feature:literal $engine:ty, $empty:expr;)*) => {$(
        #[cfg(feature = $feature)]
        impl Engine for $engine {
            const NAME: &'static str = $feature;
            const EMPTY: Self = $empty;
        }
    )*};
}

engines! {
    "small" allocator_dense::SmallDenseByteAllocator, allocator_dense::SmallDenseByteAllocator::small();
    "dense" allocator_dense::DenseByteAllocator, allocator_dense::DenseByteAllocator::new();
    "quick" allocator_dense::QuickByteAllocator, allocator_dense::QuickFit::new();
    "tlsf" allocator_tlsf::TlsfByteAllocator<FIRST_LEVELS, SECOND_LEVELS>, allocator_tlsf::TlsfByteAllocator::with_levels();
    "slab" allocator_slab::SlabByteAllocator, allocator_slab::SlabByteAllocator::new();
}

// SAFETY: that is the contract of a `ByteAllocator`.
unsafe impl<A: Engine> Heap for Ours<A> {
    const NAME: &'static str = A::NAME;
    const EMPTY: Self = Self(A::EMPTY);

    unsafe fn init(&mut self, pool: NonNull<[u8]>) -> bool {
        // SAFETY: the pool is the heap's alone.
        unsafe { self.0.init(pool.cast::<u8>().as_ptr().expose_provenance(), pool.len()) }.is_ok()
    }

    fn alloc(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.0.alloc(layout).ok()
    }

    unsafe fn dealloc(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on from the caller.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn realloc(&mut self, block: NonNull<u8>, layout: Layout, new_size: usize) -> Option<NonNull<u8>> {
        // SAFETY: passed on from the caller.
        unsafe { self.0.realloc(block, layout, new_size) }.ok()
    }
}
