//! A byte allocator that answers in constant time: two-level segregated fit.
//!
//! | module | holds |
//! | --- | --- |
//! | [`byte`] | [`TlsfByteAllocator`], on the package `rlsf` |
//! | `geometry` | how large a block `rlsf` makes for a request, which it does not tell |

#![no_std]

pub mod byte;
mod geometry;

pub use byte::TlsfByteAllocator;
