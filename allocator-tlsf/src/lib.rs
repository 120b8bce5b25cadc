//! A byte allocator that answers in constant time: two-level segregated fit.
//!
//! | module | holds |
//! | --- | --- |
//! | [`byte`] | [`TlsfByteAllocator`], on the package `rlsf` |
//! | `geometry` | the parameters of `rlsf`, and how large a block it makes for a request, which it does not tell |

#![no_std]

pub mod byte;
mod geometry;

pub use byte::TlsfByteAllocator;
