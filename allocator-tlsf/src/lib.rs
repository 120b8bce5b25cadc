//! [`TlsfByteAllocator`], a byte allocator that answers in constant time: two-level segregated fit.
//!
//! | module | holds |
//! | --- | --- |
//! | `geometry` | the parameters of `rlsf`, and the sizes of its blocks and pools |
//! | [`byte`] | [`TlsfByteAllocator`], on the package `rlsf` |

#![no_std]

pub mod byte;
mod geometry;

pub use byte::TlsfByteAllocator;
