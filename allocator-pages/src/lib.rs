//! Page frames: native engines, a bit for each page and a tree above the bits.
//!
//! | module | holds |
//! | --- | --- |
//! | `engine` | what both engines are made of |
//! | [`radix`] | [`RadixPageAllocator`], runs of any length, the first that fits |
//! | [`buddy`] | [`BuddyPageAllocator`], power-of-two blocks |

#![no_std]

pub mod buddy;
mod chunk;
mod engine;
mod extents;
pub mod radix;
mod shape;
mod stock;
mod tree;
mod zone;
mod zones;

pub use buddy::BuddyPageAllocator;
pub use engine::Run;
pub use radix::RadixPageAllocator;
