//! Allocators of page frames and of ids, each on a bitmap of the package `bitmap-allocator`.
//!
//! | module | holds |
//! | --- | --- |
//! | `bits` | a bitmap of fixed size whose operations work on ranges |
//! | `runs` | the search for an aligned run of free positions |
//! | [`page`] | [`BitmapPageAllocator`], page frames in a window of fixed capacity |
//! | [`id`] | [`BitmapIdAllocator`], 64K ids |

#![no_std]

mod bits;
pub mod id;
pub mod page;
mod runs;

pub use id::BitmapIdAllocator;
pub use page::BitmapPageAllocator;
