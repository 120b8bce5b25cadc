//! The conformance suite over `TlsfByteAllocator`.

use allocator_tlsf::TlsfByteAllocator;

allocator_conformance::byte_conformance!(tlsf, TlsfByteAllocator::new());
