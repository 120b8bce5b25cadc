//! The conformance suite over `TlsfByteAllocator`.

use allocator_tlsf::TlsfByteAllocator;

allocator_conformance::byte_conformance!(tlsf, TlsfByteAllocator::new());
allocator_conformance::byte_conformance!(few_levels, TlsfByteAllocator::<20, 4>::with_levels());
allocator_conformance::byte_conformance!(two_steps, TlsfByteAllocator::<24, 2>::with_levels());
