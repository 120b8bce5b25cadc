//! [`Locked`], an engine that many use: a global allocator, an engine again by reference, an allocator for collections.
//!
//! | module | holds |
//! | --- | --- |
//! | [`count`] | [`LocalCount`](count::LocalCount) and [`AtomicCount`](count::AtomicCount), saturating counts of references |
//! | [`access`] | [`Access`], exclusive access to a shared value; [`Local`], a value that one thread shares |
//! | [`locked`] | [`Locked`], an engine behind a lock |
//! | `locked::by_reference` | the traits of the family for `&Locked` |
//! | `locked::global` | [`GlobalAlloc`](core::alloc::GlobalAlloc) for `Locked` |
//! | `allocator_api` | the `Allocator` traits of collections: their body over any engine, and for `&Locked` (feature `allocator_api`) |

#![no_std]
#![cfg_attr(feature = "nightly", feature(allocator_api))]

#[cfg(any(feature = "std", loom))]
extern crate std;

pub mod access;
#[cfg(feature = "allocator_api")]
pub mod allocator_api;
#[cfg(doctest)]
mod compile_fail;
pub mod count;
pub mod locked;

pub use access::{Access, Local};
pub use lock_api;
pub use locked::{DefaultLock, Locked};
