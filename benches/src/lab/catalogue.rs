//! All allocators that this build has, with what a reader wants to know of each.

use crate::results::Family::{self, Bytes, Collections, Fill, Latency, Objects, Pages};

use super::{AllocatorInfo, built_with};

/// The families of a byte heap that lives in a pool.
const IN_POOL: &[Family] = &[Bytes, Collections, Fill, Latency];
/// The families of the allocators of hosted programs.
#[cfg(feature = "hosted")]
const HOSTED: &[Family] = &[Bytes, Collections, Objects, Latency];

const fn info(
    name: &'static str,
    package: &'static str,
    families: &'static [Family],
    description: &'static str,
) -> (&'static str, AllocatorInfo) {
    let info = AllocatorInfo {
        name,
        release: "",
        families,
        is_ours: false,
        is_floor: false,
        in_pool: true,
        description,
        built_with: built_with::RUST,
    };
    (package, info)
}

const fn ours(
    name: &'static str,
    package: &'static str,
    families: &'static [Family],
    description: &'static str,
) -> (&'static str, AllocatorInfo) {
    let (package, peer) = info(name, package, families, description);
    (package, AllocatorInfo { is_ours: true, ..peer })
}

#[cfg(feature = "hosted")]
const fn hosted(
    name: &'static str,
    package: &'static str,
    description: &'static str,
    built_with: &'static str,
) -> (&'static str, AllocatorInfo) {
    let (package, peer) = info(name, package, HOSTED, description);
    (package, AllocatorInfo { in_pool: false, built_with, ..peer })
}

/// Each allocator, and the package whose release is its own.
#[rustfmt::skip]
const ALLOCATORS: &[(&str, AllocatorInfo)] = &[
    ours("quick", "allocator-dense", IN_POOL, "quick lists over `dense`: `QuickByteAllocator`"),
    ours("slab", "allocator-slab", &[Bytes, Collections, Objects, Fill, Latency],
        "size classes over a buddy heap: `SlabByteAllocator`, and `Slab` for objects"),
    ours("slab-cache", "allocator-cache", &[Objects], "slabs of 64 KiB with headers: `SlabCache` with `NoLock`"),
    ours("slab-cache-spin", "allocator-cache", &[Objects], "the same with `SpinLock`"),
    ours("slab-fine", "allocator-slab", IN_POOL,
        "eight size classes for each doubling over a TLSF heap: `FineSlabByteAllocator`"),
    ours("dense", "allocator-dense", IN_POOL, "free blocks by size, a bit for each granule: `DenseByteAllocator`"),
    ours("tlsf", "allocator-tlsf", IN_POOL, "two-level segregated fit: `TlsfByteAllocator`"),
    ours("buddy", "allocator-buddy", IN_POOL, "power-of-two blocks: `BuddyByteAllocator`"),
    ours("radix", "allocator-pages", &[Pages], "a bit for each page, under a tree of run lengths: `RadixPageAllocator`"),
    ours("buddy-pages", "allocator-pages", &[Pages], "a bit for each page, under a tree of orders: `BuddyPageAllocator`"),
    ours("bitmap", "allocator-bitmap", &[Pages], "a bit for each page: `BitmapPageAllocator`"),
    info("rlsf", "rlsf", IN_POOL, "two-level segregated fit"),
    info("talc", "talc", IN_POOL, "bins of free gaps, boundary tags"),
    info("buddy_system_allocator", "buddy_system_allocator", &[Bytes, Collections, Pages, Fill, Latency],
        "power-of-two blocks: `Heap`, and `FrameAllocator` for pages"),
    info("buddy_system_allocator-heap", "buddy_system_allocator", &[Pages],
        "power-of-two blocks in lists: `Heap`, asked for pages"),
    info("linked_list_allocator", "linked_list_allocator", IN_POOL, "the first hole that fits, from a list"),
    info("ax-slab", "axallocator", IN_POOL, "size classes over a buddy heap: `axallocator::SlabByteAllocator`"),
    info("ax-tlsf", "axallocator", IN_POOL, "a skin over `rlsf`: `axallocator::TlsfByteAllocator`"),
    info("bitmap-allocator", "bitmap-allocator", &[Pages], "a bit for each page, under a tree of 16"),
    info("ax-bitmap", "axallocator", &[Pages],
        "a skin over `bitmap-allocator`: `axallocator::BitmapPageAllocator`"),
    info("attachable-slab-allocator", "attachable-slab-allocator", &[Objects], "slabs of 64 KiB with headers"),
    #[cfg(feature = "hosted")]
    hosted("mimalloc", "mimalloc", "Microsoft's allocator with sharded free lists, in C", built_with::MIMALLOC),
    #[cfg(feature = "hosted")]
    hosted("jemalloc", "tikv-jemallocator", "FreeBSD's allocator with arenas and thread caches, in C",
        built_with::JEMALLOC),
    #[cfg(feature = "hosted")]
    hosted("snmalloc", "snmalloc-rs", "an allocator that frees by messages between threads, in C++",
        built_with::SNMALLOC),
    #[cfg(feature = "hosted")]
    hosted("system", "", "the operating system's, through `std::alloc::System`", built_with::SYSTEM),
    FLOOR,
];

const FLOOR: (&str, AllocatorInfo) = {
    let families = &[Bytes, Collections, Pages, Objects, Fill, Latency];
    let description =
        "a bump pointer and a bare free list for each power of two, which never gives memory back to others";
    let (package, floor) = info("floor", "allocator-benches", families, description);
    (package, AllocatorInfo { is_floor: true, ..floor })
};

/// The lock file that this build was made with.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The release of a package that this package depends on.
fn release(package: &str) -> Option<&'static str> {
    let mut entries = LOCK.split("[[package]]\n");
    let this = format!("name = \"{}\"", env!("CARGO_PKG_NAME"));
    let dependencies = entries.clone().find(|entry| entry.starts_with(&this))?;
    // Where there are several releases of a package, the dependency says which: "name release".
    let named = dependencies.lines().find_map(|line| {
        let dependency = line.trim().trim_end_matches(',').trim_matches('"');
        dependency.strip_prefix(package)?.strip_prefix(' ')
    });
    let name = format!("name = \"{package}\"\n");
    named.or_else(|| {
        let entry = entries.find(|entry| entry.starts_with(&name))?;
        entry.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
    })
}

/// All allocators that this build has, in the order of the report's tables.
pub(super) fn allocators() -> Vec<AllocatorInfo> {
    ALLOCATORS
        .iter()
        .map(|&(package, info)| AllocatorInfo { release: release(package).unwrap_or("of this system"), ..info })
        .collect()
}
