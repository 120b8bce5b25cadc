//! The slab heap: blocks of a few sizes in constant time, everything else from a byte allocator behind it.
//!
//! | module | holds |
//! | --- | --- |
//! | `chunk` | a chunk of slots, and what identifies its entry |
//! | `backing` | the backing, with a count of what the heap has of it |
//! | `chunk_store` | where the entries of chunks lie |
//! | `chunk_ring` | the ring of the chunks of one slab |
//! | [`slab`] | [`Slab`], the slots of one size |
//! | `chunk_table::tree` | the search tree of chunks by address |
//! | `chunk_table` | all chunks of a heap |
//! | [`classes`] | [`SizeClasses`], which sizes there are: [`PowerOfTwoClasses`], seven of them, and [`FineClasses`], eight for each doubling |
//! | [`heap`] | [`SlabByteAllocator`], slabs over a backing |
//! | `heap::batch` | many blocks in one call |
//! | `heap::growth` | chunks from the backing, and large blocks |
//! | `heap::reclaim` | how free slots become memory of the backing again |
//! | [`heap::statistics`] | [`Statistics`], what a heap looks like inside |
//! | `heap::validate` | a check of whether the parts of a heap agree with each other |
//! | [`strict`] | [`Heap`], a slab heap with strict regions, and addresses instead of pointers |

#![no_std]

mod backing;
mod chunk;
mod chunk_ring;
mod chunk_store;
mod chunk_table;
pub mod classes;
pub mod heap;
pub mod slab;
pub mod strict;

pub use classes::{FineClasses, PowerOfTwoClasses, SET_SIZE, SizeClasses};
#[cfg(feature = "fine")]
pub use heap::FineSlabByteAllocator;
pub use heap::SlabByteAllocator;
pub use heap::statistics::{ClassStatistics, Statistics};
pub use slab::Slab;
pub use strict::{Heap, MIN_HEAP_SIZE};
