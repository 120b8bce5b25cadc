//! Memory allocators for `no_std` Rust: kernels, hypervisors, unikernels, firmware, and programs that want a heap of
//! their own.
//!
//! Three small traits ([`ByteAllocator`], [`PageAllocator`], [`IdAllocator`]), engines behind them, and handles that
//! make any byte engine usable with collections. This crate re-exports the family; each engine is a crate of its own,
//! usable alone.
//!
//! # Which one?
//!
//! | you need | take | feature | because |
//! | --- | --- | --- | --- |
//! | a general-purpose heap | `SlabByteAllocator` | `slab` | O(1) for small blocks, no header in them; memory of one size comes back for others |
//! | the same with documented, strict regions | `Heap` | `slab` | page-aligned regions, addresses instead of pointers |
//! | the same with little lost to rounding | `SlabByteAllocator<FineClasses, TlsfByteAllocator>` | `slab`, `tlsf` | eight size classes for each doubling, up to 64 KiB |
//! | a heap that grows by itself | [`Growing`] | | takes pages from any page engine when it has run out of memory |
//! | objects of one type, many, freed from anywhere | `SlabCache` | `cache` | O(1) both ways; boxes outlive the handles |
//! | blocks of whole pages | [`PageBacked`] | | makes a byte engine of any page engine; a backing for a slab heap |
//! | real time, or the tightest packing of mixed sizes | `TlsfByteAllocator` | `tlsf` | O(1) in the worst case; little lost to rounding, a header for each block |
//! | few, large, power-of-two blocks | `BuddyByteAllocator` | `buddy` | no header, natural alignment; freeing scans a list |
//! | collections in a pool, one thread | `AllocatorRc` | `allocator_api` | all memory comes from the pool, which outlives what is in it |
//! | collections in a pool, many threads | `AllocatorArc` | `allocator_api` | the same behind any `lock_api` mutex |
//! | page frames at any scale, runs of any length | `RadixPageAllocator` | `pages` | the first run that fits, in O(log n); metadata wherever you like |
//! | page frames in power-of-two blocks | `BuddyPageAllocator` | `pages` | the same, with the least metadata; no scan when blocks merge |
//! | page frames in a small, fixed window | `BitmapPageAllocator` | `bitmap` | never touches the pages; capacity by feature |
//! | thread ids, ports, interrupt vectors | `BitmapIdAllocator` | `bitmap` | 64K ids in 8.5 KiB |
//!
//! What each is bad at stands in its documentation under *Drawbacks*.
//!
//! # Features
//!
//! | feature | gives | brings in |
//! | --- | --- | --- |
//! | `default` | `bitmap` and `page-alloc-256m` | |
//! | `pages` | `RadixPageAllocator`, `BuddyPageAllocator` | |
//! | `bitmap` | `BitmapPageAllocator`, `BitmapIdAllocator` | `bitmap-allocator` |
//! | `tlsf` | `TlsfByteAllocator` | `rlsf` |
//! | `slab` | `SlabByteAllocator` with `PowerOfTwoClasses` or `FineClasses`, `Heap`, `Slab`; all of that crate as the module `slab` | `buddy_system_allocator` |
//! | `cache` | `SlabCache` and `SlabBox`; all of that crate as the module `cache` | |
//! | `buddy` | `BuddyByteAllocator` | `buddy_system_allocator` |
//! | `allocator_api` | `AllocatorRc` and `AllocatorArc`, for collections that speak `allocator-api2` 0.2, on stable Rust | `allocator-api2`, `lock_api`, `spin` |
//! | `nightly` | `allocator_api`, and the same handles for the standard library's collections; needs a nightly compiler | |
//! | `full` | all engines, `allocator_api` and `page-alloc-256m`, on stable Rust | |
//! | `std`, `lock_api`, `zerocopy` | with `cache`: object caches with slabs from the program's heap, with any lock of `lock_api`, with zeroed objects | `std`; `lock_api`; `zerocopy` |
//! | `page-alloc-256m`, `-4g`, `-64g`, `-1t` | the capacity of `BitmapPageAllocator` at 4 KiB pages; the largest that is on holds | |
//!
//! Features only add, and every combination builds, for bare metal too.

#![no_std]

pub use allocator_core::{
    AllocError, AllocResult, BaseAllocator, ByteAllocator, Growing, Growth, IdAllocator, PageAllocator, PageBacked,
    Region, RegionTable, address,
    traits::{alloc_pages_in_by_trying, realloc_by_moving},
};

#[cfg(feature = "bitmap")]
pub use allocator_bitmap::{BitmapIdAllocator, BitmapPageAllocator};

#[cfg(feature = "pages")]
pub use allocator_pages::{BuddyPageAllocator, RadixPageAllocator, Run};

#[cfg(feature = "buddy")]
pub use allocator_buddy::BuddyByteAllocator;

#[cfg(feature = "tlsf")]
pub use allocator_tlsf::TlsfByteAllocator;

#[cfg(feature = "shared")]
pub use allocator_shared::{self as shared, DefaultLock, Locked};

#[cfg(feature = "slab")]
pub use allocator_slab::{
    self as slab, ClassStatistics, FineClasses, Heap, MIN_HEAP_SIZE, PowerOfTwoClasses, SET_SIZE, SizeClasses, Slab,
    SlabByteAllocator, Statistics,
};

#[cfg(feature = "cache")]
pub use allocator_cache::{
    self as cache, HookSource, SlabBox, SlabCache, SlabError, SlabSource, SlabStatistics, define_allocation_hooks,
    get_field_ptr,
};

#[cfg(all(feature = "allocator_api", target_has_atomic = "ptr"))]
pub use allocator_rc::AllocatorArc;
#[cfg(feature = "allocator_api")]
pub use allocator_rc::AllocatorRc;

// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
