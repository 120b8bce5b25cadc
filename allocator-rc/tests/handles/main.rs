//! The tests of the handles, with every engine of the family.

#![cfg_attr(feature = "nightly", feature(allocator_api, btreemap_alloc))]

mod blocks;
mod collections;
mod pools;
mod shadow;
mod shrinking;
#[cfg(feature = "nightly")]
mod std_collections;
mod support;
mod threads;
