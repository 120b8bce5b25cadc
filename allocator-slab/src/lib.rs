//! The slab heap: blocks of a few sizes in constant time, everything else from a byte allocator behind it.
//!
//! | module | holds |
//! | --- | --- |
//! | `chunk` | a chunk, memory of one class that a slab grew by |
//! | `backing` | the backing, and what the heap itself holds of it |
//! | [`slab`] | [`Slab`], the slots of one size |
//! | `chunk_table` | all chunks of a heap |
//! | `chunk_table::tree` | the chunks of a table by address |
//! | [`classes`] | [`SizeClasses`], which sizes there are: [`PowerOfTwoClasses`], seven of them, and [`FineClasses`], eight for each doubling |
//! | [`heap`] | [`SlabByteAllocator`], slabs over a backing |
//! | `heap::reclaim` | how free slots become memory of the backing again |
//! | [`heap::statistics`] | [`Statistics`], what a heap looks like inside |
//! | `heap::validate` | whether the parts of a heap agree with each other |
//! | [`strict`] | [`Heap`], the same with strict regions and addresses instead of pointers |

#![no_std]

mod backing;
mod chunk;
mod chunk_table;
pub mod classes;
pub mod heap;
pub mod slab;
pub mod strict;

pub use classes::{FineClasses, PowerOfTwoClasses, SizeClasses};
pub use heap::statistics::{ClassStatistics, Statistics};
pub use heap::{SET_SIZE, SlabByteAllocator};
pub use slab::Slab;
pub use strict::{Heap, MIN_HEAP_SIZE};
