//! The conformance suite over `BuddyByteAllocator`.

use allocator_buddy::BuddyByteAllocator;
use allocator_conformance::ByteOptions;

/// A region larger than the largest block starts out as many of them.
fn at_most(largest_block: usize) -> ByteOptions {
    ByteOptions { largest_block, ..ByteOptions::default() }
}

allocator_conformance::byte_conformance!(default_order, BuddyByteAllocator::new());
allocator_conformance::byte_conformance!(few_orders, BuddyByteAllocator::<17>::with_order(), at_most(1 << 16));
