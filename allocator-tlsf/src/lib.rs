//! A byte allocator that answers in constant time: two-level segregated fit.
//!
//! | module | holds |
//! | --- | --- |
//! | `geometry` | the parameters of `rlsf`, and how large a block it makes for a request, which it does not tell |
//! | [`byte`] | [`TlsfByteAllocator`], on the package `rlsf` |

#![no_std]

pub mod byte;
mod geometry;

pub use byte::TlsfByteAllocator;
