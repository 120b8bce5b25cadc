//! The conformance suite over `BuddyByteAllocator`.

use allocator_buddy::BuddyByteAllocator;

allocator_core::byte_conformance!(default_order, BuddyByteAllocator::new());
// Blocks of at most 64 KiB: a larger region starts out as many of them.
allocator_core::byte_conformance!(few_orders, BuddyByteAllocator::<17>::with_order());
