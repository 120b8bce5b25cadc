//! The conformance suite over `DenseByteAllocator`.

use allocator_dense::DenseByteAllocator;

allocator_conformance::byte_conformance!(large, DenseByteAllocator::new());
allocator_conformance::byte_conformance!(small, DenseByteAllocator::small());
allocator_conformance::byte_conformance!(granule_32, DenseByteAllocator::<32, 20, 4>::with_parameters());
allocator_conformance::byte_conformance!(eight_classes, DenseByteAllocator::<8, 22, 8>::with_parameters());
