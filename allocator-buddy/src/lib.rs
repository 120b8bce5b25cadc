//! A buddy allocator of bytes.
//!
//! | module | holds |
//! | --- | --- |
//! | [`byte`] | [`BuddyByteAllocator`], blocks of bytes, on the package `buddy_system_allocator` |
//!
//! A buddy allocator hands out blocks whose size is a power of two and whose address is a multiple of their size. It
//! makes a small block by splitting a larger one in two halves, *buddies*, and merges them again when both are free.

#![no_std]

pub mod byte;

pub use byte::BuddyByteAllocator;
