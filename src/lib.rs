//! Memory allocators for `no_std` Rust: kernels, hypervisors, unikernels, firmware, and programs that want a heap of
//! their own.
//!
//! Three small traits ([`ByteAllocator`], [`PageAllocator`], [`IdAllocator`]), engines behind them, and what turns an
//! engine into a global allocator or a heap for collections. This crate re-exports the family; each engine is a crate of
//! its own, usable alone.
//!
//! # Which one?
//!
//! A type whose feature is off leads to the table of [features](#features).
//!
//! | you need | take | feature | because |
//! | --- | --- | --- | --- |
//! | a general-purpose heap, the one to begin with | [`QuickByteAllocator`] | `dense` | O(1) where memory is not short: quick lists over the next one |
//! | the tightest heap, real time, a store below others | [`DenseByteAllocator`], [`SmallDenseByteAllocator`] | `dense` | O(1) in the worst case; no header, one bit for each 16 bytes, or 8 |
//! | small blocks in chunks of one size, whose pages go back one by one | [`FineSlabByteAllocator`] | `slab`, `tlsf` | O(1) for blocks of up to 64 KiB; eight size classes for each doubling |
//! | the same with few classes | [`SlabByteAllocator`] with [`PowerOfTwoClasses`] | `slab` | seven size classes, larger blocks from a buddy allocator |
//! | the same with documented, strict regions | [`Heap`] | `slab` | page-aligned regions, addresses instead of pointers |
//! | an engine that many use, a global allocator | [`Locked`] | `shared` | a lock of your choice; by reference it is an engine again |
//! | a heap that grows by itself | [`Growing`] | | takes pages from any page engine when it has run out of memory |
//! | objects of one type, many, freed from anywhere | [`SlabCache`] | `cache` | O(1) both ways; each [`SlabBox`] outlives the handles |
//! | blocks of whole pages | [`PageBacked`] | | makes a byte engine of any page engine; a backing for a slab heap |
//! | the same, by the algorithm that is known for it | [`TlsfByteAllocator`] | `tlsf` | O(1) in the worst case; little lost to rounding, a header for each block |
//! | few, large, power-of-two blocks | [`BuddyByteAllocator`] | `buddy` | no header, natural alignment; freeing scans a list |
//! | collections in a pool, one thread | [`AllocatorRc`] | `allocator_api` | all memory comes from the pool, which outlives what is in it |
//! | collections in a pool, many threads | [`AllocatorArc`] | `allocator_api` | the same behind any `lock_api` mutex |
//! | page frames at any scale, runs of any length | [`RadixPageAllocator`] | `pages` | the first run that fits, in O(log n); metadata wherever you like |
//! | page frames in power-of-two blocks | [`BuddyPageAllocator`] | `pages` | the same, with the least metadata; no scan when blocks merge |
//! | page frames in a small, fixed window | [`BitmapPageAllocator`] | `bitmap` | never touches the pages; capacity by feature |
//! | thread ids, ports, interrupt vectors | [`BitmapIdAllocator`] | `bitmap` | 64K ids in 8.5 KiB |
//!
//! What each is bad at stands in its documentation under *Drawbacks*.
//!
//! # The contract in brief
//!
//! The traits say it in full: [`BaseAllocator`], [`ByteAllocator`], [`PageAllocator`], [`IdAllocator`].
//!
//! - **Units.** Addresses, sizes and alignments are bytes. Counts of pages are called `num_pages`.
//! - **Alignment** holds always: below, at and above the size or the page.
//! - **Construction.** Every engine has a `const` constructor. Before it is given memory, requests get
//!   [`NoMemory`](AllocError::NoMemory), statistics are 0, and nothing panics.
//! - **Regions.** Any number, in any order; uneven ends are trimmed inward ([`Heap`] refuses them); overlaps are refused.
//! - **Size 0** is served as size 1 by the engines.
//! - **`realloc`** keeps the contents; if it fails, the old block is untouched and still the caller's.
//!   **`realloc_in_place`** never moves the block.
//! - **Statistics.** `total` is what could be handed out, `used` what live blocks take, rounding and headers included, and
//!   `available` the rest. Once everything is freed, `used` is 0 and what fitted at first fits again. To ask changes
//!   nothing.
//! - **Several holders.** An engine may lie behind a reference or a lock, and others may use it between two calls. What
//!   makes memory of page numbers ([`PageBacked`], [`Growing`]) has an `unsafe` constructor that says what they must not do.
//!
//! | error | when |
//! | --- | --- |
//! | [`InvalidParam`](AllocError::InvalidParam) | a region too small to hold anything, or past the address space; a second `init`; a region that a bitmap's capacity does not reach; an alignment that is no power of two or less than a page; a count of 0; an empty range of addresses; a page or an id asked for by its number that is not managed |
//! | [`MemoryOverlap`](AllocError::MemoryOverlap) | a region that overlaps memory the allocator already has |
//! | [`NoMemory`](AllocError::NoMemory) | more than there is; a page or an id that is taken |
//! | [`NotAllocated`](AllocError::NotAllocated) | pages or ids to give back that are not, or not all, allocated: freed twice, too many, outside |
//!
//! After an error the allocator is as it was.
//!
//! # Features
//!
//! | feature | gives | brings in |
//! | --- | --- | --- |
//! | none | the traits, [`AllocError`], [`PageBacked`], [`Growing`] with [`Growth`], [`RegionTable`], [`address`] | |
//! | `default` | `bitmap` and `page-alloc-256m` | |
//! | `slab` | [`SlabByteAllocator`] with [`PowerOfTwoClasses`] or [`FineClasses`], [`Heap`], [`Slab`]; all of that crate as the module `slab` | `buddy_system_allocator` |
//! | `dense` | [`QuickByteAllocator`], [`QuickFit`] over any byte engine, [`DenseByteAllocator`], [`SmallDenseByteAllocator`] | |
//! | `tlsf` | [`TlsfByteAllocator`]; with `slab`, [`FineSlabByteAllocator`] | `rlsf` |
//! | `buddy` | [`BuddyByteAllocator`] | `buddy_system_allocator` |
//! | `pages` | [`RadixPageAllocator`], [`BuddyPageAllocator`] | |
//! | `bitmap` | [`BitmapPageAllocator`], [`BitmapIdAllocator`] | `bitmap-allocator` |
//! | `cache` | [`SlabCache`] and [`SlabBox`]; all of that crate as the module `cache` | `lock_api`, `spin` |
//! | `shared` | [`Locked`]; all of that crate as the module `shared` | `lock_api`, `spin` |
//! | `allocator_api` | [`AllocatorRc`] and [`AllocatorArc`], for collections that speak `allocator-api2` 0.2, on stable Rust; with `shared`, references to [`Locked`] too | `allocator-api2`, `lock_api`, `spin` |
//! | `nightly` | `allocator_api`, and the same handles for the standard library's collections; needs a nightly compiler | |
//! | `full` | all engines, `cache`, `shared`, `allocator_api` and `page-alloc-256m`, on stable Rust, without `std` | |
//! | `std`, `zerocopy` | with `cache`: object caches with slabs from the program's heap, with zeroed objects | `std`; `zerocopy` |
//! | `page-alloc-256m`, `-4g`, `-64g`, `-1t` | the capacity of [`BitmapPageAllocator`] at 4 KiB pages: what its regions may span, from the lowest to the highest; the largest that is on holds | |
//!
//! Features only add, and every combination builds, for bare metal too.
//!
// Where a feature is on, the names above are links to its types.
#![cfg_attr(
    not(feature = "slab"),
    doc = "[`SlabByteAllocator`]: #features\n[`FineClasses`]: #features\n[`PowerOfTwoClasses`]: #features\n[`Heap`]: #features\n[`Slab`]: #features"
)]
#![cfg_attr(not(all(feature = "slab", feature = "tlsf")), doc = "[`FineSlabByteAllocator`]: #features")]
#![cfg_attr(
    not(feature = "dense"),
    doc = "[`QuickByteAllocator`]: #features\n[`QuickFit`]: #features\n[`DenseByteAllocator`]: #features\n[`SmallDenseByteAllocator`]: #features"
)]
#![cfg_attr(not(feature = "tlsf"), doc = "[`TlsfByteAllocator`]: #features")]
#![cfg_attr(not(feature = "buddy"), doc = "[`BuddyByteAllocator`]: #features")]
#![cfg_attr(not(feature = "pages"), doc = "[`RadixPageAllocator`]: #features\n[`BuddyPageAllocator`]: #features")]
#![cfg_attr(not(feature = "bitmap"), doc = "[`BitmapPageAllocator`]: #features\n[`BitmapIdAllocator`]: #features")]
#![cfg_attr(not(feature = "cache"), doc = "[`SlabCache`]: #features\n[`SlabBox`]: #features")]
#![cfg_attr(not(feature = "shared"), doc = "[`Locked`]: #features")]
#![cfg_attr(not(feature = "allocator_api"), doc = "[`AllocatorRc`]: #features")]
#![cfg_attr(not(all(feature = "allocator_api", target_has_atomic = "ptr")), doc = "[`AllocatorArc`]: #features")]
#![no_std]

pub use allocator_core::{
    AllocError, AllocResult, BaseAllocator, ByteAllocator, Growing, Growth, IdAllocator, PageAllocator, PageBacked,
    Region, RegionTable, address, get_field_ptr,
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

#[cfg(feature = "dense")]
pub use allocator_dense::{self as dense, DenseByteAllocator, QuickByteAllocator, QuickFit, SmallDenseByteAllocator};

#[cfg(feature = "slab")]
pub use allocator_slab::{
    self as slab, ClassStatistics, FineClasses, Heap, MIN_HEAP_SIZE, PowerOfTwoClasses, SET_SIZE, SizeClasses, Slab,
    SlabByteAllocator, Statistics,
};

#[cfg(all(feature = "slab", feature = "tlsf"))]
pub use allocator_slab::FineSlabByteAllocator;

#[cfg(feature = "cache")]
pub use allocator_cache::{
    self as cache, HookSource, SlabBox, SlabCache, SlabError, SlabSource, SlabStatistics, define_allocation_hooks,
};

#[cfg(all(feature = "allocator_api", target_has_atomic = "ptr"))]
pub use allocator_rc::AllocatorArc;
#[cfg(feature = "allocator_api")]
pub use allocator_rc::AllocatorRc;

// The examples of the README, and of the page with more of them, are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
#[cfg(doctest)]
#[doc = include_str!("../docs/quick-starts.md")]
struct QuickStartDoctests;
