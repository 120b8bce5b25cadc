//! Random programs over `BuddyPageAllocator` at sizes where its tree has levels, and what is not in the traits.

use allocator_buddy::BuddyPageAllocator;

allocator_core::native_page_conformance!(buddy, BuddyPageAllocator, NativeRun::Block);
