//! The slab heap: blocks of a few sizes in constant time, everything else from a byte allocator behind it; and the
//! object cache: values of one type in constant time, freed from anywhere.
//!
//! | module | holds |
//! | --- | --- |
//! | [`classes`] | [`SizeClasses`], which sizes there are: [`PowerOfTwoClasses`], seven of them, and [`FineClasses`], eight for each doubling |
//! | [`slab`] | [`Slab`], the slots of one size |
//! | `chunks` | which chunks the slabs grew by |
//! | `supply` | the backing, and what the heap itself holds of it |
//! | [`byte`] | [`SlabByteAllocator`], the heap: slabs over a backing |
//! | [`statistics`] | [`Statistics`], what a heap looks like inside |
//! | [`heap`] | [`Heap`], the same with strict regions and addresses instead of pointers |
//! | [`cache`] | [`SlabCache`] and [`SlabBox`], the object cache, with its [`locks`] and [`sources`] (feature `cache`) |
//!
//! # Features
//!
//! | feature | gives |
//! | --- | --- |
//! | `cache` (on by default) | the object cache |
//! | `std` | slabs from the program's heap, and from allocators behind a `std::sync::Mutex` |
//! | `lock_api` | any lock of `lock_api` for a cache, and slabs from allocators behind one |
//! | `zerocopy` | `SlabCache::alloc_zeroed` |

#![no_std]

#[cfg(feature = "std")]
extern crate std;

pub mod byte;
#[cfg(feature = "cache")]
pub mod cache;
mod chunks;
pub mod classes;
pub mod heap;
pub mod slab;
pub mod statistics;
mod supply;

pub use byte::{SET_SIZE, SlabByteAllocator};
#[cfg(feature = "cache")]
pub use cache::{HookSource, Result, SlabBox, SlabCache, SlabError, SlabSource, SlabStatistics, locks, sources};
pub use classes::{FineClasses, PowerOfTwoClasses, SizeClasses};
pub use heap::{Heap, MIN_HEAP_SIZE};
pub use slab::Slab;
pub use statistics::{ClassStatistics, Statistics};
