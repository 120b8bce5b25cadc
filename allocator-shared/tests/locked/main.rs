//! The tests of `Locked`, with engines of the family.

#![cfg_attr(feature = "nightly", feature(allocator_api, btreemap_alloc))]

mod calls;
mod collections;
mod conformance;
mod global;
mod support;
mod threads;
