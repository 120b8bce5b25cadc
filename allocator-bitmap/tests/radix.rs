//! Random programs over `RadixPageAllocator` at sizes where its tree has levels, and what is not in the traits.

use allocator_bitmap::RadixPageAllocator;

allocator_core::native_page_conformance!(radix, RadixPageAllocator, NativeRun::FirstFit);
