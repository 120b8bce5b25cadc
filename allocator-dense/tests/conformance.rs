//! The conformance suite over `DenseByteAllocator`, and over `QuickFit` on byte engines. Those that
//! are adapters are in the tests of the facade.

use allocator_buddy::BuddyByteAllocator;
use allocator_dense::{DenseByteAllocator, QuickFit};
use allocator_tlsf::TlsfByteAllocator;

allocator_conformance::byte_conformance!(large, DenseByteAllocator::new());
allocator_conformance::byte_conformance!(small, DenseByteAllocator::small());
allocator_conformance::byte_conformance!(granule_32, DenseByteAllocator::<32, 20, 4>::with_parameters());
allocator_conformance::byte_conformance!(eight_classes, DenseByteAllocator::<8, 22, 8>::with_parameters());

allocator_conformance::byte_conformance!(quick, QuickFit::new());
allocator_conformance::byte_conformance!(quick_over_small, QuickFit::with_engine(DenseByteAllocator::small()));
allocator_conformance::byte_conformance!(quick_over_tlsf, QuickFit::with_engine(TlsfByteAllocator::new()));
allocator_conformance::byte_conformance!(quick_over_buddy, QuickFit::with_engine(BuddyByteAllocator::new()));
allocator_conformance::byte_conformance!(
    quick_over_granule_32,
    QuickFit::with_engine(DenseByteAllocator::<32, 20, 4>::with_parameters())
);
