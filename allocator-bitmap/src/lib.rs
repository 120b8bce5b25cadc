//! Page frames and ids out of a bitmap.
//!
//! | module | holds |
//! | --- | --- |
//! | `bits` | a plain bitmap that answers for whole ranges |
//! | `runs` | the search for an aligned run of free positions |
//! | [`page`] | [`BitmapPageAllocator`], page frames in a window of fixed capacity, on the package `bitmap-allocator` |
//! | [`id`] | [`BitmapIdAllocator`], ids, on the same |

#![no_std]

mod bits;
pub mod id;
pub mod page;
mod runs;

pub use id::BitmapIdAllocator;
pub use page::BitmapPageAllocator;
