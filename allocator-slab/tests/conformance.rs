//! The conformance suite over `SlabByteAllocator`: the default parameters, other backings, other class sets.

use std::alloc::Layout;

use allocator_buddy::BuddyByteAllocator;
use allocator_conformance::ByteOptions;
use allocator_slab::{FineClasses, PowerOfTwoClasses, SizeClasses, Slab, SlabByteAllocator};
use allocator_tlsf::TlsfByteAllocator;

/// Making a block smaller takes a slot of another class, which may have to be found first. A chunk with a live slot stays
/// with its class.
fn options() -> ByteOptions {
    ByteOptions { shrink_may_fail: true, chunks_keep_their_size: true, ..ByteOptions::default() }
}

/// So many percent of a pool of 64 KiB may stay available where one byte is refused, as the backing wastes them:
///
/// - TLSF pads a chunk up to its alignment and does not give the padding to others: up to a slot of 4096 bytes beside each
///   chunk of one such slot, depending on where the pool lies.
/// - A buddy allocator gives powers of two, in which a few slots of another size leave a rest.
fn leaving(percent: usize) -> ByteOptions {
    ByteOptions { most_left_over: percent, ..options() }
}

/// Sizes that are not powers of two: their slots are aligned to less than their size.
struct ThreeQuarterClasses;

impl ThreeQuarterClasses {
    const SIZES: [usize; 9] = [32, 48, 64, 96, 128, 192, 256, 1536, 2048];
}

// SAFETY: the sizes ascend; the class is the first one that is large enough and whose size the alignment divides, so
// that a slot's natural alignment is enough.
unsafe impl SizeClasses for ThreeQuarterClasses {
    type Slabs = [Slab; Self::SIZES.len()];
    const SLABS: Self::Slabs = Slab::for_sizes(Self::SIZES);
    const SLOT_SIZES: &'static [usize] = &Self::SIZES;

    fn class_of(layout: Layout) -> Option<usize> {
        Self::SIZES.iter().position(|&slot| slot >= layout.size() && slot % layout.align() == 0)
    }
}

allocator_conformance::byte_conformance!(default_parameters, SlabByteAllocator::new(), options());
allocator_conformance::byte_conformance!(
    over_tlsf,
    SlabByteAllocator::<PowerOfTwoClasses, _>::with_backing(TlsfByteAllocator::new()),
    leaving(50)
);
allocator_conformance::byte_conformance!(
    other_classes_over_buddy,
    SlabByteAllocator::<ThreeQuarterClasses, _>::with_backing(BuddyByteAllocator::new()),
    options()
);
allocator_conformance::byte_conformance!(
    other_classes_over_tlsf,
    SlabByteAllocator::<ThreeQuarterClasses, _>::with_backing(TlsfByteAllocator::new()),
    leaving(10)
);
allocator_conformance::byte_conformance!(
    fine_classes_over_buddy,
    SlabByteAllocator::<FineClasses, _>::with_backing(BuddyByteAllocator::new()),
    leaving(44)
);
allocator_conformance::byte_conformance!(
    fine_classes_over_tlsf,
    SlabByteAllocator::<FineClasses, _>::with_backing(TlsfByteAllocator::new()),
    options()
);
