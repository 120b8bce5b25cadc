//! Heaps on small machines: the firmware mix, and what heaps make of it in a pool of a few KiB.
//!
//! | module | holds |
//! | --- | --- |
//! | [`random`] | random numbers |
//! | [`heap`] | [`Heap`], what this package asks of a heap |
//! | [`mix`] | the firmware mix: sizes and lifetimes |
//! | [`live`] | the live blocks of a program |
//! | [`measure`] | how much stays live in a pool |
//! | [`engines`] | the heaps of this family, and those of others |
//! | [`table`] | the measurements as a table |
//! | [`bare`] | what a program needs on a Cortex-M3 without an operating system |

#![no_std]

pub mod bare;
pub mod engines;
pub mod heap;
pub mod live;
pub mod measure;
pub mod mix;
pub mod random;
#[cfg(feature = "engine")]
pub mod table;

pub use heap::Heap;
