//! The slab heap: blocks of a few sizes in constant time, everything else from a byte allocator behind it.
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

#![no_std]

pub mod byte;
mod chunks;
pub mod classes;
pub mod heap;
pub mod slab;
pub mod statistics;
mod supply;

pub use byte::{SET_SIZE, SlabByteAllocator};
pub use classes::{FineClasses, PowerOfTwoClasses, SizeClasses};
pub use heap::{Heap, MIN_HEAP_SIZE};
pub use slab::Slab;
pub use statistics::{ClassStatistics, Statistics};
