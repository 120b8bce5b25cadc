//! The conformance suite over `TlsfByteAllocator`.

use allocator_tlsf::TlsfByteAllocator;

allocator_core::byte_conformance!(tlsf, TlsfByteAllocator::new());
