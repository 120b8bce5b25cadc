//! Engines that many use: behind a lock, as a global allocator, and as an engine again by reference.
//!
//! | module | holds |
//! | --- | --- |
//! | [`count`] | the count of references to something shared, which saturates |
//! | [`access`] | [`Access`], exclusive access to a value that is shared; [`Local`], that of one thread |
//! | [`locked`] | [`Locked`], an engine behind a lock: what it is by value, and a [`GlobalAlloc`](core::alloc::GlobalAlloc) |
//! | `by_reference` | the traits of the family for `&Locked` |

#![no_std]

#[cfg(any(feature = "std", loom))]
extern crate std;

pub mod access;
mod by_reference;
pub mod count;
pub mod locked;

pub use access::{Access, Local};
pub use lock_api;
pub use locked::{DefaultLock, Locked};
