//! The general-purpose heap: [`QuickFit`], quick lists over [`DenseByteAllocator`], a store whose live blocks have no headers.
//!
//! | module | holds |
//! | --- | --- |
//! | `classes` | the number of a size class, and which sizes are in it |
//! | [`occupancy`] | which classes have free blocks |
//! | `memory` | words at addresses |
//! | `block` | what a free block holds: its size, and its neighbours in a list |
//! | `lists` | the lists of free blocks, one for each class |
//! | `region` | a region: its header, and its bitmap of the ends of free blocks |
//! | `region_tree` | the search tree of regions by address |
//! | `regions` | all regions: which one an address lies in, and which ones are wholly free |
//! | [`store`] | [`DenseByteAllocator`] |
//! | [`quick`] | [`QuickFit`], over any byte engine |

#![no_std]

mod block;
mod classes;
mod lists;
mod memory;
pub mod occupancy;
pub mod quick;
mod region;
mod region_tree;
mod regions;
pub mod store;

pub use quick::{QuickByteAllocator, QuickFit};
pub use store::{DenseByteAllocator, SmallDenseByteAllocator};
