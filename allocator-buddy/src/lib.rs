//! [`BuddyByteAllocator`], a byte allocator whose blocks are powers of two.
//!
//! | module | holds |
//! | --- | --- |
//! | [`byte`] | [`BuddyByteAllocator`], on the package `buddy_system_allocator` |
//!
//! A buddy allocator hands out blocks whose size is a power of two and whose address is a multiple of their size. It
//! splits a larger block in two halves, *buddies*, to make a small one, and merges two buddies when both are free.

#![no_std]

pub mod byte;

pub use byte::BuddyByteAllocator;
